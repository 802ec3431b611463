"""Rows to Arrow: every batch of a table has the table's one fixed schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from dlt_docjobs.tables.schema import Table

_PLACEHOLDERS: dict[str, Any] = {"text": "", "json": "null", "bigint": -1, "double": 0.0}


class RowBuffer:
    """Collects the rows of one table, job by job, and turns them into an Arrow table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._rows: list[tuple[Any, ...]] = []
        self._keys: list[_Key] = []

    def __len__(self) -> int:
        """Rows that wait."""
        return len(self._rows)

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
            self._keys.append(_Key(key, run, len(rows)))

    def flush(self) -> pa.Table:
        """The rows so far as an Arrow table; the buffer is empty afterwards."""
        rows, self._rows = self._rows, []
        keys, self._keys = self._keys, []
        if not rows:
            return self.table.arrow_schema.empty_table()
        columns: list[Any] = list(zip(*rows, strict=True))
        if self.table.is_job_level:
            columns = _with_keys(columns, keys)
        return pa.Table.from_arrays(
            _arrays(columns, self.table.arrow_schema), schema=self.table.arrow_schema
        )


class ResultBuffer:
    """Collects the rows of one result table, job by job, as Arrow already.

    The columns that a job's rows share are kept once a job, and repeated when the rows leave.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._batches: list[pa.RecordBatch] = []
        self._keys: list[_Key] = []
        self._tombstones: list[tuple[tuple[str, ...], str, Mapping[str, Any]]] = []
        self._count = 0

    def __len__(self) -> int:
        """Rows that wait, tombstones included."""
        return self._count + len(self._tombstones)

    def add(self, rows: pa.RecordBatch, key: tuple[str, ...], run: str) -> None:
        """Adds rows of a job.

        Args:
            rows: The table's own columns.
            key: provider, account, job_kind and job_id.
            run: The run_id.
        """
        if rows.num_rows:
            self._batches.append(rows)
            self._keys.append(_Key(key, run, rows.num_rows))
            self._count += rows.num_rows

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
        parts: list[pa.Table] = []
        batches, self._batches = self._batches, []
        keys, self._keys = self._keys, []
        if batches:
            # a column in one piece: what comes behind would pay for each of many small ones
            own = pa.Table.from_batches(batches, schema=self.table.own_schema).combine_chunks()
            columns = [*_with_keys(own.columns, keys), pa.nulls(self._count, pa.bool_())]
            parts.append(pa.Table.from_arrays(columns, schema=schema))
            self._count = 0
        if self._tombstones:
            rows = [
                (*key, *self._placeholders(named), run, True)
                for key, run, named in self._tombstones
            ]
            arrays = _arrays(zip(*rows, strict=True), schema)
            parts.append(pa.Table.from_arrays(arrays, schema=schema))
            self._tombstones = []
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def _placeholders(self, named: Mapping[str, Any]) -> list[Any]:
        """Values of a tombstone's own columns, which a load never stores: null where allowed."""
        return [
            named[column.name]
            if column.name in named
            else None
            if column.nullable
            else _PLACEHOLDERS.get(column.type, _zero(column.type))
            for column in self.table.own_columns
        ]


class _Key(NamedTuple):
    """What some rows of a job share: the job's key and the run's id; and how many they are."""

    job: tuple[str, ...]
    run: str
    rows: int


def batch_of_rows(table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    """Rows of one job in a result table, as Arrow.

    Job by job, and not a whole batch at once: so few values are in the processor's cache still,
    and as Python objects all rows of a batch would take several times the memory.

    Args:
        table: The table.
        rows: Instances of its row type.
    """
    schema = table.own_schema
    columns: Iterable[Any] = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.RecordBatch.from_arrays(_arrays(columns, schema), schema=schema)


def batch_of_columns(
    table: Table, count: int, columns: Mapping[str, Sequence[Any] | pa.Array]
) -> pa.RecordBatch:
    """Columns of one job in a result table, as Arrow.

    Args:
        table: The table.
        count: Rows.
        columns: Its own columns by name. One that is not there is null in every row.
    """
    schema = table.own_schema
    values = (
        columns[field.name] if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    )
    return pa.RecordBatch.from_arrays(_arrays(values, schema), schema=schema)


def _arrays(columns: Iterable[Any], schema: pa.Schema) -> list[pa.Array]:
    return [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]


def _with_keys(own: Iterable[Any], keys: Sequence[_Key]) -> list[Any]:
    """Columns with those that each job's rows share, in front and behind."""
    counts = [key.rows for key in keys]
    front = zip(*(key.job for key in keys), strict=True)
    runs = [key.run for key in keys]
    return [*(_repeated(part, counts) for part in front), *own, _repeated(runs, counts)]


def _repeated(values: Sequence[str], counts: Sequence[int]) -> pa.Array:
    """Each value as often as its count says."""
    if len(set(values)) == 1:
        return pa.repeat(pa.scalar(values[0], pa.string()), sum(counts))
    pairs = zip(values, counts, strict=True)
    return pa.concat_arrays([pa.repeat(pa.scalar(value, pa.string()), n) for value, n in pairs])


def _zero(column_type: str) -> Any:
    return False if column_type == "bool" else 0
