"""Loads all three providers into one dataset, one after the other.

`docjobs sync` does the same; this is for those who need it inside a program of their own.
"""

import sys
from collections.abc import Callable

import dlt
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.extract.source import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_docjobs
from dlt_docjobs import contextual, llamacloud, unsiloed

SOURCES: dict[str, Callable[[], DltSource]] = {
    "llamacloud": llamacloud,
    "contextual": contextual,
    "unsiloed": lambda: unsiloed(job_ids_file="unsiloed_ids.csv"),
}


def load_all() -> int:
    """Loads every provider; one that fails does not stop the others.

    Returns:
        0 where all went well, else 1.
    """
    # DuckDB's own limit is most of the machine
    credentials = DuckDbCredentials("warehouse.duckdb")
    credentials.global_config = {"memory_limit": "256MB"}
    outcome = 0
    for name, source in SOURCES.items():
        pipeline = dlt.pipeline(
            f"docjobs_{name}",
            destination=dlt.destinations.duckdb(credentials),
            dataset_name="docjobs",
        )
        try:
            row = dlt_docjobs.run(pipeline, source())
        except (dlt_docjobs.UsageError, dlt_docjobs.SyncLocked, PipelineStepFailed) as error:
            print(f"{name}: {error}", file=sys.stderr)
            outcome = 1
            continue
        print(f"{name}: {row.jobs_new} new jobs, {row.results_loaded} results")
        if not row.ok:
            print(f"{name}: {row.error}", file=sys.stderr)
            outcome = 1
    return outcome


if __name__ == "__main__":
    sys.exit(load_all())
