"""Status history is evidence: from observations to events with bounds (contract 6.5).

An event is written once and never again, so what it claims has to be true for good. Three kinds
of proof exist, strongest first: a timestamp of the provider's for just this change (exact), two
observations between which the status changed (a bracket), and LlamaCloud's `updated_at`, which
moves for other reasons too and so only bounds the last change from above.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import StatusEvent
from dlt_docjobs.model.times import middle
from dlt_docjobs.model.vocabulary import (
    EXPIRED,
    QUEUED,
    RUNNING,
    Provider,
    canonical_status,
    is_terminal,
)

PROVIDER = "provider"
OBSERVED = "observed"


@dataclass(slots=True)
class History:
    """What is known of a job's past: its last event, its creation, when it was last looked at."""

    last: StatusEvent
    creation_earliest: datetime | None
    last_observed_at: datetime

    @property
    def is_open(self) -> bool:
        """A job is open while its last event is not terminal."""
        return not self.last.is_terminal


def event_id(provider: str, job_kind: str, job_id: str, sequence: int) -> str:
    """The key of an event: the same on every machine, for every run."""
    text = "\x1f".join((provider, job_kind, job_id, str(sequence)))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def derive_events(
    provider: Provider, observation: JobObservation, history: History | None
) -> list[StatusEvent]:
    """The events that an observation proves beyond those already written.

    Args:
        provider: Whose vocabulary the observation speaks.
        observation: What an answer said.
        history: The job's past, None at the first sight.

    Returns:
        New events in order, sequences continuing after `history`; empty where nothing changed.
    """
    chain = _Chain(provider, observation, history)
    status = canonical_status(provider, observation.provider_status)
    if history is None:
        chain.add_creation(status)
    for fact_status, at in _facts(provider, observation, status):
        chain.add_fact(fact_status, at, status)
    chain.add_observed(status)
    return chain.events


def derive_expiry(
    provider: Provider, observation: JobObservation, history: History
) -> list[StatusEvent]:
    """The event of a 404 for a job that the provider knew; empty if it is written already.

    Args:
        provider: Whose job it is.
        observation: The empty observation (`provider_status` None) of the 404.
        history: The job's past.
    """
    if history.last.status == EXPIRED:
        return []
    chain = _Chain(provider, observation, history)
    chain.append_bracket(EXPIRED, None)
    return chain.events


def _facts(
    provider: Provider, observation: JobObservation, status: str
) -> Iterator[tuple[str, datetime]]:
    """Exact moments in the answer as (canonical status, instant), oldest first.

    A job that is queued again may still carry the times of its earlier life: those lie before
    the last event and are skipped there.
    """
    facts = [
        (canonical_status(provider, provider_status), at)
        for provider_status, at in observation.transitions
    ]
    if not facts and status != QUEUED:
        if observation.started_at is not None:
            facts.append((RUNNING, observation.started_at))
        if observation.finished_at is not None and is_terminal(status):
            facts.append((status, observation.finished_at))
    yield from sorted(facts, key=lambda fact: fact[1])


