"""What jobs go through, over several syncs: late ends, ways back, errors, expiry, new results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from conformance_bench import (
    FAILURE_WORD,
    KINDS,
    LISTING,
    PROVIDERS,
    QUEUED_WORD,
    RESULTS,
    RUNNING_WORD,
    SUCCESS_WORD,
    Bench,
    MakeBench,
    asks_for_result,
    result_of,
)

from dlt_docjobs.emulator import RequestRecord, TrueJob
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import (
    Row,
    Tables,
    events_of,
    job_row,
    of_job,
    statuses_of,
    without,
)

OTHER_QUEUE = {
    ("llamacloud", "extract"): "THROTTLED",
    ("unsiloed", "parse"): "Queued",
}
WAY_BACK = {
    "llamacloud": ("RUNNING", "PENDING", "RUNNING", "COMPLETED"),
    "contextual": ("processing", "retrying", "processing", "completed"),
    "unsiloed": ("Processing", "Starting", "Processing", "Succeeded"),
    # Pending is said of running jobs, too
    "reducto": ("InProgress", "Completing", "InProgress", "Completed"),
    "landingai": ("processing", "pending", "processing", "completed"),
}
SYNCS = 6
# how long doubt lasts is tested elsewhere: from the second sync on there is none
CERTAIN = {"gone_after_seconds": 0, "retry_results_days": 0}
POLL_OPEN_DAYS = 5


@dataclass
class Life:
    """An account over six syncs; what the n-th left and asked for stands under n."""

    provider: str
    bench: Bench
    jobs: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: dict[int, SyncRun] = field(default_factory=dict)
    tables: dict[int, Tables] = field(default_factory=dict)
    loads: dict[int, list[str]] = field(default_factory=dict)
    requests: dict[int, list[RequestRecord]] = field(default_factory=dict)

    def add(self, name: str, kind: str, **options: Any) -> None:
        job = self.bench.emulator.add_job(self.provider, kind, **options)  # type: ignore[arg-type]
        self.jobs[kind, name] = job.job_id

    def sync(self, **arguments: Any) -> None:
        number = len(self.runs) + 1
        certain = CERTAIN if number > 1 else {}
        arguments |= {"poll_open_days": POLL_OPEN_DAYS, **certain}
        run = self.bench.sync(self.provider, **arguments)
        self.runs[number] = run
        self.tables[number] = self.bench.tables()
        self.loads[number] = self.bench.loads()
        self.requests[number] = self.bench.requests

    def job(self, name: str, kind: str) -> str:
        if (kind, name) not in self.jobs:
            pytest.skip(f"{self.provider} has no such {kind} job")
        return self.jobs[kind, name]

    def row(self, number: int, name: str, kind: str) -> Row:
        return job_row(self.tables[number], self.job(name, kind))

    def statuses(self, number: int, name: str, kind: str) -> list[str]:
        return statuses_of(self.tables[number], self.job(name, kind))

    def asked(self, number: int, name: str, kind: str) -> list[RequestRecord]:
        job_id = self.job(name, kind)
        return [
            record
            for record in self.requests[number]
            if job_id in record.path.split("/") or ("job_ids", job_id) in record.query
        ]

    def truth(self, names: Sequence[str] = (), apart: Sequence[str] = ()) -> list[TrueJob]:
        chosen = {
            job_id
            for (_, name), job_id in self.jobs.items()
            if (not names or name in names) and name not in apart
        }
        return [job for job in self.bench.emulator.jobs() if job.job_id in chosen]


def populate(life: Life, kind: str) -> None:
    """The jobs of a kind as the first sync finds them."""
    provider = life.provider
    now = datetime.now(timezone.utc)
    running, success = RUNNING_WORD[provider, kind], SUCCESS_WORD[provider, kind]
    three = result_of(provider, kind, ["one", "two", "three"])
    faults = life.bench.emulator.faults

    def ago(**parts: float) -> datetime:
        return now - timedelta(**parts)

    life.add("late", kind, status=running, created_at=ago(days=3), hang=True, result=three)
    life.add("hanging", kind, status=running, created_at=ago(days=6), hang=True)
    life.add(
        *("failing", kind),
        status=running,
        created_at=ago(hours=2),
        hang=True,
        error_message="No pages in it",
    )
    life.add("gone open", kind, status=running, created_at=ago(days=2), hang=True)
    life.add("gone loaded", kind, status=success, created_at=ago(minutes=20), result=three)
    life.add("shrinks", kind, status=success, created_at=ago(minutes=20), result=three)
    life.add("vanishes", kind, status=success, created_at=ago(minutes=20), result=three)
    life.add("working", kind, pages=30)
    life.add("bouncing", kind, status=running, created_at=ago(days=1), hang=True, result=three)
    life.add("odd", kind, status=running, created_at=ago(days=1), hang=True, result=three)
    faults.status_overrides[life.jobs[kind, "odd"]] = "Migrating"
    if (provider, kind) in OTHER_QUEUE:
        queued = QUEUED_WORD[provider, kind]
        life.add("queued", kind, status=queued, created_at=ago(hours=5), hang=True)
    if (provider, kind) != ("unsiloed", "extract"):
        # whose answers are their results: broken ones are not even known of
        life.add("flaky", kind, status=success, created_at=ago(days=2), result=three)
        life.add("gone pending", kind, status=success, created_at=ago(days=2), result=three)
        life.add("garbage", kind, status=success, created_at=ago(days=2), result=three)
        faults.broken_results[life.jobs[kind, "flaky"]] = 500
        faults.broken_results[life.jobs[kind, "gone pending"]] = 500
        faults.broken_results[life.jobs[kind, "garbage"]] = "garbage"
    if provider in ("llamacloud", "unsiloed") and kind == "parse":
        # it is known here that the job ended long ago
        life.add("result gone", kind, status=success, created_at=ago(days=2), result=three)
        faults.broken_results[life.jobs[kind, "result gone"]] = 404
    if provider in ("llamacloud", "landingai") and kind == "parse":
        created = ago(days=2)
        life.add("patchy", kind, status=success, created_at=created, pages=4, failed_pages=[2, 4])


@pytest.fixture(scope="module", params=PROVIDERS)
def life(request: pytest.FixtureRequest, make_bench: MakeBench) -> Life:
    """Six syncs, with the world going on in between."""
    provider = request.param
    life = Life(provider, make_bench())
    emulator = life.bench.emulator
    faults, jobs = emulator.faults, life.jobs
    for kind in KINDS:
        populate(life, kind)
    life.sync()

    for kind in KINDS:
        for name in ("gone open", "gone pending", "gone loaded"):
            if (kind, name) in jobs:
                emulator.expire(jobs[kind, name])
        faults.broken_results.pop(jobs.get((kind, "flaky"), ""), None)
        for name in ("shrinks", "vanishes"):
            emulator.set_status(jobs[kind, name], RUNNING_WORD[provider, kind])
        emulator.set_status(jobs[kind, "bouncing"], WAY_BACK[provider][1])
        if (kind, "queued") in jobs:
            emulator.set_status(jobs[kind, "queued"], OTHER_QUEUE[provider, kind])
    emulator.advance(40)
    life.sync()

    for kind in KINDS:
        life.add("born", kind, status=SUCCESS_WORD[provider, kind], pages=2)
        for name, texts in (("shrinks", ["only"]), ("vanishes", [])):
            emulator.reprocess(jobs[kind, name], result=result_of(provider, kind, texts))
            emulator.set_status(jobs[kind, name], SUCCESS_WORD[provider, kind])
        emulator.set_status(jobs[kind, "failing"], FAILURE_WORD[provider, kind])
        emulator.set_status(jobs[kind, "bouncing"], WAY_BACK[provider][2])
    emulator.advance(40)
    life.sync()

    for kind in KINDS:
        emulator.set_status(jobs[kind, "late"], SUCCESS_WORD[provider, kind])
        emulator.set_status(jobs[kind, "bouncing"], SUCCESS_WORD[provider, kind])
        del faults.status_overrides[jobs[kind, "odd"]]
        emulator.set_status(jobs[kind, "odd"], SUCCESS_WORD[provider, kind])
    emulator.advance(3600)
    life.sync()

    life.sync()

    faults.broken_results.clear()
    life.sync(reload="failed")
    return life


# -- every sync ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, SYNCS + 1))
def test_the_warehouse_is_sound_after_every_sync(life: Life, number: int) -> None:
    assert_sound(life.tables[number], life.loads[number])


@pytest.mark.parametrize("number", range(1, SYNCS + 1))
def test_the_history_is_true_after_every_sync(life: Life, number: int) -> None:
    tables = dict(life.tables[number])
    odd = {life.jobs[kind, "odd"] for kind in KINDS}
    tables["job_status_history"] = [
        row for row in tables["job_status_history"] if row["job_id"] not in odd
    ]
    assert_history_true(tables, life.bench.emulator.jobs())


@pytest.mark.parametrize("number", range(2, SYNCS + 1))
def test_a_written_event_is_never_rewritten(life: Life, number: int) -> None:
    before = {row["event_id"]: row for row in life.tables[number - 1]["job_status_history"]}
    after = {row["event_id"]: row for row in life.tables[number]["job_status_history"]}
    assert {key: after[key] for key in before} == before


def test_in_the_end_everything_is_there(life: Life) -> None:
    names = ("late", "failing", "shrinks", "vanishes", "working", "born", "bouncing", "odd")
    truth = life.truth((*names, "flaky", "patchy", "queued", "garbage", "hanging"))
    assert_complete(life.tables[SYNCS], truth)


# -- late changes -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_job_that_ends_late_is_caught(life: Life, kind: str) -> None:
    for number in (1, 2, 3):
        row = life.row(number, "late", kind)
        assert (row["status"], row["results_state"]) == ("running", "not_ready")
    created = life.row(1, "late", kind)["created_at"]
    assert created < life.runs[3].cursor - timedelta(days=1)
    assert life.row(4, "late", kind)["results_state"] == "loaded"
    assert life.statuses(4, "late", kind)[-2:] == ["running", "succeeded"]
    table = "chunks" if kind == "parse" else "extraction_results"
    rows = of_job(life.tables[4], table, life.job("late", kind))
    assert len(rows) == (3 if kind == "parse" else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_job_is_found(life: Life, kind: str) -> None:
    assert not of_job(life.tables[2], "jobs", life.job("born", kind))
    assert life.row(3, "born", kind)["results_state"] == "loaded"


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_keeps_its_reason(life: Life, kind: str) -> None:
    row = life.row(3, "failing", kind)
    assert (row["status"], row["results_state"]) == ("failed", "none")
    event = events_of(life.tables[3], life.job("failing", kind))[-1]
    assert (event["status"], event["is_terminal"]) == ("failed", True)
    if life.provider != "contextual":
        assert row["error_message"] == event["error_message"] == "No pages in it"


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_goes_back_gets_an_event_each_time(life: Life, kind: str) -> None:
    way = life.statuses(4, "bouncing", kind)
    back = {"contextual": "retrying", "reducto": "running"}.get(life.provider, "queued")
    assert way == ["queued", "running", back, "running", "succeeded"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_within_a_canonical_status_is_an_event(life: Life, kind: str) -> None:
    job_id = life.job("queued", kind)
    events = events_of(life.tables[2], job_id)
    assert [event["status"] for event in events] == ["queued", "queued"]
    words = [QUEUED_WORD[life.provider, kind], OTHER_QUEUE[life.provider, kind]]
    assert [event["provider_status"] for event in events] == words
    assert len(events_of(life.tables[5], job_id)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_status_is_kept_and_asked_for_again(life: Life, kind: str) -> None:
    for number in (1, 2, 3):
        row = life.row(number, "odd", kind)
        assert (row["status"], row["provider_status"]) == ("unknown", "Migrating")
        assert not row["is_terminal"]
        assert life.statuses(number, "odd", kind).count("unknown") == 1
    assert life.row(4, "odd", kind)["results_state"] == "loaded"
    assert life.statuses(4, "odd", kind)[-1] == "succeeded"
    assert life.runs[1].exit_code == 1  # for other reasons
    assert "Migrating" not in (life.runs[1].error or "")


def all_ids(life: Life) -> set[str]:
    """The ids of all jobs."""
    return set(life.jobs.values())


# -- results ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_fails_to_come_stays_pending_and_comes_later(life: Life, kind: str) -> None:
    assert life.row(1, "flaky", kind)["results_state"] == "pending"
    assert life.row(2, "flaky", kind)["results_state"] == "loaded"
    assert len(life.asked(3, "flaky", kind)) == 0


def test_a_run_with_failures_says_so_and_the_next_is_well(life: Life) -> None:
    first = life.runs[1]
    assert (first.ok, first.exit_code) == (False, 1)
    assert first.error
    withheld = [*life.truth(("flaky", "gone pending", "garbage", "result gone"))]
    assert first.pending_results == len(withheld) >= 4
    assert "pending" in first.error
    for number in (2, 3, 4, 5):
        run = life.runs[number]
        assert (run.ok, run.exit_code, run.error) == (True, 0, None)
        assert run.pending_results == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_cannot_be_read_is_set_aside_whole(life: Life, kind: str) -> None:
    job_id = life.job("garbage", kind)
    for number in (1, 2, 3, 4, 5):
        state = "failed" if number > 1 else "pending"
        assert life.row(number, "garbage", kind)["results_state"] == state
        (record,) = of_job(life.tables[number], "rejected_records", job_id)
        assert record["job_kind"] == kind
        assert record["error"]
        assert "garbage" in record["payload"]
        json.loads(record["payload"])
    assert life.asked(2, "garbage", kind)
    assert life.asked(3, "garbage", kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_reload_fetches_what_had_failed_and_nothing_else(life: Life, kind: str) -> None:
    assert life.row(6, "garbage", kind)["results_state"] == "loaded"
    garbage = {job_id for (_, name), job_id in life.jobs.items() if name == "garbage"}
    # Unsiloed's jobs are named, and so looked at first
    asked = [
        record
        for record in life.requests[6]
        if asks_for_result(record) or life.provider != "unsiloed"
    ]
    assert {part for record in asked for part in record.path.split("/")} & all_ids(life) == garbage
    assert life.runs[6].exit_code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_result_with_fewer_rows_leaves_no_orphan(life: Life, kind: str) -> None:
    job_id = life.job("shrinks", kind)
    assert life.row(2, "shrinks", kind)["status"] == "running"
    assert life.row(3, "shrinks", kind)["results_state"] == "loaded"
    if kind == "extract":
        (row,) = of_job(life.tables[3], "extraction_results", job_id)
        assert row["result"] == '{"field":["only"]}'
        return
    for name in ("pages", "chunks", "segments"):
        assert len(of_job(life.tables[1], name, job_id)) == 3
        assert len(of_job(life.tables[3], name, job_id)) == 1
    assert of_job(life.tables[3], "segments", job_id)[0]["content"] == "only"
    if life.provider == "unsiloed":
        assert len(of_job(life.tables[1], "segment_ocr", job_id)) == 3
        assert len(of_job(life.tables[3], "segment_ocr", job_id)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_result_with_nothing_in_it_leaves_nothing(life: Life, kind: str) -> None:
    job_id = life.job("vanishes", kind)
    assert life.row(3, "vanishes", kind)["results_state"] == "loaded"
    if kind == "extract":
        (row,) = of_job(life.tables[3], "extraction_results", job_id)
        assert row["result"] == '{"field":[]}'
        return
    for name in RESULTS:
        assert not of_job(life.tables[3], name, job_id)
    row = life.row(3, "vanishes", kind)
    assert (row["chunk_count"], row["segment_count"]) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_processed_again_has_both_lives_in_its_history(life: Life, kind: str) -> None:
    expected = ["queued", "running", "succeeded", "running", "succeeded"]
    found = life.statuses(3, "shrinks", kind)
    if life.provider != "unsiloed" or kind == "extract":
        # nobody looked while it ran for the first time
        expected = ["queued", "succeeded", "running", "succeeded"]
    assert found == expected


def test_failed_pages_are_rows_and_make_no_chunk(life: Life) -> None:
    job_id = life.job("patchy", "parse")
    row = life.row(1, "patchy", "parse")
    assert (row["page_count"], row["failed_page_count"], row["chunk_count"]) == (4, 2, 2)
    pages = of_job(life.tables[1], "pages", job_id)
    assert [page["is_failed"] for page in pages] == [False, True, False, True]
    assert [bool(page["error_message"]) for page in pages] == [False, True, False, True]
    chunks = of_job(life.tables[1], "chunks", job_id)
    assert [(chunk["chunk_index"], chunk["page_number"]) for chunk in chunks] == [(0, 1), (1, 3)]


# -- expiry -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_job_that_is_gone_gets_an_event_and_keeps_its_status(life: Life, kind: str) -> None:
    before, after = life.row(1, "gone open", kind), life.row(2, "gone open", kind)
    for column in ("status", "provider_status", "is_terminal"):
        assert after[column] == before[column]
    assert after["status"] == "running"
    assert after["results_state"] == "expired"
    assert life.statuses(2, "gone open", kind)[-1] == "expired"
    assert events_of(life.tables[2], life.job("gone open", kind))[-1]["is_terminal"]
    for number in (3, 4, 5):
        assert not life.asked(number, "gone open", kind)
        assert life.statuses(number, "gone open", kind) == life.statuses(2, "gone open", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_was_never_fetched_expires_with_its_job(life: Life, kind: str) -> None:
    assert life.row(1, "gone pending", kind)["results_state"] == "pending"
    row = life.row(2, "gone pending", kind)
    assert (row["status"], row["results_state"]) == ("succeeded", "expired")
    # a list that outlives its jobs leaves open whether more than the result is gone
    ends = ["succeeded"] if life.provider == "reducto" else ["succeeded", "expired"]
    assert life.statuses(2, "gone pending", kind)[-len(ends) :] == ends
    assert not life.asked(3, "gone pending", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_is_gone_while_its_job_is_not_is_expired(life: Life, kind: str) -> None:
    assert life.row(1, "result gone", kind)["results_state"] == "pending"
    row = life.row(2, "result gone", kind)
    assert (row["status"], row["results_state"]) == ("succeeded", "expired")
    assert life.statuses(5, "result gone", kind)[-1] == "succeeded"
    assert not life.asked(3, "result gone", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_loaded_stays_loaded_when_its_job_is_gone(life: Life, kind: str) -> None:
    job_id = life.job("gone loaded", kind)
    for number in (2, 3, 4, 5):
        row = life.row(number, "gone loaded", kind)
        assert (row["status"], row["results_state"]) == ("succeeded", "loaded")
        for name in RESULTS:
            before = of_job(life.tables[1], name, job_id)
            assert of_job(life.tables[number], name, job_id) == before
    assert len(life.asked(3, "gone loaded", kind)) <= (life.provider == "unsiloed")


# -- jobs that hang -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_hangs_is_asked_for_once_more_and_then_left(life: Life, kind: str) -> None:
    assert life.row(1, "hanging", kind)["given_up_at"] is None
    assert life.row(2, "hanging", kind)["given_up_at"] is not None
    in_list = life.provider in ("contextual", "reducto", "landingai")
    assert in_list or len(life.asked(2, "hanging", kind)) == 1
    for number in (3, 4, 5):
        assert not life.asked(number, "hanging", kind)
        row = life.row(number, "hanging", kind)
        assert row["given_up_at"] == life.row(2, "hanging", kind)["given_up_at"]
        assert (row["status"], row["results_state"]) == ("running", "not_ready")


def test_open_jobs_are_those_whose_last_event_is_not_terminal(life: Life) -> None:
    for number, run in life.runs.items():
        events = {}
        for row in sorted(
            life.tables[number]["job_status_history"], key=lambda row: row["sequence"]
        ):
            events[row["job_kind"], row["job_id"]] = row["is_terminal"]
        assert run.open_jobs == sum(not ended for ended in events.values())


# -- progress -----------------------------------------------------------------------------------


def test_progress_is_a_row_each_time_it_changes(life: Life) -> None:
    if life.provider != "contextual":
        assert not life.tables[5]["job_progress"]
        return
    job_id = life.job("working", "extract")
    values = ("completion_percentage", "current_step", "current_activity", "fields_processed")
    rows = sorted(of_job(life.tables[5], "job_progress", job_id), key=lambda r: r["observed_at"])
    assert len(rows) >= 3
    said = [tuple(row[name] for name in values) for row in rows]
    assert all(one != other for one, other in pairwise(said))
    assert rows[0]["status"] == "queued"
    assert (
        rows[-1]["completion_percentage"] == life.row(5, "working", "extract")["progress_percent"]
    )


def test_progress_that_does_not_change_makes_no_row(life: Life) -> None:
    assert life.tables[5]["job_progress"] == life.tables[4]["job_progress"]
    if life.provider == "contextual":
        rows = of_job(life.tables[3], "job_progress", life.job("hanging", "extract"))
        assert len(rows) == 1


def test_progress_keeps_what_a_running_job_has_found_so_far(life: Life) -> None:
    if life.provider != "contextual":
        return
    (row,) = of_job(life.tables[1], "job_progress", life.job("hanging", "extract"))
    details = json.loads(row["details"])
    assert details["accumulated_results"] == {"vendor": "Nordwind"}
    assert details["failed_subtrees"] == []


# -- idleness -----------------------------------------------------------------------------------


def test_when_nothing_happens_nothing_is_written(life: Life) -> None:
    before, after = life.tables[4], life.tables[5]
    looked = ("last_observed_at", "run_id", "_dlt_load_id")
    for name in before:
        if name == "sync_runs":
            assert len(after[name]) == len(before[name]) + 1
        elif name == "jobs":
            assert without(after[name], *looked) == without(before[name], *looked)
        else:
            assert after[name] == before[name], name


def test_when_nothing_happens_hardly_anything_is_asked(life: Life) -> None:
    asked = life.requests[5]
    if life.provider in LISTING:
        # a list a kind, and what is open outside of the lists
        queued = sum(name == "queued" for _, name in life.jobs)
        lists = {"reducto": 1, "llamacloud": 4}.get(life.provider, 2)
        assert len(asked) == lists + queued
    else:
        assert len(asked) == sum(
            not job.is_terminal or job.created_at > datetime.now(timezone.utc) - timedelta(hours=1)
            for job in life.truth(apart=("hanging", "gone open", "gone pending"))
        )
