"""Unsiloed AI's parse result, decoded straight into typed records: three times as fast.

Only an answer that is as documented to the letter goes this way. Whatever is not (another type,
a field that nobody knows, a confidence of 7) is left to `unsiloed.parse_document`, for that job
alone, which keeps all of it. Both make the same rows of what both can read.

What msgspec has decoded becomes columns, not rows: most are as they were sent, and the texts of a
column are looked through at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate, chain, repeat
from operator import itemgetter
from typing import Annotated, Any, Final, TypeVar

import msgspec
import pyarrow as pa
from msgspec.structs import astuple

from dlt_docjobs.model.cleaning import clean_text, is_clean
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.providers.unsiloed import PROVIDER
from dlt_docjobs.providers.unsiloed.results import (
    BOX,
    CONTENT_KEYS,
    KEEP,
    RESULT_KEYS,
    SEGMENT_FIELDS,
    page_numbers,
    parse_document,
)
from dlt_docjobs.results.boxes import NOWHERE, Fractions, fractions
from dlt_docjobs.results.builder import Fields
from dlt_docjobs.results.reading import Document, Reading, split
from dlt_docjobs.results.values import MAX_INT, MIN_INT, mean
from dlt_docjobs.tables import TABLES
from dlt_docjobs.tables.arrow import batch_of_columns

T = TypeVar("T")

_Whole = Annotated[int, msgspec.Meta(ge=MIN_INT, le=MAX_INT)]
_Confidence = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Box = dict[str, int | float]
# On a page of this size whole numbers are exact as floats, and so are their sums
_EXACT: Final = 1e15


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


_SEGMENT_KEYS: Final = (*_Segment.__struct_fields__, "ocr")
_OTHERS: Final = ("segment_type_display", "llm", "chart_data", "references")
_NONE: Final = (None,) * len(_OTHERS)
_CORNERS: Final = ("bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1")
_TEXTS: Final = ("content", "markdown", "html")
_BOX_KEYS: Final = frozenset(BOX[:4])
_numbers_of: Final = itemgetter(*BOX[:4])

_decode_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any: Final = msgspec.json.decode
_decode_counts: Final = msgspec.json.Decoder(list[_ChunkWithCounts]).decode
_decode_ocr: Final = msgspec.json.Decoder(list[_ChunkWithOcr]).decode
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def read_answer(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Reads an answer; see `dlt_docjobs.results.reading.ReadAnswer`."""
    typed = read_typed(body, include_content=include_content, include_ocr=include_ocr)
    if typed is not None:
        return typed
    parse = partial(parse_document, include_content=include_content, include_ocr=include_ocr)
    return split(decode(), ("chunks",), RESULT_KEYS, parse)


