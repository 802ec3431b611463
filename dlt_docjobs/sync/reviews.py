"""What persons have made of results, where the account is served that: what is asked, and when.

The review of a result is asked for when the result is fetched, and once a day for some days after
the job has ended, since nothing in a job's row tells of one. Two things are remembered between
runs: that a job was asked for, by the run that wrote its row; and that the account is not served
reviews, in dlt's state, so that one job a day is asked whether that is still so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, Protocol

from dlt_docjobs.http import ApiError, Clock, NotFound
from dlt_docjobs.model.cleaning import clean_json, decode_json, encode_json
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import ProviderApi, Review
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.warehouse.state import JobRef, WarehouseState

_REFUSALS: Final = (401, 402, 403, 404, 405, 501)
_ASKED_EVERY: Final = timedelta(days=1)
# so many failures in a row, and the run asks no more: none of them may hold up results for long
_MOST_FAILURES: Final = 3


class _Read(Protocol):
    def __call__(self, query: Callable[[WarehouseState], Any]) -> Awaitable[Any]: ...


class NotServed(Exception):
    """The account is not served reviews, or not at the moment: nothing is known of any."""


class Reviews:
    """Asks for the reviews of a run.

    Args:
        api: The provider.
        progress: Remembers that the account is not served them.
        clock: Our clock.
        read: Asks the warehouse.
    """

    def __init__(self, api: ProviderApi, progress: Progress, clock: Clock, read: _Read) -> None:
        self._api = api
        self._progress = progress
        self._clock = clock
        self._read = read
        self._first = asyncio.Lock()
        self._is_served = False
        self._failures = 0
        self._holds_any: bool | None = None
        # of loaded results, that are fetched again for them
        self._changed: dict[JobRef, Review | None] = {}

    def may_ask(self, kind: JobKind) -> bool:
        """Whether reviews of a kind are asked for now."""
        if not self._api.provider.kinds[kind].has_reviews or self._failures >= _MOST_FAILURES:
            return False
        refused_at = self._progress.refused_reviews_at
        if refused_at is None or self._is_served:
            return True
        # a refusal that lies in the future is nobody's
        return not timedelta(0) <= self._clock.now() - refused_at < _ASKED_EVERY

    async def of(self, ref: JobRef) -> Review | None:
        """The review of a job's result; None where there is none.

        Raises:
            NotServed: Nobody is asked, or the account is refused.
            ApiError: The request failed.
            UnreadableRecord: What came is no review.
        """
        if ref in self._changed:
            return self._changed.pop(ref)
        if not self._is_served:
            # one behind the other until one is answered: a refusal costs one request
            async with self._first:
                if not self._is_served:
                    return await self._ask_first(ref)
        return await self._ask(ref)

    async def _ask_first(self, ref: JobRef) -> Review | None:
        """Asks while nobody knows whether the account is served reviews."""
        try:
            review = await self._ask(ref)
        except ApiError as error:
            if error.status not in _REFUSALS:
                raise
            if isinstance(error, NotFound) and await self.holds_any():
                review = None
            else:
                self._failures = 0
                self._progress.refused_reviews_at = self._clock.now()
                raise NotServed from error
        self._is_served = True
        self._progress.refused_reviews_at = None
        return review

    async def _ask(self, ref: JobRef) -> Review | None:
        if not self.may_ask(ref[0]):
            raise NotServed
        try:
            review = await self._api.review(*ref)
        except NotFound:
            self._failures = 0
            if not self._is_served:
                raise
            return None
        except Exception:
            self._failures += 1
            raise
        self._failures = 0
        return review

    # -- what is stored ---------------------------------------------------------------------

    async def holds_any(self) -> bool:
        """Whether the warehouse has a review of the account's."""
        if self._holds_any is None:
            self._holds_any = bool(await self._read(lambda state: state.holds_reviews()))
        return self._holds_any

    async def stored(self, ref: JobRef) -> Review | None:
        """The review of a job's result that the warehouse has: it stays where none is learnt."""
        if not await self.holds_any():
            return None
        found = await self._read(lambda state: state.reviews([ref]))
        text, decided_at = found.get(ref, (None, None))
        return Review(decode_json(text), decided_at) if text is not None else None

    def text(self, review: Review | None) -> JsonText | None:
        """A review as it is stored.

        Raises:
            ValueError: It nests too deep to be stored.
        """
        if review is None:
            return None
        value = clean_json(review.value)
        if not self._api.policy.include_content:
            value = self._api.review_without_content(value)
        return encode_json(value)

    # -- what has changed -------------------------------------------------------------------

    def differs(self, review: Review | None, stored: JsonText | None) -> bool:
        """Whether a review says something else than the one that is stored."""
        text = self.text(review)
        if text is None or stored is None:
            return text is not stored
        return text != stored and json.loads(text) != json.loads(stored)

    def keep(self, ref: JobRef, review: Review | None) -> None:
        """Keeps the review of a loaded result until the result is fetched again for it."""
        self._changed[ref] = review

    def is_kept(self, ref: JobRef) -> bool:
        """Whether a loaded result is fetched again for its review, which waits for it."""
        return ref in self._changed

    def drop(self, ref: JobRef) -> bool:
        """Forgets a review whose result has not come; False where it was taken."""
        return self._changed.pop(ref, self) is not self
