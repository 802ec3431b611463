"""A list of the page: its columns, its cells, and what is said where it has no rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dlt_docjobs.report import words
from dlt_docjobs.report.excerpts import Excerpt
from dlt_docjobs.report.facts import Listed, Row


@dataclass(frozen=True)
class Column:
    """A column of a list.

    Attributes:
        title: Its heading; on a phone it stands with every cell.
        kind: A class of the style sheet, which aligns it and gives it room; may be empty.
    """

    title: str
    kind: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell; all texts are escaped where it is drawn.

    Attributes:
        text: What it says.
        is_foreign: Whether the text is a document's or a provider's, whatever its script.
        tag: A word that stands out, behind the text.
        tag_kind: How it does: `good`, `warn` or not more than that.
        detail: What else there is to say, less loud.
        dot: The colour of a provider.
        excerpt: The beginning of a segment, instead of a text.
    """

    text: str = ""
    is_foreign: bool = False
    tag: str = ""
    tag_kind: str = ""
    detail: str = ""
    dot: str = ""
    excerpt: Excerpt | None = None


@dataclass(frozen=True)
class Listing:
    """A list.

    Attributes:
        id: Unique on the page.
        title: Its heading.
        caption: How many rows it has, of how many.
        columns: What stands in its rows; the first heads the row.
        rows: Its rows.
        empty: What is said where there are none.
        note: What is said above it; may be empty.
        is_long: Whether it scrolls by itself, lest it push out of sight what follows.
    """

    id: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = ""
    note: str = ""
    is_long: bool = False


NUMBER: Final = "number"
MOMENT: Final = "moment"
WHO: Final = "who"


def provider(row: Row) -> Cell:
    """The provider of a row, with its account where the row has one."""
    name = row["provider"]
    return Cell(
        words.provider(name), dot=words.series(name), detail=words.behind(row.get("account"))
    )


def document(row: Row) -> Cell:
    """The document of a row; of one without a name the job."""
    return Cell(row["document_name"] or row["job_id"], is_foreign=True)


def first_of(listed: Listed, noun: str, which: str) -> str:
    """`the worst 50 of 1,234 pages`, or `12 pages` where all are there."""
    every = words.count(listed.total, noun)
    shown = len(listed.rows)
    return f"{which} {words.number(shown)} of {every}" if shown < listed.total else every
