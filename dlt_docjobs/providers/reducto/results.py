"""Reducto's parse result to Arrow.

The body is the answer of `GET /job/{job_id}`, with `chunks` and `ocr` in `result.result`, or in
what lies at a result's URL. Chunks are the provider's own; their blocks are flat. Where the
contract is silent:

* A page's number is the one in the source document (`original_page`), else, of a block without
  it, that of another block on the same processed page (`page`), else the processed page's.
* `pages` has a row for each page seen. Where all pages of the document were processed, it has
  one for each of them, unless the document is a spreadsheet, whose pages are billed by cells.
* A page on which any box has an edge above 1 is a sheet, in units of cells: no box on it is a
  fraction of anything.
* A chunk without `content` has its `embed`, else the content of its blocks. Otherwise `embed`,
  where it differs, and the rest of the chunk stand in its `metadata`.
* A table's content is its HTML where it begins as such, and its Markdown where it looks like
  that; JSON and CSV are its content only.
* Words of the OCR belong to the block of their page that covers most of them, of several the
  smallest; one that no block covers to the nearest, first within its chunk. Words on a page without
  blocks, and the lines, which hold the same words, stand in the page's `metadata`, the former with
  their number even without OCR. A document with lines alone has these as its words.
* Of an OCR element `segment_ocr` has no column for, only rotations other than 0 are kept: in the
  segment's `metadata` under `ocr`, by `ocr_index`.
* A chunk, block or word that is no object is one whose content or text it is; a null is none.
* `metadata` leaves out fields that are null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import UNSET, UnsetType, to_builtins

from dlt_docjobs.model import exact_json
from dlt_docjobs.model.values import to_confidence, to_int
from dlt_docjobs.providers.reducto import PROVIDER
from dlt_docjobs.results.boxes import boxes_of
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
from dlt_docjobs.results.pages import Pages
from dlt_docjobs.results.reading import Document, Found, Reading, read
from dlt_docjobs.results.typed import (
    NOT_AS_DOCUMENTED,
    Box,
    Boxes,
    Confidence,
    Objects,
    OddBoxes,
    Record,
    Side,
    Text,
    Url,
    Whole,
    lenient,
)

MAX_PAGE_COUNT: Final = 100_000

KEEP: Final = frozenset({"type", "response_type", "confidence"})
"""Keys whose strings are enum words: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset(
    {"content", "embed", "text", "enriched", "chart_data", "merged_tables", "extra", "blocks"}
)
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

# how deep in objects called `result` the chunks may lie: in those of an answer two, and what lies
# at a URL may be wrapped once more
_DEEPEST: Final = 4
# what summing a left edge and a width makes of 1
_ROUNDING: Final = 1e-3
_HTML: Final = re.compile(r"\s*<table", re.IGNORECASE)
_JSON: Final = re.compile(r"\s*\[\s*\[")
_MARKDOWN: Final = re.compile(r"\s*\||[^\n]*\|[^\n]*\n\s*:?-+:?\s*\|")
_type_of = PROVIDER.vocabulary.segment_type


class _Box(Box):
    left: Side
    top: Side
    width: Side
    height: Side
    page: Whole | UnsetType = UNSET
    original_page: Whole | UnsetType = UNSET


class _Block(Record):
    bare = "content"
    type: Text = None
    content: Text = None
    bbox: _Box | None = None
    confidence: Text = None
    granular_confidence: Any = None
    image_url: Url = None
    chart_data: Any = None
    merged_tables: Any = None
    extra: Any = None


class _Chunk(Record):
    bare = "content"
    content: Text = None
    embed: Text = None
    enriched: Any = None
    enrichment_success: Any = None
    blocks: list[_Block] | None = None


class _Word(Record):
    bare = "text"
    text: Text = None
    bbox: _Box | None = None
    confidence: Confidence = None
    chunk_index: Whole = None
    rotation: Any = None


