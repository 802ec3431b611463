"""What depends on days passing: credits that come late, results that never come, unknown ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest
from conformance_bench import KINDS, SUCCESS_WORD, Bench, MakeBench

from dlt_docjobs.emulator import RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job


@dataclass
class Days:
    """Syncs with days in between."""

    bench: Bench
    jobs: dict[str, str] = field(default_factory=dict)
    runs: list[SyncRun] = field(default_factory=list)
    tables: list[Tables] = field(default_factory=list)
    requests: list[list[RequestRecord]] = field(default_factory=list)

    def sync(self, provider: str, **arguments: object) -> None:
        self.runs.append(self.bench.sync(provider, **arguments))
        self.tables.append(self.bench.tables())
        # reviews have days of their own
        asked = [one for one in self.bench.requests if not one.path.endswith("/review")]
        self.requests.append(asked)

    def asked(self, number: int, name: str) -> int:
        """How often a job was asked for by itself."""
        return sum(self.jobs[name] in record.path for record in self.requests[number])


# -- credits ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def credits(make_bench: MakeBench) -> Days:
    """Syncs at once, a day later, a day later when billing is done, 8 days later."""
    days = Days(make_bench())
    emulator = days.bench.emulator
    created = datetime.now(timezone.utc) - timedelta(hours=20)
    for kind in KINDS:
        job = emulator.add_job(
            "llamacloud", kind, status="COMPLETED", created_at=created, pages=1, tier="agentic"
        )
        days.jobs[f"billed late {kind}"] = job.job_id
    steps = [("PENDING", created), ("COMPLETED", created + timedelta(hours=1))]
    days.jobs["never billed"] = emulator.add_job(
        "llamacloud", "parse", transitions=steps, pages=1, tier="agentic"
    ).job_id
    days.sync("llamacloud")
    days.sync("llamacloud")
    days.bench.age(25)
    days.sync("llamacloud")
    emulator.advance(700)
    days.bench.age(25)
    days.sync("llamacloud")
    days.bench.age(8 * 24)
    days.sync("llamacloud")
    return days


NAMES = [*(f"billed late {kind}" for kind in KINDS), "never billed"]


@pytest.mark.parametrize("name", NAMES)
def test_a_job_without_credits_is_asked_for_them_once_a_day(credits: Days, name: str) -> None:
    assert [credits.asked(number, name) for number in range(4)] == [1, 0, 1, 1]


def test_only_its_usage_is_asked_for(credits: Days) -> None:
    for number in (2, 3):
        for record in credits.requests[number]:
            if any(job_id in record.path for job_id in credits.jobs.values()):
                assert record.query == [("expand", "usage")]


@pytest.mark.parametrize("kind", KINDS)
def test_credits_are_taken_when_they_come(credits: Days, kind: str) -> None:
    job_id = credits.jobs[f"billed late {kind}"]
    (job,) = [job for job in credits.bench.emulator.jobs() if job.job_id == job_id]
    before = [job_row(tables, job_id)["credits"] for tables in credits.tables[:3]]
    assert before == [None] * 3
    assert job.credits is not None
    # an extract job's credits include those of the parse job behind it
    assert job_row(credits.tables[3], job_id)["credits"] >= job.credits
    assert credits.asked(4, f"billed late {kind}") == 0


def test_after_a_week_nobody_asks_any_more(credits: Days) -> None:
    assert credits.asked(4, "never billed") == 0
    assert job_row(credits.tables[4], credits.jobs["never billed"])["credits"] is None


def test_asking_for_credits_is_no_change_of_status(credits: Days) -> None:
    events = [len(tables["job_status_history"]) for tables in credits.tables]
    assert len(set(events)) == 1
    assert {run.exit_code for run in credits.runs} == {0}


# -- results that are gone ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def gone(make_bench: MakeBench) -> Days:
    """Jobs of Contextual without results: two syncs, two a day later, two a week later."""
    days = Days(make_bench())
    emulator = days.bench.emulator
    for kind in KINDS:
        status = SUCCESS_WORD["contextual", kind]
        days.jobs[kind] = emulator.add_job("contextual", kind, status=status, pages=1).job_id
        emulator.faults.broken_results[days.jobs[kind]] = 404
    for hours in (0, 25, 7 * 24):
        if hours:
            days.bench.age(hours)
        days.sync("contextual")
        days.sync("contextual")
    return days


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_is_missing_is_tried_for_a_week(gone: Days, kind: str) -> None:
    states = [job_row(tables, gone.jobs[kind])["results_state"] for tables in gone.tables]
    assert states == ["pending"] * 4 + ["expired"] * 2
    results = [
        sum(gone.jobs[kind] in one.path and one.path.endswith("/results") for one in asked)
        for asked in gone.requests
    ]
    # at every sync of the first day, then once a day
    assert results == [1, 1, 1, 0, 1, 0]


def test_a_run_with_a_missing_result_is_partial(gone: Days) -> None:
    assert [run.exit_code for run in gone.runs] == [1, 1, 1, 0, 0, 0]
    assert [run.pending_results for run in gone.runs] == [2, 2, 2, 2, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_whose_result_is_gone_has_no_other_events(gone: Days, kind: str) -> None:
    for tables in gone.tables:
        events = of_job(tables, "job_status_history", gone.jobs[kind])
        assert {event["status"] for event in events} == {"queued", "succeeded"}
    assert gone.tables[-1]["job_progress"] == gone.tables[0]["job_progress"]


# -- ids that nobody knows ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def unknown(make_bench: MakeBench) -> Days:
    """Two ids unknown at first, of which one appears; then a day later."""
    days = Days(make_bench())
    names = [{"job_id": name, "job_kind": kind} for name in ("early", "wrong") for kind in KINDS]
    for name in ("early", "wrong"):
        days.jobs[name] = name
    days.sync("unsiloed", job_ids=names)
    days.sync("unsiloed", job_ids=names)
    days.bench.emulator.add_job("unsiloed", "parse", job_id="early", status="Succeeded", pages=1)
    days.sync("unsiloed", job_ids=names)
    days.bench.age(25)
    days.sync("unsiloed", job_ids=names)
    return days


def test_an_unknown_id_is_rejected_once(unknown: Days) -> None:
    first, second = unknown.runs[:2]
    assert (first.exit_code, first.rejected) == (1, 4)
    assert (second.exit_code, second.rejected, second.error) == (0, 0, None)
    rows = unknown.tables[0]["rejected_records"]
    assert {(row["job_kind"], row["job_id"]) for row in rows} == {
        (kind, name) for kind in KINDS for name in ("early", "wrong")
    }
    assert unknown.tables[1]["rejected_records"] == rows
    assert not unknown.tables[1]["jobs"]


def test_an_unknown_id_is_asked_for_again_for_a_day(unknown: Days) -> None:
    # at first a parse job is asked for with its result, and then whether it is there without
    assert [unknown.asked(number, "wrong") for number in range(4)] == [3, 2, 2, 0]


def test_an_id_that_becomes_known_is_loaded(unknown: Days) -> None:
    row = job_row(unknown.tables[2], "early")
    assert (row["job_kind"], row["results_state"]) == ("parse", "loaded")
    assert unknown.runs[2].exit_code == 0
