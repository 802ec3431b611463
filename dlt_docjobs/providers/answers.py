"""What the answers of all providers have in common: records, tokens, and what can't be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dlt_docjobs.http import Answer, decode_json
from dlt_docjobs.model.cleaning import clean_text
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import JobPage, Rejection
from dlt_docjobs.results import Document, Reading


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


class OtherKind(UnreadableRecord):
    """A job of a type that is no kind of ours: a list passes it over and counts it.

    Args:
        word: The provider's word for the type.
        job_id: The job's.
    """

    def __init__(self, word: str, job_id: str, payload: Any = None) -> None:
        super().__init__(
            f"a job of the type {word[:40]!r}, which is no kind that is loaded", payload
        )
        self.word = word[:40]
        self.job_id = job_id


@contextmanager
def kept_whole(answer: Answer) -> Iterator[None]:
    """Gives an `UnreadableRecord` raised inside the answer that it was raised about."""
    try:
        yield
    except UnreadableRecord as error:
        raise UnreadableRecord(str(error), decode_json(answer)) from None


def document_of(reading: Reading) -> Document | None:
    """The result that an answer about a completed parse job holds; None where it is not there yet.

    Raises:
        UnreadableRecord: There is one, but it can't be read.
    """
    if reading.error is not None:
        raise UnreadableRecord(reading.error)
    return reading.document


async def decoded(answer: Answer) -> Any:
    """The JSON value of an answer: how `ApiClient.get_elsewhere` is to read it."""
    return decode_json(answer)


def as_mapping(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def type_name(value: Any) -> str:
    """The JSON name of a value's type."""
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


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
    """The token of the next page; absent, null and "" all mean the end: documentations differ.

    Raises:
        UnreadableRecord: There is one, but of a kind that can't be sent back.
    """
    token = as_mapping(body).get(key)
    if token is None or isinstance(token, str):
        return token or None
    if isinstance(token, (bool, dict, list)):
        raise UnreadableRecord(f"the list's `{key}` is {type_name(token)}", {key: token})
    return str(token)


@dataclass(slots=True)
class RecordReader:
    """Reads the records of a list answer one by one: the unreadable go aside, the rest go on.

    Attributes:
        endpoint: The list's path.
        kind: Whose jobs it shows; None of a list that several kinds share.
    """

    endpoint: str
    kind: JobKind | None
    observations: list[JobObservation] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)

    def read(self, record: Any, observe: Callable[[Any], JobObservation], *keys: str) -> None:
        """Reads a record; one that can't be read, for whatever reason, costs itself.

        Args:
            record: A job as the list has it.
            observe: Makes an observation of it.
            keys: Under one of these its id stands.
        """
        try:
            self.observations.append(observe(record))
        except OtherKind as other:
            self.others.append((other.word, other.job_id))
        except Exception as error:
            is_told = isinstance(error, UnreadableRecord)
            text = str(error) if is_told else f"{type(error).__name__} while it was read"
            named = as_mapping(record)
            self.reject(text, record, next(filter(None, map(named.get, keys)), None))

    def reject(self, error: str, payload: Any, job_id: Any = None) -> None:
        """Sets a record aside."""
        identifier = clean_text(job_id) if isinstance(job_id, str) and job_id else None
        self.rejections.append(Rejection(self.endpoint, self.kind, identifier, error, payload))

    def page(self, answer: Answer, body: Any = None, token_key: str = "") -> JobPage:
        """What was read, of which answer; a token that can't be read costs what comes after it.

        Args:
            answer: The answer.
            body: What it holds.
            token_key: Under which the next page's token stands; empty where there are no pages.
        """
        page = JobPage(self.observations, self.rejections, None, answer.clock_offset)
        page.others = self.others
        try:
            page.next_token = next_token(body, token_key)
        except UnreadableRecord as error:
            page.breaks_off = error
        return page
