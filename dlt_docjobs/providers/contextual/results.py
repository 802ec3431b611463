"""Contextual AI's parse result to Arrow.

The body is the answer of `GET /parse/jobs/{job_id}/results` with `blocks-per-page`. A page is a
chunk. Where the contract is silent:

* Rows follow the page indexes. One that cannot be read, or lies below 0, is replaced by the page's
  position; two pages of one index share a row in `pages` and make two chunks.
* No page is ever failed: the answer has no word for it.
* `markdown_document` repeats what the pages say and is not read. Of the headings that
  `document_metadata.hierarchy.blocks` repeats, what the pages say as well is taken away.
* A chunk's content is the markdown of all blocks of its page, whatever their depth: a heading does
  not contain the text of what stands under it.
* A page without blocks has its `markdown` as its one block. A page's own `markdown` is the chunk's
  content where its blocks have none; where they have, it is kept in the page's `metadata` unless it
  equals what the blocks make.
* A block's parent is the last of its `parent_ids` that came before it, on any page. Blocks are
  never reordered; `parent_ids` stay in `metadata`, unless empty.
* `hierarchy_level` makes a heading's `heading_level`; of other blocks it stays in `metadata`.
* A block that is no object is a segment of type `other` whose `markdown` it is; a null is none.
* `metadata` leaves out fields that are null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Annotated, Any, Final

from msgspec import Meta, to_builtins
from msgspec.structs import asdict

from dlt_docjobs.model.values import MAX_INT, to_int, to_text
from dlt_docjobs.providers.contextual import PROVIDER
from dlt_docjobs.results.cells import table_cells
from dlt_docjobs.results.columns import (
    Columns,
    chunk_contents,
    cleaned,
    no_rows,
    page_chunks,
    segments_batch,
    spread,
    transposed,
    types_of,
)
from dlt_docjobs.results.leftovers import Leftovers
from dlt_docjobs.results.pages import Pages, number_pages
from dlt_docjobs.results.reading import Document, Found, Reading, read
from dlt_docjobs.results.typed import Box, Objects, OddBoxes, Record, Side, Text, Whole

KEEP: Final = frozenset({"id", "type", "parent_ids", "confidence_level"})
"""Keys whose strings are ids or enum words: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset({"markdown", "blocks"})
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

RESULT_KEYS: Final = frozenset({"pages", "markdown_document"})
"""Keys of an answer that hold the result."""

_BLOCK: Final = frozenset({"id", "type", "bounding_box", "markdown", "confidence_level"})


def _to_index(value: object) -> int | None:
    index = to_int(value)
    return index if index is not None and 0 <= index < MAX_INT else None


class _Box(Box):
    x0: Side
    y0: Side
    x1: Side
    y1: Side


class _Block(Record):
    bare = "markdown"
    id: Text = None
    type: Text = None
    bounding_box: _Box | None = None
    markdown: Text = None
    confidence_level: Text = None
    hierarchy_level: Whole = None
    parent_ids: Any = None
    page_index: Any = None

    @classmethod
    def columns_of(cls, sent: Mapping[str, Any]) -> frozenset[str]:
        """Only headings have a level."""
        is_heading = _type_of(to_text(sent.get("type"))) == "section_header"
        return _BLOCK | {"hierarchy_level"} if is_heading else _BLOCK


class _Page(Record):
    index: Annotated[Annotated[int, Meta(ge=0, lt=MAX_INT)] | None, _to_index] = None
    blocks: list[_Block] | None = None
    markdown: Text = None


_PAGES: Final = Objects(_Page, "pages")


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
    return read(
        body, decode, {"pages": _PAGES}, RESULT_KEYS, partial(_document, left, include_table_cells)
    )


def with_markdown(answer: dict[str, Any], more: Any) -> dict[str, Any]:
    """What an answer gets from another one: Markdown for the pages that have come without blocks.

    Args:
        answer: The answer with blocks, as JSON.
        more: The one with Markdown.
    """
    found: dict[int, dict[str, Any]] = {}
    for place, text in _placed(more):
        if isinstance(text, dict):
            found.setdefault(place, text)
    filled: list[Any] = []
    for place, page in _placed(answer):
        text = found.pop(place, None) if isinstance(page, dict) else None
        if text is not None and not page.get("blocks"):
            page = {**page, "markdown": page.get("markdown") or text.get("markdown")}
        filled.append(page)
    # what the first answer left out altogether
    return {"pages": [*filled, *(text for text in found.values() if text.get("markdown"))]}


def _placed(answer: Any) -> list[tuple[int, Any]]:
    """The pages of an answer, each with its index or, where it tells none, its position."""
    pages = answer.get("pages") if isinstance(answer, dict) else None
    placed: list[tuple[int, Any]] = []
    for place, page in enumerate(pages if isinstance(pages, list) else []):
        index = to_int(page.get("index")) if isinstance(page, dict) else None
        placed.append((place if index is None else index, page))
    return placed


