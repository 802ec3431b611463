"""What is in a dataset, as its information schema says: tables, views, and columns that lack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.tables import TABLES


def look_up(
    client: SqlClientBase[Any],
    what: Literal["TABLES", "COLUMNS"],
    column: str,
    names: Iterable[str],
) -> list[tuple[str, str]]:
    """Reads one column of the information schema.

    Args:
        client: A connection to the dataset.
        what: Which of its tables.
        column: Which column of that.
        names: The tables and views of interest, as this package names them.

    Returns:
        A name and a value for each row about one of them.
    """
    names = tuple(names)
    catalog, schema, folded = client._get_information_schema_components(*names)
    marks = ", ".join(["%s"] * len(names))
    query = (
        f"SELECT table_name, {column} FROM {client._qualify_info_schema_table_name(what)} WHERE "
    )
    values: list[str] = []
    if catalog is not None:
        query += "table_catalog = %s AND "
        values.append(catalog)
    query += f"table_schema = %s AND table_name IN ({marks})"
    bare = dict(zip(folded, names, strict=True))
    rows = client.execute_sql(query, *values, schema, *folded) or []
    return [(bare[name], value) for name, value in rows]


def lacking_columns(client: SqlClientBase[Any]) -> str | None:
    """Says which columns the tables lack that this version has, and the way out.

    Returns:
        A sentence; None where the tables that are there have all columns.
    """
    found: dict[str, set[str]] = {}
    for table, column in look_up(client, "COLUMNS", "column_name", TABLES):
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
