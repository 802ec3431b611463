"""The cells of tables in Markdown, as GitHub's has them.

All tables of a text are one, as in `html_tables`. A cell's text stays Markdown, but for what only a
table needs: `\\|` is a pipe, also in code, and `<br>` a line break. More is taken for a table than
Markdown does: lines that begin with a pipe and have no alignment row, and rows of any width.
"""

from __future__ import annotations

import re
from typing import Final

from dlt_docjobs.results.grid import Cell

_PIPE: Final = re.compile(r"(?<!\\)\|")
_ALIGNMENT: Final = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
_BREAK: Final = re.compile(r"[ \t]{0,9}<br\s{0,9}/?>[ \t]{0,9}", re.IGNORECASE)
# what ends a table without an empty line
_BLOCK: Final = re.compile(r"#{1,6}\s|>|```|~~~|[-*+]\s|\d{1,9}[.)]\s|<")


def markdown_cells(text: str) -> list[Cell]:
    """The cells of the tables in a text, empty ones included."""
    rows: list[list[str]] = []
    headers: set[int] = set()
    lines = [line.strip() for line in text.split("\n")]
    in_body, may_be_header = False, False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not line:
            in_body = may_be_header = False
        elif not in_body and _is_alignment(line) and (may_be_header or _is_alone(line, following)):
            if may_be_header:
                headers.add(len(rows) - 1)
            in_body, may_be_header = True, False
        elif _is_row(line, following, in_body):
            rows.append(_split(line))
            may_be_header = not in_body
        else:
            in_body = may_be_header = False
    return [
        Cell(row, column, text, is_header=row in headers)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    ]


def _is_alignment(line: str) -> bool:
    return _ALIGNMENT.fullmatch(line) is not None


def _is_alone(line: str, following: str) -> bool:
    """Whether an alignment row has no header; one of dashes may be the header of another."""
    return line.startswith("|") and not _is_alignment(following)


def _is_row(line: str, following: str, in_body: bool) -> bool:
    if line.startswith("|"):
        return True
    if _PIPE.search(line):
        return in_body or ("|" in following and _is_alignment(following))
    return in_body and _BLOCK.match(line) is None


def _split(line: str) -> list[str]:
    """The cells of a row; a pipe at either end is its edge."""
    parts = _PIPE.split(line)
    if not parts[0].strip():
        parts = parts[1:]
    if len(parts) > 1 and not parts[-1].strip():
        parts = parts[:-1]
    return [_BREAK.sub("\n", part.strip().replace("\\|", "|")) for part in parts]
