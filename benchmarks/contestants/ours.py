"""Our sync, as the README has it: a dlt pipeline on DuckDB with its memory limited."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.contestants.task import Task, read_task, report
from benchmarks.jobs import API_KEY, job_id


def main(task: Task) -> float:
    """Loads what is new; returns the seconds that `dlt_docjobs.run` took."""
    import dlt
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    import dlt_docjobs
    from dlt_docjobs.warehouse.memory_limit import SOFT_LIMIT

    credentials = DuckDbCredentials(task.warehouse)
    credentials.global_config = {"memory_limit": SOFT_LIMIT}
    pipeline = dlt.pipeline(
        f"docjobs_{task.provider}",
        destination=dlt.destinations.duckdb(credentials),
        dataset_name="docjobs",
    )
    settings: dict[str, Any] = {
        "api_key": API_KEY,
        "base_url": task.base_url,
        "include_ocr": task.include_ocr,
        "max_concurrency": task.concurrency,
    }
    if task.provider == "unsiloed":
        settings["job_ids"] = [job_id("unsiloed", number) for number in task.jobs]
    source = getattr(dlt_docjobs, task.provider)(**settings)
    began = time.monotonic()
    row = dlt_docjobs.run(pipeline, source)
    if not row.ok:
        raise SystemExit(row.error)
    return time.monotonic() - began


if __name__ == "__main__":
    report(main(read_task()))
