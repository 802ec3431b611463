"""Assets, partitions and checks, run in this process."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

dg = pytest.importorskip("dagster", reason="pip install -e '.[dagster]'")

from conformance_destinations import install_extensions  # noqa: E402
from dagster_support import KEYS, Warehouse  # noqa: E402

from dlt_docjobs import UsageError  # noqa: E402
from dlt_docjobs.accounts.pipelines import make_pipeline, parse_account  # noqa: E402
from dlt_docjobs.dagster import (  # noqa: E402
    DocjobsTranslator,
    TableData,
    docjobs_assets,
    docjobs_checks,
    docjobs_definitions,
)
from dlt_docjobs.locks.gate import alone, shared  # noqa: E402
from dlt_docjobs.locks.local import SyncLocked  # noqa: E402
from dlt_docjobs.tables import TABLES  # noqa: E402


def test_partitions_and_sync_fill_the_tables_and_leave_nothing_else(warehouse: Warehouse) -> None:
    sync, backfill = docjobs_assets("llamacloud", start=KEYS[0])
    for key in KEYS:
        result = warehouse.materialize([backfill], key)
        assert result.success
        midnight = f"TIMESTAMPTZ '{key} 00:00:00+00'"
        found = warehouse.query(
            "SELECT count(*) FILTER (results_state = 'loaded'), count(*) FROM docjobs.jobs"
            f" WHERE created_at >= {midnight} AND created_at < {midnight} + INTERVAL 1 DAY"
        )
        assert found == [(5, 5)]
    rows = {
        event.asset_key.path[-1]: event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert set(rows) == set(TABLES)
    assert rows["jobs"]["rows_loaded"].value == rows["jobs"]["jobs_new"].value == 5
    assert rows["segments"]["rows_loaded"].value == rows["segments"]["segments"].value > 0
    assert rows["jobs"]["requests"].value > 0
    assert rows["jobs"]["rejected"].value == 0
    assert "fresh_at" in rows["jobs"]
    # neither a staging dataset nor a cursor: the usual sync starts at its own beginning
    schemas = {row[0] for row in warehouse.query("SELECT schema_name FROM duckdb_schemas()")}
    assert not [name for name in schemas if "staging" in name]
    assert warehouse.query("SELECT count(*) FROM docjobs._dlt_pipeline_state") == [(0,)]
    before = warehouse.query("SELECT * FROM docjobs.segments ORDER BY ALL")
    synced = warehouse.materialize([sync])
    assert synced.success
    assert warehouse.query("SELECT * FROM docjobs.segments ORDER BY ALL") == before
    cursor = "SELECT max(cursor), count(*) FROM docjobs.sync_runs WHERE cursor IS NOT NULL"
    (((newest, runs),), ((last,),)) = (
        warehouse.query(cursor),
        warehouse.query("SELECT max(created_at) FROM docjobs.jobs"),
    )
    assert (newest, runs) == (last, 1)
    # nor does a partition move it afterwards
    assert warehouse.materialize([backfill], KEYS[0]).success
    assert warehouse.query(cursor) == [(last, 1)]


@pytest.mark.slow
def test_partitions_of_contextual_hold_parse_jobs_only(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = warehouse.emulator
    monkeypatch.setenv("SOURCES__DOCJOBS__CONTEXTUAL__API_KEY", emulator.api_key)
    monkeypatch.setenv("SOURCES__DOCJOBS__CONTEXTUAL__BASE_URL", emulator.base_urls["contextual"])
    for hour in (0, 11, 23):
        at = datetime.fromisoformat(f"{KEYS[0]}T{hour:02}:30:00+00:00")
        emulator.add_job("contextual", status="completed", created_at=at)
    emulator.add_job("contextual", "extract", status="completed", created_at=at)
    sync, backfill = docjobs_assets("contextual", start=KEYS[0])
    kinds = "SELECT job_kind, count(*) FROM docjobs.jobs GROUP BY 1 ORDER BY 1"
    for key in KEYS:
        assert warehouse.materialize([backfill], key).success
        assert warehouse.query(kinds) == [("parse", 3)]
    assert warehouse.materialize([sync]).success
    assert warehouse.query(kinds) == [("extract", 1), ("parse", 3)]


def test_a_worker_has_its_share_of_the_rate(warehouse: Warehouse) -> None:
    options = {"requests_per_second": 12, "workers": 3}
    _, backfill = docjobs_assets("llamacloud", start=KEYS[0], **options)
    warehouse.emulator.clear_requests()
    assert warehouse.materialize([backfill], KEYS[0]).success
    sent = sorted(record.at for record in warehouse.emulator.requests)
    assert len(sent) >= 9
    # 4 a second
    assert (sent[-1] - sent[0]).total_seconds() >= (len(sent) - 1) / 4 - 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["files", "delta", "iceberg"])
def test_partitions_into_files(
    kind: str, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_extensions(kind, tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", (tmp_path / "lake").as_uri())
    table_format = {} if kind == "files" else {"table_format": kind}
    assets = docjobs_assets("llamacloud", destination="filesystem", start=KEYS[0], **table_format)
    # the last one again: it finds its own state
    for key in (*KEYS, KEYS[-1]):
        result = warehouse.materialize([assets[1]], key)
        assert result.success
    (jobs, *_) = result.get_asset_materialization_events()
    assert jobs.materialization.metadata["results_loaded"].value == 0
    account = parse_account("llamacloud")
    dataset = dlt.dataset(make_pipeline(account, "filesystem", "docjobs").destination, "docjobs")
    with dataset.sql_client as client:
        table = client.make_qualified_table_name("jobs")
        found = client.execute_sql(f"SELECT job_id FROM {table} WHERE results_state = 'loaded'")
    truth = [job.job_id for job in warehouse.emulator.jobs("llamacloud")]
    assert sorted(row[0] for row in found) == sorted(truth)


def test_checks(warehouse: Warehouse) -> None:
    (sync,) = docjobs_assets("llamacloud")
    warehouse.emulator.add_job("llamacloud", status="RUNNING", hang=True)
    assert warehouse.materialize([sync]).success
    (good,) = docjobs_checks("llamacloud")
    found = {
        (check.asset_key.path[-1], check.check_name): check.passed
        for check in warehouse.materialize([sync, good]).get_asset_check_evaluations()
    }
    assert set(found.values()) == {True}
    assert len(found) == len(TABLES) + 3
    with duckdb.connect(str(warehouse.file)) as connection:
        connection.execute("INSERT INTO docjobs.pages SELECT * FROM docjobs.pages LIMIT 1")
    (strict,) = docjobs_checks("llamacloud", open_days=0, fresh_hours=0)
    failed = {
        (check.asset_key.path[-1], check.check_name)
        for check in warehouse.materialize([sync, strict]).get_asset_check_evaluations()
        if not check.passed
    }
    assert failed == {
        ("pages", "no_duplicates"),
        ("jobs", "no_job_open_for_too_long"),
        ("sync_runs", "fresh"),
    }


def test_a_silent_change_of_model_fails_a_check(warehouse: Warehouse) -> None:
    (sync,), (checks,) = docjobs_assets("llamacloud"), docjobs_checks("llamacloud")
    noon = datetime.now(timezone.utc).replace(hour=12, minute=0)
    for days in range(9, 0, -1):
        warehouse.emulator.add_job(
            "llamacloud",
            status="COMPLETED",
            tier="own",
            created_at=noon - timedelta(days=days),
            pages=20,
            failed_pages=range(1, 16) if days == 1 else (),
        )
    result = warehouse.materialize([sync, checks])
    (failed,) = (one for one in result.get_asset_check_evaluations() if not one.passed)
    assert (failed.asset_key.path[-1], failed.check_name) == ("segments", "quality_unchanged")
    assert failed.severity == dg.AssetCheckSeverity.WARN
    assert failed.metadata["compared"].value > 1
    day = (noon - timedelta(days=1)).date()
    said = f"{day} (own): failed_pages are 75.0% (15 of 20), were 0.0% in the 8 days before"
    assert said in failed.metadata["changed"].value


def test_a_refusal_fails_the_run_and_says_why(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__DOCJOBS__LLAMACLOUD__API_KEY", "another")
    (sync,) = docjobs_assets("llamacloud", retry_policy=dg.RetryPolicy(max_retries=0))
    result = dg.materialize([sync], raise_on_error=False, instance=warehouse.instance)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "key" in str(failure.step_failure_data.error)


HOLD = """
import sys
from dlt_docjobs.locks.gate import alone, shared  # noqa: E402
from dlt_docjobs.accounts.pipelines import make_pipeline, parse_account
from dlt_docjobs.locks import gate

