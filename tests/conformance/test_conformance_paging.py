"""Lists that shift, repeat, break off or never end: what they brought is kept, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conformance_bench import KINDS, RUNNING_WORD, SUCCESS_WORD, Bench, MakeBench

from dlt_docjobs.emulator import Faults, RequestRecord, TrueJob
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job, statuses_of

STEPS = ("two statuses", "drift", "repeated token", "endless list", "healed")
BROKEN = ("repeated token", "endless list")


@dataclass
class Paging:
    """What each sync left, by the fault that it met."""

    provider: str
    bench: Bench
    old: dict[str, list[str]] = field(default_factory=dict)
    runs: dict[str, SyncRun] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)
    loads: dict[str, list[str]] = field(default_factory=dict)
    requests: dict[str, list[RequestRecord]] = field(default_factory=dict)
    before: dict[str, set[str]] = field(default_factory=dict)
    truth: dict[str, list[TrueJob]] = field(default_factory=dict)

    def add(self, kind: str, count: int) -> None:
        """Jobs created within the lag, so that every sync lists them all."""
        created = datetime.now(timezone.utc) - timedelta(minutes=50)
        for number in range(count):
            self.bench.emulator.add_job(
                self.provider,  # type: ignore[arg-type]
                kind,  # type: ignore[arg-type]
                status=SUCCESS_WORD[self.provider, kind],
                created_at=created + timedelta(minutes=number),
                pages=1,
            )

    def sync(self, name: str, faults: Faults, new: int, **arguments: Any) -> None:
        for kind in KINDS:
            self.add(kind, new)
        self.before[name] = {job.job_id for job in self.bench.truth(self.provider)}
        self.bench.emulator.faults = faults
        arguments = {"page_size": 3} | arguments
        self.runs[name] = self.bench.sync(self.provider, **arguments)
        self.bench.emulator.faults = Faults()
        self.tables[name] = self.bench.tables()
        self.loads[name] = self.bench.loads()
        self.requests[name] = self.bench.requests
        self.truth[name] = self.bench.truth(self.provider)


def finish_after_first_page(paging: Paging) -> Callable[[RequestRecord], None]:
    """Ends all running jobs of a kind once the first page of its list has been answered."""
    waiting = {
        kind: [
            job.job_id
            for job in paging.bench.truth(paging.provider, kind)
            if job.status == "running" and job.job_id not in paging.old[kind]
        ]
        for kind in KINDS
    }

    def on_request(record: RequestRecord) -> None:
        for kind in KINDS:
            if kind in record.path:
                for job_id in waiting.pop(kind, []):
                    paging.bench.emulator.set_status(job_id, SUCCESS_WORD[paging.provider, kind])

    return on_request


# those with a list a kind; for one list of all kinds see test_conformance_one_list.py
@pytest.fixture(scope="module", params=("llamacloud", "contextual"))
def paging(request: pytest.FixtureRequest, make_bench: MakeBench) -> Paging:
    """Five syncs, each with new jobs and with a list that misbehaves in another way."""
    provider = request.param
    paging = Paging(provider, make_bench())
    emulator = paging.bench.emulator
    now = datetime.now(timezone.utc)
    for kind in KINDS:
        running = RUNNING_WORD[provider, kind]
        for number in range(7):
            created = now - timedelta(minutes=40 + number)
            emulator.add_job(provider, kind, status=running, created_at=created, hang=True, pages=1)
        # last in every order of a list
        first = {"llamacloud": "zzz-", "contextual": "zzz_", "landingai": "zzz-"}[provider]
        names = [None] if (provider, kind) == ("contextual", "parse") else [f"{first}{kind}"]
        paging.old[kind] = [
            emulator.add_job(
                provider,
                kind,
                job_id=name and f"{name}{days}",
                status=running,
                created_at=now - timedelta(days=days),
                hang=True,
            ).job_id
            for days in (3, 4)
            for name in names
        ]
    omitted = {paging.old[kind][0] for kind in KINDS}

    faults = Faults(duplicate_rows=True, end_token="absent")
    faults.on_request = finish_after_first_page(paging)
    paging.sync("two statuses", faults, new=0)
    drift = Faults(drift=True, empty_page=True, end_token="empty", parse_order="newest")
    drift.bulk_omits, drift.ignore_job_ids = omitted, True
    paging.sync("drift", drift, new=4)
    repeated = Faults(repeat_page_token=True, parse_order="oldest")
    paging.sync("repeated token", repeated, new=4)
    paging.sync("endless list", Faults(endless_list=True), new=2)
    paging.sync("healed", Faults(page_size_max=2, job_ids_max=1, end_token="null"), new=1)
    return paging


@pytest.mark.parametrize("step", STEPS)
def test_the_warehouse_is_sound_and_true_after_every_step(paging: Paging, step: str) -> None:
    assert_sound(paging.tables[step], paging.loads[step])
    assert_history_true(paging.tables[step], paging.bench.emulator.jobs())


@pytest.mark.parametrize("step", [step for step in STEPS if step not in BROKEN])
def test_everything_that_was_there_when_the_sync_began_is_loaded(paging: Paging, step: str) -> None:
    run = paging.runs[step]
    assert (run.exit_code, run.error) == (0, None)
    before = [job for job in paging.truth[step] if job.job_id in paging.before[step]]
    if step == "two statuses":
        # the others on the first page ended after it had been answered
        ended = {row["job_id"] for row in paging.tables[step]["jobs"] if row["is_terminal"]}
        open_jobs = {job_id for ids in paging.old.values() for job_id in ids}
        before = [job for job in before if job.job_id in ended | open_jobs]
    assert_complete(paging.tables[step], before)
    assert {row["job_id"] for row in paging.tables[step]["jobs"]} >= paging.before[step]


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_with_two_statuses_in_one_listing_is_one_row_with_both(
    paging: Paging, kind: str
) -> None:
    tables = paging.tables["two statuses"]
    ways = {
        row["job_id"]: statuses_of(tables, row["job_id"])
        for row in tables["jobs"]
        if row["job_kind"] == kind and row["job_id"] not in paging.old[kind]
    }
    assert len(ways) == 7
    both = [job_id for job_id, way in ways.items() if way == ["queued", "running", "succeeded"]]
    assert len(both) == 1
    row = job_row(tables, both[0])
    assert (row["status"], row["results_state"]) == ("succeeded", "loaded")
    assert sorted(ways.values()) == sorted(
        [["queued", "running"]] * 2
        + [["queued", "running", "succeeded"]]
        + [["queued", "succeeded"]] * 4
    )


def test_jobs_that_appear_between_pages_are_found_at_the_next_sync_at_the_latest(
    paging: Paging,
) -> None:
    appeared = {job.job_id for job in paging.truth["drift"]} - paging.before["drift"]
    assert appeared
    found = {row["job_id"] for row in paging.tables["healed"]["jobs"]}
    assert appeared <= found


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_bulk_answers_leave_out_is_asked_for_by_itself(
    paging: Paging, kind: str
) -> None:
    omitted = paging.old[kind][0]
    asked = [record for record in paging.requests["drift"] if omitted in record.path]
    assert [record.status for record in asked] == [200]
    assert statuses_of(paging.tables["drift"], omitted) == ["queued", "running"]


def ends_at_the_lag(paging: Paging, step: str) -> bool:
    """Whether a list without an end is read no further than to jobs that are old."""
    return (paging.provider, step) == ("landingai", "endless list")


@pytest.mark.parametrize("step", BROKEN)
def test_a_list_without_an_end_is_a_partial_run_with_a_clear_error(
    paging: Paging, step: str
) -> None:
    run = paging.runs[step]
    if ends_at_the_lag(paging, step):
        assert (run.ok, run.exit_code) == (True, 0)
        return
    assert (run.ok, run.exit_code) == (False, 1)
    assert "list" in run.error
    # pages that are counted have no token that could repeat
    repeats = step == "repeated token" and paging.provider != "landingai"
    said = "repeats a page token" if repeats else "brought no job"
    assert said in run.error
    assert "more" in run.error, "the other kind's list is read, and broken, too"


@pytest.mark.parametrize("step", BROKEN)
def test_a_broken_list_keeps_what_it_brought_and_leaves_the_cursor(
    paging: Paging, step: str
) -> None:
    assert paging.runs[step].jobs_new > 0
    if not ends_at_the_lag(paging, step):
        assert paging.runs[step].cursor == paging.runs["drift"].cursor
    before = {row["job_id"] for row in paging.tables["drift"]["jobs"]}
    assert {row["job_id"] for row in paging.tables[step]["jobs"]} > before


def test_a_list_without_an_end_is_given_up_in_time(paging: Paging) -> None:
    most = {"landingai": 500, "llamacloud": 80}.get(paging.provider, 40)
    assert paging.runs["repeated token"].requests < most
    # of each list a hundred pages that bring nothing, looked at twice
    assert paging.runs["endless list"].requests < (1000 if paging.provider == "llamacloud" else 500)


def test_a_refused_page_size_is_replaced_by_the_servers_own(paging: Paging) -> None:
    asked = [
        record
        for record in paging.requests["healed"]
        if record.status == 422 and not any(key == "job_ids" for key, _ in record.query)
    ]
    lists = 4 if paging.provider == "llamacloud" else 2
    assert len(asked) == lists, "each list is asked once with the size that it refuses"


def test_refused_bulk_questions_are_asked_one_by_one(paging: Paging) -> None:
    for kind in KINDS:
        for job_id in paging.old[kind]:
            assert of_job(paging.tables["healed"], "jobs", job_id)[0]["status"] == "running"
            assert statuses_of(paging.tables["healed"], job_id) == ["queued", "running"]
