"""What is run for each case, in which order, and what came out of it.

A series is one contestant with one task, run as often as wanted. The series of all chosen cases
are interleaved: one round of each, then the next, so that a machine that becomes slower in
between is as slow for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.arena import (
    MEMORY_LIMIT,
    DidNotFit,
    Place,
    Run,
    new_place,
    run_command,
    run_contestant,
)
from benchmarks.contestants.task import Task
from benchmarks.jobs import SEGMENTS, Provider
from benchmarks.serving import Server
from benchmarks.sizes import Sizes
from benchmarks.warehouses import check_rows, multiply

CASES: Final[dict[str, tuple[str, ...]]] = {
    "first_sync": ("ours", "ceiling", "pandas", "rest_api_parquet", "rest_api"),
    "latency": ("ours", "ours_latency"),
    "ocr": ("ours", "ours_ocr"),
    "providers": ("ours_llamacloud", "ours_reducto", "ours_landingai"),
    "scale": ("ours", "ours_large"),
    "nothing_new": ("one_row", "nothing_new", "nothing_new_named"),
    "growth": ("growth_0", "growth_1", "growth_2"),
    "startup": ("import_dlt", "help", "status"),
}
"""The cases and the series that they need."""

LATENCY: Final = 0.05
# what a process that has imported dlt, DuckDB and Arrow holds before it has loaded anything
_WITHOUT_JOBS: Final = 200 * 2**20
# an estimate this far above the limit is still worth a try
_HOPE: Final = 1.2
_COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "import_dlt": ("-c", "import dlt"),
    "help": ("-m", "dlt_docjobs", "--help"),
    "status": ("-m", "dlt_docjobs", "status"),
}
_RIVALS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "pandas": ("pandas_script", {}),
    "rest_api_parquet": ("rest_api", {"parquet": True}),
    "rest_api": ("rest_api", {}),
}

_LISTED: Final[dict[str, Provider]] = {
    "ours_llamacloud": "llamacloud",
    "ours_reducto": "reducto",
    "ours_landingai": "landingai",
}
"""The series whose jobs are those of a list."""


@dataclass
class Series:
    """What one contestant did.

    Attributes:
        name: One of those in `CASES`.
        jobs: Jobs that each run loaded; of a command 0.
        base: Jobs that were in the warehouse before.
        runs: The measured runs.
    """

    name: str
    jobs: int = 0
    base: int = 0
    runs: list[Run] = field(default_factory=list)

    @property
    def segments(self) -> int:
        """Segments that each run loaded."""
        return self.jobs * SEGMENTS


class Contest:
    """All runs of one benchmark.

    Args:
        server: The running server.
        sizes: How much is measured.
        folder: Where warehouses are made and thrown away.
        say: Takes a line about each run as it ends.
    """

    def __init__(
        self, server: Server, sizes: Sizes, folder: Path, say: Callable[[str], None]
    ) -> None:
        self._server = server
        self._sizes = sizes
        self._folder = folder
        self._say = say
        self._places = 0
        self._bases: dict[tuple[Provider, int], Place] = {}
        self._rows = new_place(folder / "rows")

    def run(self, names: Iterable[str], repeat: int) -> dict[str, Series]:
        """Runs series.

        Args:
            names: Series of `CASES`.
            repeat: How often each.

        Raises:
            ContestantFailed: A contestant ended with an error.
            WrongRows: It loaded other rows than the others.
        """
        series = {name: self._prepare(name) for name in names}
        for place in range(1, repeat + 1):
            for one in series.values():
                # a rival that had to start anew has to catch up
                while len(one.runs) < place:
                    run = self._run(one)
                    one.runs.append(run)
                    self._tell(one, run, f"{len(one.runs)} of {repeat}")
        return series

    def _tell(self, series: Series, run: Run, place: str) -> None:
        peak = f", {run.peak_bytes / 2**20:,.0f} MB" if run.peak_bytes else ""
        rate = f", {series.segments / run.seconds:,.0f} segments/s" if series.jobs else ""
        jobs = f" {series.jobs:,} jobs" if series.jobs else ""
        self._say(
            f"{series.name}{jobs} ({place}): {run.seconds:.2f} s{rate}{peak},"
            f" {run.requests:,} requests"
        )

    # -- what comes before the first measured run ---------------------------------------------

    def _prepare(self, name: str) -> Series:
        sizes = self._sizes
        if name in _RIVALS:
            return Series(name, self._fitting(name))
        if name in _COMMANDS:
            self._base("llamacloud", sizes.synced)
            return Series(name)
        if name == "one_row":
            self._one_row()
            return Series(name)
        if name.startswith("nothing_new"):
            provider: Provider = "unsiloed" if name.endswith("named") else "llamacloud"
            self._base(provider, sizes.history)
            # what the first run after a move of the warehouse does is not what is measured
            self._nothing_new(provider)
            return Series(name, 0, sizes.history)
        if name.startswith("growth"):
            base = sizes.growth[int(name.removeprefix("growth_"))]
            self._base("llamacloud", base)
            return Series(name, sizes.new, base)
        if name in CASES["providers"]:
            return Series(name, sizes.providers)
        return Series(name, sizes.large if name == "ours_large" else sizes.main)

    def _fitting(self, name: str) -> int:
        """The largest number of jobs that a rival is likely to load within the memory limit."""
        smallest, *larger = sorted(self._sizes.rivals)
        if not larger:
            return smallest
        peak = self._load(name, smallest).peak_bytes or 0
        growing = max(0, peak - _WITHOUT_JOBS) / smallest
        fitting = [jobs for jobs in larger if _WITHOUT_JOBS + growing * jobs < _HOPE * MEMORY_LIMIT]
        return max(fitting, default=smallest)

    def _load_or_less(self, series: Series) -> Run:
        """A rival's run; if it does not fit after all, its series starts anew with fewer jobs."""
        while True:
            try:
                return self._load(series.name, series.jobs)
            except DidNotFit as error:
                smaller = [jobs for jobs in self._sizes.rivals if jobs < series.jobs]
                if not smaller:
                    raise
                self._say(f"{error} for {series.jobs:,} jobs")
                series.jobs = max(smaller)
                series.runs.clear()

    def _base(self, provider: Provider, jobs: int) -> Place:
        """A warehouse with so many jobs, made once."""
        found = self._bases.get((provider, jobs))
        if found is not None:
            return found
        synced = self._synced
        if jobs == len(synced):
            place = new_place(self._folder / f"{provider}-{jobs}")
            self._server.open(provider, synced)
            run_contestant("ours", self._task(provider, synced, place), place, self._server)
        else:
            small = self._base(provider, len(synced))
            place = small.copy_to(self._folder / f"{provider}-{jobs}")
            multiply(place, provider, synced, jobs)
        check_rows(place, jobs)
        self._say(f"prepared: a warehouse of {jobs:,} jobs of {provider}")
        self._bases[provider, jobs] = place
        return place

    @property
    def _synced(self) -> range:
        last = self._sizes.total - self._sizes.new
        return range(last - self._sizes.synced, last)

    # -- runs ---------------------------------------------------------------------------------

    def _run(self, series: Series) -> Run:
        name = series.name
        if name in _COMMANDS:
            return run_command(_COMMANDS[name], self._base("llamacloud", self._sizes.synced))
        if name == "one_row":
            return self._one_row()
        if name.startswith("nothing_new"):
            return self._nothing_new("unsiloed" if name.endswith("named") else "llamacloud")
        if name.startswith("growth"):
            return self._grow(series.base)
        if name in _RIVALS:
            return self._load_or_less(series)
        return self._load(name, series.jobs)

    def _load(self, name: str, jobs: int) -> Run:
        """A first sync of the newest jobs into an empty warehouse."""
        contestant, options = _RIVALS.get(name, (name.partition("_")[0], {}))
        if name == "ours_latency":
            options = {"concurrency": 32}
        elif name == "ours_ocr":
            options = {"include_ocr": True}
        numbers = range(self._sizes.total - jobs, self._sizes.total)
        with_latency = LATENCY if name == "ours_latency" else 0.0
        provider: Provider = _LISTED.get(name, "unsiloed")
        self._server.open(provider, numbers, latency=with_latency)
        place = self._new_place()
        try:
            task = self._task(provider, numbers, place, **options)
            run = run_contestant(contestant, task, place, self._server)
            check_rows(place, jobs)
        finally:
            place.remove()
        return run

    def _nothing_new(self, provider: Provider) -> Run:
        place = self._base(provider, self._sizes.history)
        last = self._sizes.total - self._sizes.new
        numbers = range(last - self._sizes.history, last)
        self._server.open(provider, numbers)
        run = run_contestant("ours", self._task(provider, numbers, place), place, self._server)
        check_rows(place, self._sizes.history)
        return run._replace(seconds=run.wall_seconds)

    def _one_row(self) -> Run:
        """The first run makes the dataset; those that are measured find it there."""
        task = self._task("unsiloed", range(0), self._rows)
        self._server.open("unsiloed", range(0))
        run = run_contestant("one_row", task, self._rows, self._server)
        return run._replace(seconds=run.wall_seconds)

    def _grow(self, base: int) -> Run:
        """New jobs on top of a copy of a warehouse."""
        self._places += 1
        place = self._base("llamacloud", base).copy_to(self._folder / f"place-{self._places}")
        last = self._sizes.total
        numbers = range(last - self._sizes.new - base, last)
        self._server.open("llamacloud", numbers)
        try:
            task = self._task("llamacloud", numbers, place)
            run = run_contestant("ours", task, place, self._server)
            check_rows(place, base + self._sizes.new)
        finally:
            place.remove()
        # the whole sync: what it reads in the warehouse before it asks grows with the warehouse
        assert run.call_seconds is not None
        return run._replace(seconds=run.call_seconds)

    def _task(self, provider: Provider, jobs: range, place: Place, **options: Any) -> Task:
        url = self._server.base_url(provider)
        return Task(provider, url, jobs.start, jobs.stop, str(place.warehouse), **options)

    def _new_place(self) -> Place:
        self._places += 1
        return new_place(self._folder / f"place-{self._places}")