pipeline = make_pipeline(parse_account("llamacloud"), "duckdb", "docjobs")
with getattr(gate, sys.argv[1])(pipeline, "llamacloud"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("held", "wanted", "is_free"),
    [("shared", shared, True), ("shared", alone, False), ("alone", shared, False)],
)
def test_partitions_share_the_gate_and_the_sync_has_it_alone(
    warehouse: Warehouse, held: str, wanted: Any, is_free: bool
) -> None:
    pipeline = make_pipeline(parse_account("llamacloud"), "duckdb", "docjobs")
    command = [sys.executable, "-c", HOLD, held]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "held\n"
        expected = nullcontext() if is_free else pytest.raises(SyncLocked)
        with expected, wanted(pipeline, "llamacloud", wait_seconds=0):
            pass
        with alone(pipeline, "contextual"):
            pass
        process.stdin.close()
    with wanted(pipeline, "llamacloud"):
        pass


def test_definitions_are_whole() -> None:
    definitions = docjobs_definitions("contextual:eu", start="2026-01-01", every="hour", workers=2)
    repository = definitions.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {
        "docjobs_contextual_eu_sync",
        "docjobs_contextual_eu_backfill",
    }
    assert [one.name for one in repository.schedule_defs] == ["docjobs_contextual_eu_schedule"]
    job = repository.get_job("docjobs_contextual_eu_backfill")
    assert job.partitions_def.get_partition_keys()[:2] == ["2026-01-01-00:00", "2026-01-01-01:00"]
    pools = {node.definition.pool for node in job.graph.nodes}
    assert pools == {"docjobs_contextual_eu"}