_CHUNKS: Final[Objects[Any]] = Objects(_Chunk, "chunks")
_OTHERS: Final = ("chart_data", "merged_tables", "extra")
_Make = Callable[[list[dict[str, Any]], Found, dict[str, Any]], Document]
_split: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


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
    document = partial(_document, left, include_ocr, include_table_cells)
    try:
        return _read_parts(body, document, [])
    except NOT_AS_DOCUMENTED:
        return _read_value(decode(), document, [])


def _read_parts(body: bytes, document: _Make, around: list[dict[str, Any]]) -> Reading:
    """Reads an answer that is valid JSON, and decodes nothing that becomes rows."""
    parts = _split(body)
    inner = parts.get("result")
    if "chunks" in parts or inner is None or len(around) == _DEEPEST or not _is_object(inner):
        return _read_inner(body, lambda: exact_json.decode_leniently(body), document, around)
    rest = {key: exact_json.decode(bytes(part)) for key, part in parts.items() if key != "result"}
    reading = _read_parts(bytes(inner), document, [*around, rest])
    return reading._replace(rest={**rest, "result": reading.rest})


def _read_value(value: Any, document: _Make, around: list[dict[str, Any]]) -> Reading:
    """The same of a value, where the answer's JSON is not valid to the letter."""
    inner = value.get("result") if isinstance(value, dict) and "chunks" not in value else None
    if not isinstance(inner, dict) or len(around) == _DEEPEST:
        return _read_inner(b"", lambda: value, document, around)
    rest = {key: part for key, part in value.items() if key != "result"}
    reading = _read_value(inner, document, [*around, rest])
    return reading._replace(rest={**rest, "result": reading.rest})


def _read_inner(
    body: bytes, decode: Callable[[], Any], document: _Make, around: list[dict[str, Any]]
) -> Reading:
    reading = read(body, decode, {"chunks": _CHUNKS}, {"chunks"}, partial(document, around))
    if isinstance(reading.rest, dict):
        reading.rest.pop("ocr", None)
    return reading


def _is_object(part: msgspec.Raw) -> bool:
    return bytes(part).lstrip()[:1] == b"{"


# -- the document -------------------------------------------------------------------------------


def _document(
    left: Leftovers,
    include_ocr: bool,
    with_cells: bool,
    around: list[dict[str, Any]],
    found: Found,
    rest: dict[str, Any],
) -> Document:
    chunks = transposed(filter(None, found["chunks"] or ()), _Chunk)
    lengths = [len(blocks or ()) for blocks in chunks["blocks"]]
    sent = transposed(chain.from_iterable(filter(None, chunks["blocks"])), _Block)
    of_chunk = spread(range(len(lengths)), lengths)
    words, lines = _words_in(rest.get("ocr"))
    places = list(map(_place_of, sent["bbox"]))
    word_places = list(map(_place_of, words["bbox"]))
    numbers = _Numbers([*places, *word_places])

    pages = Pages()
    on_page = list(map(numbers.of, places))
    for number in filter(None, on_page):
        pages[number].segment_count += 1
    for number in filter(None, map(numbers.of, word_places)):
        pages[number]
    is_sheet = numbers.sheets
    if not is_sheet:
        _add_empty(pages, around, rest)

    owners = _owners(places, of_chunk, word_places, words["chunk_index"])
    _keep_beside(left, pages, numbers, words, word_places, owners, lines, include_ocr)
    elements, extras = _elements(left, words, owners, include_ocr)
    scores: dict[int, list[float]] = {}
    counts: dict[int, int] = {}
    for owner, confidence in zip(owners, words["confidence"], strict=True):
        if owner is not None:
            counts[owner] = counts.get(owner, 0) + 1
            if confidence is not None:
                scores.setdefault(owner, []).append(confidence)

    count = len(places)
    types = cleaned(sent["type"])
    kinds = types_of(_type_of, types.values)
    marked = [_forms(kind, text) for kind, text in zip(kinds, sent["content"], strict=True)]
    graded = list(map(_graded, sent["granular_confidence"]))
    # fractions of the page already, but on a sheet
    unit = [None if place is None or place.page in is_sheet else 1.0 for place in places]
    columns: Columns = {
        "chunk_index": of_chunk,
        "segment_type": kinds,
        "provider_segment_type": types.column,
        "page_number": on_page,
        "content": sent["content"],
        "markdown": [markdown for markdown, _ in marked],
        "html": [html for _, html in marked],
        "image_url": image_urls(sent["image_url"]),
        "confidence": [confidence for confidence, _ in graded],
        "confidence_level": sent["confidence"],
        "ocr_count": [counts.get(index, 0) for index in range(count)],
        "ocr_confidence_mean": [mean(scores.get(index, ())) for index in range(count)],
    }
    others: dict[str, Sequence[Any]] = {name: sent[name] for name in _OTHERS}
    others["granular_confidence"] = [rest_of for _, rest_of in graded]
    others["ocr"] = [extras.get(index) for index in range(count)]
    tables = {
        "pages": pages.batch(left),
        "chunks": _chunks(left, chunks, lengths, on_page, of_chunk, sent["content"]),
        "segments": segments_batch(
            left, columns, sent["bbox"], (unit, unit), sent["kept"], others, extent=True
        ),
        "segment_ocr": elements,
        "table_cells": _cells(left, columns) if with_cells else no_rows("table_cells"),
    }
    return Document(tables, failed_page_count=0)


