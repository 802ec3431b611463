"""Acme's parse results to rows: a page is a chunk, an element of it is a segment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any, Final

from acme_docjobs import PROVIDER
from dlt_docjobs.results.cells import table_cells
from dlt_docjobs.results.columns import (
    chunk_contents,
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
from dlt_docjobs.results.typed import (
    Box,
    Confidence,
    Number,
    Objects,
    Record,
    Side,
    Text,
    Whole,
)


class _Box(Box):
    left: Side
    top: Side
    right: Side
    bottom: Side


class _Element(Record):
    bare = "text"
    id: Text = None
    kind: Text = None
    text: Text = None
    box: _Box | None = None
    score: Confidence = None


class _Page(Record):
    number: Whole = None
    width: Number = None
    height: Number = None
    elements: list[_Element] | None = None


_PAGES: Final = Objects(_Page, "pages")


def read_answer(
    body: bytes,
    decode: Callable[[], Any],
    *,
    include_content: bool,
    include_ocr: bool,
    include_table_cells: bool = False,
) -> Reading:
    """Splits an answer into what it says of the job and the rows of its result."""
    left = Leftovers(
        include_content=include_content,
        keep=frozenset({"id", "kind"}),
        content_keys=frozenset({"text", "elements"}),
    )
    document = partial(_document, left, include_table_cells)
    return read(body, decode, {"pages": _PAGES}, {"pages"}, document)


def _document(left: Leftovers, with_cells: bool, found: Found, rest: dict[str, Any]) -> Document:
    numbered = number_pages(found["pages"] or (), lambda page: page.number)
    pages = Pages()
    elements: list[_Element] = []
    counts: list[int] = []
    for number, page in numbered:
        draft = pages[number]
        draft.fill("page_width", page.width)
        draft.fill("page_height", page.height)
        draft.keep(left.of(page.kept or {}))
        elements += page.elements or ()
        counts.append(len(page.elements or ()))
        draft.segment_count += counts[-1]

    # one list a field, as long as there are elements
    sent = transposed(elements, _Element)
    numbers = [number for number, _ in numbered]
    of_chunk = spread(range(len(counts)), counts)
    columns = {
        "segment_id": sent["id"],
        "chunk_index": of_chunk,
        "segment_type": types_of(PROVIDER.vocabulary.segment_type, sent["kind"]),
        "provider_segment_type": sent["kind"],
        "page_number": spread(numbers, counts),
        "content": sent["text"],
        "markdown": sent["text"],
        "confidence": sent["score"],
    }
    # Acme's boxes are fractions of the page already: a page of 1 by 1
    boxes, sizes, kept = sent["box"], (repeat(1.0), repeat(1.0)), sent["kept"]
    contents = chunk_contents(len(counts), of_chunk, sent["text"])
    tables = {
        "pages": pages.batch(left),
        "chunks": page_chunks(left, numbers, contents, counts),
        "segments": segments_batch(left, columns, boxes, sizes, kept, {}, extent=False),
        "segment_ocr": no_rows("segment_ocr"),
        "table_cells": table_cells(left, columns) if with_cells else no_rows("table_cells"),
    }
    return Document(tables, failed_page_count=0)
