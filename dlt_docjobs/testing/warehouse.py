"""What syncs have left in a DuckDB file, as plain rows, and how to look at them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import duckdb

from dlt_docjobs.tables import TABLES

Row = dict[str, Any]
Tables = dict[str, list[Row]]
Ref = tuple[str, str]

DATASET: Final = "docjobs"


class Warehouse:
    """A DuckDB file into which jobs were loaded.

    Args:
        file: The file.
        dataset: Its schema.
    """

    def __init__(self, file: Path, dataset: str = DATASET) -> None:
        self.file = file
        self._dataset = dataset

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the dataset."""
        connection = duckdb.connect(str(self.file))
        try:
            connection.execute(f"SET schema = '{self._dataset}'")
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, all dates in UTC."""
        with self.connect() as connection:
            rows = connection.execute(sql, list(values)).fetchall()
        return [tuple(_utc(value) for value in row) for row in rows]

    def tables(self) -> Tables:
        """Every table that there is whole, ordered by its key."""
        found: Tables = {}
        with self.connect() as connection:
            there = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
            for name, table in TABLES.items():
                if name not in there:
                    continue
                cursor = connection.execute(f"SELECT * FROM {name} ORDER BY {', '.join(table.key)}")
                columns = [column[0] for column in cursor.description]
                found[name] = [
                    {key: _utc(value) for key, value in zip(columns, row, strict=True)}
                    for row in cursor.fetchall()
                ]
        return found

    def loads(self) -> list[str]:
        """The packages that were loaded whole."""
        return [row[0] for row in self.query("SELECT load_id FROM _dlt_loads WHERE status = 0")]

    def age(self, hours: float) -> None:
        """Puts everything that the warehouse says of past syncs so many hours back."""
        columns = {
            "jobs": ("first_seen_at", "missing_since", "last_observed_at"),
            "job_status_history": ("occurred_at", "occurred_at_latest", "observed_at"),
            "rejected_records": ("observed_at",),
            "sync_runs": ("started_at", "finished_at", "doubted_since"),
        }
        with self.connect() as connection:
            for table, names in columns.items():
                changes = ", ".join(f"{name} = {name} - INTERVAL '{hours} hours'" for name in names)
                connection.execute(f"UPDATE {table} SET {changes}")


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


# -- rows ---------------------------------------------------------------------------------------


def ref_of(row: Row) -> Ref:
    """A row's job."""
    return row["job_kind"], row["job_id"]


def of_job(tables: Tables, table: str, job_id: str) -> list[Row]:
    """A job's rows in a table."""
    return [row for row in tables[table] if row["job_id"] == job_id]


def job_row(tables: Tables, job_id: str) -> Row:
    """A job's row.

    Raises:
        AssertionError: There is none, or more than one.
    """
    rows = of_job(tables, "jobs", job_id)
    assert len(rows) == 1, f"{job_id} has {len(rows)} rows in jobs"
    return rows[0]


def events_of(tables: Tables, job_id: str) -> list[Row]:
    """A job's events in order."""
    rows = of_job(tables, "job_status_history", job_id)
    return sorted(rows, key=lambda row: row["sequence"])


def statuses_of(tables: Tables, job_id: str) -> list[str]:
    """The canonical statuses of a job's events in order."""
    return [row["status"] for row in events_of(tables, job_id)]


def without(rows: Iterable[Row], *columns: str) -> list[Row]:
    """Rows without some columns."""
    return [{key: row[key] for key in row if key not in columns} for row in rows]


def text_of(tables: Tables) -> str:
    """Everything that stands in the tables, as one text."""
    return json.dumps(tables, default=str, ensure_ascii=False)
