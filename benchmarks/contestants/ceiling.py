"""The hand-written ceiling: fetch, typed decoding, Arrow and DuckDB, and nothing else.

It writes the same rows into the same tables as our sync, but for `payload` and `config`, which it
leaves small or as they were sent. It has no dlt, no merge, no state and no memory of what is there,
checks no text for signed URLs, and would fail at the first field of another type.
Nothing that has to live in the real world can be faster by much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, Final

import duckdb
import httpx
import msgspec
import pyarrow as pa

from benchmarks.contestants.task import Task, read_task, report
from benchmarks.jobs import API_KEY
from dlt_docjobs.emulator.vocabulary import canonical_segment_type
from dlt_docjobs.model.history import event_id
from dlt_docjobs.tables import REMOVED, TABLES

_JOBS_PER_INSERT: Final = 100
_RUN: Final = "ceiling"
_WRITTEN: Final = ("jobs", "job_status_history", "pages", "chunks", "segments", "segment_ocr")
# the columns that all rows of a job share, in front and behind
_SHARED: Final = 4
_ABSENT: Final = msgspec.Raw(b"null")


class Box(msgspec.Struct):
    """A bounding box."""

    left: float
    top: float
    width: float
    height: float


class Ocr(msgspec.Struct):
    """An OCR element; the box is kept as it was sent."""

    text: str | None
    bbox: msgspec.Raw
    confidence: float | None = None
    color: msgspec.Raw = _ABSENT


class Segment(msgspec.Struct):
    """A segment. What has no column of its own is kept as it was sent."""

    segment_id: str
    segment_type: str
    page_number: int
    page_width: float
    page_height: float
    content: str | None = None
    html: str | None = None
    markdown: str | None = None
    image: str | None = None
    confidence: float | None = None
    bbox: Box | None = None
    ocr: list[Ocr] = []
    llm: str | None = None
    chart_data: msgspec.Raw = _ABSENT
    references: msgspec.Raw = _ABSENT


class Chunk(msgspec.Struct):
    """A chunk with its segments."""

    embed: str
    chunk_length: int
    segments: list[Segment]
    chunk_id: str | None = None


class Document(msgspec.Struct):
    """The answer about a job, as far as it becomes rows."""

    job_id: str
    status: str
    created_at: datetime
    started_at: datetime
    finished_at: datetime
    file_name: str
    page_count: int
    credit_used: float
    configuration: msgspec.Raw
    chunks: list[Chunk]


_decode: Final = msgspec.json.Decoder(Document).decode
_encode: Final = msgspec.json.Encoder().encode


class Columns:
    """The columns of one table that are its own, of the jobs that wait to be inserted."""

    def __init__(self, name: str) -> None:
        fields = TABLES[name].arrow_schema
        self.schema = pa.schema([field for field in fields if field.name != REMOVED])
        self.rows: list[tuple[Any, ...]] = []
        self._tables: list[pa.Table] = []

    def close_job(self, job_id: str) -> None:
        """Turns the rows of one job into Arrow: so few values stay in the processor's cache."""
        if not self.rows:
            return
        count = len(self.rows)
        shared = ("unsiloed", "default", "parse", job_id)
        columns = [pa.repeat(pa.scalar(value), count) for value in shared]
        own = self.schema.names[_SHARED:-1]
        types = self.schema.types[_SHARED:-1]
        assert len(own) == len(self.rows[0])
        for values, kind in zip(zip(*self.rows, strict=True), types, strict=True):
            columns.append(pa.array(values, type=kind))
        columns.append(pa.repeat(pa.scalar(_RUN), count))
        self._tables.append(pa.Table.from_arrays(columns, schema=self.schema))
        self.rows = []

    def flush(self) -> pa.Table:
        """Everything so far."""
        tables, self._tables = self._tables, []
        return pa.concat_tables(tables) if tables else self.schema.empty_table()


