"""A warehouse and a provider in memory, and real runs of the engine between them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import httpx
import pyarrow as pa

from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.http import ApiClient, HttpSettings, NotFound
from dlt_docjobs.loading.engine import Engine
from dlt_docjobs.model.history import History
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import Job, JobProgress, JsonText, StatusEvent, SyncRun
from dlt_docjobs.model.vocabulary import SUCCEEDED, JobKind
from dlt_docjobs.providers.declaration import Bound, JobList, Kind
from dlt_docjobs.providers.declaration import Provider as Declaration
from dlt_docjobs.providers.llamacloud.results import read_answer
from dlt_docjobs.providers.protocol import (
    ContentPolicy,
    Extraction,
    JobAnswer,
    JobPage,
    ListRange,
    ProviderApi,
)
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.sync.package import Package
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session
from dlt_docjobs.sync.settings import SyncSettings, Wanted, Window
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse.state import (
    RETRIED_OFTEN,
    JobRef,
    KnownJob,
    OpenJob,
    WarehouseState,
)

BASE = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
JSON_COLUMNS = ("config", "user_metadata", "payload")
NO_RESULTS = Wanted(frozenset({"jobs", "job_status_history", "rejected_records"}))
EVERYTHING = Wanted(frozenset(TABLES))


def at(seconds: float) -> datetime:
    return BASE + timedelta(seconds=seconds)


class StillClock:
    """Stands still unless it is moved."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return at(self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


# -- the warehouse ------------------------------------------------------------------------------


def reordered(text: str | None) -> JsonText | None:
    """JSON as PostgreSQL's jsonb gives it back: the same value, other text."""
    if text is None:
        return None
    return JsonText(json.dumps(_shuffled(json.loads(text)), ensure_ascii=True, indent=1))


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in sorted(value, reverse=True)}
    if isinstance(value, list):
        return [_shuffled(entry) for entry in value]
    return value


