"""LlamaCloud v2: `/api/v2/parse`, `/api/v2/extract`, `/api/v2/classify`, `/api/v1/split/jobs`.

Rests on docs/providers/llamacloud.md. What decides the code: lists filter by creation (inclusive)
and answer for many `job_ids` at once; their order is unknown; GET wraps a parse job in `job` while
lists do not; credits arrive after completion, and never for split jobs. Lists of classify and split
jobs may carry results; that they always do nobody promises, so these are asked for as all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from dlt_docjobs.http import Answer, ApiClient, ApiError, InvalidRequest
from dlt_docjobs.model.cleaning import clean_text
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import format_instant, parse_instant
from dlt_docjobs.model.vocabulary import (
    JobKind,
    is_terminal,
)
from dlt_docjobs.providers import answers, envelopes
from dlt_docjobs.providers.answers import RecordReader, UnreadableRecord
from dlt_docjobs.providers.llamacloud import PROVIDER, results
from dlt_docjobs.providers.protocol import (
    ContentPolicy,
    Extraction,
    JobAnswer,
    JobPage,
    ListRange,
    ProviderApi,
)
from dlt_docjobs.results import Reading

_PATHS: Final[Mapping[JobKind, tuple[str, ...]]] = {
    "parse": ("api", "v2", "parse"),
    "extract": ("api", "v2", "extract"),
    "classify": ("api", "v2", "classify"),
    "split": ("api", "v1", "split", "jobs"),
}
_RESULT_KEY: Final[Mapping[JobKind, str]] = {
    "extract": "extract_result",
    "classify": "result",
    "split": "result",
}
# what a GET of a job with its result is asked to expand
_EXPANDED: Final[Mapping[JobKind, tuple[str, ...]]] = {
    "extract": ("configuration", "extract_metadata", "usage"),
    "classify": ("usage",),
    "split": (),
}
_READ: Final = ("extract_result", "extract_metadata", "result")
# what a split job was asked to do, which has no object of its own
_SPLIT_CONFIG: Final = (
    *("categories", "splitting_strategy", "parse_tier", "parse_config_id", "target_pages"),
)
_TRANSITIONS = {
    "pending_at": "PENDING",
    "throttled_at": "THROTTLED",
    "running_at": "RUNNING",
    "completed_at": "COMPLETED",
    "failed_at": "FAILED",
    "cancelled_at": "CANCELLED",
}
_MAX_POINT_HOURS = 168
_MAX_POINT_PAGES = 1000


class _Usage(envelopes.Envelope):
    credits: envelopes.Number = None
    parse_credits: envelopes.Number = None


class _ParseJob(envelopes.Envelope):
    id: envelopes.Identifier
    status: envelopes.StatusText
    created_at: envelopes.Instant = None
    updated_at: envelopes.Instant = None
    project_id: envelopes.Text = None
    error_message: envelopes.Text = None
    name: envelopes.Text = None
    tier: envelopes.Text = None
    user_metadata: envelopes.Anything = None
    usage: envelopes.Anything = None


class _FileJob(_ParseJob):
    """A job that works on a file, or on what a parse job has made of it."""

    configuration_id: envelopes.Text = None
    configuration: envelopes.Anything = None
    file_input: envelopes.Text = None
    # split's older form of it
    document_input: envelopes.Anything = None
    parse_job_id: envelopes.Text = None
    parse_tier: envelopes.Text = None
    extract_metadata: envelopes.Anything = None

    @property
    def input(self) -> str | None:
        """What it works on: the id of a file or of a parse job, or a URL."""
        return self.file_input or _text(answers.as_mapping(self.document_input).get("value"))


class LlamaCloudApi(ProviderApi):
    """LlamaCloud's parse, extract, classify and split jobs."""

    provider = PROVIDER
    read_answer = staticmethod(results.read_answer)
    wrappers = frozenset({"job", "items"})
    link_keys = frozenset({"presigned_url"})
    known_keys = frozenset({"usage", "user_metadata", "metadata", *_READ, *_SPLIT_CONFIG})
    document_keys = frozenset(
        {"id", "project_id", "status", "created_at", "updated_at", "error_message", "name", "tier"}
        | {"configuration_id", "file_input", "document_input_type", "parse_job_id", "parse_tier"}
        | {"type", "custom_tag", "version", "extraction_target", "extract_mode", "file_id"}
        | {"mode", "user_id", "transaction_id", "parse_config_id", "target_pages"}
        | {"allow_uncategorized"}
    )
    document_parts = frozenset({"configuration", "splitting_strategy"})

    def __init__(
        self,
        client: ApiClient,
        policy: ContentPolicy,
        page_size: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(client, policy, page_size, settings)
        # passed through only as configured: rows carry `prj-…`, which the query may refuse
        self._scope = [
            (name, value)
            for name in ("project_id", "organization_id")
            if (value := self.settings.get(name))
        ]
        self._transitions: dict[str, tuple[tuple[str, datetime], ...]] = {}

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """See `ProviderApi.list_page`; the same parameters go with every page."""
        params = list(self._scope)
        if wanted.lower is not None:
            params.append(("created_at_on_or_after", format_instant(wanted.lower)))
        if wanted.upper is not None:
            params.append(("created_at_on_or_before", format_instant(wanted.upper)))
        if token is not None:
            params.append(("page_token", token))
        return await self._list(kind, params, self.page_size)

    async def _list(
        self, kind: JobKind, params: list[tuple[str, str]], size: int | None
    ) -> JobPage:
        """One page; of extract jobs with what they were asked to do, which failed ones tell too."""

        async def read(*expanded: tuple[str, str]) -> JobPage:
            sent = [*params, *expanded]
            most = self._capped(kind, size)
            answer, body = await self._get_sized(_PATHS[kind], sent, "page_size", most)
            return self._read_list(kind, answer, body)

        if kind != "extract":
            return await read()
        asked = ("expand", "configuration")
        return await self._unless_refused("configurations in lists", lambda: read(asked), read)

    async def poll(self, kind: JobKind, job_ids: Sequence[str]) -> JobPage:
        """Many jobs by id through the list (`job_ids` repeated, as the SDK sends it)."""
        missing = set(job_ids)
        found = JobPage([], [])
        params = [*self._scope, *(("job_ids", job_id) for job_id in job_ids)]
        token: str | None = None
        # a server that ignores job_ids answers with everybody: as many pages as the ids could
        # fill at its smallest page size, and no more
        for _ in range(2 + len(job_ids) // 10):
            paged = params if token is None else [*params, ("page_token", token)]
            page = await self._list(kind, paged, len(job_ids))
            wanted = [seen for seen in page.observations if seen.job_id in missing]
            found.observations.extend(wanted)
            found.rejections.extend(page.rejections)
            found.clock_offset = page.clock_offset
            missing.difference_update(seen.job_id for seen in wanted)
            if not missing or page.next_token is None or page.next_token == token:
                break
            if page.observations and not wanted:
                break
            token = page.next_token
        return found

    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job without its result."""
        return await self._get(kind, job_id, [])

    async def usage(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job with the credits that billing has recorded, if it has."""
        return await self._get(kind, job_id, ["usage"])

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with structured items and page metadata, or with its one result."""
        if kind in _EXPANDED:
            return await self._get(kind, job_id, _EXPANDED[kind], wants_result=True)
        if (tier or "").lower() != "fast" and not is_retry:
            try:
                answer = await self._items(job_id)
            except InvalidRequest:
                if tier:
                    raise
            else:
                if answer.has_result or not self._has_succeeded(answer.observation):
                    return answer
            # no items: a job whose tier the answers don't tell may have text only
        # old versions of the fast tier have plain text only, and may refuse to expand items
        try:
            expand = ["items", "text", "metadata", "usage"]
            return await self._get(kind, job_id, expand, wants_result=True)
        except InvalidRequest:
            return await self._get(kind, job_id, ["text", "metadata", "usage"], wants_result=True)

    async def _items(self, job_id: str) -> JobAnswer:
        """One parse job with its items, and with its forms where it was run for them."""
        expand = ["items", "metadata", "usage"]
        return await self._unless_refused(
            "forms",
            lambda: self._get("parse", job_id, [*expand, "forms"], wants_result=True),
            lambda: self._get("parse", job_id, expand, wants_result=True),
        )

    async def check(self) -> None:
        """Lists one parse job."""
        await self.client.get_json(_PATHS["parse"], [*self._scope, ("page_size", "1")])

    async def before_list(self, kind: JobKind, hours: float) -> None:
        """Fetches exact transition times of recent jobs (`job-data-points`), best effort.

        The endpoint comes and goes between releases: any refusal leaves the
        history to what polling proves.

        Args:
            kind: `parse` or `extract`; of others there are no such points.
            hours: How far back, 1 to 168.
        """
        if kind not in ("parse", "extract") or not self.settings.get("include_state_transitions"):
            return
        window = str(max(1, min(_MAX_POINT_HOURS, int(hours) + 1)))
        params = [*self._scope, ("job_type", kind), ("hours", window)]
        token: str | None = None
        try:
            for _ in range(_MAX_POINT_PAGES):
                paged = params if token is None else [*params, ("page_token", token)]
                path = ("api", "v1", "job-data-points")
                _, body = await self._get_sized(path, paged, "page_size", self.page_size)
                for item in _items(body):
                    self._remember_transitions(item)
                following = answers.next_token(body, "next_page_token")
                if following is None or following == token:
                    return
                token = following
        except (ApiError, UnreadableRecord):
            return

    def _remember_transitions(self, item: Any) -> None:
        row = answers.as_mapping(item)
        moments: list[tuple[str, datetime]] = []
        for key, value in answers.as_mapping(row.get("state_transitions")).items():
            try:
                at = parse_instant(value)
            except (ValueError, TypeError):
                continue
            if key in _TRANSITIONS and at is not None:
                moments.append((_TRANSITIONS[key], at))
        if isinstance(row.get("id"), str):
            self._transitions[row["id"]] = tuple(moments)

    def _read_list(self, kind: JobKind, answer: Answer, body: Any) -> JobPage:
        endpoint = "/" + "/".join(_PATHS[kind])
        reader = RecordReader(endpoint, kind)
        for item in answers.records_of(body, "items", endpoint):
            reader.read(item, lambda record: self._observe(kind, record, {}, answer), "id")
        return reader.page(answer, body, "next_page_token")

    async def _get(
        self, kind: JobKind, job_id: str, expand: Sequence[str], wants_result: bool = False
    ) -> JobAnswer:
        path = (*_PATHS[kind], job_id)
        params = [*self._scope, *(("expand", value) for value in expand)]
        if kind == "parse" and wants_result:
            answer, reading = await self._get_result(path, params)
            if "text" not in expand:
                text = [*self._scope, ("expand", "text")]
                reading = await self._filled(path, text, answer, reading, results.with_text)
            with answers.kept_whole(answer):
                return self._read_document(job_id, reading, answer)
        answer, body = await self.client.get_json(path, params, is_result=wants_result)
        with answers.kept_whole(answer):
            reply = JobAnswer(self._observe_one(kind, job_id, body, answer), size=len(answer.body))
            if wants_result and self._has_succeeded(reply.observation):
                result = body.get(_RESULT_KEY[kind])
                if result is not None:
                    reply.extraction = Extraction(result, body.get("extract_metadata"))
            return reply

    def _read_document(self, job_id: str, reading: Reading, answer: Answer) -> JobAnswer:
        observed = self._observe_one("parse", job_id, reading.rest, answer)
        reply = JobAnswer(observed, size=len(answer.body))
        if self._has_succeeded(observed):
            reply.document = answers.document_of(reading)
            if reply.document is not None:
                observed.page_count = reply.document.count("pages")
        return reply

    def _observe_one(self, kind: JobKind, job_id: str, body: Any, answer: Answer) -> JobObservation:
        fields = answers.as_mapping(body)
        if kind != "parse" or "job" not in fields:
            # older servers answer flat for parse jobs too, like the list
            unread = results.RESULT_KEYS if kind == "parse" else frozenset()
            job = {key: fields[key] for key in fields if key not in unread}
            return self._observe(kind, job if fields else body, {}, answer, job_id)
        beside = {key: value for key, value in fields.items() if key != "job"}
        return self._observe(kind, fields["job"], beside, answer, job_id)

    def _observe(
        self,
        kind: JobKind,
        row: Any,
        beside: dict[str, Any],
        answer: Answer,
        job_id: str | None = None,
    ) -> JobObservation:
        model = _ParseJob if kind == "parse" else _FileJob
        job = envelopes.read_envelope(model, envelopes.with_id(row, "id", job_id))
        usage = _Usage.model_validate(job.usage if isinstance(job.usage, dict) else {})
        payload = {**row, **_beside_results(beside)}
        for key in (_RESULT_KEY.get(kind), "extract_metadata"):
            payload.pop(key, None)
        observed = JobObservation(
            job_kind=kind,
            job_id=job.id,
            provider_status=job.status,
            observed_at=answer.received_at,
            sent_at=answer.sent_at,
            clock_offset=answer.clock_offset,
            created_at=job.created_at,
            updated_at=job.updated_at,
            transitions=self._transitions.get(job.id, ()),
            document_name=job.name,
            project_id=job.project_id,
            error_message=job.error_message,
            tier=job.tier,
            credits=usage.credits,
            parse_credits=usage.parse_credits,
            user_metadata=job.user_metadata,
            payload=payload,
        )
        if isinstance(job, _FileJob):
            metadata = answers.as_mapping(job.extract_metadata)
            observed.schema_id = job.configuration_id
            observed.config = _split_config(row) if kind == "split" else job.configuration
            observed.document_id = job.input
            observed.tier = job.tier or _text(metadata.get("parse_tier")) or job.parse_tier
            is_parse_job = (job.input or "").startswith("pjb-")
            linked = _text(metadata.get("parse_job_id")) or job.parse_job_id
            observed.parse_job_id = job.input if is_parse_job else linked
        # of several ends the one that it has now
        word = job.status.strip().upper()
        ended = word if is_terminal(self.provider.vocabulary.status(word)) else None
        for provider_status, at in observed.transitions:
            if provider_status == "RUNNING":
                observed.started_at = at
            elif provider_status == ended:
                observed.finished_at = at
        return observed


def _split_config(row: Mapping[str, Any]) -> dict[str, Any] | None:
    return {key: row[key] for key in _SPLIT_CONFIG if row.get(key) is not None} or None


def _items(body: Any) -> list[Any]:
    items = answers.as_mapping(body).get("items")
    return items if isinstance(items, list) else []


def _text(value: Any) -> str | None:
    return clean_text(value) if isinstance(value, str) else None


def _beside_results(beside: dict[str, Any]) -> dict[str, Any]:
    """What a GET says beside the job itself, without the pages that became rows."""
    rest = {key: value for key, value in beside.items() if key not in results.RESULT_KEYS}
    metadata = rest.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("pages"), list):
        remainder = {key: value for key, value in metadata.items() if key != "pages"}
        rest = {**rest, "metadata": remainder}
    return {key: value for key, value in rest.items() if value not in (None, {})}