class Loader:
    """Decodes answers and inserts their rows, a hundred jobs at a time, in a thread of its own."""

    def __init__(self, database: duckdb.DuckDBPyConnection, include_ocr: bool) -> None:
        self._database = database
        self._include_ocr = include_ocr
        self._tables = {name: Columns(name) for name in _WRITTEN}
        self._types: dict[str, str] = {}
        self._waiting = 0
        self._writer = ThreadPoolExecutor(1)
        self._inserts: list[Future[None]] = []
        database.execute("CREATE SCHEMA docjobs")
        for name, columns in self._tables.items():
            database.register("empty", columns.schema.empty_table())
            database.execute(f"CREATE TABLE docjobs.{name} AS FROM empty")
        database.unregister("empty")

    def take(self, body: bytes) -> None:
        """One answer."""
        document = _decode(body)
        self._add_job(document)
        self._add_results(document)
        for columns in self._tables.values():
            columns.close_job(document.job_id)
        self._waiting += 1
        if self._waiting >= _JOBS_PER_INSERT:
            self.flush()

    def flush(self) -> None:
        """Hands what waits to the writer."""
        self._waiting = 0
        batch = {name: columns.flush() for name, columns in self._tables.items()}
        self._inserts.append(self._writer.submit(self._insert, batch))

    def close(self) -> None:
        """Waits for the last commit."""
        self.flush()
        self._writer.shutdown()
        for insert in self._inserts:
            insert.result()

    def _insert(self, batch: dict[str, pa.Table]) -> None:
        for name, table in batch.items():
            if table.num_rows:
                self._database.register("batch", table)
                self._database.execute(f"INSERT INTO docjobs.{name} FROM batch")
                self._database.unregister("batch")

    def _add_job(self, document: Document) -> None:
        now = datetime.now(timezone.utc)
        segments = sum(len(chunk.segments) for chunk in document.chunks)
        payload = _encode({"job_id": document.job_id, "status": document.status})
        values: dict[str, Any] = {
            "status": "succeeded",
            "provider_status": document.status,
            "is_terminal": True,
            "document_name": document.file_name,
            "created_at": document.created_at,
            "created_at_precision": "exact",
            "created_at_earliest": document.created_at,
            "created_at_latest": document.created_at,
            "started_at": document.started_at,
            "finished_at": document.finished_at,
            "page_count": document.page_count,
            "failed_page_count": 0,
            "chunk_count": len(document.chunks),
            "segment_count": segments,
            "credits": document.credit_used,
            "results_state": "loaded",
            "config": bytes(document.configuration).decode(),
            "payload": payload.decode(),
            "first_seen_at": now,
            "last_observed_at": now,
        }
        jobs = self._tables["jobs"]
        jobs.rows.append(tuple(values.get(name) for name in jobs.schema.names[_SHARED:-1]))
        self._tables["job_status_history"].rows.extend(_events(document, now))

    def _add_results(self, document: Document) -> None:
        chunks, segments = self._tables["chunks"].rows, self._tables["segments"].rows
        elements = self._tables["segment_ocr"].rows
        pages: dict[int, list[Any]] = {
            number: [None, None, 0] for number in range(1, document.page_count + 1)
        }
        index = 0
        for chunk_index, chunk in enumerate(document.chunks):
            numbers = [segment.page_number for segment in chunk.segments]
            chunks.append(
                (
                    *(chunk_index, chunk.chunk_id, "native", min(numbers), max(numbers)),
                    *(chunk.embed, chunk.chunk_length, len(numbers), None),
                )
            )
            for segment in chunk.segments:
                page = pages[segment.page_number]
                page[:] = segment.page_width, segment.page_height, page[2] + 1
                segments.append(self._segment(segment, index, chunk_index, chunk.chunk_id))
                if self._include_ocr:
                    elements.extend(
                        (index, place, ocr.text, ocr.confidence, bytes(ocr.bbox).decode())
                        for place, ocr in enumerate(segment.ocr)
                    )
                index += 1
        self._tables["pages"].rows.extend(
            (number, width, height, False, None, None, count, None)
            for number, (width, height, count) in pages.items()
        )

    def _segment(
        self, segment: Segment, index: int, chunk_index: int, chunk_id: str | None
    ) -> tuple[Any, ...]:
        kind = self._types.get(segment.segment_type)
        if kind is None:
            kind = canonical_segment_type("unsiloed", segment.segment_type)
            self._types[segment.segment_type] = kind
        box, width, height = segment.bbox, segment.page_width, segment.page_height
        if box is None:
            edges: tuple[float | None, ...] = (None, None, None, None)
            provider_bbox = None
        else:
            edges = (
                box.left / width,
                box.top / height,
                min((box.left + box.width) / width, 1.0),
                min((box.top + box.height) / height, 1.0),
            )
            provider_bbox = _encode(box).decode()
        scores = [ocr.confidence for ocr in segment.ocr if ocr.confidence is not None]
        image = segment.image
        return (
            *(index, segment.segment_id, None, 0, chunk_index, chunk_id),
            *(kind, segment.segment_type, segment.page_number, width, height),
            *(segment.content, segment.markdown, segment.html),
            *(image.partition("?")[0] if image else None, segment.confidence, None),
            *edges,
            *(provider_bbox, None, None, None, len(segment.ocr)),
            *(sum(scores) / len(scores) if scores else None, self._metadata(segment)),
        )

    def _metadata(self, segment: Segment) -> str | None:
        extra: dict[str, Any] = {
            name: value
            for name in ("chart_data", "llm", "references")
            if (value := getattr(segment, name)) is not None and value != _ABSENT
        }
        if self._include_ocr:
            colours = {
                str(place): {"color": ocr.color}
                for place, ocr in enumerate(segment.ocr)
                if ocr.color != _ABSENT
            }
            extra |= {"ocr": colours} if colours else {}
        return _encode(extra).decode() if extra else None