@dataclass
class Warehouse:
    """Merges batches as dlt does, and answers as `WarehouseState` does."""

    is_jsonb: bool = False
    jobs: dict[JobRef, Job] = field(default_factory=dict)
    written_by: dict[JobRef, str] = field(default_factory=dict)
    events: dict[JobRef, list[StatusEvent]] = field(default_factory=dict)
    progress: dict[JobRef, list[JobProgress]] = field(default_factory=dict)
    rows: dict[str, dict[JobRef, list[dict[str, Any]]]] = field(default_factory=dict)
    rejected: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pending: list[dict[str, pa.Table]] = field(default_factory=list)
    uncommitted: set[JobRef] = field(default_factory=set)

    async def take(self, batch: dict[str, pa.Table]) -> None:
        self.pending.append(batch)

    def commit(self) -> None:
        """The load is done."""
        fresh: dict[str, dict[JobRef, list[dict[str, Any]]]] = {}
        for batch in self.pending:
            for name, table in batch.items():
                assert table.schema == TABLES[name].arrow_schema
                for row in table.to_pylist():
                    self._merge(name, row, fresh)
        for name, of_jobs in fresh.items():
            for ref, rows in of_jobs.items():
                kept = [row for row in rows if not row["_removed"]]
                self.rows.setdefault(name, {})[ref] = kept
        self.pending = []

    def _merge(self, name: str, row: dict[str, Any], fresh: Any) -> None:
        if name == "sync_runs":
            self.runs[row["run_id"]] = row
            return
        if name == "rejected_records":
            assert row["rejection_id"] not in self.rejected, "a second sight added a row"
            self.rejected[row["rejection_id"]] = row
            return
        ref: JobRef = (row["job_kind"], row["job_id"])
        if name == "jobs":
            self.jobs[ref] = Job(**{key: row[key] for key in Job._fields})
            self.written_by[ref] = row["run_id"]
        elif name == "job_status_history":
            event = StatusEvent(**{key: row[key] for key in StatusEvent._fields})
            events = self.events.setdefault(ref, [])
            assert event.sequence == len(events), "sequences are dense"
            assert event.event_id not in {other.event_id for other in events}
            events.append(event)
        elif name == "job_progress":
            step = JobProgress(**{key: row[key] for key in JobProgress._fields})
            steps = self.progress.setdefault(ref, [])
            assert step.observed_at not in {other.observed_at for other in steps}
            steps.append(step)
        else:
            fresh.setdefault(name, {}).setdefault(ref, []).append(row)

    # -- what WarehouseState answers --------------------------------------------------------------

    @property
    def state(self) -> WarehouseState:
        return cast(WarehouseState, self)

    @property
    def is_empty(self) -> bool:
        return not self.events

    def broken_off_runs(self) -> list[SyncRun]:
        return []

    @property
    def uncommitted_jobs(self) -> frozenset[JobRef]:
        return frozenset(self.uncommitted)

    def is_forgotten(self, job_id: str) -> bool:
        return False

    def lookup(self, kind: JobKind, job_ids: Iterable[str]) -> dict[str, KnownJob]:
        found: dict[str, KnownJob] = {}
        for job_id in job_ids:
            known = self._known((kind, job_id))
            if known is not None:
                found[job_id] = known
        return found

    def _known(self, ref: JobRef) -> KnownJob | None:
        if ref not in self.events:
            return None
        events, row = self.events[ref], self.jobs.get(ref)
        if row is not None and self.is_jsonb:
            row = row._replace(**{key: reordered(getattr(row, key)) for key in JSON_COLUMNS})
        is_uncommitted = ref in self.uncommitted
        history = History(
            events[-1],
            events[0].occurred_at_earliest,
            events[-1].occurred_at_earliest
            if row is None or is_uncommitted
            else row.last_observed_at,
        )
        return KnownJob(
            None if is_uncommitted else row,
            history,
            is_uncommitted,
            row if is_uncommitted else None,
        )

    def settled(self, kind: JobKind, before: datetime | None) -> list[str]:
        found = []
        for (of_kind, job_id), row in self.jobs.items():
            is_open = not self.events[(of_kind, job_id)][-1].is_terminal
            is_old = before is None or (row.created_at is not None and row.created_at < before)
            if of_kind == kind and (row.given_up_at is not None if is_open else is_old):
                found.append(job_id)
        return found

    def holds_rows(self, name: str, refs: Iterable[JobRef]) -> bool:
        return any(self.rows.get(name, {}).get(ref) for ref in refs)

    def last_progress(self, refs: Iterable[JobRef]) -> dict[JobRef, JobProgress]:
        return {ref: self.progress[ref][-1] for ref in refs if ref in self.progress}

    def open_jobs(self) -> list[OpenJob]:
        opened = []
        for ref, events in self.events.items():
            if not events[-1].is_terminal:
                row = self.jobs[ref]
                is_given_up = row.given_up_at is not None
                opened.append(OpenJob(ref, row.created_at, row.created_at_earliest, is_given_up))
        return opened

    def due_results(self, now: datetime) -> list[JobRef]:
        day_ago = now - RETRIED_OFTEN

        def is_due(ref: JobRef) -> bool:
            seen = [one.observed_at for one in self.events[ref] if one.status == SUCCEEDED]
            was_seen_lately = not seen or max(seen) >= day_ago
            return was_seen_lately or self.runs[self.written_by[ref]]["started_at"] <= day_ago

        return [ref for ref in self.jobs_in_states("pending") if is_due(ref)]

    def doubted_since(self) -> datetime | None:
        runs = sorted(self.runs.values(), key=lambda run: run["finished_at"])
        return runs[-1]["doubted_since"] if runs else None

    def jobs_in_states(self, *states: str) -> list[JobRef]:
        return sorted(ref for ref, row in self.jobs.items() if row.results_state in states)

    def jobs_without_credits(self, ended_after: datetime, asked_before: datetime) -> list[JobRef]:
        return sorted(
            ref
            for ref, row in self.jobs.items()
            if row.status == "succeeded"
            and row.credits is None
            and row.results_state != "expired"
            and self.events[ref][-1].occurred_at_latest >= ended_after
            and row.last_observed_at <= asked_before
        )

    def jobs_to_review(self, *_: Any) -> list[JobRef]:
        """None: what is asked of reviews has tests of its own."""
        return []

    def holds_reviews(self) -> bool:
        return False

    def reviews(self, _: Iterable[JobRef]) -> dict[JobRef, Any]:
        return {}

    def recent_jobs(self, kind: JobKind, since: datetime) -> list[str]:
        return [
            ref[1]
            for ref, row in self.jobs.items()
            if ref[0] == kind and row.created_at is not None and row.created_at >= since
        ]

    def newest_job(self, kind: JobKind) -> datetime | None:
        dates = [row.created_at for ref, row in self.jobs.items() if ref[0] == kind]
        return max(filter(None, dates), default=None)

    def job_kinds(self, job_ids: Iterable[str]) -> dict[str, set[JobKind]]:
        wanted = set(job_ids)
        found: dict[str, set[JobKind]] = {}
        for kind, job_id in self.jobs:
            if job_id in wanted:
                found.setdefault(job_id, set()).add(kind)
        return found

    def count_created_since(self, kind: JobKind, since: datetime) -> int:
        return sum(
            ref[0] == kind and (row.created_at_latest is None or row.created_at_latest >= since)
            for ref, row in self.jobs.items()
        )

    def rejections(self, rejection_ids: Iterable[str]) -> dict[str, datetime]:
        return {
            identifier: self.rejected[identifier]["observed_at"]
            for identifier in rejection_ids
            if identifier in self.rejected
        }


