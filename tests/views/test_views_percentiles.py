"""Percentiles speak for all jobs behind them: the truth lies between their bounds, in every group.

The truth is the emulator's; what the warehouse knows of it are looks now and then.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import pytest
from looks_support import Seen, looked_at, true_seconds
from views_support import MakeWarehouse, Row, Warehouse, history, job

PHASES = ("queued", "running", "total")
GROUP = ("day", "provider", "account", "job_kind", "tier")
# what is exact is counted in microseconds
TICK = 1e-5
FEW, JOBS = range(3), 150


def percentile(values: list[float], percent: int) -> float:
    """As percentile_cont has it: interpolated between the two nearest."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def load(warehouse: Warehouse, jobs: Iterable[Seen]) -> Warehouse:
    """Loads what was seen of jobs, and creates the views."""
    seen = list(jobs)
    warehouse.load(
        jobs=[one.row() for one in seen],
        job_status_history=list(chain.from_iterable(one.history() for one in seen)),
    )
    warehouse.install()
    return warehouse


def behind(timeline: list[Row], phase: str) -> list[Row]:
    """The jobs of which a percentile speaks."""
    return [row for row in timeline if not row["is_open"] and (phase != "running" or row["has_run"])]


def group_of(row: Row) -> tuple[Any, ...]:
    day = row["created_at"] and row["created_at"].date()
    return (day, *(row[name] for name in GROUP[1:]))


def compare(warehouse: Warehouse, seen: list[Seen]) -> Counter[str]:
    """Compares each group with the truth, and counts what it has compared."""
    truth = {one.truth.job_id: one.truth for one in seen}
    timeline = warehouse.rows("job_timeline")
    days = {tuple(day[name] for name in GROUP): day for day in warehouse.rows("job_daily")}
    counted: Counter[str] = Counter()
    for phase in PHASES:
        groups: dict[Any, list[Row]] = defaultdict(list)
        for row in behind(timeline, phase):
            groups[group_of(row)].append(row)
            low, high = row[f"{phase}_seconds_min"], row[f"{phase}_seconds_max"]
            seconds = true_seconds(truth[row["job_id"]], phase)
            assert low - TICK <= seconds and (high is None or seconds <= high + TICK), row
        for key, day in days.items():
            rows = groups.get(key, [])
            assert day[f"{phase}_jobs"] == len(rows)
            assert day[f"{phase}_measured"] <= len(rows) <= day["jobs"]
            seconds_of = [true_seconds(truth[row["job_id"]], phase) for row in rows]
            for percent in (50, 95):
                name = f"{phase}_seconds_p{percent}"
                figure, low, high = (day[f"{name}{end}"] for end in ("", "_min", "_max"))
                if not rows:
                    assert (figure, low, high) == (None, None, None)
                    continue
                true = percentile(seconds_of, percent)
                assert low - TICK <= true, (name, key, low, true)
                assert high is None or true <= high + TICK, (name, key, true, high)
                counted["groups"] += 1
                counted["of several jobs"] += len(rows) > 4
                counted["without an upper bound"] += high is None
                counted["sharp"] += high is not None and high - low < 0.1 * true
                if figure is not None:
                    assert low <= figure and (high is None or figure <= high)
                    assert 2 * day[f"{phase}_measured"] >= len(rows)
                    counted["with a figure"] += 1
                elif 2 * day[f"{phase}_measured"] >= len(rows):
                    counted["figures proven wrong"] += 1
                if phase == "running" and day["running_measured"]:
                    known = [
                        row["running_seconds"]
                        for row in rows
                        if row["running_seconds"] is not None
                        and row["running_seconds_uncertainty"]
                        <= max(3600, row["running_seconds"])
                    ]
                    naive = percentile(known, percent)
                    counted["naive ones"] += 1
                    is_wrong = naive < low - TICK or (high is not None and naive > high + TICK)
                    counted["naive ones outside of the bounds"] += is_wrong
    return counted


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def few(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> tuple[Warehouse, Any]:
    """A few seeds, in a warehouse of each kind."""
    seen = [one for seed in FEW for one in looked_at(seed, JOBS)]
    return load(make_warehouse(request.param), seen), seen


def test_the_truth_lies_between_the_bounds_in_every_group(few: tuple[Warehouse, Any]) -> None:
    counted = compare(*few)
    print(counted)
    assert counted["groups"] > 300
