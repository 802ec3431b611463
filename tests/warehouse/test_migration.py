"""Tables and columns that the connector makes by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse import migration
from dlt_docjobs.warehouse.connection import connect, prepare
from dlt_docjobs.warehouse.merging import merging_of
from dlt_docjobs.warehouse.sql import FORGOTTEN, LEASES, has_table


@pytest.fixture(params=["duckdb", "postgres"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Pipeline:
    """A pipeline that has loaded a row into `sync_runs`, by way of staging, and an empty `jobs`."""
    if request.param == "duckdb":
        destination: Any = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    else:
        destination = dlt.destinations.postgres(request.getfixturevalue("postgres"))
    pipeline: Pipeline = dlt.pipeline(
        "plain",
        destination=destination,
        # of its own: the database may be that of several tests
        dataset_name=f"d{abs(hash(tmp_path)) % 10**9}",
        pipelines_dir=str(tmp_path),
    )
    prepare(pipeline)
    merging = merging_of(destination)
    row = {name: _value(name) for name in (one.name for one in TABLES["sync_runs"].columns)}
    for name, rows in (("jobs", []), ("sync_runs", [row])):
        table = TABLES[name].arrow_schema.empty_table()
        if rows:
            table = table.from_pylist(rows, TABLES[name].arrow_schema)
        pipeline.run(dlt.resource([table], name=name, **merging.hints(TABLES[name])))
    return pipeline


def _value(name: str) -> Any:
    kinds = {"text": "a", "json": "{}", "bigint": 1, "double": 1.0, "bool": True}
    kinds |= {"timestamp": dlt.common.pendulum.now()}
    return kinds[next(one.type for one in TABLES["sync_runs"].columns if one.name == name)]


def run(pipeline: Pipeline, text: str) -> list[Any]:
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(text) or []]


def columns(pipeline: Pipeline, dataset: str, table: str) -> dict[str, str]:
    found = run(
        pipeline,
        "SELECT column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema = '{dataset}' AND table_name = '{table}'",
    )
    return dict(found)


def mend(pipeline: Pipeline) -> None:
    with connect(pipeline) as client:
        assert client is not None
        migration.mend_tables(pipeline, client)


def test_columns_that_lack_are_added_as_dlt_would_have_made_them(pipeline: Pipeline) -> None:
    lost = {"sync_runs": ("version", "finished_at", "ok"), "jobs": ("config", "updated_at")}
    datasets = (pipeline.dataset_name, f"{pipeline.dataset_name}_staging_plain")
    run(pipeline, f"ALTER TABLE {pipeline.dataset_name}.jobs ADD COLUMN mine VARCHAR")
    before = {
        (dataset, table): columns(pipeline, dataset, table)
        for dataset in datasets
        for table in lost
    }
    for dataset, table in before:
        for name in lost[table]:
            run(pipeline, f"ALTER TABLE {dataset}.{table} DROP COLUMN {name}")
    mend(pipeline)
    for (dataset, table), there in before.items():
        assert columns(pipeline, dataset, table) == there
    # neither are tables made that were not there, nor is a row lost
    assert columns(pipeline, pipeline.dataset_name, "chunks") == {}
    for dataset in datasets:
        assert run(pipeline, f"SELECT run_id, version FROM {dataset}.sync_runs") == [("a", None)]


def test_nothing_is_written_where_nothing_lacks(pipeline: Pipeline) -> None:
    mend(pipeline)
    noted = run(pipeline, "SELECT DISTINCT schema_name FROM _dlt_version")
    assert noted == [("plain",)]


@pytest.mark.parametrize("name", [FORGOTTEN, LEASES])
def test_a_table_of_our_own_is_made_and_dlt_goes_on(pipeline: Pipeline, name: str) -> None:
    migration.create_table(pipeline, name)
    with connect(pipeline) as client:
        assert client is not None and has_table(client, name)
    # who asks dlt for the dataset, and names no schema, still finds all that it holds
    assert pipeline.destination is not None
    dataset = dlt.dataset(pipeline.destination, pipeline.dataset_name)
    assert {*TABLES, FORGOTTEN, LEASES} <= set(dataset.tables)
    assert dataset["sync_runs"].select("run_id", "_dlt_load_id").fetchone()[0] == "a"
    table = TABLES["sync_runs"]
    hints = merging_of(pipeline.destination).hints(table)
    empty = table.arrow_schema.empty_table()
    assert not pipeline.run(dlt.resource([empty], name="sync_runs", **hints)).has_failed_jobs


@pytest.mark.parametrize(
    ("destination", "of_json"),
    [
        (dlt.destinations.duckdb, "json"),
        (dlt.destinations.postgres, "json"),
        (dlt.destinations.bigquery, "text"),
        (dlt.destinations.redshift, "text"),
    ],
)
def test_a_column_of_json_is_what_a_load_makes_of_it(destination: Any, of_json: str) -> None:
    schema = migration._schema(destination())
    for table in TABLES.values():
        found = schema.tables[table.name]["columns"]
        assert list(found) == [*(one.name for one in table.columns), "_dlt_load_id"]
        for one in table.columns:
            assert found[one.name]["data_type"] == (of_json if one.type == "json" else one.type)
            assert found[one.name]["nullable"]
