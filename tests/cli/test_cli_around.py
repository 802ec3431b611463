"""The commands around a sync: check, status, reset, forget, emulate, demo."""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from cli_support import KEYS, MakePlace, Place, Ran, setting

from dlt_docjobs.cli import main

# -- before and after the first sync -----------------------------------------------------------


def test_nothing_synced_yet_is_said_and_leaves_no_file(make_place: MakePlace) -> None:
    place = make_place()
    ran = place.run("status")
    assert (ran.code, ran.err) == (0, "")
    file = place.folder / "warehouse.duckdb"
    assert ran.out == f"nothing has been synced into docjobs yet: run `docjobs sync` ({file})\n"
    assert place.run("status", "--json").json["accounts"] == []
    place.write("ids.txt", "pjb-1")
    assert place.run("forget", "--job-ids-file", "ids.txt").out.startswith("1 named, 0 erased")
    assert "0 jobs removed" in place.run("reset", "llamacloud", "--yes").out
    assert [path.name for path in place.folder.glob("*.duckdb")] == []


class Synced(NamedTuple):
    """A folder after a sync that came through in part, and what that printed."""

    place: Place
    ran: Ran


@pytest.fixture(scope="module")
def synced(make_place: MakePlace) -> Synced:
    place = make_place("llamacloud", "unsiloed")
    add, faults = place.emulator.add_job, place.emulator.faults
    for job_id in ("pjb-good", "pjb-late", "pjb-bad"):
        add("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    add("llamacloud", job_id="pjb-open", status="RUNNING", hang=True)
    add("unsiloed", job_id="uns-1", status="Succeeded", pages=1)
    faults.broken_results = {"pjb-late": 500, "pjb-bad": "garbage"}
    place.env[setting("llamacloud", "max_retries")] = "0"
    place.env[setting("unsiloed", "job_ids_file")] = place.write("named.txt", "uns-1")
    return Synced(place, place.run("sync"))


@pytest.mark.slow
def test_a_sync_in_part_is_1_and_loads_the_rest(synced: Synced) -> None:
    ran = synced.ran
    assert (ran.code, "stays pending" in ran.err and "(and 1 more)" in ran.err) == (1, True), (
        ran.said
    )
    assert "2 results pending, 1 rejected" in ran.out
    states = synced.place.query("SELECT job_id, results_state FROM docjobs.jobs")
    assert dict(states) == {
        "pjb-good": "loaded",
        "pjb-late": "pending",
        "pjb-bad": "pending",
        "pjb-open": "not_ready",
        "uns-1": "loaded",
    }


def test_status_says_how_each_account_stands(synced: Synced) -> None:
    ran = synced.place.run("status")
    assert (ran.code, ran.err) == (0, "")
    head, llamacloud, unsiloed, *notes = ran.out.splitlines()
    assert head.split("  ")[0] == "account"
    start = r"llamacloud +4 +1 +0 +2 +2 +just now, in part +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(start, llamacloud), llamacloud
    assert re.fullmatch(r"unsiloed +1 +0 +0 +0 +0 +just now, ok +20.*", unsiloed), unsiloed
    assert notes[0].startswith("llamacloud: the last sync said: the result of parse job pjb-")
    assert notes[1] == "llamacloud: the last one that did everything: never"
    assert notes[2].startswith("llamacloud: 2 results are not loaded. `docjobs sync` fetches")
    assert notes[3] == f"{synced.place.folder / 'warehouse.duckdb'}, dataset docjobs"
    assert len(notes) == 4


@pytest.mark.parametrize(("hours", "is_late"), [(23, False), (25, True)])
def test_status_says_after_a_day_how_many_404s_are_believed(
    hours: int, is_late: bool, synced: Synced, tmp_path: Path
) -> None:
    shutil.copytree(synced.place.folder, tmp_path / "copy")
    place = Place(tmp_path / "copy", synced.place.emulator)
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "UPDATE docjobs.sync_runs SET doubted_since = now() - to_hours(?)"
            " WHERE provider = 'llamacloud'",
            [hours],
        )
    said = place.run("status").out
    assert "llamacloud: most known jobs answer 404 since 20" in said
    assert ("`docjobs sync llamacloud --believe-gone`" in said) == is_late


