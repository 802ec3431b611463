"""What one run asks, in what order.

The whole run is one asynchronous generator of answers. A package takes from it until it is full
and the next package goes on where it stopped, so lists are read once a run whatever the size of
the packages. Order: open jobs and unfinished loads that no list will show, results left pending,
the lists, open jobs that the lists did not show after all, credits, and then, with `--follow`,
the open jobs again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Final

from dlt_docjobs.http import (
    ApiError,
    InvalidIdentifier,
    InvalidRequest,
    NotFound,
    UnreadableBody,
)
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import UTC, before
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange, Rejection
from dlt_docjobs.sync.brackets import Bracketing
from dlt_docjobs.sync.progress import KindProgress
from dlt_docjobs.sync.rejections import payload_of, unknown_id_rejection
from dlt_docjobs.sync.settings import Window
from dlt_docjobs.warehouse.state import JobRef, OpenJob

if TYPE_CHECKING:
    from dlt_docjobs.sync.session import Session

_USAGE_FOR: Final = timedelta(days=7)
_USAGE_EVERY: Final = timedelta(hours=24)
_UNKNOWN_ID_FOR: Final = timedelta(hours=24)
_CLOCK_DOUBT: Final = timedelta(seconds=3)
_IDLE_PAGES: Final = 100
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LISTED_IDS: Final = 200_000
_NAMED_AT_ONCE: Final = 2000
# As many requests, one behind the other, are one page of answers
_ROUNDS_PER_PAGE: Final = 4


class _Stopped(Exception):
    """The run has to stop in the middle of a list: what it would have shown is not known."""


class ListingBroken(Exception):
    """A list that can't be read to its end: a token that repeats, pages that bring nothing."""


@dataclass(slots=True, repr=False)
class Seen:
    """Answers about jobs.

    Attributes:
        page: The observations and what could not be read.
        is_list: Whether they come from a list (or, for Unsiloed, from the user's ids).
        progress: The listing's progress that the jobs belong to.
    """

    page: JobPage
    is_list: bool = False
    progress: KindProgress | None = None


@dataclass(slots=True, repr=False)
class Gone:
    """404 for a job. `page` asks for nothing: the empty observation carries the clocks."""

    observation: JobObservation


@dataclass(slots=True, repr=False)
class Fetch:
    """A result to fetch of a job that the warehouse knows."""

    ref: JobRef


@dataclass(slots=True, repr=False)
class Look:
    """Jobs that no run has seen: each is asked for with its result, in one request.

    Attributes:
        refs: Each job once.
        progress: As in `Seen`.
    """

    refs: list[JobRef]
    progress: dict[JobKind, KindProgress]


@dataclass(slots=True, repr=False)
class Settle:
    """What was asked for so far has to be answered before the plan goes on."""


@dataclass(slots=True, repr=False)
class Answered:
    """An answer that may hold the result already."""

    answer: JobAnswer


@dataclass(slots=True, repr=False)
class Cut:
    """The package may end here, so that what was learnt reaches the warehouse."""


Item = Seen | Gone | Fetch | Look | Settle | Answered | Cut


