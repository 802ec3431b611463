"""A plain dlt pipeline into DuckDB, without any of the connector's sources, and how it dies.

As a program it loads what a pipeline has waiting, and dies on the way: see `die_while_loading`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common.destination.client import RunnableLoadJob
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.warehouse.connection import prepare

DATASET = "data"
_DEAD = 75


def numbers(*values: int, name: str = "numbers", **hints: Any) -> Any:
    """A resource of numbers."""
    tables = [rows_of(value) for value in values]
    return dlt.resource(tables, name=name, primary_key="number", **hints)


def rows_of(*values: int) -> pa.Table:
    """Numbers as a table."""
    schema = pa.schema([pa.field("number", pa.int64(), nullable=False)])
    return pa.table({"number": values}, schema)


def query(pipeline: Pipeline, sql: str) -> list[Any]:
    """What a query finds, as plain tuples."""
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(sql) or []]


def pending(pipeline: Pipeline, *resources: Any) -> str:
    """Leaves a normalised package with a file for each number, and returns its load id."""
    with dlt.config.values({"data_writer.file_max_items": 1}):
        pipeline.extract(list(resources))
    pipeline.normalize()
    (load_id,) = pipeline.list_normalized_load_packages()
    return load_id


@contextmanager
def interrupted(
    table: str, patch: pytest.MonkeyPatch, how: Callable[[], None], after: int = 0, kind: str = ""
) -> Iterator[None]:
    """Meanwhile something happens behind each copy into a table that has arrived.

    Args:
        table: Which table.
        patch: Undone at the end.
        how: What happens.
        after: Behind so many copies nothing does.
        kind: The ending of the files; by default that of those with rows.
    """
    whole = RunnableLoadJob.run_managed
    left = [after]

    def run_managed(job: RunnableLoadJob, *args: Any) -> None:
        run = job.run

        def run_and_see() -> None:
            run()
            info = job.job_file_info()
            if info.table_name == table and (info.file_format == "sql") == (kind == "sql"):
                left[0] -= 1
                if left[0] < 0:
                    how()

        job.run = run_and_see  # type: ignore[method-assign]
        whole(job, *args)

    with patch.context() as patched:
        patched.setattr(RunnableLoadJob, "run_managed", run_managed)
        yield


def fail_to_load(pipeline: Pipeline, table: str, patch: pytest.MonkeyPatch, after: int = 0) -> None:
    """Loads what waits, so that copies into a table arrive and dlt takes them for failed.

    All other copies arrive, and dlt knows it.

    Args:
        pipeline: The pipeline.
        table: Which table.
        patch: Undone at the end.
        after: So many copies, which are the first, do not fail.
    """
    (load_id,) = pipeline.list_normalized_load_packages()
    tables = pipeline.default_schema.data_table_names()

    def is_all_but_these_done() -> bool:
        for name in tables:
            states = [
                state
                for state, copied in dlt_internals.copies_of_table(pipeline, load_id, name)
                if copied.file_format != "sql"
            ]
            wanted = after if name == table else len(states)
            if states.count("completed_jobs") < wanted:
                return False
        return True

    def fail() -> None:
        deadline = time.monotonic() + 60
        while not is_all_but_these_done() and time.monotonic() < deadline:
            time.sleep(0.01)
        raise DatabaseTransientException(Exception("the connection was lost"))

    with (
        interrupted(table, patch, fail, after),
        dlt.config.values({"load.raise_on_max_retries": 1}),
        pytest.raises(PipelineStepFailed, match="connection was lost"),
    ):
        pipeline.load()


def make_pipeline(folder: Path, name: str = "plain", **options: Any) -> Pipeline:
    """A pipeline with a warehouse and a working directory in a folder."""
    options.setdefault("destination", dlt.destinations.duckdb(str(folder / "warehouse.duckdb")))
    pipeline: Pipeline = dlt.pipeline(
        name, dataset_name=DATASET, pipelines_dir=str(folder / "pipelines"), **options
    )
    return pipeline


def die_while_loading(pipeline: Pipeline, table: str, after: int = 0, kind: str = "") -> None:
    """Lets another process load what waits, one file after the other, and die.

    Args:
        pipeline: Made by `make_pipeline`.
        table: It dies behind a copy into this table, of which dlt then knows nothing.
        after: Behind so many copies it does not die yet.
        kind: See `interrupted`.
    """
    folder = Path(pipeline.pipelines_dir).parent
    command = [sys.executable, __file__, str(folder), pipeline.pipeline_name]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LOAD__WORKERS": "1"}
    done = subprocess.run(
        [*command, table, str(after), kind], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == _DEAD, done.stderr


def _main(folder: str, name: str, table: str, after: str, kind: str) -> None:
    pipeline = make_pipeline(Path(folder), name)
    prepare(pipeline)
    patch = pytest.MonkeyPatch()
    with interrupted(table, patch, lambda: os._exit(_DEAD), int(after), kind):
        pipeline.load()


if __name__ == "__main__":
    _main(*sys.argv[1:])
