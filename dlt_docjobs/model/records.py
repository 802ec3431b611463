"""The rows of the result tables, and so the one place where their columns are written.

Each class is one table of docs/contract.md#tables without the columns that every job-level table
shares: `provider`, `account`, `job_kind`, `job_id` in front and `run_id` behind, which
`dlt_docjobs.tables` adds. A field's annotation is the column's type, its `Annotated` text
the column's description; Arrow schemas, dlt hints and the documentation are made from these.

Plain `NamedTuple`s because a sync makes millions of them: no validation, no dictionary a row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple, NewType

JsonText = NewType("JsonText", str)
"""Valid JSON as text; becomes the destination's JSON type."""


class Page(NamedTuple):
    """One page of a parsed document, failed pages included."""

    page_number: Annotated[int, "Page of the document, 1-based"]
    page_width: Annotated[float | None, "Width in the provider's unit (points or pixels)"]
    page_height: Annotated[float | None, "Height in the provider's unit (points or pixels)"]
    is_failed: Annotated[bool, "True where the provider could not parse this page"]
    error_message: Annotated[str | None, "Why the page failed, as the provider says it"]
    confidence: Annotated[float | None, "Page confidence, 0-1, where the provider scores pages"]
    segment_count: Annotated[int, "Rows in segments on this page"]
    metadata: Annotated[JsonText | None, "What else the provider says of the page"]


class Chunk(NamedTuple):
    """The unit in which a provider groups parsed content."""

    chunk_index: Annotated[int, "Position in the document, 0-based and dense"]
    chunk_id: Annotated[str | None, "The provider's id of the chunk, where it gives one"]
    chunk_kind: Annotated[str, "native: the provider's own chunk; page: one page stands for it"]
    page_number: Annotated[int | None, "First page of the chunk, 1-based"]
    last_page_number: Annotated[int | None, "Last page of the chunk, 1-based"]
    content: Annotated[str | None, "Markdown of the chunk"]
    length: Annotated[int | None, "Length as the provider counts it (words, tokens or characters)"]
    segment_count: Annotated[int, "Rows in segments that belong to this chunk"]
    metadata: Annotated[JsonText | None, "What else the provider says of the chunk"]


class Segment(NamedTuple):
    """One laid-out element: paragraph, heading, table, picture."""

    segment_index: Annotated[int, "Position in the document, 0-based; containers come first"]
    segment_id: Annotated[str | None, "The provider's id of the segment, where it gives one"]
    parent_segment_index: Annotated[int | None, "segment_index of the container, if any"]
    depth: Annotated[int, "Nesting: 0 is the top"]
    chunk_index: Annotated[int | None, "The chunk that holds the segment"]
    chunk_id: Annotated[str | None, "The provider's id of that chunk"]
    segment_type: Annotated[str, "Canonical type (see the documentation's table)"]
    provider_segment_type: Annotated[str | None, "The type as the provider says it"]
    page_number: Annotated[int | None, "Page of the document, 1-based"]
    page_width: Annotated[float | None, "Width of the page in the unit of provider_bbox"]
    page_height: Annotated[float | None, "Height of the page in the unit of provider_bbox"]
    content: Annotated[str | None, "Plain text as sent"]
    markdown: Annotated[str | None, "Markdown as sent"]
    html: Annotated[str | None, "HTML as sent"]
    image_url: Annotated[str | None, "Image of the segment, without query string"]
    confidence: Annotated[float | None, "0-1; the mean where the provider gives several"]
    confidence_level: Annotated[str | None, "low, medium or high, where the provider grades so"]
    bbox_x0: Annotated[float | None, "Left edge as a fraction of the page width"]
    bbox_y0: Annotated[float | None, "Top edge as a fraction of the page height"]
    bbox_x1: Annotated[float | None, "Right edge as a fraction of the page width"]
    bbox_y1: Annotated[float | None, "Bottom edge as a fraction of the page height"]
    provider_bbox: Annotated[JsonText | None, "Bounding box or boxes as sent"]
    heading_level: Annotated[int | None, "Level of a heading, as sent"]
    table_rows: Annotated[int | None, "Rows of a table, header included"]
    table_columns: Annotated[int | None, "Columns of a table: its widest row"]
    ocr_count: Annotated[int, "OCR elements in the segment"]
    ocr_confidence_mean: Annotated[float | None, "Mean confidence of those that have one"]
    metadata: Annotated[JsonText | None, "What else the provider says of the segment"]


class OcrElement(NamedTuple):
    """One recognised piece of text in a segment."""

    segment_index: Annotated[int, "The segment that holds it"]
    ocr_index: Annotated[int, "Position in the segment, 0-based"]
    text: Annotated[str | None, "Recognised text"]
    confidence: Annotated[float | None, "0-1"]
    provider_bbox: Annotated[JsonText | None, "As sent; Unsiloed's is relative to the segment"]


