"""What tests of the package rest on and no column says of itself: words, keys, parents."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.model.vocabulary import (
    CANONICAL_SEGMENT_TYPES,
    CANONICAL_STATUSES,
    CELL_SOURCES,
    CHUNK_KINDS,
    CONFIDENCE_LEVELS,
    DATE_PRECISIONS,
    EVENT_SOURCES,
    EXPIRED,
    JOB_KINDS,
    RESULTS_STATES,
)
from dlt_docjobs.tables import JOB_KEY

PACKAGE: Final = "docjobs"
"""Name of the package, and of its source."""

_STATUSES: Final = tuple(sorted(CANONICAL_STATUSES))

ACCEPTED: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("jobs", "status"): tuple(sorted(CANONICAL_STATUSES - {EXPIRED})),
    ("jobs", "results_state"): RESULTS_STATES,
    ("jobs", "created_at_precision"): DATE_PRECISIONS,
    ("job_status_history", "status"): _STATUSES,
    ("job_status_history", "previous_status"): _STATUSES,
    ("job_status_history", "occurred_at_source"): EVENT_SOURCES,
    ("job_progress", "status"): _STATUSES,
    ("chunks", "chunk_kind"): CHUNK_KINDS,
    ("segments", "segment_type"): tuple(sorted(CANONICAL_SEGMENT_TYPES)),
    ("segments", "confidence_level"): CONFIDENCE_LEVELS,
    ("table_cells", "source"): CELL_SOURCES,
}
"""The words that a column of a table may hold, nulls apart."""

ACCEPTED_ANYWHERE: Final = {"job_kind": JOB_KINDS}
"""The same for columns that several tables have."""

AS_SENT: Final = frozenset({("segments", "confidence_level")})
"""Columns whose words are the provider's own: another one is worth a look, and no error."""

VIEW_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "job_timeline": JOB_KEY,
    "status_intervals": (*JOB_KEY, "sequence"),
    "job_daily": ("day", "provider", "account", "job_kind", "tier"),
    "job_failures": JOB_KEY,
    "jobs_open": JOB_KEY,
    "results_at_risk": JOB_KEY,
    "segment_mix": (*JOB_KEY, "page_number", "segment_type"),
    "segment_confidence": (
        *("provider", "account", "job_kind", "segment_type"),
        *("confidence_level", "confidence_from"),
    ),
    "review_queue": (*JOB_KEY, "segment_index"),
    "page_quality": (*JOB_KEY, "page_number"),
    "credits_daily": ("day", "provider", "account", "project_id", "job_kind", "tier"),
    "sync_freshness": ("provider", "account"),
    "job_changes": ("event_id",),
    "documents": JOB_KEY,
    "document_versions": JOB_KEY,
    "quality_daily": ("day", "provider", "account", "job_kind", "tier"),
    "quality_control": (*("day", "provider", "account", "job_kind", "tier", "tiers", "measure"),),
}
"""What tells the rows of a view apart; a part of it may be null."""

LOADS: Final = "_dlt_loads"
LOAD_ID: Final = "_dlt_load_id"
LOAD_ID_MEANS: Final = "dlt's load that wrote the row: load_id in _dlt_loads"
LOADS_MEANS: Final = "dlt's own table: one row a load that came to its end."
LOADS_COLUMNS: Final = {
    "load_id": "Key",
    "schema_name": "Name of dlt's schema, one a provider's account",
    "status": "0 where the load came to its end",
    "inserted_at": "When it did",
    "schema_version_hash": "Version of that schema",
}
"""Columns of dlt's table of loads, as far as they are read here or of use."""

REPORT_READS: Final = (
    *("job_timeline", "job_daily", "status_intervals", "segment_mix", "segment_confidence"),
    *("page_quality", "review_queue", "results_at_risk", "jobs_open", "job_failures"),
    *("quality_control", "sync_freshness"),
)
"""The views that `docjobs report` asks."""
