"""One list of all kinds whose rows outlive their jobs and do not say why a job failed: Reducto."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conformance_bench import Bench, MakeBench, result_of

from dlt_docjobs.emulator import Faults
from dlt_docjobs.emulator.truth import TrueJob
from dlt_docjobs.model.history import DELETED
from dlt_docjobs.testing.checks import (
    assert_complete,
    assert_history_true,
    assert_sound,
    assert_unchanged,
)
from dlt_docjobs.testing.warehouse import events_of, job_row, of_job, statuses_of

KINDS = ("parse", "extract", "classify", "split")


def ago(**parts: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(**parts)


def add(bench: Bench, kind: str = "parse", **options: Any) -> TrueJob:
    options = {"status": "Completed", "created_at": ago(hours=2), "pages": 2} | options
    return bench.emulator.add_job("reducto", kind, **options)  # type: ignore[arg-type]


def assert_good(bench: Bench) -> None:
    tables = bench.tables()
    assert_sound(tables, bench.loads())
    assert_complete(tables, bench.truth("reducto"))
    assert_history_true(tables, bench.emulator.jobs("reducto"))


def test_one_list_a_sync_shows_every_kind(make_bench: MakeBench) -> None:
    bench = make_bench()
    for kind in KINDS:
        for word in ("Completed", "Failed", "Cancelled", "InProgress"):
            add(bench, kind, status=word, hang=word == "InProgress")
    run = bench.sync("reducto", page_size=500)
    assert (run.exit_code, run.jobs_new) == (0, 16)
    assert_good(bench)
    # the results, and why four of them failed
    assert len(bench.lists) == 1 and len(bench.results) == 8
    assert ("exclude_configs", "true") in bench.lists[0].query
    before = bench.tables()
    assert bench.sync("reducto").requests == 1
    assert_unchanged(before, bench.tables())


@pytest.mark.parametrize("order", ["id", "newest", "oldest"])
def test_pages_in_any_order_that_repeat_and_grow(make_bench: MakeBench, order: Any) -> None:
    bench = make_bench()
    for number in range(9):
        add(bench, KINDS[number % 4])
    bench.emulator.faults = Faults(
        parse_order=order, duplicate_rows=True, drift=True, empty_page=True
    )
    known = {job.job_id for job in bench.truth("reducto")}
    # each page is looked at twice, and two jobs appear meanwhile: pages of fewer never end
    assert bench.sync("reducto", page_size=5).exit_code == 0
    assert {row["job_id"] for row in bench.tables()["jobs"]} >= known
    bench.emulator.faults = Faults()
    bench.sync("reducto")
    assert_good(bench)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (Faults(repeat_page_token=True), "repeats a page token"),
        (Faults(endless_list=True), "brought no job"),
    ],
)
def test_a_list_without_an_end_is_given_up(
    make_bench: MakeBench, faults: Faults, said: str
) -> None:
    bench = make_bench()
    for kind in KINDS:
        add(bench, kind)
    bench.emulator.faults = faults
    run = bench.sync("reducto", page_size=2)
    assert run.exit_code == 1 and said in (run.error or "") and run.requests < 300


def test_other_types_are_counted_and_no_error(
    make_bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make_bench()
    add(bench)
    bench.emulator.faults.other_types = True
    caplog.set_level(logging.WARNING, logger="dlt_docjobs")
    run = bench.sync("reducto", page_size=1)
    assert (run.exit_code, run.rejected, run.jobs_new) == (0, 0, 1)
    (told,) = [line for line in caplog.messages if "left out" in line]
    assert told.startswith("4 job(s)") and "1 Pipeline" in told and "1 Transcribe" in told


@pytest.mark.slow
@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_each_form_of_an_answer_brings_the_same(
    make_bench: MakeBench, is_plain: bool, is_elsewhere: bool
) -> None:
    bench = make_bench()
    for kind in KINDS:
        add(bench, kind, credits=3.5)
    bench.emulator.faults = Faults(
        reducto_plain=is_plain,
        reducto_urls=is_elsewhere,
        reducto_no_response_type=True,
        reducto_no_configs="braces" if is_plain else "absent",
    )
    assert bench.sync("reducto").exit_code == 0
    assert_good(bench)
    stored = [record for record in bench.requests if record.path.startswith("/results/")]
    assert bool(stored) == is_elsewhere and {record.status for record in stored} <= {200}
    for row in bench.tables()["jobs"]:
        assert (row["config"] is None) == is_plain
        assert (row["page_count"], row["credits"]) == (2, 3.5)


@pytest.mark.slow
def test_configs_come_with_the_list_where_they_are_wanted(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench, status="InProgress", hang=True)
    bench.sync("reducto", list_configs=True)
    row = job_row(bench.tables(), job.job_id)
    assert '"document_password":"[redacted]"' in row["config"]
    assert "hunter2" not in str(row) and "X-Amz-Signature" not in str(row)
    # where the list leaves it out again, it stays
    bench.sync("reducto")
    assert job_row(bench.tables(), job.job_id)["config"] == row["config"]


@pytest.mark.slow
@pytest.mark.parametrize("word", ["Failed", "Cancelled", "Idle", "Pending"])
def test_whatever_a_cancelled_job_answers_it_is_cancelled(make_bench: MakeBench, word: Any) -> None:
    bench = make_bench()
    bench.emulator.faults.reducto_cancelled = word
    job = add(bench, status="Cancelled")
    bench.sync("reducto")
    bench.sync("reducto", job_ids=[job.job_id])
    bench.sync("reducto")
    assert statuses_of(bench.tables(), job.job_id) == ["queued", "cancelled"]
    assert job_row(bench.tables(), job.job_id)["provider_status"] == "Cancelled"


@pytest.mark.slow
def test_a_single_answer_takes_back_nothing_of_the_list(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench, status="InProgress", hang=True)
    bench.sync("reducto")
    bench.emulator.faults.bulk_omits = {job.job_id}
    bench.sync("reducto")
    assert bench.asked_by_id(job.job_id)
    row = job_row(bench.tables(), job.job_id)
    assert (row["status"], row["provider_status"]) == ("running", "InProgress")
    assert statuses_of(bench.tables(), job.job_id) == ["queued", "running"]


@pytest.mark.slow
def test_why_a_job_failed_is_asked_once(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench, status="Failed", error_message="No pages in it")
    bench.sync("reducto")
    assert job_row(bench.tables(), job.job_id)["error_message"] == "No pages in it"
    assert events_of(bench.tables(), job.job_id)[-1]["error_message"] == "No pages in it"
    bench.sync("reducto")
    assert bench.asked_by_id(job.job_id) == []


def test_a_job_named_without_its_kind_is_of_the_kind_that_the_answer_says(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    jobs = [add(bench, kind) for kind in KINDS]
    run = bench.sync("reducto", job_ids=[job.job_id for job in jobs])
    assert run.exit_code == 0
    assert_good(bench)


# -- jobs that are gone -------------------------------------------------------------------------


def test_a_deleted_job_is_expired_at_once_and_no_row_brings_it_back(make_bench: MakeBench) -> None:
    bench = make_bench()
    job, others = add(bench), [add(bench) for _ in range(6)]
    bench.sync("reducto", only=("jobs", "job_status_history"))
    bench.emulator.faults = Faults(reducto_deleted=410, reducto_rows_outlive=True)
    bench.emulator.delete(job.job_id)
    run = bench.sync("reducto", reload="skipped")
    assert (run.exit_code, run.results_loaded) == (0, len(others))
    row = job_row(bench.tables(), job.job_id)
    assert (row["status"], row["results_state"]) == ("succeeded", "expired")
    last = events_of(bench.tables(), job.job_id)[-1]
    assert (last["status"], last["error_message"]) == ("expired", DELETED)
    before = bench.tables()
    assert (bench.sync("reducto").requests, bench.asked_by_id(job.job_id)) == (1, [])
    assert_unchanged(before, bench.tables())


@pytest.mark.slow
def test_a_job_that_is_being_deleted_is_in_doubt_and_asked_for_once(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench, status="InProgress", hang=True)
    bench.sync("reducto")
    bench.emulator.faults = Faults(reducto_deleted=409)
    bench.emulator.delete(job.job_id)
    run = bench.sync("reducto", max_retries=5)
    assert (run.exit_code, run.retries) == (1, 0)
    assert len(bench.asked_by_id(job.job_id)) == 1
    assert job_row(bench.tables(), job.job_id)["missing_since"] is not None
    bench.age(1)
    bench.emulator.faults = Faults(reducto_deleted=410)
    bench.sync("reducto")
    assert statuses_of(bench.tables(), job.job_id) == ["queued", "running", "expired"]


@pytest.mark.slow
def test_purged_jobs_that_the_list_goes_on_to_show_cost_their_results_alone(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    old = [add(bench, created_at=ago(days=9)) for _ in range(6)]
    young = add(bench)
    bench.emulator.faults = Faults(reducto_rows_outlive=True)
    for job in (*old, young):
        bench.emulator.delete(job.job_id)
    run = bench.sync("reducto")
    assert run.exit_code == 1 and "stays pending" in (run.error or "")
    states = {row["job_id"]: row["results_state"] for row in bench.tables()["jobs"]}
    assert states == {**{job.job_id: "expired" for job in old}, young.job_id: "pending"}
    again = bench.sync("reducto")
    assert again.status_events == 0 and {r.path for r in bench.results} == {f"/job/{young.job_id}"}


@pytest.mark.slow
def test_a_link_that_has_run_out_costs_one_sync(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = add(bench, result=result_of("reducto", "parse", ["one", "two"]))
    bench.emulator.faults = Faults(reducto_urls=True, path_pattern="/results/", refuse_status=404)
    assert bench.sync("reducto").exit_code == 1
    assert job_row(bench.tables(), job.job_id)["results_state"] == "pending"
    bench.emulator.faults = Faults(reducto_urls=True)
    assert bench.sync("reducto").exit_code == 0
    assert [row["content"] for row in of_job(bench.tables(), "chunks", job.job_id)] == [
        "one",
        "two",
    ]
