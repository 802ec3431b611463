"""`docjobs sync` as a user tries it: a folder, environment variables, and what is printed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import duckdb
import pytest
from cli_support import KEYS, Place, Ran, setting
from conftest import MakePlace

from dlt_docjobs.emulator import RequestRecord

JSON_KEYS = [
    "provider account run_id ok exit_code error jobs_listed jobs_new jobs_changed status_events",
    "results_loaded chunks segments rejected requests retries throttled cursor open_jobs",
    "pending_results duration_seconds",
]


class Life(NamedTuple):
    """A folder after its first few syncs, and what each printed."""

    place: Place
    first: Ran
    named: Ran
    again: Ran
    counts: list[dict[str, int]]


@pytest.fixture(scope="module")
def life(make_place: MakePlace) -> Life:
    place = make_place(jobs=24)
    ran, counts = [], []
    for args in (
        ["sync", "--json"],
        ["sync", "unsiloed", "--job-ids-file", place.ids_file()],
        ["sync", "--progress", "none"],
    ):
        ran.append(place.run(*args))
        counts.append(place.snapshot())
    return Life(place, *ran, counts=counts)  # type: ignore[arg-type]


def test_no_provider_means_every_one_with_a_key(life: Life) -> None:
    assert life.first.code == 0, life.first.said
    life.place.assert_everything_loaded("llamacloud")
    life.place.assert_everything_loaded("contextual")


def test_json_is_one_object_with_the_keys_of_the_contract(life: Life) -> None:
    assert list(life.first.json) == ["exit_code", "providers"]
    assert [entry["provider"] for entry in life.first.json["providers"]] == list(KEYS)
    for entry in life.first.json["providers"]:
        assert list(entry) == " ".join(JSON_KEYS).split()
    entry = life.first.provider("llamacloud")
    assert (entry["ok"], entry["exit_code"], entry["error"]) == (True, 0, None)
    assert entry["jobs_new"] == len(life.place.emulator.jobs("llamacloud"))
    assert datetime.fromisoformat(entry["cursor"].replace("Z", "+00:00")).tzinfo is not None


def test_a_provider_without_named_jobs_is_a_warning_in_a_sync_of_all(life: Life) -> None:
    entry = life.first.provider("unsiloed")
    assert (entry["ok"], entry["exit_code"], entry["error"]) == (True, 0, None)
    assert "docjobs sync: warning: unsiloed publishes no list of jobs" in life.first.err


def test_named_jobs_are_loaded_and_known_from_then_on(life: Life) -> None:
    assert (life.named.code, life.again.err) == (0, ""), life.named.said
    life.place.assert_everything_loaded("unsiloed")


def test_another_sync_changes_nothing_and_says_so(life: Life) -> None:
    assert life.again.code == 0
    lines = life.again.out.splitlines()
    assert [line.split()[0] for line in lines] == list(KEYS)
    assert all("nothing changed" in line for line in lines)
    assert life.counts[1] == life.counts[2]


def test_every_run_leaves_a_row_and_a_warning_is_none(life: Life) -> None:
    rows = life.place.query("SELECT provider, count(*) FROM docjobs.sync_runs GROUP BY ALL")
    assert dict(rows) == dict.fromkeys(KEYS, 2)
    assert life.place.count("sync_runs", "not ok") == 0


def test_only_the_named_provider_is_asked(make_place: MakePlace) -> None:
    place = make_place()
    place.emulator.add_job("contextual", status="completed", pages=1)
    ran = place.run("sync", "contextual", "--json")
    assert [entry["provider"] for entry in ran.json["providers"]] == ["contextual"]
    assert {record.provider for record in place.emulator.requests} == {"contextual"}


# -- which jobs --------------------------------------------------------------------------------


def days_ago(days: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(days=days)


def test_a_window_is_half_open_and_leaves_the_cursor_alone(make_place: MakePlace) -> None:
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
    ran = place.run("sync", *window, "--json")
    assert (ran.code, ran.provider("llamacloud")["cursor"]) == (0, None), ran.said
    loaded = [("pjb-day-1", "loaded"), ("pjb-day-2", "loaded")]
    query = "SELECT job_id, results_state FROM docjobs.jobs ORDER BY 1"
    assert place.query(query) == loaded
    again = place.run("sync", *window, "--json").provider("llamacloud")
    assert (again["results_loaded"], again["jobs_changed"]) == (0, 0)


def test_without_results_and_then_with_them(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    place.emulator.add_job("llamacloud", "extract", status="COMPLETED")
    ran = place.run("sync", "--no-results", "--json").provider("llamacloud")
    assert (ran["jobs_new"], ran["results_loaded"]) == (2, 0)
    assert place.count("jobs", "results_state = 'skipped'") == 2
    again = place.run("sync", "--reload", "skipped", "--json").provider("llamacloud")
    assert again["results_loaded"] == 2
    place.assert_everything_loaded("llamacloud")
    assert place.count("chunks") == 1


FORMS = {
    "ids.csv": "name,job_id,job_kind\na,uns-1,parse\nb,uns-2,\nc,ext-1,extract\n",
    "ids.jsonl": '{"job_id": "uns-1"}\n{"job_id": "ext-1", "job_kind": "extract"}\n"uns-2"\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_ids_is_csv_or_jsonl(form: str, make_place: MakePlace) -> None:
    place = make_place("unsiloed")
    for job_id in ("uns-1", "uns-2"):
        place.emulator.add_job("unsiloed", job_id=job_id, status="Succeeded", pages=1)
    place.emulator.add_job("unsiloed", "extract", job_id="ext-1", status="completed")
    ran = place.run("sync", "unsiloed", "--job-ids-file", place.write(form, FORMS[form]))
    assert ran.code == 0, ran.said
    expected = [("extract", "ext-1"), ("parse", "uns-1"), ("parse", "uns-2")]
    assert place.query("SELECT job_kind, job_id FROM docjobs.jobs ORDER BY 1, 2") == expected
    assert place.count("jobs", "results_state <> 'loaded'") == 0


def test_a_file_of_ids_is_text_and_narrows_a_provider_with_a_list(make_place: MakePlace) -> None:
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


def test_following_ends_at_the_deadline(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", status="RUNNING", hang=True)
    ran = place.run("sync", "--follow", "0.1", "--deadline", "1", "--json")
    entry = ran.provider("llamacloud")
    assert (ran.code, entry["ok"], entry["open_jobs"], entry["jobs_new"]) == (1, False, 1, 1)
    assert "deadline" in entry["error"]


def test_a_deadline_loads_what_it_has_and_the_next_sync_the_rest(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    for _ in range(12):
        place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    place.env[setting("llamacloud", "max_concurrency")] = "1"
    place.emulator.faults.latency_seconds = 0.25
    ran = place.run("sync", "--deadline", "1.5", "--json")
    entry = ran.provider("llamacloud")
    assert (ran.code, entry["exit_code"], entry["jobs_new"]) == (1, 1, 12), ran.said
    assert "the deadline came before everything was fetched" in entry["error"]
    assert entry["results_loaded"] + entry["pending_results"] == 12
    assert entry["pending_results"] > 0
    assert place.count("sync_runs", "not ok AND exit_code = 1") == 1
    place.emulator.faults.latency_seconds = 0
    assert place.run("sync").code == 0
    place.assert_everything_loaded("llamacloud")


# -- where from, where to ----------------------------------------------------------------------


def test_configuration_comes_from_the_folder(make_place: MakePlace) -> None:
    place = make_place()
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1, document_name="a.pdf")
    urls, key = place.emulator.base_urls, place.emulator.api_key
    del place.env[KEYS["llamacloud"]], place.env[KEYS["contextual"]], place.env[KEYS["unsiloed"]]
    del place.env[setting("llamacloud", "base_url")]
    place.write(
        ".dlt/secrets.toml",
        f'[sources.docjobs.llamacloud]\napi_key = "{key}"\n'
        '[destination.duckdb.credentials]\ndatabase = "mine.duckdb"\n',
    )
    place.write(
        ".dlt/config.toml",
        f'[sources.docjobs.llamacloud]\nbase_url = "{urls["llamacloud"]}"\ninclude_names = false\n',
    )
    ran = place.run("sync", "--json")
    assert [entry["provider"] for entry in ran.json["providers"]] == ["llamacloud"]
    assert (ran.code, ran.err) == (0, "")
    names = place.query("SELECT document_name FROM docjobs.jobs", "mine.duckdb")
    assert len(names) == 1 and names[0][0] != "a.pdf"
    assert not (place.folder / "warehouse.duckdb").exists()


def test_each_account_has_its_own_key_pipeline_and_rows(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", job_id="pjb-1", status="CANCELLED")
    place.env[setting("contextual_eu", "api_key")] = place.emulator.api_key
    place.env[setting("contextual_eu", "base_url")] = place.emulator.base_urls["contextual"]
    place.emulator.add_job("contextual", job_id="ctx-1", status="cancelled")
    ran = place.run("sync", "--json")
    found = [(entry["provider"], entry["account"]) for entry in ran.json["providers"]]
    assert found == [("llamacloud", "default"), ("contextual", "eu")], ran.said
    rows = place.query("SELECT job_id, account FROM docjobs.jobs ORDER BY 1")
    assert rows == [("ctx-1", "eu"), ("pjb-1", "default")]
    assert "contextual:eu\n" in place.run("status").out


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
    from dlt_docjobs.cli.pipelines import Account, make_pipeline
    from dlt_docjobs.sync.destinations import prepare

    account = Account("llamacloud")
    pipeline = make_pipeline(account, "duckdb", "docjobs")
    prepare(pipeline)
    pipeline.sync_destination()
    pipeline.extract(account.source())
    assert pipeline.has_pending_data


def test_a_waiting_package_is_loaded_first(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", job_id="pjb-1", status="RUNNING")
    place.run("sync")
    place.emulator.set_status("pjb-1", "COMPLETED")
    with place.inside():
        leave_a_package_pending()
    asked = len(place.emulator.requests)
    entry: dict[str, Any] = json.loads(place.run("sync", "--json").out)["providers"][0]
    assert entry["jobs_changed"] == 0, "the package had brought it"
    assert len(place.emulator.requests) > asked
    place.assert_everything_loaded("llamacloud")
