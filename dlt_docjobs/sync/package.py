"""One load package: takes from the run's plan until it is full, fetches results, makes Arrow.

There are at most `max_jobs_per_package` jobs in it. Results go out in batches as they come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dlt_docjobs.http import ApiError
from dlt_docjobs.providers.protocol import JobPage
from dlt_docjobs.sync.fetching import Fetching
from dlt_docjobs.sync.items import (
    Answered,
    AskForReviews,
    Barrier,
    Checkpoint,
    Conclude,
    FetchNew,
    FetchResult,
    Item,
    Missing,
    Observed,
)
from dlt_docjobs.sync.job_rows import JobEntry
from dlt_docjobs.sync.observing import Observing
from dlt_docjobs.sync.outcome import defect
from dlt_docjobs.sync.result_rows import Batch, Emit, ResultRows
from dlt_docjobs.sync.session import Session
from dlt_docjobs.sync.settings import Wanted
from dlt_docjobs.warehouse.state import JobRef

# what DuckDB takes in at once without more memory than `docjobs` gives it
_MOST_BYTES: Final = 288 * 2**20
_LOG = logging.getLogger(__name__)


class Package:
    """Fills one load package of a session.

    Args:
        session: The run.
        wanted: Which tables to fill.
        emit: Takes a batch of Arrow tables; waits while the writer is behind.
        replaces: False where new results may be inserted without looking for earlier ones.
        by_row: Whether rows that go have to be named one by one (tables that only upsert).
        reads_ahead: Whether another package of the run follows, if this one is full.
    """

    def __init__(
        self,
        session: Session,
        wanted: Wanted,
        emit: Emit,
        *,
        replaces: bool = True,
        by_row: bool = False,
        reads_ahead: bool = False,
    ) -> None:
        self._session = session
        self._context = context = session.context
        self._wanted = wanted
        self._emit = emit
        self._reads_ahead = reads_ahead
        self._observing = Observing(context, wanted)
        self._results = ResultRows(context, wanted, emit, replaces=replaces, by_row=by_row)
        self._fetching = Fetching(context, wanted, self._observing, self._results, session.ahead)

    async def run(self) -> None:
        """Takes items until the package is full or the plan ends, then writes what it knows."""
        session, context = self._session, self._context
        session.ahead.end()
        was_stopped = context.must_stop
        work = self._take_what_came() if was_stopped else self._take_items()
        taking = asyncio.create_task(work)
        try:
            while not taking.done():
                await asyncio.wait({taking}, timeout=0.1)
                if context.must_stop and not was_stopped and taking.cancel():
                    # an answer that does not come must not hold up the end of the run
                    context.outcome.left_work = True
                    await asyncio.wait({taking})
            if not taking.cancelled():
                taking.result()
        except ApiError as error:
            # what came before the refusal is kept
            context.outcome.fail(str(error), error)
        except Exception as error:
            context.outcome.fatal = defect("something in the middle of the run", error)
            _LOG.debug("the run ends early", exc_info=True)
        await self._fetching.finish()
        if self._reads_ahead and self._is_full:
            session.ahead.begin(self._next_results())
        last_word = await self._results.finish()
        session.finished_at = context.clock.now()
        await self._emit(await self._job_batch() | last_word)

    @property
    def replaces(self) -> bool:
        """Whether any result in the package, so far, takes the place of an earlier one."""
        return self._results.replaces

    def _next_results(self) -> Iterator[tuple[JobRef, str | None]]:
        """The results that the next package will ask for first, with the tiers of their jobs."""
        observing = self._observing
        for item in self._session.carried:
            if isinstance(item, FetchNew):
                for ref in item.refs:
                    if self._wanted.any_result(ref[0]) and not observing.has(ref):
                        yield ref, None
            elif isinstance(item, FetchResult) and observing.has(item.ref):
                yield item.ref, observing.tier_of(item.ref)

    # -- items ------------------------------------------------------------------------------

    @property
    def _is_full(self) -> bool:
        return self._is_heavy or len(self._observing) >= self._most

    @property
    def _is_heavy(self) -> bool:
        weight = self._results.written_bytes + self._observing.rejected_bytes
        return weight >= _MOST_BYTES

    @property
    def _most(self) -> int:
        return self._context.settings.max_jobs_per_package

    async def _take_items(self) -> None:
        session = self._session
        while not self._is_full:
            item = await session.next_item()
            if item is None or isinstance(item, Checkpoint):
                return
            await self._take_or_name(item)
            session.report()

    async def _take_or_name(self, item: Item) -> None:
        """Takes an item; one that trips our own code costs itself, and comes again."""
        context = self._context
        try:
            await self._take(item)
        except ApiError:
            raise
        except Exception as error:
            if context.warehouse.is_broken:
                raise
            _LOG.debug("something could not be taken", exc_info=True)
            if isinstance(item, Observed) and item.progress is not None:
                item.progress.is_spoilt = True
            context.outcome.fail(defect("an answer", error), error)

    async def _take_what_came(self) -> None:
        """A run that stops asks for nothing more, but loses no result that it has read ahead."""
        session, observing, fetching = self._session, self._observing, self._fetching
        for item in session.carried:
            if isinstance(item, FetchNew):
                for ref in filter(session.ahead.has_come, item.refs):
                    await observing.know(ref[0], [ref[1]])
                    await fetching.fetch_new(ref, item.progress[ref[0]])
            elif isinstance(item, FetchResult) and session.ahead.has_come(item.ref):
                await observing.know(item.ref[0], [item.ref[1]])
                entry = observing.entry(item.ref)
                if entry.row is not None:
                    await fetching.fetch(entry)
        await session.ahead.close()

    async def _take(self, item: Item) -> None:
        observing = self._observing
        if isinstance(item, Observed):
            await self._take_page(item)
        elif isinstance(item, Answered):
            seen = item.answer.observation
            if not self._context.warehouse.is_forgotten(seen.job_id):
                await observing.know(seen.job_kind, [seen.job_id])
                if not observing.leave(seen.ref):
                    await self._fetching.take_answer(item.answer)
        elif isinstance(item, FetchNew):
            await self._take_new(item)
        elif isinstance(item, Barrier):
            while self._fetching.new:
                await self._fetching.wait_for_one()
        elif isinstance(item, Conclude):
            await self._fetching.wait_for_all()
            if not await observing.conclude_missing(lambda: not self._is_full):
                self._session.carried.insert(0, item)
        elif isinstance(item, Missing):
            await observing.take_missing(item.observation)
        elif isinstance(item, FetchResult):
            await observing.know(item.ref[0], [item.ref[1]])
            entry = observing.entry(item.ref)
            if entry.row is not None and not entry.is_fetching:
                await self._fetching.start(entry)
            else:
                self._context.results.ended += 1
        elif isinstance(item, AskForReviews):
            await self._ask_for_reviews(item)

    async def _ask_for_reviews(self, item: AskForReviews) -> None:
        """Asks for reviews, as many at a time as the package has room for."""
        refs = list(item.stored)
        await self._observing.know_all(refs)
        for place, ref in enumerate(refs):
            if self._is_full:
                rest = {ref: item.stored[ref] for ref in refs[place:]}
                self._session.carried.insert(0, AskForReviews(rest))
                return
            if not self._wanted.any_result(ref[0]):
                continue
            entry = self._observing.entry(ref)
            if entry.row is not None and not entry.is_fetching:
                self._context.results.known += 1
                await self._fetching.start_looking_for_review(entry, item.stored[ref])

    async def _take_page(self, item: Observed) -> None:
        context, observing = self._context, self._observing
        observing.reject(item.page.rejections)
        is_forgotten = context.warehouse.is_forgotten
        seen = [one for one in item.page.observations if not is_forgotten(one.job_id)]
        await observing.know_all(one.ref for one in seen)
        await observing.know_progress(seen)
        due: list[JobEntry] = []
        unexplained: list[JobEntry] = []
        for place, one in enumerate(seen):
            if self._is_full:
                rest = replace(item, page=JobPage(seen[place:], []))
                self._session.carried.insert(0, rest)
                break
            # a list that shows an open job has been asked for it, too
            is_asked = item.is_polled or one.ref in context.looked.open_refs
            if is_asked and observing.is_known(one.ref):
                context.missing.note_answer(one.ref)
            if item.is_listed:
                if observing.is_outside(one):
                    continue
                if observing.is_deleted(one.ref) and not item.is_polled:
                    continue
                observing.count_listed(one)
            if observing.leave(one.ref):
                continue
            if item.progress is not None:
                item.progress.note(observing.created(one))
            entry = observing.observe(one)
            if entry is not None and entry.is_due:
                due.append(entry)
            elif entry is not None and item.is_listed and entry.lacks_reason:
                unexplained.append(entry)
        if not item.is_polled:
            await self._ask_why(unexplained)
        # the whole page is known before a fetch makes it wait: a stop then loses none of it
        context.results.known += len(due)
        while due and not self._is_heavy:
            entry = due.pop(0)
            if entry.is_due:
                await self._fetching.start(entry)
            else:
                context.results.ended += 1
        self._session.carried[:0] = [FetchResult(entry.ref) for entry in due if entry.is_due]

    async def _ask_why(self, failed: list[JobEntry]) -> None:
        """Asks for jobs that a list has shown as failed, where it does not say why."""
        for entry in failed:
            listing = self._context.provider.kinds[entry.ref[0]].list
            if listing is not None and not listing.says_why:
                self._context.results.known += 1
                await self._fetching.start_asking_why(entry)

    async def _take_new(self, item: FetchNew) -> None:
        """Asks for jobs that no run has seen, as many at a time as the package has room for."""
        observing, fetching = self._observing, self._fetching
        await observing.know_all(item.refs)
        for place, ref in enumerate(item.refs):
            while len(observing) + len(fetching.new) >= self._most and fetching.new:
                await fetching.wait_for_one()
            if self._is_full:
                self._session.carried.insert(0, FetchNew(item.refs[place:], item.progress))
                return
            # named twice: an earlier package of this run has it, or this one
            if not observing.is_known(ref) and ref not in fetching.new:
                await fetching.start_new(ref, item.progress[ref[0]])
            else:
                self._context.results.ended += 1

    async def _job_batch(self) -> Batch:
        """The rows of jobs, events, progress and rejections, with the run's own row."""
        session = self._session
        buffers = await self._observing.buffers()
        buffers["sync_runs"].add([*(session.broken_off_runs or ()), session.row()])
        # an empty table would cost dlt a file, a load job and a merge
        return {name: buffer.flush() for name, buffer in buffers.items() if len(buffer)}
