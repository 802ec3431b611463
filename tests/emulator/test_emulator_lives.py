"""How jobs live: from a seed, through the providers' statuses, as the clock is moved."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import httpx
import pytest

from dlt_docjobs.emulator import Emulator, TrueJob
from dlt_docjobs.emulator.births import SHARES
from dlt_docjobs.emulator.lives import FIRST_STATUS, LONGEST_LIFE, draw_life
from dlt_docjobs.emulator.vocabulary import PROVIDERS, canonical_status
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import is_terminal


def outline(jobs: list[TrueJob], start: datetime) -> list[tuple[object, ...]]:
    """All of a world but its dates."""
    return [
        (
            job.job_id,
            job.document_name,
            job.document_pages,
            [step.provider_status for step in job.transitions],
            job.facts,
            round((job.created_at - start).total_seconds()),
        )
        for job in jobs
    ]


def test_a_seed_makes_the_same_world_at_any_date() -> None:
    dates = [datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2031, 7, 9, tzinfo=timezone.utc)]
    first, second = (outline(Emulator(seed=3, jobs=80, now=at).jobs(), at) for at in dates)
    assert first == second
    other = outline(Emulator(seed=4, jobs=80, now=dates[0]).jobs(), dates[0])
    assert {job[0] for job in first}.isdisjoint(job[0] for job in other)


def test_the_world_at_start(world: Emulator) -> None:
    jobs = world.jobs()
    assert len(jobs) == len({job.job_id for job in jobs})
    first = ("llamacloud", "contextual", "unsiloed")
    assert sum(job.provider in first for job in jobs) == 240
    counts = Counter((job.provider, job.job_kind) for job in jobs)
    assert set(counts) == set(SHARES) and counts.most_common(1)[0][0] == ("llamacloud", "parse")
    still_open = [job for job in jobs if not job.is_terminal]
    assert 0.05 <= len(still_open) / len(jobs) <= 0.1
    now = datetime.now(timezone.utc)
    assert all(now - timedelta(days=20, minutes=1) < job.created_at < now for job in jobs)
    assert min(job.created_at for job in jobs) < now - timedelta(days=17)
    assert len({job.created_at for job in jobs}) < len(jobs), "some jobs share their date"
    assert any(job.failed_pages for job in jobs)
    assert {job.provider for job in jobs if job.status == "failed" and job.error_message} == set(
        PROVIDERS
    )


def test_every_status_of_every_provider_is_lived_through() -> None:
    emulator = Emulator(seed=1, jobs=1500)
    lived = {
        provider: {
            step.provider_status for job in emulator.jobs(provider) for step in job.transitions
        }
        for provider in PROVIDERS
    }
    # few split jobs are cancelled
    assert lived["llamacloud"] - {"cancelled"} == {
        *("PENDING", "THROTTLED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"),
        *("pending", "processing", "completed", "failed"),
    }
    assert lived["contextual"] == {
        *("pending", "processing", "retrying", "completed", "failed", "cancelled"),
    }
    assert lived["landingai"] == {"pending", "processing", "completed", "failed", "cancelled"}
    assert lived["unsiloed"] == {
        *("Starting", "AwaitingUpload", "Queued", "Processing", "Succeeded", "Failed"),
        *("Cancelled", "queued", "processing", "completed", "review", "failed"),
    }
    assert lived["reducto"] == {
        *("Pending", "InProgress", "Completing", "Completed", "Failed", "Cancelled"),
    }


def test_no_life_is_longer_than_an_hour() -> None:
    rng = random.Random(1)
    lives = [draw_life(rng, combination, 40) for combination in FIRST_STATUS for _ in range(300)]
    ends = [life.steps[-1][0] for life in lives]
    assert 1200 < max(ends) <= LONGEST_LIFE + 1e-6 and min(ends) < 600


def test_transitions_are_in_order_and_say_what_the_words_mean(lively: Emulator) -> None:
    for _ in range(4):
        lively.advance(1800)
    for job in lively.jobs():
        moments = [step.at for step in job.transitions]
        assert moments == sorted(moments)
        assert moments[0] == job.created_at
        for step in job.transitions:
            assert step.status == canonical_status(job.provider, step.provider_status)
        ended = [is_terminal(step.status) for step in job.transitions]
        assert not any(ended[:-1]), "nothing follows an end"
        assert job.status_at(job.created_at - timedelta(microseconds=1)) is None
        assert job.status_at(moments[-1]) == job.transitions[-1]


def test_advancing_finishes_what_can_finish_and_brings_new_jobs(lively: Emulator) -> None:
    before = {job.job_id: job for job in lively.jobs()}
    open_before = {job_id for job_id, job in before.items() if not job.is_terminal}
    lively.advance(3600)
    after = {job.job_id: job for job in lively.jobs()}
    within_the_hour = {job_id for job_id in open_before if after[job_id].is_terminal}
    lively.advance(30 * 86400)
    after = {job.job_id: job for job in lively.jobs()}
    assert within_the_hour == {job_id for job_id in open_before if after[job_id].is_terminal}
    hanging = {job_id for job_id in open_before if not after[job_id].is_terminal}
    assert 0 < len(hanging) < len(open_before)
    assert all(after[job_id].transitions == before[job_id].transitions for job_id in hanging)
    new = set(after) - set(before)
    assert new and any(after[job_id].is_terminal for job_id in new)
    for job_id, job in before.items():
        assert after[job_id].transitions[: len(job.transitions)] == job.transitions


def test_a_move_lies_between_the_last_answer_and_now(lively: Emulator, http: httpx.Client) -> None:
    job_id = next(job.job_id for job in lively.jobs("unsiloed") if not job.is_terminal)
    for _ in range(3):
        known = {job.job_id: len(job.transitions) for job in lively.jobs()}
        kind = {"split": "splitter"}.get(word := lively.job(job_id).job_kind, word)
        assert http.get(f"{lively.base_urls['unsiloed']}/{kind}/{job_id}").status_code == 200
        # Whoever had asked until here had seen the state before the move.
        seen = lively.requests[-1].at
        lively.advance(3600)
        now = datetime.now(timezone.utc)
        happened = [
            step.at for job in lively.jobs() for step in job.transitions[known.get(job.job_id, 0) :]
        ]
        assert happened
        assert all(seen < at <= now for at in happened)
        # A long life is spread over the whole stretch and does not lie in a heap.
        # (what a busy machine does between the two is part of it, too)
        assert max(happened) - min(happened) > (now - seen) / 50


def test_nothing_happens_between_moves(lively: Emulator, http: httpx.Client) -> None:
    def states() -> list[tuple[str, str]]:
        rows = http.get(
            lively.base_urls["contextual"] + "/extract/jobs", params={"limit": 100}
        ).json()["jobs"]
        return [(row["job_id"], str(row)) for row in rows]

    assert states() == states()


def test_lists_show_what_a_move_has_brought(lively: Emulator, http: httpx.Client) -> None:
    def listed() -> set[str]:
        url = lively.base_urls["llamacloud"] + "/api/v2/extract?page_size=1000"
        return {row["id"] for row in http.get(url).json()["items"]}

    before = listed()
    lively.advance(86400)
    assert listed() == {job.job_id for job in lively.jobs("llamacloud", "extract")}
    assert listed() > before


def test_dates_in_answers_are_never_in_the_future(lively: Emulator, http: httpx.Client) -> None:
    for _ in range(3):
        lively.advance(86400)
        answer = http.get(lively.base_urls["llamacloud"] + "/api/v2/extract?page_size=1000")
        now = datetime.now(timezone.utc)
        assert abs(parsedate_to_datetime(answer.headers["date"]) - now) < timedelta(seconds=2)
        for row in answer.json()["items"]:
            created, updated = parse_instant(row["created_at"]), parse_instant(row["updated_at"])
            assert created and updated and created <= updated <= now


def test_the_clock_goes_forward_only(bare: Emulator) -> None:
    with pytest.raises(ValueError, match="forward"):
        bare.advance(-1)


def test_an_empty_world_stays_empty(bare: Emulator) -> None:
    bare.advance(30 * 86400)
    assert bare.jobs() == []


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", ["parse", "extract"])
def test_added_jobs(bare: Emulator, provider: str, kind: str) -> None:
    now = datetime.now(timezone.utc)
    old = bare.add_job(provider, kind, created_at=now - timedelta(days=3))  # type: ignore[arg-type]
    assert old.created_at == now - timedelta(days=3) and old.status == "queued"
    stuck = bare.add_job(provider, kind, hang=True)  # type: ignore[arg-type]
    given = bare.add_job(
        provider,  # type: ignore[arg-type]
        kind,  # type: ignore[arg-type]
        transitions=[("PENDING", now - timedelta(hours=2)), ("FAILED", now - timedelta(hours=1))],
        error_message="boom",
        document_name="a.pdf",
    )
    assert (given.status, given.document_name, given.error_message) == ("failed", "a.pdf", "boom")
    assert given.created_at == now - timedelta(hours=2)
    bare.advance(3600)
    assert bare.job(old.job_id).is_terminal
    assert not bare.job(stuck.job_id).is_terminal
    assert bare.job(given.job_id).transitions == given.transitions


def test_a_job_added_in_its_end_has_lived(bare: Emulator) -> None:
    job = bare.add_job("contextual", status="completed", pages=2)
    words = [step.provider_status for step in job.transitions]
    assert words == ["pending", "processing", "completed"]
    assert job.pages == 2 and job.chunk_count == 2 and job.segment_count > 0


def test_a_given_result_is_served_and_counted(bare: Emulator, http: httpx.Client) -> None:
    page = {"page_number": 1, "page_width": 1.0, "page_height": 1.0, "success": True, "items": []}
    result = {"items": {"pages": [page]}, "metadata": None}
    job = bare.add_job("llamacloud", status="COMPLETED", result=result)
    assert (job.pages, job.chunk_count, job.segment_count) == (1, 1, 0)
    url = f"{bare.base_urls['llamacloud']}/api/v2/parse/{job.job_id}?expand=items"
    assert http.get(url).json()["items"] == result["items"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_reprocessing_replaces_the_result(bare: Emulator, provider: str) -> None:
    statuses = {
        **{"llamacloud": "COMPLETED", "contextual": "completed", "unsiloed": "Succeeded"},
        **{"reducto": "Completed", "landingai": "completed"},
    }
    job = bare.add_job(provider, status=statuses[provider], pages=4)  # type: ignore[arg-type]
    bare.reprocess(job.job_id, pages=2)
    again = bare.job(job.job_id)
    assert (job.pages, again.pages) == (4, 2)
    assert again.transitions == job.transitions and again.facts != job.facts
    bare.reprocess(job.job_id, pages=0)
    empty = bare.job(job.job_id)
    assert (empty.pages, empty.chunk_count, empty.segment_count) == (0, 0, 0)


def test_other_threads_may_move_the_world(lively: Emulator, http: httpx.Client) -> None:
    errors: list[BaseException] = []

    def move() -> None:
        try:
            for _ in range(10):
                lively.advance(60)
                lively.add_job("llamacloud")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=move) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert http.get(lively.base_urls["llamacloud"] + "/api/v2/parse").status_code == 200
    for thread in threads:
        thread.join()
    assert errors == []
    for job in lively.jobs():
        moments = [step.at for step in job.transitions]
        assert moments == sorted(moments)


def test_a_model_that_changes_is_silent_and_reads_worse_from_then_on() -> None:
    """What was created before, and everything but the results, stays as it was."""
    now = datetime(2026, 7, 1, tzinfo=timezone.utc)
    since = now - timedelta(days=12)
    usual, changed = (
        [
            job
            for job in Emulator(seed=5, jobs=120, now=lambda: now, model_changes_at=at).jobs()
            if job.job_kind == "parse"
        ]
        for at in (None, since)
    )
    for before, after in zip(usual, changed, strict=True):
        same = ("job_id", "tier", "created_at", "document_pages", "transitions")
        assert [getattr(before, name) for name in same] == [getattr(after, name) for name in same]
        if after.created_at < since:
            assert before.facts == after.facts
    for provider in PROVIDERS:
        read, read_less = (
            sum(
                job.facts.segment_count
                for job in jobs
                if job.provider == provider and job.created_at >= since
            )
            for jobs in (usual, changed)
        )
        assert 0 < read_less < read
