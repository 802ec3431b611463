"""Reads a provider's lists: to their end, window by window, or from several instants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from dlt_docjobs.http import ApiError, InvalidRequest, UnreadableBody
from dlt_docjobs.model.times import UTC, before
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import JobList
from dlt_docjobs.providers.protocol import JobPage, ListRange, Rejection
from dlt_docjobs.sync.brackets import Bracketing
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.items import Item, Observed
from dlt_docjobs.sync.progress import ListProgress
from dlt_docjobs.sync.rejections import payload_of
from dlt_docjobs.sync.settings import Window
from dlt_docjobs.warehouse.state import OpenJob

_CLOCK_DOUBT: Final = timedelta(seconds=3)
_IDLE_PAGES: Final = 100
_LISTED_IDS: Final = 200_000
_PAGE_SIZE: Final = 1000
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)

Windows = Mapping[JobList, Window]


class _Stopped(Exception):
    """The run has to stop in the middle of a list: what it would have shown is not known."""


class ListingBroken(Exception):
    """A list that can't be read to its end: a token that repeats, pages that bring nothing."""


class Listing:
    """Reads the lists of one run.

    Args:
        context: The run.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        self._api = context.api
        # how far a bracketed list goes back for the sake of open jobs
        self._reach_back: dict[JobList, datetime | None] = {}

    @property
    def lists(self) -> list[JobList]:
        """The lists that show a kind that is wanted."""
        wanted = set(self._settings.kinds)
        lists = self._context.provider.lists
        return [listing for listing, kinds in lists.items() if wanted & set(kinds)]

    async def windows(self, opened: Sequence[OpenJob]) -> Windows:
        """From where on each list is read: from the cursor less the lag, at first from the start.

        Args:
            opened: The open jobs, for whose sake a list may be read from further back.
        """
        windows: dict[JobList, Window] = {}
        for listing in self.lists:
            cursor = self._progress(listing).cursor
            since = self._settings.start_date
            if cursor is not None:
                since = before(cursor, self._settings.lag)
            if listing.is_bracketed:
                since = self._not_forgotten(listing, since)
                self._reach_back[listing] = await self._find_reach_back(listing, since, opened)
            windows[listing] = Window(since, None)
        return windows

    def is_covered(self, job: OpenJob, windows: Windows) -> bool:
        """Whether a list that is read from the given windows on is bound to show an open job."""
        kind = self._context.provider.kinds.get(job.ref[0])
        listing = kind.list if kind is not None else None
        if listing is None or listing not in windows:
            return False
        since = windows[listing].since
        if listing.covers_open or since is None:
            return True
        if listing.is_bracketed:
            is_older = _begins_before(job, since, self._kinds(listing))
            return not is_older or self._reach_back[listing] is not None
        if self._progress(listing).todo:
            return False
        return job.created_at is not None and job.created_at >= since

    async def read(self, listing: JobList, window: Window) -> AsyncIterator[Item]:
        """A list, from a window's beginning on, with what earlier runs have left of it.

        A failure ends this list only, unless it stands for the whole provider.
        """
        async for item in self._guarded(listing, self._read(listing, window)):
            yield item

    async def read_window(self, listing: JobList, window: Window) -> AsyncIterator[Item]:
        """A list within a backfill window, of which no progress is kept."""
        async for item in self._guarded(listing, self._read_window(listing, window)):
            yield item

    # -- one list ---------------------------------------------------------------------------

    async def _read(self, listing: JobList, window: Window) -> AsyncIterator[Item]:
        context, progress = self._context, self._progress(listing)
        now = context.provider_now()
        hours = (now - (window.since or now - timedelta(days=7))) / timedelta(hours=1)
        await self._api.before_list(self._kind(listing), hours)
        if listing.is_bracketed:
            async for item in self._read_bracketed(listing, progress, window):
                yield item
            return
        todo = progress.todo if listing.is_windowed else []
        if not any(unfinished.until is None for unfinished in todo):
            todo.insert(0, window)
        if not listing.is_windowed:
            todo = [window]
        while todo:
            current = todo.pop()
            progress.begin(current, listing.is_windowed)
            began = context.clock.now()
            async for page in self._pages(listing, current):
                yield Observed(page, True, progress)
            if context.must_stop:
                return
            progress.finish(began + context.clock_offset)

    async def _read_bracketed(
        self, listing: JobList, progress: ListProgress, window: Window
    ) -> AsyncIterator[Item]:
        """A list without dates, back to the oldest open job where that is cheaper."""
        context = self._context
        progress.begin(window, False)
        began = context.clock.now()
        reach_back = self._reach_back.get(listing)
        bracketing = self._bracketing(listing)
        async for page in bracketing.pages(window, reach_back, context.provider_now()):
            yield Observed(page, True, progress)
        if context.must_stop:
            return
        # everything created before the first request has been listed; the Date header does not
        # tell clocks apart that differ by less than 2 s
        listed = began + context.clock_offset - _CLOCK_DOUBT
        progress.finish(listed, cursor=listed)

    async def _read_window(self, listing: JobList, window: Window) -> AsyncIterator[Item]:
        if not listing.is_bracketed:
            async for page in self._pages(listing, window):
                yield Observed(page, True)
            return
        since = self._not_forgotten(listing, window.since)
        if window.until is not None and since >= window.until:
            return
        bracketing = self._bracketing(listing)
        bounded = Window(since, window.until)
        async for page in bracketing.pages(bounded, None, self._context.provider_now()):
            yield Observed(page, True)

    async def _pages(self, listing: JobList, window: Window) -> AsyncIterator[JobPage]:
        """A list from its first page to its last, for whatever order and tokens it has."""
        wanted = ListRange(window.since, window.until)
        token: str | None = None
        tokens: set[str] = set()
        listed: set[int] = set()
        idle = 0
        while True:
            if self._context.must_stop:
                raise _Stopped
            try:
                page = await self._api.list_page(self._kind(listing), wanted, token)
            except InvalidRequest:
                if token is None or "restarted" in tokens:
                    raise
                # tokens have a lifetime that nobody documents
                tokens, token = {"restarted"}, None
                continue
            self._context.note_page(page)
            marks = {hash((seen.job_kind, seen.job_id)) for seen in page.observations} - listed
            if len(listed) < _LISTED_IDS:
                listed |= marks
            idle = 0 if marks else idle + 1
            yield page
            if page.next_token is None or _is_older(listing, page, window.since):
                return
            name = " and ".join(self._kinds(listing))
            if page.next_token in tokens or page.next_token == token:
                raise ListingBroken(
                    f"the {name} list repeats a page token, so its end can't be reached; what it "
                    "brought is kept, and the next sync lists from the same place"
                )
            if idle >= _IDLE_PAGES:
                raise ListingBroken(
                    f"{_IDLE_PAGES} pages of the {name} list in a row brought no job that the "
                    "list had not brought before; the listing was stopped"
                )
            token = page.next_token
            tokens.add(token)

    async def _guarded(self, listing: JobList, stream: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """One list's failure never stops the others, unless it stands for the whole provider."""
        try:
            async for item in stream:
                yield item
        except _Stopped:
            return
        except (ApiError, ListingBroken, UnreadableRecord) as error:
            self._progress(listing).abandon()
            if isinstance(error, (UnreadableBody, UnreadableRecord)):
                kinds = self._kinds(listing)
                endpoint = error.endpoint or listing.endpoint
                kind = kinds[0] if len(kinds) == 1 else None
                rejection = Rejection(endpoint, kind, None, str(error), payload_of(error))
                yield Observed(JobPage([], [rejection]), True)
            names = " and ".join(self._kinds(listing))
            self._context.outcome.refuse(f"{names} jobs could not be listed: {error}", error)

    # -- what the lists need to know --------------------------------------------------------

    def _kinds(self, listing: JobList) -> tuple[JobKind, ...]:
        return self._context.provider.lists[listing]

    def _kind(self, listing: JobList) -> JobKind:
        """The kind under which a list is asked for, and its progress kept."""
        return self._kinds(listing)[0]

    def _progress(self, listing: JobList) -> ListProgress:
        return self._context.progress.kinds[self._kind(listing)]

    def _not_forgotten(self, listing: JobList, since: datetime | None) -> datetime:
        """An instant, but none from before what the provider still remembers."""
        kind = self._context.provider.kinds[self._kind(listing)]
        if kind.retention_days is None:
            return since or _BEGINNING
        forgotten = self._context.provider_now() - timedelta(days=kind.retention_days)
        return max(since, forgotten) if since else forgotten

    def _bracketing(self, listing: JobList) -> Bracketing:
        return Bracketing(
            lambda since: self._pages(listing, Window(since, None)),
            lambda ids: self._undated(self._kind(listing), ids),
            self._settings.created_at_resolution,
        )

    async def _undated(self, kind: JobKind, job_ids: Iterable[str]) -> set[str]:
        """Of given ids those whose creation the warehouse does not know yet."""
        wanted = set(job_ids)
        known = await self._context.warehouse.lookup(kind, wanted)
        return {
            job_id
            for job_id in wanted
            if (found := known.get(job_id)) is None
            or found.row is None
            or found.row.created_at_precision == "unknown"
        }

    async def _find_reach_back(
        self, listing: JobList, since: datetime, opened: Iterable[OpenJob]
    ) -> datetime | None:
        """The oldest creation among open jobs from before an instant.

        None where there are none, or where asking for each by itself costs no more than the list.
        """
        kinds = self._kinds(listing)
        begun = [
            job.created_at_earliest or job.created_at
            for job in opened
            if _begins_before(job, since, kinds)
        ]
        oldest = min(filter(None, begun), default=None)
        if oldest is None:
            return None
        known = await self._context.warehouse.read(
            lambda state: state.count_created_since(self._kind(listing), oldest)
        )
        pages = ceil((known + 1) / (self._api.page_size or _PAGE_SIZE))
        return oldest if pages < len(begun) else None


def _begins_before(job: OpenJob, since: datetime, kinds: tuple[JobKind, ...]) -> bool:
    begun = job.created_at_earliest or job.created_at
    return job.ref[0] in kinds and begun is not None and begun < since


def _is_older(listing: JobList, page: JobPage, since: datetime | None) -> bool:
    """Whether all that follows a page lies before an instant, by an order that is promised.

    A whole page has to: nobody promises by which of its dates a list is sorted.
    """
    if not listing.newest_first or since is None or not page.observations or page.rejections:
        return False
    return all(
        seen.created_at is not None and seen.created_at < since for seen in page.observations
    )
