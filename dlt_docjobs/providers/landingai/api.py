"""LandingAI ADE v2: `/v2/parse/jobs`, `/v2/extract/jobs`.

Rests on docs/providers/landingai.md. What decides the code: the lists take no filter, are promised
newest first, and count pages by number; sources disagree on the name of the page size; the answer
about one job holds its result; a result may have been delivered to a URL of the user's own, and
then the answer holds a receipt in its place; older answers use other keys.
"""

from __future__ import annotations

from typing import Any, Final

from dlt_docjobs.http import (
    Answer,
    Forbidden,
    HostRefused,
    NotFound,
    RedirectRefused,
    UnreadableBody,
)
from dlt_docjobs.model.cleaning import without_content
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.values import to_flag
from dlt_docjobs.model.vocabulary import JobKind, is_terminal
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.answers import RecordReader
from dlt_docjobs.providers.landingai import PROVIDER, results
from dlt_docjobs.providers.protocol import (
    Extraction,
    JobAnswer,
    JobPage,
    ListRange,
    ProviderApi,
)
from dlt_docjobs.results.leftovers import put

_EXTRACTED: Final = frozenset({"extraction", "extraction_metadata", "markdown"})
_OF_V1: Final = frozenset({"data", "received_at"})
# What a URL of the user's own may answer: it was signed for a PUT
_NOT_OURS: Final = (Forbidden, HostRefused, NotFound, RedirectRefused, UnreadableBody)


class _Job(envelopes.Envelope):
    job_id: envelopes.Identifier
    status: envelopes.StatusText
    created_at: envelopes.Instant = None
    received_at: envelopes.Instant = None
    started_at: envelopes.Instant = None
    completed_at: envelopes.Instant = None
    failure_reason: envelopes.Text = None
    model_version: envelopes.Text = None
    version: envelopes.Text = None
    progress: envelopes.Number = None
    output_url: envelopes.Text = None


class _Metadata(envelopes.Envelope):
    model_version: envelopes.Text = None
    version: envelopes.Text = None
    page_count: envelopes.Count = None
    filename: envelopes.Text = None
    doc_id: envelopes.Text = None
    credit_usage: envelopes.Number = None


class _Billing(envelopes.Envelope):
    total_credits: envelopes.Number = None


class _Error(envelopes.Envelope):
    code: envelopes.Text = None
    message: envelopes.Text = None


class LandingaiApi(ProviderApi):
    """LandingAI's parse and extract jobs."""

    provider = PROVIDER
    read_answer = staticmethod(results.read_answer)
    wrappers = frozenset({"jobs", "result", "data"})
    document_parts = frozenset({"metadata", "error"})
    document_keys = frozenset(
        {"job_id", "status", "created_at", "received_at", "started_at", "completed_at"}
        | {"model_version", "version", "failure_reason", "code", "message", "org_id", "output_url"}
        | {"filename", "doc_id", "req_id", "range_units", "openapi_spec", "service_tier"}
    )
    name_keys = frozenset({"filename"})
    link_keys = frozenset({"output_url"})

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """See `ProviderApi.list_page`; there is no filter, so `wanted` is not asked for.

        Of the page's size `page_size` is the documentation's name and `pageSize` the SDK's: both
        go out, and only `has_more` says whether there is another page.
        """
        path, number = _path(kind), int(token or 0)
        size = self._capped(kind, self.page_size)
        params = [("page", str(number))]
        answer, body = await self._get_sized(path, params, ("page_size", "pageSize"), size)
        reader = RecordReader("/" + "/".join(path), kind)
        rows = answers.records_of(body, "jobs", reader.endpoint)
        for row in rows:
            reader.read(row, lambda record: _observe(kind, record, answer), "job_id")
        page = reader.page(answer)
        has_more = to_flag(body.get("has_more"))
        # no key of the list is said to be required: where this one is missing, an empty page ends
        if has_more or (has_more is None and rows):
            page.next_token = str(number + 1)
        return page

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job; an answer about one that has ended holds its result."""
        return await self.result(kind, job_id)

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with its result, unless that was delivered to a URL of the user's own."""
        path = (*_path(kind), job_id)
        if kind == "extract":
            answer, body = await self.client.get_json(path, is_result=True)
            with answers.kept_whole(answer):
                reply = JobAnswer(_observe(kind, body, answer, job_id), size=len(answer.body))
            if self._has_succeeded(reply.observation):
                reply.extraction = self._extraction(body)
                await self._look_elsewhere(reply, body, answer)
            return reply
        answer, reading = await self._get_result(path, [])
        with answers.kept_whole(answer):
            observed = _observe(kind, reading.rest, answer, job_id)
            reply = JobAnswer(observed, size=len(answer.body))
            if self._has_succeeded(reply.observation):
                reply.document = answers.document_of(reading)
        if self._has_succeeded(reply.observation):
            await self._look_elsewhere(reply, reading.rest, answer)
        return reply

    async def _look_elsewhere(self, reply: JobAnswer, body: Any, answer: Answer) -> None:
        """Asks for a result at the URL that stands in its place.

        With a receipt beside it the URL is the user's own, where the result was delivered: there
        is nothing to fetch then, unless it can be read.
        """
        url = body.get("output_url")
        if reply.has_result or not isinstance(url, str) or not url:
            return
        # v1 has metadata at the top as well, but behind the URL its own large results
        is_receipt = isinstance(body.get("metadata"), dict) and not _OF_V1 & body.keys()
        try:
            await self._fetch_elsewhere(reply, body, answer, url)
        except _NOT_OURS:
            if not is_receipt:
                raise
        reply.observation.is_delivered = is_receipt and not reply.has_result

    async def _fetch_elsewhere(
        self, reply: JobAnswer, body: dict[str, Any], answer: Answer, url: str
    ) -> None:
        kind, job_id = reply.observation.ref
        if kind == "extract":
            there, found = await self.client.get_elsewhere(url, answers.decoded)
            rest = found if _part(found) else {"result": found}
            reply.extraction = self._extraction(rest)
        else:
            there, reading = await self.client.get_elsewhere(url, self.reader.read)
            with answers.kept_whole(there):
                reply.document = answers.document_of(reading)
            rest = reading.rest
        reply.size += len(there.body)
        if reply.has_result:
            beside = {key: rest[key] for key in results.RESULT_KEYS & rest.keys()}
            reply.observation = _observe(kind, {**body, **beside}, answer, job_id)

    def _extraction(self, body: Any) -> Extraction | None:
        part = _part(body)
        if part.get("extraction") is None:
            return None
        mirror = part.get("extraction_metadata")
        if not self.policy.include_content:
            # every leaf repeats its value, and any key may be the user's own
            mirror = without_content(_without_values(mirror), frozenset())
        return Extraction(part["extraction"], mirror)

    async def check(self) -> None:
        """Lists one parse job."""
        await self.client.get_json(_path("parse"), [("page_size", "1"), ("pageSize", "1")])


