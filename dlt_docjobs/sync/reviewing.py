"""The reviews of one package's results: what a failure costs, and what is kept where none comes."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.http import ApiError, DeadlineReached, InvalidIdentifier, UnreadableBody
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import Rejection, Review
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.job_rows import JobEntry
from dlt_docjobs.sync.observing import Observing
from dlt_docjobs.sync.rejections import payload_of
from dlt_docjobs.sync.reviews import NotServed

_UNREADABLE: Final = (UnreadableBody, UnreadableRecord, ValueError)
_FAILURES: Final = (ApiError, InvalidIdentifier, *_UNREADABLE)


class Reviewing:
    """Asks for reviews of results.

    Args:
        context: The run.
        observing: The package's jobs.
    """

    def __init__(self, context: RunContext, observing: Observing) -> None:
        self._context = context
        self._reviews = context.reviews
        self._observing = observing

    async def of_result(self, entry: JobEntry) -> Review | None:
        """The review of a result that has come: what is not learnt stays as it is.

        Raises:
            DeadlineReached: It was not asked for, since the run has to stop.
        """
        ref, reviews = entry.ref, self._reviews
        if not self._context.provider.kinds[ref[0]].has_reviews:
            return None
        if self._context.must_stop and reviews.may_ask(ref[0]) and not reviews.is_kept(ref):
            raise DeadlineReached(f"/{ref[0]}/{ref[1]}/review", "the run has to stop")
        try:
            review = await reviews.of(ref)
            # what nests too deep to be stored costs the review only
            reviews.text(review)
            return review
        except NotServed:
            pass
        except DeadlineReached:
            raise
        except _FAILURES as error:
            self._fail(entry, error)
        return await reviews.stored(ref) if entry.may_have_rows else None

    async def has_changed(self, entry: JobEntry, stored: JsonText | None) -> bool:
        """Asks for the review of a loaded result, and whether it is not the one that is stored.

        One that is new waits for the result to be fetched again, until `end`.
        """
        ref, reviews = entry.ref, self._reviews
        try:
            review = await reviews.of(ref)
            differs = reviews.differs(review, stored)
        except NotServed:
            return False
        except _FAILURES as error:
            self._fail(entry, error)
            if isinstance(error, _UNREADABLE):
                # an answer it was: the next one may be tomorrow's
                self._note(entry)
            return False
        self._note(entry)
        if differs:
            reviews.keep(ref, review)
        return differs

    def _note(self, entry: JobEntry) -> None:
        entry.was_asked = True
        self._observing.keep(entry)

    def end(self, entry: JobEntry) -> None:
        """Names a review that waits in vain: its result has not come."""
        if self._reviews.drop(entry.ref):
            kind, job_id = entry.ref
            self._context.outcome.problems.append(
                f"the review of {kind} job {job_id} has changed, but its result did not come"
            )

    def _fail(self, entry: JobEntry, error: Exception) -> None:
        """A review did not come, or what came can't be read: the result goes on without it."""
        kind, job_id = entry.ref
        outcome = self._context.outcome
        if isinstance(error, DeadlineReached):
            outcome.left_work = True
            return
        # no failure here stands for the provider: it would show at what else is asked for
        rest = "" if self._reviews.may_ask(kind) else "; this run asks for no more of them"
        outcome.problems.append(
            f"the review of {kind} job {job_id} could not be had: {error}{rest}"
        )
        if isinstance(error, _UNREADABLE):
            endpoint = f"/{kind}/{job_id}/review"
            payload = payload_of(error)
            self._observing.reject([Rejection(endpoint, kind, job_id, str(error), payload)])
