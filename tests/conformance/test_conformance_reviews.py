"""What a person has made of an extracted result reaches the warehouse, whenever that is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conformance_bench import Bench, MakeBench

from dlt_docjobs.emulator import Faults, TrueJob
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.testing.warehouse import job_row, without

SECRET = "Only Mr Gradgrind knows this"


def add(bench: Bench, hours: float = 3) -> TrueJob:
    """A succeeded extract job that ended so many hours ago, without credits to ask for."""
    created = datetime.now(timezone.utc) - timedelta(hours=hours)
    steps = [("PENDING", created), ("COMPLETED", created)]
    result = {"extract_result": {"total": 12.5}, "field_metadata": None}
    return bench.emulator.add_job(
        "llamacloud", "extract", transitions=steps, pages=1, credits=2.0, result=result
    )


def asked(bench: Bench) -> set[str]:
    """The jobs whose reviews the last sync asked for, each once."""
    paths = [record.path for record in bench.requests if record.path.endswith("/review")]
    assert len(paths) == len(set(paths))
    return {path.split("/")[-2] for path in paths}


def stored(bench: Bench, job: TrueJob) -> tuple[Any, datetime | None]:
    """What the warehouse has of a job's review."""
    ((review, at),) = bench.query(
        "SELECT review, reviewed_at FROM extraction_results WHERE job_id = ?", job.job_id
    )
    return None if review is None else json.loads(review), at


def value_of(bench: Bench, job: TrueJob) -> Any:
    """The correction that the warehouse has of a job's total."""
    return stored(bench, job)[0]["field_actions"]["/total"]["value"]


@pytest.mark.slow
def test_reviews_come_with_results_and_days_later(make_bench: MakeBench) -> None:
    bench = make_bench()
    decided, begun, late, nobodys = jobs = [add(bench) for _ in range(4)]
    all_ids = {job.job_id for job in jobs}
    signed = "https://files.example.com/a.pdf?X-Amz-Signature=abc123&X-Amz-Date=1"
    own = {"/total": 12.75, "/link": signed, "/key": bench.emulator.api_key, "/password": "mine"}
    bench.emulator.review(decided.job_id, own)
    bench.emulator.review(begun.job_id, {}, is_decided=False)
    assert bench.sync("llamacloud", max_jobs_per_package=2).exit_code == 0
    assert asked(bench) == all_ids, "with the results"
    review, at = stored(bench, decided)
    assert at == bench.emulator.job(decided.job_id).reviewed_at
    assert parse_instant(review["decided_at"]) == at
    assert (review["revision"], review["reviewed_result"]["/total"]) == (1, 12.75)
    actions = {pointer: action["value"] for pointer, action in review["field_actions"].items()}
    assert actions["/total"] == 12.75
    assert actions["/password"] == "mine", "the user's own field, whatever its name"
    text = json.dumps(review)
    assert "abc123" not in text and bench.emulator.api_key not in text
    review, at = stored(bench, begun)
    assert (review["decided_at"], at) == (None, None)
    assert stored(bench, nobodys) == (None, None)

    assert bench.sync("llamacloud").exit_code == 0 and asked(bench) == set(), "asked for today"

    bench.age(25)
    before = bench.tables()
    run = bench.sync("llamacloud")
    after = bench.tables()
    assert asked(bench) == all_ids
    assert (run.jobs_changed, run.results_loaded, run.status_events) == (0, 0, 0)
    for name in ("job_status_history", "extraction_results", "rejected_records"):
        assert after[name] == before[name], "a day without news"
    once = "run_id", "_dlt_load_id"
    assert without(after["jobs"], *once) == without(before["jobs"], *once)

    bench.age(5.5 * 24)
    bench.emulator.review(late.job_id, {"/total": 1})
    bench.emulator.review(decided.job_id, {"/total": 2}, is_decided=False)
    run = bench.sync("llamacloud", max_jobs_per_package=1)
    assert (run.exit_code, run.results_loaded, asked(bench)) == (0, 2, all_ids)
    assert value_of(bench, late) == 1 and stored(bench, late)[1] is not None
    assert value_of(bench, decided) == 2 and stored(bench, decided)[1] is None, "reopened"
    assert bench.query("SELECT count(*) FROM extraction_results") == [(4,)]

    bench.age(25)
    bench.sync("llamacloud", only=("jobs", "job_status_history"))
    assert asked(bench) == set(), "nobody wants results"
    bench.sync("llamacloud")
    assert asked(bench) == {begun.job_id, decided.job_id}, "after a week those that are begun"
    bench.age(32 * 24)
    bench.sync("llamacloud")
    assert asked(bench) == set()


def test_every_review_of_a_lively_account_is_there(make_bench: MakeBench) -> None:
    bench = make_bench(seed=5, jobs=60)
    assert bench.sync("llamacloud").exit_code == 0
    truth = {
        job.job_id: job for job in bench.truth("llamacloud", "extract") if job.status == "succeeded"
    }
    rows = bench.query(
        "SELECT job_id, review IS NOT NULL, reviewed_at FROM extraction_results"
        " WHERE job_kind = 'extract'"
    )
    assert {row[0]: row[1:] for row in rows} == {
        job_id: (job.is_in_review, job.reviewed_at) for job_id, job in truth.items()
    }
    assert any(job.reviewed_at for job in truth.values())


