"""Result rows on their way to the writer, whatever becomes of those who bring them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dlt_docjobs.model.records import ExtractionResult, Segment
from dlt_docjobs.sync import result_rows
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.job_rows import JobEntry
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.result_rows import Batch, Emit, ResultRows
from dlt_docjobs.sync.settings import Wanted
from dlt_docjobs.tables import REMOVED, RESULT_TABLES, TABLES
from dlt_docjobs.tables.arrow import batch_of_rows
from dlt_docjobs.warehouse.state import KnownJob


def rows_for(emit: Emit, **more: Any) -> ResultRows:
    context = SimpleNamespace(
        request=RunRequest(run_id="run-1"), key=lambda ref: ("unsiloed", "default", *ref), **more
    )
    wanted = Wanted(frozenset(RESULT_TABLES))
    return ResultRows(cast(RunContext, context), wanted, emit, replaces=True, by_row=bool(more))


def add(rows: ResultRows, job_id: str) -> None:
    segment = Segment(*[None] * len(Segment._fields))._replace(
        segment_index=0, depth=0, segment_type="text", ocr_count=0
    )
    tables = {"segments": batch_of_rows(TABLES["segments"], [segment])}
    rows.add(JobEntry(("parse", job_id), KnownJob()), tables, 1)


def job_ids(batches: list[Batch]) -> list[str]:
    return [job_id for batch in batches for job_id in batch["segments"]["job_id"].to_pylist()]


@pytest.mark.parametrize("cancelled_after", ["its batch was handed on", "it was told to wait"])
def test_a_fetch_that_is_cancelled_takes_no_rows_with_it(
    monkeypatch: pytest.MonkeyPatch, cancelled_after: str
) -> None:
    monkeypatch.setattr(result_rows, "_ROWS_PER_BATCH", 1)
    written: list[Batch] = []
    writer_has_time = asyncio.Event()

    async def emit(batch: Batch) -> None:
        await writer_has_time.wait()
        written.append(batch)

    async def scenario() -> None:
        rows = rows_for(emit)

        async def fetch(job_id: str) -> Any:
            add(rows, job_id)
            await rows.flush()

        first = asyncio.create_task(fetch("a"))
        await asyncio.sleep(0)
        second = asyncio.create_task(fetch("b"))
        await asyncio.sleep(0.01)
        (first if cancelled_after == "its batch was handed on" else second).cancel()
        await asyncio.sleep(0.01)
        ending = asyncio.create_task(rows.finish())
        await asyncio.sleep(0.01)
        assert not ending.done() and not written, "the writer is still busy"
        writer_has_time.set()
        await ending
        await asyncio.gather(first, second, return_exceptions=True)

    asyncio.run(scenario())
    # in the order in which they came, and what finish() waits for is all there is
    assert job_ids(written) == ["a", "b"]


@pytest.mark.parametrize("result", ["a result", None])
def test_of_a_table_with_a_row_a_job_that_row_goes_only_where_the_new_result_has_none(
    result: str | None,
) -> None:
    """Row by row, a row and its mark in one load would be two for one row of the table."""
    written: list[Batch] = []
    kept = KnownJob(is_uncommitted=True)
    row = ExtractionResult(*[None] * len(ExtractionResult._fields))._replace(
        result=result, loaded_at=datetime(2026, 1, 1, tzinfo=timezone.utc)
    )

    async def emit(batch: Batch) -> None:
        written.append(batch)

    async def read(_: Any) -> set[tuple[str, str]]:
        return {("extract", "a")}

    async def scenario() -> None:
        rows = rows_for(emit, warehouse=SimpleNamespace(read=read))
        of_job = [row] if result else []
        tables = {"extraction_results": batch_of_rows(TABLES["extraction_results"], of_job)}
        rows.add(JobEntry(("extract", "a"), kept), tables, 1)
        await rows.finish()

    asyncio.run(scenario())
    (batch,) = written
    assert batch["extraction_results"][REMOVED].to_pylist() == [None if result else True]
