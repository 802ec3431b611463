"""LandingAI's parse result to Arrow.

The body is the answer of `GET /v2/parse/jobs/{job_id}`, or what lies behind its `output_url`. A
page is a chunk. Elements are flattened depth first, a container before what it contains; their
texts are slices of the document's Markdown, by code points. Where the contract is silent:

* Rows follow the page numbers. A page that failed makes no chunk; what stands on it all the same
  becomes segments of none. Pages of `failed_pages` that are not in the tree have a row as well.
* A chunk's content is its page's slice, without the comments that mark pages and the document; of
  a page without a range the texts of its elements at the top.
* A page without elements has its slice as its one element. A result without a readable tree has
  its Markdown, cut at the page breaks, as its pages.
* A range that does not lie in the Markdown is none; then the element's own `markdown` is taken.
* A table's cells are in its `metadata` under `cells`, with their places and boxes, and make no
  segments. Its text has theirs.
* An element's `range` stays in `metadata`: what an extract job found is told by ranges.
* An element's confidence is the mean of its words'.
* Older results (before 17 July 2026) count pages from 0 and give spans and pixels, in a second tree
  that is joined by id. Results of v1 are chunks with their own Markdown and pages from 0.
* `metadata` leaves out fields that are null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

import pyarrow as pa
from msgspec import to_builtins

from dlt_docjobs.providers.landingai import PROVIDER
from dlt_docjobs.providers.landingai.forms import (
    MARKS,
    Grounding,
    Node,
    PageBox,
    Result,
    ResultObject,
    beside,
    ends_of,
    failed_pages,
    pages_of,
    place_of,
)
from dlt_docjobs.results.cells import table_cells
from dlt_docjobs.results.columns import (
    Columns,
    batch,
    box_texts,
    cleaned,
    mean,
    no_rows,
    page_chunks,
    segments_batch,
    spread,
    transposed,
    types_of,
)
from dlt_docjobs.results.leftovers import Leftovers, put
from dlt_docjobs.results.pages import Pages, base_of, number_pages
from dlt_docjobs.results.reading import Document, Found, Reading, read
from dlt_docjobs.results.typed import (
    MAX_DEPTH,
    OddBoxes,
    UnreadableResult,
)

KEEP: Final = frozenset({"id", "type", "chunk_id", "status", "range_units"})
"""Keys whose strings are ids or enum words: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset({"markdown", "text", "children", "structure"})
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

RESULT_KEYS: Final = frozenset({"result", "data"})
"""Keys of an answer that hold the result, newer and older."""

# Of a result that stands by itself
_BARE: Final = frozenset({"structure", "chunks", "markdown"})
_ANCHOR: Final = re.compile(r"\A<a id=(?:'[^']*'|\"[^\"]*\")></a>\s*")
# Fields that have no column, and nearly no element
_ODD: Final = (
    *("row", "col", "colspan", "rowspan", "status", "reason"),
    *("page", "parts", "width", "height", "dpi"),
)
_type_of = PROVIDER.vocabulary.segment_type
_RESULTS: Final = {key: ResultObject(key) for key in ("result", "data")}


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
        reading = read(body, decode, _RESULTS, RESULT_KEYS, document)
        rest = reading.rest
        if reading.document is None and isinstance(rest, dict) and _BARE & rest.keys():
            # behind an `output_url` the result may stand by itself
            reading = read(b"", lambda: {"result": rest}, _RESULTS, RESULT_KEYS, document)
    except UnreadableResult as error:
        return Reading(decode(), None, str(error))
    return reading


