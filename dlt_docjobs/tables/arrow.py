"""Rows to Arrow: every batch of a table has the table's one fixed schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dlt_docjobs.tables.schema import Table

_PLACEHOLDERS: dict[str, Any] = {"text": "", "json": "null", "bigint": -1, "double": 0.0}


class RowBuffer:
    """Collects the rows of one table, job by job, and turns them into an Arrow table.

    The columns that a job's rows share are kept once a job and repeated only in Arrow.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._rows: list[tuple[Any, ...]] = []
        self._keys: list[tuple[tuple[str, ...], str, int]] = []
        self._tombstones: list[tuple[tuple[str, ...], str, Mapping[str, Any]]] = []

    def __len__(self) -> int:
        """Rows that wait, tombstones included."""
        return len(self._rows) + len(self._tombstones)

    def add(
        self, rows: Sequence[tuple[Any, ...]], key: tuple[str, ...] = (), run: str = ""
    ) -> None:
        """Adds rows.

        Args:
            rows: Instances of the table's row type.
            key: provider, account, job_kind and job_id that the rows share (job-level tables).
            run: The rows' run_id (job-level tables).
        """
        if rows:
            self._rows.extend(rows)
            if self.table.is_job_level:
                self._keys.append((key, run, len(rows)))

    def add_tombstone(
        self, key: tuple[str, ...], run: str, own: Mapping[str, Any] | None = None
    ) -> None:
        """Marks rows of a job in this table for removal: its new result does not have them.

        Delete-insert only deletes where the load holds a row with the job's key; an upsert only
        where it holds one with the row's.

        Args:
            key: provider, account, job_kind and job_id.
            run: The run_id.
            own: The rest of one row's key; None stands for all rows of the job.
        """
        self._tombstones.append((key, run, own or {}))

    def flush(self) -> pa.Table:
        """The rows so far as an Arrow table; the buffer is empty afterwards."""
        schema = self.table.arrow_schema
        columns: list[list[Any]] = [list(column) for column in zip(*self._rows, strict=True)]
        if not columns:
            columns = [[] for _ in self.table.row_type._fields]
        if self.table.is_job_level:
            front: list[list[str]] = [[], [], [], []]
            runs: list[str] = []
            for key, run, count in self._keys:
                for values, part in zip(front, key, strict=True):
                    values.extend([part] * count)
                runs.extend([run] * count)
            columns = [*front, *columns, runs]
        if self.table.is_result:
            columns.append([None] * len(self._rows))
            for key, run, named in self._tombstones:
                tombstone = [*key, *self._placeholders(named), run, True]
                for values, value in zip(columns, tombstone, strict=True):
                    values.append(value)
        self._rows, self._keys, self._tombstones = [], [], []
        arrays = [
            pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _placeholders(self, named: Mapping[str, Any]) -> list[Any]:
        """Values of a tombstone's own columns, which a load never stores: null where allowed."""
        own = self.table.columns[4:-2]
        return [
            named[column.name]
            if column.name in named
            else None
            if column.nullable
            else _PLACEHOLDERS.get(column.type, _zero(column.type))
            for column in own
        ]


def _zero(column_type: str) -> Any:
    return False if column_type == "bool" else 0
