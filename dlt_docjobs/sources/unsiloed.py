"""The source for Unsiloed AI."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract.resource import DltResource

from dlt_docjobs.providers.unsiloed.api import BASE_URL, UnsiloedApi
from dlt_docjobs.sources.build import SourceConfig


@dlt.source(name="unsiloed", section="docjobs", max_table_nesting=0)
def unsiloed(
    api_key: TSecretStrValue | None = None,
    base_url: str = BASE_URL,
    created_at: dlt.sources.incremental[datetime] | None = None,
    start_date: str | None = None,
    lag_seconds: float = 3600,
    page_size: int = 100,
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
    auth_header: str = "api-key",
    job_ids: Any = None,
    job_ids_file: str | None = None,
    reload: str | None = None,
    fetch_results: bool = True,
) -> Iterable[DltResource]:
    """Parse and extract jobs of Unsiloed AI, which the user names: it publishes no list.

    Args:
        api_key: Key; falls back to `UNSILOED_API_KEY`.
        base_url: Proxy or test server; a host without a scheme means https.
        created_at: A range with an `end_value` is a backfill window: named jobs created in it
            are loaded and the cursor stays where it is.
        start_date: Named jobs created before it are left out.
        lag_seconds: Ended jobs created this far behind the cursor, or later, are asked for again.
        page_size: Not used: there is no list.
        max_jobs_per_package: Jobs in one load package at most; large results end it earlier.
        max_concurrency: Requests in flight.
        max_response_mb: A larger answer is refused, and the job's result is `failed`.
        requests_per_second: A ceiling; 429 is honoured without it too.
        max_retries: Retries of one request.
        timeout_seconds: Time one request may take.
        include_content: False stores no document text.
        include_names: False stores a hash in place of `document_name`.
        include_ocr: False stores no rows in `segment_ocr`; the counts stay.
        include_extract: False leaves extract jobs out.
        poll_open_days: Age at which an open job is asked for once more, then left.
        retention_days: How long results stay; by default 7 days for extract jobs.
        table_format: `delta` or `iceberg`, on destinations that keep files; else their own.
        auth_header: Header that carries the key: `api-key`, `X-API-Key` or `Authorization`.
        job_ids: The jobs to follow: an iterable of ids (or of mappings with `job_id` and
            `job_kind`), or a dlt resource that yields them.
        job_ids_file: A file of them: text with an id a line, CSV or JSONL.
        reload: `failed`, `skipped` or `all`: fetches these results again.
        fetch_results: False requests no results; new ones become `skipped`.

    Returns:
        The resources `jobs`, `job_status_history`, `job_progress`, `pages`, `chunks`, `segments`,
        `segment_ocr`, `extraction_results`, `rejected_records`, `sync_runs`.

    Raises:
        UsageError: A setting is missing or makes no sense.

    API: `GET /parse/{job_id}`, `GET /extract/{job_id}`.
    """
    return SourceConfig(UnsiloedApi, locals()).resources()
