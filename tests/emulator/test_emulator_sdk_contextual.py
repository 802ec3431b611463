"""Contextual's official SDK (parse only), validating strictly, sees what the truth says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import contextual
import pytest
from contextual import ContextualAI

from dlt_docjobs.emulator import Emulator


@pytest.fixture
def client(world: Emulator) -> Iterator[ContextualAI]:
    with connect(world) as client:
        yield client


def connect(emulator: Emulator, api_key: str | None = None) -> ContextualAI:
    return ContextualAI(
        api_key=api_key or emulator.api_key,
        base_url=emulator.base_urls["contextual"],
        max_retries=0,
        _strict_response_validation=True,
    )


def test_paging_through_the_parse_list(world: Emulator, client: ContextualAI) -> None:
    rows = []
    page = client.parse.jobs(limit=10)
    rows += page.jobs
    while page.next_cursor is not None:
        page = client.parse.jobs(limit=10, cursor=page.next_cursor)
        rows += page.jobs
    truth = world.jobs("contextual", "parse")
    assert page.total_jobs == len(truth)
    assert [row.id for row in rows] == [job.job_id for job in reversed(truth)]
    assert [(row.status, row.file_name) for row in rows] == [
        (job.provider_status, job.document_name) for job in reversed(truth)
    ]


def test_uploaded_after_is_inclusive(world: Emulator, client: ContextualAI) -> None:
    truth = world.jobs("contextual", "parse")
    bound = truth[15].created_at
    expected = {job.job_id for job in truth if job.created_at >= bound}
    for value in (bound, bound.replace(tzinfo=None).isoformat(), bound.isoformat()):
        assert {row.id for row in client.parse.jobs(uploaded_after=value).jobs} == expected
    # Older than the retention: clamped in silence.
    assert len(client.parse.jobs(uploaded_after="2001-01-01T00:00:00").jobs) == len(truth)


def test_jobs_are_forgotten_after_thirty_days(bare: Emulator) -> None:
    now = datetime.now(timezone.utc)
    kept = bare.add_job("contextual", status="completed", created_at=now - timedelta(days=29.9))
    lost = bare.add_job("contextual", status="completed", created_at=now - timedelta(days=30.1))
    with connect(bare) as client:
        assert [row.id for row in client.parse.jobs().jobs] == [kept.job_id]
        assert client.parse.job_status(kept.job_id).status == "completed"
        with pytest.raises(contextual.NotFoundError):
            client.parse.job_status(lost.job_id)
        with pytest.raises(contextual.NotFoundError):
            client.parse.job_results(lost.job_id)
    assert bare.job(lost.job_id).expired_at == lost.created_at + timedelta(days=30)


def test_results_hold_what_the_truth_counts(world: Emulator, client: ContextualAI) -> None:
    seen = Counter[str]()
    hierarchies = 0
    for job in world.jobs("contextual", "parse"):
        answer = client.parse.job_results(job.job_id, output_types=["blocks-per-page"])
        assert (answer.status, answer.file_name) == (job.provider_status, job.document_name)
        if job.status != "succeeded":
            assert answer.pages is None and job.segment_count == 0
            continue
        assert answer.pages is not None
        assert [page.index for page in answer.pages] == list(range(job.pages))
        blocks = [block for page in answer.pages for block in page.blocks or []]
        assert len(blocks) == job.segment_count
        titles = sum(block.type == "heading" and block.hierarchy_level == 0 for block in blocks)
        assert titles == job.segments_by_type.get("title", 0)
        for block in blocks:
            seen[block.type] += 1
            box = block.bounding_box
            assert 0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1
            assert (block.confidence_level is not None) == (block.type == "table")
            assert block.page_index is None
        if answer.document_metadata is not None:
            hierarchies += 1
            assert answer.document_metadata.hierarchy is not None
            again = answer.document_metadata.hierarchy.blocks or []
            assert {block.id for block in again} <= {block.id for block in blocks}
    assert set(seen) == {"heading", "text", "table", "figure"}
    assert hierarchies > 0


def test_output_types(world: Emulator, client: ContextualAI) -> None:
    job = next(job for job in world.jobs("contextual", "parse") if job.status == "succeeded")
    answer = client.parse.job_results(
        job.job_id, output_types=["markdown-document", "markdown-per-page"]
    )
    assert answer.markdown_document and answer.pages is not None
    assert all(page.markdown and page.blocks is None for page in answer.pages)


def test_errors(world: Emulator, client: ContextualAI) -> None:
    with pytest.raises(contextual.UnprocessableEntityError):
        client.parse.job_status("not-a-uuid")
    with pytest.raises(contextual.UnprocessableEntityError):
        client.parse.jobs(limit=1001)
    with (
        connect(world, "wrong") as stranger,
        pytest.raises(contextual.AuthenticationError),
    ):
        stranger.parse.jobs()


def test_retrying_is_a_status_on_the_way(bare: Emulator) -> None:
    job = bare.add_job("contextual", status="retrying")
    assert (job.status, job.is_terminal) == ("retrying", False)
    with connect(bare) as client:
        assert client.parse.job_status(job.job_id).status == "retrying"
        bare.advance(3600)
        assert client.parse.job_status(job.job_id).status == bare.job(job.job_id).provider_status
    assert bare.job(job.job_id).is_terminal
