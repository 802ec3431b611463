"""The files of the views: what they say, and what becomes of them in other dialects."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import sqlglot
from sqlglot import exp

from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS, catalog
from dlt_docjobs.views.render import (
    COMMENT_STATEMENTS,
    DIALECTS,
    create_statements,
    drop_statement,
    render_select,
    table_comments,
    view_comments,
)

# docs/contract.md#views
NAMES = {
    *("job_timeline", "status_intervals", "job_daily", "job_failures", "jobs_open"),
    *("results_at_risk", "segment_mix", "segment_confidence", "review_queue", "page_quality"),
    *("credits_daily", "sync_freshness"),
    *("job_changes", "documents", "document_versions", "quality_daily"),
    "quality_control",
}
BINDING = {
    "job_timeline": [
        f"{name}_seconds{end}"
        for name in ("queued", "running", "total")
        for end in ("", "_uncertainty")
    ],
    "status_intervals": ["entered_at", "left_at", "duration_seconds"],
    "job_daily": ["jobs", "failures", "pages", "credits", "jobs_without_credits"],
    "credits_daily": ["credits", "jobs_without_credits"],
    "job_changes": ["event_id", "day", "change", "observed_at"],
    "documents": ["markdown", "characters", "pages", "tables", "pictures", "credits"],
    "document_versions": ["provider", "tier", "pages", "segments", "tables", "credits"],
    "quality_daily": [
        "pages",
        "failed_pages",
        "empty_pages",
        "segments",
        "low_confidence_segments",
    ],
}
BINDING["quality_control"] = ["share", "earlier_share", "chi_square", "is_changed", "is_recent"]
EACH = [(name, dialect) for name in VIEWS for dialect in DIALECTS]


def path(name: str) -> list[str]:
    return ["the catalog", "docjobs", name]


def columns_of(name: str) -> list[str]:
    return [column.name for column in VIEWS[name].columns]


def test_the_views_are_those_of_the_contract() -> None:
    assert set(VIEWS) == NAMES
    written = {entry.name for entry in (files("dlt_docjobs.views") / "sql").iterdir()}
    assert written == {f"{name}.sql" for name in NAMES}
    for name, wanted in BINDING.items():
        assert set(wanted) <= set(columns_of(name))


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_and_column_is_described(name: str) -> None:
    view = VIEWS[name]
    assert view.description.endswith(".") and len(view.description) > 20
    columns = columns_of(name)
    assert len(set(columns)) == len(columns)
    assert all(len(column.description) > 3 for column in view.columns)
    assert set(view.described) <= set(columns), "the file describes a column that is not there"
    assert columns.index("provider") < columns.index("account")
    if "job_id" in columns:
        start = columns.index("provider")
        assert columns[start : start + 4] == ["provider", "account", "job_kind", "job_id"]
        assert "document_name" in columns and "tier" in columns


@pytest.mark.parametrize("name", VIEWS)
def test_a_file_reads_only_what_stands_before_it(name: str) -> None:
    tree = sqlglot.parse_one(VIEWS[name].sql, read="duckdb")
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = {table.name for table in tree.find_all(exp.Table)} - ctes
    before = list(VIEWS)[: list(VIEWS).index(name)]
    assert read <= {*TABLES, "_dlt_loads", *before}
    assert not ctes & {*TABLES, *VIEWS, "_dlt_loads"}, "a name would mean two things"


@pytest.mark.parametrize(("name", "dialect"), EACH)
def test_rendered_and_parsed_with_the_same_columns(
    name: str, dialect: str, caplog: pytest.LogCaptureFixture
) -> None:
    select = render_select(VIEWS[name], dialect, path)
    assert sqlglot.parse_one(select, read=dialect).named_selects == columns_of(name)
    created = sqlglot.parse_one(create_statements(VIEWS[name], dialect, path)[-1], read=dialect)
    assert isinstance(created, exp.Create)
    tables = {table.name: table for table in created.find_all(exp.Table)}
    assert tables[name].catalog == "the catalog" and tables[name].db == "docjobs"
    for table in tables.values():
        ctes = {cte.alias for cte in created.find_all(exp.CTE)}
        assert table.name in ctes or table.catalog == "the catalog"
    dropped = sqlglot.parse_one(drop_statement(name, dialect, path), read=dialect)
    assert isinstance(dropped, exp.Drop) and dropped.find(exp.Table) == tables[name]
    # sqlglot warns of what it could not say
    assert caplog.records == []


@pytest.mark.parametrize(("name", "dialect"), EACH)
def test_every_column_has_its_comment(name: str, dialect: str) -> None:
    view = VIEWS[name]
    said = "".join((*create_statements(view, dialect, path), *view_comments(view, dialect, path)))
    said = said.replace("\\'", "'").replace("''", "'")
    assert view.comment in said
    assert all(column.description in said for column in view.columns)
    # two databases run them; the third takes the same, but for quotes in a text
    of_postgres = [text.replace("''", "\\'") for text in view_comments(view, "postgres", path)]
    assert view_comments(view, "redshift", path) == of_postgres
    has_statements = bool(table_comments(TABLES, dialect, path))
    assert has_statements == (dialect in COMMENT_STATEMENTS)


# what a dialect does not have, or takes for something else
FOREIGN = {
    "postgres": r"DATE_DIFF|AS TIMESTAMP\)|TRY_CAST",
    "snowflake": r"\bNOW\(|\bWINDOW\b|DATE_DIFF|TRY_CAST",
    "bigquery": r"\bNOW\(|DATE_DIFF\(|AT TIME ZONE|\bDOUBLE\b|::",
    "databricks": r"FROM_UTC_TIMESTAMP|AT TIME ZONE|DATE_DIFF",
    "redshift": r"\bWINDOW\b|\bNOW\(|DATE_DIFF|IS NOT DISTINCT|PERCENTILE",
}


@pytest.mark.parametrize("dialect", FOREIGN)
def test_nothing_that_a_dialect_lacks(dialect: str) -> None:
    for view in VIEWS.values():
        # the order of nulls is only said where every dialect can say it
        assert "NULLS" not in "".join(re.findall(r"OVER \(.*?\)", view.sql, re.DOTALL))
        rendered = re.sub(r"/\*.*?\*/", "", render_select(view, dialect, path))
        assert re.findall(FOREIGN[dialect], rendered.replace("TIMESTAMP_DIFF", "")) == []


def test_how_instants_are_compared() -> None:
    daily, open_jobs = VIEWS["credits_daily"], VIEWS["jobs_open"]
    day = {
        "postgres": "CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS day",
        "snowflake": "CAST(CONVERT_TIMEZONE('UTC', created_at) AS DATE) AS day",
        "bigquery": "DATE(created_at, 'UTC') AS day",
        "databricks": "CAST(CONVERT_TIMEZONE('UTC', created_at) AS DATE) AS day",
        "redshift": "CAST(created_at AT TIME ZONE 'UTC' AS DATE) AS day",
    }
    between = {
        "postgres": "EXTRACT(EPOCH FROM CURRENT_TIMESTAMP - h.occurred_at) * 1000000",
        "snowflake": "DATEDIFF(MICROSECOND, h.occurred_at, CURRENT_TIMESTAMP())",
        "bigquery": "TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), h.occurred_at, MICROSECOND)",
        "databricks": "DATEDIFF(MICROSECOND, h.occurred_at, CURRENT_TIMESTAMP())",
        "redshift": "DATEDIFF(MICROSECOND, h.occurred_at, GETDATE())",
    }
    for dialect, wanted in day.items():
        assert wanted in render_select(daily, dialect, path)
        assert between[dialect] in render_select(open_jobs, dialect, path)


def test_how_texts_are_joined_in_order() -> None:
    """Where a text has a limit that joined ones may pass, what is too long is left out."""
    joined = {
        "postgres": r"STRING_AGG\(passage, '\n\n'\s+ORDER BY\s+segment_index\)",
        "snowflake": (
            r"LISTAGG\(CASE WHEN joined_bytes <= 16777216 THEN passage END, '\\n\\n'\)"
            r" WITHIN GROUP \(ORDER BY\s+segment_index\)"
        ),
        "bigquery": r"STRING_AGG\(passage, '\\n\\n'\s+ORDER BY\s+segment_index\)",
        "databricks": r"LISTAGG\(passage, '\\n\\n'\) WITHIN GROUP \(ORDER BY\s+segment_index\)",
        "redshift": (
            r"LISTAGG\(CASE WHEN joined_bytes <= 65535 THEN passage END, '\\n\\n'\)"
            r" WITHIN GROUP \(ORDER BY\s+segment_index\)"
        ),
    }
    for dialect, wanted in joined.items():
        rendered = render_select(VIEWS["documents"], dialect, path)
        assert re.search(wanted, rendered), rendered
        of_all = "SUM(OCTET_LENGTH(passage) + 2) OVER (PARTITION BY job_id, provider)"
        assert (of_all in rendered) == ("joined_bytes" in wanted)


def test_how_letters_are_made_alike() -> None:
    named = {
        "duckdb": "NFC_NORMALIZE(document_name)",
        "postgres": "NORMALIZE(document_name, NFC)",
        "bigquery": "NORMALIZE(document_name, NFC)",
    }
    for dialect in DIALECTS:
        rendered = render_select(VIEWS["document_versions"], dialect, path)
        assert f"LOWER(TRIM({named.get(dialect, 'document_name')}))" in rendered


# -- the files ----------------------------------------------------------------------------------


def test_a_files_comments_are_its_description() -> None:
    view = catalog.read_view(
        "x",
        "-- A row a thing.\n--\n-- More of\n-- it.\n--\n-- - day: When\n-- - jobs: How\n--   many\n"
        "SELECT 1 AS day, -- not this\n  2 AS jobs, 3 AS provider\n",
    )
    assert (view.description, view.notes) == ("A row a thing.", "More of it.")
    assert view.comment == "A row a thing. More of it."
    assert view.described == {"day": "When", "jobs": "How many"}
    assert [tuple(column) for column in view.columns] == [
        ("day", "When"),
        ("jobs", "How many"),
        ("provider", "Name of the provider"),
    ]


@pytest.mark.parametrize(
    ("text", "error"), [("SELECT 1 AS a\n", ValueError), ("-- A.\nSELECT 1 AS a\n", LookupError)]
)
def test_a_file_that_does_not_say_what_it_is(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        _ = catalog.read_view("x", text).columns


def test_the_fingerprint_knows_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalog.fingerprint()
    assert catalog.fingerprint() == before
    view = VIEWS["jobs_open"]
    for changed in (
        catalog.View(view.name, view.description, view.notes, view.sql + " LIMIT 1", {}),
        catalog.View(view.name, "Else.", view.notes, view.sql, view.described),
        catalog.View(view.name, view.description, view.notes, view.sql, {}),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(catalog.VIEWS, view.name, changed)
            assert catalog.fingerprint() != before
