"""Every table's columns, types, keys and descriptions, once; rows to Arrow; dlt hints."""

from dlt_docjobs.tables.arrow import RowBuffer
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
    "RowBuffer",
    "Table",
]
