"""Every command on SQLite and MySQL, which dlt reaches through SQLAlchemy."""

from __future__ import annotations

import pytest
from cli_support import MakePlace, Place
from warehouse_support import MakeWarehouse, Warehouse

from dlt_docjobs.views import VIEWS
from dlt_docjobs.warehouse import merging

KINDS = ("sqlite", "mysql")
ALL = ["pjb-one", "pjb-three", "pjb-two"]
NO_VIEWS = "docjobs sync: no views: the views are written for duckdb"
CREDENTIALS = "DESTINATION__SQLALCHEMY__CREDENTIALS"


# a server of its own, and a file system that is slow to make files, take their time
PARAMS = (KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.slow))


@pytest.fixture(params=PARAMS)
def warehouse(request: pytest.FixtureRequest, make_machines: MakeWarehouse) -> Warehouse:
    """Two jobs that are loaded, one of them still running; a third that is new."""
    found = make_machines(request.param)
    found.emulator.add_job("llamacloud", job_id="pjb-one", status="COMPLETED", pages=1)
    found.emulator.add_job("llamacloud", job_id="pjb-two", status="RUNNING", pages=1, hang=True)
    ran = found.sync()
    assert ran.code == 0 and (NO_VIEWS in ran.err) == (found.kind == "mysql"), ran.said
    found.emulator.set_status("pjb-two", "COMPLETED")
    found.emulator.add_job("llamacloud", job_id="pjb-three", status="COMPLETED", pages=1)
    return found


