"""LandingAI's official SDK sees what the truth says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import pytest
from landingai_ade import AuthenticationError, LandingAIADE, NotFoundError
from landingai_ade.types.v2 import Job, V2ExtractResult, V2ParseResponse

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.vocabulary import canonical_segment_type

ENVELOPE = {"job_id", "status", "created_at", "completed_at", "progress", "result", "error"}
ROW = {"job_id", "status", "created_at", "completed_at", "model_version", "failure_reason"}


def connect(emulator: Emulator, key: str | None = None) -> LandingAIADE:
    url = emulator.base_urls["landingai"]
    return LandingAIADE(
        apikey=key or emulator.api_key, base_url=url, v2_base_url=url, max_retries=0
    )


@pytest.fixture
def client(world: Emulator) -> Iterator[LandingAIADE]:
    with connect(world) as client:
        yield client


def assert_strict(model: Any, sent: dict[str, Any]) -> None:
    """The answer fits the SDK's model, and has no key that the model does not know."""

    def unknown(value: Any) -> set[str]:
        found = set(value.model_extra or ()) if hasattr(value, "model_extra") else set()
        parts = value if isinstance(value, list) else vars(value).values()
        for part in parts if not isinstance(value, dict) else ():
            if hasattr(part, "model_fields_set") or isinstance(part, list):
                found |= unknown(part)
        return found

    assert not unknown(model.model_validate(sent, strict=True))


def jobs_of(client: LandingAIADE, kind: Literal["parse", "extract"]) -> list[Job]:
    jobs: list[Job] = []
    resource = getattr(client.v2, f"{kind}_jobs")
    for page in range(1000):
        listed = resource.list(page=page, page_size=7)
        assert (listed.page, listed.page_size) == (page, 7)
        jobs += listed
        if not listed.has_more:
            return jobs
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("kind", ["parse", "extract"])
def test_the_list_shows_every_job_newest_first(
    world: Emulator, client: LandingAIADE, kind: Literal["parse", "extract"]
) -> None:
    jobs = jobs_of(client, kind)
    truth = {job.job_id: job for job in world.jobs("landingai", kind)}
    assert len(jobs) == len(truth) == len({job.job_id for job in jobs})
    dates = [job.created_at for job in jobs]
    assert all(dates) and dates == sorted(filter(None, dates), reverse=True)
    for job in jobs:
        true = truth[job.job_id]
        assert job.job_id.startswith(f"{kind}-") and job.raw.keys() == ROW
        assert (job.status.value, job.created_at) == (true.provider_status, true.created_at)
        assert (job.completed_at is not None) == true.is_terminal
        assert (job.error and job.error.message) == true.error_message


def test_parse_results_hold_what_the_truth_counts(world: Emulator, client: LandingAIADE) -> None:
    seen, by_word = Counter[str](), Counter[bool]()
    for job in world.jobs("landingai", "parse"):
        answer = client.v2.parse_jobs.get(job.job_id)
        assert answer.raw.keys() <= ENVELOPE and answer.status.value == job.provider_status
        assert (answer.result is not None) == (job.status == "succeeded")
        if answer.result is None:
            continue
        sent: Any = answer.raw["result"]
        assert_strict(V2ParseResponse, sent)
        result = V2ParseResponse.model_validate(sent)
        assert result.structure is not None and result.metadata is not None
        pages, text = result.structure.children, result.markdown or ""
        assert len(pages) == job.pages == result.metadata.page_count
        assert result.metadata.output_markdown_chars == len(text)
        assert sum(page.status == "failed" for page in pages) == job.failed_pages
        assert len(result.metadata.failed_pages or ()) == job.failed_pages
        elements = [element for page in pages for element in page.children]
        assert len(elements) == job.segment_count
        types = Counter(canonical_segment_type("landingai", one.type) for one in elements)
        assert dict(types) == job.segments_by_type
        atoms = [atom for one in elements for atom in one.atomic_grounding or ()]
        assert len(atoms) == job.ocr_count
        for node in [*pages, *elements, *(cell for one in elements for cell in one.children or ())]:
            spot = node.grounding
            assert spot is not None and spot.range is not None and spot.box is not None
            assert spot.range.start is not None and spot.range.end is not None
            assert 0 <= spot.range.start <= spot.range.end <= len(text)
        for atom in atoms:
            assert atom.range is not None
            assert text[atom.range.start : atom.range.end].strip()
            by_word[atom.confidence is not None] += 1
        seen.update(one.type for one in elements)
    assert {"text", "table", "figure", "marginalia", "attestation", "logo", "card"} <= set(seen)
    assert by_word[True] and by_word[False]


