"""What the parts of a run share: small objects, each with one thing to keep."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from dlt_docjobs.http import Clock, Deleted, InvalidIdentifier, NotFound, UnreadableBody
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import shifted
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.protocol import JobPage, ProviderApi, Rejection
from dlt_docjobs.sync.doubt import MissingJobs
from dlt_docjobs.sync.outcome import Figures, Outcome
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.rejections import payload_of
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.reviews import Reviews
from dlt_docjobs.sync.settings import SyncSettings, Window
from dlt_docjobs.warehouse.state import JobRef, KnownJob, OpenJob, Owner, WarehouseState

T = TypeVar("T")

_REMEMBERED_IDS: Final = 200_000
_REMEMBERED_WORDS: Final = 20


class WarehouseReader:
    """Asks the warehouse, beside the event loop and one question at a time.

    Attributes:
        open_jobs: Jobs that were open when the package began.
        is_broken: Whether a question had no answer.
    """

    def __init__(self) -> None:
        self.open_jobs: list[OpenJob] = []
        self.is_broken = False
        self._state: WarehouseState | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="docjobs-warehouse")

    def attach(self, state: WarehouseState) -> None:
        """A package begins: answers come from this connection."""
        self._state = state
        self.open_jobs = state.open_jobs()

    def detach(self) -> None:
        """A package has ended: its connection is closed."""
        self._state = None

    async def read(self, query: Callable[[WarehouseState], T]) -> T:
        """The answer to a query."""
        state = self._state
        assert state is not None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, query, state)
        except Exception:
            self.is_broken = True
            raise

    async def lookup(self, kind: JobKind, job_ids: Iterable[str]) -> dict[str, KnownJob]:
        """What the warehouse knows of the given jobs."""
        ids = list(job_ids)
        return await self.read(lambda state: state.lookup(kind, ids)) if ids else {}

    def is_forgotten(self, job_id: str | None) -> bool:
        """Whether the user had the job erased for good."""
        return job_id is not None and self._state is not None and self._state.is_forgotten(job_id)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=True)


@dataclass(slots=True)
class Looked:
    """Which jobs a run has looked at.

    Attributes:
        open_refs: Jobs that are open, and polled.
        observed: Jobs that were looked at, of those that the plan would ask for otherwise.
        failed: Jobs of which no answer could be had: once a run is enough.
        asked_for_usage: Jobs whose credits were asked for.
        resting: Jobs whose pending result is not asked for in this run.
        changes: How many events and results the run has brought.
    """

    open_refs: set[JobRef] = field(default_factory=set)
    observed: set[JobRef] = field(default_factory=set)
    failed: set[JobRef] = field(default_factory=set)
    asked_for_usage: set[JobRef] = field(default_factory=set)
    resting: set[JobRef] = field(default_factory=set)
    changes: int = 0
    _watched: set[JobRef] = field(default_factory=set)
    _listed: set[int] = field(default_factory=set)

    def watch(self, refs: Iterable[JobRef]) -> None:
        """Jobs that the plan asks for unless they have been looked at by then."""
        self._watched.update(refs)

    def note(self, ref: JobRef) -> None:
        """Remembers that a job was looked at, if the plan would ask for it otherwise."""
        if ref in self._watched:
            self.observed.add(ref)

    def is_first_listing(self, ref: JobRef) -> bool:
        """Whether the lists show a job for the first time.

        Only the last so many ids are remembered: memory does not grow with the list.
        """
        mark = hash(ref)
        if mark in self._listed:
            return False
        if len(self._listed) >= _REMEMBERED_IDS:
            self._listed.clear()
        self._listed.add(mark)
        return True


class ForeignJobs:
    """Jobs that belong to other accounts of the provider, and were met all the same.

    Attributes:
        count: How many.
        owners: The accounts that loaded them first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.owners: set[str] = set()
        self._met: set[int] = set()

    def note(self, ref: JobRef, owner: Owner) -> None:
        """Counts a job; only of the last so many ids it is remembered that they are counted."""
        self.owners.add(owner.account)
        mark = hash(ref)
        if mark in self._met:
            return
        if len(self._met) >= _REMEMBERED_IDS:
            self._met.clear()
        self._met.add(mark)
        self.count += 1


