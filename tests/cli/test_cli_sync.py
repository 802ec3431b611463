"""`docjobs sync` as a user tries it: a folder, environment variables, and what is printed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import duckdb
import pytest
from cli_support import KEYS, MakePlace, Place, Ran, setting

from dlt_docjobs.emulator import RequestRecord

JSON_KEYS = [
    "provider account run_id ok exit_code error jobs_listed jobs_new jobs_changed status_events",
    "results_loaded chunks segments rejected requests retries throttled cursor open_jobs",
    "pending_results duration_seconds",
]


class Life(NamedTuple):
    """A folder after its first three syncs, and what each printed.

    LlamaCloud is configured in files, Contextual AI as an account `eu`, Unsiloed by variables.
    """

    place: Place
    first: Ran
    named: Ran
    again: Ran
    counts: list[dict[str, int]]


@pytest.fixture(scope="module")
def life(make_place: MakePlace) -> Life:
    place = make_place("unsiloed", jobs=12)
    urls, key = place.emulator.base_urls, place.emulator.api_key
    del place.env[setting("llamacloud", "base_url")]
    place.write(".dlt/secrets.toml", f'[sources.docjobs.llamacloud]\napi_key = "{key}"\n')
    place.write(
        ".dlt/config.toml",
        f'[sources.docjobs.llamacloud]\nbase_url = "{urls["llamacloud"]}"\ninclude_names = false\n',
    )
    place.env[setting("contextual_eu", "api_key")] = key
    place.env[setting("contextual_eu", "base_url")] = urls["contextual"]
    ran, counts = [], []
    for args in (
        ["sync", "--json"],
        ["sync", "unsiloed", "--job-ids-file", place.ids_file("ids.jsonl")],
        ["sync", "--progress", "none"],
    ):
        ran.append(place.run(*args))
        counts.append(place.snapshot())
    return Life(place, *ran, counts=counts)  # type: ignore[arg-type]


@pytest.mark.slow
def test_no_provider_means_every_account_with_a_key(life: Life) -> None:
    assert life.first.code == 0, life.first.said
    found = [(entry["provider"], entry["account"]) for entry in life.first.json["providers"]]
    assert found == [("contextual", "eu"), ("llamacloud", "default"), ("unsiloed", "default")]
    life.place.assert_everything_loaded("llamacloud")
    life.place.assert_everything_loaded("contextual")


def test_json_is_one_object_with_the_keys_of_the_contract(life: Life) -> None:
    assert list(life.first.json) == ["exit_code", "providers"]
    for entry in life.first.json["providers"]:
        assert list(entry) == " ".join(JSON_KEYS).split()
    entry = life.first.provider("llamacloud")
    assert (entry["ok"], entry["exit_code"], entry["error"]) == (True, 0, None)
    assert entry["jobs_new"] == len(life.place.emulator.jobs("llamacloud"))
    assert datetime.fromisoformat(entry["cursor"].replace("Z", "+00:00")).tzinfo is not None


def test_settings_come_from_the_folders_files(life: Life) -> None:
    names = life.place.query("SELECT document_name FROM docjobs.jobs WHERE provider = 'llamacloud'")
    assert names and not any("." in (name or "") for (name,) in names), "include_names is false"


def test_an_account_has_its_own_rows_and_pipeline(life: Life) -> None:
    rows = life.place.query("SELECT DISTINCT provider, account FROM docjobs.jobs ORDER BY 1")
    assert rows == [("contextual", "eu"), ("llamacloud", "default"), ("unsiloed", "default")]
    assert (life.place.folder / ".data/pipelines/docjobs_contextual_eu").is_dir()
    assert "\ncontextual:eu  " in life.place.run("status").out


def test_a_provider_without_named_jobs_is_a_warning_in_a_sync_of_all(life: Life) -> None:
    entry = life.first.provider("unsiloed")
    assert (entry["ok"], entry["exit_code"], entry["error"]) == (True, 0, None)
    assert "docjobs sync: warning: unsiloed publishes no list of jobs" in life.first.err


def test_named_jobs_are_loaded_and_known_from_then_on(life: Life) -> None:
    assert (life.named.code, life.again.err) == (0, ""), life.named.said
    life.place.assert_everything_loaded("unsiloed")


def test_another_sync_changes_nothing_and_says_so(life: Life) -> None:
    assert life.again.code == 0
    [line] = life.again.out.splitlines()
    said = r"contextual:eu, llamacloud, unsiloed: nothing changed"
    assert re.fullmatch(rf"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ {said}", line)
    assert life.counts[1] == life.counts[2]


def test_every_run_leaves_a_row_and_a_warning_is_none(life: Life) -> None:
    rows = life.place.query("SELECT provider, count(*) FROM docjobs.sync_runs GROUP BY ALL")
    assert dict(rows) == dict.fromkeys(KEYS, 2)
    assert life.place.count("sync_runs", "not ok") == 0


# -- which jobs --------------------------------------------------------------------------------


def days_ago(days: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(days=days)


@pytest.mark.slow
def test_a_window_without_results_and_then_with_them(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    first = days_ago(9).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(4):
        created = first + timedelta(days=day)
        job_id = f"pjb-day-{day}"
        place.emulator.add_job(
            "llamacloud", job_id=job_id, status="COMPLETED", created_at=created, pages=1
        )
    window = ("--since", f"{first + timedelta(days=1):%Y-%m-%d}")
    window += ("--until", (first + timedelta(days=3)).isoformat())
    ran = place.run("sync", *window, "--no-results", "--json")
    entry = ran.provider("llamacloud")
    assert (ran.code, entry["cursor"], entry["results_loaded"]) == (0, None, 0), ran.said
    states = "SELECT job_id, results_state FROM docjobs.jobs ORDER BY 1"
    assert place.query(states) == [("pjb-day-1", "skipped"), ("pjb-day-2", "skipped")]
    entry = place.run("sync", "--reload", "skipped", "--json").provider("llamacloud")
    assert entry["results_loaded"] == 2
    assert place.query(states) == [("pjb-day-1", "loaded"), ("pjb-day-2", "loaded")]
    assert place.count("chunks") == 2
    entry = place.run("sync", *window, "--json").provider("llamacloud")
    assert (entry["results_loaded"], entry["jobs_changed"], entry["cursor"]) == (0, 0, None)


def test_a_file_of_ids_may_be_csv(make_place: MakePlace) -> None:
    place = make_place("unsiloed")
    for job_id in ("uns-1", "uns-2"):
        place.emulator.add_job("unsiloed", job_id=job_id, status="Succeeded", pages=1)
    place.emulator.add_job("unsiloed", "extract", job_id="ext-1", status="completed")
    ids = "name,job_id,job_kind\na,uns-1,parse\nb,uns-2,\nc,ext-1,extract\n"
    ran = place.run("sync", "unsiloed", "--job-ids-file", place.write("ids.csv", ids))
    assert ran.code == 0, ran.said
    place.assert_everything_loaded("unsiloed")


def test_a_file_of_ids_may_be_text_and_narrows_a_provider_with_a_list(
    make_place: MakePlace,
) -> None:
    place = make_place("llamacloud")
    for job_id in ("pjb-1", "pjb-2"):
        place.emulator.add_job("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    ran = place.run("sync", "--job-ids-file", place.write("i.txt", "# mine\n\npjb-2\n"))
    assert ran.code == 0, ran.said
    assert place.query("SELECT job_id, results_state FROM docjobs.jobs") == [("pjb-2", "loaded")]


# -- how long ----------------------------------------------------------------------------------


def test_follow_asks_until_every_job_has_ended(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    emulator = place.emulator
    for job_id in ("pjb-a", "pjb-b"):
        emulator.add_job("llamacloud", job_id=job_id, status="RUNNING", pages=1)
    polls: list[RequestRecord] = []

    def live(record: RequestRecord) -> None:
        polls.append(record)
        if len(polls) == 4:
            emulator.set_status("pjb-a", "COMPLETED")
        elif len(polls) == 6:
            emulator.set_status("pjb-b", "FAILED")

    emulator.faults.on_request = live
    ran = place.run("sync", "--follow", "0.05", "--json", "--deadline", "50")
    entry = ran.provider("llamacloud")
    assert (ran.code, entry["open_jobs"], entry["results_loaded"]) == (0, 0, 1), ran.said
    events = (
        "SELECT status FROM docjobs.job_status_history WHERE job_id = 'pjb-a' ORDER BY sequence"
    )
    assert place.query(events) == [("queued",), ("running",), ("succeeded",)]
    place.assert_everything_loaded("llamacloud")


@pytest.mark.slow
def test_a_deadline_loads_what_it_has_and_the_next_sync_the_rest(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    for _ in range(6):
        place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    place.env[setting("llamacloud", "max_concurrency")] = "1"
    faults = place.emulator.faults

    def stall(record: RequestRecord) -> None:
        # the lists and some results come, then the provider falls asleep
        if len(place.emulator.requests) >= 4:
            faults.latency_seconds = 60

    faults.on_request = stall
    ran = place.run("sync", "--deadline", "4", "--json")
    entry = ran.provider("llamacloud")
    assert (ran.code, entry["exit_code"], entry["jobs_new"]) == (1, 1, 6), ran.said
    assert "the deadline came before everything was fetched" in entry["error"]
    assert entry["results_loaded"] + entry["pending_results"] == 6
    assert entry["results_loaded"] > 0 and entry["pending_results"] > 0
    assert place.count("sync_runs", "not ok AND exit_code = 1") == 1
    faults.on_request, faults.latency_seconds = None, 0
    assert place.run("sync").code == 0
    place.assert_everything_loaded("llamacloud")


# -- where to ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_changed_destination_loses_nothing(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    other = {"DESTINATION__DUCKDB__CREDENTIALS": "other.duckdb"}
    for job_id in ("pjb-1", "pjb-2"):
        place.emulator.add_job("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    place.run("sync", "llamacloud")
    with duckdb.connect(str(place.folder / "other.duckdb")) as connection:
        # dlt starts anew where there is no dataset at all, and only there
        connection.execute("CREATE SCHEMA docjobs")
    place.emulator.add_job("llamacloud", job_id="pjb-3", status="COMPLETED", pages=1)
    with place.inside():
        leave_a_package_pending()
    ran = place.run("sync", "llamacloud", env=other)
    assert ran.code == 0, ran.said
    rows = place.query("SELECT job_id, results_state FROM docjobs.jobs ORDER BY 1", "other.duckdb")
    assert rows == [(f"pjb-{number}", "loaded") for number in (1, 2, 3)]
    assert place.query("SELECT count(*) FROM docjobs.chunks", "other.duckdb") == [(3,)]


def leave_a_package_pending() -> None:
    """As a crash between extracting and loading does."""
    from dlt_docjobs.accounts.pipelines import Account, make_pipeline
    from dlt_docjobs.warehouse.connection import prepare

    account = Account("llamacloud")
    pipeline = make_pipeline(account, "duckdb", "docjobs")
    prepare(pipeline)
    pipeline.sync_destination()
    pipeline.extract(account.source())
    assert pipeline.has_pending_data