class Plan:
    """The run of one session, as a stream of items."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settings = session.settings
        self._api = session.api
        self._clock = session.clock
        self._reach_back: datetime | None = None

    async def items(self) -> AsyncIterator[Item]:
        """Everything that the run asks, in order."""
        session = self._session
        if session.window is not None:
            stream = self._backfill(session.window)
        elif self._settings.reload is not None:
            stream = self._reload()
        elif self._api.lists and self._settings.targets is not None:
            stream = self._poll(await self._named_refs(), is_list=True)
        else:
            stream = self._incremental()
        async for item in stream:
            yield item
        session.is_listed = True
        if session.follow is not None:
            async for item in self._follow(session.follow):
                yield item

    # -- the usual sync ---------------------------------------------------------------------

    async def _incremental(self) -> AsyncIterator[Item]:
        session = self._session
        opened = [job for job in session.memory_open if not job.is_given_up]
        ranges = {kind: await self._range(kind, opened) for kind in self._listed_kinds()}
        if "parse" in ranges and self._api.provider == "contextual":
            self._reach_back = await self._find_reach_back(ranges["parse"], opened)
        uncommitted = await session.read(lambda memory: memory.uncommitted_jobs)
        apart = [job.ref for job in opened if not self._is_covered(job, ranges)]
        apart += [ref for ref in sorted(uncommitted) if ref not in set(apart)]
        async for item in self._poll(apart):
            yield item
        pending = await session.read(lambda memory: memory.jobs_in_states("pending"))
        session.results_known += len(pending)
        for ref in pending:
            if ref not in session.observed:
                yield Fetch(ref)
            else:
                session.results_ended += 1
        for kind, window in ranges.items():
            async for item in self._guarded(kind, self._list_kind(kind, window, opened)):
                yield item
        if not self._api.lists:
            async for item in self._named():
                yield item
        session.is_listed = True
        # a list may leave out what its filter promised
        missed = [job.ref for job in opened if job.ref not in session.observed]
        async for item in self._poll(missed):
            yield item
        if self._api.bills_late:
            async for item in self._usage():
                yield item

    def _listed_kinds(self) -> list[JobKind]:
        return [kind for kind in self._settings.kinds if kind in self._api.lists]

    async def _range(self, kind: JobKind, opened: Sequence[OpenJob]) -> Window:
        """From the cursor less the lag; the very first time from the start date."""
        progress = self._session.progress.kinds[kind]
        since = self._settings.start_date
        if progress.cursor is not None:
            since = before(progress.cursor, self._settings.lag)
        if kind == "parse" and self._api.provider == "contextual":
            forgotten = self._now() - timedelta(days=self._api.retention_days[kind])
            since = max(since, forgotten) if since else forgotten
        return Window(since, None)

    def _is_covered(self, job: OpenJob, ranges: dict[JobKind, Window]) -> bool:
        """Whether a list of this run is bound to show an open job."""
        kind = job.ref[0]
        if kind not in ranges:
            return False
        if self._api.provider == "contextual":
            is_older = self._begins_before(job, ranges[kind])
            return kind == "extract" or not is_older or self._reach_back is not None
        since = ranges[kind].since
        if since is None:
            return True
        created = job.created_at
        if self._session.progress.kinds[kind].todo:
            return False
        return created is not None and created >= since

    async def _list_kind(
        self, kind: JobKind, window: Window, opened: Sequence[OpenJob]
    ) -> AsyncIterator[Item]:
        progress = self._session.progress.kinds[kind]
        if self._settings.include_state_transitions:
            since = window.since or self._now() - timedelta(days=7)
            hours = (self._now() - since) / timedelta(hours=1)
            await self._api.load_transitions(kind, hours)
        if kind == "parse" and self._api.provider == "contextual":
            async for item in self._list_bracketed(progress, window):
                yield item
            return
        splittable = kind in self._api.filters_created
        todo = progress.todo if splittable else []
        if not any(unfinished.until is None for unfinished in todo):
            todo.insert(0, window)
        if not splittable:
            todo = [window]
        while todo:
            current = todo.pop()
            progress.begin(current, splittable)
            began = self._clock.now()
            async for page in self._pages(kind, current):
                yield Seen(page, True, progress)
            if self._session.must_stop:
                return
            progress.finish(began + self._session.clock_offset)

    async def _list_bracketed(self, progress: KindProgress, window: Window) -> AsyncIterator[Item]:
        """Contextual's parse list, back to the oldest open job where that is cheaper."""
        session = self._session
        progress.begin(window, False)
        began = self._clock.now()
        bracketing = Bracketing(
            lambda since: self._pages("parse", Window(since, None)),
            self._undated,
            self._settings.created_at_resolution,
        )
        async for page in bracketing.pages(window, self._reach_back, self._now()):
            yield Seen(page, True, progress)
        if session.must_stop:
            return
        # everything uploaded before the first request has been listed; the Date header does not
        # tell clocks apart that differ by less than 2 s
        listed = began + session.clock_offset - _CLOCK_DOUBT
        progress.finish(listed, cursor=listed)

    async def _find_reach_back(self, window: Window, opened: Iterable[OpenJob]) -> datetime | None:
        """The oldest creation among open jobs that the window leaves out.

        None where there are none, or where asking for each by itself costs no more than the list.
        """
        begun = [
            job.created_at_earliest or job.created_at
            for job in opened
            if self._begins_before(job, window)
        ]
        oldest = min(filter(None, begun), default=None)
        if oldest is None:
            return None
        known = await self._session.read(lambda memory: memory.count_created_since("parse", oldest))
        pages = ceil((known + 1) / (self._api.page_size or 1000))
        return oldest if pages < len(begun) else None

    def _begins_before(self, job: OpenJob, window: Window) -> bool:
        begun = job.created_at_earliest or job.created_at
        return (
            job.ref[0] == "parse"
            and begun is not None
            and window.since is not None
            and (begun < window.since)
        )

    async def _undated(self, job_ids: Iterable[str]) -> set[str]:
        wanted = set(job_ids)
        known = await self._session.lookup("parse", wanted)
        return {
            job_id
            for job_id in wanted
            if (found := known.get(job_id)) is None
            or found.row is None
            or found.row.created_at_precision == "unknown"
        }

    # -- lists ------------------------------------------------------------------------------

    async def _pages(self, kind: JobKind, window: Window) -> AsyncIterator[JobPage]:
        """A list from its first page to its last, for whatever order and tokens it has."""
        wanted = ListRange(window.since, window.until)
        token: str | None = None
        tokens: set[str] = set()
        listed: set[int] = set()
        idle = 0
        while True:
            if self._session.must_stop:
                raise _Stopped
            try:
                page = await self._api.list_page(kind, wanted, token)
            except InvalidRequest:
                if token is None or "restarted" in tokens:
                    raise
                # tokens have a lifetime that nobody documents
                tokens, token = {"restarted"}, None
                continue
            self._session.note_clock(page)
            fresh = [seen for seen in page.observations if hash(seen.job_id) not in listed]
            if len(listed) < _LISTED_IDS:
                listed.update(hash(seen.job_id) for seen in fresh)
            idle = 0 if fresh else idle + 1
            yield page
            if page.next_token is None:
                return
            if page.next_token in tokens or page.next_token == token:
                raise ListingBroken(
                    f"the {kind} list repeats a page token, so its end can't be reached; what it "
                    "brought is kept, and the next sync lists from the same place"
                )
            if idle >= _IDLE_PAGES:
                raise ListingBroken(
                    f"{_IDLE_PAGES} pages of the {kind} list in a row brought no job that the "
                    "list had not brought before; the listing was stopped"
                )
            token = page.next_token
            tokens.add(token)

    async def _guarded(self, kind: JobKind, stream: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """One kind's failure never stops the other, unless it stands for the whole provider."""
        try:
            async for item in stream:
                yield item
        except _Stopped:
            return
        except (ApiError, ListingBroken, UnreadableRecord) as error:
            self._session.progress.kinds[kind].abandon()
            if isinstance(error, UnreadableBody):
                rejection = Rejection(error.endpoint, kind, None, str(error), error.body)
                yield Seen(JobPage([], [rejection]), True)
            elif isinstance(error, UnreadableRecord):
                rejection = Rejection(
                    error.endpoint or f"/{kind}", kind, None, str(error), error.payload
                )
                yield Seen(JobPage([], [rejection]), True)
            self._session.refuse(f"{kind} jobs could not be listed: {error}", error)

    # -- jobs by id -------------------------------------------------------------------------

    async def _poll(self, refs: Sequence[JobRef], is_list: bool = False) -> AsyncIterator[Item]:
        """Asks for given jobs, in as few requests as the provider allows."""
        for kind in self._settings.kinds:
            ids = list(dict.fromkeys(job_id for of_kind, job_id in refs if of_kind == kind))
            if self._api.poll_batch > 1:
                rest: list[str] = []
                for start in range(0, len(ids), self._api.poll_batch):
                    batch = ids[start : start + self._api.poll_batch]
                    if self._session.must_stop:
                        return
                    try:
                        page = await self._api.poll(kind, batch)
                    except (ApiError, UnreadableRecord) as error:
                        if isinstance(error, ApiError) and error.is_fatal:
                            raise
                        # a refused batch may be one bad id: each by itself then
                        rest.extend(batch)
                        continue
                    self._session.note_clock(page)
                    yield Seen(page, is_list)
                    found = {seen.job_id for seen in page.observations}
                    rest.extend(job_id for job_id in batch if job_id not in found)
                ids = rest
            async for item in self._ask_each(kind, ids, is_list):
                yield item

    async def _ask_each(
        self, kind: JobKind, ids: Sequence[str], is_list: bool
    ) -> AsyncIterator[Item]:
        width = self._settings.max_concurrency
        places = asyncio.Semaphore(width)

        async def ask(job_id: str) -> Item | None:
            async with places:
                return None if self._session.must_stop else await self._ask(kind, job_id, is_list)

        for start in range(0, len(ids), _ROUNDS_PER_PAGE * width):
            if self._session.must_stop:
                return
            asked = ids[start : start + _ROUNDS_PER_PAGE * width]
            # one page: what the warehouse knows is looked up once for all of it
            page = JobPage([], [])
            for item in await asyncio.gather(*map(ask, asked)):
                if isinstance(item, Seen):
                    page.observations.extend(item.page.observations)
                    page.rejections.extend(item.page.rejections)
                elif item is not None:
                    yield item
            if page.observations or page.rejections:
                yield Seen(page, is_list)

    async def _ask(self, kind: JobKind, job_id: str, is_list: bool) -> Item | None:
        endpoint = f"/{kind}/{job_id}"
        try:
            answer = await self._api.status(kind, job_id)
        except NotFound as error:
            return Gone(self._session.empty_observation(kind, job_id, error))
        except InvalidIdentifier as error:
            rejection = Rejection(endpoint, kind, job_id, str(error), None)
            return Seen(JobPage([], [rejection]), is_list)
        except (UnreadableRecord, UnreadableBody) as error:
            rejection = Rejection(endpoint, kind, job_id, str(error), payload_of(error))
            return Seen(JobPage([], [rejection]), is_list)
        except ApiError as error:
            if error.is_fatal:
                raise
            self._session.fail(f"{kind} job {job_id} could not be asked for: {error}", error)
            return None
        if answer.has_result:
            return Answered(answer)
        return Seen(JobPage([answer.observation], []), is_list)

    async def _named(self) -> AsyncIterator[Item]:
        """The jobs that the user names, where the provider has no list (Unsiloed)."""
        session = self._session
        lag_start = {
            kind: before(progress.cursor, self._settings.lag) if progress.cursor else None
            for kind, progress in session.progress.kinds.items()
        }
        for kind in self._settings.kinds:
            session.progress.kinds[kind].begin(Window(None, None), False)
        began = self._clock.now()
        async for unseen, refs in self._due_targets(lag_start):
            if unseen:
                session.results_known += len(unseen)
                yield Look(unseen, session.progress.kinds)
            async for item in self._poll(refs, is_list=True):
                if isinstance(item, Seen):
                    for seen in item.page.observations:
                        session.progress.kinds[seen.job_kind].saw(seen.created_at)
                elif isinstance(item, Answered):
                    seen = item.answer.observation
                    session.progress.kinds[seen.job_kind].saw(seen.created_at)
                yield item
        yield Settle()
        if not session.must_stop:
            for kind in self._settings.kinds:
                progress = session.progress.kinds[kind]
                progress.saw(await self._newest(kind))
                progress.finish(began + session.clock_offset)

    async def _newest(self, kind: JobKind) -> datetime | None:
        return await self._session.read(lambda memory: memory.newest_job(kind))

    async def _due_targets(
        self, lag_start: dict[JobKind, datetime | None]
    ) -> AsyncIterator[tuple[list[JobRef], list[JobRef]]]:
        """The named jobs that are due: unseen ones, and those open or still within the lag."""
        session = self._session
        targets = dict.fromkeys(ref for ref in self._targets() if not session.is_forgotten(ref[1]))
        for kind in self._settings.kinds:
            # as many as are named may have ended long ago: they cost no look at their rows
            settled = await self._settled(kind, lag_start[kind]) if targets else ()
            for job_id in settled:
                targets.pop((kind, job_id), None)
        refs = list(targets)
        for start in range(0, len(refs), _NAMED_AT_ONCE):
            yield await self._due(refs[start : start + _NAMED_AT_ONCE], lag_start)

    async def _settled(self, kind: JobKind, before: datetime | None) -> Iterable[str]:
        return await self._session.read(lambda memory: memory.settled(kind, before))

    async def _due(
        self, refs: list[JobRef], lag_start: dict[JobKind, datetime | None]
    ) -> tuple[list[JobRef], list[JobRef]]:
        session = self._session
        unseen: list[JobRef] = []
        due: list[JobRef] = []
        for kind in self._settings.kinds:
            ids = [job_id for of_kind, job_id in refs if of_kind == kind]
            known = await session.lookup(kind, ids)
            since = lag_start[kind]
            for job_id in ids:
                if (kind, job_id) in session.observed:
                    continue
                found = known.get(job_id)
                if found is None:
                    unseen.append((kind, job_id))
                elif found.row is None or found.history is None:
                    due.append((kind, job_id))
                elif found.history.is_open:
                    if found.row.given_up_at is None:
                        due.append((kind, job_id))
                elif since and found.row.created_at and found.row.created_at >= since:
                    due.append((kind, job_id))
        marks = {ref: unknown_id_rejection(session.settings, ref) for ref in unseen}
        rejected = await session.read(lambda memory: memory.rejections(marks.values()))
        limit = self._clock.now() - _UNKNOWN_ID_FOR
        # the provider did not know these: it is asked for a day, whether it does by now
        due += [ref for ref in unseen if rejected.get(marks[ref], _BEGINNING) >= limit]
        return [ref for ref in unseen if marks[ref] not in rejected], due

    def _targets(self) -> Iterable[JobRef]:
        for job_id, kind in self._settings.targets or ():
            yield (kind or "parse", job_id)

    async def _named_refs(self) -> list[JobRef]:
        """The user's ids with the kinds they are known under (`parse` where not known)."""
        named = list(self._settings.targets or ())
        kinds = await self._session.read(
            lambda memory: memory.job_kinds(job_id for job_id, kind in named if kind is None)
        )
        refs: list[JobRef] = []
        for job_id, kind in named:
            if kind is not None:
                refs.append((kind, job_id))
                continue
            refs.extend(
                (known, job_id) for known in sorted(kinds.get(job_id, {self._guess(job_id)}))
            )
        return [ref for ref in refs if ref[0] in self._settings.kinds]

    def _guess(self, job_id: str) -> JobKind:
        """LlamaCloud's extract jobs begin with `ext-`."""
        is_extract = self._api.provider == "llamacloud" and job_id.startswith("ext-")
        return "extract" if is_extract else "parse"

    async def _usage(self) -> AsyncIterator[Item]:
        """Succeeded jobs whose credits billing had not recorded yet (trap 11)."""
        now = self._clock.now()
        due = await self._session.read(
            lambda memory: memory.jobs_without_credits(now - _USAGE_FOR, now - _USAGE_EVERY)
        )
        for kind, job_id in due:
            if self._session.must_stop:
                return
            if (kind, job_id) in self._session.observed or kind not in self._settings.kinds:
                continue
            try:
                answer = await self._api.usage(kind, job_id)
            except InvalidIdentifier:
                continue
            except NotFound as error:
                yield Gone(self._session.empty_observation(kind, job_id, error))
            except (ApiError, UnreadableRecord) as error:
                if isinstance(error, ApiError) and error.is_fatal:
                    raise
                self._session.fail(f"credits of {kind} job {job_id}: {error}", error)
            else:
                self._session.asked_for_usage.add((kind, job_id))
                yield Seen(JobPage([answer.observation], []))

    # -- windows, reloads, following --------------------------------------------------------

    async def _backfill(self, window: Window) -> AsyncIterator[Item]:
        """A window of creation times: leaves the cursor alone."""
        for kind in self._listed_kinds():
            async for item in self._guarded(kind, self._backfill_kind(kind, window)):
                yield item
        if not self._api.lists:
            refs = list(self._targets())
            for kind in self._settings.kinds:
                known = await self._known_since(kind, window.since or _BEGINNING)
                refs.extend((kind, job_id) for job_id in known)
            async for item in self._poll(list(dict.fromkeys(refs)), is_list=True):
                yield item

    async def _known_since(self, kind: JobKind, since: datetime) -> list[str]:
        return await self._session.read(lambda memory: memory.recent_jobs(kind, since))

    async def _backfill_kind(self, kind: JobKind, window: Window) -> AsyncIterator[Item]:
        if kind == "parse" and self._api.provider == "contextual":
            forgotten = self._now() - timedelta(days=self._api.retention_days[kind])
            since = max(window.since, forgotten) if window.since else forgotten
            bracketing = Bracketing(
                lambda bound: self._pages("parse", Window(bound, None)),
                self._undated,
                self._settings.created_at_resolution,
            )
            if window.until is None or since < window.until:
                bounded = Window(since, window.until)
                async for page in bracketing.pages(bounded, None, self._now()):
                    yield Seen(page, True)
            return
        async for page in self._pages(kind, window):
            yield Seen(page, True)

    async def _reload(self) -> AsyncIterator[Item]:
        """Results to fetch again: of the named jobs, or of all that are in the given state."""
        session = self._session
        if self._settings.targets is not None:
            async for item in self._poll(await self._named_refs(), is_list=True):
                yield item
            return
        states = {"failed": ("failed",), "skipped": ("skipped",)}.get(
            self._settings.reload or "", ("loaded", "failed", "skipped", "pending")
        )
        refs = await session.read(lambda memory: memory.jobs_in_states(*states))
        session.results_known += len(refs)
        session.is_listed = True
        for ref in refs:
            yield Fetch(ref)

    async def _follow(self, every: float) -> AsyncIterator[Item]:
        """Asks for open jobs until all have ended, or the session has to stop."""
        session = self._session
        while session.open_refs and not session.must_stop:
            changes = session.changes
            if not await session.pause(every):
                return
            async for item in self._poll(sorted(session.open_refs)):
                yield item
            if session.changes != changes:
                yield Cut()

    def _now(self) -> datetime:
        """The provider's clock, as far as its answers showed it."""
        return self._clock.now() + self._session.clock_offset
