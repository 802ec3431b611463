"""Indexes where a database reads whole tables without them: PostgreSQL.

A sync looks for rows of unfinished loads in every table, deletes a job's rows before new ones come,
and looks jobs up by their ids. A database that stores columns does so in a moment; PostgreSQL reads
every row, and with it all that the row holds: with ten million segments that is seven gigabytes, at
each sync. dlt has no hint for an index that is not unique.
"""

from __future__ import annotations

import logging
from typing import Final

from dlt.destinations.exceptions import DatabaseException

from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse import sql

_LOG: Final = logging.getLogger(__name__)
_LOAD_ID: Final = "_dlt_load_id"
# by the column, since PostgreSQL cuts long names off
_PREFIX: Final = "docjobs"
_COLUMNS: Final = ("job_id", _LOAD_ID)


def create_indexes(client: sql.Client) -> frozenset[str]:
    """Creates the indexes that tables lack, on PostgreSQL.

    Where they can't be created, because another role owns the tables, say, the sync goes on: it
    takes longer, and nothing else.

    Args:
        client: A connection to the dataset, outside of a transaction.

    Returns:
        The tables whose loads are indexed.
    """
    if client.capabilities.sqlglot_dialect != "postgres":
        return frozenset()
    try:
        return _create(client)
    except DatabaseException as error:
        _LOG.info("a sync reads more than it has to: no index was made: %s", type(error).__name__)
        return frozenset()


def _create(client: sql.Client) -> frozenset[str]:
    there = {
        row[0]: row[1]
        for row in client.execute_sql(
            "SELECT t.tablename, array_agg(i.indexname) FROM pg_tables t LEFT JOIN pg_indexes i"
            " ON i.schemaname = t.schemaname AND i.tablename = t.tablename"
            " WHERE t.schemaname = %s GROUP BY t.tablename",
            client.dataset_name,
        )
        or []
    }
    for table in TABLES.values():
        for column in _COLUMNS:
            name = index_name(table.name, column)
            is_of_ours = column == _LOAD_ID or column in (one.name for one in table.columns)
            if not is_of_ours or name in there.get(table.name, (name,)):
                continue
            qualified = client.make_qualified_table_name(table.name)
            # another account's sync may be at the same
            client.execute_sql(f'CREATE INDEX IF NOT EXISTS "{name}" ON {qualified} ("{column}")')
    return frozenset(there) & frozenset(TABLES)


def index_name(table: str, column: str) -> str:
    """What the index on a table's column is called."""
    return f"{_PREFIX}_{table}_{column.removeprefix('_dlt_')}"
