"""What is true of a job, for tests to compare with: plain data, no behaviour of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.model.times import format_instant
from dlt_docjobs.model.vocabulary import JobKind, is_terminal


class Transition(NamedTuple):
    """A job's entry into a status."""

    provider_status: str
    status: str
    """The canonical status."""
    at: datetime
    """When it happened, aware UTC, by the clock of the machine (never a fault's skewed one)."""


@dataclass(frozen=True)
class ResultFacts:
    """What a result holds, counted as docs/contract.md#tables has it."""

    pages: int = 0
    """Pages of the result, failed ones included."""
    failed_pages: int = 0
    chunk_count: int = 0
    segment_count: int = 0
    """Containers and what they contain both count."""
    ocr_count: int = 0
    segments_by_type: dict[str, int] = field(default_factory=dict)
    """By canonical segment type."""


class RequestRecord(NamedTuple):
    """A request that reached one of the providers' APIs, and how it was answered."""

    provider: str
    method: str
    path: str
    """The path at the provider's origin, without the emulator's prefix."""
    query: list[tuple[str, str]]
    status: int
    """The status of the answer; 0 where the connection was cut before one."""
    at: datetime


@dataclass(frozen=True)
class TrueJob:
    """A job as it really is at the moment it is asked for.

    `transitions` holds what has happened, oldest first; the first is the creation. The facts about
    the result are all 0 while the provider has no result of the job to serve. Faults that bend an
    answer do not bend the truth.
    """

    provider: Provider
    job_kind: JobKind
    job_id: str
    created_at: datetime
    transitions: list[Transition]
    document_name: str
    document_pages: int
    """Pages of the document, whatever became of the job."""
    expired_at: datetime | None
    """Since when the provider answers 404: expired by age, by `expire()` or deleted."""
    error_message: str | None
    tier: str | None
    credits: float | None
    """What billing has recorded so far; None before it has, and where a provider says nothing."""
    is_in_review: bool
    """Whether a person reviews its result, or has done so (LlamaCloud extract)."""
    reviewed_at: datetime | None
    """When that person decided."""
    count_facts: Callable[[], ResultFacts] = field(repr=False, compare=False)

    @property
    def provider_status(self) -> str:
        """The latest status, in the provider's word."""
        return self.transitions[-1].provider_status

    @property
    def status(self) -> str:
        """The latest canonical status."""
        return self.transitions[-1].status

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return is_terminal(self.status)

    @property
    def facts(self) -> ResultFacts:
        """What the result holds; counted when first asked for."""
        return self.count_facts()

    @property
    def pages(self) -> int:
        """Pages of the result, failed ones included."""
        return self.facts.pages

    @property
    def failed_pages(self) -> int:
        """Pages that failed."""
        return self.facts.failed_pages

    @property
    def chunk_count(self) -> int:
        """Chunks of the result: the provider's own, else its pages that did not fail."""
        return self.facts.chunk_count

    @property
    def segment_count(self) -> int:
        """Segments of the result, containers and what they contain."""
        return self.facts.segment_count

    @property
    def ocr_count(self) -> int:
        """OCR elements of the result."""
        return self.facts.ocr_count

    @property
    def segments_by_type(self) -> dict[str, int]:
        """Segments by canonical type."""
        return self.facts.segments_by_type

    @property
    def counts(self) -> dict[str, int]:
        """How many rows the result makes in each table."""
        facts, is_parse = self.facts, self.job_kind == "parse"
        return {
            "pages": facts.pages if is_parse else 0,
            "chunks": facts.chunk_count if is_parse else 0,
            "segments": facts.segment_count if is_parse else 0,
            "segment_ocr": facts.ocr_count if is_parse else 0,
            "extraction_results": int(not is_parse and self.status == "succeeded"),
        }

    def status_at(self, instant: datetime) -> Transition | None:
        """The transition that had brought the status of an instant; None before the creation."""
        past = [transition for transition in self.transitions if transition.at <= instant]
        return past[-1] if past else None

    def as_json(self) -> dict[str, Any]:
        """The truth as plain JSON values."""
        facts = self.facts
        return {
            "provider": self.provider,
            "job_kind": self.job_kind,
            "job_id": self.job_id,
            "created_at": format_instant(self.created_at),
            "provider_status": self.provider_status,
            "status": self.status,
            "transitions": [
                {
                    "provider_status": transition.provider_status,
                    "status": transition.status,
                    "at": format_instant(transition.at),
                }
                for transition in self.transitions
            ],
            "document_name": self.document_name,
            "document_pages": self.document_pages,
            "expired_at": None if self.expired_at is None else format_instant(self.expired_at),
            "error_message": self.error_message,
            "tier": self.tier,
            "credits": self.credits,
            "is_in_review": self.is_in_review,
            "reviewed_at": None if self.reviewed_at is None else format_instant(self.reviewed_at),
            "pages": facts.pages,
            "failed_pages": facts.failed_pages,
            "chunk_count": facts.chunk_count,
            "segment_count": facts.segment_count,
            "ocr_count": facts.ocr_count,
            "segments_by_type": facts.segments_by_type,
        }
