"""What the page shows of a segment: the beginning of its text, or of its table as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from dlt_docjobs.report import words
from dlt_docjobs.report.facts import Row
from dlt_docjobs.results.cells import read_table
from dlt_docjobs.results.grid import Cell

_MOST_ROWS: Final = 8
_MOST_COLUMNS: Final = 6
_LONGEST_CELL: Final = 60
_LONGEST_TEXT: Final = 120


class Place(NamedTuple):
    """A cell of the part of a table that is shown.

    Attributes:
        text: May be cut.
        row_span: Rows that it takes, of those shown.
        column_span: Columns, likewise.
        is_header: Whether it heads rows or columns.
    """

    text: str
    row_span: int = 1
    column_span: int = 1
    is_header: bool = False


@dataclass(frozen=True)
class Excerpt:
    """The beginning of a segment.

    Attributes:
        text: Of its text; empty where there is none, or where it is shown as a table.
        rows: Of its table; every place of every row is taken by one cell.
        rows_left_out: Rows of the table that are not shown.
        columns_left_out: Columns, likewise.
    """

    text: str = ""
    rows: tuple[tuple[Place, ...], ...] = ()
    rows_left_out: int = 0
    columns_left_out: int = 0


def excerpt_of(row: Row) -> Excerpt:
    """The excerpt of a row of the question `SEGMENTS_TO_REVIEW`.

    A table that can't be read, or is too long to be asked for, is shown as its text.
    """
    if row["segment_type"] == "table":
        cells = read_table(row["html"], row["markdown"], row["content"])
        if cells:
            return _table(cells)
    return Excerpt(text=words.cut(row["excerpt"] or "", _LONGEST_TEXT))


def _table(cells: list[Cell]) -> Excerpt:
    rows = 1 + max(cell.row for cell in cells)
    columns = max(cell.column + cell.column_span for cell in cells)
    shown_rows, shown_columns = min(rows, _MOST_ROWS), min(columns, _MOST_COLUMNS)
    return Excerpt(
        rows=_placed(cells, shown_rows, shown_columns),
        rows_left_out=rows - shown_rows,
        columns_left_out=columns - shown_columns,
    )


def _placed(cells: Iterable[Cell], rows: int, columns: int) -> tuple[tuple[Place, ...], ...]:
    """The first rows and columns, with spans that end with them and cells where there are none."""
    taken: set[tuple[int, int]] = set()
    found: dict[tuple[int, int], Place] = {}
    for cell in cells:
        if cell.row >= rows or cell.column >= columns or (cell.row, cell.column) in taken:
            continue
        width = min(cell.column_span, columns - cell.column)
        height = min(cell.row_span, rows - cell.row)
        across = [
            (cell.row + down, cell.column + right)
            for down in range(height)
            for right in range(width)
        ]
        if not taken.isdisjoint(across):
            # what lies across another keeps its first place only
            height, width, across = 1, 1, [(cell.row, cell.column)]
        taken.update(across)
        found[cell.row, cell.column] = Place(
            words.cut(cell.text, _LONGEST_CELL), height, width, bool(cell.is_header)
        )
    return tuple(
        tuple(
            found.get((row, column), Place(""))
            for column in range(columns)
            if (row, column) in found or (row, column) not in taken
        )
        for row in range(rows)
    )
