"""LlamaCloud's parse result to Arrow.

The body is the whole answer of `GET /api/v2/parse/{job_id}?expand=items&expand=metadata`. A page
is a chunk. Items are flattened depth first: a list, header or footer comes before what it
contains. Where the contract is silent:

* Rows follow the page numbers, not the order in which pages were sent.
* A page without items has its text and Markdown as its one item, where `text.pages` and
  `markdown.pages` have them, and then is no failed page.
* A page counts as failed where `success` is false, or missing while there is no list of items.
  Items on a failed page still become segments; they belong to no chunk.
* A page number that cannot be read, or lies below 1, is replaced by the page's position; numbers
  that count from 0 are all shifted. Two pages of one number share a row in `pages`, failed only if
  both are; each parsed part makes its own chunk.
* `metadata.pages` is joined by page number. A key that both lists have, with unlike values, stands
  twice in `metadata`, the second time with `_2` behind.
* A chunk's content is the Markdown of its page's items, of one without any its content.
* Forms (forms.py) follow the items of their page.
* An item that is no object is a segment of type `other` whose `value` it is; a null is none.
* An item of an unknown type has its `value` as content, else its children's, as containers do.
* Anything that has a list of `items` is descended, whatever its type.
* `metadata` leaves out fields that are null. A table's `rows` are in it, with `html` in its column.
* Below `MAX_DEPTH` levels a container's `items` go into its `metadata` instead of into rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa
from msgspec import UNSET, UnsetType, to_builtins

from dlt_docjobs.model.cleaning import clean_text
from dlt_docjobs.model.values import to_text
from dlt_docjobs.model.vocabulary import OTHER
from dlt_docjobs.providers.llamacloud import PROVIDER
from dlt_docjobs.providers.llamacloud.forms import FormPage, form_pages
from dlt_docjobs.results.boxes import boxes_of
from dlt_docjobs.results.cells import table_cells
from dlt_docjobs.results.columns import (
    Columns,
    chunk_contents,
    cleaned,
    image_urls,
    mean,
    no_rows,
    page_chunks,
    segments_batch,
    spread,
    transposed,
)
from dlt_docjobs.results.leftovers import Leftovers
from dlt_docjobs.results.pages import Pages, base_of, number_pages
from dlt_docjobs.results.reading import Document, Found, Reading, read
from dlt_docjobs.results.typed import (
    MAX_DEPTH,
    Box,
    BoxConfidence,
    Boxes,
    Confidence,
    Flag,
    Number,
    Objects,
    Record,
    Side,
    Text,
    Url,
    Whole,
    lenient,
)

KEEP: Final = frozenset({"type", "label", "language"})
"""Keys whose strings are enum words: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset(
    {"value", "md", "text", "html", "csv", "caption", "rows", "items", "speaker_notes"}
    | {"markdown"}
)
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

RESULT_KEYS: Final = frozenset({"items", "markdown", "text", "forms", "markdown_full", "text_full"})
"""Keys of an answer that hold the result, in one form or another."""

# The field that is a segment's content; the types not named here are containers
_CONTENT: Final = {
    "text": "value",
    "section_header": "value",
    "code": "value",
    "link": "text",
    "table": "csv",
    "picture": "caption",
    "key_value": "value",
    "signature": "value",
    OTHER: "value",
}
_COMMON: Final = frozenset({"type", "md", "html", "bbox", "items"})
# The fields that have a column, by canonical type; containers have the common ones
_KNOWN: Final = {
    **{kind: _COMMON | {field} for kind, field in _CONTENT.items()},
    "section_header": _COMMON | {"value", "level"},
    "picture": _COMMON | {"caption", "url"},
}
# Fields that have a column in some types, and these types; fields that have one in none
_TAKERS: Final = {
    name: frozenset(kind for kind, known in _KNOWN.items() if name in known)
    for name in ("value", "text", "csv", "caption", "url", "level")
}
_NEVER: Final = (
    *("rows", "ordered", "language"),
    *("merged_from_pages", "merged_into_page", "parse_concerns"),
)
_PAGE: Final = frozenset({"page_number", "page_width", "page_height", "success", "error", "items"})
_type_of = PROVIDER.vocabulary.segment_type


