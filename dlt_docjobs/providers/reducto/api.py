"""Reducto: `/jobs`, `/job/{job_id}`.

Rests on docs/providers/reducto.md. What decides the code: one list shows the jobs of all kinds,
without filter or promised order; one answer holds a job's status and its result, but perhaps
neither its id nor its kind nor its dates; any result may be a URL that leads to another host.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import Any, Final

from dlt_docjobs.http import Answer, NotFound, decode_json
from dlt_docjobs.model import exact_json
from dlt_docjobs.model.cleaning import clean_json
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.values import to_int
from dlt_docjobs.model.vocabulary import CANCELLED, FAILED, SUCCEEDED, JobKind, is_terminal
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.answers import OtherKind, RecordReader
from dlt_docjobs.providers.protocol import Extraction, JobAnswer, JobPage, ListRange, ProviderApi
from dlt_docjobs.providers.reducto import PROVIDER, results
from dlt_docjobs.results import Reading

_CANCELLED: Final = "Cancelled"
_CANCELLED_ERROR: Final = "JOB_CANCELLED"
# `Extract` is one of the list's words, `v3_extract` one of a result's
_KINDS: Final[dict[str, JobKind]] = {
    "parse": "parse",
    "extract": "extract",
    "v3_extract": "extract",
    "classify": "classify",
    "split": "split",
}
# beside `result.result`, what belongs to the result of an extract, classify or split job
_BESIDE: Final = (
    "citations",
    "response_confidence",
    "confidence",
    "confidence_reason",
    "extra_metadata",
)


class _Row(envelopes.Envelope):
    job_id: envelopes.Identifier
    status: envelopes.StatusText
    type: envelopes.StatusText


class _Job(envelopes.Envelope):
    status: envelopes.StatusText
    type: envelopes.Text = None
    created_at: envelopes.Instant = None
    num_pages: envelopes.Count = None
    total_pages: envelopes.Count = None
    progress: envelopes.Number = None
    reason: envelopes.Text = None


class _Error(envelopes.Envelope):
    name: envelopes.Text = None
    message: envelopes.Text = None


class _Usage(envelopes.Envelope):
    num_pages: envelopes.Count = None
    credits: envelopes.Number = None


class ReductoApi(ProviderApi):
    """Reducto's parse, extract, classify and split jobs."""

    provider = PROVIDER
    read_answer = staticmethod(results.read_answer)
    wrappers = frozenset({"jobs"})
    name_keys = frozenset[str]()
    document_parts = frozenset({"error"})
    document_keys = frozenset(
        {"job_id", "status", "type", "created_at", "reason", "name", "message"}
    )
    known_keys = frozenset(
        {"raw_config", "num_pages", "total_pages", "duration", "source", "bucket"}
    )
    link_keys = frozenset(
        {"url", "pdf_url", "image_url", "document_url", "reconstruction_url", "chart_data"}
    )

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """See `ProviderApi.list_page`; the list takes no filters."""
        has_configs = bool(self.settings.get("list_configs"))
        params = [("exclude_configs", "false" if has_configs else "true")]
        if token is not None:
            params.append(("cursor", token))
        size = self._capped(kind, self.page_size)
        answer, body = await self._get_sized(("jobs",), params, "limit", size)
        reader = RecordReader("/jobs", None)
        for row in answers.records_of(body, "jobs", reader.endpoint):
            reader.read(row, lambda record: _observe_row(record, answer, has_configs), "job_id")
        return reader.page(answer, body, "next_cursor")

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job, with its result where the answer itself holds it."""
        return await self._get(kind, job_id, follows_urls=False)

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with its result, wherever that lies."""
        return await self._get(kind, job_id, follows_urls=True)

    async def check(self) -> None:
        """Lists one job."""
        await self.client.get_json(("jobs",), [("exclude_configs", "true"), ("limit", "1")])

    async def _get(self, kind: JobKind, job_id: str, *, follows_urls: bool) -> JobAnswer:
        path = ("job", job_id)
        if kind == "parse":
            answer, reading = await self._get_result(path, [])
            with answers.kept_whole(answer):
                observed = _observe_one(kind, job_id, reading.rest, answer)
            if observed.job_kind == "parse":
                return await self._read_parsed(observed, answer, reading, follows_urls)
            # named without its kind: the answer knows better
            body = decode_json(answer)
        else:
            answer, body = await self.client.get_json(path, is_result=True)
        with answers.kept_whole(answer):
            observed = _observe_one(kind, job_id, body, answer)
        return await self._read_valued(observed, answer, body, follows_urls)

    async def _read_parsed(
        self, observed: JobObservation, answer: Answer, reading: Reading, follows_urls: bool
    ) -> JobAnswer:
        """Reads a result that becomes pages, chunks and segments."""
        reply = JobAnswer(observed, size=len(answer.body))
        if not self._has_succeeded(observed):
            return reply
        url = _url_of(_result_in(reading.rest).get("result"))
        if url is not None:
            if not follows_urls:
                return reply
            head = _head_of(reading.rest)

            async def read(found: Answer) -> Reading:
                body = found.body.removeprefix(codecs.BOM_UTF8)
                return await self.reader.read(replace(found, body=b"%b%b}}" % (head, body)))

            try:
                answer, reading = await self.client.get_elsewhere(url, read)
            except NotFound:
                # the link is dead, not the job
                return reply
            reply.size += len(answer.body)
        with answers.kept_whole(answer):
            reply.document = answers.document_of(reading)
        return reply

    async def _read_valued(
        self, observed: JobObservation, answer: Answer, body: Any, follows_urls: bool
    ) -> JobAnswer:
        """Reads a result that is stored as it comes."""
        reply = JobAnswer(observed, size=len(answer.body))
        if not self._has_succeeded(observed):
            return reply
        sent = _result_in(body)
        parts = {key: sent[key] for key in ("result", *_BESIDE) if sent.get(key) is not None}
        for key in ("result", "citations"):
            url = _url_of(parts.get(key))
            if url is None:
                continue
            if not follows_urls:
                return reply
            try:
                found, value = await self.client.get_elsewhere(url, answers.decoded)
            except NotFound:
                return reply
            reply.size += len(found.body)
            if _is_wrapped(value, key):
                parts |= {name: value[name] for name in _BESIDE if value.get(name) is not None}
                value = value[key]
            parts[key] = value
        result = parts.pop("result", None)
        if result is not None:
            reply.extraction = Extraction(result, _field_metadata(parts))
        return reply


