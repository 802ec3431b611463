"""The source for Contextual AI."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract.resource import DltResource

from dlt_docjobs.providers.contextual.api import BASE_URL, ContextualApi
from dlt_docjobs.sources.build import SourceConfig


@dlt.source(name="contextual", section="docjobs", max_table_nesting=0)
def contextual(
    api_key: TSecretStrValue | None = None,
    base_url: str = BASE_URL,
    created_at: dlt.sources.incremental[datetime] | None = None,
    start_date: str | None = None,
    lag_seconds: float = 3600,
    page_size: int = 1000,
    max_jobs_per_package: int = 5000,
    max_concurrency: int = 16,
    max_response_mb: float = 512,
    requests_per_second: float | None = None,
    max_retries: int = 5,
    timeout_seconds: float = 60,
    include_content: bool = True,
    include_names: bool = True,
    include_ocr: bool = True,
    include_extract: bool = True,
    poll_open_days: float = 32,
    retention_days: float | None = None,
    table_format: str | None = None,
    created_at_resolution_seconds: float = 86400,
    job_ids: Any = None,
    job_ids_file: str | None = None,
    reload: str | None = None,
    fetch_results: bool = True,
) -> Iterable[DltResource]:
    """Parse and extract jobs of Contextual AI.

    Parse jobs carry no creation time: it is bracketed by moving the list's filter
    (`created_at_precision = 'bounded'`). Parse jobs and results go after 30 days.

    Args:
        api_key: Key of the tenant; falls back to `CONTEXTUAL_API_KEY`.
        base_url: Includes `/v1`.
        created_at: A range with an `end_value` is a backfill window: it is loaded and the cursor
            stays where it is.
        start_date: Lower bound of the very first sync; by default the 30 days that parse jobs
            are kept.
        lag_seconds: How far behind the cursor every sync lists again.
        page_size: Parse jobs a list page; extract jobs at most 100.
        max_jobs_per_package: Jobs in one load package at most; large results end it earlier.
        max_concurrency: Requests in flight.
        max_response_mb: A larger answer is refused, and the job's result is `failed`.
        requests_per_second: A ceiling; 429 is honoured without it too.
        max_retries: Retries of one request.
        timeout_seconds: Time one request may take.
        include_content: False stores no document text.
        include_names: False stores a hash in place of `document_name`.
        include_ocr: False stores no rows in `segment_ocr` (Contextual has none).
        include_extract: False leaves extract jobs out.
        poll_open_days: Age at which an open job is asked for once more, then left.
        retention_days: How long results stay; by default 30 days for parse jobs.
        table_format: `delta` or `iceberg`, on destinations that keep files; else their own.
        created_at_resolution_seconds: How narrow the bracket of a creation is made.
        job_ids: Syncs these jobs only.
        job_ids_file: The same, from a file.
        reload: `failed`, `skipped` or `all`: fetches these results again.
        fetch_results: False requests no results; new ones become `skipped`.

    Returns:
        The resources `jobs`, `job_status_history`, `job_progress`, `pages`, `chunks`, `segments`,
        `segment_ocr`, `extraction_results`, `rejected_records`, `sync_runs`.

    Raises:
        UsageError: A setting is missing or makes no sense.

    API: `GET /parse/jobs`, `/parse/jobs/{id}/status`, `/parse/jobs/{id}/results`,
    `/extract/jobs`, `/extract/jobs/{id}`, `/extract/jobs/{id}/results`.
    """
    return SourceConfig(ContextualApi, locals()).resources()
