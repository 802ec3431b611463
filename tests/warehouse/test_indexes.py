"""PostgreSQL's indexes: made where they lack, used, and no condition of a sync."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
import psycopg2
import pytest
from dlt.destinations.sql_client import SqlClientBase
from shop_support import Shop

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse.connection import prepare
from dlt_docjobs.warehouse.indexes import create_indexes, index_name
from dlt_docjobs.warehouse.state import WarehouseState

FINISHED = "1000.1"
_REST = "0, 'text', 0, 'run'"
BROKEN_OFF = ("1000.0", "1000.2", "1000.3")


@pytest.fixture
def client(postgres: str, tmp_path: Any) -> Iterator[SqlClientBase[Any]]:
    """A dataset with rows of a finished load, and of some that broke off."""
    pipeline = dlt.pipeline(
        "indexes",
        destination=dlt.destinations.postgres(postgres),
        dataset_name="indexes",
        pipelines_dir=str(tmp_path),
    )
    prepare(pipeline)
    empty = [
        dlt.resource([table.arrow_schema.empty_table()], name=name)
        for name, table in TABLES.items()
    ]
    pipeline.run(empty)
    with pipeline.sql_client() as client:
        client.execute_sql(
            "INSERT INTO _dlt_loads (load_id, schema_name, status, inserted_at)"
            f" VALUES ('{FINISHED}', 'docjobs_llamacloud', 0, now())"
        )
        client.execute_sql("ALTER TABLE segments ALTER _dlt_load_id DROP NOT NULL")
        rows = ", ".join(
            f"('llamacloud', 'default', 'parse', 'of {load}', {number}, {_REST}, {value})"
            for load in (FINISHED, *BROKEN_OFF, None)
            for number in range(3)
            for value in [f"'{load}'" if load else "NULL"]
        )
        client.execute_sql(
            "INSERT INTO segments (provider, account, job_kind, job_id, segment_index, depth,"
            f" segment_type, ocr_count, run_id, _dlt_load_id) VALUES {rows}"
        )
        yield client
        client.drop_dataset()


def uncommitted(client: SqlClientBase[Any], indexed: Any) -> set[str]:
    state = WarehouseState(client, "llamacloud", "default", indexed=indexed)
    state.open()
    return {job_id for _, job_id in state.uncommitted_jobs}


def test_rows_of_unfinished_loads_are_found_with_them_and_without(
    client: SqlClientBase[Any],
) -> None:
    without = uncommitted(client, ())
    indexed = create_indexes(client)
    assert indexed == set(TABLES)
    # it is there, and nothing is done
    assert create_indexes(client) == indexed
    assert uncommitted(client, indexed) == without
    assert without == {f"of {load}" for load in (*BROKEN_OFF, None)}


def test_they_are_what_a_sync_reads_by(client: SqlClientBase[Any]) -> None:
    create_indexes(client)
    client.execute_sql("SET enable_seqscan = off")
    for table in TABLES.values():
        for column in ("_dlt_load_id", *(["job_id"] if "job_id" in table.key else [])):
            rows = client.execute_sql(f"EXPLAIN SELECT 1 FROM {table.name} WHERE {column} = 'a'")
            plan = "\n".join(row[0] for row in rows or [])
            assert index_name(table.name, column) in plan


def test_who_may_not_create_them_syncs_all_the_same(
    client: SqlClientBase[Any], caplog: pytest.LogCaptureFixture
) -> None:
    client.execute_sql("CREATE ROLE reader; GRANT USAGE ON SCHEMA indexes TO reader")
    client.execute_sql("GRANT SELECT ON ALL TABLES IN SCHEMA indexes TO reader; SET ROLE reader")
    try:
        with caplog.at_level("INFO", "dlt_docjobs"):
            assert create_indexes(client) == set()
    finally:
        client.execute_sql("RESET ROLE; DROP OWNED BY reader; DROP ROLE reader")
    assert "no index was made: Database" in caplog.text


def test_the_second_package_finds_them(postgres: str, tmp_path: Any) -> None:
    with Emulator(jobs=0) as emulator:
        Shop(emulator, tmp_path).add("llamacloud", 2)
        pipeline = dlt.pipeline(
            "docjobs_llamacloud",
            destination=dlt.destinations.postgres(postgres),
            dataset_name="docjobs",
            pipelines_dir=str(tmp_path),
        )
        source = dlt_docjobs.llamacloud(
            api_key=emulator.api_key,
            base_url=emulator.base_urls["llamacloud"],
            max_jobs_per_package=1,
        )
        assert dlt_docjobs.run(pipeline, source).ok
    connection = psycopg2.connect(postgres)
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'docjobs'")
        made = {name for (name,) in cursor.fetchall()}
    finally:
        connection.close()
    assert index_name("segments", "job_id") in made


def test_duckdb_has_none(tmp_path: Any) -> None:
    pipeline = dlt.pipeline(
        "plain", destination=dlt.destinations.duckdb(str(tmp_path / "a.duckdb"))
    )
    with pipeline.sql_client() as client:
        assert create_indexes(client) == set()