# -- the provider -------------------------------------------------------------------------------


@dataclass
class ServerJob:
    """A job as the provider has it."""

    kind: JobKind
    job_id: str
    status: str
    created: datetime
    is_dated: bool = True
    is_gone: bool = False


@dataclass
class Server:
    """A provider's account."""

    clock: StillClock
    jobs: list[ServerJob] = field(default_factory=list)
    order: str = "random"
    page: int = 100
    random: random.Random = field(default_factory=lambda: random.Random(1))
    listings: int = 0
    pages: int = 0
    asked: list[JobRef] = field(default_factory=list)
    fetched: list[JobRef] = field(default_factory=list)
    on_page: Callable[[], None] | None = None
    fails: Callable[[int, str | None], Exception | None] = lambda page, token: None

    def add(self, job_id: str, status: str, seconds: float, **rest: Any) -> ServerJob:
        job = ServerJob(rest.pop("kind", "parse"), job_id, status, at(seconds), **rest)
        self.jobs.append(job)
        return job

    def find(self, kind: JobKind, job_id: str) -> ServerJob | None:
        return next((job for job in self.jobs if (job.kind, job.job_id) == (kind, job_id)), None)


def declaration(
    provider: Provider,
    *,
    filters: frozenset[JobKind],
    lists: frozenset[JobKind],
    poll_batch: int,
    is_stable: bool,
) -> Declaration:
    """A provider's declaration, but for how its jobs are found and asked for."""
    declared = registered(provider)
    kinds: dict[JobKind, Kind] = {}
    for name, kind in declared.kinds.items():
        listing = None
        if name in lists and (provider, name) == ("contextual", "parse"):
            since: frozenset[Bound] = frozenset({"since"})
            listing = JobList("/parse", is_dated=False, filters=since, is_stable=is_stable)
        elif name in lists:
            bounds: frozenset[Bound] = frozenset({"since", "until"} if name in filters else ())
            listing = JobList(
                f"/{name}", filters=bounds, covers_open=not bounds, is_stable=is_stable
            )
        kinds[name] = replace(kind, list=listing, poll_batch=poll_batch)
    return replace(declared, kinds=kinds)