@pytest.mark.slow
@pytest.mark.proves("status", *KINDS)
@pytest.mark.proves("kill", *KINDS)
def test_what_a_killed_sync_has_fetched_is_loaded_by_the_next(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.killed_at_load(monkeypatch)
    ran = warehouse.sync()
    assert (ran.code, warehouse.ids("pages"), warehouse.ids()) == (0, ALL, ALL), ran.said
    warehouse.assert_no_duplicates()
    # and a machine that keeps nothing fetches nothing again
    assert warehouse.sync(machine="b").provider("llamacloud")["results_loaded"] == 0
    (account,) = warehouse.run("status", "--json").json["accounts"]
    assert (account["jobs"], account["open_jobs"], account["pending_results"]) == (3, 0, 0)
    assert account["cursor"] is not None and account["last_run_ok"] is True
    assert "geheim" not in warehouse.run("status").said
    # on MySQL there are no views, and both say why
    for command in ("views", "report") if warehouse.kind == "mysql" else ():
        ran = warehouse.run(command)
        assert ran.code == 2, ran.said
        assert f"not for {warehouse.kind}, which the destination sqlalchemy" in ran.err


@pytest.mark.proves("report", "sqlite")
def test_sqlite_has_views_and_a_report(make_machines: MakeWarehouse) -> None:
    warehouse = make_machines("sqlite")
    warehouse.emulator.add_job("llamacloud", job_id="pjb-one", status="COMPLETED", pages=1)
    ran = warehouse.sync()
    assert ran.code == 0 and "views" not in ran.err, ran.said
    assert warehouse.query("SELECT job_id, pages FROM documents") == [("pjb-one", 1)]
    ran = warehouse.run("views")
    assert ran.code == 0 and f"{len(VIEWS)} views in docjobs" in ran.out, ran.said
    page = warehouse.place.folder / "page.html"
    ran = warehouse.run("report", "--out", str(page))
    assert ran.code == 0 and "The last sync did everything" in page.read_text("utf-8"), ran.said
    # the models of dbt are not written for it
    ran = warehouse.run("dbt", str(warehouse.place.folder / "models"))
    assert ran.code == 2 and "not for sqlite" in ran.err, ran.said


@pytest.mark.slow
@pytest.mark.proves("forget", *KINDS)
@pytest.mark.proves("rename", *KINDS)
@pytest.mark.proves("reset", *KINDS)
def test_forgotten_jobs_stay_away_and_an_account_is_renamed_and_removed(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.killed_at_load(monkeypatch, machine="b")
    file = warehouse.place.write("forget.txt", "pjb-three\npjb-one\n")
    assert warehouse.run("forget", "--job-ids-file", file).code == 0
    assert warehouse.sync(machine="b").code == 0
    for table in ("jobs", "job_status_history", "pages", "segments"):
        assert warehouse.ids(table) == ["pjb-two"], table
    assert warehouse.run("rename", "llamacloud", "llamacloud:eu", "--yes").code == 0
    assert warehouse.count("jobs", "account = 'eu'") == warehouse.count("jobs") == 1
    ran = warehouse.run("reset", "llamacloud:eu", "--yes")
    assert (ran.code, warehouse.ids()) == (0, []), ran.said
    assert warehouse.sync().code == 0
    assert warehouse.ids() == ["pjb-two"]


# -- check ---------------------------------------------------------------------------------------


@pytest.fixture(params=("postgres", *PARAMS))
def empty(request: pytest.FixtureRequest, make_machines: MakeWarehouse) -> Warehouse:
    return make_machines(request.param)


@pytest.mark.proves("check", "postgres", *KINDS)
def test_check_rehearses_and_leaves_nothing(empty: Warehouse) -> None:
    ran = empty.run("check")
    assert ran.code == 0 and "is empty: the first sync fills it" in ran.out, ran.said
    assert "geheim" not in ran.said
    assert [one.name for one in empty.place.folder.iterdir() if one.name != "a"] == []


def test_check_sees_that_what_is_read_is_not_what_was_written(
    make_machines: MakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if JSON were given to SQLAlchemy's own type, which takes it for a string."""
    monkeypatch.setattr(merging, "_JSON_IS_TEXT", frozenset())
    ran = make_machines("sqlite").run("check")
    assert ran.code == 3
    assert "what is read of it is another one in config, user_metadata, payload" in ran.err


# -- what is refused, before anybody is asked ------------------------------------------------------


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    return make_place("llamacloud")


REFUSED = {
    "memory": ("sqlite:///:memory:", "is gone when the connection ends"),
    "no file": ("sqlite://", "SQLite needs a file's name"),
    "no driver": ("mysql://u:p@h/d", "pip install 'dlt-docjobs[mysql]'"),
    "no dialect": ("clay://u:p@h/d", "clay"),
}


@pytest.mark.parametrize("command", ["check", "sync"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_hold_the_tables_is_refused(case: str, command: str, place: Place) -> None:
    address, reason = REFUSED[case]
    place.emulator.clear_requests()
    ran = place.run(command, "--destination", "sqlalchemy", env={CREDENTIALS: address})
    assert (ran.code, reason in ran.err) == (2, True), ran.said
    assert "Traceback" not in ran.err
    assert command == "check" or place.emulator.requests == []


WAYS = {
    "sqlite": ("--destination sqlalchemy", CREDENTIALS, "sqlite:///warehouse.db"),
    "mysql": ("--destination sqlalchemy", CREDENTIALS, "mysql+pymysql://"),
    "MariaDB": ("--destination sqlalchemy", CREDENTIALS, "mysql+pymysql://"),
    "s3": ("--destination filesystem", "DESTINATION__FILESYSTEM__BUCKET_URL", "s3://"),
    "gcs": ("--destination filesystem", "DESTINATION__FILESYSTEM__BUCKET_URL", "gs://"),
    "azure": ("--destination filesystem", "DESTINATION__FILESYSTEM__BUCKET_URL", "az://"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_name_that_dlt_has_not_points_to_the_way_there(name: str, place: Place) -> None:
    place.emulator.clear_requests()
    ran = place.run("sync", "--destination", name)
    assert ran.code == 2 and all(part in ran.err for part in WAYS[name]), ran.said
    assert place.emulator.requests == []


@pytest.mark.parametrize("name", ["lancedb", "qdrant"])
def test_what_has_no_sql_is_refused_before_any_request(name: str, place: Place) -> None:
    place.emulator.clear_requests()
    ran = place.run("sync", "--destination", name)
    assert ran.code == 2 and "is no destination for these tables" in ran.err, ran.said
    assert place.emulator.requests == []


def test_without_sqlalchemy_the_extra_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlt_docjobs.warehouse.engines.find_spec", lambda name: None)
    ran = place.run("check", "--destination", "sqlalchemy", env={CREDENTIALS: "sqlite:///a.db"})
    assert ran.code == 2 and "pip install 'dlt-docjobs[sqlalchemy]'" in ran.err
