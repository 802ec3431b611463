"""True lives of jobs, what a provider says of them when asked, and events checked against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, NamedTuple, cast

from hypothesis import strategies as st

from dlt_docjobs.emulator.vocabulary import Provider, canonical_status
from dlt_docjobs.http.answers import clock_offset
from dlt_docjobs.model.history import History
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import Job, StatusEvent
from dlt_docjobs.model.vocabulary import EXPIRED, JobKind
from dlt_docjobs.providers.protocol import ContentPolicy, ProviderApi
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.sync.job_rows import JobEntry, JobRows
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse.state import KnownJob

BASE = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
JOB = "job-1"


def at(seconds: float) -> datetime:
    """Seconds after noon."""
    return BASE + timedelta(seconds=seconds)


def api_of(provider: Provider, **policy: bool) -> ProviderApi:
    """A provider's API that is never asked."""
    return registered(provider).api_class()(cast(Any, None), ContentPolicy(**policy))


def ledger_of(
    provider: Provider, policy: dict[str, bool] | None = None, **settings: Any
) -> JobRows:
    """A ledger with these settings."""
    rules = ContentPolicy(**policy or {})
    return JobRows(
        api_of(provider, **policy or {}),
        SyncSettings(registered(provider), policy=rules, **settings),
    )


# -- true lives -------------------------------------------------------------------------------

_NEXT: dict[str, dict[str, tuple[str, ...]]] = {
    "llamacloud": {
        "PENDING": ("RUNNING", "THROTTLED", "COMPLETED", "FAILED", "CANCELLED"),
        "THROTTLED": ("PENDING", "RUNNING", "CANCELLED"),
        "RUNNING": ("COMPLETED", "FAILED", "CANCELLED", "PENDING", "SUSPENDED", "THROTTLED"),
        "SUSPENDED": ("RUNNING", "CANCELLED"),
    },
    "contextual": {
        "pending": ("processing", "completed", "cancelled"),
        "processing": ("completed", "failed", "retrying", "cancelled", "pausing"),
        "retrying": ("processing", "failed"),
        "pausing": ("processing", "Pausing2"),
        "Pausing2": ("cancelled",),
        "failed": ("retrying",),
    },
    "unsiloed": {
        "AwaitingUpload": ("Queued", "Cancelled"),
        "Starting": ("Processing", "Queued", "Cancelled"),
        "Queued": ("Processing", "Starting"),
        "Processing": ("Succeeded", "Failed", "Cancelled", "Stalled"),
        "Stalled": ("Processing", "Failed"),
        "Succeeded": ("Starting",),
        "Failed": ("Starting", "Queued"),
    },
    # as its list says it: single answers say less
    "reducto": {
        "Pending": ("InProgress", "Completed", "Failed", "Cancelled"),
        "InProgress": ("Completing", "Completed", "Failed", "Cancelled", "Paused"),
        "Paused": ("InProgress", "Cancelled"),
        "Completing": ("Completed", "Failed"),
        "Failed": ("InProgress",),
    },
    "landingai": {
        "pending": ("processing", "completed", "failed", "cancelled"),
        "processing": ("completed", "failed", "cancelled", "paused", "pending"),
        "paused": ("processing", "cancelled"),
        "failed": ("pending", "processing"),
    },
}
_FIRST = {
    "llamacloud": ("PENDING", "THROTTLED"),
    "contextual": ("pending",),
    "unsiloed": ("Starting", "AwaitingUpload"),
    "reducto": ("Pending",),
    "landingai": ("pending",),
}


class Step(NamedTuple):
    """A job's entry into a status, in seconds on the provider's clock."""

    word: str
    at: float


@dataclass(frozen=True)
class Life:
    """What really happened to a job, on the provider's clock."""

    provider: Provider
    kind: JobKind
    steps: tuple[Step, ...]
    expires: float | None
    bumps: tuple[float, ...] = ()
    """Times at which LlamaCloud's updated_at moved for another reason."""
    is_dated: bool = True
    says_updated: bool = True
    has_points: bool = False
    """Whether job-data-points are served."""
    keeps_times: bool = False
    """Whether Unsiloed's times of an earlier life stay until they are written anew."""

    def past(self, now: float) -> tuple[Step, ...]:
        """What has happened."""
        return tuple(step for step in self.steps if step.at <= now)


@dataclass(frozen=True)
class Poll:
    """One question: on our clock in seconds."""

    sent: float
    latency: float
    sampled: float
    """Where between sending and receiving the provider looked, 0 to 1."""
    points_age: float = 0.0
    is_uncommitted: bool = False
    ends_package: bool = True


