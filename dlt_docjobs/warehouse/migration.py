"""What the connector creates in a warehouse by itself: tables of its own, columns that lack.

All other tables are made by dlt when it loads. A warehouse of an older version gets the columns
that it lacks before it is read, which is before dlt would add them.
"""

from __future__ import annotations

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
from dlt_docjobs.tables import TABLES, Table
from dlt_docjobs.warehouse.merging import merging_of
from dlt_docjobs.warehouse.sql import FORGOTTEN, GENERATIONS, LEASES, has_table

# under this name the destination's `_dlt_version` has the schema below; no source bears it
_SCHEMA: Final = "docjobs_tables"
_OWN_TABLES: Final[dict[str, dict[str, TDataType]]] = {
    FORGOTTEN: {"provider": "text", "account": "text", "job_hash": "text"},
    GENERATIONS: {"provider": "text", "account": "text", "generation": "text"},
    LEASES: {"pipeline_name": "text", "holder": "text", "who": "text", "renewed_at": "bigint"},
}


def create_table(pipeline: Pipeline, name: str) -> None:
    """Creates a table that is no part of any source's schema, in the destination's own words.

    Args:
        pipeline: A pipeline whose dataset is there.
        name: `FORGOTTEN`, `GENERATIONS` or `LEASES`.
    """
    assert pipeline.destination is not None
    dlt_internals.update_tables(pipeline, _schema(pipeline.destination), [name])


def add_missing_columns(pipeline: Pipeline, client: SqlClientBase[Any]) -> None:
    """Adds to each table that is there the columns that this version has and it has not.

    What the user added stays. Files need nothing: each has its own columns.

    Args:
        pipeline: The pipeline, for its destination.
        client: A connected client of its dataset.
    """
    destination = pipeline.destination
    assert destination is not None
    if not issubclass(destination.client_class, SqlJobClientBase):
        return
    lacking = _lacking_tables(client)
    if not lacking:
        return
    # rows of the last load lie there, to which dlt could add no column that is never null
    with client.with_staging_dataset():
        lacking_in_staging = _lacking_tables(client)
    dlt_internals.update_tables(pipeline, _schema(destination), lacking, lacking_in_staging)


def _lacking_tables(client: SqlClientBase[Any]) -> list[str]:
    return [table.name for table in TABLES.values() if not _has_all_columns(client, table)]


def _has_all_columns(client: SqlClientBase[Any], table: Table) -> bool:
    """Whether all columns can be read; of a table that is not there, none is missing."""
    columns = ", ".join(column.name for column in table.columns)
    name = client.make_qualified_table_name(table.name)
    try:
        client.execute_sql(f"SELECT {columns} FROM {name} WHERE 1 = 0")
    except DestinationUndefinedEntity:
        # of some destinations it says that a column is not there, too
        return not has_table(client, table.name)
    except DestinationTerminalException:
        return False
    return True


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
