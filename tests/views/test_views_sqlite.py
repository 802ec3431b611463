"""On SQLite every view has the rows that it has on DuckDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from views_support import MakeWarehouse, Row, Warehouse, history, job, segment

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS, ViewsRefused

# what depends on the moment of asking
MOVING = {
    *("age_seconds", "age_seconds_min", "seconds_in_status", "seconds_since_observed"),
    *("seconds_since_last_run", "seconds_since_last_ok_run", "days_left"),
}
LAST_MOMENT = datetime(2026, 9, 20, 23, 59, 59, 999_999, timezone.utc)


def by_hand() -> dict[str, list[Row]]:
    """What the emulator has not: the last moment of a day, texts out of order, an open job."""
    return {
        "jobs": [
            job("last-moment", created_at=LAST_MOMENT),
            job("open", status="running", is_terminal=False, results_state="none"),
            job("at-risk", results_state="pending"),
        ],
        "job_status_history": [
            *history("last-moment", ("queued", 0), ("running", 0.000_001), ("succeeded", 9.5)),
            *history("open", ("queued", 1), ("running", 2, 3, 4)),
        ],
        "segments": [
            segment("last-moment", index, content=f"{index}: é", confidence=index / 20)
            for index in (11, 2, 10, 1, 0)
        ],
    }


@pytest.fixture(scope="module")
def both(make_warehouse: MakeWarehouse) -> Iterator[tuple[Warehouse, Warehouse]]:
    """DuckDB after a sync and with rows made by hand, and SQLite with the same rows."""
    duckdb, sqlite = make_warehouse("duckdb"), make_warehouse("sqlite")
    with Emulator(seed=11, jobs=12) as emulator:
        duckdb.sync(emulator)
    duckdb.load(**by_hand())
    sqlite.load(**{name: duckdb.rows(name) for name in TABLES})
    duckdb.install()
    sqlite.install()
    yield duckdb, sqlite


def plain(value: Any) -> Any:
    """A value as both databases have it."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    return float(f"{value:.9g}") if isinstance(value, (int, float, Decimal)) else value


def rows_of(warehouse: Warehouse, view: str) -> list[Row]:
    rows = [
        {key: plain(value) for key, value in row.items() if key not in MOVING}
        for row in warehouse.rows(view)
    ]
    return sorted(rows, key=repr)


@pytest.mark.proves("views", "sqlite")
def test_the_rows_are_those_of_duckdb(both: tuple[Warehouse, Warehouse]) -> None:
    for view in VIEWS:
        expected, found = (rows_of(warehouse, view) for warehouse in both)
        assert expected and found == expected, view


def test_texts_are_joined_in_order(both: tuple[Warehouse, Warehouse]) -> None:
    (row,) = both[1].rows("documents", "job_id = 'last-moment'")
    assert row["markdown"] == "0: é\n\n1: é\n\n2: é\n\n10: é\n\n11: é"


def test_what_is_there_is_left_and_replaced_on_demand(both: tuple[Warehouse, Warehouse]) -> None:
    assert both[1].install(only_if_needed=True).created == ()
    assert both[1].install().created == tuple(VIEWS)


def test_the_views_are_read_whatever_their_file_is_called(
    both: tuple[Warehouse, Warehouse],
) -> None:
    file = both[1].folder / "warehouse__docjobs.db"
    connection = sqlite3.connect(file)
    (count,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    connection.close()
    assert count == len(both[0].rows("documents"))


def test_a_creation_that_fails_leaves_all_as_it_was(
    both: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.destinations.exceptions import DatabaseException

    from dlt_docjobs.views import install

    with monkeypatch.context() as patch:
        patch.setattr(install, "table_comments", lambda *_: ["SELECT no_such_function()"])
        with pytest.raises(DatabaseException):
            both[1].install()
    assert both[1].rows("docjobs_views")[0]["fingerprint"] != "unfinished"
    assert both[1].rows("sync_freshness")


def test_an_old_sqlite_is_refused_with_the_reason(
    both: tuple[Warehouse, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 29, 0))
    with pytest.raises(ViewsRefused, match=r"the views need 3\.30 or newer"):
        both[1].install()
    outcome = both[1].install(only_if_needed=True)
    assert outcome.is_refused and not outcome.are_there