class Job(NamedTuple):
    """One document-processing job, its latest state."""

    status: Annotated[str, "Canonical status"]
    provider_status: Annotated[str | None, "Status as the provider last said it"]
    is_terminal: Annotated[bool, "True where that status ends the job"]
    document_name: Annotated[str | None, "Name of the document; its hash with include_names=false"]
    project_id: Annotated[str | None, "The provider's project"]
    created_at: Annotated[datetime | None, "Creation; the middle of its bounds where bounded"]
    created_at_precision: Annotated[str, "exact, bounded or unknown"]
    created_at_earliest: Annotated[datetime | None, "The creation lies at or after this"]
    created_at_latest: Annotated[datetime | None, "The creation lies at or before this"]
    started_at: Annotated[datetime | None, "Start of processing, where the provider says it"]
    finished_at: Annotated[datetime | None, "End of the job, where the provider says it"]
    updated_at: Annotated[datetime | None, "The provider's own update time"]
    error_message: Annotated[str | None, "Why the job failed, as the provider says it"]
    tier: Annotated[str | None, "LlamaCloud parsing tier"]
    schema_id: Annotated[str | None, "Extraction schema or configuration"]
    document_id: Annotated[str | None, "The provider's id of the document"]
    parse_job_id: Annotated[str | None, "The parse job that an extract job reads"]
    page_count: Annotated[int | None, "Pages, failed ones included; null until known"]
    failed_page_count: Annotated[int | None, "Pages that could not be parsed; null until known"]
    chunk_count: Annotated[int | None, "Rows in chunks; null until known"]
    segment_count: Annotated[int | None, "Rows in segments; null until known"]
    credits: Annotated[float | None, "Credits charged; a shared parse job's appear in each extract"]
    parse_credits: Annotated[
        float | None, "Of these, credits of the parse job that an extract job reads"
    ]
    progress_percent: Annotated[float | None, "Progress of an extract job, 0-100"]
    current_step: Annotated[str | None, "Step an extract job is in"]
    current_activity: Annotated[str | None, "What an extract job is doing"]
    fields_processed: Annotated[int | None, "Schema fields done"]
    total_fields: Annotated[int | None, "Schema fields in all"]
    results_state: Annotated[
        str, "How the result stands: not_ready, none, pending, loaded, skipped, failed or expired"
    ]
    results_expire_at: Annotated[datetime | None, "When the provider forgets the result: earliest"]
    given_up_at: Annotated[datetime | None, "When polling this open job was given up"]
    config: Annotated[JsonText | None, "Configuration the job ran with, secrets redacted"]
    user_metadata: Annotated[JsonText | None, "Metadata the user attached"]
    payload: Annotated[JsonText | None, "The whole answer about the job except its results"]
    first_seen_at: Annotated[datetime | None, "Our clock when the job was first seen"]
    missing_since: Annotated[
        datetime | None, "The first of the 404s that no later one has confirmed yet; null where "
        "the last answer was none"
    ]  # fmt: skip
    last_observed_at: Annotated[
        datetime, "Our clock when the last answer written was asked for; a finished job that has "
        "not changed is not written again"
    ]  # fmt: skip


class StatusEvent(NamedTuple):
    """A change of a job's provider status, as far as observations prove it."""

    event_id: Annotated[str, "Deterministic: provider, job_kind, job_id and sequence"]
    sequence: Annotated[int, "0, 1, … within the job"]
    status: Annotated[str, "Canonical status that began"]
    provider_status: Annotated[str | None, "As sent; null where only a timestamp proves it"]
    previous_status: Annotated[str | None, "Canonical status before"]
    occurred_at: Annotated[datetime, "Best estimate of the moment"]
    occurred_at_earliest: Annotated[datetime | None, "It happened at or after this"]
    occurred_at_latest: Annotated[datetime, "It happened at or before this"]
    occurred_at_source: Annotated[str, "provider: its own timestamp; observed: seen by polling"]
    observed_at: Annotated[datetime, "Our clock when this was learnt"]
    error_message: Annotated[str | None, "Error that came with the status"]
    is_terminal: Annotated[bool, "True where the status ends the job"]


class JobProgress(NamedTuple):
    """What an extract job said of its progress, each time that changed."""

    status: Annotated[str, "Canonical status at that moment"]
    completion_percentage: Annotated[float | None, "0-100"]
    current_step: Annotated[str | None, "Step"]
    current_activity: Annotated[str | None, "Activity"]
    fields_processed: Annotated[int | None, "Schema fields done"]
    total_fields: Annotated[int | None, "Schema fields in all"]
    details: Annotated[JsonText | None, "What else a running job said"]
    observed_at: Annotated[datetime, "Our clock"]


