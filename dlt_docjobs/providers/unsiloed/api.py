"""Unsiloed AI: `/parse/{job_id}`, and `/extract`, `/classify` and `/splitter` alike.

Rests on docs/providers/unsiloed.md. What decides the code: no list is published, so the user names
the jobs; a status costs one request a job (`include_chunks=false`); counts are 0 until they are
known; the provider's own times prove when processing began and ended; answers about other jobs than
parse jobs carry their result. A uuid does not tell of which kind its job is, and the wrong path
answers 404.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from dlt_docjobs.http import Answer, NotFound
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import FAILED, SUCCEEDED, JobKind
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.protocol import (
    Extraction,
    JobAnswer,
    ProviderApi,
)
from dlt_docjobs.providers.unsiloed import PROVIDER, results
from dlt_docjobs.results import Reading

_PATHS: Final[Mapping[JobKind, str]] = {
    "parse": "parse",
    "extract": "extract",
    "classify": "classify",
    "split": "splitter",
}


# where it says how many pages a document has, beside the metadata
_TELLS_PAGES: Final[Mapping[JobKind, str]] = {"classify": "result", "split": "parameters"}


class _Job(envelopes.Envelope):
    status: envelopes.StatusText
    created_at: envelopes.Instant = None
    started_at: envelopes.Instant = None
    finished_at: envelopes.Instant = None
    updated_at: envelopes.Instant = None
    expires_at: envelopes.Instant = None
    file_name: envelopes.Text = None
    message: envelopes.Text = None
    error: envelopes.Text = None
    page_count: envelopes.Count = None
    total_chunks: envelopes.Count = None
    credit_used: envelopes.Number = None


class UnsiloedApi(ProviderApi):
    """Unsiloed AI's parse, extract, classify and split jobs."""

    provider = PROVIDER
    link_keys = frozenset(
        {"file_url", "pdf_url", "output_file_url", "input_file_url", "image", "image_url"}
        | {"url", "export", "exports", "full_path"}
    )
    document_keys = frozenset(
        {"job_id", "task_id", "id", "status", "created_at", "started_at", "finished_at"}
        | {"updated_at", "expires_at", "file_name", "file_type", "message", "error"}
    )
    document_parts = frozenset[str]()
    read_answer = staticmethod(results.read_answer)

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job: a parse job without its chunks, any other always with its result."""
        if kind != "parse":
            return await self.result(kind, job_id)
        answer, body = await self.client.get_json(("parse", job_id), [("include_chunks", "false")])
        with answers.kept_whole(answer):
            return JobAnswer(self._observe(kind, job_id, body, answer))

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with its chunks or its one result; image URLs only come when asked for."""
        if kind != "parse":
            answer, body = await self.client.get_json((_PATHS[kind], job_id), is_result=True)
            with answers.kept_whole(answer):
                return self._read_extraction(kind, job_id, body, answer)
        params = [("include_chunks", "true"), ("include_url", "true")]
        answer, reading = await self._get_result(("parse", job_id), params)
        with answers.kept_whole(answer):
            return self._read_document(job_id, reading, answer)

    def _read_extraction(self, kind: JobKind, job_id: str, body: Any, answer: Answer) -> JobAnswer:
        reply = JobAnswer(self._observe(kind, job_id, body, answer), size=len(answer.body))
        if not self._has_succeeded(reply.observation):
            return reply
        if body.get("result") is None:
            return reply
        metadata = answers.as_mapping(body.get("metadata"))
        fields = {key: metadata[key] for key in ("order", "schema") if key in metadata}
        # what an extraction holds is the user's own; the files of a split lie behind links
        links = self.link_keys if kind == "split" else frozenset[str]()
        reply.extraction = Extraction(body["result"], fields or None, links)
        return reply

    def _read_document(self, job_id: str, reading: Reading, answer: Answer) -> JobAnswer:
        observed = self._observe("parse", job_id, reading.rest, answer)
        reply = JobAnswer(observed, size=len(answer.body))
        if not self._has_succeeded(reply.observation):
            return reply
        if reading.document is None and reading.rest.get("total_chunks") == 0:
            # no chunks are a result, if the answer says that there are none
            reading = self._read_value({**reading.rest, "chunks": []})
        reply.document = answers.document_of(reading)
        return reply

    async def check(self) -> None:
        """Asks for a job that can't exist: 404 proves that the key was accepted."""
        try:
            await self.client.get(("parse", str(uuid.UUID(int=0))), [("include_chunks", "false")])
        except NotFound:
            return

    def _observe(self, kind: JobKind, job_id: str, body: Any, answer: Answer) -> JobObservation:
        job = envelopes.read_envelope(_Job, body)
        status = self.provider.vocabulary.status(job.status)
        payload = {key: value for key, value in body.items() if key not in results.RESULT_KEYS}
        metadata = answers.as_mapping(body.get("metadata"))
        pages = job.page_count
        if kind != "parse":
            told = {**metadata, **answers.as_mapping(body.get(_TELLS_PAGES.get(kind, "")))}
            pages = pages or _Pages.model_validate(told).pages
        return JobObservation(
            job_kind=kind,
            job_id=job_id,
            provider_status=job.status,
            observed_at=answer.received_at,
            sent_at=answer.sent_at,
            clock_offset=answer.clock_offset,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            updated_at=job.updated_at,
            expires_at=job.expires_at,
            document_name=job.file_name,
            # on success `message` says "Task succeeded"
            error_message=(job.error or job.message) if status == FAILED else None,
            page_count=pages if pages or status == SUCCEEDED else None,
            chunk_count=job.total_chunks or None,
            credits=job.credit_used,
            config=body.get("parameters" if kind == "split" else "configuration"),
            user_metadata=metadata if metadata and kind == "parse" else None,
            payload=payload,
        )


class _Pages(envelopes.Envelope):
    page_count: envelopes.Count = None
    total_pages: envelopes.Count = None

    @property
    def pages(self) -> int | None:
        return self.page_count or self.total_pages
