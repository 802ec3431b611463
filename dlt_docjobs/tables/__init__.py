"""Every table's columns, types, keys and descriptions, once; dlt hints; rows to Arrow (`arrow`)."""

from dlt_docjobs.tables.schema import (
    JOB_KEY,
    REMOVED,
    RESULT_TABLES,
    TABLES,
    Column,
    ColumnType,
    Table,
)

__all__ = [
    "JOB_KEY",
    "REMOVED",
    "RESULT_TABLES",
    "TABLES",
    "Column",
    "ColumnType",
    "Table",
]
