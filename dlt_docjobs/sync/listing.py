"""Reads a provider's lists: to their end, window by window, or from several instants."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from dlt_docjobs.http import ApiError, InvalidRequest, UnreadableBody
from dlt_docjobs.model.history import CLOCK_DOUBT
from dlt_docjobs.model.times import UTC, shifted
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import JobList
from dlt_docjobs.providers.protocol import JobPage, ListRange, Rejection
from dlt_docjobs.sync.brackets import Bracketing
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.items import Item, Observed
from dlt_docjobs.sync.outcome import defect
from dlt_docjobs.sync.progress import ListProgress
from dlt_docjobs.sync.rejections import payload_of
from dlt_docjobs.sync.settings import Window
from dlt_docjobs.warehouse.state import OpenJob

# where no answer tells the time, the provider's clock may be anywhere within a day of ours
_UNTOLD_DOUBT: Final = timedelta(days=1)
_IDLE_PAGES: Final = 100
_LISTED_IDS: Final = 200_000
_PAGE_SIZE: Final = 1000
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NOT_SERVED: Final = (403, 404, 405, 501)
_LOG: Final = logging.getLogger(__name__)

Windows = Mapping[JobList, Window]


class _Stopped(Exception):
    """The run has to stop in the middle of a list: what it would have shown is not known."""


class ListingBroken(Exception):
    """A list that can't be read to its end: a token that repeats, pages that bring nothing."""