def _result_in(body: Any) -> dict[str, Any]:
    return answers.as_mapping(answers.as_mapping(body).get("result"))


def _url_of(result: Any) -> str | None:
    """Where a result lies that is not in the answer."""
    fields = answers.as_mapping(result)
    url = fields.get("url")
    return url if fields.get("type") == "url" and isinstance(url, str) else None


def _is_wrapped(value: Any, key: str) -> bool:
    """Whether the whole answer of a result lies at its URL, not the bare value.

    A bare value may have the user's own field `result`, but not beside these.
    """
    return (
        isinstance(value, dict) and key in value and ("response_type" in value or "usage" in value)
    )


def _field_metadata(beside: dict[str, Any]) -> Any:
    """What stands beside a result: the citations alone, or all that there is, by name."""
    return beside["citations"] if set(beside) == {"citations"} else beside or None


def _head_of(rest: Any) -> bytes:
    """The beginning of an answer whose result is to follow: as many pages, and nothing else.

    A result reads alike, be it in the answer or at a URL.
    """
    job = _Job.model_validate(rest)
    usage = answers.as_mapping(_result_in(rest).get("usage"))
    cells = to_int(usage.get("non_empty_cell_count"))
    head = {"num_pages": job.num_pages, "total_pages": job.total_pages}
    used = {"num_pages": _Usage.model_validate(usage).num_pages, "non_empty_cell_count": cells}
    return b'%b,"result":{"usage":%b,"result":' % (
        exact_json.encode(head)[:-1],
        exact_json.encode(used),
    )


