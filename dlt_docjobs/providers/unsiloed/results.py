"""Unsiloed AI's parse result to Arrow.

The body is the answer of `GET /parse/{job_id}`. Its chunks are the provider's own; its segments
are flat. Where the contract is silent:

* `pages` has a row for each page number seen, and for the others up to `page_count`, as long as
  that is at most `MAX_PAGE_COUNT` and no number lies beyond it: where one does, the pages are some
  of a longer document, and nobody has said which ones are empty.
* Page numbers that count from 0 are shifted with their whole document. Any other number below 1
  is none, and a segment without one belongs to no page.
* A page's size is that of its first segment with one, and that of its segments without one.
* A chunk without `embed` has the Markdown of its segments, else their content.
* OCR extras (`color`, `link`, unknown keys) go into the segment's `metadata` under `ocr`, by
  `ocr_index`, only with `include_ocr`: `segment_ocr` has no JSON column, a link's target stands
  nowhere else, and who leaves the elements away does not want their colours.
* A picture in base64 is no URL: it stays in `metadata`.
* A chunk or segment that is no object is one whose `embed` or `content` it is; a null is none.
* `metadata` leaves out fields that are null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, chain
from typing import Any, Final, Generic, TypeVar

import pyarrow as pa

from dlt_docjobs.model.values import to_int
from dlt_docjobs.providers.unsiloed import PROVIDER
from dlt_docjobs.results.cells import table_cells
from dlt_docjobs.results.columns import (
    Columns,
    batch,
    box_texts,
    chunk_contents,
    cleaned,
    image_urls,
    mean,
    metadata,
    no_rows,
    segments_batch,
    spread,
    transposed,
    types_of,
)
from dlt_docjobs.results.leftovers import Leftovers
from dlt_docjobs.results.pages import Pages, base_of
from dlt_docjobs.results.reading import Document, Found, Reading, read
from dlt_docjobs.results.typed import (
    Box,
    Confidence,
    Number,
    Objects,
    Record,
    Side,
    Text,
    Url,
    Whole,
)

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


class _Box(Box):
    left: Side
    top: Side
    width: Side
    height: Side


class _OcrCount(Record, forbid_unknown_fields=False):
    """An OCR element of which no row is made: all else in it is passed over."""

    confidence: Confidence = None


class _Ocr(Record):
    bare = "text"
    text: Text = None
    bbox: _Box | None = None
    confidence: Confidence = None
    color: Any = None
    link: Any = None


_OcrT = TypeVar("_OcrT", bound=Record)


class _Segment(Record, Generic[_OcrT]):
    bare = "content"
    segment_id: Text = None
    segment_type: Text = None
    content: Text = None
    html: Text = None
    markdown: Text = None
    image: Url = None
    page_number: Whole = None
    page_width: Number = None
    page_height: Number = None
    confidence: Confidence = None
    bbox: _Box | None = None
    ocr: list[_OcrT] | None = None
    segment_type_display: Any = None
    llm: Any = None
    chart_data: Any = None
    references: Any = None


class _Chunk(Record, Generic[_OcrT]):
    bare = "embed"
    chunk_id: Text = None
    chunk_length: Whole = None
    embed: Text = None
    segments: list[_Segment[_OcrT]] | None = None


_WITH_COUNTS: Final[Objects[Any]] = Objects(_Chunk[_OcrCount], "chunks")
_WITH_OCR: Final[Objects[Any]] = Objects(_Chunk[_Ocr], "chunks")
_OTHERS: Final = ("segment_type_display", "llm", "chart_data", "references")
_type_of = PROVIDER.vocabulary.segment_type


def read_answer(
    body: bytes,
    decode: Callable[[], Any],
    *,
    include_content: bool,
    include_ocr: bool,
    include_table_cells: bool = False,
) -> Reading:
    """Reads an answer; see `dlt_docjobs.results.reading.ReadAnswer`."""
    left = Leftovers(include_content=include_content, keep=KEEP, content_keys=CONTENT_KEYS)
    objects = {"chunks": _WITH_OCR if include_ocr else _WITH_COUNTS}
    document = partial(_document, left, include_ocr, include_table_cells)
    return read(body, decode, objects, RESULT_KEYS, document)


def _document(
    left: Leftovers, include_ocr: bool, with_cells: bool, found: Found, rest: dict[str, Any]
) -> Document:
    chunks = transposed(filter(None, found["chunks"] or ()), _Chunk)
    lengths = [len(segments or ()) for segments in chunks["segments"]]
    sent = transposed(chain.from_iterable(filter(None, chunks["segments"])), _Segment)
    others = {name: sent[name] for name in _OTHERS}

    pages = Pages()
    numbers, others["page_number"] = _page_numbers(pages, sent["page_number"], rest)
    sizes = _page_sizes(pages, numbers, sent["page_width"], sent["page_height"])
    elements = no_rows("segment_ocr")
    if include_ocr:
        elements, others["ocr"] = _ocr(left, sent["ocr"])

    ends = zip(accumulate(lengths), lengths, strict=True)
    spans = [slice(end - length, end) for end, length in ends]
    chunk_ids = cleaned(chunks["chunk_id"]).column
    of_chunk = pa.array(spread(range(len(lengths)), lengths), pa.int64())
    embeds: Sequence[str | None] = chunks["embed"]
    if left.include_content and None in embeds:
        texts = cleaned(sent["markdown"]).values, cleaned(sent["content"]).values
        either = [markdown or content for markdown, content in zip(*texts, strict=True)]
        made_up = chunk_contents(len(embeds), of_chunk.to_pylist(), either)
        pairs = zip(embeds, made_up, strict=True)
        embeds = [content if embed is None else embed for embed, content in pairs]
    on_pages = [[n for n in numbers[span] if n is not None] for span in spans]
    chunk_columns: Columns = {
        "chunk_index": range(len(lengths)),
        "chunk_id": chunk_ids,
        "chunk_kind": pa.repeat("native", len(lengths)),
        "page_number": [min(of_one, default=None) for of_one in on_pages],
        "last_page_number": [max(of_one, default=None) for of_one in on_pages],
        "content": embeds,
        "length": chunks["chunk_length"],
        "segment_count": lengths,
        "metadata": metadata(left, chunks["kept"], {}),
    }

    words = cleaned(sent["segment_type"])
    scores = [
        [one.confidence for one in of_one if one.confidence is not None] if of_one else ()
        for of_one in sent["ocr"]
    ]
    columns: Columns = {
        "segment_id": sent["segment_id"],
        "chunk_index": of_chunk,
        "chunk_id": chunk_ids.take(of_chunk),
        "segment_type": types_of(_type_of, words.values),
        "provider_segment_type": words.column,
        "page_number": numbers,
        "page_width": sizes[0],
        "page_height": sizes[1],
        "content": sent["content"],
        "markdown": sent["markdown"],
        "html": sent["html"],
        "image_url": image_urls(sent["image"]),
        "confidence": sent["confidence"],
        "ocr_count": [len(of_one) if of_one else 0 for of_one in sent["ocr"]],
        "ocr_confidence_mean": list(map(mean, scores)),
    }
    boxes, kept = sent["bbox"], sent["kept"]
    tables = {
        "pages": pages.batch(left),
        "chunks": batch(left, "chunks", len(lengths), chunk_columns),
        "segments": segments_batch(left, columns, boxes, sizes, kept, others, extent=True),
        "segment_ocr": elements,
        "table_cells": table_cells(left, columns) if with_cells else no_rows("table_cells"),
    }
    return Document(tables, failed_page_count=0)


def _page_numbers(
    pages: Pages, sent: Sequence[int | None], rest: dict[str, Any]
) -> tuple[Sequence[int | None], Sequence[int | None]]:
    """The segments' page numbers, and what was sent in place of one; makes the pages named."""
    numbers = sent
    lost: Sequence[int | None] = ()
    page_count = to_int(rest.get("page_count")) or 0
    seen = {number for number in sent if number is not None}
    if min(seen, default=1) < 1:
        base = base_of(seen, page_count)
        numbers = [n + base if n is not None and n + base > 0 else None for n in sent]
        lost = [n if number is None else None for n, number in zip(sent, numbers, strict=True)]
    if page_count <= MAX_PAGE_COUNT and max(filter(None, numbers), default=0) <= page_count:
        for number in range(1, page_count + 1):
            pages[number]
    return numbers, lost