def test_status_shows_codes_and_markup_as_they_are(synced: Synced, tmp_path: Path) -> None:
    shutil.copytree(synced.place.folder, tmp_path / "copy")
    place = Place(tmp_path / "copy", synced.place.emulator)
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        said = "[red]no[/red] :smile: \x1b[2J\x07\nllamacloud: ok"
        connection.execute("UPDATE docjobs.sync_runs SET error = ? WHERE NOT ok", [said])
    ran = place.run("status")
    assert "the last sync said: [red]no[/red] :smile:  [2J  llamacloud: ok\n" in ran.out


def test_status_as_json(synced: Synced) -> None:
    (llamacloud, unsiloed) = synced.place.run("status", "--json").json["accounts"]
    assert list(llamacloud) == list(unsiloed)
    assert (llamacloud["provider"], llamacloud["account"]) == ("llamacloud", "default")
    numbers = [llamacloud[key] for key in ("jobs", "open_jobs", "pending_results")]
    assert numbers == [4, 1, 2]
    assert (llamacloud["last_run_ok"], llamacloud["last_run_exit_code"]) == (False, 1)
    assert llamacloud["cursor"] is not None
    risk = [llamacloud[key] for key in ("last_ok_run_at", "results_at_risk", "results_expire_at")]
    assert risk == [None, 2, None]
    assert (unsiloed["last_ok_run_at"], unsiloed["results_at_risk"]) == (unsiloed["last_run_at"], 0)


@pytest.mark.proves("check", "duckdb")
def test_check_says_what_is_well(synced: Synced) -> None:
    ran = synced.place.run("check")
    assert (ran.code, ran.err) == (0, "")
    urls = synced.place.emulator.base_urls
    assert ran.out.splitlines() == [
        f"llamacloud: the key is accepted at {urls['llamacloud']}; it comes from "
        "LLAMA_CLOUD_API_KEY",
        f"unsiloed: the key is accepted at {urls['unsiloed']}; it comes from UNSILOED_API_KEY",
        "left out, for want of a key: contextual (CONTEXTUAL_API_KEY), landingai "
        "(VISION_AGENT_API_KEY), reducto (REDUCTO_API_KEY)",
        "duckdb: connected; dataset docjobs has data. A scratch dataset was made, locked, filled, "
        f"merged into, read and dropped ({synced.place.folder / 'warehouse.duckdb'})",
    ]


@pytest.mark.slow
def test_check_says_what_is_wrong_and_how_to_mend_it(synced: Synced) -> None:
    place = synced.place
    ran = place.run("check", env={KEYS["llamacloud"]: "sk-wrong"})
    assert (ran.code, "llamacloud: GET" in ran.err, "EU key" in ran.err) == (3, True, True)
    assert "unsiloed: the key is accepted" in ran.out
    nobody = {setting("llamacloud", "base_url"): "http://127.0.0.1:1"}
    ran = place.run("check", "llamacloud", env={**nobody})
    assert (ran.code, "llamacloud: " in ran.err, "base_url" in ran.err) == (3, True, True)
    typo: dict[str, str | None] = {setting("llamacloud", "bse_url"): "x"}
    assert place.run("check", "llamacloud", env=typo).code == 2
    url = "postgresql://someone:hush@127.0.0.1:1/warehouse"
    env: dict[str, str | None] = {"DESTINATION__POSTGRES__CREDENTIALS": url}
    ran = place.run("check", "llamacloud", "--destination", "postgres", env=env)
    assert (ran.code, "postgres: the destination refused" in ran.err) == (3, True)
    assert "hush" not in ran.said


@pytest.mark.slow
def test_check_says_which_of_two_keys_is_used(synced: Synced) -> None:
    place = synced.place
    own: dict[str, str | None] = {
        setting("llamacloud", "api_key"): place.emulator.api_key,
        KEYS["llamacloud"]: "sk-another-key",
    }
    ran = place.run("check", "llamacloud", env=own)
    assert ran.code == 0 and "sk-another-key" not in ran.said
    assert f"it comes from {setting('llamacloud', 'api_key')}\n" in ran.out
    assert f"llamacloud: {KEYS['llamacloud']} holds another key, which is not used\n" in ran.out
    same = {**own, KEYS["llamacloud"]: place.emulator.api_key}
    assert "another key" not in place.run("check", "llamacloud", env=same).said


