"""The protocol behind which every provider stands, and what their answers have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from dlt_docjobs.http import Answer, ApiClient, InvalidRequest, RequestCounters, decode_json
from dlt_docjobs.model.cleaning import clean_text, without_content
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JobKind, Provider
from dlt_docjobs.reader.reader import Reader
from dlt_docjobs.results import Document, ReadAnswer, Reading

INT64_MAX: Final = 2**63 - 1


class UnreadableRecord(ValueError):
    """A record of an answer that cannot be read; the message names no document text.

    Attributes:
        payload: What came, whole, where the record is an answer of its own.
        endpoint: The path that was asked for, where the record is a list's answer.
    """

    def __init__(self, message: str, payload: Any = None, endpoint: str = "") -> None:
        super().__init__(message)
        self.payload = payload
        self.endpoint = endpoint


@contextmanager
def kept_whole(answer: Answer) -> Iterator[None]:
    """Gives an `UnreadableRecord` raised inside the answer that it was raised about."""
    try:
        yield
    except UnreadableRecord as error:
        raise UnreadableRecord(str(error), decode_json(answer)) from None


def document_of(reading: Reading, key: str) -> Document:
    """The result that an answer about a completed parse job has to hold.

    Args:
        reading: The answer.
        key: Where it holds it.

    Raises:
        UnreadableRecord: There is none, or none that can be read.
    """
    if reading.error is not None:
        raise UnreadableRecord(reading.error)
    if reading.document is None:
        raise UnreadableRecord(f"a completed parse job came without `{key}`")
    return reading.document


@dataclass(slots=True, repr=False)
class Rejection:
    """Something that came but could not be read, kept whole for `rejected_records`.

    Attributes:
        payload: The decoded JSON value, or the body as bytes.
        is_unknown_id: Whether it stands for an id that the provider never knew.
    """

    endpoint: str
    job_kind: JobKind | None
    job_id: str | None
    error: str
    payload: Any
    is_unknown_id: bool = False


@dataclass(slots=True, repr=False)
class JobPage:
    """One page of a job list, or one bulk answer about given jobs."""

    observations: list[JobObservation]
    rejections: list[Rejection]
    next_token: str | None = None


@dataclass(slots=True, repr=False)
class Extraction:
    """The result of an extract job, cleaned JSON values."""

    result: Any
    field_metadata: Any


@dataclass(slots=True, repr=False)
class JobAnswer:
    """One answer about one job: what it says of the job and, where it holds it, the result.

    Attributes:
        size: Bytes of the answer, decompressed.
    """

    observation: JobObservation
    document: Document | None = None
    extraction: Extraction | None = None
    size: int = 0

    @property
    def has_result(self) -> bool:
        """Whether the answer held a result."""
        return self.document is not None or self.extraction is not None


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What of a document may be stored (configuration `include_*`)."""

    include_content: bool = True
    include_names: bool = True
    include_ocr: bool = True


@dataclass(slots=True)
class ListRange:
    """The creation times asked for: lower ≤ created_at ≤ upper; None is unbounded."""

    lower: datetime | None = None
    upper: datetime | None = None


