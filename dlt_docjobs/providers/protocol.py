"""What every provider's API has to offer, and what it answers with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, TypeVar

from dlt_docjobs.http import (
    Answer,
    ApiClient,
    InvalidRequest,
    NotFound,
    RequestCounters,
    decode_json,
)
from dlt_docjobs.model.cleaning import without_content
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import SUCCEEDED, JobKind
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.reader.reader import Reader
from dlt_docjobs.results import Document, ReadAnswer, Reading
from dlt_docjobs.tables import TABLES

T = TypeVar("T")


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
    """One page of a job list, or one bulk answer about given jobs.

    Attributes:
        clock_offset: The answer's: how the provider's clock stands, which an empty page tells too;
            None where it told nothing.
        breaks_off: Why nobody can tell where the next page is, or whether there is one.
        others: Jobs of types that are no kind of ours, each with the provider's word for its type
            and its id.
    """

    observations: list[JobObservation]
    rejections: list[Rejection]
    next_token: str | None = None
    clock_offset: timedelta | None = None
    breaks_off: Exception | None = None
    others: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True, repr=False)
class Extraction:
    """The result of an extract, classify or split job, as JSON values.

    Attributes:
        links: Keys of the result under which the provider puts links to stored files.
    """

    result: Any
    field_metadata: Any
    links: frozenset[str] = frozenset()


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
    include_table_cells: bool = False

    @property
    def of_results(self) -> dict[str, bool]:
        """What `read_answer` is called with."""
        policy = asdict(self)
        del policy["include_names"]
        return policy

    @property
    def empty_tables(self) -> frozenset[str]:
        """The tables that stay empty."""
        allowed = asdict(self)
        return frozenset(
            table.name
            for table in TABLES.values()
            if table.switch is not None and not allowed[table.switch]
        )


POLICY_KEYS: Final = tuple(of.name for of in fields(ContentPolicy))
"""The configuration keys that say so."""


@dataclass(slots=True)
class ListRange:
    """The creation times asked for: lower ≤ created_at ≤ upper; None is unbounded."""

    lower: datetime | None = None
    upper: datetime | None = None


class ProviderApi(ABC):
    """One provider's API, over one HTTP client.

    Args:
        client: Sends the requests.
        policy: What of a document may be stored.
        page_size: Jobs a list page; None for the server's default.
        settings: The keys that the provider declares as its own.

    Attributes:
        provider: What it declares of itself.
        document_keys: Keys of job answers whose strings are ids, enums, dates, names or error
            messages of the documented schema: they stay with include_content=false.
        name_keys: Keys of job answers that carry the document's name.
        link_keys: Keys of job answers that carry links to stored files: these lose their query
            strings in any case.
        document_parts: Keys of job answers whose objects use `document_keys` too, however deep.
        wrappers: Keys under which answers hold what they could also hold at the top.
        known_keys: Keys at the top of a job that it reads beside all of these: objects and numbers.
            `docjobs probe` names the ones that are left.
        read_answer: Splits an answer that holds a parse job's result.
        reader: Does that, here or in a helper.
    """

    provider: ClassVar[Provider]
    document_keys: ClassVar[frozenset[str]] = frozenset()
    name_keys: ClassVar[frozenset[str]] = frozenset({"name", "file_name"})
    link_keys: ClassVar[frozenset[str]] = frozenset()
    document_parts: ClassVar[frozenset[str]] = frozenset({"configuration", "config"})
    wrappers: ClassVar[frozenset[str]] = frozenset()
    known_keys: ClassVar[frozenset[str]] = frozenset()
    read_answer: ClassVar[ReadAnswer]

    def __init__(
        self,
        client: ApiClient,
        policy: ContentPolicy,
        page_size: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.client = client
        self.policy = policy
        self.page_size = page_size
        self.settings = settings or {}
        self.reader = Reader(type(self).read_answer, **policy.of_results)
        self._refused: set[str] = set()

    @property
    def counters(self) -> RequestCounters:
        """Requests sent so far."""
        return self.client.counters

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        """One page of a list; only where the declaration has one.

        Args:
            kind: Whose list. Of one that several kinds share, the first of them.
            wanted: Bounds on the creation, as far as the provider can filter.
            token: `next_token` of the page before; None for the first page.

        Returns:
            The jobs of all kinds that the list shows.
        """
        raise NotImplementedError

    @abstractmethod
    async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
        """What the provider says of one job, in its cheapest form.

        Raises:
            NotFound: The provider doesn't know the job (any more).
        """

    @abstractmethod
    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        """One job with its result, if it has one yet.

        Args:
            kind: The job's.
            job_id: The job's.
            tier: As an earlier answer said; None where it is not known.
            is_retry: Whether the result has been away for a day: whatever may hold it is then
                asked for at once, in one request.

        Raises:
            NotFound: The job or its result is gone.
            UnreadableRecord: It came but could not be read.
        """

    @abstractmethod
    async def check(self) -> None:
        """One cheap authenticated request; raises the `ApiError` that says what is wrong."""

    async def poll(self, kind: JobKind, job_ids: Sequence[str]) -> JobPage:
        """Asks for many jobs at once; only where the declaration has a `poll_batch`."""
        raise NotImplementedError

    async def usage(self, kind: JobKind, job_id: str) -> JobAnswer:
        """One job with its credits, without its result; only where `credits_come_late`."""
        raise NotImplementedError

    async def before_list(self, kind: JobKind, hours: float) -> None:
        """Asks for what the observations of a list need beside it.

        Args:
            kind: Whose list is read next.
            hours: How far back it reaches.
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
        return await self.client.get_decoded(path, params, self.reader.read, is_result=True)

    async def _filled(
        self,
        path: tuple[str, ...],
        params: list[tuple[str, str]],
        answer: Answer,
        reading: Reading,
        parts: Callable[[dict[str, Any], Any], Mapping[str, Any]],
    ) -> Reading:
        """What was read of a parse job, where pages have come empty with what else tells of them.

        Args:
            path: Of the job's result.
            params: With which the same path tells more of its pages.
            answer: The answer that was read.
            reading: What was read.
            parts: Makes, of this answer's value and of the other one's, what takes the place of
                parts of this one's.
        """
        if reading.document is None or not reading.document.has_gaps:
            return reading
        try:
            _, more = await self.client.get_json(path, params, is_result=True)
        except (InvalidRequest, NotFound):
            return reading
        value = decode_json(answer)
        return self._read_value({**value, **parts(value, more)})

    def _read_value(self, value: dict[str, Any]) -> Reading:
        """Reads an answer that is a value already, and has no bytes."""
        return type(self).read_answer(b"", lambda: value, **self.policy.of_results)

    def _capped(self, kind: JobKind, size: int | None) -> int | None:
        """A page size, no larger than the kind's list is documented to take."""
        listing = self.provider.kinds[kind].list
        most = None if listing is None else listing.page_max
        return size if size is None or most is None else min(size, most)

    async def _get_sized(
        self,
        path: tuple[str, ...],
        params: list[tuple[str, str]],
        size_param: str | tuple[str, ...],
        size: int | None,
    ) -> tuple[Answer, Any]:
        """GETs a list page; where the server refuses the page size, with its own default.

        Args:
            path: The list's.
            params: What else is asked for.
            size_param: The name of the page size; several where sources disagree on it.
            size: The page size; None for the server's default.
        """
        if size is None:
            return await self.client.get_json(path, params)
        names = (size_param,) if isinstance(size_param, str) else size_param
        sized = [*params, *((name, str(size)) for name in names)]
        return await self._unless_refused(
            f"{'/'.join(path)} {names}",
            lambda: self.client.get_json(path, sized),
            lambda: self.client.get_json(path, params),
        )

    async def _unless_refused(
        self,
        what: str,
        whole: Callable[[], Awaitable[T]],
        without: Callable[[], Awaitable[T]],
    ) -> T:
        """Asks for something that not every server grants; where it is refused, once without it.

        Args:
            what: Names it: once refused it is not asked for again.
            whole: Asks for it.
            without: Asks for the rest. Its answer proves that this was what the server minded.

        Raises:
            InvalidRequest: The server minds something else.
        """
        if what in self._refused:
            return await without()
        try:
            return await whole()
        except InvalidRequest:
            answer = await without()
            self._refused.add(what)
            return answer

    def _has_succeeded(self, observed: JobObservation) -> bool:
        return self.provider.vocabulary.status(observed.provider_status) == SUCCEEDED
