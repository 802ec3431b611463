"""Charts of how long jobs queue and run: what is certain as a band, what is known as a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

import altair as alt

from dlt_docjobs.report import words
from dlt_docjobs.report.drawing import Chart, chart_of, color_of, labelled_days, spec_of
from dlt_docjobs.report.facts import Facts, Row

_PHASES: Final = {"queued": "queue", "running": "run"}
_PERCENTILES: Final = {"p50": "median", "p95": "95th percentile"}
# the stronger one in front
_BANDS: Final = (("p95", 0.16), ("p50", 0.34))
_HEAD: Final = (
    *("Day", "Jobs", "Measured"),
    *("p50", "p50 at least", "p50 at most", "p95", "p95 at least", "p95 at most"),
)
# a log scale has no 0; below a tenth of a second nobody cares
_SHORTEST: Final = 0.1
# seconds, minutes, hours, days: few where the times differ much, more where they lie together
_FAR_TICKS: Final = (0.1, 1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800)
_NEAR_TICKS: Final = (
    *(0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1_800),
    *(3_600, 10_800, 21_600, 43_200, 86_400, 259_200, 604_800),
)
_FAR: Final = 1_000
_DURATION_LABEL: Final = (
    "datum.value < 60 ? datum.value + ' s' : datum.value < 3600 ? datum.value / 60 + ' min' : "
    "datum.value < 86400 ? datum.value / 3600 + ' h' : datum.value / 86400 + ' d'"
)
_MOST_DAYS_WITH_POINTS: Final = 45
_HEIGHT: Final = 170


def duration_charts(facts: Facts) -> list[Chart]:
    """A chart a provider and phase; a day's bands would hide those of another provider."""
    charts = []
    for provider in dict.fromkeys(row["provider"] for row in facts.durations):
        for phase in _PHASES:
            rows = [
                row
                for row in facts.durations
                if (row["provider"], row["phase"]) == (provider, phase) and row["jobs"]
            ]
            charts.append(_durations(facts, provider, phase, rows))
    if not charts:
        return [
            Chart(f"{phase}-by-day", f"{name.capitalize()} time", "No job of these days has ended.")
            for phase, name in _PHASES.items()
        ]
    return charts


def _durations(facts: Facts, provider: str, phase: str, rows: list[Row]) -> Chart:
    name = _PHASES[phase]
    id_ = f"{phase}-by-day-{provider}"
    title = f"{name.capitalize()} time, {words.provider(provider)}"
    if not rows or facts.days is None:
        what = "has ended and is known to have run" if phase == "running" else "has ended"
        return Chart(id_, title, f"No job of these days {what}.")
    return Chart(
        id_,
        title,
        _summary(rows, name),
        spec=spec_of(_drawing(facts.days, provider, name, rows), _HEIGHT),
        head=_HEAD,
        rows=[
            (
                words.day(row["day"]),
                row["jobs"],
                row["measured"],
                *(
                    words.duration(row[f"{percentile}{end}"])
                    for percentile in _PERCENTILES
                    for end in ("", "_min", "_max")
                ),
            )
            for row in rows
        ],
    )


def _summary(rows: list[Row], name: str) -> str:
    jobs, measured = (sum(row[column] for row in rows) for column in ("jobs", "measured"))
    said = (
        f"{words.count(jobs, 'job')}; of {measured:,} the {name} time is known to within an hour, "
        "or to within itself."
    )
    known = [row for row in rows if row["p95"] is not None and row["measured"] > 1]
    if known:
        longest = max(known, key=lambda row: row["p95"])
        said += (
            f" The longest p95, {words.duration(longest['p95'])}, is that of "
            f"{words.day(longest['day'])} ({longest['measured']:,} of "
            f"{words.count(longest['jobs'], 'job')} measured)."
        )
    return said


