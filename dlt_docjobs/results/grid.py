"""The grid of a table: where its cells come to stand, if some of them span others' places."""

from __future__ import annotations

from typing import Final, NamedTuple

# HTML's own bounds
_MOST_ROWS: Final = 65_534
_MOST_COLUMNS: Final = 1_000


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
        row: 0-based, of its first place.
        column: Likewise.
        is_header: Whether it heads rows or columns; None where nobody says.
    """

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1
    is_header: bool | None = None


class TangledTable(ValueError):
    """A table whose spans lie across each other in more ways than a document has use for."""


class _Span(NamedTuple):
    """Columns that a cell of an earlier row takes: from one to before another, up to a row."""

    start: int
    end: int
    until: int


class Grid:
    """Places cells row by row, as HTML does.

    What spans cover is kept as spans, never place by place: a cell may span 65 million.

    Args:
        most_steps: How often spans may be looked at until it is a `TangledTable`.
    """

    def __init__(self, most_steps: int) -> None:
        self.cells: list[Cell] = []
        self._steps = most_steps
        self._row = -1
        self._column = 0
        # that reach into this row, by their start; those seen; those that begin in it
        self._spans: list[_Span] = []
        self._seen = 0
        self._new: list[_Span] = []
        self._tall: list[int] = []

    def start_row(self) -> None:
        """The next cells stand in a new row."""
        self._row += 1
        self._column = self._seen = 0
        if self._new:
            self._spans = sorted(
                span for span in (*self._spans, *self._new) if span.until > self._row
            )
            self._new = []
            self._take(len(self._spans))

    def add(self, text: str, row_span: int, column_span: int, is_header: bool) -> None:
        """Places a cell at the first place that is free.

        Args:
            text: Its text.
            row_span: Rows as asked for; 0 asks for all that belong together.
            column_span: Columns as asked for.
            is_header: Whether it is a header.

        Raises:
            TangledTable: See there.
        """
        while self._seen < len(self._spans) and self._spans[self._seen].start <= self._column:
            span = self._spans[self._seen]
            if span.until > self._row:
                self._column = max(self._column, span.end)
            self._seen += 1
            self._take(1)
        rows = min(row_span, _MOST_ROWS) or _MOST_ROWS
        columns = min(max(column_span, 1), _MOST_COLUMNS)
        if rows > 1:
            self._tall.append(len(self.cells))
            self._new.append(_Span(self._column, self._column + columns, self._row + rows))
        self.cells.append(Cell(self._row, self._column, text, rows, columns, is_header))
        self._column += columns

    def end_group(self) -> None:
        """No cell of the rows so far reaches into the next ones."""
        for index in self._tall:
            cell = self.cells[index]
            self.cells[index] = cell._replace(row_span=min(cell.row_span, self._row + 1 - cell.row))
        self._tall, self._spans, self._new, self._seen = [], [], [], 0

    def _take(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TangledTable