def _observe_row(row: Any, answer: Answer, has_config: bool) -> JobObservation:
    job = envelopes.read_envelope(_Row, row)
    kind = _KINDS.get(job.type.strip().lower())
    if kind is None:
        raise OtherKind(job.type, job.job_id, row)
    return _observe(kind, job.job_id, row, answer, has_config)


def _observe_one(kind: JobKind, job_id: str, body: Any, answer: Answer) -> JobObservation:
    """An answer about one job: perhaps it says of which kind it is, perhaps not."""
    fields = answers.as_mapping(body)
    for word in (fields.get("type"), _result_in(body).get("response_type")):
        if isinstance(word, str):
            told = _KINDS.get(word.strip().lower())
            if told is None:
                raise OtherKind(word, job_id)
            return _observe(told, job_id, body, answer, True)
    return _observe(kind, job_id, body, answer, True)


def _observe(
    kind: JobKind, job_id: str, body: Any, answer: Answer, has_config: bool
) -> JobObservation:
    job = envelopes.read_envelope(_Job, body)
    error = _Error.model_validate(answers.as_mapping(body.get("error")))
    is_cancelled = (error.name or "").upper() == _CANCELLED_ERROR
    word = _CANCELLED if is_cancelled else job.status
    usage = _Usage.model_validate(answers.as_mapping(_result_in(body).get("usage")))
    status = PROVIDER.vocabulary.status(word)
    progress = None if is_terminal(status) else _percent(job.progress)
    return JobObservation(
        job_kind=kind,
        job_id=job_id,
        provider_status=word,
        observed_at=answer.received_at,
        sent_at=answer.sent_at,
        clock_offset=answer.clock_offset,
        created_at=job.created_at,
        error_message=_error_message(error, job.reason) if status in (FAILED, CANCELLED) else None,
        page_count=_page_count(body, job, usage, status),
        credits=usage.credits,
        has_progress=progress is not None,
        progress_percent=progress,
        config=_config(body.get("raw_config")) if has_config else None,
        payload=_payload(kind, job_id, body),
    )


def _error_message(error: _Error, reason: str | None) -> str | None:
    """What an answer says of a failure: newer ones in `error`, older ones in `reason`."""
    return error.message or reason or error.name


def _page_count(body: dict[str, Any], job: _Job, usage: _Usage, status: str) -> int | None:
    """The document's pages; those that were processed where only they are told.

    The plain form of an answer tells no more than what was billed: the list's row says better.
    """
    pages = job.total_pages or job.num_pages
    if pages is None and {"num_pages", "total_pages"} & body.keys():
        pages = usage.num_pages
    return pages if pages or status == SUCCEEDED else None


def _percent(progress: float | None) -> float | None:
    """Of a share; nobody says that it is one, so that a larger number is taken for a percentage."""
    if progress is None or not 0 <= progress <= 100:
        return None
    return progress * 100 if progress <= 1 else progress


def _config(raw: Any) -> Any:
    """The request, which comes as JSON in a text; as that text where it can't be read."""
    if not isinstance(raw, str):
        return raw
    if not raw.strip():
        return None
    try:
        return clean_json(exact_json.decode_leniently(raw.encode("utf-8", "surrogatepass")))
    except (ValueError, RecursionError):
        return raw


def _payload(kind: JobKind, job_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer without the result, the request and the progress, which have columns."""
    payload = {key: body[key] for key in body if key not in ("raw_config", "progress")}
    payload["job_id"] = job_id
    result = body.get("result")
    if isinstance(result, dict):
        left = {key: value for key, value in result.items() if key not in ("result", *_BESIDE)}
        inner = result.get("result")
        if kind == "parse" and isinstance(inner, dict):
            # what no table takes: what makes rows has been taken out already
            left["result"] = inner
        payload["result"] = left
    return payload
