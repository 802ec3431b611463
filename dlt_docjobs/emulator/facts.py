"""Counts what a result holds: rows as in docs/contract.md#tables, by canonical segment type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dlt_docjobs.emulator.contents import content
from dlt_docjobs.emulator.jobs import Job
from dlt_docjobs.emulator.truth import ResultFacts
from dlt_docjobs.emulator.vocabulary import canonical_segment_type


def count_facts(job: Job) -> ResultFacts:
    """The facts about a job's result; all 0 while there is none to serve."""
    if not job.has_result:
        return ResultFacts()
    if job.facts is None:
        job.facts = _count(job)
    return job.facts


def _count(job: Job) -> ResultFacts:
    if job.job_kind != "parse":
        # Contextual and LandingAI never say how many pages they have extracted from.
        tells_none = job.provider in ("contextual", "landingai")
        return ResultFacts(pages=0 if tells_none else job.document_pages)
    body = content(job)
    if job.provider == "llamacloud":
        forms = (body.get("forms") or {}).get("pages") or []
        return _count_llamacloud((body.get("items") or {}).get("pages") or [], forms)
    if job.provider == "contextual":
        return _count_contextual(body.get("pages") or [])
    if job.provider == "reducto":
        return _count_reducto(body, job.document_pages)
    if job.provider == "landingai":
        return _count_landingai((body.get("structure") or {}).get("children") or [])
    return _count_unsiloed(body.get("chunks") or [], int(body.get("page_count") or 0))


def _llamacloud_types(items: list[dict[str, Any]], in_list: bool = False) -> Iterator[str]:
    for item in items:
        kind = item.get("type")
        # What stands in a list is a list item, but a list in a list stays a list.
        canonical = canonical_segment_type("llamacloud", kind)
        yield "list_item" if in_list and kind != "list" else canonical
        yield from _llamacloud_types(item.get("items") or [], in_list=kind == "list")


def _form_types(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        is_signature = node.get("field") == "signature"
        of_type = {"section": "form", "table": "table", "text": "text"}
        yield of_type.get(node["type"], "signature" if is_signature else "key_value")
        yield from _form_types(node.get("items") or node.get("valueItems") or [])


def _count_llamacloud(pages: list[dict[str, Any]], forms: list[dict[str, Any]]) -> ResultFacts:
    good = [page for page in pages if page.get("success", True)]
    types = Counter(kind for page in good for kind in _llamacloud_types(page.get("items") or []))
    for form in (form for page in forms for form in page.get("forms") or []):
        types.update(["form", *_form_types(form["json"])])
    return ResultFacts(
        pages=len(pages),
        failed_pages=len(pages) - len(good),
        chunk_count=len(good),
        segment_count=sum(types.values()),
        segments_by_type=dict(sorted(types.items())),
    )


def _count_contextual(pages: list[dict[str, Any]]) -> ResultFacts:
    types: Counter[str] = Counter()
    for page in pages:
        for block in page.get("blocks") or []:
            title = block.get("type") == "heading" and block.get("hierarchy_level") == 0
            types[
                "title" if title else canonical_segment_type("contextual", block.get("type"))
            ] += 1
    return ResultFacts(
        pages=len(pages),
        chunk_count=len(pages),
        segment_count=sum(types.values()),
        segments_by_type=dict(sorted(types.items())),
    )


def _count_unsiloed(chunks: list[dict[str, Any]], pages: int) -> ResultFacts:
    segments = [segment for chunk in chunks for segment in chunk.get("segments") or []]
    types = Counter(
        canonical_segment_type("unsiloed", segment.get("segment_type")) for segment in segments
    )
    return ResultFacts(
        pages=pages,
        chunk_count=len(chunks),
        segment_count=len(segments),
        ocr_count=sum(len(segment.get("ocr") or []) for segment in segments),
        segments_by_type=dict(sorted(types.items())),
    )


def _count_reducto(body: dict[str, Any], document_pages: int) -> ResultFacts:
    chunks = body.get("chunks") or []
    blocks = [block for chunk in chunks for block in chunk.get("blocks") or []]
    types = Counter(canonical_segment_type("reducto", block.get("type")) for block in blocks)
    return ResultFacts(
        pages=int(body.get("page_count", document_pages)),
        chunk_count=len(chunks),
        segment_count=len(blocks),
        ocr_count=len((body.get("ocr") or {}).get("words") or []),
        segments_by_type=dict(sorted(types.items())),
    )


def _count_landingai(pages: list[dict[str, Any]]) -> ResultFacts:
    good = [page for page in pages if page.get("status") != "failed"]
    elements = [element for page in pages for element in page.get("children") or []]
    types = Counter(canonical_segment_type("landingai", one.get("type")) for one in elements)
    return ResultFacts(
        pages=len(pages),
        failed_pages=len(pages) - len(good),
        chunk_count=len(good),
        # a table's cells are no segments
        segment_count=len(elements),
        ocr_count=sum(len(one.get("atomic_grounding") or []) for one in elements),
        segments_by_type=dict(sorted(types.items())),
    )
