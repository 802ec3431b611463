"""What all charts have in common: what stands around a drawing, its size, its axis of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import altair as alt

from dlt_docjobs.report import words
from dlt_docjobs.report.facts import Row

HEIGHT: Final = 220
LOW_HEIGHT: Final = 130
# as many as a phone has room for
_MOST_DAY_LABELS: Final = 6


@dataclass(frozen=True)
class Chart:
    """One chart with all that stands around it.

    Attributes:
        id: Unique on the page.
        title: Its heading.
        summary: What it shows, in words: the text alternative.
        note: How to read it; may be empty.
        spec: The Vega-Lite specification; None where there is nothing to draw.
        head: Column titles of the same data as a table.
        rows: Its rows; numbers are numbers.
        is_tall: Whether it stands beside all others of its part.
        providers: Whose colours it shows: the legend, which stands outside the drawing.
    """

    id: str
    title: str
    summary: str
    note: str = ""
    spec: dict[str, Any] | None = None
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    is_tall: bool = False
    providers: Sequence[str] = ()


def chart_of(rows: list[Row]) -> alt.Chart:
    """A drawing of rows that the page itself carries."""
    return alt.Chart(alt.InlineData(values=rows))


def spec_of(chart: Any, height: int = HEIGHT) -> dict[str, Any]:
    """Its specification, as wide as the container."""
    sized = chart.properties(
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding", resize=True),
    )
    # Altair's own theme is for notebooks
    spec: dict[str, Any] = sized.to_dict()
    spec.pop("config", None)
    spec.pop("$schema", None)
    return spec


def color_of(provider: str) -> str:
    """The style sheet's colour of a provider."""
    return f"var(--{words.series(provider)})"


def day_axis(
    days: tuple[date, date],
    field: str = "utcyearmonthdate(day):T",
    counts: Mapping[date, int] | None = None,
) -> alt.X:
    """The axis of days, each as wide as its bar.

    Args:
        days: The first and the last, both included.
        field: What stands on it.
        counts: How many jobs stand behind a day, written beneath its label.
    """
    first, last = days
    step = (last - first).days // _MOST_DAY_LABELS + 1
    labelled = [last - timedelta(days=back) for back in range(0, (last - first).days + 1, step)]
    label: dict[str, Any] = {"format": "%-d %b"}
    if counts is not None:
        found = ", ".join(f"'{day:%Y%m%d}': 'n {counts.get(day, 0):,}'" for day in labelled)
        shown = "utcFormat(datum.value, '%-d %b')"
        label = {"labelExpr": f"[{shown}, {{{found}}}[utcFormat(datum.value, '%Y%m%d')]]"}
    return alt.X(
        field,
        scale=alt.Scale(type="utc", domain=[_epoch(first), _epoch(last + timedelta(days=1))]),
        axis=alt.Axis(
            grid=False,
            labelOverlap=True,
            # beneath the middle of the bar
            values=[_midnight(day, hours=12) for day in reversed(labelled)],
            **label,
        ),
    )


def _midnight(day: date, hours: int = 0) -> alt.DateTime:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, hours=hours, utc=True)


def _epoch(day: date) -> int:
    """Milliseconds; of a date written out, Vega warns where layers share it."""
    return (day - date(1970, 1, 1)).days * 86_400_000
