"""What every materialisation says of its run."""

from __future__ import annotations

from typing import Any, Final

import dagster as dg

from dlt_docjobs.model.records import SyncRun

_FIGURES: Final = (
    *("jobs_listed", "jobs_new", "jobs_changed", "status_events", "results_loaded", "segments"),
    *("rejected", "requests", "retries", "throttled", "open_jobs", "pending_results"),
)


def run_metadata(row: SyncRun) -> dict[str, Any]:
    """A run's figures, how long it took, and how fresh the tables are since."""
    figures = {name: getattr(row, name) for name in _FIGURES}
    fresh = dg.MetadataValue.timestamp(row.finished_at)
    found = {**figures, "run_id": row.run_id, "fresh_at": fresh, "seconds": row.duration_seconds}
    if row.cursor is not None:
        found["cursor"] = dg.MetadataValue.timestamp(row.cursor)
    if row.error is not None:
        found["problem"] = row.error
    return found


def rows_metadata(rows: int, is_partition: bool) -> dict[str, Any]:
    """How many rows a run wrote into a table, under the names that Dagster and dagster-dlt use."""
    found = {"rows_loaded": rows}
    if is_partition:
        found["dagster/partition_row_count"] = rows
    return found