class _Elements:
    """The elements of a document in their order, each before those that it contains.

    Args:
        markdown: The document's, into which ranges point.
        base: What is to be added to page numbers.
    """

    def __init__(self, markdown: str | None, base: int) -> None:
        self._markdown = markdown or ""
        self._base = base
        self.nodes: list[Node] = []
        self.places: list[Grounding] = []
        self.texts: list[str | None] = []
        self.numbers: list[int] = []
        self.parents: list[int | None] = []
        self.depths: list[int] = []
        self.cells: list[list[Node]] = []

    def slice(self, span: Any) -> str | None:
        """The text of a range, where that lies in the Markdown."""
        ends = self._ends(span)
        return None if ends is None else self._markdown[ends[0] : ends[1]]

    def _ends(self, span: Any) -> tuple[int, int] | None:
        start, end = ends_of(span)
        if start is None or end is None or not 0 <= start <= end <= len(self._markdown):
            return None
        return start, end

    def odd_range(self, span: Any) -> Any:
        """What a range says beside its ends; all of it where it does not lie in the Markdown."""
        if span is not None and self._ends(span) is None:
            return span
        if isinstance(span, dict):
            return {key: part for key, part in span.items() if key not in ("start", "end")} or None
        return None

    def unplaced(self, spans: Iterable[Any]) -> list[str]:
        """The texts of the Markdown that lie in none of these ranges, nor are an element's."""
        ends: list[tuple[int, int]] = []
        at = 0
        for span in chain(spans, (place.range for place in self.places)):
            found_ends = self._ends(span)
            if found_ends is not None:
                ends.append(found_ends)
        for node in self.nodes:
            # of v1, which has no ranges
            found_at = self._markdown.find(node.markdown, at) if node.markdown else -1
            if node.markdown and found_at >= 0:
                at = found_at + len(node.markdown)
                ends.append((found_at, at))
        found, reached = [], 0
        for start, end in sorted(ends):
            found.append(self._markdown[reached:start])
            reached = max(reached, end)
        found.append(self._markdown[reached:])
        texts = (_without_marks(text).strip() for text in found)
        return [text for text in texts if text]

    def add(
        self, nodes: Iterable[Node], number: int, parent: int | None = None, depth: int = 0
    ) -> int:
        """Adds the elements of a page or of a container; returns how many they are in all."""
        before = len(self.nodes)
        for node in nodes:
            index = len(self.nodes)
            place = place_of(node)
            text = self.slice(place.range)
            if text is None:
                text = node.markdown
            elif node.markdown is not None and node.markdown != text:
                node.keep("markdown", node.markdown)
            own = 0 if place.page is None else place.page + self._base
            cells, others = _children(node)
            self.nodes.append(node)
            self.places.append(place)
            self.texts.append(text)
            self.numbers.append(own if own > 0 else number)
            self.parents.append(parent)
            self.depths.append(depth)
            self.cells.append(cells)
            if others and depth < MAX_DEPTH:
                self.add(others, number, index, depth + 1)
            elif others:
                node.keep("children", to_builtins(others))
        return len(self.nodes) - before


def _children(node: Node) -> tuple[list[Node], list[Node]]:
    """The cells of a table, and what else an element contains."""
    children = node.children or []
    if not children or _type_of(node.type) != "table":
        return [], children
    cells = [child for child in children if child.type == "table_cell"]
    return cells, [child for child in children if child.type != "table_cell"]