@st.composite
def lives(draw: st.DrawFn, provider: Provider) -> Life:
    word = draw(st.sampled_from(_FIRST[provider]))
    has_points = provider == "llamacloud" and draw(st.integers(0, 3)) == 0
    # what happened in which order within one instant no points can tell
    instant = 0.001 if has_points else 0.0
    gaps = st.sampled_from([instant, 0.4, 1.0, 3.0, 7.5, 30.0, 600.0])
    now = 0.0
    steps = [Step(word, now)]
    length = draw(st.sampled_from([6, 3, 2, 8, 1, 0]))
    for place in range(length):
        following = _NEXT[provider].get(word)
        if following is None:
            break
        if place < length - 1:
            following = tuple(after for after in following if after in _NEXT[provider]) or following
        word = draw(st.sampled_from(following))
        now += draw(gaps)
        steps.append(Step(word, now))
    expires = now + draw(gaps) if draw(st.integers(0, 4)) == 0 else None
    kind: JobKind = draw(st.sampled_from(["parse", "extract"]))
    bumps = draw(st.lists(st.sampled_from([0.5, 2.0, 8.0, 100.0]), max_size=2))
    is_llama = provider == "llamacloud"
    return Life(
        provider,
        kind,
        tuple(steps),
        expires,
        tuple(now + bump for bump in bumps) if is_llama else (),
        is_dated=draw(st.integers(0, 3)) > 0,
        says_updated=draw(st.booleans()),
        has_points=has_points,
        keeps_times=draw(st.booleans()),
    )


@dataclass(frozen=True)
class Case:
    """A life and the questions about it."""

    life: Life
    polls: tuple[Poll, ...]
    offset: float


@st.composite
def cases(draw: st.DrawFn, provider: Provider, offsets: st.SearchStrategy[float]) -> Case:
    life = draw(lives(provider))
    # milliseconds of one clock can't be told from those of another that is 2 s apart
    offset = 0.0 if life.has_points else draw(offsets)
    after = st.sampled_from([0.3, 0.0, 0.001, 1.2, 5.0, 70.0, -0.4])
    moments = [step.at for step in life.steps]
    moments.append(moments[-1] if life.expires is None else life.expires)
    times = sorted(moment + draw(after) for moment in moments if draw(st.integers(0, 3)) < 3)
    asked: list[Poll] = []
    free = -1e9
    for time in times or [moments[-1] + 1]:
        sent = max(time - offset, free)
        latency = draw(st.sampled_from([0.0, 0.001, 0.25, 4.0]))
        asked.append(
            Poll(
                sent,
                latency,
                draw(st.sampled_from([0.0, 0.5, 1.0])),
                draw(st.sampled_from([0.0, 0.0, 0.2, 5.0])),
                draw(st.integers(0, 9)) == 0,
                draw(st.booleans()),
            )
        )
        free = sent + latency + 0.002
    return Case(life, tuple(asked), offset)


OFFSETS = st.sampled_from([0.0, 0.0, 1.5, -1.5, 2.6, -2.6, 9.3, -9.3, 400.0, -400.0])


# -- what the provider says -------------------------------------------------------------------


def observe(life: Life, poll: Poll, offset: float) -> JobObservation | None:
    """What the provider answers; None where there is no such job yet.

    An answer without a status is a 404.
    """
    seen_at = poll.sent + poll.latency * poll.sampled
    now = seen_at + offset
    past = life.past(now)
    if not past:
        return None
    sent, received = at(poll.sent), at(poll.sent + poll.latency)
    date = format_datetime(at(now).replace(microsecond=0), usegmt=True)
    known = clock_offset(date, None, sent, received)
    gone = life.expires is not None and now >= life.expires
    seen = JobObservation(
        life.kind, JOB, None if gone else past[-1].word, received, known, sent_at=sent
    )
    if gone:
        return seen
    if life.provider == "llamacloud":
        _say_llamacloud(life, seen, past, now, poll.points_age)
    elif life.provider == "unsiloed":
        _say_unsiloed(life, seen, past)
    elif life.provider == "reducto":
        seen.created_at = at(life.steps[0].at)
    elif life.provider == "landingai":
        seen.created_at = at(life.steps[0].at) if life.is_dated else None
        is_over = past[-1].word in ("completed", "failed", "cancelled")
        seen.finished_at = at(past[-1].at) if is_over else None
    elif life.kind == "extract":
        seen.created_at = at(life.steps[0].at) if life.is_dated else None
    else:
        created = at(life.steps[0].at)
        seen.created_at_earliest = created - timedelta(seconds=5)
        seen.created_at_latest = min(created + timedelta(seconds=60), seen.holds_until)
        seen.created_at_latest = max(seen.created_at_latest, seen.created_at_earliest)
    return seen


