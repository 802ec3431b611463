"""What the tables ask for is there, or has a chosen fallback, on every destination of dlt's."""

from __future__ import annotations

import logging
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.destination import Destination
from dlt.common.destination.capabilities import DestinationCapabilitiesContext
from packaging.version import Version

from dlt_docjobs import UsageError
from dlt_docjobs.tables import REMOVED, TABLES
from dlt_docjobs.warehouse.merging import Merging, merging_of

# DuckDB has MERGE from 1.4
INSERTS = "insert-only" if Version(duckdb.__version__) >= Version("1.4") else None
WHOLE = Merging("delete-insert")
TEXT = WHOLE._replace(json_is_text=True)
# every destination that dlt 1.31 knows: a new one has to be decided on here
DECIDED: dict[str, Merging | None] = {
    "athena": WHOLE._replace(table_format="iceberg"),
    "bigquery": TEXT,
    "clickhouse": WHOLE,
    "databricks": WHOLE,
    "destination": None,
    "dremio": WHOLE,
    "duckdb": WHOLE._replace(inserts=INSERTS, appends=True),
    "ducklake": WHOLE,
    "dummy": WHOLE,
    "fabric": WHOLE,
    "filesystem": Merging(None),
    "lance": None,
    "lancedb": None,
    "motherduck": WHOLE._replace(inserts=INSERTS),
    "mssql": WHOLE,
    "postgres": WHOLE,
    "qdrant": None,
    "redshift": TEXT,
    "snowflake": TEXT,
    "sqlalchemy": TEXT,
    "synapse": WHOLE,
    "weaviate": None,
}
POSSIBLE = sorted(name for name, merging in DECIDED.items() if merging is not None)
# dlt finds these types only when it connects
TYPES_UNKNOWN = {"dummy", "sqlalchemy", "filesystem"}


def destination(name: str) -> Any:
    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    return Destination.from_reference(name)


def capabilities(name: str) -> DestinationCapabilitiesContext:
    return destination(name).capabilities()


def test_every_destination_is_decided_on() -> None:
    assert set(dlt.destinations.__all__) == set(DECIDED)


@pytest.mark.parametrize("name", POSSIBLE)
def test_the_decision(name: str) -> None:
    assert merging_of(destination(name))._replace(limit=None) == DECIDED[name]


@pytest.mark.parametrize("name", sorted(set(DECIDED) - set(POSSIBLE)))
def test_a_destination_that_can_not_hold_the_tables_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is no destination for these tables"):
        merging_of(destination(name))


@pytest.mark.parametrize(
    ("table_format", "found"),
    [
        ("delta", Merging("upsert", table_format="delta")),
        ("iceberg", Merging("upsert", table_format="iceberg")),
    ],
)
def test_files_with_a_table_format_upsert(table_format: str, found: Merging) -> None:
    merging = merging_of(destination("filesystem"), table_format)
    assert merging._replace(limit=None) == found
    assert (merging.limit is None) == (table_format == "delta")


@pytest.mark.parametrize("name", ["postgres", "duckdb", "athena"])
def test_a_table_format_where_there_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="table_format"):
        merging_of(destination(name), "delta")


def test_only_what_can_not_merge_or_delete_says_so() -> None:
    limited = {name for name in POSSIBLE if merging_of(destination(name)).limit is not None}
    assert limited == {"filesystem"}


@pytest.mark.parametrize("name", POSSIBLE)
def test_the_strategies_asked_for_are_supported(name: str) -> None:
    merging = merging_of(destination(name))
    of = capabilities(name)
    supported = of.supported_merge_strategies or []
    if of.merge_strategies_selector is not None:
        table: Any = {"table_format": merging.table_format}
        supported = of.merge_strategies_selector(supported, table_schema=table)
    assert {merging.replaces, merging.inserts} - {None} <= set(supported)


@pytest.mark.parametrize("name", POSSIBLE)
def test_names_are_short_enough(name: str) -> None:
    of = capabilities(name)
    assert max(map(len, TABLES)) <= of.max_identifier_length
    columns = (column.name for table in TABLES.values() for column in table.columns)
    assert max(map(len, columns)) <= of.max_column_identifier_length


@pytest.mark.parametrize("name", sorted(set(POSSIBLE) - TYPES_UNKNOWN))
def test_every_type_is_supported_in_the_file_format_that_carries_it(name: str) -> None:
    of, merging = capabilities(name), merging_of(destination(name))
    mapper = of.get_type_mapper()
    direct, staged = of.supported_loader_file_formats or [], of.supported_staging_file_formats or []
    # Arrow travels as Parquet where that is taken, and is rewritten by dlt where it is not
    formats = [one for one in ("parquet", "insert_values", "jsonl") if one in (*direct, *staged)]
    assert formats, f"{name} takes none of the formats that dlt can write Arrow in"
    for table in TABLES.values():
        hints = merging.hints(table)
        schema: Any = {"name": table.name, "columns": hints["columns"], "x-insert-api": "copy_into"}
        for column in hints["columns"].values():
            mapper.ensure_supported_type(column, schema, formats[0])
            assert mapper.to_destination_type(column, schema)


@pytest.mark.parametrize("name", POSSIBLE)
@pytest.mark.parametrize("replaces", [True, False])
def test_what_is_compared_are_whole_jobs_or_whole_keys(name: str, replaces: bool) -> None:
    merging = merging_of(destination(name))
    for table in TABLES.values():
        hints = merging.hints(table, replaces=replaces)
        columns = hints["columns"].items()
        merge_key = {name for name, column in columns if column.get("merge_key")}
        primary_key = {name for name, column in columns if column.get("primary_key")}
        disposition = hints["write_disposition"]
        by_job = table.key != table.replaced_by and merging.replaces == "delete-insert"
        if not by_job:
            assert (merge_key, primary_key) == (set(), set(table.key))
        elif disposition["strategy"] == "delete-insert":
            assert (merge_key, primary_key) == (set(table.replaced_by), set())
        else:
            # rows of a job that was there before are never only inserted
            assert not replaces
            assert (merge_key, primary_key) == (set(), set(table.replaced_by))
        if not table.is_result and merging.replaces is not None:
            assert disposition["strategy"] == merging.replaces
        assert (REMOVED in hints["columns"]) == table.is_result