class OtherJobs:
    """Jobs of types that are no kind of ours, which a list shows among the others.

    Attributes:
        counts: How many, by the provider's word for the type.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._met: set[int] = set()

    def note(self, word: str, job_id: str) -> None:
        """Counts a job; only of the last so many ids it is remembered that they are counted."""
        mark = hash(job_id)
        if mark in self._met:
            return
        if len(self._met) >= _REMEMBERED_IDS:
            self._met.clear()
        self._met.add(mark)
        self.counts[word if len(self.counts) < _REMEMBERED_WORDS else "others"] += 1


class Clocks:
    """What the answers of a run told of the provider's clock.

    Attributes:
        offset: The provider's clock minus ours, by the last answer that told the time.
        is_told: Whether any answer did.
    """

    def __init__(self, clock: Clock) -> None:
        self.offset = timedelta(0)
        self.is_told = False
        self._clock = clock
        self._slowest = timedelta(0)

    def note(self, offset: timedelta | None) -> None:
        """Takes an answer's offset; None where it did not tell the time."""
        if offset is not None:
            self.is_told = True
            self.offset = offset
            self._slowest = min(self._slowest, offset)

    def provider_now(self) -> datetime:
        """The provider's clock, as its answers showed it: they may be wrong."""
        return shifted(self._clock.now(), self.offset)

    def earlier(self, instant: datetime) -> datetime:
        """An instant of our clock by the earlier of both clocks: what may be relied on."""
        return shifted(instant, self._slowest)


@dataclass(slots=True)
class ResultCount:
    """For who watches the run: results known of, and those that were fetched or given up."""

    known: int = 0
    ended: int = 0


class RunContext:
    """What the parts of a run share.

    Args:
        settings: What the sync is asked to do.
        api: The provider, over a client that is not yet connected.
        request: What the caller wants.
        progress: How far earlier runs have listed.
        window: A backfill window, None for the usual sync.
    """

    def __init__(
        self,
        settings: SyncSettings,
        api: ProviderApi,
        request: RunRequest,
        progress: Progress,
        window: Window | None = None,
    ) -> None:
        self.settings = settings
        self.api = api
        self.request = request
        self.progress = progress
        self.window = window
        self._progress_before = progress.dump()
        self.clocks = Clocks(request.clock)
        self.missing = MissingJobs(is_believed=settings.believe_gone)
        self.foreign = ForeignJobs()
        self.others = OtherJobs()
        self.figures = Figures()
        self.outcome = Outcome()
        self.warehouse = WarehouseReader()
        self.looked = Looked()
        self.results = ResultCount()
        self.reviews = Reviews(api, progress, request.clock, self.warehouse.read)
        self.is_listed = False

    @property
    def provider(self) -> Provider:
        """What the provider declares of itself."""
        return self.settings.provider

    @property
    def clock(self) -> Clock:
        """Our clock."""
        return self.request.clock

    def key(self, ref: JobRef) -> tuple[str, ...]:
        """The columns that a job's rows share."""
        return (self.provider.name, self.settings.account, *ref)

    def leave(self, ref: JobRef, known: KnownJob | None) -> bool:
        """Whether a job belongs to another account: then it is counted, and left as it is."""
        if known is None or known.owner is None:
            return False
        self.foreign.note(ref, known.owner)
        self.progress.beside[known.owner.account] = known.owner.generation
        return True

    @property
    def must_stop(self) -> bool:
        """Whether no new work may start."""
        request = self.request
        return self.outcome.fatal is not None or request.stop_reason is not None or request.is_late

    async def pause(self, seconds: float) -> bool:
        """Waits; False where the run has to stop before the time is over."""
        clock, deadline = self.clock, self.request.deadline
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            if self.must_stop:
                return False
            if deadline is not None:
                left = min(left, max(deadline - clock.monotonic(), 0.01))
            await clock.sleep(min(left, 0.5))
        return not self.must_stop

    @property
    def kept_progress(self) -> Progress:
        """How far the lists have been read: a run that doubts what it was told moves no cursor."""
        is_doubtful = self.missing.is_doubtful or self.missing.doubted_since is not None
        return Progress.load(self._progress_before) if is_doubtful else self.progress

    def note_page(self, page: JobPage) -> None:
        """Remembers that the provider answered, and how its clock stands."""
        self.outcome.was_answered = True
        self.clocks.note(page.clock_offset)
        for word, job_id in page.others:
            self.others.note(word, job_id)

    def not_answered(self, kind: JobKind, job_id: str, error: Exception) -> list[Rejection]:
        """Notes that no answer has told how a job is; returns what came in its place, to be kept.

        What is rejected is told once, and that nobody knows how the job is each time.
        """
        if not isinstance(error, InvalidIdentifier):
            self.outcome.fail(f"{kind} job {job_id} could not be asked for: {error}", error)
            if not isinstance(error, (UnreadableBody, UnreadableRecord)):
                return []
        payload = payload_of(error)
        return [Rejection(f"/{kind}/{job_id}", kind, job_id, str(error), payload)]

    def not_found(self, kind: JobKind, job_id: str, error: NotFound) -> JobObservation:
        """What a 404 says of a job: that it was not there at this moment."""
        self.outcome.was_answered = True
        return JobObservation(
            job_kind=kind,
            job_id=job_id,
            provider_status=None,
            observed_at=self.clock.now(),
            clock_offset=self.clocks.offset,
            is_deleted=isinstance(error, Deleted),
        )
