"""A warehouse of an older version: the sync migrates it, and what the user added stays."""

from __future__ import annotations

from typing import Any

import dlt
import duckdb
import psycopg2
import pytest
from conformance_bench import PROVIDERS, Bench, MakeBench

import dlt_docjobs
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.tables import TABLES
from dlt_docjobs.testing.checks import assert_complete, assert_sound
from dlt_docjobs.testing.warehouse import DATASET

# what a version before this one might not have had
YOUNG_COLUMNS = {
    "jobs": ("given_up_at", "current_activity", "results_expire_at", "failed_page_count"),
    "chunks": ("length", "last_page_number"),
    "segments": ("html", "confidence_level", "table_rows"),
    "sync_runs": ("throttled", "version"),
    "job_status_history": ("error_message",),
}
YOUNG_TABLES = ("pages", "job_progress")


def make_older(bench: Bench, provider: str) -> None:
    """Takes columns and tables away, and dlt's memory of ever having made them."""
    staging = f"{DATASET}_staging_docjobs_{provider}"
    with duckdb.connect(str(bench.file())) as connection:
        for schema in (DATASET, staging):
            for table, columns in YOUNG_COLUMNS.items():
                for column in columns:
                    connection.execute(
                        f"ALTER TABLE IF EXISTS {schema}.{table} DROP COLUMN IF EXISTS {column}"
                    )
            for table in YOUNG_TABLES:
                connection.execute(f"DROP TABLE IF EXISTS {schema}.{table}")
            if schema == DATASET:
                connection.execute(f"DELETE FROM {schema}._dlt_version")
    bench.forget_working_directory()


@pytest.fixture(params=PROVIDERS)
def older(request: pytest.FixtureRequest, make_bench: MakeBench) -> tuple[Bench, str]:
    """A warehouse as an older version has left it, and new jobs since."""
    bench = make_bench(24, seed=4)
    bench.sync(request.param)
    make_older(bench, request.param)
    bench.emulator.advance(seconds=7200)
    return bench, request.param


def test_an_older_warehouse_is_migrated(older: tuple[Bench, str]) -> None:
    bench, provider = older
    row = bench.sync(provider)
    assert row.exit_code == 0, row.error
    tables = bench.tables()
    for name, table in TABLES.items():
        columns = {row[0] for row in bench.query(f"DESCRIBE {name}")}
        assert {column.name for column in table.columns} <= columns
    jobs = {entry["job_id"]: entry for entry in tables["jobs"]}
    assert {job.job_id for job in bench.truth(provider)} <= set(jobs)
    # what the older version had no room for is there after the results were loaded again
    bench.sync(provider, reload="all")
    tables = bench.tables()
    assert_complete(tables, bench.truth(provider))
    nameless = [run for run in tables["sync_runs"] if run["version"] is None]
    assert len(nameless) == 1, "the older version's own run stays as it was"
    nameless[0] |= {"version": "0.0", "throttled": 0}
    assert_sound(tables, bench.loads())


@pytest.mark.slow
def test_columns_and_tables_that_the_user_added_survive(make_bench: MakeBench) -> None:
    bench = make_bench(24, seed=4)
    bench.sync("llamacloud")
    bench.query("ALTER TABLE segments ADD COLUMN reviewed_by VARCHAR")
    bench.query("ALTER TABLE jobs ADD COLUMN team VARCHAR DEFAULT 'unknown'")
    bench.query("UPDATE segments SET reviewed_by = 'ada'")
    bench.query("UPDATE jobs SET team = 'claims'")
    bench.query("CREATE TABLE notes AS SELECT job_id, 'fine' AS note FROM jobs")
    before = bench.query("SELECT count(*) FROM segments")[0][0]
    bench.emulator.add_job("llamacloud", "parse", status="COMPLETED", pages=2)
    bench.emulator.advance(seconds=3600)
    bench.sync("llamacloud")
    ours = bench.query("SELECT reviewed_by, count(*) FROM segments GROUP BY 1 ORDER BY 1")
    assert ours[0][0] == "ada" and ours[0][1] == before
    assert ours[1][0] is None and ours[1][1] > 0
    teams = dict(bench.query("SELECT team, count(*) FROM jobs GROUP BY 1"))
    assert teams["claims"] > 0, "rows that did not change keep what was added to them"
    assert bench.query("SELECT count(*) FROM notes")[0][0] > 0
    bench.forget_working_directory()
    assert bench.sync("llamacloud").exit_code == 0
    assert bench.query("SELECT count(*) FROM segments WHERE reviewed_by = 'ada'")[0][0] == before


@pytest.mark.slow
def test_an_older_warehouse_in_postgresql_is_migrated(make_bench: MakeBench, postgres: str) -> None:
    bench = make_bench()
    bench.emulator.add_job("llamacloud", status="COMPLETED", pages=1)

    def sync(machine: str, **options: Any) -> SyncRun:
        pipeline = dlt.pipeline(
            "docjobs_llamacloud",
            destination=dlt.destinations.postgres(postgres),
            dataset_name=DATASET,
            pipelines_dir=str(bench.folder / machine),
        )
        return dlt_docjobs.run(pipeline, bench.source("llamacloud", **options))

    def execute(*statements: str) -> list[Any]:
        connection = psycopg2.connect(postgres, options=f"-c search_path={DATASET}")
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    sync("one")
    staging = f"{DATASET}_staging_docjobs_llamacloud"
    execute(
        *(
            f"ALTER TABLE {schema}.{table} DROP COLUMN {column}"
            for schema in (DATASET, staging)
            for table, columns in YOUNG_COLUMNS.items()
            for column in columns
        ),
        "DELETE FROM _dlt_version",
    )
    bench.emulator.add_job("llamacloud", status="RUNNING", pages=1, hang=True)
    row = sync("two", reload="all")
    assert row.exit_code == 0, row.error
    assert sync("two").exit_code == 0
    columns = ", ".join(YOUNG_COLUMNS["jobs"])
    assert len(execute(f"SELECT {columns} FROM jobs")) == 2