def _drawing(days: tuple[date, date], provider: str, name: str, rows: list[Row]) -> Any:
    values = [
        row[f"{percentile}{end}"]
        for row in rows
        for percentile in _PERCENTILES
        for end in ("", "_min", "_max")
    ]
    ticks = _ticks(max(value, _SHORTEST) for value in values if value is not None)
    top = max(ticks[-1], *(value for value in values if value is not None))
    by_day = {row["day"]: row for row in rows}
    every = [days[0] + timedelta(days=place) for place in range((days[1] - days[0]).days + 1)]
    scale = alt.Scale(type="log", domain=[ticks[0], top])
    axis = alt.Axis(values=ticks, labelExpr=_DURATION_LABEL)
    counts = {day: row["jobs"] for day, row in by_day.items()}
    layers = []
    for percentile, opacity in _BANDS:
        bands = [_band(by_day[day], percentile, ticks[0], top) for day in every if day in by_day]
        layers.append(
            chart_of(bands)
            .mark_bar(color=color_of(provider), opacity=opacity)
            .encode(
                x=_day_axis(days, "begins:Q", counts),
                x2="ends:Q",
                y=alt.Y("low:Q", scale=scale, axis=axis),
                y2="high:Q",
                tooltip=_tooltip(name),
            )
        )
    # a month of days has room for its points, a year has not
    is_dense = len(by_day) > _MOST_DAYS_WITH_POINTS
    point = alt.OverlayMarkDef(
        size=6 if is_dense else 24, filled=True, strokeWidth=0, color=color_of(provider)
    )
    for percentile, dash in (("p95", [5, 4]), ("p50", [1, 0])):
        # a day without a figure breaks the line
        figures = [_figure(day, by_day.get(day), percentile) for day in every]
        layers.append(
            chart_of(figures)
            .mark_line(
                point=point,
                color=color_of(provider),
                strokeWidth=1.25 if is_dense else 2,
                strokeDash=dash,
                invalid="break-paths-filter-domains",
            )
            .encode(
                x=_day_axis(days, "noon:Q", counts),
                y=alt.Y("seconds:Q", scale=scale, axis=axis),
                tooltip=_tooltip(name),
            )
        )
    return alt.layer(*layers)


def _day_axis(days: tuple[date, date], field: str, counts: Mapping[date, int]) -> alt.X:
    """The axis of days in milliseconds, with the number of jobs beneath a day's label.

    Of days as dates Vega-Lite would make a domain for each layer, and warn that they conflict.
    """
    first, last = days
    labelled = labelled_days(days)
    found = ", ".join(f"'{day:%Y%m%d}': 'n {counts.get(day, 0):,}'" for day in labelled)
    day_of = "utcFormat(datum.value, '%-d %b')"
    return alt.X(
        field,
        scale=alt.Scale(
            domain=[_epoch(first), _epoch(last + timedelta(days=1))], nice=False, zero=False
        ),
        axis=alt.Axis(
            grid=False,
            labelOverlap=True,
            labelExpr=f"[{day_of}, {{{found}}}[utcFormat(datum.value, '%Y%m%d')]]",
            # beneath the middle of the bar
            values=[_epoch(day, hours=12) for day in labelled],
        ),
    )


def _epoch(day: date, hours: int = 0) -> int:
    return ((day - date(1970, 1, 1)).days * 24 + hours) * 3_600_000


def _band(row: Row, percentile: str, bottom: float, top: float) -> Row:
    low, high = row[f"{percentile}_min"], row[f"{percentile}_max"]
    return {
        "begins": _epoch(row["day"]),
        "ends": _epoch(row["day"] + timedelta(days=1)),
        "low": max(low, bottom),
        "high": top if high is None else max(high, bottom),
        **_said(row, percentile),
    }


def _figure(day: date, row: Row | None, percentile: str) -> Row:
    # the figure of one job is an anecdote
    seconds = row[percentile] if row is not None and row["measured"] > 1 else None
    found: Row = {
        "noon": _epoch(day, hours=12),
        "seconds": None if seconds is None else max(seconds, _SHORTEST),
    }
    return found if row is None else {**found, **_said(row, percentile)}


def _said(row: Row, percentile: str) -> dict[str, Any]:
    high = row[f"{percentile}_max"]
    return {
        "day": words.day(row["day"]),
        "percentile": _PERCENTILES[percentile],
        "shown": words.duration(row[percentile]),
        "between": words.between(row[f"{percentile}_min"], high),
        "n": f"{row['measured']:,} of {row['jobs']:,}",
    }


def _tooltip(name: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("day:N", title="day"),
        alt.Tooltip("percentile:N", title="percentile"),
        alt.Tooltip("shown:N", title=f"{name} time of the jobs measured"),
        alt.Tooltip("between:N", title="true one of all jobs"),
        alt.Tooltip("n:N", title="jobs measured"),
    ]


def _ticks(values: Iterable[float]) -> list[float]:
    """The ticks from the one below the values to the one above: the scale ends where labels do."""
    found = list(values)
    low, high = min(found), max(found)
    every = _FAR_TICKS if high > _FAR * low else _NEAR_TICKS
    first = max((place for place, tick in enumerate(every) if tick <= low), default=0)
    last = next((place for place, tick in enumerate(every) if tick >= high), len(every) - 1)
    # where all are the same, a tick beside them
    return list(every[min(first, len(every) - 2) : max(last, first + 1) + 1])
