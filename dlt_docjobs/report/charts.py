"""The page's charts, as Vega-Lite specifications made with Altair.

Colours are the style sheet's variables, so that light, dark and print are its matter alone: the
drawing stays the same. Widths are those of the container, but for what a chart needs at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import altair as alt

from dlt_docjobs.report import words
from dlt_docjobs.report.drawing import LOW_HEIGHT, Chart, chart_of, color_of, day_axis, spec_of
from dlt_docjobs.report.durations import duration_charts
from dlt_docjobs.report.facts import Facts, Row
from dlt_docjobs.report.quality import LOW

_STATUSES: Final = (
    "queued",
    "running",
    "retrying",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "unknown",
)
_STAYS: Final = "still there"
_LEVELS: Final = ("low", "medium", "high")


CONFIG: Final[dict[str, Any]] = {
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line)",
        "gridColor": "var(--line)",
        "gridOpacity": 0.7,
        "labelColor": "var(--muted)",
        "labelFontSize": 12,
        "labelPadding": 6,
        "tickColor": "var(--line)",
        "title": None,
        "titleColor": "var(--muted)",
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False},
    "text": {"fill": "var(--text)", "fontSize": 12},
    "rule": {"color": "var(--muted)"},
}
"""What all charts share; handed to Vega-Embed once."""


def all_charts(facts: Facts) -> dict[str, list[Chart]]:
    """Every chart by the part of the page that it belongs to."""
    return {
        "days": [_jobs_by_day(facts), _failures_by_day(facts)],
        "durations": duration_charts(facts),
        "output": [_mix(facts), _flow(facts), *_confidence(facts)],
    }


# -- by day -------------------------------------------------------------------------------------


def _jobs_by_day(facts: Facts) -> Chart:
    total = sum(row["jobs"] for row in facts.by_day)
    return _daily(facts, "jobs", "Jobs by day", f"{words.count(total, 'job')}")


def _failures_by_day(facts: Facts) -> Chart:
    total = sum(row["failures"] for row in facts.by_day)
    return _daily(facts, "failures", "Failures by day", f"{words.count(total, 'failed job')}")


def _daily(facts: Facts, figure: str, title: str, what: str) -> Chart:
    rows = [row for row in facts.by_day if row[figure]]
    if not rows or facts.days is None:
        return Chart(f"{figure}-by-day", title, f"No {figure} in these days.")
    by_day: dict[date, int] = {}
    for row in rows:
        by_day[row["day"]] = by_day.get(row["day"], 0) + row[figure]
    worst = max(by_day, key=lambda day: (by_day[day], day))
    data = [
        {
            "day": row["day"].isoformat(),
            "provider": words.provider(row["provider"]),
            figure: row[figure],
        }
        for row in rows
    ]
    chart = (
        chart_of(data)
        .mark_bar(cornerRadiusEnd=1)
        .encode(
            x=day_axis(facts.days),
            y=alt.Y(f"{figure}:Q", stack=True, axis=_count_axis(by_day.values())),
            color=_provider_color(rows),
            tooltip=[
                alt.Tooltip("day:T", format="%Y-%m-%d", title="day"),
                alt.Tooltip("provider:N", title="provider"),
                alt.Tooltip(f"{figure}:Q", format=",", title=figure),
            ],
        )
    )
    return Chart(
        f"{figure}-by-day",
        title,
        f"{what} from {words.day(facts.days[0])} to {words.day(facts.days[1])}; the most, "
        f"{by_day[worst]:,}, on {words.day(worst)}.",
        spec=spec_of(chart),
        head=("Day", "Provider", figure.capitalize()),
        rows=[
            (words.day(row["day"]), words.provider(row["provider"]), row[figure]) for row in rows
        ],
        providers=_ids(rows),
    )


# -- how jobs go --------------------------------------------------------------------------------


def _flow(facts: Facts) -> Chart:
    if not facts.flow:
        return Chart("status-flow", "Status flow", "No status has been seen yet.")
    data = [
        {
            "from": row["status"],
            "to": row["next_status"] or _STAYS,
            "stays": row["stays"],
            "share": row["stays"] ** 0.5,
        }
        for row in facts.flow
    ]
    most = max(row["share"] for row in data)
    sources = [status for status in _STATUSES if any(row["from"] == status for row in data)]
    targets = [status for status in _STATUSES if any(row["to"] == status for row in data)]
    targets.append(_STAYS)
    base = chart_of(data).encode(
        x=alt.X(
            "to:N",
            sort=targets,
            scale=alt.Scale(domain=targets),
            axis=alt.Axis(
                orient="top", labelAngle=-35, domain=False, ticks=False, labelOverlap=False
            ),
        ),
        y=alt.Y("from:N", sort=sources, scale=alt.Scale(domain=sources)),
        tooltip=[
            alt.Tooltip("from:N", title="from"),
            alt.Tooltip("to:N", title="to"),
            alt.Tooltip("stays:Q", format=",", title="times"),
        ],
    )
    # no stronger than half, so that the numbers on it stand out in light and dark
    cells = base.mark_rect(color="var(--accent)", cornerRadius=4, stroke="var(--card)").encode(
        opacity=alt.Opacity(
            "share:Q", scale=alt.Scale(domain=[0, most], range=[0.06, 0.5]), legend=None
        )
    )
    numbers = base.mark_text(fontSize=12, fontWeight=500).encode(
        text=alt.Text(
            "stays:Q", format=".3~s" if max(row["stays"] for row in data) > 9999 else ","
        ),
    )
    usual = max(
        (row for row in facts.flow if row["next_status"]),
        key=lambda row: row["stays"],
        default=None,
    )
    summary = "Every job is in its first status still."
    if usual is not None:
        moves = sum(row["stays"] for row in facts.flow if row["next_status"])
        summary = (
            f"{words.count(moves, 'change')} of status; the most frequent, {usual['stays']:,} "
            f"times, from {usual['status']} to {usual['next_status']}."
        )
    return Chart(
        "status-flow",
        "Status flow",
        summary,
        "A row is the status that was left, a column the one that followed. What passed between "
        "two looks is not in it.",
        spec_of(alt.layer(cells, numbers), height=44 * len(sources)),
        ("From", "To", "Times"),
        [(row["from"], row["to"], row["stays"]) for row in data],
    )


# -- what came out ------------------------------------------------------------------------------


def _mix(facts: Facts) -> Chart:
    totals: dict[str, int] = {}
    by_type: dict[str, int] = {}
    for row in facts.segment_mix:
        totals[row["provider"]] = totals.get(row["provider"], 0) + row["segments"]
        by_type[row["segment_type"]] = by_type.get(row["segment_type"], 0) + row["segments"]
    if not any(totals.values()):
        return Chart("segment-mix", "Segment mix", "No segment is loaded yet.")
    data = [
        {
            "provider": words.provider(row["provider"]),
            "type": words.label(row["segment_type"]),
            "segments": row["segments"],
            "share": row["segments"] / totals[row["provider"]],
        }
        for row in facts.segment_mix
    ]
    types = sorted(by_type, key=lambda name: (-by_type[name], name))
    providers = [words.provider(name) for name in _ids(facts.segment_mix)]
    chart = (
        chart_of(data)
        .mark_bar(cornerRadiusEnd=1)
        .encode(
            x=alt.X(
                "share:Q",
                axis=alt.Axis(format="~%", tickCount=3, grid=True, domain=False, ticks=False),
            ),
            y=alt.Y(
                "type:N",
                sort=[words.label(name) for name in types],
                scale=alt.Scale(paddingInner=0.3),
                axis=alt.Axis(labelLimit=110, grid=False),
            ),
            yOffset=alt.YOffset("provider:N", sort=providers, scale=alt.Scale(domain=providers)),
            color=_provider_color(facts.segment_mix),
            tooltip=[
                alt.Tooltip("type:N", title="type"),
                alt.Tooltip("provider:N", title="provider"),
                alt.Tooltip("segments:Q", format=",", title="segments"),
                alt.Tooltip("share:Q", format=".1%", title="share"),
            ],
        )
    )
    total = sum(totals.values())
    return Chart(
        "segment-mix",
        "Segment mix by provider",
        f"{words.count(total, 'segment')}; the most frequent type is {words.label(types[0])} with "
        f"{words.percent(by_type[types[0]], total)}.",
        "Share of each provider's own segments.",
        # thinner bars for many providers, not a chart that a page of paper can't hold
        spec_of(chart, height=len(types) * (11 * min(len(providers), 3) + 13)),
        ("Type", "Provider", "Segments", "Share"),
        [
            (
                words.label(row["segment_type"]),
                words.provider(row["provider"]),
                row["segments"],
                words.percent(row["segments"], totals[row["provider"]]),
            )
            for row in sorted(
                facts.segment_mix,
                key=lambda row: (types.index(row["segment_type"]), row["provider"]),
            )
        ],
        is_tall=True,
        providers=_ids(facts.segment_mix),
    )


def _confidence(facts: Facts) -> list[Chart]:
    """A chart a provider: what one calls 0.9 another calls high."""
    charts = []
    for provider in dict.fromkeys(row["provider"] for row in facts.confidence):
        rows = [row for row in facts.confidence if row["provider"] == provider]
        numbers = [row for row in rows if row["confidence_from"] is not None]
        levels = [row for row in rows if row["confidence_level"] is not None]
        total = sum(row["segments"] for row in rows)
        if numbers:
            charts.append(_confidence_steps(provider, numbers, total))
        elif levels:
            charts.append(_confidence_levels(provider, levels, total))
    if not charts:
        text = "No provider has said how sure it is of a segment."
        return [Chart("confidence", "Confidence of segments", text)]
    return charts


def _confidence_steps(provider: str, rows: list[Row], total: int) -> Chart:
    steps: dict[float, int] = {}
    for row in rows:
        steps[row["confidence_from"]] = steps.get(row["confidence_from"], 0) + row["segments"]
    data = [
        {"from": start, "to": round(start + 0.05, 2), "segments": count}
        for start, count in sorted(steps.items())
    ]
    bars = (
        chart_of(data)
        .mark_bar(color=color_of(provider), stroke="var(--card)", strokeWidth=1)
        .encode(
            x=alt.X(
                "from:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".1f", values=[0, 0.2, 0.4, 0.6, 0.8, 1], title="confidence"),
            ),
            x2="to:Q",
            y=alt.Y("segments:Q", axis=_count_axis(steps.values(), 3), scale=alt.Scale(zero=True)),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("from:Q", format=".2f", title="from"),
                alt.Tooltip("to:Q", format=".2f", title="to"),
                alt.Tooltip("segments:Q", format=",", title="segments"),
            ],
        )
    )
    limit = chart_of([{"limit": LOW}]).mark_rule(strokeDash=[4, 4]).encode(x=alt.X("limit:Q"))
    scored = sum(steps.values())
    low = sum(count for start, count in steps.items() if start < LOW)
    return _of_confidence(
        provider,
        f"{words.count(low, 'segment')} of {scored:,} below {LOW}, the dashed line "
        f"({words.percent(low, scored)}).",
        total - scored,
        spec_of(alt.layer(bars, limit), LOW_HEIGHT),
        ("Confidence from", "To", "Segments"),
        [(f"{row['from']:.2f}", f"{row['to']:.2f}", row["segments"]) for row in data],
    )


def _confidence_levels(provider: str, rows: list[Row], total: int) -> Chart:
    levels: dict[str, int] = {}
    for row in rows:
        name = row["confidence_level"]
        levels[name] = levels.get(name, 0) + row["segments"]
    names = [*(name for name in _LEVELS), *sorted(set(levels) - set(_LEVELS))]
    data = [{"level": name, "segments": levels.get(name, 0)} for name in names]
    chart = (
        chart_of(data)
        .mark_bar(color=color_of(provider), cornerRadiusEnd=1)
        .encode(
            x=alt.X(
                "level:N",
                sort=names,
                scale=alt.Scale(paddingInner=0.4, paddingOuter=0.3),
                axis=alt.Axis(labelAngle=0, title="confidence"),
            ),
            y=alt.Y("segments:Q", axis=_count_axis(levels.values(), 3)),
            tooltip=[
                alt.Tooltip("level:N", title="confidence"),
                alt.Tooltip("segments:Q", format=",", title="segments"),
            ],
        )
    )
    rated = sum(levels.values())
    low = levels.get("low", 0)
    return _of_confidence(
        provider,
        f"{words.count(low, 'segment')} of {rated:,} rated low ({words.percent(low, rated)}).",
        total - rated,
        spec_of(chart, LOW_HEIGHT),
        ("Confidence", "Segments"),
        [(row["level"], row["segments"]) for row in data],
    )


def _of_confidence(
    provider: str,
    summary: str,
    unrated: int,
    spec: dict[str, Any],
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> Chart:
    note = f"{words.count(unrated, 'segment')} without a score left out." if unrated else ""
    title = f"Confidence of segments, {words.provider(provider)}"
    return Chart(f"confidence-{provider}", title, summary, note, spec, head, rows)


# -- what they share ----------------------------------------------------------------------------


def _ids(rows: Iterable[Row]) -> list[str]:
    """The ids of the providers that have rows, in the order of their names."""
    return sorted({row["provider"] for row in rows})


def _provider_color(rows: Iterable[Row]) -> alt.Color:
    ids = _ids(rows)
    return alt.Color(
        "provider:N",
        scale=alt.Scale(
            domain=[words.provider(name) for name in ids], range=[color_of(name) for name in ids]
        ),
        legend=None,
    )


def _count_axis(values: Iterable[int], ticks: int = 5) -> alt.Axis:
    """An axis of numbers of things: no fractions, thousands as `12k`."""
    most = max(values, default=0)
    return alt.Axis(
        # by itself, since the axis gives all its labels one unit, and says 0k
        labelExpr=f"format(datum.value, '{'~s' if most >= 10_000 else ',d'}')",
        tickCount=min(ticks, most),
        tickMinStep=1,
    )
