"""Creation times of a list that carries none: every claimed bracket holds the truth."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, log2

import pytest
from sync_support import at

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.providers.protocol import JobPage, Rejection
from dlt_docjobs.sync.brackets import Bracketing
from dlt_docjobs.sync.settings import Window

DAY = 86_400.0
NOW = 40 * DAY


@dataclass
class Uploads:
    """A list newest first, filtered by upload time, that grows while it is read.

    Times are seconds on the provider's clock, which is ahead of ours by `offset`.
    """

    created: dict[str, float]
    page: int = 50
    clamp: float = 30 * DAY
    offset: float = 0.0
    page_seconds: float = 0.2
    arrivals: float = 0.0
    is_keyset: bool = True
    known: set[str] = field(default_factory=set)
    random: random.Random = field(default_factory=lambda: random.Random(3))
    now: float = NOW
    bounds: list[float] = field(default_factory=list)
    pages: int = 0
    arrived: int = 0

    def listing(self, since: datetime | None) -> AsyncIterator[JobPage]:
        assert since is not None and since.microsecond == 0
        lower = max((since - at(0)).total_seconds(), self.now - self.clamp)
        self.bounds.append((since - at(0)).total_seconds())
        return self._pages(lower)

    async def _pages(self, lower: float) -> AsyncIterator[JobPage]:
        before: tuple[float, str] | None = None
        place = 0
        while True:
            sent = self.now
            self.now += self.page_seconds
            self._arrive()
            jobs = sorted(
                ((at, name) for name, at in self.created.items() if at >= lower), reverse=True
            )
            if self.is_keyset and before is not None:
                jobs = [job for job in jobs if job < before]
            elif not self.is_keyset:
                jobs = jobs[place:]
            rows = jobs[: self.page]
            place += len(rows)
            self.pages += 1
            yield JobPage([self._observe(name, sent) for _, name in rows], [])
            if len(jobs) <= self.page:
                return
            before = rows[-1]

    def _arrive(self) -> None:
        if self.arrived < 40 and self.random.random() < self.arrivals:
            self.arrived += 1
            name = f"new-{self.arrived}"
            self.created[name] = self.now - self.random.random() * self.page_seconds

    def _observe(self, name: str, sent: float) -> JobObservation:
        return JobObservation(
            "parse",
            name,
            "completed",
            at(self.now - self.offset),
            timedelta(seconds=self.offset),
            at(sent - self.offset),
        )

    async def unknown(self, names: Iterable[str]) -> set[str]:
        return set(names) - self.known

    def bracket(
        self,
        window: Window,
        reach_back: float | None = None,
        resolution: float = DAY,
    ) -> dict[str, tuple[float | None, float | None]]:
        """Runs it: the bounds of each job that came, in seconds; those of its first coming."""

        async def collect() -> dict[str, tuple[float | None, float | None]]:
            bracketing = Bracketing(self.listing, self.unknown, timedelta(seconds=resolution))
            found: dict[str, tuple[float | None, float | None]] = {}
            back = None if reach_back is None else at(reach_back)
            async for page in bracketing.pages(window, back, at(self.now)):
                for seen in page.observations:
                    found.setdefault(
                        seen.job_id,
                        (_seconds(seen.created_at_earliest), _seconds(seen.created_at_latest)),
                    )
            return found

        return asyncio.run(collect())


def _seconds(instant: datetime | None) -> float | None:
    return None if instant is None else (instant - at(0)).total_seconds()


def spread(generator: random.Random, count: int) -> dict[str, float]:
    """Uploads of the last 35 days: here and there, in bursts, at the very same instant."""
    style = generator.choice(["even", "bursts", "ties", "recent"])
    centres = [NOW - generator.random() * 35 * DAY for _ in range(4)]
    created = {}
    for number in range(count):
        if style == "even":
            moment = NOW - generator.random() * 35 * DAY
        elif style == "bursts":
            moment = generator.choice(centres) + generator.random() * 900
        elif style == "ties":
            moment = generator.choice(centres)
        else:
            moment = NOW - generator.random() ** 4 * 35 * DAY
        created[f"job-{number}"] = min(moment, NOW - 0.001)
    return created


@pytest.mark.parametrize("seed", range(30))
def test_every_bracket_holds_the_truth(seed: int) -> None:
    generator = random.Random(seed)
    resolution = generator.choice([DAY, DAY, 3600.0, 60.0, 7 * DAY])
    uploads = Uploads(
        spread(generator, generator.choice([0, 1, 7, 40]) if resolution < DAY else 150),
        page=generator.choice([3, 20, 1000]) if resolution > DAY else 20,
        clamp=generator.choice([30 * DAY, 30 * DAY, 7 * DAY, 12.3 * DAY]),
        offset=generator.choice([0.0, 0.0, 5.0, -5.0, 900.0]),
        page_seconds=generator.choice([0.0, 0.01]),
        arrivals=generator.choice([0.0, 0.3, 1.0]),
        is_keyset=generator.random() < 0.5,
        random=generator,
    )
    there = dict(uploads.created)
    since = NOW - generator.choice([30 * DAY, 2 * DAY, 0.4 * DAY])
    found = uploads.bracket(Window(at(since), None), resolution=resolution)
    for name, (earliest, latest) in found.items():
        created = uploads.created[name]
        assert earliest is not None and latest is not None
        assert earliest <= created <= latest, (name, earliest, created, latest)
        assert latest - earliest <= resolution + 1e-6 + 2 * abs(uploads.offset)
    reach = max(since, uploads.now - uploads.clamp)
    assert {name for name, created in there.items() if created >= reach} <= set(found)


@pytest.mark.parametrize("seed", range(4))
def test_thirty_days_at_one_day_take_few_lists(seed: int) -> None:
    generator = random.Random(seed)
    created = {f"job-{n}": NOW - generator.random() * 30 * DAY for n in range(1500)}
    uploads = Uploads(created, page=500, page_seconds=0.5)
    found = uploads.bracket(Window(at(NOW - 30 * DAY), None))
    assert len(found) >= 1490, "those of the last seconds of the 30 days may go meanwhile"
    assert len(uploads.bounds) <= 75
    assert uploads.pages <= 75 * 4


@pytest.mark.parametrize("clusters", [1, 2, 5])
@pytest.mark.parametrize("resolution", [DAY, 3600.0, 10.0])
def test_only_spans_that_hold_jobs_are_halved(clusters: int, resolution: float) -> None:
    generator = random.Random(clusters)
    centres = [NOW - generator.uniform(2, 29) * DAY for _ in range(clusters)]
    created = {f"job-{n}": centres[n % clusters] for n in range(200)}
    uploads = Uploads(created, page=1000, page_seconds=0.0)
    found = uploads.bracket(Window(at(NOW - 30 * DAY), None), resolution=resolution)
    assert len(found) == 200
    assert len(uploads.bounds) <= 3 + clusters * ceil(log2(30 * DAY / resolution) + 1)


def test_a_sync_without_new_jobs_takes_two_lists() -> None:
    created = {f"job-{n}": NOW - 3600.0 * n for n in range(48)}
    uploads = Uploads(created, known=set(created))
    found = uploads.bracket(Window(at(NOW - 1.5 * DAY), None))
    assert len(uploads.bounds) == 2
    assert len(found) == 37


def test_within_the_resolution_one_list_is_enough() -> None:
    uploads = Uploads({f"job-{n}": NOW - 60.0 * n for n in range(48)})
    found = uploads.bracket(Window(at(NOW - 3600), None))
    assert len(uploads.bounds) == 1 and len(found) == 48


def test_known_jobs_are_shown_but_not_asked_about() -> None:
    created = {f"job-{n}": NOW - n * DAY for n in range(1, 25)}
    uploads = Uploads(created, known={f"job-{n}" for n in range(1, 25) if n != 7})
    found = uploads.bracket(Window(at(NOW - 10 * DAY), None), reach_back=NOW - 20 * DAY)
    assert set(found) == {f"job-{n}" for n in range(1, 21)}, "as far back as the open jobs"
    assert found["job-15"] == (None, None)
    earliest, latest = found["job-7"]
    assert earliest is not None and latest is not None and latest - earliest <= DAY
    # each look at the lists looks for job-7 only
    assert len(uploads.bounds) <= 3 + 5


def test_a_reach_that_is_shorter_than_the_window_changes_nothing() -> None:
    created = {f"job-{n}": NOW - n * DAY for n in range(25)}
    one, other = Uploads(dict(created)), Uploads(dict(created))
    window = Window(at(NOW - 10 * DAY), None)
    assert one.bracket(window) == other.bracket(window, reach_back=NOW - 3 * DAY)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fraction", [0.0, 0.7])
def test_a_backfill_window_leaves_out_what_came_later(seed: int, fraction: float) -> None:
    generator = random.Random(seed)
    until, since = NOW - 5 * DAY + fraction, NOW - 20 * DAY
    uploads = Uploads(
        spread(generator, 150), arrivals=1.0, page_seconds=0.01, random=generator, page=40
    )
    for number in range(20):
        uploads.created[f"edge-{number}"] = until - number * 0.05
    there = dict(uploads.created)
    found = uploads.bracket(Window(at(since), at(until)))
    inside = {name for name, created in there.items() if since <= created < until}
    assert inside <= set(found)
    # the filter knows whole seconds, so that the last of them may come along
    assert all(since - 1 <= there[name] < until + 1 for name in found)
    for name, (earliest, latest) in found.items():
        assert earliest is not None and latest is not None
        assert earliest <= there[name] <= latest <= until + 1


def test_a_provider_s_clock_ahead_of_ours_inverts_nothing() -> None:
    uploads = Uploads({"a": NOW - 1}, offset=900.0)
    ((earliest, latest),) = uploads.bracket(Window(at(NOW - DAY), None)).values()
    assert earliest is not None and latest is not None and earliest <= NOW - 1 <= latest


def test_what_a_page_could_not_read_is_passed_on() -> None:
    async def listing(since: datetime | None) -> AsyncIterator[JobPage]:
        yield JobPage([], [f"unreadable since {since}"])  # type: ignore[list-item]

    async def unknown(names: Iterable[str]) -> set[str]:
        return set(names)

    async def collect() -> int:
        bracketing = Bracketing(lambda since: listing(since), unknown, timedelta(days=1))
        window = Window(at(0), None)
        return sum([len(page.rejections) async for page in bracketing.pages(window, None, at(NOW))])

    assert asyncio.run(collect()) == 2


def test_a_row_that_cannot_be_read_proves_nothing_of_those_that_are_missing() -> None:
    asked: list[datetime | None] = []
    rejection = Rejection("/parse/jobs", "parse", None, "no id", {"id": []})

    def job() -> JobObservation:
        return JobObservation("parse", "job-1", "completed", at(NOW))

    async def listing(since: datetime | None) -> AsyncIterator[JobPage]:
        asked.append(since)
        # the job was created yesterday; once it is asked for more closely its row has no id
        if since == at(0):
            yield JobPage([job()], [])
        elif since is not None and since < at(NOW - 86400):
            yield JobPage([], [rejection])
        else:
            yield JobPage([], [])

    async def unknown(names: Iterable[str]) -> set[str]:
        return set(names)

    async def collect() -> list[JobPage]:
        bracketing = Bracketing(lambda since: listing(since), unknown, timedelta(hours=1))
        return [page async for page in bracketing.pages(Window(at(0), None), None, at(NOW))]

    pages = asyncio.run(collect())
    (seen,) = [seen for page in pages for seen in page.observations]
    assert seen.created_at_earliest == at(0), "it may be older than where its row was unreadable"
    assert seen.created_at_latest is not None
    assert seen.created_at_latest >= at(NOW - 86400)
    assert rejection in [one for page in pages for one in page.rejections]