def _chunks(
    left: Leftovers,
    sent: Mapping[str, Sequence[Any]],
    lengths: Sequence[int],
    on_page: Sequence[int | None],
    of_chunk: Sequence[int],
    texts: Sequence[str | None],
) -> pa.RecordBatch:
    contents: Sequence[str | None] = sent["content"]
    if None in contents:
        made_up = chunk_contents(len(lengths), of_chunk, cleaned(texts).values)
        either = zip(contents, sent["embed"], made_up, strict=True)
        contents = [
            content if content is not None else embed if embed is not None else joined
            for content, embed, joined in either
        ]
    ends = zip(accumulate(lengths), lengths, strict=True)
    spans = [[n for n in on_page[end - length : end] if n is not None] for end, length in ends]
    pairs = zip(sent["embed"], contents, strict=True)
    others = {
        "embed": [None if embed == content else embed for embed, content in pairs],
        "enriched": sent["enriched"],
        # false says that nothing was enriched, as null does
        "enrichment_success": [done or None for done in sent["enrichment_success"]],
    }
    columns: Columns = {
        "chunk_index": range(len(lengths)),
        "chunk_kind": pa.repeat("native", len(lengths)),
        "page_number": [min(span, default=None) for span in spans],
        "last_page_number": [max(span, default=None) for span in spans],
        "content": contents,
        "segment_count": lengths,
        "metadata": metadata(left, sent["kept"], others),
    }
    return batch(left, "chunks", len(lengths), columns)


def _forms(kind: str, content: str | None) -> tuple[str | None, str | None]:
    """A segment's Markdown and HTML, as far as its content is one of them."""
    if kind != "table" or content is None:
        return content, None
    if _HTML.match(content):
        return None, content
    return (content, None) if _MARKDOWN.match(content) else (None, None)


def _cells(left: Leftovers, columns: Columns) -> pa.RecordBatch:
    """The cells of tables, of those in JSON as well."""
    pairs = zip(columns["segment_type"], columns["content"], strict=True)
    rows = [_rows_in(text) if kind == "table" else None for kind, text in pairs]
    return table_cells(left, columns, rows=rows)