def read_typed(
    body: bytes, *, include_content: bool = True, include_ocr: bool = True
) -> Reading | None:
    """Reads the answer of `GET /parse/{job_id}`.

    Args:
        body: As received.
        include_content: False: no document text in any row.
        include_ocr: False: no rows of OCR elements; the counts and means in segments stay.

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
    columns = _Columns(fields, chunks)
    # the elements first: what they have besides goes into their segment's metadata
    ocr = columns.ocr() if include_ocr else batch_of_columns(TABLES["segment_ocr"], 0, {})
    tables = {
        "pages": columns.pages(page_numbers(rest)),
        "chunks": columns.chunks(),
        "segments": columns.segments(),
        "segment_ocr": ocr,
    }
    return Reading(rest, Document(tables, failed_page_count=0))


class _Columns:
    """The columns of one document."""

    __slots__ = (
        "_chunk_ids",
        "_chunks",
        "_count",
        "_fields",
        "_kept",
        "_lengths",
        "_sent",
        "_spans",
    )

    def __init__(self, fields: Fields, chunks: list[Any]) -> None:
        self._fields = fields
        self._chunks = chunks
        self._chunk_ids = _clean([chunk.chunk_id for chunk in chunks])
        self._lengths = [len(chunk.segments or ()) for chunk in chunks]
        self._count = sum(self._lengths)
        # where each chunk's segments are among all
        ends = zip(accumulate(self._lengths), self._lengths, strict=True)
        self._spans = [slice(end - length, end) for end, length in ends]
        segments = [segment for chunk in chunks for segment in chunk.segments or ()]
        columns = _transposed(list(map(astuple, segments)), len(_SEGMENT_KEYS))
        # what was sent of the segments, by field
        self._sent = dict(zip(_SEGMENT_KEYS, columns, strict=True))
        # by segment: what neither a column nor `_OTHERS` takes
        self._kept: dict[int, dict[str, Any]] = {}

    def pages(self, named: Iterable[int]) -> pa.RecordBatch:
        """A page for each number that is named, or that a segment has."""
        # width, height and how many segments
        pages: dict[int | None, list[Any]] = {number: [None, None, 0] for number in named}
        sent = self._sent
        for number, width, height in zip(
            sent["page_number"], sent["page_width"], sent["page_height"], strict=True
        ):
            page = pages.get(number)
            if page is None:
                page = pages[number] = [None, None, 0]
            if page[0] is None:
                page[0] = width
            if page[1] is None:
                page[1] = height
            page[2] += 1
        rows = sorted((number, *page) for number, page in pages.items() if number is not None)
        numbers, widths, heights, counts = _transposed(rows, 4)
        columns = {
            "page_number": numbers,
            "page_width": widths,
            "page_height": heights,
            "is_failed": pa.repeat(False, len(rows)),
            "segment_count": counts,
        }
        return batch_of_columns(TABLES["pages"], len(rows), columns)

    def chunks(self) -> pa.RecordBatch:
        """The provider's chunks."""
        chunks = self._chunks
        numbers = self._sent["page_number"]
        pages: list[tuple[int | None, int | None]] = []
        for span in self._spans:
            of_chunk = [number for number in numbers[span] if number is not None]
            pages.append((min(of_chunk, default=None), max(of_chunk, default=None)))
        first_pages, last_pages = _transposed(pages, 2)
        columns = {
            "chunk_index": range(len(chunks)),
            "chunk_id": self._chunk_ids,
            "chunk_kind": pa.repeat("native", len(chunks)),
            "page_number": first_pages,
            "last_page_number": last_pages,
            "length": [chunk.chunk_length for chunk in chunks],
            "segment_count": self._lengths,
        }
        if self._fields.include_content:
            columns["content"] = _clean([chunk.embed for chunk in chunks])
            if columns["content"].null_count:
                columns["content"] = self._with_markdown(columns["content"])
        return batch_of_columns(TABLES["chunks"], len(chunks), columns)

    def _with_markdown(self, content: pa.Array) -> list[str]:
        """The content of chunks; of one that has none, its segments' Markdown."""
        markdown = _clean(self._sent["markdown"]).to_pylist()
        return [
            "\n\n".join(filter(None, markdown[span])) if text is None else text
            for text, span in zip(content.to_pylist(), self._spans, strict=True)
        ]

    def segments(self) -> pa.RecordBatch:
        """The segments; of OCR elements their number and mean confidence."""
        sent = self._sent
        types = sent["segment_type"]
        kinds = {word: PROVIDER.vocabulary.segment_type(word) for word in set(types)}
        scores = (
            [one.confidence for one in ocr if one.confidence is not None] if ocr else []
            for ocr in sent["ocr"]
        )
        columns = {
            "segment_index": range(self._count),
            "segment_id": _clean(sent["segment_id"]),
            "depth": pa.repeat(0, self._count),
            "chunk_index": _spread(range(len(self._lengths)), self._lengths),
            "chunk_id": _spread(self._chunk_ids.to_pylist(), self._lengths),
            "segment_type": [kinds[word] for word in types],
            "provider_segment_type": _clean(types),
            "page_number": sent["page_number"],
            "page_width": sent["page_width"],
            "page_height": sent["page_height"],
            "image_url": self._image_urls(),
            "confidence": sent["confidence"],
            "provider_bbox": self._box_texts(sent["bbox"]),
            "ocr_count": [len(ocr) if ocr else 0 for ocr in sent["ocr"]],
            "ocr_confidence_mean": [mean(of_one) for of_one in scores],
        }
        columns |= zip(_CORNERS, _transposed(self._corners(), 4), strict=True)
        if self._fields.include_content:
            columns |= {name: _clean(sent[name]) for name in _TEXTS}
        # when all is known that no column takes
        columns["metadata"] = self._metadata()
        return batch_of_columns(TABLES["segments"], self._count, columns)

    def _image_urls(self) -> list[str | None]:
        fields = self._fields
        urls: list[str | None] = [None] * self._count
        for index, image in enumerate(self._sent["image"]):
            if image:
                urls[index] = fields.url({"image": image}, "image")
                if fields.kept:
                    self._kept.setdefault(index, {}).update(fields.kept)
                    fields.kept = {}
        return urls

    def _corners(self) -> list[Fractions]:
        """The boxes as fractions of the page: quickly, where they lie on it."""
        sent = self._sent
        corners: list[Fractions] = []
        for box, width, height in zip(
            sent["bbox"], sent["page_width"], sent["page_height"], strict=True
        ):
            if box is None:
                corners.append(NOWHERE)
                continue
            if width and height and box.keys() == _BOX_KEYS:
                left, top, right, bottom = _numbers_of(box)
                right += left
                bottom += top
                if 0 <= left <= right <= width < _EXACT and 0 <= top <= bottom <= height < _EXACT:
                    corners.append((left / width, top / height, right / width, bottom / height))
                    continue
            corners.append(fractions(box, BOX, width, height))
        return corners

    def _box_texts(self, boxes: Sequence[_Box | None]) -> list[JsonText | None]:
        """Boxes as sent: all at once, where they have no keys but their own."""
        texts: list[JsonText | None] = [None] * len(boxes)
        plain: list[int] = []
        for index, box in enumerate(boxes):
            if box is None:
                continue
            if box.keys() <= _BOX_KEYS:
                plain.append(index)
            else:
                texts[index] = self._fields.boxes({"bbox": box}, "bbox")
        lines = _encode_lines([boxes[index] for index in plain]).decode().split("\n")
        for index, line in zip(plain, lines, strict=False):
            texts[index] = JsonText(line)
        return texts

    def _metadata(self) -> list[JsonText | None]:
        fields, sent = self._fields, self._sent
        texts: list[JsonText | None] = [None] * self._count
        others = zip(*(sent[name] for name in _OTHERS), strict=True)
        for index, values in enumerate(others):
            if values != _NONE or index in self._kept:
                fields.kept = self._kept.get(index, {})
                record = dict(zip(_OTHERS, values, strict=True))
                texts[index] = fields.metadata(record, SEGMENT_FIELDS)
        return texts

    def ocr(self) -> pa.RecordBatch:
        """The OCR elements; what no column takes of them is kept for their segment's metadata."""
        fields = self._fields
        rows: list[tuple[int, int, _Ocr]] = [
            (index, place, one)
            for index, ocr in enumerate(self._sent["ocr"])
            for place, one in enumerate(ocr or ())
        ]
        for index, place, one in rows:
            if one.color is not None or one.link is not None:
                sent = {"color": one.color, "link": one.link}
                extras = self._kept.setdefault(index, {}).setdefault("ocr", {})
                extras[str(place)] = fields.leftovers(sent, frozenset())
        segments, places, elements = _transposed(rows, 3)
        columns = {
            "segment_index": segments,
            "ocr_index": places,
            "confidence": [one.confidence for one in elements],
            "provider_bbox": self._box_texts([one.bbox for one in elements]),
        }
        if fields.include_content:
            columns["text"] = _clean([one.text for one in elements])
        return batch_of_columns(TABLES["segment_ocr"], len(rows), columns)


def _clean(texts: Sequence[str | None]) -> pa.Array:
    """A column of texts as `clean_text` leaves them."""
    column = pa.array(texts, pa.string())
    # Arrow has them one behind the other
    data = column.buffers()[2]
    if data is None or is_clean(data.to_pybytes()):
        return column
    return pa.array([text and clean_text(text) for text in texts], pa.string())


def _spread(values: Iterable[T], counts: Iterable[int]) -> list[T]:
    """Each value as often as its count says."""
    return list(chain.from_iterable(map(repeat, values, counts)))


def _transposed(rows: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    """The columns of rows, of none as well."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
