"""A warehouse whose tables an older version has made: said in a sentence, mended by a sync."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import psycopg2
import pytest
from cli_support import MakePlace, Place

from dlt_docjobs.views import VIEWS

YOUNG = ("given_up_at", "parse_credits")
SAID = "an older version of dlt-docjobs made the tables (jobs lacks parse_credits, given_up_at)"


class Older:
    """A warehouse of a kind, and commands on it."""

    def __init__(self, place: Place, destination: str, execute: Callable[[str], Any]) -> None:
        self.place = place
        self.execute = execute
        self.destination = destination

    def run(self, *args: str) -> Any:
        return self.place.run(*args, "--destination", self.destination)


@pytest.fixture(params=["duckdb", "postgres"])
def older(request: pytest.FixtureRequest, make_place: MakePlace) -> Older:
    """A warehouse of each kind whose `jobs` lacks columns."""
    place = make_place("contextual", jobs=6)
    if request.param == "postgres":
        address = request.getfixturevalue("postgres")
        place.env["DESTINATION__POSTGRES__CREDENTIALS"] = address

    def execute(sql: str) -> None:
        if request.param == "duckdb":
            with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
                connection.execute(sql)
            return
        connection = psycopg2.connect(address)
        connection.autocommit = True
        connection.cursor().execute(sql)
        connection.close()

    older = Older(place, request.param, execute)
    older.execute("DROP SCHEMA IF EXISTS docjobs CASCADE")
    assert older.run("sync", "--no-views").code == 0
    for column in YOUNG:
        older.execute(f"ALTER TABLE docjobs.jobs DROP COLUMN {column}")
    return older


@pytest.mark.slow
def test_every_command_that_reads_says_so_and_a_sync_mends_it(older: Older) -> None:
    for command in (["status"], ["status", "--json"], ["views"], ["report"]):
        ran = older.run(*command)
        assert (ran.code, ran.out) == (2, ""), ran.said
        assert SAID in ran.err
        assert "run `docjobs sync`" in ran.err
        assert len(ran.err.splitlines()) == 1
    assert list(older.place.folder.glob("*.html")) == []
    assert older.run("sync").code == 0
    for command in (["status"], ["views"], ["report"]):
        ran = older.run(*command)
        assert (ran.code, ran.err) == (0, ""), ran.said


@pytest.mark.slow
def test_views_of_this_version_over_older_tables(make_place: MakePlace) -> None:
    """As after a backup of the tables alone: DuckDB leaves the views there, and they fail."""
    place = make_place("contextual", jobs=2)
    assert place.run("sync").code == 0
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        for column in YOUNG:
            connection.execute(f"ALTER TABLE docjobs.jobs DROP COLUMN {column}")
    ran = place.run("report")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"docjobs report: {SAID}")
    assert place.run("sync").code == 0
    assert place.run("report").code == 0


def test_a_table_that_is_not_there_is_named(older: Older) -> None:
    older.execute("DROP TABLE docjobs.pages")
    for command in ("views", "report"):
        ran = older.run(command)
        assert (ran.code, "tables that are not there yet: pages" in ran.err) == (2, True), ran.said


@pytest.mark.slow
def test_older_views_that_still_work_make_a_page_with_a_warning(older: Older) -> None:
    """Whoever may only read, or comes before the sync, gets what there is."""
    for column in YOUNG:
        older.execute(f"ALTER TABLE docjobs.jobs ADD COLUMN {column} DOUBLE PRECISION")
    older.execute("ALTER TABLE docjobs.jobs DROP COLUMN given_up_at")
    older.execute("ALTER TABLE docjobs.jobs ADD COLUMN given_up_at TIMESTAMP WITH TIME ZONE")
    assert older.run("views").code == 0
    older.execute("ALTER TABLE docjobs.segments DROP COLUMN table_columns")
    older.execute(
        "CREATE OR REPLACE VIEW docjobs.docjobs_views AS SELECT '0.0.1' AS version,"
        f" 'x' AS fingerprint, '{' '.join((*VIEWS, 'docjobs_views'))}' AS views"
    )
    ran = older.run("report")
    assert ran.code == 0, ran.said
    assert ran.err.startswith("docjobs report: warning: the views could not be brought up to date")
    assert "segments lacks table_columns" in ran.err
    assert (older.place.folder / "report.html").exists()
