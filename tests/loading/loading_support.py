"""A plain dlt pipeline into DuckDB, without any of the connector's sources."""

from __future__ import annotations

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

MakePipeline = Callable[..., Pipeline]
DATASET = "data"


def numbers(*values: int, name: str = "numbers", **hints: Any) -> Any:
    """A resource of numbers."""
    return dlt.resource([rows_of(*values)], name=name, primary_key="number", **hints)


def rows_of(*values: int) -> pa.Table:
    """Numbers as a table."""
    schema = pa.schema([pa.field("number", pa.int64(), nullable=False)])
    return pa.table({"number": values}, schema)


def query(pipeline: Pipeline, sql: str) -> list[Any]:
    """What a query finds, as plain tuples."""
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(sql) or []]


def pending(pipeline: Pipeline, *resources: Any) -> str:
    """Leaves a normalised package, and returns its load id."""
    pipeline.extract(list(resources))
    pipeline.normalize()
    (load_id,) = pipeline.list_normalized_load_packages()
    return load_id


@contextmanager
def losing_the_word(table: str, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Meanwhile copies into a table arrive, and fail all the same."""
    whole = RunnableLoadJob.run_managed

    def run_managed(job: RunnableLoadJob, *args: Any) -> None:
        run = job.run

        def run_and_fail() -> None:
            run()
            info = job.job_file_info()
            if info.table_name == table and info.file_format != "sql":
                raise DatabaseTransientException(Exception("the connection was lost"))

        job.run = run_and_fail  # type: ignore[method-assign]
        whole(job, *args)

    with patch.context() as patched:
        patched.setattr(RunnableLoadJob, "run_managed", run_managed)
        yield


def fail_to_load(pipeline: Pipeline, table: str, patch: pytest.MonkeyPatch) -> None:
    """Loads what waits, so that copies into a table arrive and dlt does not know it."""
    with (
        losing_the_word(table, patch),
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