class _Box(Box):
    x: Side
    y: Side
    w: Side
    h: Side
    confidence: BoxConfidence | UnsetType = UNSET
    label: Text | UnsetType = UNSET
    start_index: Side | UnsetType = UNSET
    end_index: Side | UnsetType = UNSET
    r: Side | UnsetType = UNSET


class _Item(Record):
    type: Text = None
    md: Text = None
    html: Text = None
    bbox: list[_Box] | _Box | None = None
    items: list[_Item] | None = None
    value: Text = None
    text: Text = None
    csv: Text = None
    caption: Text = None
    url: Url = None
    level: Whole = None
    rows: Any = None
    ordered: Any = None
    language: Any = None
    merged_from_pages: Any = None
    merged_into_page: Any = None
    parse_concerns: Any = None

    @classmethod
    def columns_of(cls, sent: Mapping[str, Any]) -> frozenset[str]:
        """Each type has its own."""
        word = to_text(sent.get("type"))
        return _KNOWN.get(_type_of(word and clean_text(word)), _COMMON)


class _Page(Record):
    """A page of items, or of text or Markdown in their place."""

    page_number: Whole = None
    page_width: Number = None
    page_height: Number = None
    success: Flag = None
    error: Text = None
    items: list[_Item] | None = None
    text: Text = None
    markdown: Text = None
    revisions: Any = None

    @classmethod
    def columns_of(cls, sent: Mapping[str, Any]) -> frozenset[str] | None:
        """Beside items nothing takes a text."""
        return _PAGE if sent.get("items") else None


class _PageMetadata(Record):
    page_number: Whole = None
    confidence: Confidence = None


_KEYS: Final = ("items", "text", "markdown")
_PAGES: Final = {key: Objects(_Page, key, "pages") for key in _KEYS}
# where the numbers in `rows` become text
_EXACT_PAGES: Final = {key: Objects(_Page, key, "pages", keeps_digits=True) for key in _KEYS}


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
    # forms alone are no result: they say again what items say
    pages = _EXACT_PAGES if include_table_cells else _PAGES
    document = partial(_document, left, include_table_cells)
    return read(body, decode, pages, RESULT_KEYS - {"forms"}, document)


def with_text(answer: dict[str, Any], more: Any) -> dict[str, Any]:
    """What an answer gets from another one, which has the text of its pages."""
    return {"text": more["text"]} if isinstance(more, dict) and more.get("text") else {}


def _document(left: Leftovers, with_cells: bool, found: Found, rest: dict[str, Any]) -> Document:
    described, with_forms = _described(rest), list(form_pages(rest))
    sent_pages = [found.get(key) or [] for key in _PAGES]
    told = chain(described, with_forms, *sent_pages)
    seen = {page.page_number for page in told if page is not None}
    number_of = partial(_number_of, base_of(seen - {None}, max(map(len, sent_pages))))
    with_items, *others = (number_pages(of_key, number_of) for of_key in sent_pages)
    with_texts = list(chain(*others))
    parts = _made_up(with_items, with_texts)

    pages = Pages()
    for number, page in chain(with_items, with_texts):
        draft = pages[number]
        draft.fill("page_width", page.page_width)
        draft.fill("page_height", page.page_height)
        draft.fill("error_message", page.error)
        unread = {"text": page.text, "markdown": page.markdown, "revisions": page.revisions}
        kept = {key: value for key, value in unread.items() if value is not None}
        draft.keep(left.of(kept | (page.kept or {})))
    for position, entry in enumerate(described, start=1):
        if entry is not None:
            draft = pages[number_of(entry) or position]
            draft.fill("confidence", entry.confidence)
            draft.keep(left.of(entry.kept or {}))

    for number, form_page in number_pages(with_forms, number_of):
        draft = pages[number]
        draft.fill("page_width", form_page.page_width)
        draft.fill("page_height", form_page.page_height)
        draft.keep(left.of(form_page.told))
        parts = _with_forms(parts, number, form_page)

    items = _Items()
    counts: list[int] = []
    chunks: list[tuple[int, int]] = []
    chunk_of: list[int | None] = []
    for number, page in parts:
        count = items.add(page.items or ())
        counts.append(count)
        pages[number].segment_count += count
        if page.success or (page.success is None and page.items is not None):
            chunk_of.append(len(chunks))
            chunks.append((number, count))
        else:
            chunk_of.append(None)
    for number in {number for number, _ in parts} - {number for number, _ in chunks}:
        pages[number].is_failed = True

    widths = [page.page_width or pages[number].page_width for number, page in parts]
    heights = [page.page_height or pages[number].page_height for number, page in parts]
    columns: Columns = {
        "chunk_index": spread(chunk_of, counts),
        "page_number": spread([number for number, _ in parts], counts),
        "page_width": spread(widths, counts),
        "page_height": spread(heights, counts),
    }
    segments, texts = items.segments(left, columns)
    contents = chunk_contents(len(chunks), columns["chunk_index"], texts)
    tables = {
        "pages": pages.batch(left),
        "chunks": page_chunks(left, [n for n, _ in chunks], contents, [n for _, n in chunks]),
        "segments": segments,
        "segment_ocr": no_rows("segment_ocr"),
        "table_cells": items.cells(left, columns) if with_cells else no_rows("table_cells"),
    }
    return Document(tables, failed_page_count=sum(page.is_failed for page in pages.values()))