class ProviderApi(ABC):
    """One provider's API, over one HTTP client.

    Attributes:
        provider: Its name.
        region_hint: What a refused key may mean beside a wrong one.
        lists: Job kinds that have a list endpoint.
        filters_created: Kinds whose list can be bounded by `created_at` from both sides.
        poll_batch: How many jobs one request can ask for; 1 where only one.
        bills_late: Whether credits are known only some time after a job has ended.
        retention_days: How long results stay, by kind, where the provider says so.
        document_keys: Keys of job answers whose strings are ids, enums, dates, names or error
            messages of the documented schema: they stay with include_content=false.
        name_keys: Keys of job answers that carry the document's name.
        document_parts: Keys of job answers whose objects use `document_keys` too, however deep.
        wrappers: Keys under which answers hold what they could also hold at the top.
        read_answer: Splits an answer that holds a parse job's result.
        reader: Does that, here or in a helper.
    """

    provider: ClassVar[Provider]
    region_hint: ClassVar[str] = ""
    kinds: ClassVar[tuple[JobKind, ...]] = ("parse", "extract")
    lists: ClassVar[frozenset[JobKind]] = frozenset()
    filters_created: ClassVar[frozenset[JobKind]] = frozenset()
    poll_batch: ClassVar[int] = 1
    bills_late: ClassVar[bool] = False
    retention_days: ClassVar[Mapping[JobKind, float]] = {}
    document_keys: ClassVar[frozenset[str]] = frozenset()
    name_keys: ClassVar[frozenset[str]] = frozenset({"name", "file_name"})
    document_parts: ClassVar[frozenset[str]] = frozenset({"configuration", "config"})
    wrappers: ClassVar[frozenset[str]] = frozenset()
    read_answer: ClassVar[ReadAnswer]

    def __init__(self, client: ApiClient, policy: ContentPolicy, page_size: int | None) -> None:
        self.client = client
        self.policy = policy
        self.page_size = page_size
        self.reader = Reader(
            type(self).read_answer,
            include_content=policy.include_content,
            include_ocr=policy.include_ocr,
        )
        self._refused_sizes: set[str] = set()

    @property
    def counters(self) -> RequestCounters:
        """Requests sent so far."""
        return self.client.counters

    @abstractmethod
    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """One page of a kind's job list.

        Args:
            kind: `parse` or `extract`.
            wanted: Bounds on the creation, as far as the provider can filter.
            token: `next_token` of the page before; None for the first page.
        """

    @abstractmethod
    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """What the provider says of one job, in its cheapest form.

        Raises:
            NotFound: The provider doesn't know the job (any more).
        """

    @abstractmethod
    async def result(self, kind: JobKind, job_id: str, tier: str | None = None) -> JobAnswer:
        """One job with its result, if it has one yet.

        Raises:
            NotFound: The job or its result is gone.
            UnreadableRecord: It came but could not be read.
        """

    @abstractmethod
    async def check(self) -> None:
        """One cheap authenticated request; raises the `ApiError` that says what is wrong."""

    def status_has_result(self, kind: JobKind) -> bool:
        """Whether `status` and `result` are the same request."""
        return False

    async def poll(self, kind: JobKind, job_ids: Sequence[str]) -> JobPage:
        """Asks for many jobs at once; only where `poll_batch` is above 1."""
        raise NotImplementedError

    async def usage(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job with its credits, without its result: where `bills_late`."""
        raise NotImplementedError

    async def load_transitions(self, kind: JobKind, hours: float) -> None:
        """Fetches exact transition times, if the provider has any, for what is observed next.

        Args:
            kind: `parse` or `extract`.
            hours: How far back.
        """
        return

    def without_content(self, value: Any) -> Any:
        """An answer about jobs without what may be a document's text, or a user's.

        The strings of the documented schema stay only where that schema has them: whoever
        extracts may call a field `status`, and a running job shows what it has found so far.

        Args:
            value: An answer, or a part of one, cleaned.
        """
        if isinstance(value, list):
            return [self.without_content(entry) for entry in value]
        if not isinstance(value, dict):
            return without_content(value, frozenset())
        shape = {}
        for key, part in value.items():
            if key in self.wrappers and isinstance(part, (dict, list)):
                shape[key] = self.without_content(part)
            elif key in self.document_parts and isinstance(part, dict):
                shape[key] = without_content(part, self.document_keys)
            else:
                keep = self.document_keys if isinstance(part, str) else frozenset[str]()
                shape[key] = without_content({key: part}, keep)[key]
        return shape

    async def _get_result(
        self, path: tuple[str, ...], params: list[tuple[str, str]]
    ) -> tuple[Answer, Reading]:
        """GETs a parse job with its result; `rest` of what was read stands for the answer."""
        return await self.client.get_decoded(path, params, self.reader.read)

    async def _get_sized(
        self,
        path: tuple[str, ...],
        params: list[tuple[str, str]],
        size_param: str,
        size: int | None,
    ) -> tuple[Answer, Any]:
        """GETs a list page; where the server refuses the page size, with its own default."""
        key = "/".join(path)
        if size is None or key in self._refused_sizes:
            return await self.client.get_json(path, params)
        try:
            return await self.client.get_json(path, [*params, (size_param, str(size))])
        except InvalidRequest:
            answer = await self.client.get_json(path, params)
            # the answer proves that it was the size that the server minded
            self._refused_sizes.add(key)
            return answer


def _lenient_text(value: Any) -> str | None:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def _lenient_number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _lenient_count(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= INT64_MAX else None
    number = _lenient_number(value)
    if number is None or not number.is_integer() or abs(number) > INT64_MAX:
        return None
    return int(number)


def _lenient_instant(value: Any) -> datetime | None:
    try:
        return parse_instant(value)
    except (ValueError, TypeError):
        return None


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing or no text")
    return clean_text(value)


def _status(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing or no text")
    return clean_text(value)


def _created(value: Any) -> datetime | None:
    return parse_instant(value)


Identifier = Annotated[str, BeforeValidator(_identifier)]
StatusText = Annotated[str, BeforeValidator(_status)]
Created = Annotated[datetime | None, BeforeValidator(_created)]
Text = Annotated[str | None, BeforeValidator(_lenient_text)]
Number = Annotated[float | None, BeforeValidator(_lenient_number)]
Count = Annotated[int | None, BeforeValidator(_lenient_count)]
Instant = Annotated[datetime | None, BeforeValidator(_lenient_instant)]
Anything = Any


class Envelope(BaseModel):
    """A job as an answer carries it.

    Tolerant by design (PROVIDERS trap 32): unknown keys are ignored, optional fields of a wrong
    type are null here, and both are whole in the payload. Only what a job cannot be without is
    required: its id, its status, and a creation time that, if it is there, is one.
    """

    model_config = ConfigDict(extra="ignore")


EnvelopeT = TypeVar("EnvelopeT", bound=Envelope)


def with_id(row: Any, key: str, job_id: str | None) -> Any:
    """A job with the id that it was asked for by: an answer may know it by another name."""
    return {**row, key: job_id} if job_id is not None and isinstance(row, dict) else row


def read_envelope(model: type[EnvelopeT], value: Any) -> EnvelopeT:
    """Reads a job's envelope.

    Raises:
        UnreadableRecord: Not an object, or a field it cannot be without is missing or wrong. The
            message names the field, never its value.
    """
    if not isinstance(value, Mapping):
        raise UnreadableRecord(f"a job should be a JSON object, not {type_name(value)}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise UnreadableRecord(f"field {where}: {what}") from None


def type_name(value: Any) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


def as_mapping(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def records_of(body: Any, key: str, endpoint: str) -> list[Any]:
    """The records of a list answer.

    Raises:
        UnreadableRecord: It holds no array: the list was not read to its end.
    """
    fields = as_mapping(body)
    records = fields.get(key)
    if isinstance(records, list):
        return records
    if key in fields and records is None:
        return []
    raise UnreadableRecord(f"the list's answer has no `{key}` array", body, endpoint)


def next_token(body: Any, key: str) -> str | None:
    """The token of the next page; absent, null and "" all mean the end (trap 22).

    Raises:
        UnreadableRecord: There is one, but of a kind that can't be sent back.
    """
    token = as_mapping(body).get(key)
    if token is None or isinstance(token, str):
        return token or None
    if isinstance(token, (bool, dict, list)):
        raise UnreadableRecord(f"the list's `{key}` is {type_name(token)}", body)
    return str(token)


@dataclass(slots=True)
class RecordReader:
    """Reads the records of a list answer one by one: the unreadable go aside, the rest go on."""

    endpoint: str
    kind: JobKind
    observations: list[JobObservation] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def reject(self, error: str, payload: Any, job_id: Any = None) -> None:
        """Sets a record aside."""
        identifier = clean_text(job_id) if isinstance(job_id, str) and job_id else None
        self.rejections.append(Rejection(self.endpoint, self.kind, identifier, error, payload))

    def page(self, token: str | None = None) -> JobPage:
        """What was read."""
        return JobPage(self.observations, self.rejections, token)


__all__ = [
    "Anything",
    "ContentPolicy",
    "Count",
    "Created",
    "Envelope",
    "Extraction",
    "Identifier",
    "Instant",
    "JobAnswer",
    "JobPage",
    "JsonText",
    "ListRange",
    "Number",
    "ProviderApi",
    "RecordReader",
    "Rejection",
    "StatusText",
    "Text",
    "UnreadableRecord",
    "as_mapping",
    "document_of",
    "kept_whole",
    "next_token",
    "read_envelope",
    "records_of",
    "type_name",
    "with_id",
]
