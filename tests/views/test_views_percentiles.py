"""Percentiles speak for all jobs behind them: the truth lies between their bounds, in every group.

The truth is the emulator's; what the warehouse knows of it are looks now and then.
"""

from __future__ import annotations

import math
import re
import statistics
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from looks_support import Seen, looked_at, true_seconds
from views_support import MakeWarehouse, Row, Warehouse, at, history, job

PHASES = ("queued", "running", "total")
GROUP = ("day", "provider", "account", "job_kind", "tier")
# what is exact is counted in microseconds
TICK = 1e-5
FEW, MANY, JOBS = range(3), range(30), 150
OF_SEEDS = "account LIKE 'seed %'"
ROOT = Path(__file__).parents[2]


def percentile(values: list[float], percent: int) -> float:
    """As percentile_cont has it: interpolated between the two nearest."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def rows_of(seen: Iterable[Seen], **values: Any) -> tuple[list[Row], list[Row]]:
    """Rows of `jobs` and of `job_status_history`, with some columns set."""
    jobs, events = [], []
    for one in seen:
        jobs.append({**one.row(), **values})
        events += [{**row, **values} for row in one.history()]
    return jobs, events


def behind(timeline: list[Row], phase: str) -> list[Row]:
    """The jobs of which a percentile speaks."""
    return [
        row for row in timeline if not row["is_open"] and (phase != "running" or row["has_run"])
    ]


def group_of(row: Row) -> tuple[Any, ...]:
    day = row["created_at"] and row["created_at"].date()
    return (day, *(row[name] for name in GROUP[1:]))


def compare(warehouse: Warehouse, seen: list[Seen]) -> Counter[str]:
    """Compares each group with the truth, and counts what it has compared."""
    truth = {one.truth.job_id: one.truth for one in seen}
    timeline = warehouse.rows("job_timeline", OF_SEEDS)
    days = {
        tuple(day[name] for name in GROUP): day for day in warehouse.rows("job_daily", OF_SEEDS)
    }
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
                        and row["running_seconds_uncertainty"] <= max(3600, row["running_seconds"])
                    ]
                    naive = percentile(known, percent)
                    counted["naive ones"] += 1
                    is_wrong = naive < low - TICK or (high is not None and naive > high + TICK)
                    counted["naive ones outside of the bounds"] += is_wrong
    return counted


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def few(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> tuple[Warehouse, Any]:
    """A few seeds, one large group and jobs made by hand, in a warehouse of each kind."""
    seen = [one for seed in FEW for one in looked_at(seed, JOBS)]
    jobs, events = rows_of(seen)
    for more in (one_group(seen), by_hand()):
        jobs += more[0]
        events += more[1]
    warehouse = make_warehouse(request.param)
    warehouse.load(jobs=jobs, job_status_history=events)
    warehouse.install()
    return warehouse, seen


@pytest.mark.slow
def test_the_truth_lies_between_the_bounds_in_every_group(few: tuple[Warehouse, Any]) -> None:
    counted = compare(*few)
    assert counted["groups"] > 700
    assert counted["of several jobs"] > 300
    # a bound that says nothing would hold, too
    assert counted["without an upper bound"] < counted["groups"] / 4
    assert counted["with a figure"] > 200
    # the figures of the jobs measured alone would have misled
    assert counted["naive ones outside of the bounds"] > 0
    assert counted["figures proven wrong"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_the_truth_lies_between_the_bounds_over_many_seeds(
    kind: str, make_warehouse: MakeWarehouse
) -> None:
    seen = [one for seed in MANY for one in looked_at(seed, JOBS)]
    warehouse = make_warehouse(kind)
    jobs, events = rows_of(seen)
    warehouse.load(jobs=jobs, job_status_history=events)
    warehouse.install()
    counted = compare(warehouse, seen)
    print(kind, len(seen), "jobs", dict(counted))
    assert counted["groups"] > 250 * len(MANY)


def test_the_page_tells_how_to_ask_by_week_and_tier(few: tuple[Warehouse, Any]) -> None:
    warehouse, seen = few
    page = (ROOT / "docs" / "views.md").read_text("utf-8")
    (query,) = re.findall(r"```sql\n(WITH ended AS[^`]*date_trunc\('week'[^`]*)```", page)
    window = "CURRENT_TIMESTAMP - INTERVAL '90 days'"
    assert window in query
    asked = query.replace(window, "CAST('2026-09-01 00:00:00+00' AS TIMESTAMP WITH TIME ZONE)")
    asked = asked.replace(" docjobs.", " {d}.").replace("WHERE", f"WHERE {OF_SEEDS} AND")
    answer = warehouse.execute(asked)
    truth = {one.truth.job_id: one.truth for one in seen}
    groups: dict[Any, list[float]] = defaultdict(list)
    for row in behind(warehouse.rows("job_timeline", OF_SEEDS), "running"):
        if row["created_at"]:
            day = row["created_at"].date()
            week = day - timedelta(days=day.weekday())
            seconds = true_seconds(truth[row["job_id"]], "running")
            groups[week, row["provider"], row["tier"]].append(seconds)
    assert {tuple(row[:3]) for row in answer} == set(groups)
    assert len({row[0] for row in answer}) == 2 and len(answer) > 12
    for week, provider, tier, jobs, measured, *bounds in answer:
        seconds_of = sorted(groups[week, provider, tier])
        assert measured <= jobs == len(seconds_of)
        for (low, high), share in zip((bounds[:2], bounds[2:]), (0.5, 0.95), strict=True):
            true = seconds_of[max(0, math.ceil(share * jobs - 1e-9) - 1)]
            assert low - TICK <= true and (high is None or true <= high + TICK)
    assert any(row[6] is not None and row[6] < 7200 for row in answer)


# -- an estimate from the same intervals --------------------------------------------------------


def turnbull(intervals: list[tuple[float, float]], percents: Iterable[int]) -> list[Any]:
    """The piece in which each percentile of the likeliest distribution behind intervals lies.

    Turnbull 1976, by expectation and maximisation.
    """
    edges = sorted([(low, 0) for low, _ in intervals] + [(high, 1) for _, high in intervals])
    # a lower end that an upper one follows at once; what lies elsewhere is less likely
    pieces = sorted(
        {(start, end) for (start, one), (end, two) in pairwise(edges) if (one, two) == (0, 1)}
    )
    starts, ends = [start for start, _ in pieces], [end for _, end in pieces]
    # the pieces in an interval follow one another
    spans = [(bisect_left(starts, low), bisect_right(ends, high)) for low, high in intervals]
    shares = [1 / len(pieces)] * len(pieces)
    for _ in range(300):
        below = [0.0, *accumulate(shares)]
        steps = [0.0] * (len(pieces) + 1)
        for first, last in spans:
            weight = 1 / (below[last] - below[first]) / len(intervals)
            steps[first] += weight
            steps[last] -= weight
        shares = [share * weight for share, weight in zip(shares, accumulate(steps), strict=False)]
    reached = list(accumulate(shares))
    assert reached[-1] == pytest.approx(1)
    return [pieces[bisect_left(reached, percent / 100 - 1e-9)] for percent in percents]


def one_group(seen: list[Seen]) -> tuple[list[Row], list[Row]]:
    """Jobs as if they were of one day, provider, kind and tier.

    At places 0.5 * 400 and 0.95 * 400 stand jobs, so that no percentile is interpolated.
    """
    fit = [one for one in seen if one.evidence.creation != "unknown"]
    fit = [one for one in fit if one.truth.status == "succeeded"]
    assert len(fit) >= 401
    alike = {"provider": "contextual", "account": "one group", "job_kind": "parse"}
    jobs, events = rows_of(fit[:401], **alike)
    for row in (*jobs, *events):
        row["job_id"] = f"one {row['job_id']}"
    return [{**row, "tier": None, "created_at": at(0)} for row in jobs], events


def test_a_turnbull_estimate_lies_between_the_bounds(few: tuple[Warehouse, Any]) -> None:
    """An estimate for interval-censored data, of one large group."""
    warehouse, _ = few
    (day,) = warehouse.rows("job_daily", "account = 'one group'")
    timeline = warehouse.rows("job_timeline", "account = 'one group'")
    for phase in PHASES:
        assert day[f"{phase}_jobs"] == 401
        ends = [(row[f"{phase}_seconds_min"], row[f"{phase}_seconds_max"]) for row in timeline]
        intervals = [(low, math.inf if high is None else high) for low, high in ends]
        assert sum(high - low > 60 for low, high in intervals) > 100
        for percent, (start, end) in zip((50, 95), turnbull(intervals, (50, 95)), strict=True):
            low, high = (day[f"{phase}_seconds_p{percent}_{which}"] for which in ("min", "max"))
            assert low - TICK <= start, (phase, percent)
            assert high is None or end <= high + TICK, (phase, percent)


# -- by hand ------------------------------------------------------------------------------------


def ran(seconds: float) -> tuple[Any, ...]:
    """The events of a job that was seen to run for so long."""
    return ("queued", 0), ("running", 10), ("succeeded", 10 + seconds)


def unseen(most: float, end: str = "succeeded") -> tuple[Any, ...]:
    """The events of a job that was seen queued, and so long after that ended."""
    return ("queued", 0), (end, 20, 20 + most / 2, 20 + most)


# group: its jobs' events
BY_HAND: dict[str, list[tuple[Any, ...]]] = {
    "half": [ran(100), ran(200), unseen(4000), unseen(5000)],
    "a third": [ran(100), unseen(300), unseen(300)],
    "not alike": [ran(1000), ran(1000), unseen(10), unseen(10)],
    "never ran": [unseen(300, "failed"), unseen(300, "cancelled"), unseen(300, "expired")],
    "ran and failed": [(("queued", 0), ("running", 10), ("failed", 40)), unseen(9, "failed")],
    "without a date": [ran(100), ran(200), (("queued", None, 50, 50), ("succeeded", 100))],
    "nothing loaded": [()],
    "open": [ran(100), (("queued", 0), ("running", 10))],
}
# group: running_jobs, running_measured, then p50 and p95 as figure, min and max
EXPECTED: dict[str, tuple[int, int, list[float | None], list[float | None]]] = {
    "half": (4, 2, [150, 50, 2100], [195, 185, 4850]),
    "a third": (3, 1, [None, 0, 300], [None, 90, 300]),
    "not alike": (4, 2, [None, 500, 505], [1000, 1000, 1000]),
    "never ran": (0, 0, [None, None, None], [None, None, None]),
    "ran and failed": (1, 1, [30, 30, 30], [30, 30, 30]),
    "without a date": (3, 2, [150, 100, 200], [195, 190, None]),
    "nothing loaded": (1, 0, [None, 0, None], [None, 0, None]),
    "open": (1, 1, [100, 100, 100], [100, 100, 100]),
}


def by_hand() -> tuple[list[Row], list[Row]]:
    """Rows of the groups, each a tier."""
    jobs, events = [], []
    account = {"account": "by hand"}
    for tier, lives in BY_HAND.items():
        for number, life in enumerate(lives):
            job_id = f"{tier} {number}"
            end = life[-1][0] if life else "succeeded"
            status = "queued" if end == "expired" else end
            is_over = status in ("succeeded", "failed", "cancelled")
            values = {"tier": tier, "status": status, "is_terminal": is_over, **account}
            jobs.append(job(job_id, **values))
            events += history(job_id, *life, **account)
    return jobs, events


@pytest.mark.parametrize("tier", BY_HAND)
def test_what_a_percentile_speaks_for(tier: str, few: tuple[Warehouse, Any]) -> None:
    (day,) = few[0].rows("job_daily", f"account = 'by hand' AND tier = '{tier}'")
    jobs, measured, *percentiles = EXPECTED[tier]
    assert (day["running_jobs"], day["running_measured"]) == (jobs, measured)
    for percent, expected in zip((50, 95), percentiles, strict=True):
        found = [day[f"running_seconds_p{percent}{end}"] for end in ("", "_min", "_max")]
        assert found == [pytest.approx(one) for one in expected], percent
    ended = len(BY_HAND[tier]) - day["open_jobs"]
    assert (day["total_jobs"], day["queued_jobs"]) == (ended, ended)
