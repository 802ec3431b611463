"""What the page asks, in the dialects that are not run here: rendered, and read again."""

from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp

from dlt_docjobs.report import questions
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS, View, render_select
from dlt_docjobs.views.render import DIALECTS

QUESTIONS = {
    name: text.replace("{limit}", "20").replace("{since}", "2026-01-31")
    for name, text in vars(questions).items()
    if name.isupper() and not name.startswith("_")
}
# the views are not written for these, and the report is refused there; the questions would pass
OTHERS = ("clickhouse", "tsql", "fabric", "athena", "trino", "dremio")
# what a dialect does not have, or takes for something else
FOREIGN = {
    "postgres": r"DATE_DIFF|AS TIMESTAMP\)|TRY_CAST|IGNORE_NULLS",
    "snowflake": r"DATE_DIFF|TRY_CAST|AT TIME ZONE",
    "bigquery": r"AT TIME ZONE|\bDOUBLE\b|::|\bBIGINT\b|IGNORE_NULLS",
    "databricks": r"FROM_UTC_TIMESTAMP|AT TIME ZONE|IGNORE_NULLS",
    "redshift": r"CONVERT_TIMEZONE|DATE_DIFF|IGNORE_NULLS|PERCENTILE",
}


def path(name: str) -> list[str]:
    return ["the catalog", "docjobs", name]


def rendered(name: str, dialect: str) -> str:
    return render_select(View("question", "", "", QUESTIONS[name], {}), dialect, path)


def columns(sql: str, dialect: str) -> list[str]:
    return sqlglot.parse_one(sql, read=dialect).named_selects


def test_there_are_questions_and_every_view_is_asked() -> None:
    assert len(QUESTIONS) > 15
    asked = {
        table.name
        for text in QUESTIONS.values()
        for table in sqlglot.parse_one(text, read="duckdb").find_all(exp.Table)
    }
    # what credits_daily adds up is on the page from job_timeline
    elsewhere = {"credits_daily"}
    # texts, versions, events and counts by day, for queries of one's own
    of_ones_own = {"documents", "document_versions", "job_changes", "quality_daily"}
    assert set(VIEWS) - asked == elsewhere | of_ones_own


@pytest.mark.parametrize("dialect", [*DIALECTS, *OTHERS])
@pytest.mark.parametrize("name", QUESTIONS)
def test_rendered_and_parsed_with_the_same_columns(
    name: str, dialect: str, caplog: pytest.LogCaptureFixture
) -> None:
    sql = rendered(name, dialect)
    assert "{" not in sql, "something is not filled in"
    assert columns(sql, dialect) == columns(QUESTIONS[name], "duckdb")
    tree = sqlglot.parse_one(sql, read=dialect)
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = [table for table in tree.find_all(exp.Table) if table.name not in ctes]
    assert read
    for table in read:
        assert table.name in {*VIEWS, *TABLES}
        assert (table.catalog, table.db) == ("the catalog", "docjobs")
    # a list that is cut here is cut there too
    assert bool(tree.args.get("limit")) == ("LIMIT" in QUESTIONS[name])
    # sqlglot warns of what it could not say
    assert caplog.records == []


@pytest.mark.parametrize("dialect", FOREIGN)
def test_nothing_that_a_dialect_lacks(dialect: str) -> None:
    for name in QUESTIONS:
        assert re.findall(FOREIGN[dialect], rendered(name, dialect)) == [], name


def test_days_are_those_of_utc_and_windows_leave_the_order_of_nulls() -> None:
    day = {
        "duckdb": "CAST(t.created_at AT TIME ZONE 'UTC' AS DATE) AS day",
        "postgres": "CAST(t.created_at AT TIME ZONE 'UTC' AS DATE) AS day",
        "snowflake": "CAST(CONVERT_TIMEZONE('UTC', t.created_at) AS DATE) AS day",
        "bigquery": "DATE(t.created_at, 'UTC') AS day",
        "databricks": "CAST(CONVERT_TIMEZONE('UTC', t.created_at) AS DATE) AS day",
        "redshift": "CAST(t.created_at AT TIME ZONE 'UTC' AS DATE) AS day",
    }
    assert set(day) == set(DIALECTS)
    for dialect, wanted in day.items():
        sql = rendered("DURATIONS_BY_DAY", dialect)
        assert sql.count(wanted) == 1
        assert "NULLS" not in "".join(re.findall(r"OVER \(.*?\)", sql, re.DOTALL))
