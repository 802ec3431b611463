"""The world of the providers: all jobs, and how they live as the clock is moved."""

from __future__ import annotations

import copy
import math
import random
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from dlt_docjobs.emulator.births import SHARES, bear, spread
from dlt_docjobs.emulator.clock import Clock, Move
from dlt_docjobs.emulator.contents import random_uuid
from dlt_docjobs.emulator.facts import count_facts
from dlt_docjobs.emulator.jobs import BILLING, REVIEW, Combination, Job, Step
from dlt_docjobs.emulator.lives import Life, draw_hanging_life, draw_life, path_to
from dlt_docjobs.emulator.truth import ResultFacts, TrueJob
from dlt_docjobs.emulator.vocabulary import Provider, canonical_status
from dlt_docjobs.model.vocabulary import SUCCEEDED, JobKind, is_terminal

_MAY_WORK_ON_PARSED: Final[tuple[Combination, ...]] = (
    ("llamacloud", "extract"),
    ("llamacloud", "classify"),
    ("llamacloud", "split"),
    ("landingai", "extract"),
)
_OPEN_SHARE: Final = 0.075
"""Of the jobs at start, those that are still open."""
_HANGING_SHARE: Final = 0.15
"""Of these, the ones that will never end."""
_LONGEST_GAP: Final = 600.0
"""Mean virtual seconds between two new jobs, at most: an hour always brings some."""
_YOUNGEST_FINISHED: Final = 3600.0
_AGAIN: Final = 0.08
"""Of the parse jobs, those of a document that was parsed before, here or at another provider."""
_REVIEWED_SHARE: Final = 0.3
"""Of LlamaCloud's extract jobs, the ones that a person is to look at."""
_BILLING_DELAY: Final = 600.0
"""Virtual seconds from a job's end to its credits, where a test has made it."""
_UNSILOED_EXTRACT_DAYS: Final = 6.5
"""Unsiloed forgets extract jobs after 7 days; at start none is that old."""


