"""What one run asks, in what order.

The whole run is one asynchronous generator of items. A package takes from it until it is full
and the next package goes on where it stopped, so lists are read once a run whatever the size of
the packages. Order: open jobs and jobs of uncommitted loads that no list will show, results left
pending, the lists, jobs that the user names, open jobs that the lists did not show after all,
credits, reviews, and then, with `--follow`, the open jobs again and again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.items import Checkpoint, Conclude, FetchResult, Item, Observed
from dlt_docjobs.sync.listing import Listing
from dlt_docjobs.sync.named import NamedJobs
from dlt_docjobs.sync.polling import Polling
from dlt_docjobs.sync.settings import Window, reloaded_states
from dlt_docjobs.warehouse.state import JobRef


class Plan:
    """The run of one context, as a stream of items."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._listing = Listing(context)
        self._polling = Polling(context)
        self._named = NamedJobs(context, self._polling)

    async def items(self) -> AsyncIterator[Item]:
        """Everything that the run asks, in order."""
        context = self._context
        rejected = self._named.rejected()
        if rejected.rejections:
            yield Observed(rejected)
        async for item in self._stream():
            yield item
        yield Conclude()
        context.is_listed = True
        if context.request.follow is not None:
            async for item in self._follow(context.request.follow):
                yield item

    def _stream(self) -> AsyncIterator[Item]:
        settings = self._context.settings
        is_picked = settings.targets is not None and not self._named.kinds
        if settings.reload == "incomplete" and not is_picked:
            return self._reload_incomplete(self._context.window or Window(None, None))
        if self._context.window is not None:
            return self._backfill(self._context.window)
        if settings.reload is not None:
            return self._reload(settings.reload)
        if is_picked:
            return self._only_named()
        return self._incremental()

    async def _incremental(self) -> AsyncIterator[Item]:
        """The usual sync."""
        context = self._context
        opened = [job for job in context.warehouse.open_jobs if not job.is_given_up]
        windows = await self._listing.windows(opened)
        uncommitted = await context.warehouse.read(lambda state: state.uncommitted_jobs)
        apart = [job.ref for job in opened if not self._listing.is_covered(job, windows)]
        apart += [ref for ref in sorted(uncommitted) if ref not in set(apart)]
        now = context.clock.now()
        pending = await context.warehouse.read(lambda state: state.due_results(now))
        await self._rest(set(pending))
        async for item in self._polling.poll(apart):
            yield item
        context.results.known += len(pending)
        for ref in pending:
            if ref not in context.looked.observed:
                yield FetchResult(ref)
            else:
                context.results.ended += 1
        for listing, window in windows.items():
            async for item in self._listing.read(listing, window):
                yield item
        if self._named.kinds:
            async for item in self._named.read():
                yield item
        context.is_listed = True
        # a list may leave out what its filter promised
        missed = [job.ref for job in opened if job.ref not in context.looked.observed]
        async for item in self._polling.poll(missed):
            yield item
        if context.provider.credits_come_late:
            async for item in self._polling.ask_for_usage():
                yield item
        async for item in self._polling.ask_for_reviews():
            yield item

    async def _rest(self, due: set[JobRef]) -> None:
        """Whatever shows a job, a result that was asked for today is not asked for again."""
        context = self._context
        pending = await context.warehouse.read(lambda state: state.jobs_in_states("pending"))
        context.looked.resting = {ref for ref in pending if ref not in due}

    async def _only_named(self) -> AsyncIterator[Item]:
        """Jobs that the user names, though a list would show them."""
        async for item in self._polling.poll(await self._named.refs(), is_listed=True):
            yield item

    async def _backfill(self, window: Window) -> AsyncIterator[Item]:
        """A window of creation times: leaves the cursor alone."""
        for listing in self._listing.lists:
            async for item in self._listing.read_window(listing, window):
                yield item
        if self._named.kinds:
            async for item in self._named.read_window(window.since):
                yield item

    async def _reload(self, reload: str) -> AsyncIterator[Item]:
        """Results to fetch again: of the named jobs, or of all that are in the given states."""
        context = self._context
        if context.settings.targets is not None:
            async for item in self._only_named():
                yield item
            return
        states = reloaded_states(reload)
        refs = await context.warehouse.read(lambda state: state.jobs_in_states(*states))
        async for item in self._fetch_again(refs):
            yield item

    async def _reload_incomplete(self, window: Window) -> AsyncIterator[Item]:
        """Results of which rows are missing: the warehouse knows them, and no list has to."""
        refs = await self._context.warehouse.read(lambda state: state.incomplete_jobs(*window))
        async for item in self._fetch_again(refs):
            yield item

    async def _fetch_again(self, refs: Sequence[JobRef]) -> AsyncIterator[Item]:
        context = self._context
        context.results.known += len(refs)
        context.is_listed = True
        for ref in refs:
            yield FetchResult(ref)

    async def _follow(self, every: float) -> AsyncIterator[Item]:
        """Asks for open jobs until all have ended, or the run has to stop."""
        context, looked = self._context, self._context.looked
        while looked.open_refs and not context.must_stop:
            changes = looked.changes
            if not await context.pause(every):
                return
            looked.failed.clear()
            async for item in self._polling.poll(sorted(looked.open_refs)):
                yield item
            yield Conclude()
            if looked.changes != changes:
                yield Checkpoint()
