"""Acme's API: `/jobs`, `/jobs/{id}`, `/jobs/{id}/result`."""

from __future__ import annotations

from typing import Any

from acme_docjobs import PROVIDER, results
from dlt_docjobs.http import Answer, decode_json
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import SUCCEEDED, JobKind
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.answers import RecordReader, UnreadableRecord
from dlt_docjobs.providers.protocol import (
    Extraction,
    JobAnswer,
    JobPage,
    ListRange,
    ProviderApi,
)


class _Job(envelopes.Envelope):
    id: envelopes.Identifier
    type: envelopes.StatusText
    state: envelopes.StatusText
    created: envelopes.Instant = None
    file: envelopes.Text = None
    failure: envelopes.Text = None


class AcmeApi(ProviderApi):
    """Acme's parse, extract and classify jobs."""

    provider = PROVIDER
    read_answer = staticmethod(results.read_answer)
    document_keys = frozenset({"id", "type", "state", "created", "file", "failure"})
    name_keys = frozenset({"file"})
    wrappers = frozenset({"jobs", "job"})

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """One page of the list of all jobs; it takes no filters, so `wanted` is not asked for."""
        params = [] if token is None else [("cursor", token)]
        answer, body = await self._get_sized(("jobs",), params, "limit", self.page_size)
        reader = RecordReader("/jobs", None)
        for row in answers.records_of(body, "jobs", reader.endpoint):
            reader.read(row, lambda record: _observe(record, answer), "id")
        return reader.page(answer, body, "next")

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job without its result."""
        answer, body = await self.client.get_json(("jobs", job_id))
        with answers.kept_whole(answer):
            return JobAnswer(_observe(body, answer, job_id))

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with its result; a large one lies elsewhere, and the answer says where."""
        path = ("jobs", job_id, "result")
        if kind == "parse":
            answer, reading = await self._get_result(path, [])
            reply = self._reply(job_id, reading.rest, answer)
            if _has_succeeded(reply):
                url = answers.as_mapping(reading.rest).get("result_url")
                if isinstance(url, str):
                    answer, reading = await self.client.get_elsewhere(url, self.reader.read)
                    reply.size += len(answer.body)
                with answers.kept_whole(answer):
                    reply.document = answers.document_of(reading)
                if reply.document is not None:
                    reply.observation.page_count = reply.document.count("pages")
            return reply
        answer, body = await self.client.get_json(path)
        reply = self._reply(job_id, body, answer)
        if _has_succeeded(reply):
            url = answers.as_mapping(body).get("result_url")
            if isinstance(url, str):
                answer, body = await self.client.get_elsewhere(url, _json)
                reply.size += len(answer.body)
            reply.extraction = _extraction(body)
        return reply

    async def check(self) -> None:
        """Lists one job."""
        await self.client.get_json(("jobs",), [("limit", "1")])

    def _reply(self, job_id: str, body: Any, answer: Answer) -> JobAnswer:
        with answers.kept_whole(answer):
            seen = _observe(answers.as_mapping(body).get("job"), answer, job_id)
        return JobAnswer(seen, size=len(answer.body))


async def _json(answer: Answer) -> Any:
    return decode_json(answer)


def _has_succeeded(reply: JobAnswer) -> bool:
    return PROVIDER.vocabulary.status(reply.observation.provider_status) == SUCCEEDED


def _extraction(body: Any) -> Extraction | None:
    fields = answers.as_mapping(body)
    if fields.get("value") is None:
        # not there yet: the job's result stays pending, and is asked for again
        return None
    return Extraction(fields["value"], fields.get("scores"))


def _observe(row: Any, answer: Answer, job_id: str | None = None) -> JobObservation:
    job = envelopes.read_envelope(_Job, envelopes.with_id(row, "id", job_id))
    kinds: dict[str, JobKind] = {kind: kind for kind in PROVIDER.kinds}
    if job.type not in kinds:
        raise UnreadableRecord("a job of a type that is not known")
    return JobObservation(
        job_kind=kinds[job.type],
        job_id=job.id,
        provider_status=job.state,
        observed_at=answer.received_at,
        sent_at=answer.sent_at,
        clock_offset=answer.clock_offset,
        created_at=job.created,
        document_name=job.file,
        error_message=job.failure,
        payload=dict(row),
    )