def _rows_in(content: str | None) -> Any:
    """The rows of a table whose content is JSON."""
    if content is None or not _JSON.match(content):
        return None
    try:
        return exact_json.decode_leniently(content.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None


def _graded(sent: Any) -> tuple[float | None, Any]:
    """The confidence that is a number, and what else was sent beside it."""
    if not isinstance(sent, dict):
        return None, sent
    confidence = to_confidence(sent.get("parse_confidence"))
    others = {
        key: value
        for key, value in sent.items()
        if value is not None and (key != "parse_confidence" or confidence is None)
    }
    return confidence, others or None


# -- pages --------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """Where a box lies: the processed page, that of the source document, and its edges."""

    page: int | None
    original: int | None
    edges: tuple[float, float, float, float] | None


def _place_of(boxes: Boxes) -> _Place | None:
    box: Any = next(iter(boxes_of(boxes)), None)
    if box is None:
        return None
    sides = (box.left, box.top, box.width, box.height)
    edges = None
    if None not in sides:
        left, top, width, height = sides
        edges = (left, top, left + width, top + height)
    return _Place(_positive(box.page), _positive(box.original_page), edges)


def _positive(number: Any) -> int | None:
    return number if type(number) is int and number > 0 else None


class _Numbers:
    """The page numbers of a document's boxes.

    Attributes:
        sheets: Processed pages that are sheets.
    """

    def __init__(self, places: Iterable[_Place | None]) -> None:
        self._originals: dict[int, int] = {}
        self.sheets: set[int | None] = set()
        for place in filter(None, places):
            if place.page is not None and place.original is not None:
                self._originals.setdefault(place.page, place.original)
            if place.edges is not None and max(place.edges) > 1 + _ROUNDING:
                self.sheets.add(place.page)

    def of(self, place: _Place | None) -> int | None:
        """The number of the page on which something lies, in the source document."""
        if place is None:
            return None
        if place.original is not None or place.page is None:
            return place.original
        return self._originals.get(place.page, place.page)


def _add_empty(pages: Pages, around: Sequence[Mapping[str, Any]], rest: Mapping[str, Any]) -> None:
    """Adds the pages without blocks, where the answer says that all pages were processed."""
    levels = [*around, rest]
    usages = [level["usage"] for level in levels if isinstance(level.get("usage"), dict)]
    if any(to_int(usage.get("non_empty_cell_count")) is not None for usage in usages):
        return
    processed = _first("num_pages", [*levels, *usages])
    total = _first("total_pages", levels) or processed
    if processed and processed == total and max(pages, default=0) <= total <= MAX_PAGE_COUNT:
        for number in range(1, total + 1):
            pages[number]


def _first(key: str, levels: Iterable[Mapping[str, Any]]) -> int | None:
    return next(filter(None, (to_int(level.get(key)) for level in levels)), None)


# -- OCR ----------------------------------------------------------------------------------------


def _words_in(ocr: Any) -> tuple[dict[str, Sequence[Any]], list[Any]]:
    """The words that were recognised, as columns, and the lines as sent."""
    parts = ocr if isinstance(ocr, dict) else {"words": ocr}
    words, lines = (parts.get(key) or [] for key in ("words", "lines"))
    if not isinstance(words, list):
        words = [words]
    if not isinstance(lines, list):
        lines = [lines]
    if not words:
        words, lines = lines, []
    read_ones = [lenient(_Word, word) for word in words if word is not None]
    return transposed(read_ones, _Word), lines


def _owners(
    blocks: Sequence[_Place | None],
    of_chunk: Sequence[int],
    words: Sequence[_Place | None],
    chunk_of_word: Sequence[int | None],
) -> list[int | None]:
    """The block that each word belongs to; None where its page has none."""
    by_page: dict[int | None, list[_Target]] = {}
    for index, place in enumerate(blocks):
        if place is not None and place.edges is not None:
            by_page.setdefault(place.page, []).append(_Target(*place.edges, index, of_chunk[index]))
    return [
        None
        if word is None or word.edges is None
        else _owner(by_page.get(word.page, ()), word.edges, chunk)
        for word, chunk in zip(words, chunk_of_word, strict=True)
    ]


class _Target(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    block: int
    chunk: int


def _owner(
    targets: Sequence[_Target], edges: tuple[float, float, float, float], chunk: int | None
) -> int | None:
    left, top, right, bottom = edges
    found: _Target | None = None
    best = (0.0, 0.0)
    for target in targets:
        width = min(right, target.right) - max(left, target.left)
        if width <= 0:
            continue
        height = min(bottom, target.bottom) - max(top, target.top)
        if height <= 0:
            continue
        share = width * height
        if share >= best[0]:
            area = (target.right - target.left) * (target.bottom - target.top)
            # of blocks within blocks the innermost
            if (share, -area) > best or found is None:
                found, best = target, (share, -area)
    if found is None:
        within = [target for target in targets if target.chunk == chunk] or targets
        found = min(within, key=partial(_distance, edges), default=None)
    return None if found is None else found.block


def _distance(edges: tuple[float, float, float, float], target: _Target) -> float:
    """The square of the gap between a word and a block."""
    left, top, right, bottom = edges
    across = max(target.left - right, left - target.right, 0.0)
    down = max(target.top - bottom, top - target.bottom, 0.0)
    return across * across + down * down


def _elements(
    left: Leftovers,
    words: Mapping[str, Sequence[Any]],
    owners: Sequence[int | None],
    include_ocr: bool,
) -> tuple[pa.RecordBatch, dict[int, dict[str, Any]]]:
    """The OCR elements, and by segment what no column takes of them."""
    if not include_ocr:
        return batch(left, "segment_ocr", 0, {}), {}
    placed = [at for at, owner in enumerate(owners) if owner is not None]
    # by segment, in the order sent
    placed.sort(key=lambda at: owners[at] or 0)
    positions: dict[int, int] = {}
    indices, extras = list[int](), dict[int, dict[str, Any]]()
    for at in placed:
        owner = owners[at]
        assert owner is not None
        position = positions.get(owner, 0)
        positions[owner] = position + 1
        indices.append(position)
        extra = dict(words["kept"][at] or {})
        if words["rotation"][at]:
            extra["rotation"] = words["rotation"][at]
        if extra:
            extras.setdefault(owner, {})[str(position)] = left.of(extra)
    columns: Columns = {
        "segment_index": [owners[at] for at in placed],
        "ocr_index": indices,
        "text": [words["text"][at] for at in placed],
        "confidence": [words["confidence"][at] for at in placed],
        "provider_bbox": box_texts(left, [words["bbox"][at] for at in placed]),
    }
    return batch(left, "segment_ocr", len(placed), columns), extras


def _keep_beside(
    left: Leftovers,
    pages: Pages,
    numbers: _Numbers,
    words: Mapping[str, Sequence[Any]],
    places: Sequence[_Place | None],
    owners: Sequence[int | None],
    lines: Sequence[Any],
    include_ocr: bool,
) -> None:
    """Keeps with their pages the words without a block, and the lines."""
    lost: dict[int, list[Any]] = {}
    first = min(pages, default=1)
    for at, owner in enumerate(owners):
        if owner is None:
            number = numbers.of(places[at]) or first
            lost.setdefault(number, []).append(at)
    for number, found in lost.items():
        pages[number].keep({"ocr_without_segment": len(found)})
        if include_ocr:
            pages[number].keep(left.of({"ocr": [_as_sent(words, at) for at in found]}))
    of_page: dict[int, list[Any]] = {}
    for line in lines if include_ocr else ():
        place = _place_of(lenient(_Word, line).bbox) if line is not None else None
        of_page.setdefault(numbers.of(place) or first, []).append(line)
    for number, found in of_page.items():
        pages[number].keep(left.of({"ocr_lines": found}))


def _as_sent(words: Mapping[str, Sequence[Any]], at: int) -> dict[str, Any]:
    """A word again."""
    fields = {name: words[name][at] for name in ("text", "confidence", "chunk_index", "rotation")}
    box = words["bbox"][at]
    fields["bbox"] = box.sent if isinstance(box, OddBoxes) else to_builtins(box)
    fields |= words["kept"][at] or {}
    return {name: value for name, value in fields.items() if value is not None}
