"""The fake server of a provider's author, as the kit drives it.

The jobs are plain data and belong to the kit: it adds them, ends them, lets them vanish. What the
author writes is a server that answers from them as the provider would.
"""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeVar

from dlt_docjobs.model.times import UTC
from dlt_docjobs.model.vocabulary import CANONICAL_STATUSES, UNKNOWN, JobKind, is_terminal

FakeT = TypeVar("FakeT", bound="FakeProvider")

_QUEUED_FOR: Final = timedelta(seconds=20)
_RUN_FOR: Final = timedelta(seconds=60)


class FakeStep(NamedTuple):
    """A job's entry into a status.

    Attributes:
        status: The canonical status; `unknown` where the word is nobody's.
        at: When.
        provider_status: The word that the server uses for it; None leaves it to the server.
    """

    status: str
    at: datetime
    provider_status: str | None = None


@dataclass
class FakeJob:
    """A job of the fake server: what is true of it.

    Attributes:
        job_kind: Its kind.
        job_id: Its id.
        created_at: When it was created, aware and in UTC.
        transitions: What has happened, oldest first; the first is the creation.
        name: Name of the document.
        texts: What its result says: of a parse job a page each, and in each page one segment. Of
            another kind texts anywhere in the result. Ask `FakeProvider.result_of` for them.
        error: Why it failed, where it has.
        is_elsewhere: Whether its result lies on another host.
        segment_word: The word for the type of its segments; None for a usual one.
        expired_at: Since when the server knows it no more; None while it does.
    """

    job_kind: JobKind
    job_id: str
    created_at: datetime
    transitions: list[FakeStep]
    name: str
    texts: tuple[str, ...]
    error: str | None = None
    is_elsewhere: bool = False
    segment_word: str | None = None
    expired_at: datetime | None = None

    @property
    def status(self) -> str:
        """The canonical status that it is in."""
        return self.transitions[-1].status

    @property
    def provider_status(self) -> str | None:
        """The word for it, where the kit asks for a certain one."""
        return self.transitions[-1].provider_status

    @property
    def word(self) -> str:
        """What the server is to say: a canonical status, which it translates, or another word."""
        return self.provider_status or self.status

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""
        return is_terminal(self.status)

    @property
    def started_at(self) -> datetime | None:
        """When it last began to run; None where it has not since it was last queued."""
        return self._last("running")

    @property
    def finished_at(self) -> datetime | None:
        """When it ended; None while it has not."""
        return self.transitions[-1].at if self.is_terminal else None

    @property
    def updated_at(self) -> datetime:
        """When its status last changed."""
        return self.transitions[-1].at

    @property
    def counts(self) -> dict[str, int]:
        """How many rows its result makes, in the tables where that is no matter of taste."""
        is_parse, is_done = self.job_kind == "parse", self.status == "succeeded"
        return {
            "pages": len(self.texts) if is_parse and is_done else 0,
            "extraction_results": int(is_done and not is_parse),
        }

    def _last(self, status: str) -> datetime | None:
        for step in reversed(self.transitions):
            if step.status == status:
                return step.at
            if step.status == "queued":
                return None
        return None