def _events(document: Document, now: datetime) -> Iterator[tuple[Any, ...]]:
    steps = (
        ("queued", None, document.created_at),
        ("running", None, document.started_at),
        ("succeeded", document.status, document.finished_at),
    )
    previous = None
    for sequence, (status, word, at) in enumerate(steps):
        name = event_id("unsiloed", "parse", document.job_id, sequence)
        yield (
            *(name, sequence, status, word, previous, at, at, at, "provider", now, None),
            status == "succeeded",
        )
        previous = status


async def fetch(task: Task, loader: Loader) -> None:
    """Lists all jobs and fetches each."""
    headers = {"api-key": API_KEY}
    params = {"include_chunks": "true", "include_url": "true"}
    ids: asyncio.Queue[str | None] = asyncio.Queue()

    async def work() -> None:
        # a client for each: one shared by all looks through all connections at every request
        async with httpx.AsyncClient(base_url=task.base_url, headers=headers, timeout=60) as client:
            while (job_id := await ids.get()) is not None:
                answer = await client.get(f"/parse/{job_id}", params=params)
                loader.take(answer.raise_for_status().content)

    workers = [asyncio.create_task(work()) for _ in range(task.concurrency)]
    async with httpx.AsyncClient(base_url=task.base_url, headers=headers, timeout=60) as client:
        token: str | None = None
        while True:
            query = {"page_size": "100"} | ({"page_token": token} if token else {})
            page = msgspec.json.decode((await client.get("/parse", params=query)).content)
            for row in page["items"]:
                ids.put_nowait(row["job_id"])
            token = page["next_page_token"]
            if token is None:
                break
    for _ in workers:
        ids.put_nowait(None)
    await asyncio.gather(*workers)


def main(task: Task) -> None:
    """Loads all jobs."""
    with duckdb.connect(task.warehouse) as database:
        loader = Loader(database, task.include_ocr)
        asyncio.run(fetch(task, loader))
        loader.close()


if __name__ == "__main__":
    main(read_task())
    report()
