"""The cells of tables in HTML, whatever state it is in.

Cells are placed as HTML's own rules have it. All tables of a text are one: where a table came in
several pieces, the rows of the next follow those of the one before. A table in a cell is text of
that cell.

The standard library's `html.parser` is not used: what is left open, such as a tag or a comment,
makes it take minutes for 80 KB on all but the newest Pythons, and `<![` makes it raise. Here each
character is looked at a fixed number of times, and what is never closed ends the text, as HTML has
it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from dlt_docjobs.results.grid import Cell, Grid

# of spans, for each character of HTML: more than a hundred for the shortest row
_STEPS: Final = 8
_MARKUP: Final = re.compile(r"<(?:(/?)([a-zA-Z][^\s/>]*)|!--|[!?/])")
_ATTRIBUTE_END: Final = re.compile(r">|=\s*([\"'])?")
_ATTRIBUTE: Final = re.compile(r"([^\s=/>\"']{1,32})\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s>]*))")
_DIGITS: Final = re.compile(r"\s*\+?(\d{1,9})", re.ASCII)
# longer ones are none, and Python reads no integer of any length
_REFERENCE: Final = re.compile(r"&(?:#\d{1,9}|#[xX][\da-fA-F]{1,8}|[a-zA-Z]\w{1,31});?", re.ASCII)
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
_GROUPS: Final = frozenset({"thead", "tbody", "tfoot"})
_RAW: Final = frozenset({"script", "style"})
_BREAKS: Final = frozenset(
    {"br", "p", "div", "li", "ul", "ol", "dl", "dt", "dd", "hr", "pre", "blockquote"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "table", "tr"}
)


def html_cells(text: str) -> list[Cell]:
    """The cells of the tables in a text, empty ones included.

    Raises:
        TangledTable: Their spans lie across each other without end.
    """
    reader = _Reader(Grid(_STEPS * len(text) + 1_000))
    for tag, rest in _tokens(text):
        reader.take(tag, rest)
    reader.end_table()
    return reader.grid.cells


class _Reader:
    """Makes cells of tags and texts."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._in_head = False
        self._in_row = False
        # of the cell that is open: its texts, its spans and whether it is a header
        self._parts: list[str] | None = None
        self._shape = (1, 1, False)
        self._nested = 0

    def take(self, tag: str, rest: str) -> None:
        """Takes a tag, `/` before the name of one that closes, or "" for a text."""
        if not tag:
            if self._parts is not None:
                self._parts.append(_unescaped(_SPACES.sub(" ", rest)))
        elif self._parts is not None and (self._nested or tag == "table"):
            self._nested += (tag == "table") - (tag == "/table")
            self._separate(tag)
        elif tag in ("td", "th"):
            self._end_cell()
            if not self._in_row:
                self.grid.start_row()
            self._in_row = True
            self._parts = []
            self._shape = (*_spans(rest), tag == "th" or self._in_head)
        elif tag in ("/td", "/th"):
            self._end_cell()
        elif tag in ("tr", "/tr"):
            self._end_cell()
            self._in_row = tag == "tr"
            if self._in_row:
                self.grid.start_row()
        elif tag in ("table", "/table") or tag.lstrip("/") in _GROUPS:
            self.end_table()
            self._in_head = tag == "thead"
        else:
            self._separate(tag)

    def end_table(self) -> None:
        """A table ends, or rows of it that belong together."""
        self._end_cell()
        self._in_row = False
        self.grid.end_group()

    def _end_cell(self) -> None:
        if self._parts is not None:
            self.grid.add(_joined(self._parts), *self._shape)
        self._parts, self._nested = None, 0

    def _separate(self, tag: str) -> None:
        """Keeps apart in a cell's text what a tag keeps apart."""
        if self._parts is not None:
            name = tag.lstrip("/")
            if name in _BREAKS:
                self._parts.append("\n")
            elif name in ("td", "th"):
                self._parts.append(" ")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Tags with what stands in them behind their names, and texts, whose tag is ""."""
    at = 0
    while found := _MARKUP.search(text, at):
        if found.start() > at:
            yield "", text[at : found.start()]
        if found[2] is None:
            # a comment, which may be as short as <!-->, or what is none of ours
            is_comment = found[0] == "<!--"
            end = text.find("-->", found.end() - 2) if is_comment else text.find(">", found.end())
            if end < 0:
                return
            at = end + (3 if is_comment else 1)
            continue
        end = _end_of_tag(text, found.end())
        if end < 0:
            return
        name = found[2].lower()
        yield found[1] + name, text[found.end() : end]
        at = end + 1
        if name in _RAW and not found[1]:
            closing = re.compile(f"</{name}", re.IGNORECASE).search(text, at)
            if closing is None:
                return
            at = closing.start()
    if at < len(text):
        yield "", text[at:]


def _end_of_tag(text: str, at: int) -> int:
    """Where the `>` of a tag stands; -1 where it is never closed."""
    while found := _ATTRIBUTE_END.search(text, at):
        if found[0] == ">":
            return found.start()
        at = found.end()
        if found[1]:
            at = text.find(found[1], at) + 1
            if not at:
                return -1
    return -1


def _spans(attributes: str) -> tuple[int, int]:
    """The row span and the column span that attributes ask for."""
    spans = {"rowspan": 1, "colspan": 1}
    if "span" in attributes.lower():
        named: dict[str, str] = {}
        for name, *values in _ATTRIBUTE.findall(attributes):
            # the first of several counts
            named.setdefault(name.lower(), "".join(values))
        for name in spans:
            digits = _DIGITS.match(_unescaped(named.get(name, "")))
            if digits is not None:
                spans[name] = int(digits[1])
    return spans["rowspan"], spans["colspan"]


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    return _REFERENCE.sub(lambda found: html.unescape(found[0]), text)


def _joined(parts: list[str]) -> str:
    """A cell's text: its lines without the spaces around them and in a row."""
    lines = (re.sub(" {2,}", " ", line).strip(" ") for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)