def test_extract_results(world: Emulator, client: LandingAIADE) -> None:
    joined = violations = 0
    parsed = {job.job_id for job in world.jobs("landingai", "parse")}
    for job in world.jobs("landingai", "extract"):
        answer = client.v2.extract_jobs.get(job.job_id)
        assert answer.status.value == job.provider_status
        assert (answer.result is not None) == (job.status == "succeeded")
        if answer.result is None:
            continue
        assert_strict(V2ExtractResult, answer.raw["result"])  # type: ignore[arg-type]
        result = V2ExtractResult.model_validate(answer.raw["result"])
        assert result.extraction and result.metadata is not None
        violations += result.schema_violation_error is not None
        if result.metadata.doc_id is not None:
            assert result.metadata.doc_id in parsed
            joined += 1
    assert joined and violations


def test_a_job_on_its_way(bare: Emulator) -> None:
    with connect(bare) as client:
        job = bare.add_job("landingai", pages=3)
        answer = client.v2.parse_jobs.get(job.job_id)
        assert answer.raw.keys() == {"job_id", "status", "created_at"}
        bare.set_status(job.job_id, "processing")
        answer = client.v2.parse_jobs.get(job.job_id)
        assert answer.progress is not None and not answer.is_terminal
        bare.set_status(job.job_id, "failed")
        answer = client.v2.parse_jobs.get(job.job_id)
        assert answer.error is not None and answer.error.message
        assert isinstance(answer.completed_at, datetime)


def test_a_result_that_was_delivered_leaves_a_receipt(bare: Emulator) -> None:
    bare.faults.landingai_delivery = "receipt"
    job = bare.add_job("landingai", status="completed", pages=2)
    with connect(bare) as client:
        answer = client.v2.parse_jobs.get(job.job_id)
    assert answer.result is None and answer.raw["output_url"]
    assert answer.metadata is not None and answer.metadata["page_count"] == 2


def test_the_older_form_is_one_that_the_sdk_reads(bare: Emulator) -> None:
    bare.faults.landingai_form = "old"
    job = bare.add_job("landingai", status="completed", pages=2)
    with connect(bare) as client:
        answer = client.v2.parse_jobs.get(job.job_id)
    assert answer.created_at is not None
    result = V2ParseResponse.model_validate(answer.raw["data"], strict=True)
    assert result.grounding is not None and result.structure is not None
    assert [page.page for page in result.structure.children] == [0, 1]


def test_only_one_name_of_the_page_size_is_obeyed(bare: Emulator) -> None:
    for _ in range(12):
        bare.add_job("landingai")
    with connect(bare) as client:
        assert len(client.v2.parse_jobs.list(page_size=5)) == 5
        bare.faults.landingai_page_size = "page_size"
        listed = client.v2.parse_jobs.list(page_size=5)
        assert (len(listed), listed.page_size, listed.has_more) == (10, 10, True)


def test_refusals(world: Emulator) -> None:
    with connect(world, "wrong") as stranger, pytest.raises(AuthenticationError):
        stranger.v2.parse_jobs.list()
    with connect(world) as client, pytest.raises(NotFoundError):
        client.v2.parse_jobs.get(world.jobs("landingai", "extract")[0].job_id)
