"""Unsiloed AI's parse result (docs/providers/unsiloed.md#results) to rows.

The body is the answer of `GET /parse/{job_id}`. Its chunks are the provider's own; its segments
are flat. Where docs/contract.md#tables is silent:

* `pages` has a row for each page number seen, and for the others up to `page_count`, as long as
  that is at most `MAX_PAGE_COUNT`. A page's size is that of its first segment with one.
* A segment whose page number cannot be read belongs to no page. A 0 is taken as sent.
* OCR extras (`color`, `link`, unknown keys) go into the segment's `metadata` under `ocr`, by
  `ocr_index`, only with `include_ocr`: `segment_ocr` has no JSON column, a link's target stands
  nowhere else, and who leaves the elements away does not want their colours.
* A picture in base64 is no URL: it stays in `metadata`.
* A chunk or segment that is no object is one whose `embed` or `content` it is; a null is none.
* `metadata` leaves out fields that are null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dlt_docjobs.model.records import Chunk, OcrElement, ParsedDocument, Segment
from dlt_docjobs.providers.unsiloed import PROVIDER
from dlt_docjobs.results.boxes import NOWHERE, BoxKeys, fractions
from dlt_docjobs.results.builder import Fields, Pages, as_record
from dlt_docjobs.results.values import entries, mean, to_confidence, to_float, to_int

MAX_PAGE_COUNT: Final = 100_000

KEEP: Final = frozenset(
    {"chunk_id", "segment_id", "segment_type", "segment_type_display", "type", "hex"}
)
"""Keys whose strings are ids, enum words or colours: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset(
    {"content", "markdown", "html", "embed", "text", "llm", "chart_data", "image", "segments"}
)
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

RESULT_KEYS: Final = frozenset({"chunks", "result"})
"""Keys of an answer that hold the result."""

BOX: Final = BoxKeys("left", "top", "width", "height", extent=True)
_CHUNK: Final = frozenset({"chunk_id", "chunk_length", "embed", "segments"})
SEGMENT_FIELDS: Final = frozenset(
    {"segment_id", "segment_type", "content", "html", "markdown", "image", "page_number"}
    | {"page_width", "page_height", "confidence", "bbox", "ocr"}
)
_OCR: Final = frozenset({"text", "bbox", "confidence"})


def parse_document(
    body: Mapping[str, Any], *, include_content: bool = True, include_ocr: bool = True
) -> ParsedDocument:
    """The rows of one parse job.

    Args:
        body: The decoded answer.
        include_content: False: no document text in any row.
        include_ocr: False: no rows in `ocr`; the counts and means in segments stay.

    Returns:
        Pages by number, chunks, segments and OCR elements in document order.

    Raises:
        UnreadableResult: `body` is no object or `chunks` no list. An answer without `chunks` is a
            document without them.
    """
    fields = Fields(include_content=include_content, keep=KEEP, content_keys=CONTENT_KEYS)
    document = _Document(fields, include_ocr)
    for chunk in entries(body, "chunks"):
        if chunk is not None:
            document.add_chunk(as_record(chunk, "embed"))
    for number in page_numbers(body):
        document.pages[number]
    return ParsedDocument(
        document.pages.rows(), document.chunks, document.segments, document.elements
    )


def page_numbers(body: Mapping[str, Any]) -> range:
    """The numbers of the pages up to the answer's `page_count`, segments on them or not."""
    page_count = to_int(body.get("page_count"))
    if page_count is None or page_count > MAX_PAGE_COUNT:
        return range(0)
    return range(1, page_count + 1)


