"""Results that are asked for while dlt loads a package: the next package finds them there.

dlt extracts, normalises and loads one after the other. The provider need not wait for that: what
the next package will ask for first is known when a package ends because it is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import JobAnswer, ProviderApi
from dlt_docjobs.warehouse.state import JobRef

# of answers: what they become is a little less
_BYTES_AHEAD: Final = 32 * 2**20


class ReadAhead:
    """Asks for results, and keeps some that nobody has asked for yet.

    Args:
        api: The provider.
        width: How many may be asked for at a time.
        must_stop: Whether no new request may start.
    """

    def __init__(self, api: ProviderApi, width: int, must_stop: Callable[[], bool]) -> None:
        self._api = api
        self._width = width
        self._must_stop = must_stop
        self._answers: dict[JobRef, asyncio.Task[JobAnswer]] = {}
        self._feeder: asyncio.Task[None] | None = None
        self._bytes = 0

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """The result as the provider's API gives it, or raises; perhaps it is there already."""
        asked = self._answers.pop((kind, job_id), None)
        if asked is None:
            return await self._api.result(kind, job_id, tier, is_retry=is_retry)
        answer = await asked
        self._bytes -= answer.size
        return answer

    def has_come(self, ref: JobRef) -> bool:
        """Whether the result is there, so that it can be had without a request."""
        asked = self._answers.get(ref)
        return asked is not None and _is_answered(asked)

    @property
    def holds_any(self) -> bool:
        """Whether any result has come that nobody has asked for yet."""
        return any(map(_is_answered, list(self._answers.values())))

    def begin(self, wanted: Iterable[tuple[JobRef, str | None]]) -> None:
        """A package has ended: results are asked for until the next one begins.

        Args:
            wanted: Jobs with their tiers, in the order in which the next package comes to them.
        """
        self._feeder = asyncio.create_task(self._feed(list(wanted)))

    def end(self) -> None:
        """A package begins, and asks by itself."""
        if self._feeder is not None:
            self._feeder.cancel()
            self._feeder = None

    async def close(self) -> None:
        """Gives up what is under way, and what nobody came for."""
        self.end()
        answers = list(self._answers.values())
        self._answers.clear()
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    async def _feed(self, wanted: list[tuple[JobRef, str | None]]) -> None:
        places = asyncio.Semaphore(self._width)
        for ref, tier in wanted:
            if ref in self._answers:
                continue
            await places.acquire()
            if self._bytes >= _BYTES_AHEAD or self._must_stop():
                return
            answer = asyncio.create_task(self._ask(ref, tier))
            answer.add_done_callback(lambda task: _ended(task, places))
            self._answers[ref] = answer

    async def _ask(self, ref: JobRef, tier: str | None) -> JobAnswer:
        answer = await self._api.result(*ref, tier)
        self._bytes += answer.size
        return answer


def _is_answered(asked: asyncio.Task[JobAnswer]) -> bool:
    return asked.done() and not asked.cancelled() and asked.exception() is None


def _ended(answer: asyncio.Task[JobAnswer], places: asyncio.Semaphore) -> None:
    places.release()
    if not answer.cancelled():
        # an error that nobody comes for is no news
        answer.exception()