def _described(rest: dict[str, Any]) -> list[_PageMetadata | None]:
    """The entries of `metadata.pages`; a null has a position, too."""
    metadata = rest.get("metadata")
    sent = metadata.get("pages") if isinstance(metadata, dict) else None
    entries = sent if isinstance(sent, list) else []
    return [None if entry is None else lenient(_PageMetadata, entry) for entry in entries]


def _number_of(base: int, page: _Page | _PageMetadata | FormPage) -> int | None:
    """A page's own number; one below 1 is kept."""
    if page.page_number is None:
        return None
    number = page.page_number + base
    if number < 1:
        page.keep("page_number", page.page_number)
        return None
    return number


def _made_up(
    pages: list[tuple[int, _Page]], texts: list[tuple[int, _Page]]
) -> list[tuple[int, _Page]]:
    """The pages in their order, with what stands in the place of items that a page lacks."""
    full = {number for number, page in pages if page.items}
    known = dict(reversed(pages))
    more: dict[int, _Page] = {}
    items: dict[int, list[_Item]] = {}
    for number, page in chain(pages, texts):
        if number not in known:
            known[number] = more[number] = page
        if number not in full:
            of_page = items.setdefault(number, [])
            if page.text:
                of_page.append(_Item(type="text", value=page.text))
            if page.markdown:
                # the Markdown of a text that has come without
                bare = next((item for item in of_page if item.md is None), None)
                if bare is None:
                    of_page.append(bare := _Item(type="text"))
                bare.md = page.markdown
            page.text = page.markdown = None
    for _, page in texts:
        # beside items they say the same once more
        page.text = page.markdown = None
    for number, of_page in items.items():
        for item in of_page:
            item.value, item.md = item.value or item.md, item.md or item.value
        if of_page:
            known[number].items, known[number].success = of_page, True
    for page in more.values():
        page.success = page.success is not False
    return sorted(chain(pages, more.items()), key=itemgetter(0))


def _with_forms(
    parts: list[tuple[int, _Page]], number: int, form_page: FormPage
) -> list[tuple[int, _Page]]:
    """The parts of a document, with the forms of a page behind its items."""
    forms = [lenient(_Item, form) for form in form_page.items]
    if not forms:
        return parts
    of_page = [page for at, page in parts if at == number]
    if not of_page:
        return sorted([*parts, (number, _Page(success=True, items=forms))], key=itemgetter(0))
    of_page[-1].items = [*(of_page[-1].items or ()), *forms]
    return parts


