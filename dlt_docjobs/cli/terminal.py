"""What a terminal can show: colours where it has them, tables in columns, one line that lives.

rich is imported where something is drawn: `--help` and a sync in cron have no need of it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, RenderableType
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

# a text, and its style in rich's words; none leaves it
Cell = tuple[str, str]

_ENDLESS: Final = 10_000


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person looks at a stream, as far as a program can tell."""
    try:
        return stream.isatty()
    except ValueError:
        # closed by now
        return False


def moves_its_cursor(stream: IO[str]) -> bool:
    """Whether a line can be drawn over another."""
    return is_terminal(stream) and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def console(stream: IO[str]) -> Console:
    """rich on a stream: on a terminal in colours, unless NO_COLOR is set; else plain and as wide
    as it comes, so that it can be searched.
    """
    from rich.console import Console

    is_seen = is_terminal(stream)
    return Console(
        file=stream,
        # not what FORCE_COLOR says: what is piped is read by programs
        force_terminal=is_seen,
        # rich's own NO_COLOR leaves bold and dim
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=None if is_seen else _ENDLESS,
        highlight=False,
        markup=False,
        emoji=False,
    )


def text(said: str, style: str = "", *, no_wrap: bool | None = None) -> Text:
    """A text without control codes, should a provider have sent some."""
    from rich.text import Text

    clean = "".join(sign if sign.isprintable() else " " for sign in said)
    return Text.assemble((clean, style), no_wrap=no_wrap)


def figure(value: int, *, is_trouble: bool = False) -> Cell:
    """A number as a table's cell: grey where it is 0, yellow where it is trouble."""
    return f"{value:,}", "dim" if not value else "yellow" if is_trouble else ""


def table(
    to: Console,
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    numbers: Collection[str] = (),
    wraps: str = "",
) -> Table:
    """A table, aligned: texts to the left, numbers to the right.

    Args:
        to: Where it will stand.
        head: The columns' names.
        rows: Their cells.
        numbers: Names of the columns that hold numbers.
        wraps: The column whose texts are wrapped where the terminal is too narrow.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="")
    texts = [[text(*cell) for cell in row] for row in ([(name, "dim") for name in head], *rows)]
    for name, *column in zip(head, *texts, strict=True):
        widest = max(cell.cell_len for cell in column)
        justify: JustifyMethod = "right" if name in numbers else "left"
        made.add_column(column[0], justify=justify, width=None if name == wraps else widest)
    for row in texts[1:]:
        made.add_row(*row)
    if wanted(to, made).minimum > to.width:
        # rich would cut off what does not fit; the terminal wraps lines
        made.width = wanted(to, made).maximum
    return made


def wanted(to: Console, made: Table) -> Measurement:
    """Columns that a table takes, with and without wrapped texts."""
    return to.measure(made, options=to.options.update(width=_ENDLESS))


def show(to: Console, what: RenderableType, indent: str = "") -> None:
    """Prints something, without blanks at the ends of lines.

    Raises:
        BrokenPipeError: Who reads has gone; where rich itself writes, it ends the process instead.
    """
    to.file.flush()
    with to.capture() as captured:
        to.print(what, crop=False)
    for line in captured.get().splitlines():
        print(f"{indent}{line.rstrip()}", file=to.file, flush=True)