load = Progress.load


def load_a_day_later(state: Any) -> Progress:
    """What dlt's state remembers, a day later."""
    progress = load(state)
    if progress.refused_reviews_at is not None:
        progress.refused_reviews_at -= timedelta(hours=25)
    return progress


@pytest.mark.slow
def test_an_account_without_reviews_is_asked_for_one_a_day(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench()
    bench.emulator.faults = Faults(reviews="refused")
    jobs = [add(bench) for _ in range(20)]
    run = bench.sync("llamacloud")
    assert (run.exit_code, run.error, run.results_loaded, len(asked(bench))) == (0, None, 20, 1)
    add(bench)
    # what is remembered lies in the warehouse
    bench.forget_working_directory()
    assert bench.sync("llamacloud").results_loaded == 1 and asked(bench) == set()
    # a day passes for the warehouse, and for what dlt's state remembers
    bench.age(25)
    monkeypatch.setattr(Progress, "load", load_a_day_later)
    bench.emulator.faults = Faults(reviews="unknown")
    assert bench.sync("llamacloud").exit_code == 0 and len(asked(bench)) == 1
    bench.emulator.faults = Faults()
    bench.emulator.review(jobs[0].job_id)
    assert bench.sync("llamacloud").exit_code == 0
    assert len(asked(bench)) == 21 and stored(bench, jobs[0])[0] is not None, "from now on"
    # where reviews were seen, such a 404 is said of the job
    bench.emulator.faults = Faults(reviews="unknown")
    bench.age(25)
    assert bench.sync("llamacloud").exit_code == 0 and len(asked(bench)) == 21


@pytest.mark.slow
def test_a_failure_costs_the_review_for_a_day_and_never_the_result(make_bench: MakeBench) -> None:
    bench = make_bench()
    jobs = [add(bench) for _ in range(6)]
    for job in jobs:
        bench.emulator.review(job.job_id)
    bench.emulator.faults = Faults(path_pattern="/review$", error_fraction=1.0)
    run = bench.sync("llamacloud")
    assert (run.exit_code, run.results_loaded) == (1, 6)
    assert "the review of extract job" in run.error
    assert len(asked(bench)) == 3, "nothing that fails all the time holds up the results"
    # a result that does not come again leaves all as it was
    bench.emulator.faults = Faults(broken_results={jobs[0].job_id: 500})
    bench.age(25)
    run = bench.sync("llamacloud")
    assert (run.exit_code, run.results_loaded) == (1, 5)
    assert stored(bench, jobs[0]) == (None, None)
    assert job_row(bench.tables(), jobs[0].job_id)["results_state"] == "loaded"
    bench.emulator.faults = Faults()
    bench.age(25)
    assert bench.sync("llamacloud").exit_code == 0
    assert all(stored(bench, job)[1] is not None for job in jobs)


@pytest.mark.slow
def test_an_answer_that_is_no_review_is_kept_aside(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench)
    bench.emulator.faults = Faults(broken_reviews={job.job_id})
    run = bench.sync("llamacloud")
    assert (run.exit_code, run.results_loaded, run.rejected) == (1, 1, 1)
    ((payload, endpoint),) = bench.query("SELECT payload, endpoint FROM rejected_records")
    assert json.loads(payload) == ["garbage"] and endpoint == f"/extract/{job.job_id}/review"
    assert stored(bench, job) == (None, None)
    bench.age(25)
    run = bench.sync("llamacloud")
    assert (run.exit_code, run.rejected, len(asked(bench))) == (1, 0, 1)
    assert bench.sync("llamacloud").exit_code == 0 and asked(bench) == set()


def test_without_content_what_was_corrected_is_not_stored(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench)
    bench.emulator.review(job.job_id, {"/total": 4711.5, "/name": SECRET})
    bench.sync("llamacloud")
    assert SECRET in json.dumps(stored(bench, job)[0])
    bench.age(25)
    # a stricter setting holds for what is loaded as soon as it is asked for
    assert bench.sync("llamacloud", include_content=False).results_loaded == 1
    review, at = stored(bench, job)
    assert review["field_actions"]["/total"]["value"] is None
    assert review["field_actions"]["/name"]["value"] == len(SECRET)
    assert at is not None and SECRET not in json.dumps(bench.tables(), default=str)
    bench.age(25)
    assert bench.sync("llamacloud", include_content=False).results_loaded == 0


@pytest.mark.slow
def test_reloading_asks_for_the_review_again_and_loses_none(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench, hours=40 * 24)
    bench.emulator.review(job.job_id, {"/total": 1})
    bench.sync("llamacloud")
    bench.emulator.review(job.job_id, {"/total": 2})
    assert bench.sync("llamacloud", reload="all").exit_code == 0
    before = stored(bench, job)
    assert before[0]["revision"] == 2
    # what nobody tells stays
    bench.emulator.review(job.job_id, {"/total": 3})
    for faults in (
        Faults(path_pattern="/review$", error_fraction=1.0),
        Faults(reviews="refused"),
    ):
        bench.emulator.faults = faults
        assert bench.sync("llamacloud", reload="all").results_loaded == 1
        assert stored(bench, job) == before
