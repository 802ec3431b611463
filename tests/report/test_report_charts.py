"""How the charts of durations are scaled, and what they do not claim."""

from __future__ import annotations

from datetime import date, datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from dlt_docjobs.report import durations


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        # near together: every tick there is
        ([12, 50], [10, 30, 60]),
        ([55, 61], [30, 60, 300]),
        # far apart: few
        ([0.1, 100.1], [0.1, 1, 10, 60, 600]),
        ([5, 700_000], [1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800]),
        # all the same, and on a tick
        ([60, 60], [60, 300]),
        ([0.1, 0.1], [0.1, 0.5]),
        # behind the last
        ([700_000, 900_000], [259_200, 604_800]),
    ],
)
def test_a_scale_of_durations_ends_where_labels_do(
    seconds: list[float], ticks: list[float]
) -> None:
    assert durations._ticks(seconds) == ticks


DAYS = (date(2026, 9, 1), date(2026, 9, 4))


def row(day: int, jobs: int, measured: int, **values: Any) -> dict[str, Any]:
    """A row of the facts: a p95 as p50, but for what is given."""
    figures = {"p50": 20.0, "p50_min": 10.0, "p50_max": 30.0}
    figures = {**figures, "p95": 200.0, "p95_min": 100.0, "p95_max": 300.0, **values}
    of_day = {"day": date(2026, 9, day), "provider": "llamacloud", "phase": "queued"}
    return {**of_day, "jobs": jobs, "measured": measured, **figures}


def drawn(*rows: dict[str, Any]) -> durations.Chart:
    facts: Any = SimpleNamespace(durations=list(rows), days=DAYS)
    queued, running = durations.duration_charts(facts)
    assert running.spec is None and "known to have run" in running.summary
    return queued


def values_of(chart: durations.Chart, mark: str) -> list[list[dict[str, Any]]]:
    assert chart.spec is not None
    layers = [layer for layer in chart.spec["layer"] if layer["mark"]["type"] == mark]
    return [chart.spec["datasets"][layer["data"]["name"]] for layer in layers]


def test_lines_break_at_days_without_jobs_and_bands_end_there() -> None:
    chart = drawn(row(1, 5, 4), row(2, 5, 4), row(4, 5, 4))
    for line in values_of(chart, "line"):
        assert [one["seconds"] is None for one in line] == [False, False, True, False]
    for band in values_of(chart, "bar"):
        begins = [datetime.fromtimestamp(one["begins"] / 1000, timezone.utc) for one in band]
        assert [(one.day, one.hour) for one in begins] == [(1, 0), (2, 0), (4, 0)]


def test_a_band_that_nothing_bounds_reaches_the_top() -> None:
    chart = drawn(row(1, 5, 4, p95_max=None), row(2, 5, 4))
    pale, strong = values_of(chart, "bar")
    assert [one["high"] for one in pale] == [300, 300]
    assert [(one["low"], one["high"]) for one in strong] == [(10, 30), (10, 30)]
    assert pale[0]["between"] == "1.7 min or more"
    assert pale[0]["n"] == "4 of 5"
    assert chart.rows[0][-3:] == ("3.3 min", "1.7 min", "–")


def test_the_figure_of_one_job_is_neither_drawn_nor_announced() -> None:
    chart = drawn(row(1, 1, 1, p95=9_000.0, p95_max=9_000.0), row(2, 9, 8))
    assert "2.5 h" not in chart.summary
    assert "The longest p95, 3.3 min, is that of 2026-09-02 (8 of 9 jobs measured)" in chart.summary
    for line in values_of(chart, "line"):
        assert [one["seconds"] is None for one in line] == [True, False, True, True]
    assert "longest" not in drawn(row(1, 1, 1)).summary
