"""LlamaCloud's official SDK, validating strictly, sees what the truth says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import llama_cloud
import pytest
from llama_cloud import LlamaCloud
from llama_cloud.types.parsing_get_response import (
    ItemsPageFailedStructuredPage,
    MarkdownPageFailedMarkdownPage,
)

from dlt_docjobs.emulator import Emulator, TrueJob
from dlt_docjobs.emulator.vocabulary import canonical_segment_type

SCALAR_TYPES = {"text", "heading", "table", "image", "list", "code", "link", "header", "footer"}


def connect(emulator: Emulator, **options: Any) -> LlamaCloud:
    return LlamaCloud(
        api_key=options.pop("api_key", emulator.api_key),
        base_url=emulator.base_urls["llamacloud"],
        max_retries=0,
        _strict_response_validation=True,
        **options,
    )


@pytest.fixture
def client(world: Emulator) -> Iterator[LlamaCloud]:
    with connect(world) as client:
        yield client


def succeeded(emulator: Emulator, kind: Any = "parse") -> list[TrueJob]:
    return [job for job in emulator.jobs("llamacloud", kind) if job.status == "succeeded"]


def walk(items: list[Any], in_list: bool = False) -> Iterator[tuple[str, Any]]:
    for item in items:
        nested = in_list and item.type != "list"
        yield ("list_item" if nested else canonical_segment_type("llamacloud", item.type)), item
        yield from walk(getattr(item, "items", None) or [], item.type == "list")


def form_types(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        of_field = "signature" if getattr(node, "field", None) == "signature" else "key_value"
        yield {"section": "form", "field": of_field}.get(node.type, node.type)
        yield from form_types(getattr(node, "items", None) or [])
        yield from form_types(getattr(node, "value_items", None) or [])


def test_classify_and_split_jobs_are_listed_and_say_their_results(
    world: Emulator, client: LlamaCloud
) -> None:
    classified = {job.job_id: job for job in world.jobs("llamacloud", "classify")}
    rows = list(client.classify.list(page_size=2))
    assert {row.id for row in rows} == set(classified) != set()
    for row in rows:
        job = classified[row.id]
        assert row.status == job.provider_status
        assert (row.result is not None) == (job.status == "succeeded")
        answer = client.classify.get(row.id, expand=["usage"])
        assert answer.result == row.result
        assert answer.usage is not None
    divided = {job.job_id: job for job in world.jobs("llamacloud", "split")}
    parts = list(client.split.list(page_size=2))
    assert {part.id for part in parts} == set(divided) != set()
    for part in parts:
        assert part.status == divided[part.id].provider_status
        assert client.split.get(part.id).result == part.result


def test_paging_through_the_parse_list_shows_every_job_once(
    world: Emulator, client: LlamaCloud
) -> None:
    rows = list(client.parsing.list(page_size=7))
    truth = {job.job_id: job for job in world.jobs("llamacloud", "parse")}
    assert len(rows) == len(truth) == 86
    for row in rows:
        job = truth.pop(row.id)
        assert (row.status, row.name, row.tier) == (
            job.provider_status,
            job.document_name,
            job.tier,
        )
        assert row.created_at == job.created_at
        assert row.error_message == job.error_message
        assert row.updated_at is not None and row.updated_at >= job.transitions[-1].at
        assert row.usage is None
    assert not truth


def test_filters_are_inclusive_at_both_ends(world: Emulator, client: LlamaCloud) -> None:
    jobs = world.jobs("llamacloud", "parse")
    low, high = jobs[20].created_at, jobs[40].created_at
    rows = client.parsing.list(created_at_on_or_after=low, created_at_on_or_before=high)
    expected = {job.job_id for job in jobs if low <= job.created_at <= high}
    assert {jobs[20].job_id, jobs[40].job_id} <= expected
    assert {row.id for row in rows} == expected


def test_status_and_ids_filter(world: Emulator, client: LlamaCloud) -> None:
    failed = [job.job_id for job in world.jobs("llamacloud", "parse") if job.status == "failed"]
    assert failed
    assert {row.id for row in client.parsing.list(status="FAILED")} == set(failed)
    asked = [*failed[:2], "pjb-nobody"]
    assert {row.id for row in client.parsing.list(job_ids=asked, page_size=1)} == set(failed[:2])


def test_items_carry_every_type_and_all_that_the_truth_counts(
    world: Emulator, client: LlamaCloud
) -> None:
    seen: Counter[str] = Counter()
    merged = revisions = nested = failures = mixed = 0
    for job in succeeded(world)[:60]:
        expand = ["items", "metadata", "usage", "forms"]
        answer = client.parsing.get(job.job_id, expand=expand)
        assert answer.items is not None and answer.metadata is not None
        pages = answer.items.pages
        failed = [page for page in pages if isinstance(page, ItemsPageFailedStructuredPage)]
        assert (len(pages), len(failed)) == (job.pages, job.failed_pages)
        assert job.chunk_count == len(pages) - len(failed)
        assert [page.page_number for page in pages] == list(range(1, job.pages + 1))
        types: Counter[str] = Counter()
        for page in pages:
            if isinstance(page, ItemsPageFailedStructuredPage):
                assert page.error
                continue
            revisions += len(page.revisions or [])
            for canonical, item in walk(page.items):
                types[canonical] += 1
                seen[item.type] += 1
                nested += canonical == "list" and any(part.type == "list" for part in item.items)
                if item.type == "table":
                    merged += item.merged_into_page is not None
                    mixed += len({type(cell) for row in item.rows for cell in row}) > 2
        for form_page in answer.forms.pages if answer.forms else ():
            for form in getattr(form_page, "forms", []):
                types.update(["form", *form_types(form.json_)])
        assert dict(types) == job.segments_by_type
        assert sum(types.values()) == job.segment_count
        assert answer.job.usage is not None and answer.job.usage.credits == job.credits
        assert len(answer.metadata.pages) == job.chunk_count
        failures += len(failed)
    assert set(seen) == SCALAR_TYPES
    assert min(merged, revisions, nested, failures, mixed) > 0


def test_text_views_and_content_metadata(world: Emulator, client: LlamaCloud) -> None:
    job = next(job for job in succeeded(world) if job.failed_pages)
    unasked = set(client.parsing.get(job.job_id).result_content_metadata or {})
    answer = client.parsing.get(
        job.job_id,
        expand=[
            *("markdown", "text", "markdown_full", "text_full", "job_metadata"),
            *("items_content_metadata", "output_pdf_content_metadata", "images_content_metadata"),
        ],
    )
    assert answer.markdown is not None and answer.text is not None
    failed = [
        page for page in answer.markdown.pages if isinstance(page, MarkdownPageFailedMarkdownPage)
    ]
    assert len(failed) == job.failed_pages
    assert len(answer.text.pages) == job.chunk_count
    assert answer.markdown_full and answer.text_full and answer.job_metadata
    assert answer.result_content_metadata is not None
    assert set(answer.result_content_metadata) == {"items", "outputPDF"} | unasked
    again = client.parsing.get(job.job_id, expand=["items_content_metadata"])
    assert again.result_content_metadata is not None
    url = answer.result_content_metadata["items"].presigned_url
    assert url and "X-Amz-Signature" in url
    assert url != again.result_content_metadata["items"].presigned_url
    assert answer.images_content_metadata is not None
    assert answer.images_content_metadata.total_count == job.document_pages


def test_some_jobs_answer_secrets_and_files_unasked(world: Emulator, client: LlamaCloud) -> None:
    answers = [client.parsing.get(job.job_id) for job in succeeded(world)]
    assert any("s3cret" in str(answer.raw_parameters) for answer in answers)
    files = [answer.result_content_metadata for answer in answers]
    assert [set(file) for file in files if file] == [{"grounded_items"}] * sum(map(bool, files))
    assert any(files) and not all(files)


def test_open_and_failed_jobs_have_null_results(world: Emulator, client: LlamaCloud) -> None:
    for status in ("running", "failed"):
        job = next(job for job in world.jobs("llamacloud", "parse") if job.status == status)
        answer = client.parsing.get(job.job_id, expand=["items", "usage"])
        assert answer.items is None and answer.job.status == job.provider_status
        assert answer.job.usage is not None and answer.job.usage.credits is None


def test_credits_come_a_while_after_the_end() -> None:
    with Emulator(jobs=0) as emulator, connect(emulator) as client:
        job = emulator.add_job("llamacloud", status="COMPLETED")

        def credits() -> float | None:
            usage = client.parsing.get(job.job_id, expand=["usage"]).job.usage
            assert usage is not None
            return usage.credits

        assert credits() is None
        emulator.advance(599)
        assert credits() is None
        emulator.advance(1)
        assert credits() == emulator.job(job.job_id).credits
        assert credits()


def test_extract_jobs_are_listed_newest_first(world: Emulator, client: LlamaCloud) -> None:
    rows = list(client.extract.list(page_size=5, expand=["extract_metadata"]))
    truth = {job.job_id: job for job in world.jobs("llamacloud", "extract")}
    assert [row.created_at for row in rows] == sorted(
        (job.created_at for job in truth.values()), reverse=True
    )
    assert {row.id: row.status for row in rows} == {
        job.job_id: job.provider_status for job in truth.values()
    }
    # Some work on parse jobs, which exist.
    parse_ids = {row.file_input for row in rows if row.file_input.startswith("pjb-")}
    assert parse_ids and parse_ids <= {job.job_id for job in world.jobs("llamacloud", "parse")}


def test_extract_results_are_objects_and_arrays(world: Emulator, client: LlamaCloud) -> None:
    shapes = Counter[str]()
    for job in succeeded(world, "extract"):
        answer = client.extract.get(job.job_id, expand=["configuration", "usage"])
        shapes[type(answer.extract_result).__name__] += 1
        assert answer.usage is not None
        assert (answer.usage.credits is None) == (job.credits is None)
        assert answer.metadata is not None and answer.metadata.usage is not None
        assert answer.metadata.usage.num_pages_extracted == job.pages == job.document_pages
    assert set(shapes) == {"dict", "list"}


def test_throttled_extract_jobs() -> None:
    with Emulator(jobs=0) as emulator, connect(emulator) as client:
        job = emulator.add_job("llamacloud", "extract", status="THROTTLED")
        assert job.status == "queued"
        assert [row.id for row in client.extract.list(status="THROTTLED")] == [job.job_id]
        emulator.advance(3600)
        assert emulator.job(job.job_id).is_terminal


def test_a_job_that_is_gone_is_not_found(bare: Emulator) -> None:
    job = bare.add_job("llamacloud", status="COMPLETED")
    with connect(bare) as client:
        assert client.parsing.get(job.job_id).job.id == job.job_id
        bare.delete(job.job_id)
        with pytest.raises(llama_cloud.NotFoundError):
            client.parsing.get(job.job_id)
        assert list(client.parsing.list()) == []
    assert bare.job(job.job_id).expired_at is not None


def test_a_wrong_key_and_a_wrong_project(world: Emulator, client: LlamaCloud) -> None:
    with (
        connect(world, api_key="llx-wrong") as stranger,
        pytest.raises(llama_cloud.AuthenticationError),
    ):
        stranger.parsing.list()
    assert len(list(client.parsing.list(project_id=world.project_id))) == 86
    with pytest.raises(llama_cloud.PermissionDeniedError):
        client.parsing.list(project_id="00000000-0000-4000-8000-000000000000")
    with pytest.raises(llama_cloud.UnprocessableEntityError):
        client.parsing.list(project_id=f"prj-{world.project_id}")
