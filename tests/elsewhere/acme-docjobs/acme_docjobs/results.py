"""Acme's parse results to rows: a page is a chunk, an element of it is a segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from dlt_docjobs.results.builder import Fields, Pages, as_record, number_pages
from dlt_docjobs.results.values import entries, to_confidence, to_float, to_int

from acme_docjobs import PROVIDER
from dlt_docjobs.model.records import Chunk, ParsedDocument, Segment
from dlt_docjobs.results import Reading
from dlt_docjobs.results.boxes import NOWHERE, BoxKeys, fractions
from dlt_docjobs.results.reading import split

_BOX: Final = BoxKeys("left", "top", "right", "bottom", extent=False)
_PAGE: Final = frozenset({"number", "width", "height", "elements"})
_ELEMENT: Final = frozenset({"id", "kind", "text", "box", "score"})


def read_answer(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Splits an answer into what it says of the job and the rows of its result."""
    parse = partial(parse_document, include_content=include_content)
    return split(decode(), ("pages",), ("pages",), parse)


def parse_document(body: Mapping[str, Any], *, include_content: bool) -> ParsedDocument:
    """The rows of one result."""
    fields = Fields(
        include_content=include_content,
        keep=frozenset({"id", "kind"}),
        content_keys=frozenset({"text"}),
    )
    pages, chunks, segments = Pages(fields), list[Chunk](), list[Segment]()
    for number, page in number_pages(entries(body, "pages"), lambda one: to_int(one.get("number"))):
        draft = pages[number]
        draft.fill("page_width", fields.read(page, "width", to_float))
        draft.fill("page_height", fields.read(page, "height", to_float))
        draft.keep(fields.leftovers(page, _PAGE))
        elements = page.get("elements")
        found = [
            _segment(fields, as_record(element, "text"), number, len(segments) + at, len(chunks))
            for at, element in enumerate(elements if isinstance(elements, list) else [])
        ]
        draft.segment_count += len(found)
        texts = [segment.content for segment in found if segment.content]
        chunks.append(
            Chunk(
                chunk_index=len(chunks),
                chunk_id=None,
                chunk_kind="page",
                page_number=number,
                last_page_number=number,
                content="\n\n".join(texts) if include_content else None,
                length=None,
                segment_count=len(found),
                metadata=None,
            )
        )
        segments += found
    return ParsedDocument(pages.rows(), chunks, segments, [])


def _segment(
    fields: Fields, element: Mapping[str, Any], page: int, index: int, chunk: int
) -> Segment:
    word = fields.text(element, "kind")
    text = fields.content(element, "text")
    box = fields.boxes(element, "box")
    x0, y0, x1, y1 = NOWHERE if box is None else fractions(element["box"], _BOX, 1.0, 1.0)
    return Segment(
        segment_index=index,
        segment_id=fields.text(element, "id"),
        parent_segment_index=None,
        depth=0,
        chunk_index=chunk,
        chunk_id=None,
        segment_type=PROVIDER.vocabulary.segment_type(word),
        provider_segment_type=word,
        page_number=page,
        page_width=None,
        page_height=None,
        content=text,
        markdown=text,
        html=None,
        image_url=None,
        confidence=fields.read(element, "score", to_confidence),
        confidence_level=None,
        bbox_x0=x0,
        bbox_y0=y0,
        bbox_x1=x1,
        bbox_y1=y1,
        provider_bbox=box,
        heading_level=None,
        table_rows=None,
        table_columns=None,
        ocr_count=0,
        ocr_confidence_mean=None,
        metadata=fields.metadata(element, _ELEMENT),
    )
