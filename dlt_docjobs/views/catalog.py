"""The views as they are written: SQL, description and columns of each, read from `sql/`.

A file begins with comments: the first paragraph is the view's description, the second says more,
and the list behind them describes columns. A column that is not in the list is one of a table's and
is described there (`dlt_docjobs.tables`). Below stands one SELECT in DuckDB's dialect over the
tables and the views named before it in `_ORDER`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from dlt_docjobs.tables import TABLES

if TYPE_CHECKING:
    from sqlglot import exp

# a view stands behind those that it reads
_ORDER: Final = (
    "job_timeline",
    "status_intervals",
    "job_daily",
    "job_failures",
    "job_changes",
    "jobs_open",
    "results_at_risk",
    "documents",
    "document_versions",
    "segment_mix",
    "segment_confidence",
    "review_queue",
    "page_quality",
    "quality_daily",
    "quality_control",
    "credits_daily",
    "sync_freshness",
)
_ENTRY: Final = re.compile(r"- (?P<name>\w+): (?P<text>.+)")
# where the words of several tables fit a column, those of the first
_DESCRIBED_BY: Final = ("jobs", "segments", "pages", "job_status_history")


class ViewColumn(NamedTuple):
    """One column of a view: its name and what it means."""

    name: str
    description: str


@dataclass(frozen=True)
class View:
    """One view as its file has it.

    Attributes:
        name: Name in the dataset.
        description: What a row is, in a sentence.
        notes: What else a reader has to know; may be empty.
        sql: The SELECT, in DuckDB's dialect, with bare names of tables and views.
        described: The columns that the file describes.
    """

    name: str
    description: str
    notes: str
    sql: str
    described: dict[str, str]

    @property
    def comment(self) -> str:
        """What the database says of the view."""
        return f"{self.description} {self.notes}".strip()

    @cached_property
    def columns(self) -> tuple[ViewColumn, ...]:
        """The columns in order.

        Raises:
            LookupError: Neither the file nor a table describes one of them.
        """
        import sqlglot

        tree = cast("exp.Select", sqlglot.parse_one(self.sql, read="duckdb"))
        names = tree.named_selects
        return tuple(ViewColumn(name, self._description_of(name)) for name in names)

    def _description_of(self, column: str) -> str:
        if column in self.described:
            return self.described[column]
        for table in _DESCRIBED_BY:
            for candidate in TABLES[table].columns:
                if candidate.name == column:
                    return candidate.description
        raise LookupError(f"sql/{self.name}.sql says nothing of the column {column}")


def read_view(name: str, text: str) -> View:
    """Reads the text of a view's file.

    Raises:
        ValueError: The file does not begin with a description.
    """
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("--")][: _head_length(lines)]
    paragraphs: list[list[str]] = [[]]
    for line in head:
        words = line.removeprefix("--").strip()
        if words:
            paragraphs[-1].append(words)
        elif paragraphs[-1]:
            paragraphs.append([])
    described: dict[str, str] = {}
    prose: list[str] = []
    for paragraph in paragraphs:
        if paragraph and paragraph[0].startswith("- "):
            described = _entries(paragraph)
        elif paragraph:
            prose.append(" ".join(paragraph))
    if not prose:
        raise ValueError(f"sql/{name}.sql does not say what the view is")
    sql = "\n".join(lines[_head_length(lines) :]).strip()
    return View(name, prose[0], " ".join(prose[1:]), sql, described)


def _head_length(lines: list[str]) -> int:
    return next(place for place, line in enumerate(lines) if not line.startswith("--"))


def _entries(paragraph: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in paragraph:
        entry = _ENTRY.fullmatch(line)
        if entry:
            name = entry["name"]
            found[name] = entry["text"]
        else:
            found[name] += f" {line}"
    return found


def _read_all() -> dict[str, View]:
    folder = files("dlt_docjobs.views") / "sql"
    texts = {name: (folder / f"{name}.sql").read_text("utf-8") for name in _ORDER}
    return {name: read_view(name, text) for name, text in texts.items()}


VIEWS: Final[dict[str, View]] = _read_all()


def fingerprint() -> str:
    """What a set of views and comments is known by: a hash of all that they are made from.

    Not of what is rendered: two machines with other versions of sqlglot would replace each other's
    views for ever.
    """
    digest = hashlib.sha256()
    for view in VIEWS.values():
        digest.update(f"{view.name}\x1f{view.comment}\x1f{view.sql}\x1f".encode())
        digest.update(repr(sorted(view.described.items())).encode())
    for table in TABLES.values():
        digest.update(f"{table.name}\x1f{table.description}\x1f".encode())
        digest.update(repr([(one.name, one.description) for one in table.columns]).encode())
    return digest.hexdigest()[:16]
