"""The cells of a document's tables, of the richest that a provider sends of each.

Rows as values come first, since their numbers are numbers; HTML next, which has spans and headers;
then Markdown. Where one of them holds no cell, the next is read.

* Empty cells make no rows.
* Rows as values tell of no spans and headers. Those of the table's HTML hold for them where it has
  as many rows and columns.
* HTML that stands where Markdown may is HTML.
* What can't be read of a table costs its cells only: the segment has it as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import pyarrow as pa

from dlt_docjobs.results.columns import batch
from dlt_docjobs.results.grid import Cell
from dlt_docjobs.results.html_tables import html_cells
from dlt_docjobs.results.leftovers import Leftovers
from dlt_docjobs.results.markdown_tables import markdown_cells

_HTML: Final = re.compile(r"<t(?:able|r|d|h|head|body)[\s/>]", re.IGNORECASE)
# of an object in a cell, what is read of it, in this order
_WORDS: Final = ("field_label", "label", "value", "text", "content", "md", "items", "valueItems")


def table_cells(
    left: Leftovers,
    columns: Mapping[str, Sequence[Any] | pa.Array],
    *,
    kinds: Sequence[str] | None = None,
    rows: Sequence[Any] = (),
) -> pa.RecordBatch:
    """The cells of a document's tables.

    Args:
        left: Whether their texts may be stored.
        columns: Those of its segments.
        kinds: Their canonical types by themselves, where containers have a say in the column.
        rows: What the provider has of each as lists of rows, or nothing.
    """
    found: list[_Row] = []
    for index, kind in enumerate(columns["segment_type"] if kinds is None else kinds):
        if kind == "table":
            table = _Table(
                rows[index] if rows else None,
                *(_text_at(columns, name, index) for name in ("html", "markdown", "content")),
            )
            found += (
                _Row(index, *cell, source)
                for source, cell in table.cells()
                if cell.text and not cell.text.isspace()
            )
    made = zip(*found, strict=True) if found else ()
    return batch(left, "table_cells", len(found), dict(zip(_Row._fields, made, strict=False)))


def read_table(html: str | None, markdown: str | None, content: str | None) -> list[Cell]:
    """The cells of one table, empty ones included, of the richest of its forms.

    Args:
        html: Of the segment, as are the others.
        markdown: May hold HTML.
        content: May hold either.

    Returns:
        None of them where no form has a cell with text.
    """
    return [cell for _, cell in _Table(None, html, markdown, content).cells()]


class _Row(NamedTuple):
    segment_index: int
    row_index: int
    column_index: int
    text: str
    row_span: int
    column_span: int
    is_header: bool | None
    source: str


def _text_at(columns: Mapping[str, Sequence[Any] | pa.Array], name: str, index: int) -> str | None:
    values = columns.get(name)
    value = values[index] if values is not None else None
    text: str | None = value.as_py() if isinstance(value, pa.Scalar) else value
    return text


class _Table(NamedTuple):
    """What a provider has sent of a table."""

    rows: Any
    html: str | None
    markdown: str | None
    content: str | None

    def cells(self) -> Iterator[tuple[str, Cell]]:
        """The cells of the richest, each with its word for `source`."""
        for source, read, sent in self._forms():
            cells = _read(read, sent)
            if any(cell.text for cell in cells):
                if source == "rows" and self.html:
                    cells = _with_layout(cells, _read(html_cells, self.html))
                yield from ((source, cell) for cell in cells)
                return

    def _forms(self) -> Iterator[tuple[str, Callable[[Any], list[Cell]], Any]]:
        if self.rows is not None:
            yield "rows", _cells_of_rows, self.rows
        if self.html:
            yield "html", html_cells, self.html
        for text in filter(None, (self.markdown, self.content)):
            if _HTML.search(text):
                yield "html", html_cells, text
            yield "markdown", markdown_cells, text


def _read(read: Callable[[Any], list[Cell]], sent: Any) -> list[Cell]:
    try:
        return read(sent)
    except Exception:
        # a document must not fail for one of its tables, whatever that is
        return []


def _cells_of_rows(rows: Any) -> list[Cell]:
    """The cells of a list of rows; what is none is a row, or a cell, by itself."""
    cells: list[Cell] = []
    for row, values in enumerate(rows if type(rows) is list else [rows]):
        if values is not None:
            values = values if type(values) is list else [values]
            cells += (Cell(row, column, _text_of(value)) for column, value in enumerate(values))
    return cells


def _text_of(value: Any) -> str:
    """A cell as text: a number with its digits, of an object what it says."""
    if isinstance(value, str):
        return value
    texts: list[str] = []
    # no recursion: a value may be nested as deep as JSON is
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += (one[key] for key in reversed(_WORDS) if key in one)
        elif isinstance(one, list):
            waiting += reversed(one)
        elif isinstance(one, bool):
            texts.append(str(one).lower())
        elif one is not None and one != "":
            texts.append(str(one))
    return "\n".join(texts)


def _with_layout(cells: list[Cell], layout: list[Cell]) -> list[Cell]:
    """Cells of rows with the spans and headers of a layout, where that is one of the same table."""
    texts = {(cell.row, cell.column): cell.text for cell in cells}
    covered = sum(cell.row_span * cell.column_span for cell in layout)
    if _extent(cells) != _extent(layout) or covered != len(texts):
        return cells
    placed: list[Cell] = []
    for cell in layout:
        text = texts.get((cell.row, cell.column))
        rows = range(cell.row, cell.row + cell.row_span)
        columns = range(cell.column, cell.column + cell.column_span)
        others = {texts.get(place) for place in product(rows, columns)} - {"", text}
        if text is None or others:
            # it hides a text, or lies across another: whose spans these are, nobody knows
            return cells
        placed.append(cell._replace(text=text))
    return placed


def _extent(cells: list[Cell]) -> tuple[int, int]:
    return (
        max((cell.row + cell.row_span for cell in cells), default=0),
        max((cell.column + cell.column_span for cell in cells), default=0),
    )
