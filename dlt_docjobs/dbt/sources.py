"""The tables as a dbt source: what they and their columns mean, and what has to be true of them."""

from __future__ import annotations

from typing import Any

from dlt_docjobs.dbt.words import (
    ACCEPTED,
    ACCEPTED_ANYWHERE,
    AS_SENT,
    LOAD_ID,
    LOAD_ID_MEANS,
    LOADS,
    LOADS_COLUMNS,
    LOADS_MEANS,
    PACKAGE,
)
from dlt_docjobs.tables import JOB_KEY, TABLES, Column, Table

Yaml = dict[str, Any]


def sources() -> Yaml:
    """The content of `sources.yml`."""
    tables = [_table(table) for table in TABLES.values()]
    return {
        "version": 2,
        "sources": [
            {
                "name": PACKAGE,
                "description": "The tables that `docjobs sync` loads: jobs of document-parsing "
                "services, their status history and their results.",
                "database": "{{ var('docjobs_database', target.database) }}",
                "schema": "{{ var('docjobs_schema') }}",
                "loader": "dlt",
                "tables": [*tables, _loads()],
            }
        ],
    }


def unique(columns: tuple[str, ...]) -> Yaml:
    """The test that no two rows agree in some columns."""
    return {"docjobs_unique_together": {"arguments": {"columns": list(columns)}}}


def _table(table: Table) -> Yaml:
    made: Yaml = {"name": table.name, "description": table.description}
    if table.name == "sync_runs":
        made["config"] = {
            "loaded_at_field": "finished_at",
            "freshness": {
                "warn_after": _hours("docjobs_warn_after_hours"),
                "error_after": _hours("docjobs_error_after_hours"),
                # a run that loaded nothing made nothing fresher
                "filter": "exit_code in (0, 1)",
            },
        }
    tests: list[Yaml] = [unique(table.key)] if len(table.key) > 1 else []
    tests += _belongs(table)
    if tests:
        made["data_tests"] = tests
    columns = [_column(table, column) for column in table.columns]
    load_id: Yaml = {"name": LOAD_ID, "description": LOAD_ID_MEANS, "data_tests": ["not_null"]}
    if table.name == "jobs":
        # a load that was cut off; the next sync mends it
        load_id["data_tests"].append(_in(LOADS, "load_id", severity="warn"))
    return {**made, "columns": [*columns, load_id]}


def _hours(variable: str) -> Yaml:
    return {"count": f"{{{{ var('{variable}') | as_number }}}}", "period": "hour"}


def _belongs(table: Table) -> list[Yaml]:
    """The test that a row belongs to one of another table, over several columns."""
    segment = (*JOB_KEY, "segment_index")
    if table.name != "segments" and set(segment) <= set(table.key):
        return [_belongs_to("segments", segment)]
    if table.name != "jobs" and table.is_job_level:
        return [_belongs_to("jobs", JOB_KEY)]
    return []


def _belongs_to(parent: str, columns: tuple[str, ...]) -> Yaml:
    arguments = {"to": f"source('{PACKAGE}', '{parent}')", "columns": list(columns)}
    return {"docjobs_belongs_to": {"arguments": arguments}}


def _column(table: Table, column: Column) -> Yaml:
    tests: list[Any] = [] if column.nullable else ["not_null"]
    if table.key == (column.name,):
        tests.append("unique")
    place = (table.name, column.name)
    if words := ACCEPTED.get(place) or ACCEPTED_ANYWHERE.get(column.name):
        test: Yaml = {"arguments": {"values": list(words)}}
        if place in AS_SENT:
            test["config"] = {"severity": "warn"}
        tests.append({"accepted_values": test})
    if column.name == "run_id" and table.name != "sync_runs":
        tests.append(_in("sync_runs", "run_id"))
    made: Yaml = {"name": column.name, "description": column.description}
    return {**made, "data_tests": tests} if tests else made


def _in(table: str, field: str, severity: str | None = None) -> Yaml:
    """The test that a column's values stand in another table."""
    arguments = {"to": f"source('{PACKAGE}', '{table}')", "field": field}
    test: Yaml = {"arguments": arguments}
    if severity is not None:
        test["config"] = {"severity": severity}
    return {"relationships": test}


def _loads() -> Yaml:
    columns = [{"name": name, "description": means} for name, means in LOADS_COLUMNS.items()]
    return {"name": LOADS, "description": LOADS_MEANS, "columns": columns}
