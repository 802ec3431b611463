"""Status history is evidence: from observations to events with bounds.

What the events promise: docs/contract.md#status-history.

An event is written once and never again, so what it claims has to be true for good. Three kinds
of proof exist, strongest first: a timestamp of the provider's for just this change (exact), two
observations between which the status changed (a bracket), and LlamaCloud's `updated_at`, which
moves for other reasons too and so only bounds the last change from above.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import StatusEvent
from dlt_docjobs.model.times import middle
from dlt_docjobs.model.vocabulary import (
    EXPIRED,
    QUEUED,
    RUNNING,
    Vocabulary,
    is_terminal,
)

PROVIDER = "provider"
OBSERVED = "observed"
# Clocks that differ by less look alike: the Date header tells 2 s, and is cut to seconds
CLOCK_DOUBT: Final = timedelta(seconds=3)
DELETED: Final = "The provider says that the job was deleted"
"""The error of an `expired` event that no list takes back."""


@dataclass(slots=True)
class History:
    """What is known of a job's past.

    Attributes:
        last: Its last event.
        creation_earliest: Lower bound of its creation.
        last_observed_at: Our clock when it was last looked at, that is when the last answer was
            asked for; None where nothing but the events tells.
    """

    last: StatusEvent
    creation_earliest: datetime | None
    last_observed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """A job is open while its last event is not terminal."""
        return not self.last.is_terminal

    @property
    def is_deleted(self) -> bool:
        """Whether the provider itself has said that the job was deleted."""
        return self.last.status == EXPIRED and self.last.error_message == DELETED


def event_id(provider: str, job_kind: str, job_id: str, sequence: int) -> str:
    """The key of an event: the same on every machine, for every run."""
    text = "\x1f".join((provider, job_kind, job_id, str(sequence)))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def derive_events(
    provider: str,
    vocabulary: Vocabulary,
    observation: JobObservation,
    history: History | None,
) -> list[StatusEvent]:
    """The events that an observation proves beyond those already written.

    Args:
        provider: The provider's name, part of each event's key.
        vocabulary: The provider's words.
        observation: What an answer said.
        history: The job's past, None at the first sight.

    Returns:
        New events in order, sequences continuing after `history`; empty where nothing changed.
    """
    chain = _Chain(provider, vocabulary, observation, history)
    status = vocabulary.status(observation.provider_status)
    if history is None:
        chain.add_creation(status)
    for fact in _facts(vocabulary, observation, status):
        chain.add_fact(fact, status)
    chain.add_observed(status)
    return chain.events


def derive_expiry(
    provider: str,
    vocabulary: Vocabulary,
    observation: JobObservation,
    history: History,
    first_missing: datetime | None = None,
) -> list[StatusEvent]:
    """The event of a 404 for a job that the provider knew; empty if it is written already.

    Args:
        provider: The provider's name.
        vocabulary: The provider's words.
        observation: The empty observation (`provider_status` None) of the 404.
        history: The job's past.
        first_missing: When the first of several 404s came: the job was gone by then.
    """
    if first_missing is not None and first_missing < observation.observed_at:
        observation = replace(observation, observed_at=first_missing, sent_at=None)
    if history.last.status == EXPIRED:
        return []
    chain = _Chain(provider, vocabulary, observation, history)
    chain.append_bracket(EXPIRED, None)
    if observation.is_deleted:
        return [event._replace(error_message=DELETED) for event in chain.events]
    return chain.events


class _Fact(NamedTuple):
    """An exact moment of the provider's; `word` is its status where the provider names it."""

    status: str
    at: datetime
    word: str | None = None


def _facts(vocabulary: Vocabulary, observation: JobObservation, status: str) -> list[_Fact]:
    """Exact moments in the answer, oldest first.

    A job that is queued again may still carry the times of its earlier life: those lie before
    the last event and are skipped there.
    """
    facts = [_Fact(vocabulary.status(word), at, word) for word, at in observation.transitions]
    if not facts and status != QUEUED:
        started, finished = observation.started_at, observation.finished_at
        if started is not None:
            facts.append(_Fact(RUNNING, started))
        # an end before the start is that of an earlier life, whose status nobody saw
        is_of_this_life = finished is not None and (started is None or finished >= started)
        if finished is not None and is_of_this_life and is_terminal(status):
            facts.append(_Fact(status, finished))
    # a job may pass through several statuses within one instant
    return sorted(
        facts, key=lambda fact: (fact.at, fact.status != QUEUED, is_terminal(fact.status))
    )


