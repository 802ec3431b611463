"""The first sync brings everything, the second changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest
from conformance_bench import (
    KINDS,
    PROVIDERS,
    QUEUED_WORD,
    RUNNING_WORD,
    SUCCESS_WORD,
    Bench,
    MakeBench,
    asks_for_result,
    result_of,
)

from dlt_docjobs.emulator import RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.tables import TABLES
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables, events_of, job_row, of_job, without

# the words of docs/contract.md#canonical-status, written once more
CANONICAL = {
    "llamacloud": {
        "queued": ("PENDING", "THROTTLED", "throttled"),
        "running": ("RUNNING",),
        "succeeded": ("COMPLETED", "completed"),
        "failed": ("FAILED",),
        "cancelled": ("CANCELLED", "Cancelled"),
        "unknown": ("MIGRATING",),
    },
    "contextual": {
        "queued": ("pending",),
        "running": ("processing", "PROCESSING"),
        "retrying": ("retrying",),
        "succeeded": ("completed", "Completed"),
        "failed": ("failed",),
        "cancelled": ("cancelled",),
        "unknown": ("paused",),
    },
    "unsiloed": {
        "queued": ("Starting", "Queued", "AwaitingUpload"),
        "running": ("Processing",),
        "succeeded": ("Succeeded", "completed", "review", "SUCCEEDED"),
        "failed": ("Failed",),
        "cancelled": ("Cancelled",),
        "unknown": ("Sleeping",),
    },
    "reducto": {
        "queued": ("Pending", "Idle", "pending"),
        "running": ("InProgress", "Completing"),
        "succeeded": ("Completed",),
        "failed": ("Failed",),
        "cancelled": ("Cancelled",),
        "unknown": ("Paused",),
    },
    "landingai": {
        "queued": ("pending",),
        "running": ("processing",),
        "succeeded": ("completed", "Completed"),
        "failed": ("failed",),
        "cancelled": ("cancelled", "CANCELLED"),
        "unknown": ("paused",),
    },
}
TERMINAL = {"succeeded", "failed", "cancelled"}


@dataclass
class First:
    """Two syncs of a lively account into an empty warehouse, and what came of them."""

    bench: Bench
    words: dict[str, tuple[str, str]]
    known: dict[str, str]
    run: SyncRun
    tables: Tables
    loads: list[str]
    requests: list[RequestRecord]
    again: SyncRun
    tables_again: Tables
    requests_again: list[RequestRecord]


@pytest.fixture(scope="module")
def lively(make_bench: MakeBench) -> Bench:
    """A lively account with every provider, beside it a job in every status there is."""
    bench = make_bench(jobs=120, seed=7, history_days=20)
    begun = datetime.now(timezone.utc) - timedelta(days=2)
    for provider, told in CANONICAL.items():
        for canonical, words in told.items():
            for word in words:
                for kind in KINDS:
                    steps = [(QUEUED_WORD[provider, kind], begun)]
                    if canonical not in ("queued", "cancelled"):
                        steps.append((RUNNING_WORD[provider, kind], begun + timedelta(minutes=1)))
                    steps.append((word, begun + timedelta(minutes=2)))
                    bench.emulator.add_job(provider, kind, transitions=steps, pages=1)
    return bench


@pytest.fixture(scope="module", params=PROVIDERS)
def first(request: pytest.FixtureRequest, lively: Bench, make_bench: MakeBench) -> First:
    """The syncs of one provider."""
    provider = request.param
    bench = Bench(lively.emulator, make_bench().folder)
    known = {}
    for kind in KINDS:
        pages = ("first page", "second page", "third page")
        known[kind] = bench.emulator.add_job(
            provider,
            kind,
            status=SUCCESS_WORD[provider, kind],
            created_at=datetime.now(timezone.utc) - timedelta(days=4),
            result=result_of(provider, kind, pages),
            pages=3,
            document_name=f"{kind} of a known text.pdf",
        ).job_id
    words = {
        job.job_id: (job.provider_status, canonical)
        for job in bench.truth(provider)
        for canonical, told in CANONICAL[provider].items()
        if job.provider_status in told
    }
    run = bench.sync(provider)
    tables, requests = bench.tables(), bench.requests
    loads = bench.loads()
    again = bench.sync(provider)
    return First(
        bench, words, known, run, tables, loads, requests, again, bench.tables(), bench.requests
    )


def test_nothing_goes_wrong(first: First) -> None:
    assert (first.run.ok, first.run.exit_code, first.run.error) == (True, 0, None)


def test_every_job_is_there_whole(first: First) -> None:
    truth = first.bench.truth(first.run.provider)
    assert len(first.tables["jobs"]) == len(truth)
    assert_complete(first.tables, truth)


def test_every_table_is_there_and_sound(first: First) -> None:
    assert set(first.tables) == set(TABLES)
    assert_sound(first.tables, first.loads)


def test_every_event_is_true(first: First) -> None:
    assert_history_true(first.tables, first.bench.truth(first.run.provider))


def test_statuses_are_mapped_as_the_contract_says(first: First) -> None:
    assert {canonical for _, canonical in first.words.values()} == set(
        CANONICAL[first.run.provider]
    )
    for job_id, (word, canonical) in first.words.items():
        row = job_row(first.tables, job_id)
        assert (row["provider_status"], row["status"]) == (word, canonical)
        assert row["is_terminal"] == (canonical in TERMINAL)
        assert events_of(first.tables, job_id)[-1]["status"] == canonical


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_say_what_the_provider_says(first: First, kind: str) -> None:
    provider = first.run.provider
    for job in first.bench.truth(provider, kind):
        row = job_row(first.tables, job.job_id)
        unnamed = {("llamacloud", "extract"), ("contextual", "extract")}
        if provider == "landingai":
            assert (row["document_name"], row["finished_at"] is None) == (None, not job.is_terminal)
        elif provider != "reducto" and (provider, kind) not in unnamed:
            assert row["document_name"] == job.document_name
        if provider != "contextual":
            assert row["error_message"] == job.error_message
        if (provider, kind) == ("llamacloud", "parse"):
            assert row["tier"] == job.tier
        if provider == "landingai" and job.status == "succeeded":
            assert row["tier"] == job.tier and row["credits"] > 0
        if provider == "llamacloud" and kind == "parse" and job.status == "succeeded":
            assert row["credits"] == job.credits
        if job.status == "succeeded" and kind == "parse":
            assert row["page_count"] == job.pages
            assert row["failed_page_count"] == job.failed_pages
        if (provider, kind) == ("contextual", "parse"):
            assert row["created_at_precision"] == "bounded"
            assert row["created_at_earliest"] <= job.created_at <= row["created_at_latest"]
        else:
            assert row["created_at_precision"] == "exact"
            assert row["created_at"] == job.created_at


@pytest.mark.parametrize("kind", KINDS)
def test_results_expire_when_the_provider_forgets_them(first: First, kind: str) -> None:
    days = {("contextual", "parse"): 30, ("unsiloed", "extract"): 7}.get((first.run.provider, kind))
    for row in first.tables["jobs"]:
        if row["job_kind"] == kind:
            expires = row["created_at_earliest"] + timedelta(days=days) if days else None
            assert row["results_expire_at"] == expires


@pytest.mark.parametrize("kind", KINDS)
def test_segments_are_counted_by_type(first: First, kind: str) -> None:
    if kind == "extract":
        jobs = {job.job_id for job in first.bench.truth(first.run.provider, kind)}
        assert not [row for row in first.tables["segments"] if row["job_id"] in jobs]
        return
    for job in first.bench.truth(first.run.provider, kind):
        rows = of_job(first.tables, "segments", job.job_id)
        assert Counter(row["segment_type"] for row in rows) == job.segments_by_type


def test_ocr_elements_are_counted(first: First) -> None:
    for job in first.bench.truth(first.run.provider, "parse"):
        rows = of_job(first.tables, "segments", job.job_id)
        elements = Counter(
            row["segment_index"] for row in of_job(first.tables, "segment_ocr", job.job_id)
        )
        assert {row["segment_index"]: row["ocr_count"] for row in rows if row["ocr_count"]} == dict(
            elements
        )


def test_texts_are_stored_as_sent(first: First) -> None:
    job_id = first.known["parse"]
    texts = ["first page", "second page", "third page"]
    segments = of_job(first.tables, "segments", job_id)
    assert [row["content"] for row in segments] == texts
    assert [row["markdown"] for row in segments] == texts
    assert [row["page_number"] for row in segments] == [1, 2, 3]
    chunks = of_job(first.tables, "chunks", job_id)
    assert [row["content"] for row in chunks] == texts
    assert [row["chunk_index"] for row in chunks] == [0, 1, 2]
    native = first.run.provider in ("unsiloed", "reducto")
    assert {row["chunk_kind"] for row in chunks} == {"native" if native else "page"}
    assert [row["page_number"] for row in of_job(first.tables, "pages", job_id)] == [1, 2, 3]


def test_extractions_are_stored_verbatim(first: First) -> None:
    (row,) = of_job(first.tables, "extraction_results", first.known["extract"])
    assert row["result"] == '{"field":["first page","second page","third page"]}'


def test_the_run_counts_what_it_did(first: First) -> None:
    run, tables = first.run, first.tables
    truth = first.bench.truth(run.provider)
    assert run.jobs_listed == run.jobs_new == len(truth)
    assert run.jobs_changed == run.rejected == run.pending_results == 0
    assert run.status_events == len(tables["job_status_history"])
    assert run.results_loaded == sum(job.status == "succeeded" for job in truth)
    assert run.chunks == len(tables["chunks"])
    assert run.segments == len(tables["segments"])
    assert run.open_jobs == sum(not job.is_terminal for job in truth)
    assert run.requests == len(first.requests)
    (row,) = tables["sync_runs"]
    assert {key: row[key] for key in run._fields} == run._asdict()


def test_each_result_is_asked_for_once(first: First) -> None:
    asked = Counter(record.path for record in first.requests if asks_for_result(record))
    if first.run.provider == "landingai":
        # an answer about one job is its result
        asked = Counter(record.path for record in first.requests if record.path[-5:] != "/jobs")
    assert set(asked.values()) == {1}
    # Reducto's list does not say why a job failed, and its one answer is a result's, too
    jobs = first.bench.truth("reducto") if first.run.provider == "reducto" else []
    failed = sum(job.status == "failed" for job in jobs)
    if first.run.provider != "unsiloed":
        assert sum(asked.values()) == first.run.results_loaded + failed


# -- contextual's brackets ----------------------------------------------------------------------


def test_creations_without_a_date_are_bracketed_within_a_day(first: First) -> None:
    if first.run.provider != "contextual":
        return
    width = timedelta(days=1)
    for row in first.tables["jobs"]:
        assert row["created_at_latest"] - row["created_at_earliest"] <= width
        middle = row["created_at_earliest"]
        middle += (row["created_at_latest"] - row["created_at_earliest"]) / 2
        assert row["created_at"] == middle
    asked = [record for record in first.requests if record.path == "/v1/parse/jobs"]
    assert len(asked) <= 75


# -- the second sync ----------------------------------------------------------------------------


def test_a_second_sync_changes_nothing(first: First) -> None:
    before, after = first.tables, first.tables_again
    for name in before:
        if name not in ("jobs", "sync_runs"):
            assert after[name] == before[name], name
    looked = ("last_observed_at", "run_id", "_dlt_load_id")
    assert without(after["jobs"], *looked) == without(before["jobs"], *looked)
    for old, new in zip(before["jobs"], after["jobs"], strict=True):
        assert new["last_observed_at"] >= old["last_observed_at"]
        if new != old:
            assert not old["is_terminal"], "an ended job that has not changed was written again"


def test_a_second_sync_leaves_one_more_run(first: First) -> None:
    rows = {row["run_id"]: row for row in first.tables_again["sync_runs"]}
    assert set(rows) == {first.run.run_id, first.again.run_id}
    assert rows[first.again.run_id]["ok"]
    run = first.again
    assert run.jobs_new == run.jobs_changed == run.status_events == run.results_loaded == 0
    assert run.chunks == run.segments == run.rejected == run.pending_results == 0
    assert run.open_jobs == first.run.open_jobs
    assert run.cursor >= first.run.cursor


def test_a_second_sync_asks_for_as_little_as_can_be(first: First) -> None:
    provider = first.run.provider
    asked = first.requests_again
    assert not [record for record in asked if asks_for_result(record)]
    if provider == "unsiloed":
        # open jobs, and of the ended those within the lag of their kind's newest
        due = 0
        for kind in KINDS:
            jobs = first.bench.truth(provider, kind)
            since = max(job.created_at for job in jobs) - timedelta(seconds=3600)
            due += sum(not job.is_terminal or job.created_at >= since for job in jobs)
        assert len(asked) == due
    else:
        # one list a kind, and one question for the open jobs that it does not show
        assert len(asked) <= (8 if provider == "llamacloud" else 4)
