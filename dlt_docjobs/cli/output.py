"""What a person, or a script, reads of a sync."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import format_instant
from dlt_docjobs.sync.session import Session

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
_LOG_EVERY: Final = 5.0
_LOG_UNCHANGED_EVERY: Final = 60.0


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


def print_row(row: SyncRun) -> None:
    """What became of a provider's run: a line, as soon as it is known."""
    print(line(row), flush=True)


def line(row: SyncRun) -> str:
    """A run in a line."""
    return f"{account_name(row):<12} {_sentence(row)}"


def _sentence(row: SyncRun) -> str:
    if row.exit_code != 0 and not row.jobs_listed and not row.jobs_new:
        return "nothing was loaded"
    parts = []
    if row.jobs_new:
        parts.append(f"{_count(row.jobs_new, 'new job')}")
    if row.jobs_changed:
        parts.append(f"{row.jobs_changed:,} changed")
    if row.status_events:
        parts.append(_count(row.status_events, "status event"))
    if row.results_loaded:
        parts.append(
            f"{_count(row.results_loaded, 'result')} with {_count(row.segments, 'segment')}"
        )
    if not parts:
        parts.append("nothing changed")
    if row.open_jobs:
        parts.append(f"{row.open_jobs:,} open")
    if row.pending_results:
        parts.append(f"{_count(row.pending_results, 'result')} pending")
    if row.rejected:
        parts.append(f"{row.rejected:,} rejected")
    asked = _count(row.requests, "request")
    if row.throttled:
        asked += f", {row.throttled:,} throttled"
    return f"{', '.join(parts)} ({asked}, {row.duration_seconds:.1f} s)"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class ProgressLog:
    """Plain lines on standard error while a run takes long."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = time.monotonic()
        self._last_text = ""

    def __call__(self, session: Session) -> None:
        """Prints a line if the last one is long enough ago and something has changed since."""
        now = time.monotonic()
        if now - self._last < _LOG_EVERY:
            return
        figures = session.figures
        text = (
            f"{self._name}: {_count(figures.jobs_listed, 'job')} listed, "
            f"{_count(figures.results_loaded, 'result')} with "
            f"{_count(figures.segments, 'segment')} fetched, {len(session.open_refs):,} open"
        )
        if text == self._last_text and now - self._last < _LOG_UNCHANGED_EVERY:
            return
        self._last, self._last_text = now, text
        requests = _count(session.api.counters.requests, "request")
        print(f"{text} ({requests})", file=sys.stderr, flush=True)
