"""Jobs of the emulator, looked at now and then: the truth beside what a warehouse would know.

Without requests and syncs, so that many lives cost little: an observation says what an answer could
have said at that moment, and the history is derived from it as in a sync.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, Final, NamedTuple

from views_support import Row, job

from dlt_docjobs.emulator import Emulator, TrueJob
from dlt_docjobs.model.history import History, derive_events
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import is_terminal
from dlt_docjobs.providers.registry import provider

_START: Final = datetime(2026, 9, 21, 18, tzinfo=timezone.utc)
_PHASES: Final = {"queued": ("queued",), "running": ("running", "retrying")}
# seconds between the looks: often at first, then at leisure; at the last everything has ended
_PAUSES: Final = (0, 5, 10, 20, 40, 80, 200, 900, 3_400, 20, 30, 60, 600, 7_200)
_BACK: Final = 9
_LATER_LIFE: Final = ("Starting", "Processing", "Succeeded")
_BORN: Final = 60


class Evidence(NamedTuple):
    """What answers say of a job beside its status."""

    creation: str
    has_started: bool
    has_finished: bool
    has_updated: bool
    often: float


@dataclass
class Seen:
    """A job, and what was written of it."""

    evidence: Evidence
    account: str
    events: list[Any]
    last: JobObservation
    truth: TrueJob

    def row(self) -> Row:
        """Its row in `jobs`."""
        first, seen = self.events[0], self.last
        dated = seen.created_at
        if self.evidence.creation == "bounded":
            dated = first.occurred_at
        known = provider(self.truth.provider).vocabulary
        status = known.status(seen.provider_status)
        return job(
            self.truth.job_id,
            provider=self.truth.provider,
            account=self.account,
            job_kind=self.truth.job_kind,
            tier=self.truth.tier,
            status=status,
            provider_status=seen.provider_status,
            is_terminal=is_terminal(status),
            created_at=dated,
            created_at_precision=self.evidence.creation,
            created_at_earliest=first.occurred_at_earliest,
            created_at_latest=first.occurred_at_latest,
        )

    def history(self) -> list[Row]:
        """Its rows in `job_status_history`."""
        of_job = {
            "provider": self.truth.provider,
            "account": self.account,
            "job_kind": self.truth.job_kind,
            "job_id": self.truth.job_id,
            "run_id": "run",
        }
        return [{**event._asdict(), **of_job} for event in self.events]


def true_seconds(truth: TrueJob, phase: str) -> float:
    """The time that a job has spent in a phase, ended stays only; `total` is to its last end."""
    if phase == "total":
        return (truth.transitions[-1].at - truth.created_at).total_seconds()
    return sum(
        (after.at - stay.at).total_seconds()
        for stay, after in pairwise(truth.transitions)
        if stay.status in _PHASES[phase]
    )


class _Clock:
    """The time of a seed's jobs; it goes on whenever it is read."""

    now = _START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=2)
        return self.now


def looked_at(seed: int, jobs: int) -> list[Seen]:
    """All jobs of a seed, after looks of which each job has missed some.

    Args:
        seed: Everything follows from it.
        jobs: How many the emulator begins with.
    """
    rng = random.Random(f"looks {seed}")
    clock = _Clock()
    emulator = Emulator(seed=seed, jobs=jobs, history_days=1.5, now=clock)
    found: dict[str, Seen] = {}
    evidence: dict[str, Evidence] = {}
    gone_back: set[str] = set()
    for place, pause in enumerate(_PAUSES):
        clock.now += timedelta(seconds=pause)
        emulator.advance(pause)
        if place == 0:
            for one in rng.choices(emulator.jobs(), k=_BORN):
                emulator.add_job(one.provider, one.job_kind)
        if place == _BACK:
            # a life that nobody saw leaves no trace
            ended = [one for one in found.values() if one.events[-1].is_terminal]
            gone_back |= {
                one.truth.job_id
                for one in ended
                if one.truth.provider == "unsiloed" and rng.random() < 0.5
            }
        for job_id in sorted(gone_back):
            # a later life, one step a look
            if place - _BACK < len(_LATER_LIFE):
                emulator.set_status(job_id, _LATER_LIFE[place - _BACK])
        # what the looks find is true at one moment after they were asked for
        asked_at = clock()
        emulator.advance(0)
        seen_at = clock()
        is_last = place == len(_PAUSES) - 1
        for truth in emulator.jobs():
            known = evidence.setdefault(truth.job_id, _draw(rng))
            is_new_life = place == _BACK and truth.job_id in gone_back
            if is_last or is_new_life or rng.random() < known.often:
                _look(found, truth, f"seed {seed}", known, asked_at, seen_at)
    return list(found.values())


def _draw(rng: random.Random) -> Evidence:
    return Evidence(
        creation=rng.choices(("exact", "bounded", "unknown"), (0.6, 0.35, 0.05))[0],
        has_started=rng.random() < 0.2,
        has_finished=rng.random() < 0.4,
        has_updated=rng.random() < 0.4,
        often=rng.choice((0.0, 0.1, 0.5, 0.9)),
    )


def _look(
    found: dict[str, Seen],
    truth: TrueJob,
    account: str,
    evidence: Evidence,
    asked_at: datetime,
    seen_at: datetime,
) -> None:
    seen = found.get(truth.job_id)
    observation = _observation(truth, evidence, asked_at, seen_at)
    history = None
    if seen is not None:
        first = seen.events[0]
        history = History(seen.events[-1], first.occurred_at_earliest, seen.last.sent_at)
    vocabulary = provider(truth.provider).vocabulary
    events = derive_events(truth.provider, vocabulary, observation, history)
    if seen is None:
        found[truth.job_id] = Seen(evidence, account, events, observation, truth)
    else:
        seen.events += events
        seen.last, seen.truth = observation, truth


def _observation(
    truth: TrueJob, evidence: Evidence, asked_at: datetime, seen_at: datetime
) -> JobObservation:
    known: dict[str, Any] = {}
    created = truth.created_at
    if evidence.creation == "exact":
        known["created_at"] = created
    elif evidence.creation == "bounded":
        # as narrow as lists have shown it: an hour, or what has passed since
        width = timedelta(hours=1)
        start = created - (created - _START) % width
        known["created_at_earliest"] = start
        known["created_at_latest"] = min(start + width, seen_at)
    starts = _starts(truth)
    if evidence.has_started and starts:
        known["started_at"] = starts[0]
    if evidence.has_finished and truth.is_terminal:
        known["finished_at"] = truth.transitions[-1].at
    if evidence.has_updated:
        known["updated_at"] = truth.transitions[-1].at
    return JobObservation(
        truth.job_kind,
        truth.job_id,
        truth.provider_status,
        seen_at,
        sent_at=asked_at,
        **known,
    )


def _starts(truth: TrueJob) -> list[datetime]:
    """The moments at which it began running since it last went back, as Unsiloed AI has them."""
    ends = [place for place, one in enumerate(truth.transitions[:-1]) if is_terminal(one.status)]
    latest_life = truth.transitions[ends[-1] + 1 if ends else 0 :]
    return [one.at for one in latest_life if one.status == "running"]
