"""Somebody drops a table, or deletes rows by hand: the next sync brings back what it can."""

from __future__ import annotations

from typing import Any

import pytest
from cli_support import setting
from dlt.pipeline.pipeline import Pipeline
from warehouse_support import MakeWarehouse, Warehouse

from dlt_docjobs import dlt_internals
from dlt_docjobs.tables import TABLES

DLT_TABLES = ("_dlt_loads", "_dlt_pipeline_state", "_dlt_version")
# one of a sort with each of a run's tests; every night all of them
USUAL = ("job_status_history", "segments")
NIGHTLY = pytest.mark.slow
# what nobody can be asked for again
GONE = ("job_progress", "sync_runs", "rejected_records")
# brackets are drawn anew around creations that no answer tells
BOUNDED = dict.fromkeys(
    ("jobs", "job_status_history"), "provider <> 'contextual' OR job_kind <> 'parse'"
)
COMPARED = [name for name, table in TABLES.items() if table.is_job_level and name not in GONE]


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=NIGHTLY)])
def warehouse(request: pytest.FixtureRequest, make_machines: MakeWarehouse) -> Warehouse:
    """Syncs of ended and open jobs: dlt has nothing more to learn of the tables."""
    found = make_machines(request.param, "llamacloud", "contextual")
    for provider, done in (("llamacloud", "COMPLETED"), ("contextual", "completed")):
        for kind in ("parse", "extract"):
            found.emulator.add_job(provider, kind, status=done, pages=2)  # type: ignore[arg-type]
    found.emulator.add_job("llamacloud", status="RUNNING", hang=True)
    assert found.sync().code == 0
    found.emulator.add_job("llamacloud", status="COMPLETED", pages=2)
    for _ in range(2):
        assert found.sync().code == 0
    return found


def drop(warehouse: Warehouse, table: str) -> None:
    # the views over it go with it
    warehouse.execute(f"DROP TABLE {table} CASCADE")


