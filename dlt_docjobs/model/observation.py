"""What one HTTP answer said of one job at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from dlt_docjobs.model.times import shifted
from dlt_docjobs.model.vocabulary import JobKind

NO_OFFSET: Final = timedelta(0)
# A Date header is cut to whole seconds
_DATE_RESOLUTION: Final = timedelta(seconds=1)


@dataclass(slots=True)
class JobObservation:
    """One answer about one job, in the words of the model.

    A field that the answer did not carry is None; so is one that it carried as null, or as the
    placeholder that the provider uses for "not known yet" (Unsiloed's 0 pages).

    Attributes:
        observed_at: Our clock when the answer had arrived.
        sent_at: Our clock when it was asked for. The answer holds for some moment between the
            two: a change after it may have happened before `observed_at`, never before this.
        clock_offset: The provider's clock minus ours, zero unless the `Date` header proved more
            than 2 s; None where the answer did not tell the time, which counts as zero.
        created_at_earliest: Lower bound of the creation where the provider dates no creation.
        created_at_latest: Upper bound of it.
        expires_at: When the provider itself says that the result goes.
        transitions: Exact status changes, as (provider status, instant), where the account is
            served LlamaCloud's job-data-points.
        is_deleted: Of the empty observation that stands for a 404: whether the API itself said
            that the job was deleted.
        payload: The whole answer about the job except its results.
        details: What else a running extract job said (job_progress.details).
        has_progress: Whether the answer spoke of progress at all.
        is_delivered: Whether the provider says that it has put the result where the user wanted
            it, and holds none itself: there is nothing to fetch.
    """

    job_kind: JobKind
    job_id: str
    provider_status: str | None
    observed_at: datetime
    clock_offset: timedelta | None = None
    sent_at: datetime | None = None
    created_at: datetime | None = None
    created_at_earliest: datetime | None = None
    created_at_latest: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    transitions: tuple[tuple[str, datetime], ...] = ()
    document_name: str | None = None
    project_id: str | None = None
    error_message: str | None = None
    tier: str | None = None
    schema_id: str | None = None
    document_id: str | None = None
    parse_job_id: str | None = None
    page_count: int | None = None
    chunk_count: int | None = None
    credits: float | None = None
    parse_credits: float | None = None
    has_progress: bool = False
    progress_percent: float | None = None
    current_step: str | None = None
    current_activity: str | None = None
    fields_processed: int | None = None
    total_fields: int | None = None
    config: Any = None
    user_metadata: Any = None
    details: dict[str, Any] | None = None
    is_deleted: bool = False
    is_delivered: bool = False
    payload: dict[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> tuple[JobKind, str]:
        """The job's kind and id."""
        return (self.job_kind, self.job_id)

    @property
    def holds_from(self) -> datetime:
        """The earliest moment that the answer may speak of, on our clock."""
        return self.sent_at or self.observed_at

    @property
    def holds_until(self) -> datetime:
        """The latest moment that the answer may speak of, by whichever clock is ahead."""
        offset = self.clock_offset or NO_OFFSET
        ahead = offset + self._doubt if offset > NO_OFFSET else NO_OFFSET
        return shifted(self.observed_at, ahead)

    def earlier(self, instant: datetime) -> datetime:
        """An instant on our clock, by whichever clock is behind."""
        offset = self.clock_offset or NO_OFFSET
        behind = offset - self._doubt if offset < NO_OFFSET else NO_OFFSET
        return shifted(instant, behind)

    @property
    def _doubt(self) -> timedelta:
        """How much more than `clock_offset`, which is proven, the clocks may differ."""
        return _DATE_RESOLUTION + (self.observed_at - self.holds_from)

    def __repr__(self) -> str:
        """The job and its status; never the payload, which may hold document text."""
        return f"JobObservation({self.job_kind} {self.job_id} {self.provider_status})"
