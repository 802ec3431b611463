"""From runs to figures: medians, ratios, and the goals that they are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

MAX_PEAK_MB: Final = 800


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        work: What was done.
        ours: Our figure.
        against: What it is held against.
        theirs: That figure.
        value: What is compared with the goal: mostly ours divided by theirs.
        goal: The goal in words.
        is_met: Whether it is reached.
    """

    work: str
    ours: str
    against: str
    theirs: str
    value: float
    goal: str
    is_met: bool


class Medians:
    """The medians of a result's series.

    Args:
        series: `series` of a result file: names to jobs, segments and runs.
    """

    def __init__(self, series: Mapping[str, Any]) -> None:
        self._series = series

    def has(self, *names: str) -> bool:
        """Whether all these series were run."""
        return all(name in self._series for name in names)

    def jobs(self, name: str) -> int:
        """Jobs that each run loaded."""
        return int(self._series[name]["jobs"])

    def base(self, name: str) -> int:
        """Jobs that were in the warehouse before."""
        return int(self._series[name]["base"])

    def of(self, name: str, field: str) -> float:
        """The median of a field of the runs."""
        return float(median(run[field] for run in self._series[name]["runs"]))

    def seconds(self, name: str) -> float:
        """The median of the seconds."""
        return self.of(name, "seconds")

    def rate(self, name: str) -> float:
        """Segments a second."""
        return float(self._series[name]["segments"]) / self.seconds(name)

    def peak_mb(self, name: str) -> float:
        """The median of the peak memory in MB."""
        return self.of(name, "peak_bytes") / 2**20


def figures(series: Mapping[str, Any]) -> list[Figure]:
    """All rows that the series allow."""
    medians = Medians(series)
    return [figure for make in _ROWS for figure in make(medians)]


def _first_sync(medians: Medians) -> Iterator[Figure]:
    rivals = (
        ("rest_api", "dlt's rest_api source", 20, ""),
        ("rest_api_parquet", "dlt's rest_api source, parquet", 8, ""),
        ("pandas", "a sequential script with pandas", 2.5, ""),
        ("ceiling", "the hand-written ceiling", 0.6, " (stretch 0.75 ×)"),
    )
    for name, title, goal, more in rivals:
        if not medians.has("ours", name):
            continue
        value = medians.rate("ours") / medians.rate(name)
        jobs = medians.jobs(name)
        at = f" at {jobs:,} jobs" if jobs != medians.jobs("ours") else ""
        yield Figure(
            f"first sync, {medians.jobs('ours'):,} jobs",
            _rate(medians, "ours"),
            title + at,
            _rate(medians, name),
            value,
            f"at least {goal:g} ×{more}",
            value >= goal,
        )


def _variants(medians: Medians) -> Iterator[Figure]:
    variants = (
        ("ours_latency", "50 ms a request, 32 in flight", "without latency", 0.9),
        ("ours_ocr", "with rows of OCR elements", "without them", 0.6),
    )
    for name, work, against, goal in variants:
        if medians.has("ours", name):
            value = medians.rate(name) / medians.rate("ours")
            ours, theirs = _rate(medians, name), _rate(medians, "ours")
            yield Figure(
                f"first sync, {work}", ours, against, theirs, value, f"at least {goal:g} ×",
                value >= goal,
            )  # fmt: skip


def _providers(medians: Medians) -> Iterator[Figure]:
    for name, title in (("ours_reducto", "Reducto"), ("ours_landingai", "LandingAI")):
        if medians.has("ours_llamacloud", name):
            value = medians.rate(name) / medians.rate("ours_llamacloud")
            yield Figure(
                f"first sync, {medians.jobs(name):,} jobs of {title}",
                _rate(medians, name),
                "as many of LlamaCloud",
                _rate(medians, "ours_llamacloud"),
                value,
                "at least 0.8 ×",
                value >= 0.8,
            )


def _scale(medians: Medians) -> Iterator[Figure]:
    if not medians.has("ours", "ours_large"):
        return
    large, small = medians.jobs("ours_large"), medians.jobs("ours")
    per_job = [1000 * medians.seconds(name) / medians.jobs(name) for name in ("ours_large", "ours")]
    value = per_job[0] / per_job[1]
    yield Figure(
        f"first sync, {large:,} jobs: time a job",
        f"{per_job[0]:.2f} ms",
        f"{small:,} jobs",
        f"{per_job[1]:.2f} ms",
        value,
        "at most 1.15 ×",
        value <= 1.15,
    )
    peaks = [medians.peak_mb(name) for name in ("ours_large", "ours")]
    value = peaks[0] / peaks[1]
    yield Figure(
        f"first sync, {large:,} jobs: peak memory",
        f"{peaks[0]:,.0f} MB",
        f"{small:,} jobs",
        f"{peaks[1]:,.0f} MB",
        value,
        f"at most 1.2 ×, and under {MAX_PEAK_MB} MB",
        value <= 1.2 and peaks[0] < MAX_PEAK_MB,
    )


def _nothing_new(medians: Medians) -> Iterator[Figure]:
    for name, how in (("nothing_new", "listed"), ("nothing_new_named", "named by id")):
        if medians.has(name, "one_row"):
            value = medians.seconds(name) / medians.seconds("one_row")
            requests = medians.of(name, "requests")
            yield Figure(
                f"nothing new, {medians.base(name):,} jobs {how}",
                f"{medians.seconds(name):.2f} s, {requests:,.0f} requests",
                "a bare dlt pipeline that loads one row",
                f"{medians.seconds('one_row'):.2f} s",
                value,
                "under 1.6 ×",
                value < 1.6,
            )


def _growth(medians: Medians) -> Iterator[Figure]:
    names = ("growth_0", "growth_1", "growth_2")
    if not medians.has(*names):
        return
    seconds = {name: medians.seconds(name) for name in names}
    slowest, quickest = max(names, key=seconds.__getitem__), min(names, key=seconds.__getitem__)
    value = seconds[slowest] / seconds[quickest]
    on_top = ", ".join(f"{seconds[name]:.2f} s on {medians.base(name):,}" for name in names)
    yield Figure(
        f"{medians.jobs(names[0]):,} new jobs on top of others",
        on_top,
        "the quickest of them",
        f"{seconds[quickest]:.2f} s",
        value,
        "at most 1.5 ×",
        value <= 1.5,
    )


def _startup(medians: Medians) -> Iterator[Figure]:
    for name, goal in (("help", 0.3), ("status", 2.0)):
        if medians.has(name, "import_dlt"):
            value = medians.seconds(name) / medians.seconds("import_dlt")
            yield Figure(
                f"`docjobs {'--help' if name == 'help' else name}`",
                f"{medians.seconds(name):.2f} s",
                "`python -c 'import dlt'`",
                f"{medians.seconds('import_dlt'):.2f} s",
                value,
                f"under {goal:g} ×",
                value < goal,
            )


def _rate(medians: Medians, name: str) -> str:
    return f"{medians.rate(name):,.0f} segments/s"


_ROWS: Final[tuple[Callable[[Medians], Iterator[Figure]], ...]] = (
    _first_sync,
    _variants,
    _providers,
    _scale,
    _nothing_new,
    _growth,
    _startup,
)