def _path(kind: JobKind) -> tuple[str, ...]:
    return ("v2", kind, "jobs")


def _part(body: Any) -> dict[str, Any]:
    """What an answer holds of a result, under the newer key or the older one."""
    fields = answers.as_mapping(body)
    return answers.as_mapping(fields.get("result")) or answers.as_mapping(fields.get("data"))


def _without_values(mirror: Any) -> Any:
    """The mirror of an extraction without what was extracted: places only."""
    if isinstance(mirror, list):
        return [_without_values(entry) for entry in mirror]
    if not isinstance(mirror, dict):
        return mirror
    is_leaf = "value" in mirror and mirror.keys() & {"ranges", "spans"}
    return {
        key: None if is_leaf and key == "value" else _without_values(entry)
        for key, entry in mirror.items()
    }


def _payload(body: dict[str, Any]) -> dict[str, Any]:
    """What an answer says beside the result, as a receipt has it: with the metadata at the top.

    Progress is another one each time. v1 has the document's name in its metadata; at the top it
    may be hashed.
    """
    left_out = results.RESULT_KEYS | {"progress"}
    payload = {key: value for key, value in body.items() if key not in left_out}
    for key, value in _part(body).items():
        # of an extract job's Markdown the parse job has the original
        if key not in _EXTRACTED and payload.get(key) != value:
            put(payload, key, value)
    metadata = payload.get("metadata")
    if isinstance(metadata, dict) and "filename" in metadata:
        payload["metadata"] = {key: metadata[key] for key in metadata if key != "filename"}
        payload["filename"] = metadata["filename"]
    return payload


def _observe(kind: JobKind, row: Any, answer: Answer, job_id: str | None = None) -> JobObservation:
    job = envelopes.read_envelope(_Job, envelopes.with_id(row, "job_id", job_id))
    receipt = _part(row).get("metadata") or row.get("metadata")
    metadata = _Metadata.model_validate(answers.as_mapping(receipt))
    billing = answers.as_mapping(answers.as_mapping(receipt).get("billing"))
    credits = _Billing.model_validate(billing).total_credits
    return JobObservation(
        job_kind=kind,
        job_id=job.job_id,
        provider_status=job.status,
        observed_at=answer.received_at,
        sent_at=answer.sent_at,
        clock_offset=answer.clock_offset,
        # older answers have one of the others in its place
        created_at=job.created_at or job.received_at or job.started_at,
        finished_at=job.completed_at
        if is_terminal(PROVIDER.vocabulary.status(job.status))
        else None,
        document_name=metadata.filename,
        error_message=job.failure_reason or _error(row.get("error")),
        tier=job.model_version or metadata.model_version or job.version or metadata.version,
        parse_job_id=metadata.doc_id,
        page_count=metadata.page_count,
        credits=metadata.credit_usage if credits is None else credits,
        has_progress=job.progress is not None,
        progress_percent=None if job.progress is None else 100 * job.progress,
        payload=_payload(row),
    )


def _error(error: Any) -> str | None:
    if isinstance(error, dict):
        told = _Error.model_validate(error)
        return told.message or told.code
    return error if isinstance(error, str) and error else None
