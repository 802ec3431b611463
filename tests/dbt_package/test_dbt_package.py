"""The files of the package: what stands in them, without dbt."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml

from dlt_docjobs.cli import arguments
from dlt_docjobs.dbt import make_package
from dlt_docjobs.dbt.models import model_sql
from dlt_docjobs.dbt.words import ACCEPTED, LOAD_ID, LOADS, REPORT_READS, VIEW_KEYS
from dlt_docjobs.report import questions
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS, render_select
from dlt_docjobs.views.render import DIALECTS

CALL = re.compile(r"\{\{ (source|ref)\('docjobs', '(\w+)'\) \}\}")
FILES = make_package("duckdb", "docjobs")


@cache
def content(path: str) -> Any:
    return yaml.safe_load(FILES[path])


def source_tables() -> dict[str, Any]:
    (source,) = content("models/sources.yml")["sources"]
    return {table["name"]: table for table in source["tables"]}


def described_models() -> dict[str, Any]:
    return {model["name"]: model for model in content("models/models.yml")["models"]}


def checks_of(described: Any) -> dict[str, Any]:
    """Names of the tests of a table or column, with their arguments."""
    found: dict[str, Any] = {}
    for test in described.get("data_tests", ()):
        if isinstance(test, str):
            found[test] = {}
        else:
            ((name, settings),) = test.items()
            found[name] = settings["arguments"]
    return found


def columns_of(described: Any) -> dict[str, Any]:
    return {column["name"]: column for column in described["columns"]}


# -- models -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_view_is_a_model_of_the_same_sql(dialect: str) -> None:
    models = {path for path in FILES if re.fullmatch(r"models/.*\.sql", path)}
    assert models == {f"models/{name}.sql" for name in VIEWS}
    quote = "`" if dialect in ("bigquery", "databricks") else '"'
    for view in VIEWS.values():
        head, _, text = model_sql(view, dialect).partition("-#}\n")
        assert head.startswith("{#- ") and view.description in head
        bare = CALL.sub(lambda call: f"{quote}{call[2]}{quote}", text)
        assert bare == render_select(view, dialect, lambda name: (name,)) + "\n"
        assert not re.search(r"[{}][{}%#]", bare), "dbt would take it for a call"


def test_what_models_read_is_in_the_package() -> None:
    for name in VIEWS:
        for function, read in CALL.findall(FILES[f"models/{name}.sql"]):
            assert read in (source_tables() if function == "source" else described_models())
    everything = "".join(FILES.values())
    assert set(re.findall(r"\bref\('docjobs', '(\w+)'\)", everything)) <= set(VIEWS)
    assert set(re.findall(r"\bsource\('docjobs', '(\w+)'\)", everything)) <= {*TABLES, LOADS}
    assert not re.search(r"\b(ref|source)\('(?!docjobs')", everything)


def test_every_model_and_column_is_described() -> None:
    assert list(described_models()) == list(VIEWS)
    for name, model in described_models().items():
        assert model["description"] == VIEWS[name].comment
        found = {column["name"]: column["description"] for column in model["columns"]}
        assert found == dict(VIEWS[name].columns)
        assert list(found) == [column.name for column in VIEWS[name].columns]


def test_every_model_has_a_key() -> None:
    assert set(VIEW_KEYS) == set(VIEWS)
    for name, model in described_models().items():
        assert checks_of(model) == {"docjobs_unique_together": {"columns": list(VIEW_KEYS[name])}}
        assert set(VIEW_KEYS[name]) <= set(columns_of(model))
        keys = columns_of(model)
        never_null = [keys[one] for one in ("provider", "event_id") if one in VIEW_KEYS[name]]
        assert never_null and all("not_null" in checks_of(one) for one in never_null)


# -- sources ------------------------------------------------------------------------------------


def test_every_table_and_column_is_described() -> None:
    assert list(source_tables()) == [*TABLES, LOADS]
    for name, table in TABLES.items():
        assert source_tables()[name]["description"] == table.description
        found = {
            column["name"]: column["description"] for column in source_tables()[name]["columns"]
        }
        assert all(found.values())
        assert list(found) == [*(column.name for column in table.columns), LOAD_ID]
        assert all(found[column.name] == column.description for column in table.columns)
    loads = source_tables()[LOADS]
    assert loads["description"] and all(one["description"] for one in loads["columns"])


@pytest.mark.parametrize("name", TABLES)
def test_a_tables_key_and_what_is_never_null_are_tested(name: str) -> None:
    table, described = TABLES[name], source_tables()[name]
    columns = columns_of(described)
    if len(table.key) == 1:
        assert "unique" in checks_of(columns[table.key[0]])
    else:
        assert checks_of(described)["docjobs_unique_together"] == {"columns": list(table.key)}
    for column in table.columns:
        assert ("not_null" in checks_of(columns[column.name])) == (not column.nullable)


def test_which_row_belongs_to_which() -> None:
    parents = {}
    for name, table in source_tables().items():
        test = checks_of(table).get("docjobs_belongs_to")
        if test is not None:
            parents[name] = re.findall(r"'(\w+)'\)", test["to"])[0]
            columns = {column.name for column in TABLES[parents[name]].columns}
            assert set(test["columns"]) == set(TABLES[parents[name]].key) <= columns
    job_level = {name for name, table in TABLES.items() if table.is_job_level and name != "jobs"}
    assert set(parents) == job_level
    assert parents["segment_ocr"] == "segments"
    assert parents["segments"] == parents["job_status_history"] == "jobs"
    for name in TABLES.keys() - {"sync_runs"}:
        test = checks_of(columns_of(source_tables()[name])["run_id"])["relationships"]
        assert test == {"to": "source('docjobs', 'sync_runs')", "field": "run_id"}


def test_words_are_those_that_the_columns_say() -> None:
    for (name, column), words in ACCEPTED.items():
        described = columns_of(source_tables()[name])[column]
        assert checks_of(described)["accepted_values"] == {"values": list(words)}
    said = {place: re.findall(r"\w+", description_of(*place)) for place in ACCEPTED}
    for place in (
        ("jobs", "results_state"),
        ("jobs", "created_at_precision"),
        ("job_status_history", "occurred_at_source"),
        ("chunks", "chunk_kind"),
        ("segments", "confidence_level"),
    ):
        assert set(ACCEPTED[place]) <= set(said[place]), place
    for name, table in TABLES.items():
        if table.is_job_level:
            assert "accepted_values" in checks_of(columns_of(source_tables()[name])["job_kind"])


def description_of(table: str, column: str) -> str:
    return str(columns_of(source_tables()[table])[column]["description"])


def test_freshness_is_that_of_runs_that_loaded() -> None:
    fresh = {name: table["config"] for name, table in source_tables().items() if "config" in table}
    assert list(fresh) == ["sync_runs"]
    assert fresh["sync_runs"]["loaded_at_field"] == "finished_at"
    assert set(fresh["sync_runs"]["freshness"]) == {"warn_after", "error_after", "filter"}


# -- the rest -----------------------------------------------------------------------------------


def test_the_exposure_names_the_views_that_the_report_asks() -> None:
    text = "".join(value for value in vars(questions).values() if isinstance(value, str))
    asked = set(re.findall(r"(?:FROM|JOIN) (\w+)", text)) & set(VIEWS)
    assert set(REPORT_READS) == asked
    (report,) = content("models/exposures.yml")["exposures"]
    assert report["depends_on"] == [f"ref('docjobs', '{name}')" for name in REPORT_READS]


def test_every_variable_has_a_default_and_is_in_the_readme() -> None:
    variables = content("dbt_project.yml")["vars"]["docjobs"]
    asked = set(re.findall(r"var\('{1,2}(\w+)'", "".join(FILES.values())))
    assert asked == {*variables, "docjobs_database"}
    for name in asked:
        assert f"| `{name}` |" in FILES["README.md"]
    assert all(f"| `{name}` |" in FILES["README.md"] for name in VIEWS)
    assert "$" not in FILES["README.md"]


def test_the_tests_that_are_named_are_there() -> None:
    named = {
        name
        for described in (*source_tables().values(), *described_models().values())
        for name in (
            *checks_of(described),
            *(test for column in described["columns"] for test in checks_of(column)),
        )
    }
    built_in = {"unique", "not_null", "accepted_values", "relationships"}
    generic = {path for path in FILES if path.startswith("tests/generic/")}
    assert generic == {f"tests/generic/{name}.sql" for name in named - built_in}
    for path in generic:
        assert f"{{% test {path.split('/')[-1].removesuffix('.sql')}(" in FILES[path]


def test_it_is_the_same_each_time_and_knows_its_dataset() -> None:
    assert make_package("duckdb", "docjobs") == FILES
    other = make_package("duckdb", "elsewhere")
    changed = {path for path in FILES if other[path] != FILES[path]}
    assert changed == {"dbt_project.yml", "README.md"}
    assert "docjobs_schema: elsewhere" in other["dbt_project.yml"]


def test_the_command_knows_every_dialect() -> None:
    assert arguments.DIALECTS == DIALECTS
