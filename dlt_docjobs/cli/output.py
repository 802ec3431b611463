"""What a person, or a script, reads of a sync."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from dlt_docjobs.cli import terminal
from dlt_docjobs.model.outcomes import EXIT_BUSY, EXIT_DONE, EXIT_PARTIAL
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import format_instant

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

JSON_FIELDS: Final = (
    "provider",
    "account",
    "run_id",
    "ok",
    "exit_code",
    "error",
    "jobs_listed",
    "jobs_new",
    "jobs_changed",
    "status_events",
    "results_loaded",
    "chunks",
    "segments",
    "rejected",
    "requests",
    "retries",
    "throttled",
    "cursor",
    "open_jobs",
    "pending_results",
    "duration_seconds",
)
# the table's columns of figures, and the fields of `sync_runs` that they show
_FIGURES: Final = {
    "new": "jobs_new",
    "changed": "jobs_changed",
    "events": "status_events",
    "results": "results_loaded",
    "segments": "segments",
    "open": "open_jobs",
    "pending": "pending_results",
    "rejected": "rejected",
    "requests": "requests",
}
_TROUBLE: Final = ("pending", "rejected")


def as_json(rows: Sequence[SyncRun], exit_code: int) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {"exit_code": exit_code, "providers": [_json_row(row) for row in rows]}


def _json_row(row: SyncRun) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in JSON_FIELDS}
    if isinstance(values["cursor"], datetime):
        values["cursor"] = format_instant(values["cursor"])
    return values


def account_name(row: SyncRun) -> str:
    """As on the command line."""
    return row.provider if row.account == "default" else f"{row.provider}:{row.account}"


def print_runs(rows: Sequence[SyncRun]) -> None:
    """What became of each provider's run: a table, and all of them in a sentence.

    Where nobody looks, as in cron, a line a run with its time; a single one if nothing happened.
    """
    if not terminal.is_terminal(sys.stdout):
        print("\n".join(lines(rows)), flush=True)
        return
    console = terminal.console(sys.stdout)
    terminal.show(console, table(console, rows))
    terminal.show(console, terminal.text(sentence(rows), "bold"))


def lines(rows: Sequence[SyncRun]) -> list[str]:
    """The runs as lines of a log."""
    if not rows:
        return []
    at = f"{max(row.finished_at for row in rows):%Y-%m-%dT%H:%M:%SZ}"
    if all(row.exit_code == EXIT_DONE for row in rows) and not _has_changed(rows):
        names = ", ".join(account_name(row) for row in rows)
        return [f"{at} {names}: {sentence(rows)}"]
    return [
        f"{row.finished_at:%Y-%m-%dT%H:%M:%SZ} {account_name(row)}: {_outcome(row)[0]}"
        f"{_and_what([row])}, {_count(row.requests, 'request')} in {row.duration_seconds:,.1f} s"
        for row in rows
    ]


def _and_what(rows: Sequence[SyncRun]) -> str:
    said = sentence(rows)
    return f"; {said}" if said != "nothing changed" else ""


def table(console: Console, rows: Sequence[SyncRun]) -> Table:
    """The runs as a table; where that is too wide, what is 0 everywhere is left out."""
    made = _table(console, rows, list(_FIGURES))
    if terminal.wanted(console, made).maximum <= console.width:
        return made
    names = [name for name in _FIGURES if any(getattr(row, _FIGURES[name]) for row in rows)]
    return _table(console, rows, names or ["new"])


def _table(console: Console, rows: Sequence[SyncRun], names: Sequence[str]) -> Table:
    cells = [
        (
            (account_name(row), ""),
            *(
                terminal.figure(getattr(row, _FIGURES[name]), is_trouble=name in _TROUBLE)
                for name in names
            ),
            (f"{row.duration_seconds:,.1f}", ""),
            _outcome(row),
        )
        for row in rows
    ]
    head = ("provider", *names, "seconds", "outcome")
    return terminal.table(console, head, cells, (*names, "seconds"), "outcome")


def _outcome(row: SyncRun) -> terminal.Cell:
    if row.exit_code == EXIT_DONE:
        return "ok" if _has_changed([row]) else "nothing changed", "green"
    if row.exit_code == EXIT_PARTIAL:
        return "in part", "yellow"
    return "busy" if row.exit_code == EXIT_BUSY else "failed", "red"


def _has_changed(rows: Sequence[SyncRun]) -> bool:
    return any(
        row.jobs_new or row.jobs_changed or row.status_events or row.results_loaded for row in rows
    )


def sentence(rows: Sequence[SyncRun]) -> str:
    """All runs in a sentence that somebody new to it understands."""
    if all(row.exit_code not in (EXIT_DONE, EXIT_PARTIAL) for row in rows) and not any(
        row.jobs_listed or row.jobs_new for row in rows
    ):
        return "nothing was loaded"

    def total(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    parts = []
    if total("jobs_new"):
        parts.append(f"{_count(total('jobs_new'), 'new job')}")
    if total("jobs_changed"):
        parts.append(f"{total('jobs_changed'):,} changed")
    if total("status_events"):
        parts.append(_count(total("status_events"), "status event"))
    if total("results_loaded"):
        results, segments = total("results_loaded"), total("segments")
        parts.append(f"{_count(results, 'result')} with {_count(segments, 'segment')}")
    if not parts:
        parts.append("nothing changed")
    if total("open_jobs"):
        parts.append(f"{total('open_jobs'):,} open")
    if total("pending_results"):
        parts.append(f"{_count(total('pending_results'), 'result')} pending")
    if total("rejected"):
        parts.append(f"{total('rejected'):,} rejected")
    if total("throttled"):
        parts.append(f"{_count(total('throttled'), 'request')} throttled")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