class FakeApi(ProviderApi):
    """A provider that answers out of memory, in whatever order."""

    read_answer = staticmethod(read_answer)

    def __init__(
        self,
        server: Server,
        provider: Provider = "llamacloud",
        *,
        filters: Iterable[JobKind] = ("parse", "extract"),
        lists: Iterable[JobKind] = ("parse", "extract"),
        poll_batch: int = 50,
        is_stable: bool = True,
    ) -> None:
        client = ApiClient(
            "https://api.test",
            headers={},
            settings=HttpSettings(),
            transport=httpx.MockTransport(lambda request: httpx.Response(500)),
            clock=server.clock,
        )
        super().__init__(client, ContentPolicy(), server.page)
        self.server = server
        self.filters_created = frozenset(filters)
        self.provider = declaration(  # type: ignore[misc]
            provider,
            filters=self.filters_created,
            lists=frozenset(lists),
            poll_batch=poll_batch,
            is_stable=is_stable,
        )
        self._orders: dict[str, list[ServerJob]] = {}

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        server = self.server
        server.pages += 1
        if server.on_page is not None:
            server.on_page()
        error = server.fails(server.pages, token)
        if error is not None:
            raise error
        if token is None:
            server.listings += 1
            name, start = str(server.listings), 0
            self._orders[name] = self._listing(kind, wanted)
        else:
            name, _, place = token.partition(":")
            start = int(place)
        jobs = self._orders[name][start : start + server.page]
        end = start + server.page
        more = f"{name}:{end}" if end < len(self._orders[name]) else None
        return JobPage([self._observe(job) for job in jobs], [], more, timedelta(0))

    def _listing(self, kind: JobKind, wanted: ListRange) -> list[ServerJob]:
        def is_in(job: ServerJob) -> bool:
            if job.kind != kind or job.is_gone:
                return False
            if kind not in self.filters_created or (wanted.lower, wanted.upper) == (None, None):
                return True
            if not job.is_dated:
                return False
            return (wanted.lower is None or job.created >= wanted.lower) and (
                wanted.upper is None or job.created <= wanted.upper
            )

        jobs = [job for job in self.server.jobs if is_in(job)]
        if self.server.order == "random":
            self.server.random.shuffle(jobs)
        else:
            jobs.sort(key=lambda job: job.created, reverse=self.server.order == "newest")
        return jobs

    def _observe(self, job: ServerJob) -> JobObservation:
        # Contextual's parse jobs carry no date
        is_told = (self.provider.name, job.kind) != ("contextual", "parse")
        return JobObservation(
            job.kind,
            job.job_id,
            job.status,
            self.server.clock.now(),
            created_at=job.created if job.is_dated and is_told else None,
            payload={"id": job.job_id},
        )

    def _found(self, kind: JobKind, job_id: str) -> ServerJob:
        job = self.server.find(kind, job_id)
        if job is None or job.is_gone:
            raise NotFound(f"/{kind}/{job_id}", "404, not found", status=404)
        return job

    async def poll(self, kind: JobKind, job_ids: Sequence[str]) -> JobPage:
        jobs = [self.server.find(kind, job_id) for job_id in job_ids]
        seen = [self._observe(job) for job in jobs if job and not job.is_gone]
        return JobPage(seen, [], None, timedelta(0))

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        self.server.asked.append((kind, job_id))
        return JobAnswer(self._observe(self._found(kind, job_id)))

    async def review(self, kind: JobKind, job_id: str) -> None:
        """Nobody reviews anything here."""

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        self.server.fetched.append((kind, job_id))
        job = self._found(kind, job_id)
        answer = JobAnswer(self._observe(job))
        if self.provider.vocabulary.status(job.status) == SUCCEEDED:
            if kind == "parse":
                answer.document = read_answer(
                    b'{"items": {"pages": []}}', dict, include_content=True, include_ocr=True
                ).document
            else:
                answer.extraction = Extraction({"total": 1}, None)
        return answer

    async def usage(self, kind: JobKind, job_id: str) -> JobAnswer:
        return JobAnswer(replace(self._observe(self._found(kind, job_id)), credits=1.5))

    async def check(self) -> None:
        raise NotImplementedError


# -- runs ---------------------------------------------------------------------------------------


def run(
    api: ProviderApi,
    warehouse: Warehouse,
    progress: Progress,
    *,
    wanted: Wanted = NO_RESULTS,
    packages: int | None = None,
    window: Window | None = None,
    request: RunRequest | None = None,
    **settings: Any,
) -> tuple[Session, Progress]:
    """A sync, killed after so many packages; returns the progress that the last of them kept."""
    clock = cast(FakeApi, api).server.clock if isinstance(api, FakeApi) else StillClock()
    request = request or RunRequest(clock=clock)
    session = Session(SyncSettings(api.provider, **settings), api, request, progress, window)
    state = progress.dump()
    engine = Engine()
    count = 0
    try:
        while True:
            session.attach(warehouse.state)
            package = Package(session, wanted, warehouse.take, reads_ahead=True)
            engine.start(package.run()).result()
            session.detach()
            warehouse.commit()
            # what dlt keeps is JSON
            state = json.loads(json.dumps(session.context.kept_progress.dump()))
            count += 1
            if session.done or session.context.must_stop or count == packages:
                return session, Progress.load(state)
    finally:
        engine.close(session.close())
        session.context.warehouse.close()