class _Chain:
    """A job's events so far, to which an observation adds."""

    def __init__(
        self,
        provider: str,
        vocabulary: Vocabulary,
        observation: JobObservation,
        history: History | None,
    ) -> None:
        self.events: list[StatusEvent] = []
        self._provider = provider
        self._vocabulary = vocabulary
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
            earliest, latest, source = None, seen.holds_until, OBSERVED
            # nothing of a job lies before its creation
            dated = (seen.started_at, seen.finished_at, seen.updated_at)
            moments = [*filter(None, dated), *(moment for _, moment in seen.transitions)]
            at = min([seen.observed_at, *moments])
        self._creation_earliest = earliest
        raw = seen.provider_status if status == QUEUED else None
        self._append(QUEUED, raw, at, earliest, latest, source)

    def add_fact(self, fact: _Fact, status: str) -> None:
        """An event that a timestamp of the provider's proves, unless it is written already."""
        tail, seen, at = self._tail, self._observation, fact.at
        assert tail is not None
        if self._creation_earliest is not None:
            at = max(at, self._creation_earliest)
        if fact.status == tail.status:
            if at <= _written_until(tail):
                return
            # the initial status is the creation; so is the word that a job was first seen with
            if fact.status == QUEUED and (
                self._vocabulary.is_initial(fact.word)
                or self._vocabulary.is_same(fact.word, tail.provider_status)
            ):
                return
        elif _precedes(fact.status, at, tail):
            return
        says_so = fact.word is None or self._vocabulary.is_same(fact.word, seen.provider_status)
        raw = seen.provider_status if fact.status == status and says_so else None
        self._append(fact.status, raw, at, at, at, PROVIDER)

    def add_observed(self, status: str) -> None:
        """The status seen, where nothing in the chain says it yet."""
        raw = self._observation.provider_status
        tail = self._tail
        assert tail is not None
        if self.events and tail.status == status and tail.provider_status is not None:
            return
        if not self.events and self._vocabulary.is_same(raw, tail.provider_status):
            return
        if tail.status == status and self._vocabulary.is_vague(tail.provider_status):
            # what was seen before may have been this already
            return
        self.append_bracket(status, raw)

    def append_bracket(self, status: str, raw: str | None) -> None:
        """A change seen only by polling: after the last sight of the old, before this one."""
        seen, tail = self._observation, self._tail
        assert tail is not None
        earliest = tail.occurred_at_earliest
        # a vague word leaves open whether a job that has not ended had changed by then
        is_sure = is_terminal(status) or not self._vocabulary.vague
        if is_sure and self._history and self._history.last_observed_at and not self.events:
            last_seen = seen.earlier(self._history.last_observed_at)
            earliest = max(earliest, last_seen) if earliest else last_seen
        latest = seen.holds_until
        at: datetime | None = None
        # an updated_at that has not moved since the creation, or lies before the last sight of
        # the old status, cannot be the moment of this change
        floor = max(filter(None, (earliest, seen.created_at)), default=None)
        moved = seen.updated_at is not None and (floor is None or seen.updated_at > floor)
        if status != EXPIRED and seen.updated_at is not None and moved:
            at = latest = min(latest, seen.updated_at)
        if earliest is not None and latest < earliest:
            earliest, latest = latest, earliest
        # clocks may disagree, but no status begins before the one that it follows
        before = max(
            filter(None, (tail.occurred_at_earliest, self._creation_earliest)), default=None
        )
        if before is not None:
            earliest = max(earliest or before, before)
            latest = max(latest, earliest)
        if at is None:
            at = middle(earliest, latest) if earliest else seen.observed_at
        at = min(max(at, earliest or at, tail.occurred_at), latest)
        self._append(status, raw, at, earliest, latest, OBSERVED)

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
        says_so = self._vocabulary.status(seen.provider_status) == status
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


def _precedes(status: str, at: datetime, tail: StatusEvent) -> bool:
    """Whether a moment of another status belongs to what lies before the last event."""
    if tail.is_terminal:
        return at <= tail.occurred_at_latest
    if tail.occurred_at_source == PROVIDER:
        # within one instant a job is queued, then runs, then ends
        return (at, status != QUEUED, is_terminal(status)) <= (
            tail.occurred_at,
            tail.status != QUEUED,
            tail.is_terminal,
        )
    # when a status is seen, moments of others lie behind it
    seen_at = max(tail.observed_at, tail.occurred_at_earliest or tail.observed_at)
    return tail.provider_status is not None and at <= seen_at


def _written_until(tail: StatusEvent) -> datetime:
    """Up to when a moment of the last event's status is that event itself.

    A status that was seen had begun by then, whatever two clocks, or two tables of a provider,
    say of it later.
    """
    is_seen_only = tail.occurred_at_source == OBSERVED or tail.sequence == 0
    if is_seen_only and tail.provider_status is not None:
        return max(tail.occurred_at_latest, tail.observed_at + CLOCK_DOUBT)
    return tail.occurred_at_latest
