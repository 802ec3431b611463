"""`docjobs rename`: an account's rows and cursor get another name."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cli_support import KEYS, setting
from warehouse_support import KINDS, MakeWarehouse, Warehouse

from dlt_docjobs.locks.destination import warehouse_lock
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse import accounts

OLD, NEW = "llamacloud:default", "llamacloud:us"


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, make_machines: MakeWarehouse) -> Warehouse:
    """Three jobs of long ago, one of which is open; the section is renamed by now."""
    found = make_machines(request.param)
    for name, status in (("one", "COMPLETED"), ("two", "COMPLETED"), ("open", "RUNNING")):
        found.emulator.add_job(
            "llamacloud",
            job_id=f"pjb-{name}",
            status=status,
            pages=2,
            hang=status == "RUNNING",
            created_at=datetime.now(timezone.utc) - timedelta(days=3),
        )
    file = found.place.write("forget.txt", "pjb-two\n")
    assert found.sync().code == 0
    assert found.run("forget", "--job-ids-file", file).code == 0
    found.place.env.pop(KEYS["llamacloud"])
    found.place.env[setting("llamacloud_us", "api_key")] = found.emulator.api_key
    found.place.env[setting("llamacloud_us", "base_url")] = found.emulator.base_urls["llamacloud"]
    return found


def accounts_of(warehouse: Warehouse) -> set[str]:
    """Every account that any table names."""
    tables = [*TABLES, "forgotten_jobs"]
    return {row[0] for name in tables for row in warehouse.query(f"SELECT account FROM {name}")}


@pytest.mark.proves("rename", *KINDS)
@pytest.mark.proves("status", *KINDS)
def test_everything_bears_the_new_name_and_the_cursor_goes_on(warehouse: Warehouse) -> None:
    before = warehouse.rows("segments")
    (cursor,) = warehouse.query("SELECT max(cursor) FROM sync_runs")
    ran = warehouse.run("rename", "llamacloud", NEW, "--yes")
    assert (ran.code, ran.err) == (0, ""), ran.said
    assert ran.out == "llamacloud is llamacloud:us now: 2 jobs and the cursor\n"
    assert accounts_of(warehouse) == {"us"}
    assert [row[:-1] for row in warehouse.rows("segments")] == [
        ("llamacloud", "us", *row[2:-1]) for row in before
    ]
    # on a machine that has never seen the account
    row = warehouse.sync(NEW, machine="b").json["providers"][0]
    assert (row["exit_code"], row["jobs_new"], row["results_loaded"]) == (0, 0, 0)
    assert (row["open_jobs"], warehouse.query("SELECT max(cursor) FROM sync_runs")) == (1, [cursor])
    asked = [dict(one.query) for one in warehouse.emulator.requests if one.path.endswith("/parse")]
    assert any("created_at_on_or_after" in query for query in asked), asked
    assert warehouse.ids() == ["pjb-one", "pjb-open"]
    status = warehouse.run("status", "--json").json["accounts"]
    assert [one["account"] for one in status] == ["us"]
    warehouse.assert_no_duplicates()


@pytest.mark.slow
def test_after_a_sync_under_the_new_name_that_met_only_the_others_jobs(
    warehouse: Warehouse,
) -> None:
    assert warehouse.sync(NEW).code == 0
    assert accounts_of(warehouse) == {"default", "us"}
    assert warehouse.run("rename", OLD, NEW, "--yes").code == 0
    assert accounts_of(warehouse) == {"us"}
    row = warehouse.sync(NEW).json["providers"][0]
    assert (row["jobs_new"], row["results_loaded"], row["open_jobs"]) == (0, 0, 1)


@pytest.mark.slow
def test_jobs_of_the_new_name_are_not_mixed_with_the_old_ones(warehouse: Warehouse) -> None:
    warehouse.emulator.add_job("llamacloud", job_id="pjb-new", status="COMPLETED", pages=1)
    warehouse.sync(NEW)
    ran = warehouse.run("rename", OLD, NEW, "--yes")
    assert (ran.code, accounts_of(warehouse)) == (2, {"default", "us"})
    assert "llamacloud:us has 1 jobs of its own" in ran.err
    assert f"`docjobs reset {NEW}`" in ran.err
    # what it says can be done
    assert warehouse.run("reset", NEW, "--yes").code == 0
    assert warehouse.run("rename", OLD, NEW, "--yes").code == 0
    assert warehouse.sync(NEW).json["providers"][0]["jobs_new"] == 1
    assert warehouse.ids() == ["pjb-new", "pjb-one", "pjb-open"]
    assert accounts_of(warehouse) == {"us"}


@pytest.mark.slow
def test_one_that_was_broken_off_can_be_done_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = accounts.sql.run
    done = []

    def run(client: object, text: str, *values: object, **more: object) -> object:
        if text.startswith("UPDATE"):
            if len(done) == 5:
                raise RuntimeError("killed here")
            done.append(text)
        return whole(client, text, *values, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(accounts.sql, "run", run)
        assert warehouse.run("rename", OLD, NEW, "--yes").code == 3
    assert accounts_of(warehouse) == {"default", "us"}
    # a sync in between neither doubles nor loses anything
    assert warehouse.sync(NEW).json["providers"][0]["jobs_new"] == 0
    assert warehouse.run("rename", OLD, NEW, "--yes").code == 0
    assert accounts_of(warehouse) == {"us"}
    row = warehouse.sync(NEW).json["providers"][0]
    assert (row["jobs_new"], row["results_loaded"], row["open_jobs"]) == (0, 0, 1)
    warehouse.assert_no_duplicates()


@pytest.mark.slow
def test_a_package_that_waits_elsewhere_does_not_bring_the_old_name_back(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {KEYS["llamacloud"]: warehouse.emulator.api_key}
    warehouse.emulator.add_job("llamacloud", job_id="pjb-new", status="COMPLETED", pages=1)
    warehouse.killed_at_load(monkeypatch, "llamacloud", machine="b", env=old)
    assert warehouse.run("rename", OLD, NEW, "--yes").code == 0
    assert warehouse.sync("llamacloud", machine="b", env=old).code == 0
    where = "account = 'default'"
    assert warehouse.ids("jobs", where) == warehouse.ids("pages", where) == ["pjb-new"]


@pytest.mark.slow
@pytest.mark.parametrize("busy", ["docjobs_llamacloud", "docjobs_llamacloud_us"])
def test_nobody_may_load_meanwhile(busy: str, warehouse: Warehouse) -> None:
    import dlt

    if "DESTINATION__POSTGRES__CREDENTIALS" not in warehouse.place.env:
        pytest.skip("a DuckDB file belongs to one process at a time")
    elsewhere = dlt.pipeline(
        busy,
        destination=dlt.destinations.postgres(
            warehouse.place.env["DESTINATION__POSTGRES__CREDENTIALS"]
        ),
        dataset_name=warehouse.dataset,
        pipelines_dir=str(warehouse.place.folder / "elsewhere"),
    )
    with warehouse_lock(elsewhere):
        ran = warehouse.run("rename", OLD, NEW, "--yes")
    assert (ran.code, accounts_of(warehouse)) == (75, {"default"})
    assert f"another sync of {busy}" in ran.err


USAGE = {
    "another provider": (("llamacloud", "unsiloed:us", "--yes"), "gets another name"),
    "the same": (("llamacloud", OLD, "--yes"), "gets another name"),
    "nothing there": (("llamacloud:eu", NEW, "--yes"), "nothing of llamacloud:eu"),
    "not meant": ((OLD, NEW), "add --yes"),
    "no name": (("llamacloud", "llamacloud:U S"), "lower-case"),
}


@pytest.mark.parametrize("case", USAGE)
def test_what_makes_no_sense_is_said(case: str, make_machines: MakeWarehouse) -> None:
    warehouse = make_machines("duckdb")
    warehouse.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    args, said = USAGE[case]
    if case == "nothing there":
        assert warehouse.run("rename", *args).code == 2
    warehouse.sync()
    ran = warehouse.run("rename", *args)
    assert (ran.code, said in ran.err) == (2, True), ran.said
    assert accounts_of_jobs(warehouse) == [("default",)]


def accounts_of_jobs(warehouse: Warehouse) -> list[tuple[str, ...]]:
    return warehouse.query("SELECT DISTINCT account FROM jobs")


def test_files_are_refused(make_machines: MakeWarehouse) -> None:
    warehouse = make_machines("duckdb")
    files = {"DESTINATION__FILESYSTEM__BUCKET_URL": (warehouse.place.folder / "files").as_uri()}
    args = ("rename", OLD, NEW, "--yes", "--destination", "filesystem")
    ran = warehouse.place.run(*args, env=files)
    assert (ran.code, "keeps files" in ran.err) == (2, True)


@pytest.mark.slow
def test_it_says_what_the_configuration_still_needs(make_machines: MakeWarehouse) -> None:
    warehouse = make_machines("duckdb")
    warehouse.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    warehouse.sync()
    ran = warehouse.run("rename", OLD, NEW, "--yes")
    assert ran.code == 0
    assert "[sources.docjobs.llamacloud_us]" in ran.err
    assert "llamacloud has a key still" in ran.err