class _Chain:
    """A job's events so far, to which an observation adds."""

    def __init__(
        self, provider: Provider, observation: JobObservation, history: History | None
    ) -> None:
        self.events: list[StatusEvent] = []
        self._provider = provider
        self._observation = observation
        self._history = history
        self._tail = history.last if history else None
        self._creation_earliest = history.creation_earliest if history else None

    def add_creation(self, status: str) -> None:
        """Event 0: queued, at the creation and with its bounds."""
        seen = self._observation
        at: datetime
        latest: datetime
        earliest: datetime | None
        if seen.created_at is not None and seen.created_at_earliest is None:
            at = earliest = latest = seen.created_at
            source = PROVIDER
        elif seen.created_at_latest is not None:
            earliest, latest = seen.created_at_earliest, seen.created_at_latest
            at = middle(earliest, latest) if earliest else latest
            source = OBSERVED
        else:
            known = (self._ours_latest(seen.observed_at), seen.started_at, seen.finished_at)
            earliest, latest = None, min(instant for instant in known if instant is not None)
            at, source = latest, OBSERVED
        self._creation_earliest = earliest
        raw = seen.provider_status if status == QUEUED else None
        self._append(QUEUED, raw, at, earliest, latest, source)

    def add_fact(self, fact_status: str, at: datetime, status: str) -> None:
        """An event that a timestamp of the provider's proves, unless it is written already."""
        tail = self._tail
        assert tail is not None
        if self._creation_earliest is not None:
            at = max(at, self._creation_earliest)
        if fact_status == tail.status:
            if at <= tail.occurred_at_latest or fact_status == QUEUED:
                return
        elif at < (tail.occurred_at_earliest or at) or (
            tail.is_terminal and at < tail.occurred_at_latest
        ):
            return
        raw = self._observation.provider_status if fact_status == status else None
        self._append(fact_status, raw, at, at, at, PROVIDER)

    def add_observed(self, status: str) -> None:
        """The status seen, where nothing in the chain says it yet."""
        raw = self._observation.provider_status
        tail = self._tail
        assert tail is not None
        if self.events and tail.status == status:
            return
        if not self.events and _same_word(raw, tail.provider_status):
            return
        self.append_bracket(status, raw)

    def append_bracket(self, status: str, raw: str | None) -> None:
        """A change seen only by polling: after the last sight of the old, before this one."""
        seen, tail = self._observation, self._tail
        assert tail is not None
        earliest = tail.occurred_at_earliest
        if self._history is not None and not self.events:
            last_seen = self._ours_earliest(self._history.last_observed_at)
            earliest = max(earliest, last_seen) if earliest else last_seen
        latest = self._ours_latest(seen.observed_at)
        at: datetime | None = None
        # an updated_at that has not moved since the creation, or lies before the last sight of
        # the old status, cannot be the moment of this change
        floor = max(filter(None, (earliest, seen.created_at)), default=None)
        moved = seen.updated_at is not None and (floor is None or seen.updated_at > floor)
        if status != EXPIRED and seen.updated_at is not None and moved:
            at = latest = min(latest, seen.updated_at)
        if earliest is not None and latest < earliest:
            earliest, latest = latest, earliest
        if self._creation_earliest is not None:
            earliest = max(earliest or self._creation_earliest, self._creation_earliest)
            latest = max(latest, earliest)
        if at is None:
            at = middle(earliest, latest) if earliest else latest
        self._append(status, raw, max(at, earliest or at), earliest, latest, OBSERVED)

    def _append(
        self,
        status: str,
        raw: str | None,
        at: datetime,
        earliest: datetime | None,
        latest: datetime,
        source: str,
    ) -> None:
        seen = self._observation
        sequence = self._tail.sequence + 1 if self._tail else 0
        says_so = canonical_status(self._provider, seen.provider_status) == status
        event = StatusEvent(
            event_id=event_id(self._provider, seen.job_kind, seen.job_id, sequence),
            sequence=sequence,
            status=status,
            provider_status=raw,
            previous_status=self._tail.status if self._tail else None,
            occurred_at=at,
            occurred_at_earliest=earliest,
            occurred_at_latest=latest,
            occurred_at_source=source,
            observed_at=seen.observed_at,
            error_message=seen.error_message if says_so else None,
            is_terminal=is_terminal(status),
        )
        self.events.append(event)
        self._tail = event

    def _ours_earliest(self, instant: datetime) -> datetime:
        """A lower bound on our clock, widened where the provider's clock is behind it."""
        return instant + min(self._observation.clock_offset, timedelta(0))

    def _ours_latest(self, instant: datetime) -> datetime:
        """An upper bound on our clock, widened where the provider's clock is ahead of it."""
        return instant + max(self._observation.clock_offset, timedelta(0))


def _same_word(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.strip().lower() == other.strip().lower()
