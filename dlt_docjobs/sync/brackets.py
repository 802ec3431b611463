"""Creation times for a list that carries none but can be filtered by them.

What they promise: docs/contract.md#bounded-creation-dates.

Contextual's parse list answers `uploaded_after`. A job in the list asked for from `t` was created
at or after `t`; one that exists and is not in it was created before. So each listing is an
instant that all jobs can be compared with, and halving the time between two instants narrows
every job's bracket at once. Only spans that hold jobs without a known bracket are halved.

A job that appears while the lists are read must not be taken for an old one: the newest span is
listed again after the list of all, and an id is compared only with lists read after it was
first seen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime, timedelta

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.providers.protocol import JobPage, Rejection
from dlt_docjobs.sync.settings import Window

Listing = Callable[[datetime | None], AsyncIterator[JobPage]]
Unknown = Callable[[Iterable[str]], Awaitable[set[str]]]


class Bracketing:
    """Lists jobs with bounds on their creation.

    Args:
        listing: Lists all jobs uploaded at or after an instant, page by page.
        unknown: Of given ids, those whose creation the warehouse doesn't know yet.
        resolution: How narrow a bracket has to be.
    """

    def __init__(self, listing: Listing, unknown: Unknown, resolution: timedelta) -> None:
        self._listing = listing
        self._unknown = unknown
        self._resolution = max(resolution, timedelta(seconds=1))

    async def pages(
        self, window: Window, reach_back: datetime | None, now: datetime
    ) -> AsyncIterator[JobPage]:
        """All jobs of a window, each page with bounds on its new jobs.

        Args:
            window: What to list; `since` is set. With `until`, jobs created later are left out.
            reach_back: Lists back to here too, for the sake of known jobs, where it is earlier.
            now: The provider's clock.
        """
        assert window.since is not None
        oldest = min(window.since, reach_back) if reach_back else window.since
        upper = window.until
        # a tenth is left for the second that is rounded off and for the time that listing takes
        split = upper or max(window.since, now - self._resolution * 9 / 10)
        split = _seconds(max(split, oldest))
        if upper is not None and split < upper:
            # the filter knows whole seconds only
            split += timedelta(seconds=1)
        newer: set[str] = set()
        async for page in self._listing(split):
            newer.update(seen.job_id for seen in page.observations)
            if upper is None:
                yield _bounded(page, page.observations, split, None)
        oldest = _seconds(oldest)
        if split <= oldest:
            return
        waiting: dict[str, JobObservation] = {}
        async for page in self._listing(oldest):
            older = [seen for seen in page.observations if seen.job_id not in newer]
            fresh = await self._unknown(seen.job_id for seen in older)
            waiting.update((seen.job_id, seen) for seen in older if seen.job_id in fresh)
            known = [seen for seen in older if seen.job_id not in fresh]
            if known or page.rejections:
                yield JobPage(known, page.rejections)
        if not waiting:
            return
        arrived, unread = await self._members(split, waiting)
        if unread:
            yield _bounded(JobPage([], unread), list(waiting.values()), oldest, upper)
            return
        late = [waiting.pop(job_id) for job_id in arrived]
        if late and upper is None:
            yield _bounded(None, late, split, None)
        async for page in self._narrow(oldest, split, waiting):
            yield page

    async def _narrow(
        self, earliest: datetime, latest: datetime, waiting: dict[str, JobObservation]
    ) -> AsyncIterator[JobPage]:
        """Halves [earliest, latest) until the brackets of the waiting jobs are narrow enough."""
        spans = [(earliest, latest, waiting)]
        while spans:
            low, high, jobs = spans.pop()
            if not jobs:
                continue
            middle = _seconds(low + (high - low) / 2)
            if high - low <= self._resolution or not low < middle < high:
                yield _bounded(None, list(jobs.values()), low, high)
                continue
            later, unread = await self._members(middle, jobs)
            if unread:
                yield _bounded(JobPage([], unread), list(jobs.values()), low, high)
                continue
            spans.append((low, middle, {k: v for k, v in jobs.items() if k not in later}))
            spans.append((middle, high, {k: v for k, v in jobs.items() if k in later}))

    async def _members(
        self, since: datetime, jobs: dict[str, JobObservation]
    ) -> tuple[set[str], list[Rejection]]:
        """Which of the given jobs were created at or after an instant, and what can't be read.

        A row that can't be read may be any of those that are missing: then nothing is proved.
        """
        found: set[str] = set()
        unread: list[Rejection] = []
        async for page in self._listing(since):
            found.update(seen.job_id for seen in page.observations if seen.job_id in jobs)
            if len(found) == len(jobs):
                return found, []
            unread += page.rejections
        return found, unread


def _seconds(instant: datetime) -> datetime:
    """Rounded down to the whole second in which the filter is sent."""
    return instant.replace(microsecond=0)


def _bounded(
    page: JobPage | None,
    observations: list[JobObservation],
    earliest: datetime,
    latest: datetime | None,
) -> JobPage:
    for seen in observations:
        seen.created_at_earliest = earliest
        seen.created_at_latest = max(latest or seen.holds_until, earliest)
    return JobPage(observations, page.rejections if page else [])