def _check_whole(progress: ListProgress) -> None:
    """Ends a list of which a page could not be taken, so that no cursor passes it."""
    if progress.is_spoilt:
        raise ListingBroken("a page could not be taken; the next sync lists from the same place")


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
        context = self._context
        windows: dict[JobList, Window] = {}
        for listing in self.lists:
            progress = context.progress.share(self._wanted(listing))
            progress.drop_future(context.clock.now())
            cursor = progress.cursor
            since = self._settings.start_date
            if cursor is not None:
                since = shifted(cursor, -self._settings.lag)
            if listing.is_bracketed:
                since = self._not_forgotten(listing, since)
                self._reach_back[listing] = await self._find_reach_back(listing, since, opened)
            windows[listing] = Window(since, None)
        return windows

    def is_covered(self, job: OpenJob, windows: Windows) -> bool:
        """Whether a list that is read from the given windows on may be expected to show a job."""
        kind = self._context.provider.kinds.get(job.ref[0])
        listing = kind.list if kind is not None else None
        if listing is None or listing not in windows:
            return False
        since = windows[listing].since
        # pages of an ordered list show older jobs as well; whom they don't is asked for behind it
        if listing.covers_open or listing.newest_first or since is None:
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
        now = context.clock.now()
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
            _check_whole(progress)
            progress.finish(context.clocks.earlier(began))

    async def _read_bracketed(
        self, listing: JobList, progress: ListProgress, window: Window
    ) -> AsyncIterator[Item]:
        """A list without dates, back to the oldest open job where that is cheaper."""
        context = self._context
        progress.begin(window, False)
        began = context.clock.now()
        reach_back = self._reach_back.get(listing)
        bracketing = self._bracketing(listing)
        async for page in bracketing.pages(window, reach_back, context.clocks.provider_now()):
            yield Observed(page, True, progress)
        if context.must_stop:
            return
        _check_whole(progress)
        # everything created before the first request has been listed, by the earlier of both
        # clocks; the Date header does not tell clocks apart that differ by less than 2 s
        doubt = CLOCK_DOUBT if context.clocks.is_told else _UNTOLD_DOUBT
        listed = shifted(context.clocks.earlier(began), -doubt)
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
        async for page in bracketing.pages(bounded, None, self._context.clocks.provider_now()):
            yield Observed(page, True)

    async def _pages(self, listing: JobList, window: Window) -> AsyncIterator[JobPage]:
        """A list from its first page to its last, for whatever order and tokens it has."""
        wanted = ListRange(window.since, window.until)
        kind = self._kind(listing)
        token: str | None = None
        seam: tuple[str | None, ...] = ()
        tokens: set[str] = set()
        listed: set[int] = set()
        idle = 0
        while True:
            if self._context.must_stop:
                raise _Stopped
            try:
                page = await self._api.list_page(kind, wanted, token)
            except InvalidRequest:
                if token is None or "restarted" in tokens:
                    raise
                # tokens have a lifetime that nobody documents
                tokens, token, seam = {"restarted"}, None, ()
                continue
            self._context.note_page(page)
            marks = _marks(page) - listed
            if len(listed) < _LISTED_IDS:
                listed |= marks
            idle = 0 if marks else idle + 1
            yield page
            if seam and not listing.is_stable and len(listed) < _LISTED_IDS:
                slipped = await self._slipped(kind, wanted, seam[0], listed)
                if slipped is not None:
                    listed |= _marks(slipped)
                    yield slipped
            seam = (token,)
            if _is_older(listing, page, window.since):
                return
            if page.breaks_off is not None:
                raise page.breaks_off
            if page.next_token is None:
                return
            _, name = self._named(listing)
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

    async def _slipped(
        self, kind: JobKind, wanted: ListRange, token: str | None, listed: set[int]
    ) -> JobPage | None:
        """The jobs that have slipped to a page since it was read, from the one that came next.

        Where a token says how many jobs come before it, a job that is deleted moves all that
        follow: what was the first of a page is then the last of the page before.
        """
        try:
            again = await self._api.list_page(kind, wanted, token)
        except (ApiError, UnreadableRecord) as error:
            if isinstance(error, ApiError) and error.is_fatal:
                raise
            return None
        new = [seen for seen in again.observations if hash(seen.ref) not in listed]
        return JobPage(new, [], None, again.clock_offset) if new else None

    async def _guarded(self, listing: JobList, stream: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """One list's failure never stops the others, unless it stands for the whole provider."""
        try:
            async for item in stream:
                yield item
        except _Stopped:
            return
        except Exception as error:
            self._progress(listing).abandon()
            if listing.is_optional and self._is_not_served(listing, error):
                _LOG.info("%s has no list of %s jobs: %s", *self._named(listing), error)
                return
            if isinstance(error, (UnreadableBody, UnreadableRecord)):
                kinds = self._kinds(listing)
                endpoint = error.endpoint or listing.endpoint
                kind = kinds[0] if len(kinds) == 1 else None
                rejection = Rejection(endpoint, kind, None, str(error), payload_of(error))
                yield Observed(JobPage([], [rejection]), True)
            _, names = self._named(listing)
            message = f"{names} jobs could not be listed: {error}"
            if not isinstance(error, (ApiError, ListingBroken, UnreadableRecord)):
                message = defect(f"the list of {names} jobs", error)
            self._context.outcome.refuse(message, error)

    def _is_not_served(self, listing: JobList, error: Exception) -> bool:
        """Whether an error says that the account has no such list: it never had one here."""
        is_refusal = isinstance(error, ApiError) and error.status in _NOT_SERVED
        return is_refusal and self._progress(listing).cursor is None

    def _named(self, listing: JobList) -> tuple[str, str]:
        """The provider and the kinds of a list, for a message."""
        return self._context.provider.title, " and ".join(self._kinds(listing))

    # -- what the lists need to know --------------------------------------------------------

    def _kinds(self, listing: JobList) -> tuple[JobKind, ...]:
        return self._context.provider.lists[listing]

    def _kind(self, listing: JobList) -> JobKind:
        """The kind under which a list is asked for."""
        return self._kinds(listing)[0]

    def _wanted(self, listing: JobList) -> list[JobKind]:
        """The kinds of a list that are to be loaded."""
        return [kind for kind in self._kinds(listing) if kind in self._settings.kinds]

    def _progress(self, listing: JobList) -> ListProgress:
        return self._context.progress.kinds[self._wanted(listing)[0]]

    def _not_forgotten(self, listing: JobList, since: datetime | None) -> datetime:
        """An instant, but none from before what the provider still remembers."""
        kinds = self._context.provider.kinds
        days = [kinds[kind].retention_days for kind in self._wanted(listing)]
        if None in days:
            return since or _BEGINNING
        now = self._context.clocks.earlier(self._context.clock.now())
        forgotten = now - timedelta(days=max(filter(None, days)))
        return max(since, forgotten) if since else forgotten

    def _bracketing(self, listing: JobList) -> Bracketing:
        return Bracketing(
            lambda since: self._pages(listing, Window(since, None)),
            lambda ids: self._undated(self._wanted(listing), ids),
            self._settings.created_at_resolution,
        )

    async def _undated(self, kinds: Iterable[JobKind], job_ids: Iterable[str]) -> set[str]:
        """Of given ids those whose creation is to be known, and is not yet."""
        undated = set(job_ids)
        for kind in kinds:
            known = await self._context.warehouse.lookup(kind, undated)
            undated -= {
                job_id
                for job_id, found in known.items()
                if found.owner is not None
                or (found.row is not None and found.row.created_at_precision != "unknown")
            }
        return undated

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
        wanted = self._wanted(listing)
        known = await self._context.warehouse.read(
            lambda state: sum(state.count_created_since(kind, oldest) for kind in wanted)
        )
        pages = ceil((known + 1) / (self._api.page_size or _PAGE_SIZE))
        return oldest if pages < len(begun) else None


def _begins_before(job: OpenJob, since: datetime, kinds: tuple[JobKind, ...]) -> bool:
    begun = job.created_at_earliest or job.created_at
    return job.ref[0] in kinds and begun is not None and begun < since


def _marks(page: JobPage) -> set[int]:
    marks = {hash(seen.ref) for seen in page.observations}
    return marks | {hash(other) for other in page.others}


def _is_older(listing: JobList, page: JobPage, since: datetime | None) -> bool:
    """Whether all that follows a page lies before an instant, by an order that is promised.

    A whole page has to: nobody promises by which of its dates a list is sorted.
    """
    if not listing.newest_first or since is None or not page.observations or page.rejections:
        return False
    return all(
        seen.created_at is not None and seen.created_at < since for seen in page.observations
    )
