"""One run for one provider's account, over as many load packages as it takes.

A session lives in memory only. What it would need after a crash is in the warehouse (`memory`)
and in the few bytes of `progress`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeVar

from dlt_docjobs._version import __version__
from dlt_docjobs.http import (
    ApiClient,
    ApiError,
    Clock,
    DeadlineReached,
    Forbidden,
    NotFound,
    SystemClock,
    Wait,
)
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.outcomes import EXIT_DONE, EXIT_PARTIAL, EXIT_REFUSED
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import JobPage, ProviderApi
from dlt_docjobs.sync.ahead import ReadAhead
from dlt_docjobs.sync.engine import Engine
from dlt_docjobs.sync.plan import Item, Plan
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.settings import SyncSettings, Window
from dlt_docjobs.warehouse.state import JobRef, KnownJob, OpenJob, WarehouseState

T = TypeVar("T")
LockKind = Literal["advisory", "lease", "none"]

_REMEMBERED_IDS: Final = 200_000


@dataclass(slots=True)
class Figures:
    """What a run counts (contract 4, `--json`)."""

    jobs_listed: int = 0
    jobs_new: int = 0
    jobs_changed: int = 0
    status_events: int = 0
    results_loaded: int = 0
    chunks: int = 0
    segments: int = 0
    rejected: int = 0
    open_jobs: int = 0
    pending_results: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tables the run is to fill."""

    tables: frozenset[str]
    include_ocr: bool

    def any_result(self, kind: JobKind) -> bool:
        """Whether any table needs results of this kind: if not, none is requested."""
        return bool(self._of(kind) & self.tables)

    def whole_result(self, kind: JobKind) -> bool:
        """Whether every table that a result fills is wanted."""
        return self._of(kind) <= self.tables

    def _of(self, kind: JobKind) -> frozenset[str]:
        if kind == "extract":
            return frozenset({"extraction_results"})
        tables = {"pages", "chunks", "segments"}
        return frozenset(tables | {"segment_ocr"} if self.include_ocr else tables)


@dataclass
class RunRequest:
    """What the caller of a run wants beyond the settings, and where it can watch.

    Attributes:
        run_id: The run's id.
        deadline: When to stop starting work, on the clock's monotonic scale.
        follow: Seconds between polls of open jobs; None does not follow.
        clock: Injected in tests.
        on_progress: Called with the session now and then.
        on_wait: Called before each pause that the HTTP client makes and that is worth telling.
        stop_reason: Set by a signal handler: the run ends as soon as it can.
        lock: Which lock to hold in the destination (`locks.destination`); None for its own.
    """

    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    deadline: float | None = None
    follow: float | None = None
    clock: Clock = field(default_factory=SystemClock)
    on_progress: Callable[[Session], None] | None = None
    on_wait: Callable[[Wait], None] | None = None
    stop_reason: str | None = None
    lock: LockKind | None = None

    @property
    def is_late(self) -> bool:
        """Whether the deadline has come."""
        return self.deadline is not None and self.clock.monotonic() >= self.deadline