def test_an_asset_says_where_its_table_stands_and_what_is_in_it() -> None:
    sync, backfill = docjobs_assets("llamacloud", destination="postgres", start="2026-01-01")
    assert {len(sync.keys), len(backfill.keys)} == {len(TABLES)}
    for spec in (*sync.specs, *backfill.specs):
        table = TABLES[spec.key.path[-1]]
        assert spec.kinds == {"dlt", "postgres"}
        assert spec.metadata["dagster/table_name"] == f"docjobs.{table.name}"
        columns = spec.metadata["dagster/column_schema"].columns
        assert [(one.name, one.description) for one in columns] == [
            (one.name, one.description) for one in table.columns
        ]
        keys = {one.name for one in columns if "primary_key" in one.constraints.other}
        assert keys == set(table.key)
        assert not any(one.constraints.nullable for one in columns if one.name in keys)


def test_assets_of_the_sync_are_stale_after_a_while_and_partitions_never() -> None:
    sync, backfill = docjobs_assets("llamacloud", start="2026-01-01", fresh_hours=3)
    windows = {spec.freshness_policy.fail_window.to_timedelta() for spec in sync.specs}
    assert windows == {timedelta(hours=3)}
    assert {spec.freshness_policy for spec in backfill.specs} == {None}
    (without,) = docjobs_assets("llamacloud", fresh_hours=None)
    assert {spec.freshness_policy for spec in without.specs} == {None}


class Ours(DocjobsTranslator):
    def get_asset_spec(self, data: TableData) -> Any:
        assert (data.provider, data.account, data.dataset) == ("llamacloud", "default", "docjobs")
        return data.default.replace_attributes(
            key=["ours", "past" if data.is_backfill else "now", f"of_{data.table}"],
            owners=["team:documents"],
            deps=["uploads"],
            tags={"domain": data.destination_type},
        )


def test_a_translator_decides_on_keys_owners_tags_and_dependencies(warehouse: Warehouse) -> None:
    definitions = docjobs_definitions("llamacloud", start=KEYS[0], translator=Ours())
    definitions.get_repository_def()
    sync, backfill = docjobs_assets("llamacloud", start=KEYS[0], translator=Ours())
    (checks,) = docjobs_checks("llamacloud", translator=Ours())
    result = warehouse.materialize([sync, checks])
    assert result.success
    rows = {
        event.asset_key.path[-1]: event.materialization.metadata["rows_loaded"].value
        for event in result.get_asset_materialization_events()
    }
    assert (set(rows), rows["of_jobs"]) == ({f"of_{name}" for name in TABLES}, 10)
    assert all(one.passed for one in result.get_asset_check_evaluations())
    assert warehouse.materialize([backfill], KEYS[0]).success
    for spec in (*sync.specs, *backfill.specs):
        assert spec.owners == ["team:documents"]
        assert [dep.asset_key.path for dep in spec.deps] == [["uploads"]]
        assert spec.tags["domain"] == "duckdb"


def test_the_schedule_waits_to_be_turned_on_unless_told_otherwise() -> None:
    def status(**options: Any) -> Any:
        definitions = docjobs_definitions("llamacloud", **options)
        (schedule,) = definitions.get_repository_def().schedule_defs
        return schedule.default_status

    assert status() is dg.DefaultScheduleStatus.STOPPED
    running = dg.DefaultScheduleStatus.RUNNING
    assert status(schedule_status=running) is running


def test_what_has_no_list_is_not_partitioned() -> None:
    with pytest.raises(UsageError, match="no list"):
        docjobs_assets("unsiloed", start="2026-01-01")
    assert len(docjobs_assets("unsiloed")) == 1


def test_the_script_to_copy_has_definitions() -> None:
    file = Path(__file__).parents[2] / "pipelines" / "dagster_definitions.py"
    spec = importlib.util.spec_from_file_location("dagster_definitions", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = {job.name for job in module.defs.get_repository_def().get_all_jobs()}
    assert {"docjobs_llamacloud_sync", "docjobs_llamacloud_backfill"} <= names
