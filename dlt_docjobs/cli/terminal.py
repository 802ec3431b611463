"""What a terminal can show: colours where it has them, tables in columns, its width."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Sequence
from typing import IO, Final

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person looks at a stream, as far as a program can tell."""
    try:
        return stream.isatty()
    except ValueError:
        # closed by now
        return False


def has_colours(stream: IO[str]) -> bool:
    """Whether to colour: on a terminal that can, unless NO_COLOR says not to."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def width() -> int:
    """Columns of the terminal; of COLUMNS, where it is set."""
    return shutil.get_terminal_size((100, 24)).columns


class Paint:
    """Colours words, or leaves them as they are.

    Args:
        stream: Where they will stand.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._is_on = has_colours(stream)

    def __call__(self, text: str, style: str) -> str:
        """The text in a style: `bold`, `dim`, `red`, `green` or `yellow`; none leaves it."""
        if not self._is_on or not style:
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


class Cell(str):
    """A table's cell with a style."""

    style: str

    def __new__(cls, text: str, style: str = "") -> Cell:
        """The text, and how to paint it."""
        cell = super().__new__(cls, text)
        cell.style = style
        return cell


def columns(
    head: Sequence[str], rows: Sequence[Sequence[str]], numbers: frozenset[str], paint: Paint
) -> list[str]:
    """A table's lines, aligned: texts to the left, numbers to the right.

    Args:
        head: The columns' names.
        rows: Their cells.
        numbers: Names of the columns that hold numbers.
        paint: For the head and cells with a style.
    """
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in ([Cell(name, "dim") for name in head], *rows):
        parts = []
        for name, cell, wide in zip(head, row, widths, strict=True):
            space = " " * (wide - _width(cell))
            painted = paint(cell, cell.style if isinstance(cell, Cell) else "")
            parts.append(space + painted if name in numbers else painted + space)
        lines.append("  ".join(parts).rstrip())
    return lines


def shortened(text: str, wide: int) -> str:
    """The text's beginning, as much as fits into so many columns."""
    if _width(text) <= wide:
        return text
    while text and _width(text) > wide - 1:
        text = text[:-1]
    return f"{text}…" if wide > 0 else ""


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )
