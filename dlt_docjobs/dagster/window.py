"""One partition: a window of creation times, by a pipeline of its own that leaves nothing."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Any, cast

import dlt
from dlt.destinations.job_client_impl import SqlJobClientBase

from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.accounts.pipelines import Account
from dlt_docjobs.loading.run import run
from dlt_docjobs.locks.gate import lake_turn, one_at_a_time, shared
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.connection import connect, install_defaults, prepare
from dlt_docjobs.warehouse.merging import merging_of


def load_window(
    account: Account,
    destination: str,
    dataset_name: str,
    since: datetime,
    until: datetime,
    **arguments: Any,
) -> tuple[SyncRun, dict[str, int]]:
    """Loads the jobs with since ≤ `created_at` < until.

    It has a pipeline, a working directory and a staging dataset of its own, so that any number of
    windows may be loaded at once. They go when the window is loaded; after a crash the next
    attempt at the same window finds them and goes on.

    Returns:
        The run's row, and the rows that it wrote by table.

    Raises:
        SyncLocked: The usual sync of the account, or another attempt at this window, is running.
        UsageError: The configuration is wrong.
        PipelineStepFailed: dlt could not extract or load.
    """
    install_defaults()
    # short, since a staging dataset's name begins with the dataset's, and 63 is PostgreSQL's limit
    minutes = (until - since) // timedelta(minutes=1)
    pipeline = dlt.pipeline(
        f"{account.pipeline_name}_{since:%Y%m%dt%H%M}_{minutes}",
        destination=make_destination(destination, dataset_name),
        dataset_name=dataset_name,
    )
    prepare(pipeline)
    window = dlt.sources.incremental("created_at", initial_value=since, end_value=until)
    source = account.source(created_at=window, **arguments)
    table_format = cast("str | None", source.resources["jobs"].table_format)
    with shared(pipeline, account.source_name), lake_turn(pipeline, source):
        with one_at_a_time(pipeline, dataset_name):
            _create_tables(pipeline, account.source_name, table_format)
        row = run(pipeline, source, request=RunRequest(holds_gate=True))
        written = rows_written(pipeline, row.run_id)
        _leave_nothing(pipeline)
    return row, written


def rows_written(pipeline: Any, run_id: str) -> dict[str, int]:
    """How many rows a run wrote, by table."""
    counts: dict[str, int] = {}
    with connect(pipeline) as client:
        for name in TABLES if client is not None else ():
            assert client is not None
            count = f"SELECT COUNT(*) FROM {{{name}}} WHERE run_id = %s"
            found = sql.execute(client, count, run_id)
            counts[name] = int(found[0][0]) if found else 0
    return counts


def _create_tables(pipeline: Any, source_name: str, table_format: str | None) -> None:
    with connect(pipeline) as client:
        if client is not None and all(sql.has_table(client, name) for name in TABLES):
            return
    merging = merging_of(pipeline.destination, table_format)

    @dlt.source(name=source_name, section="docjobs")
    def tables() -> Any:
        for name, table in TABLES.items():
            empty = table.arrow_schema.empty_table()
            yield dlt.resource([empty], name=name, **merging.hints(table))

    pipeline.run(tables())


def _leave_nothing(pipeline: Any) -> None:
    """Drops the window's staging dataset, its state and its working directory.

    Files stay: no row of one can be deleted, and a file that went would be missed by others that
    have just listed it. The state in it is nobody's but the window's own.
    """
    if isinstance(pipeline.destination_client(), SqlJobClientBase):
        _drop_rows(pipeline)
    pipeline.drop()
    # dlt makes it anew, empty
    shutil.rmtree(pipeline.working_dir, ignore_errors=True)


def _drop_rows(pipeline: Any) -> None:
    with connect(pipeline) as client:
        assert client is not None
        sql.execute(client, "DELETE FROM {state} WHERE pipeline_name = %s", pipeline.pipeline_name)
        with client.with_staging_dataset():
            if client.has_dataset():
                client.drop_dataset()
