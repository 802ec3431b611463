"""Asks for jobs by their ids: in batches where the provider takes them, else one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

from dlt_docjobs.http import ApiError, InvalidIdentifier, NotFound
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import JobPage
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.items import Answered, AskForReviews, Item, Missing, Observed
from dlt_docjobs.sync.outcome import defect
from dlt_docjobs.warehouse.state import JobRef

_REVIEWS_AT_ONCE: Final = 200
_USAGE_FOR: Final = timedelta(days=7)
_USAGE_EVERY: Final = timedelta(hours=24)
# As many requests, one behind the other, are one page of answers
_ROUNDS_PER_PAGE: Final = 4


class Polling:
    """Asks for jobs of one run by their ids.

    Args:
        context: The run.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        self._api = context.api

    async def poll(self, refs: Sequence[JobRef], is_listed: bool = False) -> AsyncIterator[Item]:
        """Asks for given jobs, in as few requests as the provider allows.

        Args:
            refs: The jobs; those of a kind that is not wanted are left out.
            is_listed: Whether the user names them.
        """
        for kind in self._settings.kinds:
            failed = self._context.looked.failed
            ids = list(
                dict.fromkeys(ref[1] for ref in refs if ref[0] == kind and ref not in failed)
            )
            size = self._context.provider.kinds[kind].poll_batch
            if size > 1:
                rest: list[str] = []
                async for item in self._poll_batches(kind, ids, size, is_listed, rest):
                    yield item
                ids = rest
            async for item in self._poll_each(kind, ids, is_listed):
                yield item

    async def _poll_batches(
        self, kind: JobKind, ids: Sequence[str], size: int, is_listed: bool, rest: list[str]
    ) -> AsyncIterator[Item]:
        """Asks in batches; what is to be asked for by itself after all is added to `rest`."""
        for start in range(0, len(ids), size):
            batch = ids[start : start + size]
            if self._context.must_stop:
                return
            try:
                page = await self._api.poll(kind, batch)
            except Exception as error:
                if isinstance(error, ApiError) and error.is_fatal:
                    raise
                # a refused batch may be one bad id: each by itself then
                rest.extend(batch)
                continue
            self._context.note_page(page)
            yield Observed(page, is_listed, is_polled=True)
            found = {seen.job_id for seen in page.observations}
            rest.extend(job_id for job_id in batch if job_id not in found)

    async def _poll_each(
        self, kind: JobKind, ids: Sequence[str], is_listed: bool
    ) -> AsyncIterator[Item]:
        width = self._settings.max_concurrency
        places = asyncio.Semaphore(width)

        async def ask(job_id: str) -> Item | None:
            async with places:
                return None if self._context.must_stop else await self._ask(kind, job_id, is_listed)

        for start in range(0, len(ids), _ROUNDS_PER_PAGE * width):
            if self._context.must_stop:
                return
            asked = ids[start : start + _ROUNDS_PER_PAGE * width]
            # one page: what the warehouse knows is looked up once for all of it
            page = JobPage([], [])
            for item in await asyncio.gather(*map(ask, asked)):
                if isinstance(item, Observed):
                    page.observations.extend(item.page.observations)
                    page.rejections.extend(item.page.rejections)
                elif item is not None:
                    yield item
            if page.observations or page.rejections:
                yield Observed(page, is_listed, is_polled=True)

    async def _ask(self, kind: JobKind, job_id: str, is_listed: bool) -> Item | None:
        try:
            answer = await self._api.status(kind, job_id)
        except NotFound as error:
            return Missing(self._context.not_found(kind, job_id, error))
        except Exception as error:
            if isinstance(error, ApiError) and error.is_fatal:
                raise
            self._context.looked.failed.add((kind, job_id))
            if not isinstance(error, (ApiError, InvalidIdentifier, UnreadableRecord)):
                what = f"the answer about {kind} job {job_id}"
                self._context.outcome.fail(defect(what, error), error)
                return None
            rejections = self._context.not_answered(kind, job_id, error)
            return Observed(JobPage([], rejections), is_listed) if rejections else None
        self._context.outcome.was_answered = True
        if answer.has_result:
            return Answered(answer)
        return Observed(JobPage([answer.observation], []), is_listed)

    async def ask_for_usage(self) -> AsyncIterator[Item]:
        """Asks for the credits of succeeded jobs that billing had not recorded yet."""
        context, now = self._context, self._context.clock.now()
        due = await context.warehouse.read(
            lambda state: state.jobs_without_credits(now - _USAGE_FOR, now - _USAGE_EVERY)
        )
        for kind, job_id in due:
            if context.must_stop:
                return
            if (kind, job_id) in context.looked.observed or kind not in self._settings.kinds:
                continue
            if not context.provider.kinds[kind].has_credits:
                continue
            try:
                answer = await self._api.usage(kind, job_id)
            except InvalidIdentifier:
                continue
            except NotFound as error:
                yield Missing(context.not_found(kind, job_id, error))
            except Exception as error:
                if isinstance(error, ApiError) and error.is_fatal:
                    raise
                message = f"credits of {kind} job {job_id}: {error}"
                if not isinstance(error, (ApiError, UnreadableRecord)):
                    message = defect(f"the answer about the credits of {kind} job {job_id}", error)
                context.outcome.fail(message, error)
            else:
                context.looked.asked_for_usage.add((kind, job_id))
                yield Observed(JobPage([answer.observation], []))

    async def ask_for_reviews(self) -> AsyncIterator[Item]:
        """Asks what persons have made of loaded results since."""
        context, now, settings = self._context, self._context.clock.now(), self._settings
        kinds = [kind for kind in settings.kinds if context.reviews.may_ask(kind)]
        if not kinds:
            return
        ended_after, begun_after = now - settings.retry_results, now - settings.poll_open
        due = await context.warehouse.read(
            lambda state: state.jobs_to_review(kinds, ended_after, begun_after, now)
        )
        for start in range(0, len(due), _REVIEWS_AT_ONCE):
            refs = [
                ref
                for ref in due[start : start + _REVIEWS_AT_ONCE]
                if context.reviews.may_ask(ref[0])
            ]
            if context.must_stop or not refs:
                return
            yield AskForReviews(await self._stored_reviews(refs))

    async def _stored_reviews(self, refs: Sequence[JobRef]) -> dict[JobRef, JsonText | None]:
        found = await self._context.warehouse.read(lambda state: state.reviews(refs))
        return {ref: found.get(ref, (None, None))[0] for ref in refs}
