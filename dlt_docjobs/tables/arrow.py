"""Rows to Arrow: every batch of a table has the table's one fixed schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from dlt_docjobs.tables.schema import Table

# so few that their values are in the cache still, so many that a call a column is nothing
_ROWS_PER_PIECE: Final = 500

_PLACEHOLDERS: dict[str, Any] = {"text": "", "json": "null", "bigint": -1, "double": 0.0}


class RowBuffer:
    """Collects the rows of one table, job by job, and turns them into an Arrow table.

    Rows become Arrow a few hundred at a time: these are still in the processor's cache, and as
    Python objects all rows of a batch would take several times the memory. The columns that a
    job's rows share are kept once a job and repeated only in Arrow.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._rows: list[tuple[Any, ...]] = []
        self._keys: list[tuple[tuple[str, ...], str, int]] = []
        self._tombstones: list[tuple[tuple[str, ...], str, Mapping[str, Any]]] = []
        self._pieces: list[pa.Table] = []
        self._rows_in_pieces = 0

    def __len__(self) -> int:
        """Rows that wait, tombstones included."""
        return self._rows_in_pieces + len(self._rows) + len(self._tombstones)

    def add(
        self, rows: Sequence[tuple[Any, ...]], key: tuple[str, ...] = (), run: str = ""
    ) -> None:
        """Adds rows.

        Args:
            rows: Instances of the table's row type.
            key: provider, account, job_kind and job_id that the rows share (job-level tables).
            run: The rows' run_id (job-level tables).
        """
        if not rows:
            return
        self._rows.extend(rows)
        if self.table.is_job_level:
            self._keys.append((key, run, len(rows)))
        if len(self._rows) >= _ROWS_PER_PIECE:
            self._add_piece()

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
        self._add_piece()
        if self._tombstones:
            rows = [
                (*key, *self._placeholders(named), run, True)
                for key, run, named in self._tombstones
            ]
            self._pieces.append(self._table(zip(*rows, strict=True)))
            self._tombstones = []
        pieces, self._pieces, self._rows_in_pieces = self._pieces, [], 0
        return pa.concat_tables(pieces) if pieces else self.table.arrow_schema.empty_table()

    def _add_piece(self) -> None:
        rows, self._rows = self._rows, []
        keys, self._keys = self._keys, []
        if not rows:
            return
        columns: list[Any] = list(zip(*rows, strict=True))
        if self.table.is_job_level:
            counts = [count for _, _, count in keys]
            front = zip(*(key for key, _, _ in keys), strict=True)
            runs = [run for _, run, _ in keys]
            columns = [*(_repeated(part, counts) for part in front), *columns]
            columns.append(_repeated(runs, counts))
        if self.table.is_result:
            columns.append(pa.nulls(len(rows), pa.bool_()))
        self._pieces.append(self._table(columns))
        self._rows_in_pieces += len(rows)

    def _table(self, columns: Iterable[Any]) -> pa.Table:
        schema = self.table.arrow_schema
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, type=field.type)
            for column, field in zip(columns, schema, strict=True)
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


def _repeated(values: Sequence[str], counts: Sequence[int]) -> pa.Array:
    """Each value as often as its count says."""
    if len(set(values)) == 1:
        return pa.repeat(pa.scalar(values[0], pa.string()), sum(counts))
    pairs = zip(values, counts, strict=True)
    return pa.concat_arrays([pa.repeat(pa.scalar(value, pa.string()), n) for value, n in pairs])


def _zero(column_type: str) -> Any:
    return False if column_type == "bool" else 0
