"""What all charts have in common: what stands around a drawing, its size, its axis of days."""

from __future__ import annotations

from collections.abc import Sequence
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


def day_axis(days: tuple[date, date]) -> alt.X:
    """The axis of days, each as wide as its bar.

    Args:
        days: The first and the last, both included.
    """
    first, last = days
    return alt.X(
        "utcyearmonthdate(day):T",
        scale=alt.Scale(type="utc", domain=[_moment(first), _moment(last + timedelta(days=1))]),
        axis=alt.Axis(
            format="%-d %b",
            grid=False,
            labelOverlap=True,
            # beneath the middle of the bar
            values=[_moment(day, hours=12) for day in labelled_days(days)],
        ),
    )


def labelled_days(days: tuple[date, date]) -> list[date]:
    """The days that have a label: the last, and as many before it as there is room for."""
    first, last = days
    step = (last - first).days // _MOST_DAY_LABELS + 1
    return [last - timedelta(days=back) for back in range(0, (last - first).days + 1, step)][::-1]


def _moment(day: date, hours: int = 0) -> alt.DateTime:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, hours=hours, utc=True)