class Session:
    """The state of one run.

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
        self.clock = request.clock
        self.follow = request.follow
        self.started_at = self.clock.now()
        self.finished_at = self.started_at
        self.figures = Figures()
        self.problems: list[str] = []
        self.fatal: str | None = None
        self.done = False
        self.left_work = False
        self.changes = 0
        self.clock_offset = timedelta(0)
        self.observed: set[JobRef] = set()
        self._watched: set[JobRef] = set()
        self._listed: set[int] = set()
        self.open_refs: set[JobRef] = set()
        self.memory_open: list[OpenJob] = []
        self.asked_for_usage: set[JobRef] = set()
        self.carried: list[Item] = []
        self._answered = False
        self._refused = False
        self._reported = self.clock.monotonic()
        self._memory: WarehouseState | None = None
        self.broken_off_runs: list[SyncRun] | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="docjobs-warehouse")
        self._items: AsyncIterator[Item] | None = None
        self.engine = Engine()
        # for who watches the run: results known of, and those that were fetched or given up
        self.results_known = 0
        self.results_ended = 0
        self.is_listed = False
        self.is_loading = False
        self.ahead = ReadAhead(api, settings.max_concurrency, lambda: self.must_stop)
        api.client.deadline = request.deadline
        if request.on_wait is not None:
            api.client.on_wait = request.on_wait

    @property
    def client(self) -> ApiClient:
        """The HTTP client."""
        return self.api.client

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.request.run_id

    def key(self, ref: JobRef) -> tuple[str, ...]:
        """The columns that a job's rows share."""
        return (self.settings.provider, self.settings.account, *ref)

    # -- the stream -------------------------------------------------------------------------

    async def next_item(self) -> Item | None:
        """The next item of the plan; None at its end, or when the run has to stop."""
        if self.must_stop:
            return None
        if self.carried:
            return self.carried.pop(0)
        if self._items is None:
            await self.client.__aenter__()
            self.api.reader.open()
            self._items = Plan(self).items().__aiter__()
        try:
            return await self._items.__anext__()
        except StopAsyncIteration:
            self.done = not self.must_stop
            return None

    @property
    def must_stop(self) -> bool:
        """Whether no new work may start."""
        return self.fatal is not None or self.request.stop_reason is not None or self.is_late

    @property
    def is_late(self) -> bool:
        """Whether the deadline has come."""
        return self.request.is_late

    @property
    def was_cut_short(self) -> bool:
        """Whether the deadline or a signal came before the plan's end."""
        was_stopped = self.is_late or self.request.stop_reason is not None
        return self.left_work or (was_stopped and not self.done)

    async def pause(self, seconds: float) -> bool:
        """Waits; False where the run has to stop before the time is over."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            if self.must_stop:
                return False
            deadline = self.request.deadline
            if deadline is not None:
                left = min(left, max(deadline - self.clock.monotonic(), 0.01))
            await self.clock.sleep(min(left, 0.5))
        return not self.must_stop

    # -- the warehouse ----------------------------------------------------------------------

    def attach(self, memory: WarehouseState) -> None:
        """A package begins: reads come from this connection."""
        self._memory = memory
        self.is_loading = False
        self.broken_off_runs = self._find_broken_off(memory)
        self.memory_open = memory.open_jobs()
        self.open_refs = {job.ref for job in self.memory_open if not job.is_given_up}
        pending = memory.jobs_in_states("pending")
        self._watched.update(self.open_refs, pending, memory.uncommitted_jobs)
        self.figures.open_jobs = len(self.memory_open)
        self.figures.pending_results = len(pending)
        for progress in self.progress.kinds.values():
            progress.next_package()

    def _find_broken_off(self, memory: WarehouseState) -> list[SyncRun]:
        """Runs whose rows go with the first package; of a backfill's, others may be under way."""
        if self.window is not None or self.broken_off_runs is not None:
            return []
        return memory.broken_off_runs()

    def is_forgotten(self, job_id: str) -> bool:
        """Whether the user had the job erased for good."""
        return self._memory is not None and self._memory.is_forgotten(job_id)

    def detach(self) -> None:
        """A package ended: its connection is closed."""
        self._memory = None
        self.is_loading = True

    async def read(self, query: Callable[[WarehouseState], T]) -> T:
        """Runs a query beside the event loop, one at a time."""
        memory = self._memory
        assert memory is not None
        return await asyncio.get_running_loop().run_in_executor(self._reader, query, memory)

    async def lookup(self, kind: JobKind, job_ids: Iterable[str]) -> dict[str, KnownJob]:
        """What the warehouse knows of the given jobs."""
        ids = list(job_ids)
        return await self.read(lambda memory: memory.lookup(kind, ids)) if ids else {}

    def report(self) -> None:
        """Tells whoever watches how far the run is, once a second at most."""
        now = self.clock.monotonic()
        if self.request.on_progress is not None and now - self._reported >= 1:
            self._reported = now
            self.request.on_progress(self)

    def saw(self, ref: JobRef) -> None:
        """Remembers that a job was looked at, if the plan would ask for it otherwise."""
        if ref in self._watched:
            self.observed.add(ref)

    def count_listed(self, seen: JobObservation) -> None:
        """Counts a listed job, once however often the lists repeat it.

        Only the last so many ids are remembered: memory does not grow with the list.
        """
        mark = hash((seen.job_kind, seen.job_id))
        if mark in self._listed:
            return
        if len(self._listed) >= _REMEMBERED_IDS:
            self._listed.clear()
        self._listed.add(mark)
        self.figures.jobs_listed += 1

    # -- what went wrong --------------------------------------------------------------------

    def fail(self, message: str, error: Exception) -> None:
        """Notes a failure; one that stands for the whole provider ends the run."""
        if isinstance(error, DeadlineReached):
            self.left_work = True
            return
        self.problems.append(message)
        if isinstance(error, ApiError) and error.is_fatal:
            self.fatal = self.fatal or str(error)

    def refuse(self, message: str, error: Exception) -> None:
        """Notes that a list can't be read; a refusal, or no such list, is no passing trouble."""
        self.fail(message, error)
        self._refused = self._refused or isinstance(error, (Forbidden, NotFound))

    def note_clock(self, page: JobPage) -> None:
        """Remembers that the provider answered, and how its clock stands."""
        self._answered = True
        for seen in page.observations[:1]:
            self.clock_offset = seen.clock_offset

    def note_answer(self) -> None:
        """Remembers that the provider answered something useful."""
        self._answered = True

    def empty_observation(
        self, kind: JobKind, job_id: str, error: NotFound | None = None
    ) -> JobObservation:
        """What a 404 says of a job: that it was gone at this moment."""
        self._answered = True
        return JobObservation(
            job_kind=kind,
            job_id=job_id,
            provider_status=None,
            observed_at=self.clock.now(),
            clock_offset=self.clock_offset,
        )

    @property
    def exit_code(self) -> int:
        """As of the command line, for what is known so far."""
        if self.fatal is not None or self._refused or (self.problems and not self._answered):
            return EXIT_REFUSED
        if self.problems or self.figures.rejected or self.was_cut_short:
            return EXIT_PARTIAL
        return EXIT_DONE

    @property
    def error(self) -> str | None:
        """What went wrong, in a sentence."""
        if self.fatal is not None:
            return self.fatal
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            return self.problems[0] + more
        if self.figures.rejected:
            return (
                f"{self.figures.rejected} record(s) that could not be read, or that the provider "
                "does not know, stand in rejected_records"
            )
        if self.was_cut_short:
            cause = self.request.stop_reason or "the deadline"
            return f"{cause} came before everything was fetched; the next sync goes on"
        return None

    def row(self) -> SyncRun:
        """The run's row, as far as it has come."""
        counters = self.api.counters
        figures = self.figures
        return SyncRun(
            run_id=self.run_id,
            provider=self.settings.provider,
            account=self.settings.account,
            ok=self.exit_code == EXIT_DONE,
            exit_code=self.exit_code,
            error=self.error,
            jobs_listed=figures.jobs_listed,
            jobs_new=figures.jobs_new,
            jobs_changed=figures.jobs_changed,
            status_events=figures.status_events,
            results_loaded=figures.results_loaded,
            chunks=figures.chunks,
            segments=figures.segments,
            rejected=figures.rejected,
            requests=counters.requests,
            retries=counters.retries,
            throttled=counters.throttled,
            cursor=self.progress.cursor,
            open_jobs=figures.open_jobs,
            pending_results=figures.pending_results,
            duration_seconds=round((self.finished_at - self.started_at).total_seconds(), 3),
            started_at=self.started_at,
            finished_at=self.finished_at,
            version=__version__,
        )

    def close(self) -> None:
        """Ends the run: closes the client, the threads and the event loop."""
        if self.engine.is_closed:
            return
        try:
            self.engine.close(self._close())
        finally:
            self._reader.shutdown(wait=True)

    async def _close(self) -> None:
        await self.ahead.close()
        await self.api.reader.close()
        items: Any = self._items
        if items is not None:
            await items.aclose()
            await self.client.__aexit__(None, None, None)
