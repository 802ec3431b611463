"""Unsiloed's official SDK sees what the truth says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from unsiloed_sdk import UnsiloedClient
from unsiloed_sdk.exceptions import AuthenticationError

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.vocabulary import canonical_segment_type
from dlt_docjobs.model.times import parse_instant


@pytest.fixture
def client(world: Emulator) -> Iterator[UnsiloedClient]:
    with UnsiloedClient(world.api_key, world.base_urls["unsiloed"]) as client:
        yield client


def test_parse_results_hold_what_the_truth_counts(world: Emulator, client: UnsiloedClient) -> None:
    seen = Counter[str]()
    for job in world.jobs("unsiloed", "parse"):
        answer = client.get_parse_result(job.job_id)
        assert (answer.job_id, answer.status) == (job.job_id, job.provider_status)
        assert answer.file_name == job.document_name
        assert parse_instant(answer.created_at) == job.created_at
        chunks = answer.chunks
        assert chunks is not None
        assert answer.total_chunks == len(chunks) == job.chunk_count
        segments = [segment for chunk in chunks for segment in chunk["segments"]]
        assert len(segments) == job.segment_count
        types = Counter(
            canonical_segment_type("unsiloed", part["segment_type"]) for part in segments
        )
        assert dict(types) == job.segments_by_type
        assert sum(len(part.get("ocr") or []) for part in segments) == job.ocr_count
        # Without include_url no image is shown.
        assert all(part["image"] is None for part in segments)
        seen.update(part["segment_type"] for part in segments)
        if job.status == "succeeded":
            assert answer.page_count == job.pages == job.document_pages
            assert answer.message == "Task succeeded"
        if job.status == "failed":
            assert answer.message == job.error_message
    assert {
        *("Text", "Title", "SectionHeader", "ListItem", "Table", "Picture", "Caption", "Formula"),
        *("Footnote", "KeyValuePair", "PageHeader", "PageFooter", "Signature", "Page"),
    } <= set(seen)
    # The other naming of types.
    assert "Section Header" in seen


def test_dates_follow_the_status(bare: Emulator) -> None:
    with UnsiloedClient(bare.api_key, bare.base_urls["unsiloed"]) as client:
        job = bare.add_job("unsiloed", pages=3)
        assert job.provider_status in ("Starting", "AwaitingUpload")
        answer = client.get_parse_result(job.job_id)
        assert (answer.started_at, answer.finished_at) == (None, None)
        assert (answer.total_chunks, answer.page_count, answer.chunks) == (0, 0, [])
        bare.set_status(job.job_id, "Processing")
        answer = client.get_parse_result(job.job_id)
        assert answer.started_at and answer.finished_at is None
        assert (answer.total_chunks, answer.page_count) == (0, 3)
        bare.set_status(job.job_id, "Succeeded")
        answer = client.get_parse_result(job.job_id)
        truth = bare.job(job.job_id)
        assert parse_instant(answer.started_at) == truth.transitions[1].at
        assert parse_instant(answer.finished_at) == truth.transitions[2].at
        assert answer.page_count == 3 and answer.chunks
        bare.set_status(job.job_id, "Starting")
        answer = client.get_parse_result(job.job_id)
        assert (answer.status, answer.started_at, answer.finished_at) == ("Starting", None, None)


def test_an_upload_that_never_comes(bare: Emulator) -> None:
    job = bare.add_job("unsiloed", hang=True)
    assert job.provider_status == "AwaitingUpload"
    bare.advance(10 * 86400)
    assert [step.provider_status for step in bare.job(job.job_id).transitions] == ["AwaitingUpload"]


def test_extract_results(world: Emulator, client: UnsiloedClient) -> None:
    reviewed, shapes = 0, Counter[str]()
    for job in world.jobs("unsiloed", "extract"):
        answer = client.get_extract_result(job.job_id)
        assert (answer.job_id, answer.status) == (job.job_id, job.provider_status)
        assert parse_instant(answer.created_at) == job.created_at
        assert answer.created_at is not None and answer.created_at.endswith("+00:00")
        assert answer.error == job.error_message
        assert (answer.result is not None) == (job.status == "succeeded")
        reviewed += answer.status == "review" and job.status == "succeeded"
        if answer.result is not None:
            assert answer.metadata is not None
            assert answer.metadata["page_count"] == job.pages
            shapes[type(answer.result["total"]["score"]).__name__] += 1
    assert reviewed > 0
    assert set(shapes) == {"float", "dict"}


def test_classify_results(bare: Emulator) -> None:
    jobs = [bare.add_job("unsiloed", "classify", status="completed", pages=4) for _ in range(20)]
    shapes = Counter[str]()
    with UnsiloedClient(bare.api_key, bare.base_urls["unsiloed"]) as client:
        for job in jobs:
            answer = client.get_classify_result(job.job_id)
            assert (answer.job_id, answer.status, answer.error) == (job.job_id, "completed", None)
            assert answer.result is not None and 0 <= answer.result["confidence"] <= 1
            shapes["pages" if "page_results" in answer.result else "image"] += 1
            for number, page in enumerate(answer.result.get("page_results", ()), 1):
                assert page["page"] == number
                shapes["failed"] += not page["success"]
        failed = bare.add_job("unsiloed", "classify", status="failed", error_message="no page")
        answer = client.get_classify_result(failed.job_id)
        assert (answer.status, answer.result, answer.error) == ("failed", None, "no page")
    assert min(shapes[name] for name in ("pages", "image", "failed")) > 0


def test_split_results(bare: Emulator) -> None:
    job = bare.add_job("unsiloed", "split", status="processing", pages=4)
    with UnsiloedClient(bare.api_key, bare.base_urls["unsiloed"]) as client:
        answer = client.get_split_result(job.job_id)
        assert (answer.job_id, answer.status, answer.result) == (job.job_id, "processing", None)
        progress = answer.progress
        bare.set_status(job.job_id, "completed")
        answer = client.get_split_result(job.job_id)
        assert (answer.status, answer.file_name) == ("completed", job.document_name)
        assert answer.progress == progress, "it is no status"
        assert answer.parameters is not None and answer.parameters["page_count"] == 4
        assert answer.result is not None and answer.result["files"]
        for one in answer.result["files"]:
            assert one["type"] == "file" and 0 <= one["confidence_score"] <= 1
            assert "?" in one["full_path"], "signed"


def test_a_wrong_key(world: Emulator) -> None:
    job = world.jobs("unsiloed")[0]
    with (
        UnsiloedClient("wrong", world.base_urls["unsiloed"]) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.get_parse_result(job.job_id)
