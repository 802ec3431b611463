"""What of Snowflake can be tried without an account: fakesnow stands in for it, over DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest

from dlt_docjobs import SyncLocked
from dlt_docjobs.locks.destination import lock_kind, warehouse_lock
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse.connection import prepare
from dlt_docjobs.warehouse.migration import create_all_tables

ADDRESS = "snowflake://loader:none@account/ANALYTICS?warehouse=LOADING&role=LOADER"


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dlt.Pipeline]:
    """A pipeline into an empty Snowflake; its dataset is there."""
    fakesnow = pytest.importorskip("fakesnow", reason="no fakesnow; `.ci/clouds` runs this")
    cursor = fakesnow.cursor.FakeSnowflakeCursor
    describe = cursor._describe_last_sql

    def describe_but_tables(self: object) -> object:
        # it can't say which columns the answer to a CREATE TABLE with comments has: one, a status
        made = str(getattr(self, "_last_sql", "")).startswith("CREATE TABLE")
        return [("status", "VARCHAR", None, None, None, None)] if made else describe(self)

    monkeypatch.setattr(cursor, "_describe_last_sql", describe_but_tables)
    with fakesnow.patch(create_schema_on_connect=False):
        pipeline = dlt.pipeline(
            "docjobs_unsiloed",
            destination=dlt.destinations.snowflake(ADDRESS),
            dataset_name="docjobs",
            pipelines_dir=str(tmp_path),
        )
        prepare(pipeline)
        with pipeline.sql_client() as client:
            client.create_dataset()
        yield pipeline


def test_snowflake_makes_every_table_with_every_column(pipeline: dlt.Pipeline) -> None:
    create_all_tables(pipeline)
    with pipeline.sql_client() as client:
        found = client.execute_sql(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'DOCJOBS'"
        )
    columns = {(table.lower(), column.lower()) for table, column in found or []}
    wanted = {(name, column.name) for name, table in TABLES.items() for column in table.columns}
    assert wanted - columns == set()


def test_snowflakes_lease_keeps_another_machine_out_until_it_is_given_back(
    pipeline: dlt.Pipeline,
) -> None:
    assert lock_kind(pipeline) == "lease"
    with warehouse_lock(pipeline) as held:
        held.confirm()
        with pytest.raises(SyncLocked, match="is running"), warehouse_lock(pipeline):
            pass
        held.confirm()
    with warehouse_lock(pipeline) as held:
        held.confirm()
