"""Which columns the tables lack, as the information schema says."""

from __future__ import annotations

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs import dlt_internals
from dlt_docjobs.tables import TABLES


def lacking_columns(client: SqlClientBase[Any]) -> str | None:
    """Says which columns the tables lack that this version has, and the way out.

    Returns:
        A sentence; None where the tables that are there have all columns.
    """
    found: dict[str, set[str]] = {}
    for table, column in dlt_internals.information_schema(
        client, "COLUMNS", "column_name", tuple(TABLES)
    ):
        found.setdefault(table, set()).add(column.lower())
    lacking = {
        name: missing
        for name, there in found.items()
        if (missing := [one.name for one in TABLES[name].columns if one.name not in there])
    }
    if not lacking:
        return None
    which = "; ".join(f"{name} lacks {', '.join(columns)}" for name, columns in lacking.items())
    return (
        f"an older version of dlt-docjobs made the tables ({which}): run `docjobs sync`, of any "
        "provider, which adds the columns"
    )
