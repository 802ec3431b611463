"""The service's API, for whichever form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dlt_docjobs.http import Answer
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import format_instant
from dlt_docjobs.model.vocabulary import SUCCEEDED, JobKind
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.answers import RecordReader
from dlt_docjobs.providers.protocol import (
    Extraction,
    JobAnswer,
    JobPage,
    ListRange,
    ProviderApi,
)
from dlt_docjobs.results.cells import table_cells
from dlt_docjobs.results.columns import (
    no_rows,
    page_chunks,
    segments_batch,
    transposed,
    types_of,
)
from dlt_docjobs.results.leftovers import Leftovers
from dlt_docjobs.results.pages import Pages, number_pages
from dlt_docjobs.results.reading import Document, Found, Reading, read
from dlt_docjobs.results.typed import Objects, Record, Text
from forms_docjobs import BATCHES, BRACKETED, NAMED, NEWEST, SINCE, WINDOWED


class _Page(Record):
    bare = "text"
    type: Text = None
    text: Text = None


_PAGES = Objects(_Page, "pages")


class _Job(envelopes.Envelope):
    id: envelopes.Identifier
    kind: envelopes.StatusText
    status: envelopes.StatusText
    created: envelopes.Instant = None
    name: envelopes.Text = None
    error: envelopes.Text = None


def read_answer(
    body: bytes,
    decode: Callable[[], Any],
    *,
    include_content: bool,
    include_ocr: bool,
    include_table_cells: bool = False,
) -> Reading:
    """An answer's rest, and its pages as rows."""
    keep, content = frozenset({"type"}), frozenset({"text"})
    left = Leftovers(include_content=include_content, keep=keep, content_keys=content)
    document = partial(_document, left, include_table_cells)
    return read(body, decode, {"pages": _PAGES}, {"pages"}, document)


def _document(left: Leftovers, with_cells: bool, found: Found, rest: dict[str, Any]) -> Document:
    numbered = number_pages(found["pages"] or (), lambda page: None)
    pages = Pages()
    for number, _ in numbered:
        pages[number].segment_count += 1
    sent = transposed([page for _, page in numbered], _Page)
    numbers, count = [number for number, _ in numbered], len(numbered)
    columns = {
        "chunk_index": range(count),
        "segment_type": types_of(WINDOWED.vocabulary.segment_type, sent["type"]),
        "provider_segment_type": sent["type"],
        "page_number": numbers,
        "content": sent["text"],
        "markdown": sent["text"],
    }
    boxes, sizes, kept = [None] * count, ([None] * count, [None] * count), sent["kept"]
    tables = {
        "pages": pages.batch(left),
        "chunks": page_chunks(left, numbers, sent["text"], [1] * count),
        "segments": segments_batch(left, columns, boxes, sizes, kept, {}, extent=False),
        "segment_ocr": no_rows("segment_ocr"),
        "table_cells": table_cells(left, columns) if with_cells else no_rows("table_cells"),
    }
    return Document(tables, failed_page_count=0)


class FormsApi(ProviderApi):
    """The API, whatever is declared of it."""

    read_answer = staticmethod(read_answer)
    document_keys = frozenset({"id", "kind", "status", "created", "name", "error"})
    name_keys = frozenset({"name"})
    wrappers = frozenset({"jobs"})

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """One page of a list."""
        listing = self.provider.kinds[kind].list
        assert listing is not None
        params: list[tuple[str, str]] = []
        for name, bound in (("since", wanted.lower), ("until", wanted.upper)):
            if bound is not None and name in listing.filters:
                params.append((name, format_instant(bound)))
        if token is not None:
            params.append(("cursor", token))
        path = tuple(listing.endpoint.strip("/").split("/"))
        answer, body = await self._get_sized(path, params, "limit", self.page_size)
        return self._read(listing.endpoint, answer, body)

    async def poll(self, kind: JobKind, job_ids: Sequence[str]) -> JobPage:
        """Several jobs at once."""
        answer, body = await self.client.get_json(("some",), [("ids", ",".join(job_ids))])
        return self._read("/some", answer, body)

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job; where the form says so with its result."""
        if self.provider.kinds[kind].status_has_result:
            return await self.result(kind, job_id)
        answer, body = await self.client.get_json(("job", job_id))
        with answers.kept_whole(answer):
            return JobAnswer(_observe(body, answer))

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with its result."""
        parts = () if self.provider.kinds[kind].status_has_result else ("result",)
        answer, reading = await self._get_result(("job", job_id, *parts), [])
        with answers.kept_whole(answer):
            reply = JobAnswer(_observe(reading.rest, answer), size=len(answer.body))
            seen = reply.observation
            if self.provider.vocabulary.status(seen.provider_status) != SUCCEEDED:
                return reply
            if kind == "parse":
                reply.document = answers.document_of(reading)
                if reply.document is not None:
                    seen.page_count = reply.document.count("pages")
            elif (value := seen.payload.pop("value", None)) is not None:
                reply.extraction = Extraction(value, None)
            return reply

    async def check(self) -> None:
        """Asks for nobody."""
        await self.client.get_json(("some",), [("ids", "")])

    def _read(self, endpoint: str, answer: Answer, body: Any) -> JobPage:
        reader = RecordReader(endpoint, None)
        for row in answers.records_of(body, "jobs", endpoint):
            reader.read(row, lambda record: _observe(record, answer), "id")
        return reader.page(answer, body, "next")


def _observe(row: Any, answer: Answer) -> JobObservation:
    job = envelopes.read_envelope(_Job, row)
    kinds: dict[str, JobKind] = {
        "parse": "parse",
        "extract": "extract",
        "split": "split",
        "classify": "classify",
    }
    return JobObservation(
        job_kind=kinds[job.kind],
        job_id=job.id,
        provider_status=job.status,
        observed_at=answer.received_at,
        sent_at=answer.sent_at,
        clock_offset=answer.clock_offset,
        created_at=job.created,
        document_name=job.name,
        error_message=job.error,
        payload=dict(row),
    )


class WindowedApi(FormsApi):
    """See `forms_docjobs.WINDOWED`."""

    provider = WINDOWED


class SinceApi(FormsApi):
    """See `forms_docjobs.SINCE`."""

    provider = SINCE


class NewestApi(FormsApi):
    """See `forms_docjobs.NEWEST`."""

    provider = NEWEST


class BracketedApi(FormsApi):
    """See `forms_docjobs.BRACKETED`."""

    provider = BRACKETED


class NamedApi(FormsApi):
    """See `forms_docjobs.NAMED`."""

    provider = NAMED


class BatchesApi(FormsApi):
    """See `forms_docjobs.BATCHES`."""

    provider = BATCHES
