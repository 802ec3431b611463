"""Reducto's official SDK, validating strictly, sees what the truth says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import reducto
from reducto import Reducto

from dlt_docjobs.emulator import Emulator

KINDS = ("parse", "extract", "classify", "split")
TYPES = {"parse": "Parse", "extract": "Extract", "classify": "Classify", "split": "Split"}
NOT_ENDED = {"InProgress": "Pending", "Completing": "Pending"}


@pytest.fixture
def client(world: Emulator) -> Iterator[Reducto]:
    with connect(world) as client:
        yield client


def connect(emulator: Emulator, api_key: str | None = None) -> Reducto:
    return Reducto(
        api_key=api_key or emulator.api_key,
        base_url=emulator.base_urls["reducto"],
        max_retries=0,
        _strict_response_validation=True,
    )


def listed(client: Reducto, **options: Any) -> list[Any]:
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        page = (
            client.job.get_all(cursor=cursor, **options)
            if cursor
            else client.job.get_all(**options)
        )
        rows += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return rows


def test_one_list_shows_the_jobs_of_all_kinds(world: Emulator, client: Reducto) -> None:
    rows = {row.job_id: row for row in listed(client, limit=7)}
    truth = world.jobs("reducto")
    assert set(rows) == {job.job_id for job in truth}
    assert {job.job_kind for job in truth} == set(KINDS)
    for job in truth:
        row = rows[job.job_id]
        assert (row.status, row.type) == (job.provider_status, TYPES[job.job_kind])
        assert row.created_at == job.created_at
        assert row.total_pages in (None, job.document_pages)
        assert row.raw_config.startswith("{")
    assert {row.raw_config for row in listed(client, exclude_configs=True)} == {""}


def test_single_answers_know_fewer_words(world: Emulator, client: Reducto) -> None:
    forms = Counter[str]()
    for job in world.jobs("reducto"):
        answer = client.job.get(job.job_id)
        if job.status == "cancelled":
            assert answer.status == "Failed"
            assert answer.error is not None and answer.error.name == "JOB_CANCELLED"
            continue
        assert answer.status == NOT_ENDED.get(job.provider_status, job.provider_status)
        assert (answer.result is not None) == (job.status == "succeeded")
        assert answer.reason == job.error_message
        forms["dated" if getattr(answer, "created_at", None) else "bare"] += 1
    assert set(forms) == {"dated", "bare"}


def test_parse_results_hold_what_the_truth_counts(world: Emulator, client: Reducto) -> None:
    places = Counter[str]()
    for job in world.jobs("reducto", "parse"):
        if job.status != "succeeded":
            continue
        answer: Any = client.job.get(job.job_id).result
        assert answer.response_type == "parse"
        places[answer.result.type] += 1
        full = answer.result
        if full.type == "url":
            full = reducto.types.shared.parse_response.ResultFullResult.model_validate(
                stored(full.url), strict=False
            )
        blocks = [block for chunk in full.chunks for block in chunk.blocks]
        assert (len(full.chunks), len(blocks)) == (job.chunk_count, job.segment_count)
        assert len(full.ocr.words if full.ocr else ()) == job.ocr_count
        assert max(block.bbox.page for block in blocks) == job.pages
        assert all(block.bbox.left + block.bbox.width <= 1 for block in blocks)
    assert set(places) == {"full", "url"}


def stored(url: str) -> Any:
    """What lies at a result's URL, asked for as the SDK does: without headers."""
    with httpx.Client(trust_env=False) as http:
        return http.get(url).raise_for_status().json()


def test_a_result_s_url_wants_no_key(world: Emulator, client: Reducto) -> None:
    job = world.jobs("reducto", "parse")
    urls = [
        answer.result.result.url
        for one in job
        if one.status == "succeeded"
        and (answer := client.job.get(one.job_id)).result.result.type == "url"  # type: ignore[union-attr]
    ]
    with httpx.Client(trust_env=False) as http:
        key = {"Authorization": f"Bearer {world.api_key}"}
        assert http.get(urls[0], headers=key).status_code == 400
        assert http.get(urls[0].partition("?")[0]).status_code == 400
        assert http.get(urls[0]).status_code == 200


@pytest.mark.parametrize("kind", ["extract", "classify", "split"])
def test_the_other_results(world: Emulator, client: Reducto, kind: str) -> None:
    forms = Counter[str]()
    for job in world.jobs("reducto", kind):
        if job.status == "succeeded":
            answer: Any = client.job.get(job.job_id).result
            forms[answer.response_type] += 1
            assert answer.usage.credits == job.document_pages * 1.5
    assert set(forms) == ({"extract", "v3_extract"} if kind == "extract" else {kind})


def test_errors(world: Emulator, client: Reducto) -> None:
    with pytest.raises(reducto.NotFoundError):
        client.job.get("nobody")
    with pytest.raises(reducto.UnprocessableEntityError):
        client.job.get_all(limit=501)
    with connect(world, "wrong") as stranger, pytest.raises(reducto.AuthenticationError):
        stranger.job.get_all()


@pytest.mark.parametrize(("status", "name"), [(409, "_IN_PROGRESS"), (410, "JOB_DELETED")])
def test_what_is_said_of_a_deleted_job(bare: Emulator, status: Any, name: str) -> None:
    job = bare.add_job("reducto", status="Completed")
    bare.faults.reducto_deleted = status
    bare.delete(job.job_id)
    with connect(bare) as client:
        with pytest.raises(reducto.APIStatusError, match=name) as caught:
            client.job.get(job.job_id)
        assert caught.value.status_code == status
        assert listed(client) == []
        bare.faults.reducto_rows_outlive = True
        assert [row.job_id for row in listed(client)] == [job.job_id]
