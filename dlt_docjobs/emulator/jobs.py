"""The emulator's own record of a job: what has happened to it and what is going to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from dlt_docjobs.emulator.reading import CHANGED, USUAL, Model
from dlt_docjobs.emulator.truth import ResultFacts, Transition
from dlt_docjobs.emulator.vocabulary import Provider, canonical_status
from dlt_docjobs.model.vocabulary import RUNNING, SUCCEEDED, JobKind, is_terminal

Combination = tuple[Provider, JobKind]

RETENTION: Final[dict[Combination, timedelta]] = {
    ("contextual", "parse"): timedelta(days=30),
    ("unsiloed", "extract"): timedelta(days=7),
}
"""After this age a job is answered with 404 and is in no list."""

BILLING: Final = "billing"
"""The step of a plan that is no status: billing records what the job cost."""

REVIEW: Final = "decision on a review"
"""Another one: a person decides what the result should have been."""


class Step(NamedTuple):
    """What is going to happen to a job, in virtual seconds."""

    at: float
    what: str
    """A provider status, `BILLING` or `REVIEW`."""


@dataclass
class Job:
    """A job. Its contents are not kept but drawn from `seed` whenever they are asked for."""

    provider: Provider
    job_kind: JobKind
    job_id: str
    seed: str
    document_name: str
    document_pages: int
    transitions: list[Transition] = field(default_factory=list)
    plan: list[Step] = field(default_factory=list)
    stage_began: float = 0.0
    """Virtual second of the latest transition."""
    failed_pages: frozenset[int] = frozenset()
    """1-based numbers of the pages that fail (LlamaCloud)."""
    failure: str | None = None
    """What the job says if it fails."""
    tier: str | None = None
    price: float = 0.0
    billed_at: datetime | None = None
    billing_touches: bool = False
    """Whether billing moves LlamaCloud's `updated_at`, which nobody has ruled out."""
    touched_at: datetime | None = None
    is_in_review: bool = False
    """Whether a person is to look at the result, once it is there (LlamaCloud extract)."""
    reviewed_at: datetime | None = None
    review_revision: int = 0
    corrections: dict[str, Any] | None = None
    """By JSON pointer; None: drawn."""
    user_metadata: dict[str, str] | None = None
    file_input: str | None = None
    parse_job_id: str | None = None
    result: Any = None
    """A body given by a test in place of the drawn one."""
    revision: int = 0
    model_changes_at: datetime | None = None
    """Since when the provider's jobs have another model; None: never."""
    gone_at: datetime | None = None
    facts: ResultFacts | None = None
    """Counted once for a revision."""

    @property
    def combination(self) -> Combination:
        """Provider and kind."""
        return self.provider, self.job_kind

    @property
    def created_at(self) -> datetime:
        """When the job was created."""
        return self.transitions[0].at

    @property
    def model(self) -> Model:
        """The model that reads the document: that of the day on which the job was created."""
        changes_at = self.model_changes_at
        is_changed = changes_at is not None and self.created_at >= changes_at
        return CHANGED if is_changed else USUAL

    @property
    def provider_status(self) -> str:
        """The latest status in the provider's word."""
        return self.transitions[-1].provider_status

    @property
    def status(self) -> str:
        """The latest canonical status."""
        return self.transitions[-1].status

    @property
    def has_result(self) -> bool:
        """Whether the provider can serve a result."""
        return self.status == SUCCEEDED

    @property
    def error_message(self) -> str | None:
        """The error, once the job has failed."""
        return self.failure if self.status == "failed" else None

    @property
    def started_at(self) -> datetime | None:
        """When the present attempt began to be processed."""
        for transition in reversed(self.transitions):
            if transition.status == "queued":
                return None
            if transition.status == RUNNING:
                return transition.at
        return None

    @property
    def finished_at(self) -> datetime | None:
        """When the job ended; None while it is open."""
        latest = self.transitions[-1]
        return latest.at if is_terminal(latest.status) else None

    @property
    def updated_at(self) -> datetime:
        """When something about the job last changed."""
        moments = [self.transitions[-1].at]
        if self.touched_at is not None:
            moments.append(self.touched_at)
        if self.billed_at is not None and self.billing_touches:
            moments.append(self.billed_at)
        return max(moments)

    @property
    def credits(self) -> float | None:
        """What billing has recorded; None before."""
        return None if self.billed_at is None else self.price

    def expired_at(self, now: datetime) -> datetime | None:
        """Since when the provider does not know the job any more; None while it does."""
        retention = RETENTION.get(self.combination)
        by_age = None if retention is None else self.created_at + retention
        gone = [at for at in (self.gone_at, by_age) if at is not None and at <= now]
        return min(gone) if gone else None

    def enter(self, provider_status: str, at: datetime) -> None:
        """Adds a transition, in the order of time."""
        status = canonical_status(self.provider, provider_status)
        self.transitions.append(Transition(provider_status, status, at))
        self.transitions.sort(key=lambda transition: transition.at)

    def progress(self, virtual_now: float) -> float:
        """How far a running job is, 0 to 1; a job that hangs stays at 0.4."""
        if is_terminal(self.status):
            return 1.0
        if self.status not in (RUNNING, "retrying"):
            return 0.0
        steps = [step for step in self.plan if step.what not in (BILLING, REVIEW)]
        if not steps or steps[0].at <= self.stage_began:
            return 0.4
        done = (virtual_now - self.stage_began) / (steps[0].at - self.stage_began)
        return min(0.99, max(0.0, done))

    def random(self, purpose: str) -> random.Random:
        """A source of chance that is the same for this job, revision and purpose every time."""
        return random.Random(f"{self.seed}:{self.revision}:{purpose}")
