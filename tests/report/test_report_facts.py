"""What the page counts, on both destinations, against rows whose sums are known."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timezone
from typing import Any

import pytest
from report_support import loaded
from views_support import MakeWarehouse, Warehouse, at, history, job, page, segment

from dlt_docjobs.report.charts import all_charts
from dlt_docjobs.report.facts import Facts, read_facts

DAY = date(2026, 9, 21)


def facts_of(warehouse: Warehouse, days: int = 90) -> Facts:
    dialect = warehouse.destination.capabilities().sqlglot_dialect
    with warehouse.client() as client:
        return read_facts(client, dialect, "test", days)


@pytest.mark.proves("report", "duckdb", "postgres")
def test_every_figure_of_rows_made_by_hand(nasty: Warehouse) -> None:
    facts = facts_of(nasty)
    assert facts.jobs == 5
    llamacloud, unsiloed = facts.outcomes
    figures = ("jobs", "succeeded", "failed", "cancelled", "open_jobs", "pages", "credits")
    assert [llamacloud[name] for name in figures] == [4, 2, 1, 0, 1, 2, 4.5]
    assert [unsiloed[name] for name in figures[:5]] == [1, 0, 0, 1, 0]
    assert llamacloud["jobs_without_credits"] == 3
    # 40, 50, 60 and 1 seconds
    total = facts.total_duration
    assert (total["jobs"], total["measured"]) == (4, 4)
    assert (total["p50_min"], total["p50_max"]) == (pytest.approx(20.5), pytest.approx(45))
    assert facts.total_duration["p50"] == pytest.approx(45)
    assert facts.total_duration["p95"] == pytest.approx(58.5)
    assert facts.days == (DAY, DAY)
    by_day = [(row["day"], row["provider"], row["jobs"], row["failures"]) for row in facts.by_day]
    assert by_day == [(DAY, "llamacloud", 4, 1), (DAY, "unsiloed", 1, 0)]
    queued = next(row for row in facts.durations if row["phase"] == "queued")
    # 10 and 20 seconds; the third job was not seen to begin running, the fourth has not ended
    assert (queued["jobs"], queued["measured"]) == (3, 2)
    assert (queued["p50"], queued["p95"]) == (15, pytest.approx(19.5))
    assert (queued["p50_min"], queued["p50_max"]) == (10, 20)
    assert (queued["p95_min"], queued["p95_max"]) == (pytest.approx(19), pytest.approx(110))
    flow = {(row["status"], row["next_status"]): row["stays"] for row in facts.flow}
    assert flow[("queued", "running")] == 3
    assert flow[("queued", "cancelled")] == 1
    assert flow[("running", None)] == 1
    mix = {row["segment_type"]: row["segments"] for row in facts.segment_mix}
    assert mix == {"table": 1, "text": 2}
    assert facts.pages == [{"provider": "llamacloud", "pages": 3, "to_review": 3, "failed": 1}]
    assert [row["page_number"] for row in facts.pages_to_review.rows] == [3, 1, 2]
    assert facts.segments_to_review.total == 2
    assert [row["job_id"] for row in facts.at_risk.rows] == ["risky"]
    assert 0.9 < facts.at_risk.rows[0]["days_left"] < 1
    assert facts.open_jobs == {"open_jobs": 1, "stuck": 1, "given_up": 0}
    assert facts.failures.total == 1
    assert [row["ok"] for row in facts.runs.rows] == [True, False]
    assert len(facts.freshness) == 3


def plain(facts: Facts) -> dict[str, Any]:
    """The facts without what depends on the moment, and numbers as near as two machines count."""
    moving = ("ago", "age_seconds", "seconds_", "days_left", "written_at", "dataset")

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rounded(one) for key, one in value.items() if not key.startswith(moving)}
        if isinstance(value, list):
            return [rounded(one) for one in value]
        return float(f"{value:.9g}") if isinstance(value, float) else value

    return dict(rounded(asdict(facts)))


@pytest.mark.slow
def test_both_destinations_say_the_same(lived: dict[str, Warehouse]) -> None:
    duckdb, postgres = (facts_of(lived[kind]) for kind in ("duckdb", "postgres"))
    assert duckdb.jobs > 100
    assert plain(duckdb) == plain(postgres)


def test_instants_are_in_utc_wherever_the_database_is(lived: dict[str, Warehouse]) -> None:
    for warehouse in lived.values():
        facts = facts_of(warehouse)
        for row in facts.runs.rows:
            assert row["finished_at"].tzinfo is timezone.utc
            assert row["finished_at"] <= datetime.now(timezone.utc)


def test_an_empty_dataset_has_facts_too(make_warehouse: MakeWarehouse) -> None:
    facts = facts_of(loaded(make_warehouse("duckdb")))
    assert (facts.jobs, facts.days, facts.by_day, facts.total_duration["p50"]) == (
        0,
        None,
        [],
        None,
    )
    assert all(chart.spec is None for charts in all_charts(facts).values() for chart in charts)


def test_only_the_last_days_are_shown_by_day(make_warehouse: MakeWarehouse) -> None:
    days = [job(f"job-{day}", created_at=at(day * 86_400)) for day in range(10)]
    undated = job("undated", created_at=None)
    facts = facts_of(loaded(make_warehouse("duckdb"), jobs=[*days, undated]), days=3)
    assert facts.days == (date(2026, 9, 28), date(2026, 9, 30))
    assert facts.first_day == DAY
    assert [row["day"].day for row in facts.by_day] == [28, 29, 30]
    assert (facts.jobs, facts.jobs_without_day) == (11, 1)


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_long_lists_are_cut_in_the_database_and_counted(
    kind: str, make_warehouse: MakeWarehouse
) -> None:
    rows: dict[str, Any] = {
        "jobs": [
            job(
                f"job-{number:04}",
                results_state="failed",
                status="failed",
                error_message=f"{number}",
            )
            for number in range(120)
        ],
        "job_status_history": [
            event
            for number in range(120)
            for event in history(f"job-{number:04}", ("queued", 0), ("failed", 9))
        ],
        "segments": [segment("job-0001", place, confidence=0.1) for place in range(90)],
        "pages": [page("job-0001", place, is_failed=True) for place in range(1, 91)],
    }
    facts = facts_of(loaded(make_warehouse(kind), **rows))
    lists = (
        facts.pages_to_review,
        facts.segments_to_review,
        facts.at_risk,
        facts.failures,
    )
    assert [(len(one.rows), one.total) for one in lists] == [
        (50, 90),
        (20, 90),
        (50, 120),
        (20, 120),
    ]