class FakeRequest(NamedTuple):
    """A request that has reached the fake server.

    Attributes:
        path: Without the query.
        query: Its parameters in order.
        headers: By lower-case name.
        is_elsewhere: Whether it came to the other host, where results lie.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    is_elsewhere: bool

    def names(self, job_id: str) -> bool:
        """Whether it asks for a job by its id, by itself or among others."""
        values = (value for _, value in self.query)
        return job_id in self.path.split("/") or any(job_id in v.split(",") for v in values)

    def holds(self, text: str) -> bool:
        """Whether a text stands anywhere in it."""
        parts = (self.path, *itertools.chain(*self.query), *itertools.chain(*self.headers.items()))
        return any(text in part for part in parts)


@dataclass
class Fault:
    """What the server answers in place of the truth.

    Attributes:
        status: The HTTP status.
        headers: Sent beside the usual ones.
        body: Sent as it is.
        delay: Seconds before the answer. With `status` None only that is wrong with it.
        times: How often it happens; None for always.
        applies: To which requests.
    """

    status: int | None = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"detail": "out of order"}'
    delay: float = 0
    times: int | None = 1
    applies: Callable[[FakeRequest], bool] = lambda request: True


class FakeProvider(ABC):
    """A server that answers as the provider does, from `jobs`.

    The author writes `start`, `stop` and the answers. In each request the server

    * calls `arrived`, and answers with the fault that this returns, if any,
    * answers 401 without the key `api_key`,
    * answers of `served()` only: 404 for any other job,
    * says `job.word` in the provider's words, and a word that it has none for as it is,
    * takes the texts of a result from `result_of(job)`,
    * adds `odd_fields` to each job that it shows, and `odd_records` to the records of a list,
    * lets `page` cut its lists, or calls `listed.update` and heeds `is_endless` by itself.

    Attributes:
        api_key: The key that is good.
        secrets: What must be found nowhere: the key, and signatures that the server puts in URLs.
        jobs: All jobs that there ever were, by id.
        requests: What has been asked for.
        listed: The ids of the jobs that list pages have shown, and how often.
        fetched: The ids of the jobs whose results were asked for, and how often.
        odd_fields: Fields that nobody knows.
        odd_records: Records that nobody can read.
        is_endless: Whether each page of a list says that another one follows.
        on_request: Called with each request, in the server's thread.
    """

    api_key = "fake-key-7f3a91c2e5d8"

    def __init__(self) -> None:
        self.secrets: list[str] = [self.api_key]
        self.jobs: dict[str, FakeJob] = {}
        self.requests: list[FakeRequest] = []
        self.listed: Counter[str] = Counter()
        self.fetched: Counter[str] = Counter()
        self.odd_fields: dict[str, Any] = {}
        self.odd_records: list[Any] = []
        self.is_endless = False
        self.on_request: Callable[[FakeRequest], None] | None = None
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    # -- what the author writes -------------------------------------------------------------

    @property
    @abstractmethod
    def base_url(self) -> str:
        """Where the API is, such as `http://127.0.0.1:8080/v1`; known once it is started."""

    @abstractmethod
    def start(self) -> None:
        """Starts to answer, in a thread of its own."""

    @abstractmethod
    def stop(self) -> None:
        """Ends it."""

    def make_id(self, kind: JobKind) -> str:
        """An id that no job has; for a provider whose ids have a form of their own."""
        return f"{kind}-{next(self._numbers):06d}"

    # -- what the server asks ---------------------------------------------------------------

    def arrived(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]],
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        is_elsewhere: bool = False,
    ) -> Fault | None:
        """Notes a request.

        Args:
            method: Of HTTP.
            path: Without the query.
            query: Its parameters, decoded.
            headers: As they came.
            is_elsewhere: Whether it came to the other host.

        Returns:
            What to answer in place of the truth; None for the truth.
        """
        sent = headers.items() if isinstance(headers, Mapping) else headers
        by_name = {name.lower(): value for name, value in sent}
        request = FakeRequest(method, path, tuple(query), by_name, is_elsewhere)
        with self._lock:
            self.requests.append(request)
            fault = next((fault for fault in self._faults if fault.applies(request)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
        if self.on_request is not None:
            self.on_request(request)
        return fault

    def served(self, kind: JobKind | None = None) -> list[FakeJob]:
        """The jobs that the server knows, oldest first."""
        found = [job for job in list(self.jobs.values()) if job.expired_at is None]
        return [job for job in found if kind is None or job.job_kind == kind]

    def result_of(self, job: FakeJob) -> tuple[str, ...]:
        """The texts of a job's result, for an answer that carries it."""
        self.fetched[job.job_id] += 1
        return job.texts

    def page(
        self, jobs: Sequence[FakeJob], token: str | None, size: int
    ) -> tuple[Sequence[FakeJob], str | None]:
        """A page of a list.

        Args:
            jobs: The whole list.
            token: As the client sends it.
            size: Jobs on a page.

        Returns:
            The jobs of the page, and the token of the next one.
        """
        start = int(token) if token is not None and token.isdigit() else 0
        shown = jobs[start : start + size]
        self.listed.update(job.job_id for job in shown)
        end = start + size
        if self.is_endless:
            return shown, str(end if end < len(jobs) else start)
        return shown, str(end) if end < len(jobs) else None

    # -- what the kit does ------------------------------------------------------------------

    def __enter__(self: FakeT) -> FakeT:
        """Starts it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends it."""
        self.stop()

    def add_job(
        self,
        kind: JobKind,
        status: str = "succeeded",
        *,
        created_at: datetime | None = None,
        texts: Sequence[str] = ("first page", "second page", "third page"),
        name: str | None = None,
        error: str | None = None,
        is_elsewhere: bool = False,
        segment_word: str | None = None,
    ) -> FakeJob:
        """Adds a job that has come as far as a status.

        Args:
            kind: Its kind.
            status: A canonical status, or a word that nobody knows.
            created_at: By default an hour ago.
            texts: See `FakeJob`.
            name: Of the document; by default one of its own.
            error: Why it failed.
            is_elsewhere: See `FakeJob`.
            segment_word: See `FakeJob`.
        """
        at = created_at or datetime.now(UTC) - timedelta(hours=1)
        job_id = self.make_id(kind)
        steps = [FakeStep("queued", at)]
        if status != "queued":
            steps.append(FakeStep("running", at + _QUEUED_FOR))
        job = FakeJob(
            job_kind=kind,
            job_id=job_id,
            created_at=at,
            transitions=steps,
            name=name or f"{job_id}.pdf",
            texts=tuple(texts),
            error=error,
            is_elsewhere=is_elsewhere,
            segment_word=segment_word,
        )
        if status not in ("queued", "running"):
            steps.append(_step(status, at + _RUN_FOR))
        self.jobs[job_id] = job
        return job

    def set_status(self, job_id: str, status: str, error: str | None = None) -> None:
        """Lets a job go on, now.

        Args:
            job_id: Which.
            status: A canonical status, or a word that nobody knows.
            error: Why it failed.
        """
        job = self.jobs[job_id]
        job.error = error
        job.transitions.append(_step(status, datetime.now(UTC)))

    def set_result(self, job_id: str, texts: Sequence[str]) -> None:
        """Gives a job another result."""
        self.jobs[job_id].texts = tuple(texts)

    def forget(self, job_id: str) -> None:
        """Lets a job vanish: the server answers 404 for it from now on."""
        self.jobs[job_id].expired_at = datetime.now(UTC)

    def fail(self, fault: Fault) -> None:
        """Lets the server answer wrong; of several faults the one that came first holds."""
        self._faults.append(fault)

    def recover(self) -> None:
        """Takes back every fault and oddity."""
        self._faults.clear()
        self.odd_fields.clear()
        self.odd_records.clear()
        self.is_endless = False
        self.on_request = None

    def clear_notes(self) -> None:
        """Forgets what was asked for."""
        self.requests.clear()
        self.listed.clear()
        self.fetched.clear()


def _step(status: str, at: datetime) -> FakeStep:
    if status in CANONICAL_STATUSES:
        return FakeStep(status, at)
    return FakeStep(UNKNOWN, at, status)