class _Document:
    """The rows made so far."""

    __slots__ = ("_fields", "_include_ocr", "_kinds", "chunks", "elements", "pages", "segments")

    def __init__(self, fields: Fields, include_ocr: bool) -> None:
        self._fields = fields
        self._include_ocr = include_ocr
        self._kinds: dict[str | None, str] = {}
        self.pages = Pages(fields)
        self.chunks: list[Chunk] = []
        self.segments: list[Segment] = []
        self.elements: list[OcrElement] = []

    def add_chunk(self, chunk: Mapping[str, Any]) -> None:
        """One entry of `chunks`."""
        fields = self._fields
        chunk_index = len(self.chunks)
        chunk_id = fields.text(chunk, "chunk_id")
        length = fields.read(chunk, "chunk_length", to_int)
        content = fields.content(chunk, "embed")
        has_embed = chunk.get("embed") is not None and "embed" not in fields.kept
        segments = chunk.get("segments")
        if segments is not None and type(segments) is not list:
            fields.kept["segments"] = segments
            segments = None
        metadata = fields.metadata(chunk, _CHUNK)

        first = len(self.segments)
        for segment in segments or ():
            if segment is not None:
                self._add(segment, chunk_index, chunk_id)
        added = self.segments[first:]
        if fields.include_content and not has_embed:
            content = "\n\n".join(segment.markdown for segment in added if segment.markdown)
        numbers = [segment.page_number for segment in added if segment.page_number is not None]
        self.chunks.append(
            Chunk(
                chunk_index=chunk_index,
                chunk_id=chunk_id,
                chunk_kind="native",
                page_number=min(numbers, default=None),
                last_page_number=max(numbers, default=None),
                content=content,
                length=length,
                segment_count=len(added),
                metadata=metadata,
            )
        )

    def _add(self, segment: Any, chunk_index: int, chunk_id: str | None) -> None:
        """Adds a segment."""
        if type(segment) is not dict:
            segment = {"content": segment}
        fields = self._fields
        index = len(self.segments)
        ocr = segment.get("ocr")
        ocr_count, ocr_confidence_mean = 0, None
        if ocr is not None and ocr != []:
            # First, for it reads the elements with the same `fields`
            ocr_count, ocr_confidence_mean = self._add_ocr(ocr, index)
        provider_type = fields.text(segment, "segment_type")
        kind = self._kinds.get(provider_type)
        if kind is None:
            kind = PROVIDER.vocabulary.segment_type(provider_type)
            self._kinds[provider_type] = kind
        page_number = fields.read(segment, "page_number", to_int)
        width = fields.read(segment, "page_width", to_float)
        height = fields.read(segment, "page_height", to_float)
        if page_number is not None:
            page = self.pages[page_number]
            page.segment_count += 1
            if page.page_width is None:
                page.page_width = width
            if page.page_height is None:
                page.page_height = height
        x0, y0, x1, y1 = NOWHERE
        provider_bbox = fields.boxes(segment, "bbox")
        if provider_bbox is not None:
            x0, y0, x1, y1 = fractions(segment["bbox"], BOX, width, height)
        self.segments.append(
            Segment(
                segment_index=index,
                segment_id=fields.text(segment, "segment_id"),
                parent_segment_index=None,
                depth=0,
                chunk_index=chunk_index,
                chunk_id=chunk_id,
                segment_type=kind,
                provider_segment_type=provider_type,
                page_number=page_number,
                page_width=width,
                page_height=height,
                content=fields.content(segment, "content"),
                markdown=fields.content(segment, "markdown"),
                html=fields.content(segment, "html"),
                image_url=fields.url(segment, "image"),
                confidence=fields.read(segment, "confidence", to_confidence),
                confidence_level=None,
                bbox_x0=x0,
                bbox_y0=y0,
                bbox_x1=x1,
                bbox_y1=y1,
                provider_bbox=provider_bbox,
                heading_level=None,
                table_rows=None,
                table_columns=None,
                ocr_count=ocr_count,
                ocr_confidence_mean=ocr_confidence_mean,
                # Last, when all that did not fit is known
                metadata=fields.metadata(segment, SEGMENT_FIELDS),
            )
        )

    def _add_ocr(self, ocr: Any, segment_index: int) -> tuple[int, float | None]:
        """Adds a segment's OCR elements; returns their number and mean confidence."""
        fields = self._fields
        if type(ocr) is not list:
            fields.kept["ocr"] = ocr
            return 0, None
        elements = [as_record(element, "text") for element in ocr if element is not None]
        confidences = [to_confidence(element.get("confidence")) for element in elements]
        summary = len(elements), mean([number for number in confidences if number is not None])
        if not self._include_ocr:
            return summary
        extras: dict[str, dict[str, Any]] = {}
        for ocr_index, element in enumerate(elements):
            self.elements.append(
                OcrElement(
                    segment_index=segment_index,
                    ocr_index=ocr_index,
                    text=fields.content(element, "text"),
                    confidence=fields.read(element, "confidence", to_confidence),
                    provider_bbox=fields.boxes(element, "bbox"),
                )
            )
            if fields.kept or not element.keys() <= _OCR:
                extra = fields.leftovers(element, _OCR)
                if extra:
                    extras[str(ocr_index)] = extra
        if extras:
            fields.kept["ocr"] = extras
        return summary