def _document(left: Leftovers, with_cells: bool, found: Found, rest: dict[str, Any]) -> Document:
    numbered = number_pages(found["pages"] or (), _page_number)
    pages = Pages()
    blocks: list[_Block] = []
    counts: list[int] = []
    for number, page in numbered:
        if not page.blocks and page.markdown:
            page.blocks = [_Block(type="text", markdown=page.markdown)]
        blocks += page.blocks or ()
        counts.append(len(page.blocks or ()))
        pages[number].segment_count += counts[-1]
        pages[number].keep(left.of(page.kept or {}))
    _take_away(rest, blocks)

    sent = transposed(blocks, _Block)
    words, markdown = cleaned(sent["type"]), cleaned(sent["markdown"])
    types = types_of(_type_of, words.values)
    headings: list[int | None] = [None] * len(blocks)
    levels = list(sent["hierarchy_level"])
    for index, kind in enumerate(types):
        if kind == "section_header":
            headings[index], levels[index] = levels[index], None
            if headings[index] == 0:
                types[index] = "title"

    of_chunk = spread(range(len(counts)), counts)
    contents = chunk_contents(len(counts), of_chunk, markdown.values)
    own = cleaned([page.markdown for _, page in numbered]).values
    for at, ((number, _), text) in enumerate(zip(numbered, own, strict=True)):
        contents[at] = contents[at] or text or ""
        if text is not None and text != contents[at] and left.include_content:
            pages[number].keep({"markdown": text})
    parents, depths = _parents(sent["id"], sent["parent_ids"])
    numbers = [number for number, _ in numbered]
    columns: Columns = {
        "segment_id": sent["id"],
        "parent_segment_index": parents,
        "depth": depths,
        "chunk_index": of_chunk,
        "segment_type": types,
        "provider_segment_type": words.column,
        "page_number": spread(numbers, counts),
        "content": markdown.column,
        "markdown": markdown.column,
        "confidence_level": sent["confidence_level"],
        "heading_level": headings,
    }
    others = {
        "parent_ids": [None if ids == [] else ids for ids in sent["parent_ids"]],
        "hierarchy_level": levels,
        "page_index": sent["page_index"],
    }
    boxes, sizes, kept = sent["bounding_box"], (repeat(1.0), repeat(1.0)), sent["kept"]
    tables = {
        "pages": pages.batch(left),
        "chunks": page_chunks(left, numbers, contents, counts),
        "segments": segments_batch(left, columns, boxes, sizes, kept, others, extent=False),
        "segment_ocr": no_rows("segment_ocr"),
        "table_cells": table_cells(left, columns) if with_cells else no_rows("table_cells"),
    }
    return Document(tables, failed_page_count=0)


def _page_number(page: _Page) -> int | None:
    return None if page.index is None else page.index + 1


def _parents(
    ids: Sequence[str | None], parent_ids: Sequence[Any]
) -> tuple[list[int | None], list[int]]:
    """Each block's nearest ancestor of those that came before, and its depth."""
    parents: list[int | None] = []
    depths: list[int] = []
    # where each id was seen last: a parent may stand on an earlier page
    indexes: dict[str | None, int] = {}
    for index, (own, named) in enumerate(zip(ids, parent_ids, strict=True)):
        parent = None
        for name in reversed(named if type(named) is list else [named]):
            parent = indexes.get(name if type(name) is str else to_text(name))
            if parent is not None:
                break
        parents.append(parent)
        depths.append(0 if parent is None else depths[parent] + 1)
        if own is not None:
            indexes[own] = index
    return parents, depths


def _take_away(rest: dict[str, Any], blocks: Iterable[_Block]) -> None:
    """Takes away from the blocks of the document's hierarchy what those of its pages say."""
    metadata = rest.get("document_metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("hierarchy"), dict):
        return
    hierarchy = dict(metadata["hierarchy"])
    if not isinstance(hierarchy.get("blocks"), list):
        return
    by_id = {block.id: block for block in blocks if block.id is not None}
    left: list[Any] = []
    for block in hierarchy.pop("blocks"):
        own = by_id.get(to_text(block.get("id")) or "") if isinstance(block, dict) else None
        if own is not None:
            said = _as_sent(own)
            block = {
                key: value
                for key, value in block.items()
                if key == "id" or not _is_same(value, said.get(key))
            }
        if own is None or len(block) > 1:
            left.append(block)
    if left:
        hierarchy["blocks"] = left
    rest["document_metadata"] = {**metadata, "hierarchy": hierarchy}


def _as_sent(block: _Block) -> dict[str, Any]:
    box = block.bounding_box
    sent = box.sent if isinstance(box, OddBoxes) else to_builtins(box)
    return asdict(block) | {"bounding_box": sent} | (block.kept or {})


def _is_same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except RecursionError:
        return False
