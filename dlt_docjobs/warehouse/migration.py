"""A warehouse of an older version gets the columns that it lacks before it is read.

dlt adds them too, but only when it loads; the sync reads what it remembers before that.
"""

from __future__ import annotations

from typing import Any

from dlt.common.destination.client import WithStagingDataset
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

from dlt_docjobs.tables import TABLES, Table


def add_missing_columns(pipeline: Pipeline, client: SqlClientBase[Any]) -> None:
    """Adds to each table that is there the columns that this version has and it has not.

    What the user added stays.

    Args:
        pipeline: The pipeline, for its destination.
        client: A connected client of its dataset.
    """
    if all(_has_all_columns(client, table) for table in TABLES.values()):
        return
    schema = Schema("docjobs")
    for table in TABLES.values():
        schema.update_table(new_table(table.name, columns=_columns(table)))
    writer = pipeline._get_destination_clients(schema)[0]
    if not isinstance(writer, SqlJobClientBase) or not isinstance(writer, WithStagingDataset):
        return
    with writer:
        _add(writer)
        # rows of the last load lie there, to which dlt could add no column that is never null
        with writer.with_staging_dataset():
            _add(writer)


def _add(writer: SqlJobClientBase) -> None:
    for name, found in list(writer.get_storage_tables(TABLES)):
        there = {column.lower() for column in found}
        missing = [one for one in _columns(TABLES[name]) if one["name"] not in there]
        if there and missing:
            for statement in writer._get_table_update_sql(name, missing, True):
                writer.sql_client.execute_sql(statement)


def _has_all_columns(client: SqlClientBase[Any], table: Table) -> bool:
    """Whether all columns can be read; of a table that is not there, none is missing."""
    columns = ", ".join(column.name for column in table.columns)
    name = client.make_qualified_table_name(table.name)
    try:
        client.execute_sql(f"SELECT {columns} FROM {name} WHERE 1 = 0")
    except DestinationUndefinedEntity:
        # of some destinations it says that a column is not there, too
        return not _is_there(client, name)
    except DestinationTerminalException:
        return False
    return True


def _is_there(client: SqlClientBase[Any], name: str) -> bool:
    try:
        client.execute_sql(f"SELECT 1 FROM {name} WHERE 1 = 0")
    except DestinationUndefinedEntity:
        return False
    return True


def _columns(table: Table) -> list[TColumnSchema]:
    # null in the rows that are there, so never NOT NULL
    return [
        TColumnSchema(name=column.name, data_type=column.type, nullable=True)
        for column in table.columns
    ]
