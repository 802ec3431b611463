"""The result rows of one package: batches on their way to dlt, and how they are to be merged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.job_rows import JobEntry
from dlt_docjobs.sync.settings import Wanted
from dlt_docjobs.tables import JOB_KEY, RESULT_TABLES, TABLES
from dlt_docjobs.tables.arrow import ResultBuffer
from dlt_docjobs.warehouse.state import JobRef

Batch = dict[str, pa.Table]
Emit = Callable[[Batch], Awaitable[None]]

_ROWS_PER_BATCH: Final = 20_000
# of answers: a single one may be larger than all of a batch's rows should be
_BYTES_PER_BATCH: Final = 32 * 2**20


class ResultRows:
    """Collects rows job by job and hands them on in batches.

    Attributes:
        replaces: Whether any result, so far, takes the place of an earlier one.
        written_bytes: Of Arrow that were handed on.

    Args:
        context: The run.
        wanted: Which tables to fill.
        emit: Takes a batch; waits while the writer is behind.
        replaces: False where new results may be inserted without looking for earlier ones.
        by_row: Whether rows that go have to be named one by one (tables that only upsert).
    """

    def __init__(
        self, context: RunContext, wanted: Wanted, emit: Emit, *, replaces: bool, by_row: bool
    ) -> None:
        self.replaces = replaces
        self._context = context
        self._wanted = wanted
        self._emit = emit
        self._by_row = by_row
        self._buffers = {name: ResultBuffer(TABLES[name]) for name in RESULT_TABLES}
        self._writing = asyncio.Lock()
        self._leaving: asyncio.Task[None] | None = None
        self._waiting_bytes = 0
        self.written_bytes = 0
        self._written: set[str] = set()
        self._fresh: set[JobRef] = set()
        # of jobs that may have rows: the keys of the new ones, by table
        self._renewed: dict[str, dict[JobRef, set[tuple[Any, ...]]]] = {}

    def add(self, entry: JobEntry, rows: Mapping[str, pa.RecordBatch], size: int) -> None:
        """Takes the rows of one job's result.

        Args:
            entry: The job.
            rows: Its rows by table, without the columns that they share.
            size: Bytes of the answer that they come from.
        """
        key, run = self._context.key(entry.ref), self._context.request.run_id
        self._waiting_bytes += size
        if entry.may_have_rows:
            self.replaces = True
        else:
            self._fresh.add(entry.ref)
        for name, of_table in rows.items():
            if name not in self._wanted.tables:
                continue
            self._buffers[name].add(of_table, key, run)
            if entry.may_have_rows and self._by_row:
                own = TABLES[name].key[len(JOB_KEY) :]
                columns = [of_table.column(column).to_pylist() for column in own]
                keys = set(zip(*columns, strict=True))
                if not own and of_table.num_rows:
                    # a row whose key is the job's: nothing of its own tells it
                    keys = {()}
                self._renewed.setdefault(name, {})[entry.ref] = keys
            elif not of_table.num_rows and entry.may_have_rows:
                self._buffers[name].add_tombstone(key, run)

    async def flush(self, everything: bool = False) -> None:
        """Hands on what waits, if it is enough for a batch or if `everything` goes."""
        # one at a time: while the writer is behind, fetches must not each hold a batch of their own
        async with self._writing:
            if self._leaving is not None and not self._leaving.done():
                await asyncio.shield(self._leaving)
            if everything or self._is_enough():
                # whoever waits for it may be cancelled; rows of jobs that count as loaded may not
                self._leaving = asyncio.create_task(self._leave())
                await asyncio.shield(self._leaving)

    def _is_enough(self) -> bool:
        return self._waiting_bytes >= _BYTES_PER_BATCH or any(
            len(buffer) >= _ROWS_PER_BATCH for buffer in self._buffers.values()
        )

    async def _leave(self) -> None:
        batch = {name: buffer.flush() for name, buffer in self._buffers.items() if len(buffer)}
        self._waiting_bytes = 0
        if batch:
            self._written.update(batch)
            self.written_bytes += sum(table.nbytes for table in batch.values())
            await self._emit(batch)

    async def finish(self) -> Batch:
        """Hands on the rest.

        Returns:
            What is still to be said of how the rows are merged: tables without rows.
        """
        await self._name_stale_rows()
        await self.flush(everything=True)
        if self.replaces or not await self._meets_rows():
            return {}
        self.replaces = True
        return {name: TABLES[name].arrow_schema.empty_table() for name in self._written}

    async def _name_stale_rows(self) -> None:
        """Marks the rows of earlier results that the new ones do not have, each by its key."""
        context = self._context
        for name, renewed in self._renewed.items():
            own = TABLES[name].key[len(JOB_KEY) :]
            for kind, job_id, *rest in sorted(await self._row_keys(name, renewed)):
                keys = renewed.get((kind, job_id))
                if keys is not None and tuple(rest) not in keys:
                    named = dict(zip(own, rest, strict=True))
                    key = context.key((kind, job_id))
                    self._buffers[name].add_tombstone(key, context.request.run_id, named)

    async def _row_keys(self, name: str, refs: Iterable[JobRef]) -> set[tuple[Any, ...]]:
        return await self._context.warehouse.read(lambda state: state.row_keys(name, refs))

    async def _meets_rows(self) -> bool:
        """Whether rows of a job that counts as new are there after all."""
        written, fresh = sorted(self._written), self._fresh
        return await self._context.warehouse.read(
            lambda state: any(state.holds_rows(name, fresh) for name in written)
        )
