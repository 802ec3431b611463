"""The made-up warehouses that the views are timed on; no figure is a time of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.report import with_part
from benchmarks.views.__main__ import PAGE, Times, measure, table
from benchmarks.views.warehouses import Warehouse, opened
from dlt_docjobs.views import VIEWS

JOBS = 200
HEAD = r"\| view \| rows \| DuckDB [\d.]+ \| one job \| PostgreSQL [\d.]+ \| one job \|"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Times]]:
    """Both destinations, measured with few jobs, and what was said meanwhile."""
    # PostgreSQL's user has to reach the folder, and pytest's own are private
    folder = tmp_path_factory.mktemp("views")
    found = {}
    for name in ("duckdb", "postgres"):
        with opened(name, None if name == "postgres" else folder) as warehouse:
            found[name] = measure(warehouse, JOBS, 1, lambda _: None)
    yield found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A DuckDB file with the same rows."""
    with opened("duckdb", tmp_path_factory.mktemp("filled")) as warehouse:
        warehouse.load(JOBS)
        yield warehouse


@pytest.mark.slow
def test_every_view_is_timed_and_has_rows(measured: dict[str, Times]) -> None:
    for times in measured.values():
        assert list(times.whole) == list(VIEWS)
        assert all(times.rows[name] > 0 for name in VIEWS), times.rows
        assert {"job_daily", "credits_daily"} & set(times.one_job) == set()
        assert len(times.beside) == 4


def test_both_destinations_have_the_same_rows(measured: dict[str, Times]) -> None:
    assert measured["duckdb"].rows == measured["postgres"].rows


def test_the_table_shows_both(measured: dict[str, Times]) -> None:
    lines = table(list(measured.values())).splitlines()
    assert re.fullmatch(HEAD, lines[0])
    assert len(lines) == 2 + len(VIEWS) + 4
    for line in lines[2:]:
        assert line.count("|") == 7
        assert re.search(r"\| \d+\.\d\d \|", line)


@pytest.mark.parametrize(
    ("rows", "sql"),
    [
        (JOBS * 150, "segments"),
        (JOBS * 10, "pages"),
        (JOBS * 20, "segments WHERE parent_segment_index IS NOT NULL"),
        (0, "jobs j WHERE status = 'succeeded' AND created_at > now()"),
        (JOBS // 10, "jobs WHERE job_kind = 'extract' AND parse_job_id IS NOT NULL"),
        # what an extract job reads is a parse job of its provider
        (
            JOBS // 10,
            "jobs e JOIN docjobs.jobs p ON p.job_id = e.parse_job_id AND p.provider = e.provider"
            " AND p.job_kind = 'parse'",
        ),
        # a segment inside a list is behind it, on the same page
        (
            JOBS * 20,
            "segments c JOIN docjobs.segments l ON l.job_id = c.job_id"
            " AND l.segment_index = c.parent_segment_index AND l.segment_type = 'list'"
            " AND l.page_number = c.page_number AND l.segment_index < c.segment_index",
        ),
        (0, "segments s ANTI JOIN docjobs.jobs USING (provider, job_kind, job_id)"),
        (0, "pages p ANTI JOIN docjobs.jobs USING (provider, job_kind, job_id)"),
        (0, "job_status_history h ANTI JOIN docjobs.jobs USING (provider, job_kind, job_id)"),
    ],
)
def test_the_rows_are_such_as_a_sync_writes(rows: int, sql: str, filled: Warehouse) -> None:
    assert filled.value(f"SELECT count(*) FROM docjobs.{sql}") == rows


def test_the_page_has_a_place_for_the_table() -> None:
    page = PAGE.read_text("utf-8")
    renewed = with_part(page, "| view |")
    assert "<!-- benchmark -->\n\n| view |\n\n<!-- /benchmark -->" in renewed
    # and shows one of both destinations
    assert re.search(HEAD, page)
    # what is younger than the table has its figures beneath it
    beneath = page.split("<!-- /benchmark -->")[1].split("\n\n")[1]
    assert beneath.startswith("The newer views were measured")
    assert all(f"| `{name}` |" in page or f"`{name}`" in beneath for name in VIEWS)


def test_warehouses_are_gone_afterwards(tmp_path: Path) -> None:
    with opened("duckdb", tmp_path) as warehouse:
        folder = warehouse.folder
        assert folder.exists()
    assert list(tmp_path.iterdir()) == []