def contents(warehouse: Warehouse) -> dict[str, list[Any]]:
    return {name: warehouse.rows(name, BOUNDED.get(name, "true")) for name in COMPARED}


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [pytest.param(name, marks=() if name in USUAL else NIGHTLY) for name in (*TABLES, *DLT_TABLES)],
)
def test_a_table_that_was_dropped_is_there_again_with_all_that_the_providers_have(
    table: str, warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    before = contents(warehouse)
    drop(warehouse, table)
    ran = warehouse.sync()
    assert ran.code == 0, ran.said
    if table in TABLES:
        assert f"{table}: dropped since the last load, and made again" in caplog.text
    after = contents(warehouse)
    for name in COMPARED:
        if name == table == "job_status_history":
            # when a status was seen is history, too
            statuses = "SELECT job_id, count(*) FROM jobs WHERE is_terminal GROUP BY job_id"
            ended = "SELECT DISTINCT job_id FROM job_status_history WHERE status IN ('succeeded')"
            assert len(warehouse.query(ended)) == len(warehouse.query(statuses)) > 4
        else:
            assert after[name] == before[name], name
    assert warehouse.count("jobs", "results_state = 'pending'") == 0
    again = warehouse.sync()
    assert again.code == 0, again.said
    assert [one["results_loaded"] for one in again.json["providers"]] == [0, 0]
    assert contents(warehouse) == after
    warehouse.assert_no_duplicates()
    assert warehouse.run("views").code == 0


@NIGHTLY
def test_only_results_that_stood_there_are_asked_for_again(warehouse: Warehouse) -> None:
    drop(warehouse, "extraction_results")
    figures = warehouse.sync().json["providers"]
    assert [one["results_loaded"] for one in figures] == [1, 1]


@NIGHTLY
def test_each_account_brings_its_own_whichever_makes_the_table_again(
    warehouse: Warehouse,
) -> None:
    before = warehouse.rows("segments")
    drop(warehouse, "segments")
    assert warehouse.sync("contextual").code == 0
    assert 0 < warehouse.count("segments") < len(before)
    assert warehouse.sync("llamacloud").code == 0
    assert warehouse.rows("segments") == before


@NIGHTLY
def test_an_account_without_a_load_does_not_hide_it_from_the_others(
    warehouse: Warehouse,
) -> None:
    before = warehouse.rows("segments")
    drop(warehouse, "segments")
    eu: dict[str, str | None] = {
        setting("llamacloud_eu", "api_key"): warehouse.emulator.api_key,
        setting("llamacloud_eu", "base_url"): warehouse.emulator.base_urls["llamacloud"],
    }
    assert warehouse.sync("llamacloud:eu", env=eu).code == 0
    assert warehouse.count("segments") == 0
    assert warehouse.sync().code == 0
    assert warehouse.rows("segments") == before


@pytest.mark.slow
@pytest.mark.parametrize("table", ["segments", pytest.param("jobs", marks=NIGHTLY)])
def test_a_package_that_waits_does_not_stand_in_the_way(
    table: str, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.emulator.add_job("llamacloud", job_id="pjb-new", status="COMPLETED", pages=2)
    warehouse.killed_at_load(monkeypatch, "llamacloud")
    drop(warehouse, table)
    assert warehouse.sync().code == 0
    assert "pjb-new" in warehouse.ids("segments")
    assert warehouse.count("jobs", "status = 'succeeded' AND results_state <> 'loaded'") == 0
    where = "job_kind = 'parse' AND results_state = 'loaded'"
    assert warehouse.ids("segments") == warehouse.ids("jobs", where)


@NIGHTLY
def test_who_is_killed_before_the_table_is_there_finds_it_missing_still(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(warehouse)
    drop(warehouse, "segments")

    def killed(*_: Any) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(dlt_internals, "update_tables", killed)
        assert warehouse.sync("llamacloud").code == 3
    assert warehouse.sync().code == 0
    assert contents(warehouse) == before


@pytest.mark.slow
def test_a_job_that_was_open_is_followed_though_its_history_was_dropped(
    make_machines: MakeWarehouse,
) -> None:
    """However old it is, and though no list shows it."""
    warehouse = make_machines("duckdb", "unsiloed")
    job = warehouse.emulator.add_job("unsiloed", status="Processing", pages=1, hang=True)
    warehouse.sync("--job-ids-file", warehouse.place.ids_file())
    warehouse.sync()
    drop(warehouse, "job_status_history")
    warehouse.emulator.set_status(job.job_id, "Succeeded")
    assert warehouse.sync().code == 0
    assert warehouse.query("SELECT status, results_state FROM jobs") == [("succeeded", "loaded")]
    assert warehouse.count("job_status_history", "status = 'succeeded'") == 1


@pytest.mark.slow
def test_a_drop_behind_our_back_is_told_in_the_words_of_the_destination(
    make_machines: MakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = make_machines("postgres")
    warehouse.emulator.add_job("llamacloud", job_id="pjb-one", status="COMPLETED", pages=1)
    warehouse.sync()
    warehouse.sync()
    whole = Pipeline.load

    def load(pipeline: Pipeline, *args: Any, **options: Any) -> Any:
        # after all looks of ours
        drop(warehouse, "job_status_history")
        return whole(pipeline, *args, **options)

    warehouse.emulator.add_job("llamacloud", job_id="pjb-two", status="COMPLETED", pages=1)
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "load", load)
        ran = warehouse.sync()
    assert ran.code == 3
    said = "refused what was to be loaded into job_status_history: relation"
    assert said in ran.err and "does not exist" in ran.err, ran.err
    assert warehouse.sync().code == 0
    assert warehouse.ids("job_status_history") == ["pjb-one", "pjb-two"]


# -- rows -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        pytest.param("segments", marks=NIGHTLY),
        "chunks",
        pytest.param("extraction_results", marks=NIGHTLY),
    ],
)
def test_reload_incomplete_brings_back_what_was_deleted_and_asks_for_nothing_else(
    table: str, warehouse: Warehouse
) -> None:
    before = contents(warehouse)
    job_id = warehouse.ids(table, "provider = 'llamacloud'")[0]
    number = "" if table == "extraction_results" else f" AND {TABLES[table].key[-1]} = 0"
    warehouse.execute(f"DELETE FROM {table} WHERE job_id = '{job_id}'{number}")
    ran = warehouse.sync("--reload", "incomplete")
    assert [one["results_loaded"] for one in ran.json["providers"]] == [0, 1], ran.said
    assert contents(warehouse) == before
    asked = {job.job_id for job in warehouse.emulator.jobs()} & {
        part for one in warehouse.emulator.requests for part in one.path.split("/")
    }
    assert asked == {job_id}


@NIGHTLY
def test_reload_incomplete_in_a_window_leaves_the_others(warehouse: Warehouse) -> None:
    warehouse.execute("DELETE FROM segments WHERE provider = 'llamacloud'")
    whole = "provider = 'llamacloud' AND segment_count > 0"
    missing = warehouse.ids("jobs", whole)
    ((first,),) = warehouse.query(f"SELECT min(created_at) FROM jobs WHERE {whole}")
    args = ("llamacloud", "--reload", "incomplete")
    ran = warehouse.sync(*args, "--until", first.isoformat())
    assert ran.json["providers"][0]["results_loaded"] == 0, ran.said
    ran = warehouse.sync(*args, "--since", first.isoformat())
    assert ran.json["providers"][0]["results_loaded"] == len(missing) == 2, ran.said
