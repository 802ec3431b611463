"""Unsiloed AI's parse result, decoded straight into typed records: three times as fast.

Only an answer that is as documented to the letter goes this way. Whatever is not (another type,
a field that nobody knows, U+0000, a confidence of 7) is left to `unsiloed.parse_document`, for
that job alone, which keeps all of it. Both make the same rows of what both can read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from dlt_docjobs.model.cleaning import strip_signatures
from dlt_docjobs.model.records import Chunk, JsonText, OcrElement, ParsedDocument, Segment
from dlt_docjobs.model.vocabulary import canonical_segment_type
from dlt_docjobs.results.boxes import NOWHERE, fractions
from dlt_docjobs.results.builder import Fields, Pages
from dlt_docjobs.results.split import SplitAnswer, split
from dlt_docjobs.results.unsiloed import (
    BOX,
    CONTENT_KEYS,
    KEEP,
    RESULT_KEYS,
    SEGMENT_FIELDS,
    add_missing_pages,
    parse_document,
)
from dlt_docjobs.results.values import MAX_INT, MIN_INT, mean

_Whole = Annotated[int, msgspec.Meta(ge=MIN_INT, le=MAX_INT)]
_Confidence = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Box = dict[str, int | float]
# Where every number of a box on a page of this size is plain (see `Fields.boxes`)
_PLAIN_SIZE: Final = 1e15


class _OcrCount(msgspec.Struct, gc=False):
    """An OCR element of which no row is made: all else in it is passed over."""

    confidence: _Confidence | None = None


class _Ocr(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    text: str | None = None
    bbox: _Box | None = None
    confidence: _Confidence | None = None
    color: Any = None
    link: Any = None


class _Segment(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    segment_id: str | None = None
    segment_type: str | None = None
    content: str | None = None
    html: str | None = None
    markdown: str | None = None
    image: str | None = None
    page_number: _Whole | None = None
    page_width: float | None = None
    page_height: float | None = None
    confidence: _Confidence | None = None
    bbox: _Box | None = None
    segment_type_display: Any = None
    llm: Any = None
    chart_data: Any = None
    references: Any = None


class _SegmentWithCounts(_Segment, gc=False, forbid_unknown_fields=True):
    ocr: list[_OcrCount] | None = None


class _SegmentWithOcr(_Segment, gc=False, forbid_unknown_fields=True):
    ocr: list[_Ocr] | None = None


class _ChunkWithCounts(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    chunk_id: str | None = None
    chunk_length: _Whole | None = None
    embed: str | None = None
    segments: list[_SegmentWithCounts] | None = None


class _ChunkWithOcr(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    chunk_id: str | None = None
    chunk_length: _Whole | None = None
    embed: str | None = None
    segments: list[_SegmentWithOcr] | None = None


_decode_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any: Final = msgspec.json.decode
_decode_counts: Final = msgspec.json.Decoder(list[_ChunkWithCounts]).decode
_decode_ocr: Final = msgspec.json.Decoder(list[_ChunkWithOcr]).decode
_encode: Final = msgspec.json.Encoder().encode
_OTHERS: Final = ("segment_type_display", "llm", "chart_data", "references")

# A row is made for each of millions of segments, and by name it would take twice as long. That
# the order is right is tested: both ways of reading make the same rows.
_new: Final[Callable[[type[Any], tuple[Any, ...]], Any]] = tuple.__new__


def read_answer(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> SplitAnswer:
    """Splits an answer; see `dlt_docjobs.reader.reading.ReadAnswer`."""
    typed = read_typed(body, include_content=include_content, include_ocr=include_ocr)
    if typed is not None:
        return typed
    parse = partial(parse_document, include_content=include_content, include_ocr=include_ocr)
    return split(decode(), ("chunks",), RESULT_KEYS, parse)


def read_typed(
    body: bytes, *, include_content: bool = True, include_ocr: bool = True
) -> SplitAnswer | None:
    """Reads the answer of `GET /parse/{job_id}`.

    Args:
        body: As received.
        include_content: False: no document text in any row.
        include_ocr: False: no rows in `ocr`; the counts and means in segments stay.

    Returns:
        None where anything is not as documented, or there are no chunks.
    """
    try:
        parts = _decode_parts(body)
        raw = parts.pop("chunks", None)
        if raw is None:
            return None
        # Of both kinds of chunk, but mypy would want every line below twice
        chunks: list[Any] = (_decode_ocr if include_ocr else _decode_counts)(raw)
        rest = {key: _decode_any(part) for key, part in parts.items()}
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    fields = Fields(include_content=include_content, keep=KEEP, content_keys=CONTENT_KEYS)
    document = _Document(fields, include_ocr)
    for chunk in chunks:
        document.add_chunk(chunk)
    add_missing_pages(document.pages, rest)
    return SplitAnswer(
        rest,
        ParsedDocument(
            document.pages.rows(), document.chunks, document.segments, document.elements
        ),
    )


class _Document:
    """The rows made so far."""

    __slots__ = (
        "_fields",
        "_include_ocr",
        "_kinds",
        "chunks",
        "elements",
        "pages",
        "segments",
    )

    def __init__(self, fields: Fields, include_ocr: bool) -> None:
        self._fields = fields
        self._include_ocr = include_ocr
        self._kinds: dict[str | None, tuple[str, str | None]] = {}
        self.pages = Pages(fields)
        self.chunks: list[Chunk] = []
        self.segments: list[Segment] = []
        self.elements: list[OcrElement] = []

    def add_chunk(self, chunk: Any) -> None:
        include_content = self._fields.include_content
        index = len(self.chunks)
        chunk_id = _clean(chunk.chunk_id)
        first = len(self.segments)
        for segment in chunk.segments or ():
            self._add(segment, index, chunk_id)
        added = self.segments[first:]
        content = None
        if include_content and chunk.embed is not None:
            content = _clean(chunk.embed)
        elif include_content:
            content = "\n\n".join(segment.markdown for segment in added if segment.markdown)
        numbers = [segment.page_number for segment in added if segment.page_number is not None]
        self.chunks.append(
            Chunk(
                chunk_index=index,
                chunk_id=chunk_id,
                chunk_kind="native",
                page_number=min(numbers, default=None),
                last_page_number=max(numbers, default=None),
                content=content,
                length=chunk.chunk_length,
                segment_count=len(added),
                metadata=None,
            )
        )

    def _add(self, sent: Any, chunk_index: int, chunk_id: str | None) -> None:
        fields = self._fields
        index = len(self.segments)
        ocr_count, ocr_mean = 0, None
        ocr = sent.ocr
        if ocr:
            ocr_count = len(ocr)
            ocr_mean = mean([one.confidence for one in ocr if one.confidence is not None])
            if self._include_ocr:
                self._add_ocr(ocr, index)
        known = self._kinds.get(sent.segment_type)
        if known is None:
            kind = canonical_segment_type("unsiloed", sent.segment_type)
            known = self._kinds[sent.segment_type] = (kind, _clean(sent.segment_type))
        width, height = sent.page_width, sent.page_height
        if sent.page_number is not None:
            page = self.pages[sent.page_number]
            page.segment_count += 1
            if page.page_width is None:
                page.page_width = width
            if page.page_height is None:
                page.page_height = height
        (x0, y0, x1, y1), provider_bbox = NOWHERE, None
        if sent.bbox is not None:
            (x0, y0, x1, y1), provider_bbox = self._place(sent.bbox, width, height)
        content = markdown = html = None
        if fields.include_content:
            content = _clean(sent.content)
            markdown = _clean(sent.markdown)
            html = _clean(sent.html)
        image_url = None
        if sent.image:
            image_url = fields.url({"image": sent.image}, "image")
        metadata = None
        if (
            sent.segment_type_display is not None
            or sent.llm is not None
            or sent.chart_data is not None
            or sent.references is not None
            or fields.kept
        ):
            others = {name: getattr(sent, name) for name in _OTHERS}
            metadata = fields.metadata(others, SEGMENT_FIELDS)
        self.segments.append(
            _new(
                Segment,
                (
                    index,
                    _clean(sent.segment_id),
                    None,
                    0,
                    chunk_index,
                    chunk_id,
                    known[0],
                    known[1],
                    sent.page_number,
                    width,
                    height,
                    content,
                    markdown,
                    html,
                    image_url,
                    sent.confidence,
                    None,
                    x0,
                    y0,
                    x1,
                    y1,
                    provider_bbox,
                    None,
                    None,
                    None,
                    ocr_count,
                    ocr_mean,
                    metadata,
                ),
            )
        )

    def _place(
        self, box: _Box, width: float | None, height: float | None
    ) -> tuple[tuple[float | None, ...], JsonText | None]:
        """A box as fractions of the page and as sent: quickly, where it lies on the page."""
        try:
            if width and height and len(box) == 4 and 0 < width < _PLAIN_SIZE > height > 0:
                left, top = box["left"], box["top"]
                right, bottom = left + box["width"], top + box["height"]
                if 0 <= left <= right <= width and 0 <= top <= bottom <= height:
                    corners = left / width, top / height, right / width, bottom / height
                    return corners, JsonText(_encode(box).decode())
        except KeyError:
            pass
        return fractions(box, BOX, width, height), self._fields.boxes({"bbox": box}, "bbox")

    def _add_ocr(self, ocr: list[_Ocr], segment_index: int) -> None:
        fields = self._fields
        elements = self.elements
        extras: dict[str, dict[str, Any]] = {}
        for index, one in enumerate(ocr):
            text = _clean(one.text) if fields.include_content else None
            bbox = None if one.bbox is None else fields.boxes({"bbox": one.bbox}, "bbox")
            elements.append(_new(OcrElement, (segment_index, index, text, one.confidence, bbox)))
            if one.color is not None or one.link is not None:
                sent = {"color": one.color, "link": one.link}
                extras[str(index)] = fields.leftovers(sent, frozenset())
        if extras:
            fields.kept["ocr"] = extras


def _clean(text: str | None) -> str | None:
    """`clean_text` for what msgspec has decoded: it refuses lone surrogates."""
    if text is None:
        return None
    if "\0" in text:
        text = text.replace("\0", "")
    if "=" in text or "&" in text or "%" in text or "\\" in text:
        return strip_signatures(text)
    return text
