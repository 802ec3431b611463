"""Contextual AI: `/parse/jobs`, `/extract/jobs`.

Rests on docs/providers/contextual.md. What decides the code: parse rows carry id, status and file
name and nothing else; the parse list filters by upload time and is clamped to 30 days, after which
everything answers 404; the extract list can't be filtered; running extract jobs carry undocumented
keys.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dlt_docjobs.http import Answer
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import UTC
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.answers import RecordReader
from dlt_docjobs.providers.contextual import PROVIDER, results
from dlt_docjobs.providers.protocol import (
    Extraction,
    JobAnswer,
    JobPage,
    ListRange,
    ProviderApi,
)

_EXTRACT_KEYS = frozenset(
    {"job_id", "status", "created_at", "progress", "current_activity"}
    | {"schema_id", "document_id", "config"}
)
_PROGRESS_KEYS = frozenset(
    {"completion_percentage", "current_step", "fields_processed", "total_fields"}
)


class _ParseRow(envelopes.Envelope):
    id: envelopes.Identifier
    status: envelopes.StatusText
    file_name: envelopes.Text = None


class _ParseStatus(envelopes.Envelope):
    status: envelopes.StatusText
    file_name: envelopes.Text = None


class _Progress(envelopes.Envelope):
    completion_percentage: envelopes.Number = None
    current_step: envelopes.Text = None
    fields_processed: envelopes.Count = None
    total_fields: envelopes.Count = None


class _ExtractJob(envelopes.Envelope):
    job_id: envelopes.Identifier
    status: envelopes.StatusText
    created_at: envelopes.Instant = None
    current_activity: envelopes.Text = None
    schema_id: envelopes.Text = None
    document_id: envelopes.Text = None


class ContextualApi(ProviderApi):
    """Contextual AI's parse and extract jobs."""

    provider = PROVIDER
    read_answer = staticmethod(results.read_answer)
    wrappers = frozenset({"jobs", "progress"})
    known_keys = frozenset({"current_activity", "accumulated_results", "failed_subtrees"})
    document_keys = frozenset(
        {"id", "job_id", "status", "file_name", "created_at", "schema_id", "document_id", "model"}
    )

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """See `ProviderApi.list_page`; parse filters by its lower bound only, extract not at all.

        The bound goes out as naive UTC in whole seconds, rounded down, as the documentation
        writes it: an offset's `+` has bitten others.
        """
        params: list[tuple[str, str]] = []
        if kind == "parse" and wanted.lower is not None:
            params.append(("uploaded_after", _naive(wanted.lower)))
        if token is not None:
            params.append(("cursor", token))
        answer, body = await self._get_sized(
            _path(kind), params, "limit", self._capped(kind, self.page_size)
        )
        reader = RecordReader("/" + "/".join(_path(kind)), kind)
        for row in answers.records_of(body, "jobs", reader.endpoint):
            reader.read(row, lambda record: _observe_row(kind, record, answer), "id", "job_id")
        # prev_cursor leads backwards and is never followed
        return reader.page(answer, body, "next_cursor")

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job; the body of a parse status has no id, so the request's is used."""
        if kind == "extract":
            answer, body = await self.client.get_json((*_path(kind), job_id))
            with answers.kept_whole(answer):
                return JobAnswer(_observe_extract(body, answer, job_id))
        answer, body = await self.client.get_json((*_path(kind), job_id, "status"))
        with answers.kept_whole(answer):
            return JobAnswer(_observe_parse(job_id, body, answer))

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job's blocks or extraction. A job that hasn't ended answers without them."""
        path = (*_path(kind), job_id, "results")
        if kind == "extract":
            answer, body = await self.client.get_json(path, is_result=True)
            with answers.kept_whole(answer):
                return self._read_extraction(job_id, body, answer)
        # one value, so that the repeated and the comma form are the same request
        answer, reading = await self._get_result(path, [("output_types", "blocks-per-page")])
        markdown = [("output_types", "markdown-per-page")]
        reading = await self._filled(path, markdown, answer, reading, results.with_markdown)
        with answers.kept_whole(answer):
            observed = _observe_parse(job_id, reading.rest, answer)
            reply = JobAnswer(observed, size=len(answer.body))
            if self._has_succeeded(observed):
                reply.document = answers.document_of(reading)
                if reply.document is not None:
                    observed.page_count = reply.document.count("pages")
            return reply

    def _read_extraction(self, job_id: str, body: Any, answer: Answer) -> JobAnswer:
        observed = JobObservation(
            job_kind="extract",
            job_id=job_id,
            provider_status=envelopes.read_envelope(_ParseStatus, body).status,
            observed_at=answer.received_at,
            sent_at=answer.sent_at,
            clock_offset=answer.clock_offset,
            config=body.get("config"),
        )
        reply = JobAnswer(observed, size=len(answer.body))
        if self._has_succeeded(observed) and body.get("results") is not None:
            reply.extraction = Extraction(body["results"], body.get("metadata"))
        return reply

    async def check(self) -> None:
        """Lists one parse job."""
        await self.client.get_json(_path("parse"), [("limit", "1")])


def _path(kind: JobKind) -> tuple[str, ...]:
    return (kind, "jobs")


def _naive(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def _observe_row(kind: JobKind, row: Any, answer: Answer) -> JobObservation:
    if kind == "extract":
        return _observe_extract(row, answer)
    return _observe_parse(envelopes.read_envelope(_ParseRow, row).id, row, answer)


def _observe_parse(job_id: str, row: Any, answer: Answer) -> JobObservation:
    job = envelopes.read_envelope(_ParseStatus, row)
    payload = {key: value for key, value in row.items() if key not in results.RESULT_KEYS}
    payload["id"] = job_id
    return JobObservation(
        job_kind="parse",
        job_id=job_id,
        provider_status=job.status,
        observed_at=answer.received_at,
        sent_at=answer.sent_at,
        clock_offset=answer.clock_offset,
        document_name=job.file_name,
        payload=payload,
    )


def _observe_extract(row: Any, answer: Answer, job_id: str | None = None) -> JobObservation:
    job = envelopes.read_envelope(_ExtractJob, envelopes.with_id(row, "job_id", job_id))
    progress = answers.as_mapping(row.get("progress"))
    known = _Progress.model_validate(progress)
    details = {key: value for key, value in row.items() if key not in _EXTRACT_KEYS}
    details |= {key: value for key, value in progress.items() if key not in _PROGRESS_KEYS}
    return JobObservation(
        job_kind="extract",
        job_id=job.job_id,
        provider_status=job.status,
        observed_at=answer.received_at,
        sent_at=answer.sent_at,
        clock_offset=answer.clock_offset,
        created_at=job.created_at,
        schema_id=job.schema_id,
        document_id=job.document_id,
        has_progress=True,
        progress_percent=known.completion_percentage,
        current_step=known.current_step,
        current_activity=job.current_activity,
        fields_processed=known.fields_processed,
        total_fields=known.total_fields,
        config=row.get("config"),
        details=details or None,
        payload=dict(row),
    )
