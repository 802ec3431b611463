"""Answers as rows, read in every way in which they can be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from dlt_docjobs.model.records import Chunk, OcrElement, Page, Segment, TableCell
from dlt_docjobs.results import Document, Reading
from dlt_docjobs.results.typed import UnreadableResult
from dlt_docjobs.tables import TABLES

MODULES: dict[str, ModuleType] = {
    name: import_module(f"dlt_docjobs.providers.{name}.results")
    for name in ("llamacloud", "contextual", "unsiloed", "reducto", "landingai")
}
ANSWERS = Path(__file__).parents[1] / "providers" / "fixtures"
"""Whole answers of the younger providers, as their pages and SDKs have them."""
FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))
JSON_COLUMNS = frozenset({"metadata", "provider_bbox"})


class Rows(NamedTuple):
    """A document as the rows of its tables."""

    pages: list[Page]
    chunks: list[Chunk]
    segments: list[Segment]
    ocr: list[OcrElement]
    cells: list[TableCell]


def rows_of(document: Document) -> Rows:
    for name, rows in document.tables.items():
        assert rows.schema == TABLES[name].own_schema
        rows.validate(full=True)
    rows = Rows(*(
        [TABLES[name].row_type(**row) for row in document.tables[name].to_pylist()]
        for name in ("pages", "chunks", "segments", "segment_ocr", "table_cells")
    ))  # fmt: skip
    assert document.failed_page_count == sum(page.is_failed for page in rows.pages)
    return rows


def read(
    provider: str,
    body: bytes,
    decode: Callable[[], Any] | None = None,
    *,
    include_content: bool = True,
    include_ocr: bool = True,
    include_table_cells: bool = False,
) -> Reading:
    """An answer as a provider's module reads it."""
    reading: Reading = MODULES[provider].read_answer(
        body,
        decode or (lambda: json.loads(body)),
        include_content=include_content,
        include_ocr=include_ocr,
        include_table_cells=include_table_cells,
    )
    return reading


def comparable(reading: Reading) -> Any:
    """What an answer was read as, with JSON as values: the order of keys in it may differ."""
    # NaN is not equal to itself
    rest = json.dumps(reading.rest, sort_keys=True)
    if reading.document is None:
        return rest, reading.error
    rows = [
        [
            {
                column: json.loads(value) if value and column in JSON_COLUMNS else value
                for column, value in row._asdict().items()
            }
            for row in of_table
        ]
        for of_table in rows_of(reading.document)
    ]
    return rest, rows


def read_in_all_ways(provider: str, body: Any, **options: bool) -> Reading:
    """A decoded answer, read from its bytes and from its values, which has to be the same."""
    # no bytes are as documented: each object is read by itself
    by_object = read(provider, b"", lambda: body, **options)
    try:
        sent = json.dumps(body).encode()
    except (RecursionError, ValueError):
        return by_object
    assert comparable(read(provider, sent, **options)) == comparable(by_object)
    return by_object


def parse(provider: str, body: Any, **options: bool) -> Rows:
    """The rows of a decoded answer.

    Raises:
        UnreadableResult: It cannot be read.
    """
    reading = read_in_all_ways(provider, body, **options)
    if reading.error is not None:
        assert reading.document is None
        raise UnreadableResult(reading.error)
    return Rows([], [], [], [], []) if reading.document is None else rows_of(reading.document)