class _Items:
    """Items of a document in their order, each before those that it contains."""

    def __init__(self) -> None:
        self._sent: list[_Item] = []
        self._parents: list[int | None] = []
        self._depths: list[int] = []
        # by their own words, and as they are stored
        self._kinds: list[str] = []
        self._types: list[str] = []
        self._known: dict[str | None, str] = {}

    def add(
        self, items: Iterable[_Item], parent: int | None = None, depth: int = 0, kind: str = ""
    ) -> int:
        """Adds the items of a page or of a container; returns how many they are in all."""
        before = len(self._sent)
        for item in items:
            index = len(self._sent)
            own = self._known.get(item.type)
            if own is None:
                own = self._known[item.type] = _type_of(item.type and clean_text(item.type))
            self._sent.append(item)
            self._parents.append(parent)
            self._depths.append(depth)
            self._kinds.append(own)
            self._types.append("list_item" if kind == "list" and own != "list" else own)
            if item.items and depth < MAX_DEPTH:
                self.add(item.items, index, depth + 1, own)
            elif item.items:
                item.keep("items", to_builtins(item.items))
        return len(self._sent) - before

    def segments(
        self, left: Leftovers, columns: Columns
    ) -> tuple[pa.RecordBatch, Sequence[str | None]]:
        """The segments, and what each at the top brings to its chunk."""
        sent = transposed(self._sent, _Item)
        boxes: Sequence[Boxes] = sent["bbox"]
        markdown, content = cleaned(sent["md"]), self._contents(sent)
        rows = self._only("table", sent["rows"])
        columns |= {
            "parent_segment_index": self._parents,
            "depth": self._depths,
            "segment_type": self._types,
            "provider_segment_type": sent["type"],
            "content": content,
            "markdown": markdown.column,
            "html": sent["html"],
            "image_url": image_urls(self._only("picture", sent["url"])),
            "confidence": list(map(_confidence, boxes)),
            "heading_level": self._only("section_header", sent["level"]),
            "table_rows": [len(of_one) if type(of_one) is list else None for of_one in rows],
            "table_columns": list(map(_width, rows)),
        }
        others = {name: sent[name] for name in _NEVER}
        for name, takers in _TAKERS.items():
            pairs = zip(self._kinds, sent[name], strict=True)
            others[name] = [None if kind in takers else value for kind, value in pairs]
        sizes = columns["page_width"], columns["page_height"]
        batch = segments_batch(left, columns, boxes, sizes, sent["kept"], others, extent=True)
        texts = zip(self._parents, markdown.values, content, strict=True)
        return batch, [one or other if parent is None else None for parent, one, other in texts]

    def cells(self, left: Leftovers, columns: Columns) -> pa.RecordBatch:
        """The cells of tables; `columns` are those that the segments have."""
        rows = [item.rows for item in self._sent]
        return table_cells(left, columns, kinds=self._kinds, rows=rows)

    def _only(self, kind: str, values: Sequence[Any]) -> list[Any]:
        """The values of one kind of item."""
        return [
            value if own == kind else None for own, value in zip(self._kinds, values, strict=True)
        ]

    def _contents(self, sent: Mapping[str, Sequence[Any]]) -> list[str | None]:
        """Their content; of a container, which has none of its own, that of what it contains."""
        own = [
            sent[_CONTENT[kind]][index] if kind in _CONTENT else None
            for index, kind in enumerate(self._kinds)
        ]
        contents = list(cleaned(own).values)
        held: dict[int | None, list[str]] = {}
        for index in reversed(range(len(contents))):
            content = contents[index]
            if content is None and index in held and self._kinds[index] != "form":
                content = contents[index] = "\n".join(reversed(held[index]))
            if content:
                held.setdefault(self._parents[index], []).append(content)
        return contents


def _width(rows: Any) -> int | None:
    """The columns of a table: those of its widest row."""
    if type(rows) is not list:
        return None
    widths = [len(row) for row in rows if type(row) is list]
    return max(widths, default=None if rows else 0)


def _confidence(boxes: Boxes) -> float | None:
    """The mean over the boxes that have a confidence; what is none stays in `provider_bbox`."""
    found = [getattr(box, "confidence", None) for box in boxes_of(boxes)]
    return mean([one for one in found if isinstance(one, (int, float))])
