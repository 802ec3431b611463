"""A rehearsal of the first sync: everything that it needs of a destination, in a scratch dataset.

That a destination can be connected to says little: whether it lets tables be made, takes our types
and names, merges, gives rows back as they were and can be locked shows only when it is asked to.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, cast

import dlt
import pyarrow as pa
from dlt.common.destination import AnyDestination
from dlt.common.destination.client import WithStagingDataset
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.locks.beside import lock_path
from dlt_docjobs.locks.destination import lock_kind, warehouse_lock
from dlt_docjobs.model.outcomes import EXIT_REFUSED, SyncFailed
from dlt_docjobs.model.records import Job
from dlt_docjobs.model.times import UTC
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.tables import REMOVED, TABLES
from dlt_docjobs.warehouse.accounts import account_status
from dlt_docjobs.warehouse.connection import connect, prepare
from dlt_docjobs.warehouse.merging import Merging, merging_of
from dlt_docjobs.warehouse.migration import create_all_tables
from dlt_docjobs.warehouse.state import WarehouseState

_TABLE: Final = TABLES["jobs"]
_NAME: Final = "check"
_VALUES: Final[dict[str, Any]] = {
    "text": _NAME,
    "json": '{"check":1}',
    "bigint": 1,
    "double": 0.5,
    "bool": True,
    "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
}
# a name that needs more than the Latin alphabet, and more than three bytes a character
_DOCUMENT_NAME: Final = "Prüfung 検査 🧾"


def rehearse(destination: AnyDestination, dataset: str) -> None:
    """Makes a dataset, locks it, loads a job's row twice, reads it, and drops everything.

    It is read with the statements that a sync and `docjobs status` read with, over all tables.

    Args:
        destination: Where.
        dataset: The real dataset: the scratch one bears its name with an ending. Where it is
            there and speaks SQL, a table is made, filled, read and dropped in it too.

    Raises:
        UsageError: The destination has no way to keep our tables.
        SyncFailed: What was loaded is not what is read.
        Exception: Whatever the destination says.
    """
    name = f"check_{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="docjobs_") as folder:
        pipeline = _pipeline(name, destination, f"{dataset}_{name}", folder)
        try:
            _fill(pipeline)
        finally:
            _drop(pipeline)
        real = _pipeline(f"{name}_real", destination, dataset, folder)
        with connect(real) as client:
            if client is not None and isinstance(real.destination_client(), SqlJobClientBase):
                _try_table(client, name)


def _pipeline(name: str, destination: AnyDestination, dataset: str, folder: str) -> Pipeline:
    pipeline: Pipeline = dlt.pipeline(
        name, destination=destination, dataset_name=dataset, pipelines_dir=folder
    )
    prepare(pipeline)
    return pipeline


def _fill(pipeline: Pipeline) -> None:
    assert pipeline.destination is not None
    merging = merging_of(pipeline.destination)
    table = _row()

    @dlt.resource(name=_TABLE.name, **merging.hints(_TABLE))
    def jobs() -> Iterator[pa.Table]:
        yield table

    with warehouse_lock(pipeline) as lock:
        for _ in range(2):
            pipeline.run(jobs())
            lock.confirm()
        if isinstance(pipeline.destination_client(), SqlJobClientBase):
            create_all_tables(pipeline)
    wanted = 1 if merging.replaces is not None else 2
    found = len(pipeline.dataset()[_TABLE.name].fetchall())
    if found != wanted:
        raise SyncFailed(
            f"a row of a scratch table was loaded and loaded again, and {found} were read instead "
            f"of {wanted}: what is merged there is not replaced",
            EXIT_REFUSED,
        )
    _read(pipeline, merging)
    account_status(pipeline.destination, pipeline.dataset_name)


def _read(pipeline: Pipeline, merging: Merging) -> None:
    """Reads the row back as a sync does.

    Raises:
        SyncFailed: It is another one.
    """
    now, kind = _VALUES["timestamp"], cast(JobKind, _NAME)
    with connect(pipeline) as client:
        state = WarehouseState(client, _NAME, _NAME, has_old_rows=merging.replaces is None)
        state.open()
        state.open_jobs()
        state.due_results(now)
        state.incomplete_jobs(now, now)
        state.jobs_without_credits(now, now)
        state.broken_off_runs()
        state.rejections([_NAME])
        state.last_progress([(kind, _NAME)])
        list(state.settled(kind, now))
        known = state.lookup(kind, [_NAME]).get(_NAME)
    row = known.row if known is not None else None
    wanted = _values()
    others = [
        name
        for name in Job._fields
        if row is None or not _is_same(name, getattr(row, name), wanted[name])
    ]
    if others:
        raise SyncFailed(
            "a row of a scratch table was loaded, and what is read of it is another one in "
            f"{', '.join(others)}",
            EXIT_REFUSED,
        )


def _is_same(column: str, read: Any, written: Any) -> bool:
    is_json = any(one.name == column and one.type == "json" for one in _TABLE.columns)
    return bool(json.loads(read) == json.loads(written) if is_json and read else read == written)


def _values() -> dict[str, Any]:
    """A value for every column: so all types of ours are tried."""
    values = {one.name: _VALUES[one.type] for one in _TABLE.columns}
    return values | {"document_name": _DOCUMENT_NAME, REMOVED: None}


def _row() -> pa.Table:
    names = [column.name for column in _TABLE.columns]
    values = _values()
    row = {name: values[name] for name in names}
    return pa.Table.from_pylist([row], schema=_TABLE.arrow_schema)


def _try_table(client: Any, name: str) -> None:
    table = client.make_qualified_table_name(f"docjobs_{name}")
    client.execute_sql(f"CREATE TABLE {table} (number INT)")
    try:
        client.execute_sql(f"INSERT INTO {table} VALUES (1)")
        client.execute_sql(f"SELECT number FROM {table}")
    finally:
        client.execute_sql(f"DROP TABLE {table}")


def _drop(pipeline: Pipeline) -> None:
    """Drops the scratch datasets, as far as they were made."""
    with contextlib.suppress(Exception), pipeline.destination_client() as client:
        if isinstance(client, WithStagingDataset):
            with client.with_staging_dataset():
                if client.is_storage_initialized():
                    client.drop_storage()
        if client.is_storage_initialized():
            client.drop_storage()
    with contextlib.suppress(Exception):
        if lock_kind(pipeline) == "file":
            lock_path(pipeline).unlink(missing_ok=True)