class TableCell(NamedTuple):
    """One cell of a table in a segment."""

    segment_index: Annotated[int, "The segment"]
    row_index: Annotated[int, "0-based; a spanning cell stands once, at its first place"]
    column_index: Annotated[int, "0-based, likewise"]
    text: Annotated[str | None, "Text; a number with the digits that were sent"]
    row_span: Annotated[int, "Rows that it takes"]
    column_span: Annotated[int, "Columns that it takes"]
    is_header: Annotated[bool | None, "Whether it heads rows or columns; null where nobody says"]
    source: Annotated[str, "rows, html or markdown: what the provider sent of the table"]


class ExtractionResult(NamedTuple):
    """The result of an extract job."""

    result: Annotated[JsonText | None, "The provider's value, verbatim"]
    field_metadata: Annotated[JsonText | None, "Citations, confidence and the like"]
    schema_id: Annotated[str | None, "Extraction schema or configuration"]
    document_id: Annotated[str | None, "The provider's id of the document"]
    loaded_at: Annotated[datetime, "Our clock when it was fetched"]


class RejectedRecord(NamedTuple):
    """Whatever could not be read, whole."""

    rejection_id: Annotated[str, "Hash of provider, account, endpoint, job and payload"]
    provider: Annotated[str, "Name of the provider"]
    account: Annotated[str, "Name under which the provider's account is configured"]
    endpoint: Annotated[str, "Path of the request"]
    job_kind: Annotated[str | None, "parse or extract, where known"]
    job_id: Annotated[str | None, "The job, where known"]
    error: Annotated[str, "What was wrong with it"]
    payload: Annotated[JsonText | None, "What came: JSON, or its text as a JSON string"]
    observed_at: Annotated[datetime, "Our clock"]
    run_id: Annotated[str, "Sync run that saw it first"]


class SyncRun(NamedTuple):
    """One execution of the sync for one provider."""

    run_id: Annotated[str, "Key"]
    provider: Annotated[str, "Name of the provider"]
    account: Annotated[str, "Name under which the provider's account is configured"]
    ok: Annotated[bool, "True where the exit code is 0"]
    exit_code: Annotated[int, "As of the command line; 137 where the run was broken off"]
    error: Annotated[str | None, "What went wrong, in a sentence"]
    jobs_listed: Annotated[int, "Jobs that the provider's lists (or the given ids) named"]
    jobs_new: Annotated[int, "Jobs seen for the first time"]
    jobs_changed: Annotated[int, "Known jobs of which something had changed"]
    status_events: Annotated[int, "Rows added to job_status_history"]
    results_loaded: Annotated[int, "Results fetched"]
    chunks: Annotated[int, "Rows in chunks"]
    segments: Annotated[int, "Rows in segments"]
    rejected: Annotated[int, "Rows added to rejected_records"]
    requests: Annotated[int, "HTTP requests, retries included"]
    retries: Annotated[int, "Of these, retries"]
    throttled: Annotated[int, "Answers 429"]
    cursor: Annotated[datetime | None, "created_at up to which everything has been listed"]
    open_jobs: Annotated[int, "Jobs whose last event is not terminal, after the run"]
    pending_results: Annotated[int, "Results still to fetch, after the run"]
    missing_jobs: Annotated[int | None, "Known jobs that answered 404, not confirmed yet"]
    doubted_since: Annotated[
        datetime | None, "Since when so many known jobs answer 404 at once that it is not believed"
    ]  # fmt: skip
    duration_seconds: Annotated[float, "Seconds until the last answer"]
    started_at: Annotated[datetime, "Our clock"]
    finished_at: Annotated[datetime, "Our clock, end of fetching"]
    version: Annotated[str, "Version of dlt-docjobs"]

    @classmethod
    def unfinished(
        cls,
        run_id: str,
        provider: str,
        account: str,
        *,
        exit_code: int,
        error: str | None,
        started_at: datetime,
        finished_at: datetime,
        version: str,
    ) -> SyncRun:
        """The row of a run that did not come to its end by itself, with no figures yet."""
        return cls(
            run_id=run_id,
            provider=provider,
            account=account,
            ok=exit_code == 0,
            exit_code=exit_code,
            error=error,
            jobs_listed=0,
            jobs_new=0,
            jobs_changed=0,
            status_events=0,
            results_loaded=0,
            chunks=0,
            segments=0,
            rejected=0,
            requests=0,
            retries=0,
            throttled=0,
            cursor=None,
            open_jobs=0,
            pending_results=0,
            missing_jobs=0,
            doubted_since=None,
            duration_seconds=round((finished_at - started_at).total_seconds(), 3),
            started_at=started_at,
            finished_at=finished_at,
            version=version,
        )