def test_check_says_of_whom_the_quality_has_changed(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    noon = datetime.now(timezone.utc).replace(hour=12, minute=0)
    for days in range(10, 1, -1):
        for number in range(2):
            place.emulator.add_job(
                "llamacloud",
                status="COMPLETED",
                tier="fast",
                created_at=noon - timedelta(days=days, hours=number),
                pages=10,
                failed_pages=range(1, 10) if days == 2 else (),
            )
    assert place.run("sync", "--no-views").code == 0
    ran = place.run("check", "--quality", "llamacloud")
    assert (ran.code, ran.err) == (1, "")
    day = (noon - timedelta(days=2)).date()
    head, worst, *_ = ran.out.splitlines()
    assert head.startswith("llamacloud: ")
    assert head.endswith(f" changed on {day - timedelta(days=1)} and {day}")
    assert worst == (
        f"  {day} (fast): failed_pages are 90.0% (18 of 20), were 0.0% in the 8 days before"
    )
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        connection.execute(f"DELETE FROM docjobs.jobs WHERE created_at >= '{day}'")
    ran = place.run("check", "--quality")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("llamacloud: none of ")


def test_check_of_quality_says_what_it_can_not_compare(synced: Synced) -> None:
    ran = synced.place.run("check", "--quality", "llamacloud")
    assert (ran.code, "too few results to compare" in ran.out) == (0, True)
    ran = synced.place.run("check", "--quality", "contextual")
    assert (ran.code, "nothing of contextual has been synced" in ran.err) == (2, True)


@pytest.mark.slow
def test_check_leaves_nothing_behind(synced: Synced, tmp_path: Path) -> None:
    def schemas(place: Place) -> list[tuple[Any, ...]]:
        return place.query("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL")

    before = schemas(synced.place)
    rows = synced.place.query("SELECT count(*) FROM docjobs._dlt_loads")
    assert synced.place.run("check", "llamacloud").code == 0
    assert schemas(synced.place) == before
    assert synced.place.query("SELECT count(*) FROM docjobs._dlt_loads") == rows
    place = Place(tmp_path, synced.place.emulator, ["llamacloud"])
    assert place.run("check").code == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# -- reset -------------------------------------------------------------------------------------


def test_reset_asks_and_takes_no_silence_for_a_yes(synced: Synced) -> None:
    place = synced.place
    ran = place.run("reset", "llamacloud")
    assert (ran.code, "add --yes to mean it" in ran.err) == (2, True)
    assert place.run("reset", "lamacloud", "--yes").code == 2
    assert "0 jobs removed" in place.run("reset", "llamacloud:eu", "--yes").out
    assert place.count("jobs", "provider = 'llamacloud'") == 4


def test_failed_results_are_loaded_again_where_that_is_asked_for(synced: Synced) -> None:
    place = synced.place
    place.emulator.faults.broken_results = {}
    assert place.run("sync", "llamacloud", "--reload", "failed").code == 0
    states = dict(place.query("SELECT job_id, results_state FROM docjobs.jobs"))
    assert (states["pjb-bad"], states["pjb-late"]) == ("loaded", "loaded")


# -- forget ------------------------------------------------------------------------------------


class Forgotten(NamedTuple):
    """A folder after jobs were forgotten, and what was said of it."""

    place: Place
    after: dict[str, int]
    said: str
    warned: str


@pytest.fixture(scope="module")
def forgotten(make_place: MakePlace) -> Forgotten:
    place = make_place("llamacloud", "unsiloed")
    add, faults = place.emulator.add_job, place.emulator.faults
    for job_id in ("pjb-gone", "pjb-kept", "pjb-told"):
        add("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    add("llamacloud", "extract", job_id="ext-of-gone", status="COMPLETED", parse_job_id="pjb-gone")
    add("unsiloed", job_id="uns-gone", status="Succeeded", pages=1)
    add("unsiloed", job_id="uns-kept", status="Succeeded", pages=1)
    place.env[setting("unsiloed", "job_ids_file")] = place.write("all.txt", "uns-gone\nuns-kept")
    place.env[setting("llamacloud", "max_retries")] = "0"
    faults.broken_results = {"pjb-told": 500}
    place.run("sync")
    faults.broken_results = {}
    gone = "job_id,job_kind\npjb-gone,parse\npjb-told,parse\nuns-gone,\njob-of-nobody,\n"
    ran = place.run("forget", "--job-ids-file", place.write("gone.csv", gone))
    assert ran.code == 0, ran.said
    return Forgotten(place, place.snapshot(), ran.out, ran.err)


def mentions(place: Place, *texts: str) -> set[tuple[str, str]]:
    """Texts, and the tables of any dataset in which they stand anywhere."""
    found = set()
    with duckdb.connect(str(place.folder / "warehouse.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"SELECT to_json(t)::VARCHAR FROM {table} t").fetchall()
            found |= {(text, table) for text in texts for (row,) in rows if text in row}
    return found


def test_forgotten_jobs_are_in_no_table(forgotten: Forgotten) -> None:
    assert forgotten.said == "4 named, 3 erased from every table\n"
    assert mentions(forgotten.place, "uns-gone", "pjb-told", "job-of-nobody") == set()
    # what another job says of it is that job's
    left = {table for _, table in mentions(forgotten.place, "pjb-gone")}
    assert left <= {"docjobs.jobs", "docjobs.extraction_results"}
    assert forgotten.place.query("SELECT DISTINCT job_id FROM docjobs.jobs ORDER BY 1") == [
        ("ext-of-gone",),
        ("pjb-kept",),
        ("uns-kept",),
    ]


def test_jobs_made_of_the_same_document_are_pointed_out(forgotten: Forgotten) -> None:
    assert "ext-of-gone" in forgotten.warned


@pytest.mark.slow
def test_forgotten_jobs_stay_away(forgotten: Forgotten) -> None:
    place = forgotten.place
    place.emulator.clear_requests()
    assert place.run("sync").code == 0
    assert mentions(place, "uns-gone", "pjb-told", "job-of-nobody") == set()
    paths = [record.path for record in place.emulator.requests]
    assert not any("gone" in path or "told" in path for path in paths), "nor are they asked for"
    assert place.snapshot() == forgotten.after


def test_reset_removes_one_account_and_the_next_sync_loads_it_again(forgotten: Forgotten) -> None:
    place = forgotten.place
    ran = place.run("reset", "llamacloud", "--yes")
    assert (ran.code, ran.out) == (0, "llamacloud: 2 jobs removed; the next sync starts anew\n")
    assert place.query("SELECT DISTINCT provider FROM docjobs.jobs") == [("unsiloed",)]
    assert place.query("SELECT DISTINCT provider FROM docjobs.sync_runs") == [("unsiloed",)]
    assert mentions(place, "pjb-kept") == set()
    assert place.run("sync", "llamacloud").code == 0
    assert place.snapshot() == forgotten.after, "what was forgotten stays away"
    assert place.count("jobs", "results_state <> 'loaded'") == 0


def test_forgetting_nobody(forgotten: Forgotten) -> None:
    place = forgotten.place
    ran = place.run("forget", "--job-ids-file", place.write("none.txt", ""))
    assert (ran.code, ran.out) == (0, "the file names no job; nothing was erased\n")
    assert place.run("forget", "--job-ids-file", "not there").code == 2


# -- emulate and demo --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--port", "99999"], "--port is from 0"),
        (["--jobs", "-1"], "--jobs is 0 or more"),
        (["--model-changes", "soon"], "--model-changes is a date"),
    ],
)
def test_emulate_refuses_what_makes_no_sense(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulate", *args]) == 2
    assert said in capsys.readouterr().err


def test_emulate_says_when_its_port_is_taken(
    synced: Synced, capsys: pytest.CaptureFixture[str]
) -> None:
    port = synced.place.emulator.origin.rsplit(":", 1)[1]
    assert main(["emulate", "--port", port]) == 2
    assert f"port {port} can't be used" in capsys.readouterr().err


@pytest.mark.slow
def test_the_demo_needs_no_key_and_leaves_its_warehouse(make_place: MakePlace) -> None:
    place = make_place()
    place.write(".dlt/config.toml", "[sources.docjobs.llamacloud]\ninclude_names = false\n")
    nothing = {**dict.fromkeys(KEYS.values()), "DESTINATION__DUCKDB__CREDENTIALS": "other.duckdb"}
    ran = place.spawn("demo", env=nothing)
    assert (ran.code, ran.err) == (0, ""), ran.said
    assert "First sync:" in ran.out and "Second sync:" in ran.out
    assert ran.out.split("Third sync")[1].count("nothing changed") == 3
    assert [path.name for path in place.folder.glob("*.duckdb")] == ["docjobs_demo.duckdb"]
    page = place.folder / "docjobs_demo.html"
    assert f"The charts are in {page.name}" in ran.out
    assert page.read_text("utf-8").count('class="chart"') >= 8
    names = place.query("SELECT document_name FROM docjobs.jobs", "docjobs_demo.duckdb")
    assert any("." in (name or "") for (name,) in names), "the folder's settings are not its own"