class World:
    """The jobs. Every method may be called from any thread."""

    def __init__(
        self,
        seed: int,
        jobs: int,
        history_days: float,
        clock: Clock,
        model_changes_at: datetime | None = None,
    ) -> None:
        """Lets `jobs` jobs live through the past `history_days` days, up to now."""
        self.lock = threading.RLock()
        self.clock = clock
        self.version = 0
        """Grows with every change."""
        self._seed = seed
        self._model_changes_at = model_changes_at
        self._history = history_days * 86400.0
        self._jobs: dict[str, Job] = {}
        self._births: dict[Combination, int] = dict.fromkeys(SHARES, 0)
        self._arrivals: list[tuple[float, Combination]] = []
        self._documents: dict[int, list[str]] = {}
        self._ordered: dict[tuple[Combination, str], tuple[int, list[Job]]] = {}
        self.signatures = random.Random(f"{seed}:signatures")
        """For presigned URLs, which differ at every call."""
        self.project_id = random_uuid(random.Random(f"{seed}:project"))
        self.organization_id = random_uuid(random.Random(f"{seed}:organization"))
        for combination, count in spread(jobs).items():
            self._populate(combination, count)
        # An empty world stays empty but for what a test puts there.
        self._mean_gap = min(_LONGEST_GAP, self._history / jobs) if jobs else math.inf
        self._gaps = random.Random(f"{seed}:arrivals")
        self._next_arrival = self._gaps.expovariate(1 / self._mean_gap) if jobs else math.inf

    # Birth and history

    def _bear(self, combination: Combination) -> Job:
        number = self._births[combination]
        self._births[combination] = number + 1
        seed = f"{self._seed}:{'/'.join(combination)}:{number}"
        rng = random.Random(f"{seed}:parse-job")
        parse_job = None
        if combination in _MAY_WORK_ON_PARSED and rng.random() < 0.4:
            provider = combination[0]
            parsed = self._births[(provider, "parse")]
            if parsed:
                chosen = rng.randrange(parsed)
                parse_seed = f"{self._seed}:{provider}/parse:{chosen}"
                parse_job = bear(parse_seed, (provider, "parse"))
                born = self._jobs.get(parse_job.job_id, parse_job)
                parse_job.document_name = born.document_name
        job = bear(seed, combination, parse_job)
        job.model_changes_at = self._model_changes_at
        if job.job_kind == "parse":
            self._take_known_document(job)
        self._jobs[job.job_id] = job
        return job

    def _take_known_document(self, job: Job) -> None:
        """Gives a few parse jobs a document that another has: one of as many pages."""
        known = self._documents.setdefault(job.document_pages, [])
        rng = random.Random(f"{job.seed}:again")
        if known and rng.random() < _AGAIN:
            job.document_name = rng.choice(known)
        else:
            known.append(job.document_name)

    def _populate(self, combination: Combination, count: int) -> None:
        rng = random.Random(f"{self._seed}:{'/'.join(combination)}:history")
        days = _UNSILOED_EXTRACT_DAYS * 86400.0
        forgets = combination == ("unsiloed", "extract")
        reach = min(self._history, days) if forgets else self._history
        still_open = set(rng.sample(range(count), round(count * _OPEN_SHARE)))
        enough = 1 if len(still_open) > 2 else 0
        hangs = max(enough, round(len(still_open) * _HANGING_SHARE))
        hanging = set(sorted(still_open)[:hangs])
        created = 0.0
        for number in range(count):
            job = self._bear(combination)
            life = draw_life(rng, combination, job.document_pages)
            together = rng.random() < 0.05
            if number in hanging:
                life = draw_hanging_life(rng, combination)
                self._settle(job, life, self._past(rng, reach))
            elif number in still_open:
                self._settle_midway(rng, job, life, reach)
            else:
                # Some jobs are submitted together and share their date with the one before.
                created = created if together and created else self._past(rng, reach)
                self._settle(job, life, created)
            self._round_dates(rng, job)

    @staticmethod
    def _past(rng: random.Random, reach: float) -> float:
        return -rng.uniform(min(_YOUNGEST_FINISHED, reach), reach)

    def _settle_midway(self, rng: random.Random, job: Job, life: Life, reach: float) -> None:
        """Puts now somewhere within a life; a quarter have waited there for hours or days."""
        end = life.steps[-1][0]
        now = end * rng.uniform(0.02, 0.98)
        wait = rng.uniform(0, min(3 * 86400.0, reach)) if rng.random() < 0.25 else 0.0
        steps = [(at - wait if at <= now else at, status) for at, status in life.steps]
        first = steps[0][0]
        shifted = [(at - first, status) for at, status in steps]
        self._settle(job, Life(shifted, life.failure), first - now)

    def _settle(self, job: Job, life: Life, created: float) -> None:
        """Gives a job its life from a virtual second on; what lies before now has happened."""
        rng = job.random("billing")
        job.failure = life.failure
        steps = [Step(created + at, status) for at, status in life.steps]
        if canonical_status(job.provider, steps[-1].what) == SUCCEEDED:
            # Credits show up a while after the end.
            steps.append(Step(steps[-1].at + rng.uniform(30.0, 5400.0), BILLING))
            self._plan_review(job, steps)
        job.plan = steps
        self._live(job, Move(-self._history, 0.0, self._instant(-self._history), self._instant(0)))

    @staticmethod
    def _plan_review(job: Job, steps: list[Step]) -> None:
        """Some extract jobs of LlamaCloud go to a person, who takes hours or days."""
        rng = job.random("review")
        if job.combination == ("llamacloud", "extract") and rng.random() < _REVIEWED_SHARE:
            job.is_in_review = True
            steps.append(Step(steps[-1].at + rng.uniform(60.0, 3 * 86400.0), REVIEW))

    def _instant(self, virtual: float) -> datetime:
        return self.clock.started_at + timedelta(seconds=virtual)

    def _live(self, job: Job, move: Move) -> None:
        """Lets everything happen that a job's plan has up to the end of a move."""
        while job.plan and job.plan[0].at <= move.virtual_to:
            step = job.plan.pop(0)
            at = self._instant(step.at) if move.virtual_to <= 0 else move.instant(step.at)
            if step.what == BILLING:
                job.billed_at = at
            elif step.what == REVIEW:
                job.reviewed_at = at
                job.review_revision += 1
            else:
                job.enter(step.what, at)
                job.stage_began = step.at

    @staticmethod
    def _round_dates(rng: random.Random, job: Job) -> None:
        """Dates have microseconds, or milliseconds, or whole seconds."""
        unit = rng.choice((1, 1, 1000, 1000, 1_000_000))
        for index, transition in enumerate(job.transitions):
            kept = transition.at.microsecond // unit * unit
            job.transitions[index] = transition._replace(at=transition.at.replace(microsecond=kept))

    # Moves

    def advance(self, seconds: float) -> None:
        """Moves the jobs' clock: open jobs go on, new ones appear."""
        with self.lock:
            self.version += 1
            move = self.clock.move(seconds)
            while self._next_arrival <= move.virtual_to:
                self._arrive(self._next_arrival)
                self._next_arrival += self._gaps.expovariate(1 / self._mean_gap)
            for job in self._jobs.values():
                self._live(job, move)

    def _arrive(self, virtual: float) -> None:
        combination = self._gaps.choices(list(SHARES), list(SHARES.values()))[0]
        job = self._bear(combination)
        life = draw_life(job.random("life"), combination, job.document_pages)
        job.failure = life.failure
        job.plan = [Step(virtual + at, status) for at, status in life.steps]
        if canonical_status(job.provider, job.plan[-1].what) == SUCCEEDED:
            wait = job.random("billing").uniform(30.0, 5400.0)
            job.plan.append(Step(job.plan[-1].at + wait, BILLING))
            self._plan_review(job, job.plan)

    # What tests do to jobs

    def add_job(
        self,
        provider: Provider,
        job_kind: JobKind = "parse",
        *,
        job_id: str | None = None,
        status: str | None = None,
        created_at: datetime | None = None,
        transitions: Sequence[tuple[str, datetime]] | None = None,
        hang: bool = False,
        pages: int | None = None,
        failed_pages: Sequence[int] | None = None,
        document_name: str | None = None,
        result: Any = None,
        error_message: str | None = None,
        tier: str | None = None,
        credits: float | None = None,
        user_metadata: dict[str, str] | None = None,
        parse_job_id: str | None = None,
    ) -> TrueJob:
        """See `Emulator.add_job`."""
        combination: Combination = (provider, job_kind)
        if combination not in SHARES:
            raise ValueError(f"no such provider and kind of job: {provider!r}, {job_kind!r}")
        with self.lock:
            self.version += 1
            move = self.clock.move(0)
            job = self._bear(combination)
            if job_id is not None:
                del self._jobs[job.job_id]
                job.job_id = job_id
                self._jobs[job_id] = job
            job.document_name = job.document_name if document_name is None else document_name
            if pages is not None:
                job.document_pages, job.failed_pages = pages, frozenset()
                job.price = float(pages)
            if failed_pages is not None:
                job.failed_pages = frozenset(failed_pages)
            job.tier = tier or job.tier
            job.user_metadata = user_metadata or job.user_metadata
            if parse_job_id is not None:
                job.file_input = job.parse_job_id = parse_job_id
            job.result = result
            life = draw_life(job.random("life"), combination, job.document_pages)
            if hang:
                life = draw_hanging_life(job.random("life"), combination)
            job.failure = error_message or life.failure
            if transitions is not None:
                for word, at in transitions:
                    job.enter(word, at.astimezone(timezone.utc))
            else:
                self._begin(job, life, move, status, created_at, hang)
            job.stage_began = self.clock.virtual
            if credits is not None:
                job.price, job.billed_at = credits, job.transitions[-1].at
                job.plan = [step for step in job.plan if step.what != BILLING]
            return self.truth(job)

    def _begin(
        self,
        job: Job,
        life: Life,
        move: Move,
        status: str | None,
        created_at: datetime | None,
        hang: bool,
    ) -> None:
        """Brings a new job to a status, and plans what is to come."""
        words = [word for _, word in life.steps]
        way = words if hang and status is None else path_to(job.combination, status or words[0])
        start, end, parts = move.real_from, move.real_to, len(way)
        if created_at is not None:
            # An old job has gone its way within minutes of its creation.
            start, parts = created_at.astimezone(timezone.utc), max(1, len(way) - 1)
            end = min(max(end, start), start + timedelta(seconds=60 * parts))
            job.enter(way[0], start)
            way = way[1:]
        for number, word in enumerate(way, start=1):
            job.enter(word, start + (end - start) * number / parts)
        if job.has_result:
            job.plan = [Step(self.clock.virtual + _BILLING_DELAY, BILLING)]
        elif not hang and not is_terminal(job.status):
            # A word that the life does not pass comes before everything that it does.
            latest = job.provider_status
            passed = words.index(latest) if latest in words else 0
            begun = life.steps[passed][0]
            later = life.steps[passed + 1 :]
            job.plan = [Step(self.clock.virtual + at - begun, word) for at, word in later]
            if canonical_status(job.provider, words[-1]) == SUCCEEDED:
                job.plan.append(Step(job.plan[-1].at + _BILLING_DELAY, BILLING))

    def set_status(self, job_id: str, provider_status: str, at: datetime | None = None) -> None:
        """See `Emulator.set_status`."""
        with self.lock:
            self.version += 1
            move = self.clock.move(0)
            job = self._jobs[job_id]
            job.enter(provider_status, move.real_to if at is None else at.astimezone(timezone.utc))
            job.stage_began = self.clock.virtual
            bill = Step(self.clock.virtual + _BILLING_DELAY, BILLING)
            job.plan = [bill] if job.has_result else []

    def remove(self, job_id: str) -> None:
        """From now on the provider knows nothing of the job."""
        with self.lock:
            self.version += 1
            self._jobs[job_id].gone_at = self.clock.move(0).real_to

    def review(self, job_id: str, corrections: dict[str, Any] | None, *, is_decided: bool) -> None:
        """See `Emulator.review`."""
        with self.lock:
            self.version += 1
            job = self._jobs[job_id]
            job.is_in_review = True
            job.reviewed_at = self.clock.move(0).real_to if is_decided else None
            job.corrections = corrections
            job.review_revision += 1
            job.plan = [step for step in job.plan if step.what != REVIEW]

    def reprocess(self, job_id: str, pages: int | None = None, result: Any = None) -> None:
        """See `Emulator.reprocess`."""
        with self.lock:
            self.version += 1
            job = self._jobs[job_id]
            job.touched_at = self.clock.move(0).real_to
            job.revision += 1
            job.result, job.facts = result, None
            if pages is not None:
                job.document_pages, job.failed_pages = pages, frozenset()

    # Sight

    def truth(self, job: Job) -> TrueJob:
        """What is true of a job now."""
        with self.lock:
            # What the job becomes later must not change what was true now.
            frozen = copy.copy(job)
            frozen.transitions = list(job.transitions)
            return TrueJob(
                provider=job.provider,
                job_kind=job.job_kind,
                job_id=job.job_id,
                created_at=job.created_at,
                transitions=list(job.transitions),
                document_name=job.document_name,
                document_pages=job.document_pages,
                expired_at=job.expired_at(self.clock.read()),
                error_message=job.error_message,
                tier=job.tier,
                credits=job.credits,
                is_in_review=job.is_in_review and job.has_result,
                reviewed_at=job.reviewed_at if job.has_result else None,
                count_facts=lambda: self._facts(job, frozen),
            )

    def _facts(self, job: Job, frozen: Job) -> ResultFacts:
        with self.lock:
            facts = count_facts(frozen)
            if frozen.revision == job.revision:
                job.facts = frozen.facts
            return facts

    def jobs(self, provider: str | None = None, job_kind: str | None = None) -> list[TrueJob]:
        """The truth of all jobs, oldest first; expired ones too."""
        with self.lock:
            chosen = [
                job
                for job in self._jobs.values()
                if job.transitions
                and provider in (None, job.provider)
                and job_kind in (None, job.job_kind)
            ]
            chosen.sort(key=lambda job: (job.created_at, job.job_id))
            return [self.truth(job) for job in chosen]

    def any_job(self, job_id: str) -> Job:
        """The record of a job, expired or not.

        Raises:
            KeyError: There never was such a job.
        """
        return self._jobs[job_id]

    def price(self, job_id: str | None) -> float | None:
        """What billing has recorded for a job, if it is one and if it has."""
        job = None if job_id is None else self._jobs.get(job_id)
        return None if job is None else job.credits

    def find(self, combination: Combination, job_id: str) -> Job | None:
        """The record of a job that the provider still knows."""
        job = self._jobs.get(job_id)
        if job is None or job.combination != combination:
            return None
        return None if job.expired_at(self.clock.read()) else job

    def was_removed(self, job_id: str) -> bool:
        """Whether there was a job that the provider does not know any more."""
        job = self._jobs.get(job_id)
        return job is not None and job.expired_at(self.clock.read()) is not None

    def listed(self, combination: Combination, order: str, *, with_gone: bool = False) -> list[Job]:
        """The jobs that a list shows, ordered by `id`, `newest` or `oldest`."""
        version, jobs = self._ordered.get((combination, order), (-1, []))
        if version != self.version:
            jobs = [job for job in self._jobs.values() if job.combination == combination]
            if order == "id":
                jobs.sort(key=lambda job: job.job_id)
            else:
                jobs.sort(key=lambda job: (job.created_at, job.job_id), reverse=order == "newest")
            self._ordered[combination, order] = (self.version, jobs)
        now = self.clock.read()
        return [job for job in jobs if with_gone or not job.expired_at(now)]