def _page_sizes(
    pages: Pages,
    numbers: Sequence[int | None],
    widths: Sequence[float | None],
    heights: Sequence[float | None],
) -> tuple[Sequence[float | None], Sequence[float | None]]:
    """Widths and heights with those of the page where a segment has none; fills the pages."""
    for number, width, height in zip(numbers, widths, heights, strict=True):
        if number is not None:
            page = pages[number]
            page.segment_count += 1
            if page.page_width is None:
                page.page_width = width
            if page.page_height is None:
                page.page_height = height

    def filled(sides: Sequence[float | None], name: str) -> Sequence[float | None]:
        if None not in sides:
            return sides
        return [
            getattr(pages[number], name) if side is None and number is not None else side
            for number, side in zip(numbers, sides, strict=True)
        ]

    return filled(widths, "page_width"), filled(heights, "page_height")


def _ocr(
    left: Leftovers, sent: Sequence[list[_Ocr] | None]
) -> tuple[pa.RecordBatch, Sequence[dict[str, Any] | None]]:
    """The OCR elements, and by segment what no column takes of them."""
    counts = [len(elements or ()) for elements in sent]
    elements = transposed(chain.from_iterable(filter(None, sent)), _Ocr)
    columns = {
        "segment_index": spread(range(len(counts)), counts),
        "ocr_index": list(chain.from_iterable(map(range, counts))),
        "text": elements["text"],
        "confidence": elements["confidence"],
        "provider_bbox": box_texts(left, elements["bbox"]),
    }
    extras: list[dict[str, Any] | None] = [None] * len(sent)
    for index, place, kept, color, link in zip(
        columns["segment_index"],
        columns["ocr_index"],
        elements["kept"],
        elements["color"],
        elements["link"],
        strict=True,
    ):
        if color is not None or link is not None or kept:
            extra = {"color": color, "link": link, **(kept or {})}
            extra = {key: value for key, value in extra.items() if value is not None}
            of_segment = extras[index] = extras[index] or {}
            of_segment[str(place)] = left.of(extra)
    return batch(left, "segment_ocr", sum(counts), columns), extras
