"""Reads the page's facts: every question once, over one connection, as plain Python values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.model.times import UTC, parse_instant
from dlt_docjobs.report import questions
from dlt_docjobs.views import View, render_select

Row = dict[str, Any]

_LONG: Final = 50
_SHORT: Final = 20
# more would lie before the first date that there is
_MOST_DAYS: Final = 36_500
_EPOCH: Final = date(1970, 1, 1)
_DAYS: Final = ("day", "first_day", "last_day")
_INSTANTS: Final = ("_at", "_until")


@dataclass(frozen=True)
class Listed:
    """The first rows of something, and how many there are in all."""

    rows: list[Row]
    total: int


@dataclass(frozen=True)
class Facts:
    """Everything that the page says, as the warehouse has it at one moment.

    Attributes:
        written_at: When it was asked, UTC.
        dataset: The dataset's name.
        destination: The destination's name.
        days: First and last day that are shown by day, both included; None without any.
        first_day: The day of the oldest job; None without any.
        jobs_without_day: Jobs whose creation is not known: in no chart by day.
        outcomes: A row a provider: how its jobs stand.
        total_duration: Percentiles of the time from creation to end, in seconds: `jobs` that have
            ended, how many of these are `measured`, and for `p50` and `p95` the figure and the
            bounds, `…_min` and `…_max`, null as in the view `job_daily`.
        by_day: Jobs and failures by day and provider.
        durations: The same of the phases `queued` and `running`, by day and provider.
        flow: How often each status followed each other one; `next_status` null: still in it.
        segment_mix: Segments by provider and type.
        confidence: Segments by provider and step, or level, of confidence.
        pages: A row a provider: `pages`, `to_review` and `failed`.
        pages_to_review: The worst of them.
        segments_to_review: The worst segments, with excerpts; of tables what they are read of.
        at_risk_states: Results not loaded, by why.
        at_risk: Those that vanish first.
        open_jobs: `open_jobs`, `stuck` and `given_up`.
        oldest_open: The oldest of these.
        failures: Error messages, the most frequent first.
        quality_changes: A row an account whose quality has changed on its newest two days.
        freshness: A row an account.
        runs: The latest sync runs.
    """

    written_at: datetime
    dataset: str
    destination: str
    days: tuple[date, date] | None
    first_day: date | None
    jobs_without_day: int
    outcomes: list[Row]
    total_duration: Row
    by_day: list[Row]
    durations: list[Row]
    flow: list[Row]
    segment_mix: list[Row]
    confidence: list[Row]
    pages: list[Row]
    pages_to_review: Listed
    segments_to_review: Listed
    at_risk_states: list[Row]
    at_risk: Listed
    open_jobs: Row
    oldest_open: Listed
    failures: Listed
    quality_changes: list[Row]
    freshness: list[Row]
    runs: Listed

    @property
    def jobs(self) -> int:
        """Jobs in the warehouse."""
        return sum(row["jobs"] for row in self.outcomes)

    @property
    def missing(self) -> int:
        """Jobs that answered 404 once."""
        return sum(row["missing_jobs"] for row in self.freshness)

    @property
    def gone(self) -> int:
        """Jobs that were answered 404 in two syncs."""
        return sum(row["expired"] for row in self.outcomes)


def read_facts(
    client: SqlClientBase[Any],
    dialect: str,
    destination: str,
    days: int,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Facts:
    """Asks every question.

    Args:
        client: A connection to a dataset that has the views.
        dialect: The destination's dialect of SQL, one of `views.DIALECTS`.
        destination: What the page calls the destination.
        days: How many days the charts by day show at most, up to the day of the newest job.
        now: The clock.
    """
    ask = _Asker(client, dialect)
    written_at = now()
    found = ask.one(questions.DAYS)
    first, last = found["first_day"], found["last_day"]
    most = timedelta(days=min(days, _MOST_DAYS) - 1)
    since = last - min(last - first, most) if first else None
    ask.values["since"] = (since or _EPOCH).isoformat()
    pages = _in_order(ask.all(questions.PAGES))
    states = ask.all(questions.AT_RISK_COUNT)
    opened = ask.one(questions.OPEN_COUNT)

    def listed(question: str, limit: int, total: int) -> Listed:
        return Listed(ask.all(question, limit) if total else [], total)

    def counted(question: str) -> int:
        return int(next(iter(ask.one(question).values())))

    return Facts(
        written_at=written_at,
        dataset=str(client.dataset_name),
        destination=destination,
        days=(since, last) if since else None,
        first_day=first,
        jobs_without_day=found["jobs_without_day"] or 0,
        outcomes=_in_order(ask.all(questions.OUTCOMES)),
        total_duration=_total(ask.all(questions.TOTAL_DURATION)),
        by_day=ask.all(questions.BY_DAY),
        durations=[_proven(row) for row in ask.all(questions.DURATIONS_BY_DAY)],
        flow=ask.all(questions.FLOW),
        segment_mix=ask.all(questions.SEGMENT_MIX),
        confidence=_in_order(ask.all(questions.CONFIDENCE)),
        pages=pages,
        pages_to_review=listed(
            questions.PAGES_TO_REVIEW, _LONG, sum(row["to_review"] for row in pages)
        ),
        segments_to_review=listed(
            questions.SEGMENTS_TO_REVIEW, _SHORT, counted(questions.SEGMENTS_TO_REVIEW_COUNT)
        ),
        at_risk_states=states,
        at_risk=listed(questions.AT_RISK, _LONG, sum(row["results"] for row in states)),
        open_jobs=opened,
        oldest_open=listed(questions.OPEN_JOBS, _SHORT, opened["open_jobs"]),
        failures=listed(questions.FAILURES, _SHORT, counted(questions.FAILURES_COUNT)),
        quality_changes=_in_order(ask.all(questions.QUALITY_CHANGES)),
        freshness=_in_order(ask.all(questions.FRESHNESS)),
        runs=listed(questions.RUNS, _SHORT, counted(questions.RUNS_COUNT)),
    )


class _Asker:
    """Puts questions to a warehouse in its own dialect."""

    def __init__(self, client: SqlClientBase[Any], dialect: str) -> None:
        self._client = client
        self._dialect = dialect
        self.values: dict[str, str] = {}

    def one(self, question: str) -> Row:
        """The only row of an answer."""
        return self.all(question)[0]

    def all(self, question: str, limit: int = 0) -> list[Row]:
        """The rows of an answer."""
        sql = question.replace("{limit}", str(limit))
        for name, value in self.values.items():
            sql = sql.replace("{" + name + "}", value)
        rendered = render_select(View("question", "", "", sql, {}), self._dialect, self._path)
        with self._client.execute_query(rendered) as cursor:
            names = [name.lower() for name in cursor.columns_schema]
            return [
                {name: _plain(name, value) for name, value in zip(names, row, strict=True)}
                for row in cursor.fetchall() or []
            ]

    def _path(self, name: str) -> Sequence[str]:
        return self._client.make_qualified_table_name_path(name, quote=False)


def _total(rows: list[Row]) -> Row:
    """The only row of an answer about all jobs; one without figures where no job has ended."""
    if rows:
        return _proven(rows[0])
    ends = ("", "_min", "_max")
    nothing = {f"{name}{end}": None for name in ("p50", "p95") for end in ends}
    return {"jobs": 0, "measured": 0, **nothing}


def _proven(row: Row) -> Row:
    """Percentiles without what nothing bounds, and without figures that can't speak for all."""
    for name in ("p50", "p95"):
        if row.pop(f"{name}_unbounded"):
            row[f"{name}_max"] = None
        figure, low, high = (row[f"{name}{end}"] for end in ("", "_min", "_max"))
        is_few = 2 * row["measured"] < row["jobs"]
        if figure is not None and (is_few or figure < low or (high is not None and figure > high)):
            row[name] = None
    return row


def _in_order(rows: list[Row]) -> list[Row]:
    """Providers in alphabetical order; what is alike keeps its own."""
    return sorted(rows, key=lambda row: str(row["provider"]))


def _plain(name: str, value: Any) -> Any:
    """A driver's value as Python's own; SQLite has dates and instants as text."""
    if isinstance(value, str):
        if name in _DAYS:
            return date.fromisoformat(value)
        return parse_instant(value) if name.endswith(_INSTANTS) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return parse_instant(value) if isinstance(value, datetime) else value
