"""The source for LlamaCloud (LlamaParse, LlamaExtract)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract.resource import DltResource

from dlt_docjobs.providers.llamacloud.api import BASE_URL, LlamaCloudApi
from dlt_docjobs.sources.build import SourceConfig


@dlt.source(name="llamacloud", section="docjobs", max_table_nesting=0)
def llamacloud(
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
    project_id: str | None = None,
    organization_id: str | None = None,
    include_state_transitions: bool = False,
    job_ids: Any = None,
    job_ids_file: str | None = None,
    reload: str | None = None,
    fetch_results: bool = True,
) -> Iterable[DltResource]:
    """Parse and extract jobs of LlamaCloud: jobs, status history, pages, chunks, segments.

    Args:
        api_key: Key of one project in one region; falls back to `LLAMA_CLOUD_API_KEY`.
        base_url: Region or proxy; a host without a scheme means https.
        created_at: A range with an `end_value` is a backfill window: it is loaded and the cursor
            stays where it is.
        start_date: Lower bound of the very first sync; none by default, so that jobs without a
            date are found.
        lag_seconds: How far behind the cursor every sync lists again.
        page_size: Jobs a list page; where the server refuses it, its own default.
        max_jobs_per_package: Jobs in one load package at most; large results end it earlier.
        max_concurrency: Requests in flight.
        max_response_mb: A larger answer is refused, and the job's result is `failed`.
        requests_per_second: A ceiling; 429 is honoured without it too.
        max_retries: Retries of one request.
        timeout_seconds: Time one request may take.
        include_content: False stores no document text.
        include_names: False stores a hash in place of `document_name`.
        include_ocr: False stores no rows in `segment_ocr` (LlamaCloud has none).
        include_extract: False leaves extract jobs out.
        poll_open_days: Age at which an open job is asked for once more, then left.
        retention_days: How long results stay, where you know it; LlamaCloud does not say.
        table_format: `delta` or `iceberg`, on destinations that keep files; else their own.
        project_id: Sent with every request where configured.
        organization_id: Sent with every request where configured.
        include_state_transitions: Reads exact transition times from `job-data-points`, where the
            account is served it.
        job_ids: Syncs these jobs only.
        job_ids_file: The same, from a file.
        reload: `failed`, `skipped` or `all`: fetches these results again.
        fetch_results: False requests no results; new ones become `skipped`.

    Returns:
        The resources `jobs`, `job_status_history`, `job_progress`, `pages`, `chunks`, `segments`,
        `segment_ocr`, `extraction_results`, `rejected_records`, `sync_runs`.

    Raises:
        UsageError: A setting is missing or makes no sense.

    API: `GET /api/v2/parse`, `/api/v2/extract` and each by id.
    """
    return SourceConfig(LlamaCloudApi, locals()).resources()
