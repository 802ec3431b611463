"""Has a provider changed its model? The control chart over `quality_daily`, and who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from quality_support import CHANGE, MORNING, Row, busy_world, control_rows
from views_support import PROVIDERS, MakeWarehouse, Warehouse, at, job, page, segment

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.views import dialect_of, recent_shares

DAY = 86400

# -- lived ------------------------------------------------------------------------------------


def _seeds(quick: int, all_of_them: int) -> list[Any]:
    marks = [() if seed <= quick else (pytest.mark.slow,) for seed in range(1, all_of_them + 1)]
    return [pytest.param(seed, marks=of_one) for seed, of_one in enumerate(marks, start=1)]


@pytest.mark.parametrize("seed", _seeds(3, 30))
def test_it_is_silent_while_no_model_changes(seed: int) -> None:
    with Emulator(seed=seed, now=MORNING) as emulator:
        rows = control_rows(emulator)
    assert sum(row["has_enough"] for row in rows) > 300
    assert [row for row in rows if row["is_changed"]] == []


@pytest.mark.parametrize("seed", _seeds(1, 5))
def test_a_model_that_changes_is_found_the_next_morning(seed: int) -> None:
    with busy_world(seed) as emulator:
        found = [row for row in control_rows(emulator) if row["is_changed"]]
    assert {row["day"] for row in found} == {CHANGE.date()}
    assert all(row["is_recent"] for row in found)
    assert {row["provider"] for row in found} == set(PROVIDERS)


# -- made by hand -----------------------------------------------------------------------------

VARYING = [5, 9, 1, 5, 8, 2, 5, 5]


def pages_of_a_day(day: int, failed: int, count: int = 50, **values: Any) -> tuple[Row, list[Row]]:
    """A job of a day, and its pages, which have a segment each."""
    job_id = "-".join(map(str, [*values.values(), day]))
    rows = [
        page(job_id, number, is_failed=number <= failed, segment_count=1)
        for number in range(1, count + 1)
    ]
    return job(job_id, created_at=at(day * DAY), **values), rows


def accounts() -> Iterator[tuple[Row, list[Row]]]:
    """Accounts, each with days of its own."""
    for day, failed in enumerate([*VARYING, 40]):
        yield pages_of_a_day(day, failed, account="varying")
    yield pages_of_a_day(11, 5, account="varying")
    for day in range(7):
        for account in ("few pages", "enough", *(["few days"] if day else [])):
            yield pages_of_a_day(day, 0, account=account)
    yield pages_of_a_day(7, 50, account="few days")
    yield pages_of_a_day(7, 19, 19, account="few pages")
    yield pages_of_a_day(7, 20, 20, account="enough")
    for day in range(8):
        yield pages_of_a_day(day, 3, 30, account="tiers", tier="good")
        yield pages_of_a_day(day, 15, 30, account="tiers", tier="bad")
    yield pages_of_a_day(8, 1, 10, account="tiers", tier="good")
    yield pages_of_a_day(8, 60, 120, account="tiers", tier="bad")
    yield pages_of_a_day(9, 10, 30, account="tiers", tier="good")
    yield pages_of_a_day(9, 25, 30, account="tiers", tier="bad")


@pytest.fixture(scope="module", params=("duckdb", "postgres"))
def chart(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> Warehouse:
    """A warehouse with these accounts, one whose provider stops rating, and a job without date."""
    warehouse = make_warehouse(request.param)
    jobs, pages = zip(*accounts(), strict=True)
    rated = [
        job(f"{day}-{number}", account="rated", created_at=at(day * DAY + number))
        for day in range(9)
        for number in range(20)
    ]
    segments = [
        segment(row["job_id"], 0, confidence=None if row["job_id"].startswith("8") else 0.9)
        for row in rated
    ]
    undated = job("undated", account="undated", created_at=None)
    warehouse.load(
        jobs=[*jobs, *rated, undated],
        pages=[row for of_job in pages for row in of_job],
        segments=[*segments, segment("undated", 0)],
    )
    warehouse.install()
    return warehouse


def of_day(warehouse: Warehouse, account: str, day: int, where: str = "1 = 1") -> dict[str, Row]:
    """An account's rows of a day by measure."""
    rows = warehouse.rows(
        "quality_control",
        f"account = '{account}' AND day = '{at(day * DAY).date()}' AND {where}",
    )
    found = {row["measure"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def chi_square(share: float, size: int, earlier: float, doubt: float, dispersion: float) -> float:
    """The formula as the docs have it."""
    middle, change = (share + earlier) / 2, abs(share - earlier) - 1 / (2 * size)
    return change**2 / (dispersion * middle * (1 - middle) * (1 / size + doubt))


def test_a_share_stands_beside_that_of_the_days_before(chart: Warehouse) -> None:
    assert of_day(chart, "varying", 0)["failed_pages"]["earlier_share"] is None
    found = of_day(chart, "varying", 8)
    assert {name for name, row in found.items() if row["is_changed"]} == {"failed_pages"}
    row = found["failed_pages"]
    assert (row["counted"], row["sample_size"], row["jobs"], row["tiers"]) == (40, 50, 1, 1)
    assert (row["earlier_days"], row["earlier_sample_size"]) == (8, 400)
    assert row["earlier_share"] == pytest.approx(0.1)
    assert row["change"] == pytest.approx(0.7)
    spread = sum((failed - 5) ** 2 / (50 * 0.1 * 0.9) for failed in VARYING) / 7
    assert row["dispersion"] == pytest.approx(spread) and spread > 1
    assert row["chi_square"] == pytest.approx(chi_square(0.8, 50, 0.1, 1 / 400, spread))


def test_news_are_the_newest_two_days_that_have_results(chart: Warehouse) -> None:
    rows = chart.rows("quality_control", "is_recent AND account = 'varying'")
    assert {row["day"] for row in rows} == {at(day * DAY).date() for day in (8, 11)}


def test_few_pages_or_few_days_prove_nothing(chart: Warehouse) -> None:
    day_7 = f"day = '{at(7 * DAY).date()}' AND measure = 'failed_pages' AND is_changed"
    assert [row["account"] for row in chart.rows("quality_control", day_7)] == ["enough"]
    assert chart.rows("quality_control", "account = 'undated'") == []


def test_tiers_are_taken_together_each_against_its_own_past(chart: Warehouse) -> None:
    row = of_day(chart, "tiers", 8, "tiers = 2")["failed_pages"]
    assert (row["tier"], row["counted"], row["sample_size"], row["jobs"]) == (None, 61, 130, 2)
    # more of the tier in which more fails is no change
    assert row["earlier_share"] == pytest.approx((10 * 0.1 + 120 * 0.5) / 130)
    assert (row["change"], row["is_changed"]) == (pytest.approx(0.0), False)
    row = of_day(chart, "tiers", 9, "tiers = 2")["failed_pages"]
    good, bad = (
        of_day(chart, "tiers", 9, f"tier = '{tier}'")["failed_pages"] for tier in ("good", "bad")
    )
    doubt = sum(0.25 / of_tier["earlier_sample_size"] for of_tier in (good, bad))
    mean = (good["earlier_share"] + bad["earlier_share"]) / 2
    assert row["chi_square"] == pytest.approx(chi_square(35 / 60, 60, mean, doubt, 1.0))
    assert row["chi_square"] > max(good["chi_square"], bad["chi_square"])


def test_a_provider_that_rates_nothing_any_more_is_noticed(chart: Warehouse) -> None:
    found = of_day(chart, "rated", 8)
    assert {name for name, row in found.items() if row["is_changed"]} == {"rated_jobs"}
    assert "low_confidence_segments" not in found


def test_the_news_are_read_without_views_too(chart: Warehouse) -> None:
    said = {}
    with chart.client() as client:
        dialect = dialect_of(chart.destination)
        for share in recent_shares(client, dialect):
            if share.is_changed:
                said.setdefault(share.account, []).append(str(share))
        assert recent_shares(client, dialect, "account = 'nobody'") == []
    assert said.keys() == {"enough", "rated", "tiers", "varying"}
    assert said["enough"] == [
        "2026-09-28: failed_pages are 100.0% (20 of 20), were 0.0% in the 7 days before"
    ]