def _document(
    left: Leftovers, include_ocr: bool, with_cells: bool, found: Found, rest: dict[str, Any]
) -> Document:
    key = "result" if found.get("result") else "data"
    result: Result = (found[key] or [])[0]
    lost: dict[str, Any] = {}
    sent = pages_of(result, lost)
    # where an answer has not said from where it counts, 0 does
    seen = {place_of(page).page for page in sent if page is not None} - {None}
    base = base_of({number for number in seen if number is not None})
    numbered = number_pages(sent, partial(_number_of, base))

    pages = Pages()
    elements = _Elements(result.markdown, base)
    chunks: list[tuple[int, str, int]] = []
    chunk_of: list[int | None] = []
    sizes: list[tuple[float | None, float | None]] = []
    units: list[tuple[float | None, float | None]] = []
    for number, page in numbered:
        first = len(elements.nodes)
        text = elements.slice(place_of(page).range)
        text = page.markdown if text is None else text
        is_failed = (page.status or "").strip().lower() == "failed"
        count = elements.add(_elements_of(page, text, is_failed), number)
        for own in elements.numbers[first:]:
            # an element may say that it lies on another page
            pages[own].segment_count += 1
        draft = pages[number]
        draft.fill("page_width", page.width)
        draft.fill("page_height", page.height)
        draft.fill("error_message", page.reason)
        unread = _unread(page)
        if page.markdown is not None and page.markdown != text:
            unread["markdown"] = page.markdown
        draft.keep(left.of(unread))
        size = (page.width, page.height)
        sizes += [size] * count
        # before 17 July 2026 boxes were in pixels
        is_old = page.page is not None or page.span is not None
        units += [size if is_old else (1.0, 1.0)] * count
        chunk_of += [None if is_failed else len(chunks)] * count
        if not is_failed:
            content = _without_marks(text or "").strip("\n")
            if not content:
                tops = zip(elements.parents[first:], elements.texts[first:], strict=True)
                content = "\n\n".join(one for parent, one in tops if parent is None and one)
            chunks.append((number, content, count))
    if result.structure is not None or result.chunks is not None:
        # of pages that were cut out of it all is there
        unplaced = elements.unplaced(place_of(page).range for _, page in numbered)
        if unplaced:
            put(lost, "markdown", unplaced)
    if lost:
        pages[numbered[0][0] if numbered else 1].keep(left.of(lost))
    good = {number for number, _, _ in chunks}
    for number in chain((number for number, _ in numbered), failed_pages(result)):
        pages[number].is_failed = number not in good
    rest[key] = beside(result)

    counts = [count for _, _, count in chunks]
    contents = [content for _, content, _ in chunks]
    segments, ocr, cells = _segments(
        left, include_ocr, with_cells, elements, chunk_of, sizes, units
    )
    tables = {
        "pages": pages.batch(left),
        "chunks": page_chunks(left, [number for number, _, _ in chunks], contents, counts),
        "segments": segments,
        "segment_ocr": ocr,
        "table_cells": cells,
    }
    return Document(tables, failed_page_count=sum(page.is_failed for page in pages.values()))


def _without_marks(text: str) -> str:
    # nearly no text has one
    return MARKS.sub("\n\n", text) if "<!-- " in text else text


def _number_of(base: int, page: Node) -> int | None:
    """A page's own number; one below 1 is kept."""
    number = place_of(page).page
    if number is None:
        return None
    if number + base < 1:
        page.keep("page", number)
        return None
    return number + base


def _elements_of(page: Node, text: str | None, is_failed: bool) -> list[Node]:
    """The elements of a page; one that is made up, where it has a text and none."""
    if page.children or is_failed or not text or not text.strip():
        return page.children or []
    whole = Grounding(range=place_of(page).range)
    return [Node(type="text", markdown=text, grounding=whole)]


def _unread(page: Node) -> dict[str, Any]:
    """What no column takes of a page."""
    place = place_of(page)
    kept = dict(page.kept or {})
    fields = {
        "status": None
        if (page.status or "ok").strip().lower() in ("ok", "failed")
        else page.status,
        "range": to_builtins(place.range),
        "dpi": page.dpi,
        "id": page.id,
        "parts": page.parts,
        "atomic_grounding": to_builtins(page.atomic_grounding) if page.atomic_grounding else None,
    }
    if isinstance(place.box, OddBoxes):
        fields["box"] = place.box.sent
    elif place.box is not None and place.box != PageBox(0, 0, 1, 1):
        fields["box"] = to_builtins(place.box)
    return kept | {name: value for name, value in fields.items() if value is not None}


