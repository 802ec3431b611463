"""What the connector creates in a warehouse by itself: tables of its own, and what is missing.

All other tables are made by dlt when it loads. A warehouse of an older version gets the columns
that it lacks before it is read, which is before dlt would add them. A table that somebody has
dropped is made again: dlt, which has noted that it made it, would not do so, and no load would end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Final

from dlt.common.data_types import TDataType
from dlt.common.destination import AnyDestination
from dlt.common.destination.exceptions import (
    DestinationTerminalException,
    DestinationUndefinedEntity,
)
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.tables import RESULT_TABLES, TABLES
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.merging import merging_of
from dlt_docjobs.warehouse.sql import FORGOTTEN, GENERATIONS, LEASES, LOADS, STATES, has_table

# under this name the destination's `_dlt_version` has the schema below; no source bears it
_SCHEMA: Final = "docjobs_tables"
_OWN_TABLES: Final[dict[str, dict[str, TDataType]]] = {
    FORGOTTEN: {"provider": "text", "account": "text", "job_hash": "text"},
    GENERATIONS: {"provider": "text", "account": "text", "generation": "text"},
    LEASES: {"pipeline_name": "text", "holder": "text", "who": "text", "renewed_at": "bigint"},
}
_LOG = logging.getLogger(__name__)


def create_table(pipeline: Pipeline, name: str) -> None:
    """Creates a table that is no part of any source's schema, in the destination's own words.

    Args:
        pipeline: A pipeline whose dataset is there.
        name: `FORGOTTEN`, `GENERATIONS` or `LEASES`.
    """
    assert pipeline.destination is not None
    dlt_internals.update_tables(pipeline, _schema(pipeline.destination), [name])


def create_all_tables(pipeline: Pipeline) -> None:
    """Creates every table that a sync may ask for, where it is not there.

    Args:
        pipeline: A pipeline whose dataset is there.
    """
    assert pipeline.destination is not None
    schema = _schema(pipeline.destination)
    dlt_internals.update_tables(pipeline, schema, [*TABLES, *_OWN_TABLES])


def mend_tables(pipeline: Pipeline, client: SqlClientBase[Any]) -> list[str]:
    """Adds columns that this version has and a table has not, and makes dropped tables again.

    What the user added stays. Files need nothing: each has its own columns.

    Args:
        pipeline: The pipeline, for its destination.
        client: A connected client of its dataset.

    Returns:
        The names of the tables that were dropped.
    """
    destination = pipeline.destination
    assert destination is not None
    if not issubclass(destination.client_class, SqlJobClientBase):
        return []
    lacking, missing = _look(client)
    if lacking:
        # rows of the last load lie there, to which dlt could add no column that is never null
        with client.with_staging_dataset():
            lacking_in_staging, _ = _look(client)
        dlt_internals.update_tables(pipeline, _schema(destination), lacking, lacking_in_staging)
    dropped = _dropped(pipeline, client, missing)
    return _restore(pipeline, client, dropped) if dropped else []


def _restore(
    pipeline: Pipeline, client: SqlClientBase[Any], dropped: list[tuple[Schema, list[str]]]
) -> list[str]:
    """Makes the tables again that somebody has dropped; results that stood there become pending.

    They are that before the tables are there: whoever is killed in between finds them missing
    still. They are so in all accounts, since no later sync could tell what its own has lost.
    """
    names = sorted({name for _, names in dropped for name in names})
    _LOG.warning(
        "%s: dropped since the last load, and made again; what stood there is asked for again",
        ", ".join(names),
    )
    lost = [name for name in RESULT_TABLES if name in names]
    for is_parse in sorted({"<>" if name == "extraction_results" else "=" for name in lost}):
        sql.run(
            client,
            "UPDATE {jobs} SET results_state = 'pending'"
            f" WHERE results_state = 'loaded' AND job_kind {is_parse} 'parse'",
        )
    for schema, of_it in dropped:
        dlt_internals.update_tables(pipeline, schema, of_it)
    return names


def dropped_tables(pipeline: Pipeline, client: SqlClientBase[Any]) -> list[str]:
    """Tables that loads have made and that are there no more.

    Args:
        pipeline: The pipeline, for its destination.
        client: A connected client of its dataset.
    """
    assert pipeline.destination is not None
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        return []
    _, missing = _look(client)
    return sorted(name for _, names in _dropped(pipeline, client, missing) for name in names)


def _dropped(
    pipeline: Pipeline, client: SqlClientBase[Any], missing: set[str]
) -> list[tuple[Schema, list[str]]]:
    """Of missing tables those that loads have made, with the schemas that describe them."""
    found: list[tuple[Schema, list[str]]] = []
    for schema in _stored_schemas(pipeline, client) if missing else ():
        # dlt describes tables also that never had a row, and makes none of them
        made = {*schema.data_table_names(seen_data_only=True), *schema.dlt_table_names()}
        if names := sorted(missing & made):
            missing.difference_update(names)
            found.append((schema, names))
    return found


def _stored_schemas(pipeline: Pipeline, client: SqlClientBase[Any]) -> Iterator[Schema]:
    """The schemas with which accounts have loaded into the dataset, the newest of each."""
    for (name,) in sql.run(client, "SELECT DISTINCT schema_name FROM {versions}"):
        schema = dlt_internals.stored_schema(pipeline, name)
        # other pipelines may load into the dataset; every account of ours has a row for its runs,
        # and what this package notes of its own tables says nothing of what loads have made
        if schema is not None and "sync_runs" in schema.tables and name != _SCHEMA:
            yield schema


def _look(client: SqlClientBase[Any]) -> tuple[list[str], set[str]]:
    """The tables that lack a column, and those that are not there."""
    lacking: list[str] = []
    missing = {name for name in (LOADS, STATES) if not has_table(client, name)}
    for table in TABLES.values():
        columns = ", ".join(column.name for column in table.columns)
        try:
            sql.execute(client, f"SELECT {columns} FROM {{{table.name}}} WHERE 1 = 0")
        except DestinationUndefinedEntity:
            # of some destinations it says that a column is not there, too
            if has_table(client, table.name):
                lacking.append(table.name)
            else:
                missing.add(table.name)
        except DestinationTerminalException:
            lacking.append(table.name)
    return lacking, missing


def _schema(destination: AnyDestination) -> Schema:
    """Every table of the connector, whole.

    The destination notes this schema, and dlt's `dataset()` reads the newest one that it finds
    where it is given none: so it has to describe all that a reader may look for.
    """
    json_is_text = merging_of(destination).json_is_text
    schema = Schema(_SCHEMA)
    for table in TABLES.values():
        hints: Any = table.dlt_columns(json_is_text=json_is_text).values()
        # null in the rows that are there, so never NOT NULL
        columns: Any = [{**hint, "nullable": True} for hint in hints]
        columns.append(TColumnSchema(name="_dlt_load_id", data_type="text"))
        schema.update_table(new_table(table.name, columns=columns))
    for name, types in _OWN_TABLES.items():
        fields = [TColumnSchema(name=key, data_type=of) for key, of in types.items()]
        schema.update_table(new_table(name, columns=fields))
    return schema