def _say_llamacloud(
    life: Life, seen: JobObservation, past: Sequence[Step], now: float, age: float
) -> None:
    if life.is_dated:
        seen.created_at = at(life.steps[0].at)
    if life.says_updated:
        moved = [bump for bump in life.bumps if bump <= now]
        seen.updated_at = at(max([past[-1].at, *moved]))
    if life.has_points:
        # the points were asked for before the list; each status has the time of its last entry
        entered = {step.word: at(step.at) for step in life.past(now - age)}
        entered.pop("SUSPENDED", None)
        seen.transitions = tuple(sorted(entered.items()))


def _say_unsiloed(life: Life, seen: JobObservation, past: Sequence[Step]) -> None:
    seen.created_at = at(life.steps[0].at)
    started = finished = None
    previous = ""
    for word, moment in past:
        is_new_life = word in ("Starting", "Queued") and previous in ("Succeeded", "Failed")
        if is_new_life and not life.keeps_times:
            started = finished = None
        if word == "Processing" and previous != "Stalled":
            started = moment
        if word in ("Succeeded", "Failed") or (word == "Cancelled" and life.keeps_times):
            finished = moment
        previous = word
    seen.started_at = None if started is None else at(started)
    seen.finished_at = None if finished is None else at(finished)


# -- syncs ------------------------------------------------------------------------------------


@dataclass
class Warehouse:
    """The rows of one job, and syncs that go on from them as `WarehouseState` reads them."""

    ledger: JobRows
    kind: JobKind
    row: Job | None = None
    events: list[StatusEvent] = field(default_factory=list)
    entry: JobEntry | None = None

    def known(self, is_uncommitted: bool = False) -> KnownJob | None:
        if not self.events:
            return None
        last, first = self.events[-1], self.events[0]
        row = None if is_uncommitted else self.row
        looked_at = row.last_observed_at if row else last.occurred_at_earliest
        history = History(last, first.occurred_at_earliest, looked_at)
        return KnownJob(row, history, is_uncommitted, self.row if is_uncommitted else None)

    def take(self, seen: JobObservation, is_uncommitted: bool = False) -> JobEntry:
        """One observation in the package at hand."""
        if self.entry is None:
            self.entry = self.ledger.entry((self.kind, JOB), self.known(is_uncommitted))
        if seen.provider_status is None:
            self.ledger.expire(self.entry, seen)
        else:
            self.ledger.observe(self.entry, seen)
        return self.entry

    def commit(self) -> None:
        """The package ends."""
        if self.entry is not None:
            self.events.extend(self.entry.events)
            if self.entry.must_write:
                self.row = self.entry.row
        self.entry = None


def run(case: Case, times: int = 1) -> tuple[Warehouse, list[JobObservation]]:
    """The syncs of a life; each question asked so many times."""
    life, offset = case.life, case.offset
    warehouse = Warehouse(ledger_of(life.provider), life.kind)
    answers: list[JobObservation] = []
    for poll in [poll for poll in case.polls for _ in range(times)]:
        seen = observe(life, poll, offset)
        if seen is None or (seen.provider_status is None and not answers):
            continue
        answers.append(seen)
        warehouse.take(seen, poll.is_uncommitted)
        if poll.ends_package:
            warehouse.commit()
    warehouse.commit()
    return warehouse, answers


# -- truth ------------------------------------------------------------------------------------


def holds(event: StatusEvent, moment: float, offset: float, is_proven: bool) -> bool:
    """Whether a true time, on the provider's clock, lies within an event's bounds.

    Where the clocks differ by less than anybody can tell, either clock's reading will do.
    """
    theirs, ours = at(moment), at(moment - offset)
    earliest = event.occurred_at_earliest
    if is_proven or offset == 0:
        return (earliest is None or earliest <= theirs) and theirs <= event.occurred_at_latest
    early, late = min(theirs, ours), max(theirs, ours)
    return (earliest is None or earliest <= late) and early <= event.occurred_at_latest


def explain(
    life: Life, events: Sequence[StatusEvent], offset: float, is_proven: bool
) -> list[float | None]:
    """For each event the true time that it stands for; None where it stands for nothing true."""
    steps = list(life.steps)
    if life.expires is not None:
        steps.append(Step("(gone)", life.expires))
    place = 0
    found: list[float | None] = []
    for event in events:
        index = 0 if event.sequence == 0 else None
        for later in range(place, len(steps)) if event.sequence else ():
            word, moment = steps[later]
            if event.status == EXPIRED:
                is_it = word == "(gone)"
            else:
                is_it = canonical_status(life.provider, word) == event.status and (
                    event.provider_status is None or event.provider_status == word
                )
            if is_it and holds(event, moment, offset, is_proven):
                index = later
                break
        if index is None or not holds(event, steps[index].at, offset, is_proven):
            found.append(None)
            continue
        found.append(steps[index].at)
        place = index + 1
    return found