def _segments(
    left: Leftovers,
    include_ocr: bool,
    with_cells: bool,
    elements: _Elements,
    chunk_of: Sequence[int | None],
    sizes: Sequence[tuple[float | None, float | None]],
    units: Sequence[tuple[float | None, float | None]],
) -> tuple[pa.RecordBatch, pa.RecordBatch, pa.RecordBatch]:
    """The segments, and the OCR elements and cells of tables in them."""
    places = elements.places
    sent = transposed(elements.nodes, Node)
    types = types_of(_type_of, cleaned(sent["type"]).values)
    atoms: list[list[Grounding]] = [of_one or [] for of_one in sent["atomic_grounding"]]
    scores = [[one.confidence for one in of_one if one.confidence is not None] for of_one in atoms]
    own = [place.confidence for place in places]
    markdown = cleaned(elements.texts)
    columns: Columns = {
        "segment_id": sent["id"],
        "parent_segment_index": elements.parents,
        "depth": elements.depths,
        "chunk_index": chunk_of,
        "segment_type": types,
        "provider_segment_type": sent["type"],
        "page_number": elements.numbers,
        "page_width": [width for width, _ in sizes],
        "page_height": [height for _, height in sizes],
        "content": [
            text if text is None or text[:1] != "<" else _ANCHOR.sub("", text, count=1)
            for text in markdown.values
        ],
        "markdown": markdown.column,
        "html": [
            text if kind == "table" and text and text.startswith("<table") else None
            for kind, text in zip(types, markdown.values, strict=True)
        ],
        "confidence": [
            mean(of_one) if of_one else one for of_one, one in zip(scores, own, strict=True)
        ],
        "table_rows": [_extent(cells, "row", "rowspan") for cells in elements.cells],
        "table_columns": [_extent(cells, "col", "colspan") for cells in elements.cells],
        "ocr_count": list(map(len, atoms)),
        "ocr_confidence_mean": list(map(mean, scores)),
    }
    others: dict[str, Sequence[Any]] = {name: sent[name] for name in _ODD}
    others["range"] = [place.range for place in places]
    others["cells"] = [_cells(cells) if cells else None for cells in elements.cells]
    others["confidence"] = [
        one if of_one else None for of_one, one in zip(scores, own, strict=True)
    ]
    if include_ocr:
        others["ocr"] = [_extras(left, elements, of_one) for of_one in atoms]
    boxes: list[Any] = [place.box for place in places]
    segments = segments_batch(
        left,
        columns,
        boxes,
        ([width for width, _ in units], [height for _, height in units]),
        [left.of(kept) if kept else None for kept in (node.kept for node in elements.nodes)],
        others,
        extent=False,
    )
    ocr = _ocr(left, elements, atoms) if include_ocr else no_rows("segment_ocr")
    return segments, ocr, table_cells(left, columns) if with_cells else no_rows("table_cells")


def _ocr(
    left: Leftovers, elements: _Elements, atoms: Sequence[Sequence[Grounding]]
) -> pa.RecordBatch:
    counts = list(map(len, atoms))
    sent = transposed(chain.from_iterable(atoms), Grounding)
    columns: Columns = {
        "segment_index": spread(range(len(counts)), counts),
        "ocr_index": list(chain.from_iterable(map(range, counts))),
        "text": list(map(elements.slice, sent["range"])),
        "confidence": sent["confidence"],
        "provider_bbox": box_texts(left, sent["box"]),
    }
    return batch(left, "segment_ocr", sum(counts), columns)


def _extras(
    left: Leftovers, elements: _Elements, atoms: Sequence[Grounding]
) -> dict[str, Any] | None:
    """What no column takes of OCR elements, by their index."""
    extras: dict[str, Any] = {}
    for at, atom in enumerate(atoms):
        kept = dict(atom.kept or {})
        if (odd := elements.odd_range(atom.range)) is not None:
            kept["range"] = odd
        if kept:
            extras[str(at)] = left.of(kept)
    return extras or None


def _extent(cells: Sequence[Node], start: str, span: str) -> int | None:
    """The rows or columns of a table: up to where its cells reach."""
    if not cells:
        return None
    ends = [
        at + max(getattr(cell, span) or 1, 1)
        for cell in cells
        if (at := getattr(cell, start)) is not None
    ]
    return max(ends, default=None)


def _cells(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """A table's cells as they stay in its metadata; their text is in the table's."""
    cells: list[dict[str, Any]] = to_builtins(nodes)
    for cell in cells:
        cell |= cell.pop("kept", None) or {}
        for name in ("type", "markdown"):
            cell.pop(name, None)
        if not cell.get("atomic_grounding"):
            cell.pop("atomic_grounding", None)
    return cells
