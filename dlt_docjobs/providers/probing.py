"""What a question of `docjobs probe` is given, what it answers, and what an answer may say.

An answer goes to strangers. It is made of fixed sentences, counts and two kinds of words from
outside: plain words that stand where a provider documents an enum, and names of fields that
several jobs share. Both go through `plain_words`. Nothing else that was received is ever quoted.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from dlt_docjobs.http import ApiError
from dlt_docjobs.http.bodies import form_of
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import SUCCEEDED, UNKNOWN, JobKind, is_terminal
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import JobList, Provider
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange, ProviderApi

REQUESTS: Final = 40
"""How many requests an account is asked, all questions together."""

_SECONDS: Final = 120.0
_NAMED: Final = 3
_MOST_WORDS: Final = 20
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_PREFIX: Final = re.compile(r"[A-Za-z]{1,8}[-_]")


class NotShown(Exception):
    """The account does not have what the question needs; the message, fixed text, says what."""


class BudgetSpent(ApiError):
    """No request is left, for this question or for all of them."""


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """One answer, as it came.

    Attributes:
        status: Its HTTP status.
        headers: Its headers, names in lower case.
        body: Its body, of an error the beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def value(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        value = self.value()
        return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class Recorder:
    """Counts requests, lets no more than the budget through, and keeps what came.

    Attributes:
        sent: Requests so far.
        limit: At how many the question that is asked now has to stop.
        exchanges: The answers to that question.
        headers: Those of all answers.
    """

    sent: int = 0
    limit: int = REQUESTS
    exchanges: list[Exchange] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def begin(self, most: int) -> None:
        """A question begins, which may send so many requests."""
        self.exchanges = []
        self.limit = min(REQUESTS, self.sent + most)

    def allow(self, more: int) -> None:
        """The question may send some more, for an answer that is kept for others."""
        self.limit = min(REQUESTS, self.limit + more)

    def sending(self, endpoint: str) -> None:
        """See `http.Watch.sending`."""
        if self.sent >= self.limit:
            raise BudgetSpent(endpoint, "no request is left for this question")
        self.sent += 1

    def received(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """See `http.Watch.received`."""
        kept = {name.lower(): value for name, value in headers.items()}
        self.headers.append(kept)
        self.exchanges.append(Exchange(status, kept, body))


class Probe:
    """One account, as a question sees it.

    What a list or a job answers first is kept for the questions that come later.

    Attributes:
        provider: What the provider declares of itself.
        api: Its API; every request goes through `recorder`.
        recorder: Counts and keeps.
        offsets: How the provider's clock stood, as far as answers have told it.
    """

    def __init__(
        self, api: ProviderApi, recorder: Recorder, targets: Iterable[Any] | None = None
    ) -> None:
        self.provider: Provider = type(api).provider
        self.api = api
        self.recorder = recorder
        self.offsets: list[float] = []
        self._targets = list(islice(targets or (), _NAMED))
        self._pages: dict[JobList, JobPage | ApiError | UnreadableRecord] = {}
        self._named: dict[str, JobObservation] | None = None
        self._page_size = api.page_size

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """The answers to this question's requests, in their order."""
        return self.recorder.exchanges

    def begin(self, most: int) -> None:
        """A question begins, which may send so many requests and take two minutes."""
        self.recorder.begin(most)
        self.api.client.deadline = time.monotonic() + _SECONDS

    async def list_page(
        self,
        listing: JobList,
        wanted: ListRange | None = None,
        token: str | None = None,
        *,
        size: int | None = None,
    ) -> JobPage:
        """A page of a list, in a size of its own where one is given."""
        # a new one, since an API remembers the sizes that were refused
        own = type(self.api)(
            self.api.client, self.api.policy, size or self._page_size, self.api.settings
        )
        kind = self.provider.lists[listing][0]
        page = await own.list_page(kind, wanted or ListRange(), token)
        self._note(page.clock_offset)
        return page

    async def first_page(self, listing: JobList) -> JobPage:
        """The first page of a list without bounds; it is asked for once."""
        if listing not in self._pages:
            # with a size that is refused, another one without
            self.recorder.allow(2)
            try:
                self._pages[listing] = await self.list_page(listing)
            except BudgetSpent:
                raise
            except (ApiError, UnreadableRecord) as error:
                self._pages[listing] = error
        found = self._pages[listing]
        if isinstance(found, Exception):
            raise found
        return found

    async def jobs(self, kind: JobKind) -> list[JobObservation]:
        """Jobs of a kind: of the list's first page, else of those that the user names.

        Raises:
            NotShown: There is none.
        """
        listing = self.provider.kinds[kind].list
        if listing is not None:
            observed = (await self.first_page(listing)).observations
        else:
            observed = list((await self._ask_named()).values())
        found = [job for job in observed if job.job_kind == kind]
        if not found:
            raise NotShown(
                f"it shows no {kind} job"
                if listing is not None
                else f"no {kind} job is named (`job_ids`, `job_ids_file`) and known"
            )
        return found

    async def one(self, kind: JobKind, what: str) -> JobObservation:
        """A job of a kind that is `succeeded`, `open`, `dated`, or `any`.

        Raises:
            NotShown: There is none.
        """
        for job in await self.jobs(kind):
            status = self.provider.vocabulary.status(job.provider_status)
            is_it = {
                "any": True,
                "dated": job.created_at is not None,
                "succeeded": status == SUCCEEDED,
                "open": status != UNKNOWN and not is_terminal(status),
            }[what]
            if is_it:
                return job
        raise NotShown(f"none of the first {kind} jobs is {what}")

    async def status(self, job: JobObservation) -> JobAnswer:
        """One job, asked for by its id."""
        reply = await self.api.status(job.job_kind, job.job_id)
        self._note(reply.observation.clock_offset)
        return reply

    async def get(self, path: Sequence[str], params: Sequence[tuple[str, str]] = ()) -> Exchange:
        """Asks for something of the provider's own; an error is an answer.

        Raises:
            ApiError: There was no answer.
        """
        count = len(self.exchanges)
        try:
            await self.api.client.get(path, params)
        except ApiError:
            if len(self.exchanges) == count:
                raise
        return self.exchanges[-1]

    async def _ask_named(self) -> dict[str, JobObservation]:
        if self._named is None:
            self._named = {}
            self.recorder.allow(len(self._targets))
            for job_id, named_kind in self._targets:
                kind = named_kind or self.provider.kind_of(job_id)
                try:
                    reply = await self.api.status(kind, job_id)
                except BudgetSpent:
                    raise
                except (ApiError, UnreadableRecord):
                    continue
                self._named[job_id] = reply.observation
                self._note(reply.observation.clock_offset)
        return self._named

    def _note(self, offset: Any) -> None:
        if offset is not None:
            self.offsets.append(offset.total_seconds())


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that no documentation says.

    Attributes:
        name: Lower-case words joined by hyphens; the same in every report.
        text: The question, as a person asks it.
        ask: Asks, and returns the answer: a sentence without a full stop, made of fixed text,
            counts and `plain_words`.
        most: How many requests it may send beside those that are kept for other questions.
    """

    name: str
    text: str
    ask: Callable[[Probe], Awaitable[str]]
    most: int = 2


# -- what may be said ---------------------------------------------------------------------------


def plain_words(words: Iterable[object]) -> str:
    """Words of a documented enum, or names of fields, as an answer may say them.

    One that is no plain word (40 letters, `_` and `-` at most; no digit, blank or dot) is counted
    and not written: it may be an id, a date, a name or a text.
    """
    seen = {word for word in words if word is not None}
    plain = sorted(w for w in seen if isinstance(w, str) and _WORD.fullmatch(w))
    others = len(seen) - len(plain[:_MOST_WORDS])
    said = [f"`{word}`" for word in plain[:_MOST_WORDS]]
    if others:
        said.append(f"{others} not written here")
    return ", ".join(said) or "none"


def shared_fields(records: Iterable[Mapping[str, Any]], known: Iterable[str]) -> str:
    """Names of fields that are not among those known and that at least two records have.

    A field of the provider's stands in every record; what only one has may be a user's own.
    """
    left = Counter(str(key) for record in records for key in record)
    unknown = {name: count for name, count in left.items() if name not in set(known)}
    said = plain_words(name for name, count in unknown.items() if count > 1)
    single = sum(count == 1 for count in unknown.values())
    return f"{said}; {single} in one record only, not written here" if single else said


def form_of_date(value: object) -> str:
    """The form of a date, without the date."""
    if value is None:
        return "null"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "a number of milliseconds" if value > 10**11 else "a number of seconds"
    if not isinstance(value, str) or not value:
        return "something else"
    found = re.fullmatch(
        r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d(?::\d\d)?(?:[.,](\d+))?(Z|z|[+-]\d\d:?\d\d)?", value
    )
    if found is None:
        return "a text of another form"
    zone = "no zone" if found[3] is None else "`Z`" if found[3] in "Zz" else "an offset"
    digits = len(found[2] or "")
    return f"ISO 8601 with {zone} and {digits} digits of a second" + (
        ", a blank for the `T`" if found[1] == " " else ""
    )


def forms_of(moment: datetime | None, record: Mapping[str, Any]) -> list[str]:
    """The forms of the values of a record that say a moment."""
    if moment is None:
        return []
    found = []
    for value in record.values():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            try:
                if parse_instant(value) == moment:
                    found.append(form_of_date(value))
            except ValueError:
                continue
    return found


def form_of_error(exchange: Exchange, error_keys: Iterable[str]) -> str:
    """The form of an error: status, kind of body, and which of the declared keys hold what."""
    said = f"status {exchange.status}"
    body, content_type = exchange.body, exchange.headers.get("content-type", "")
    form = form_of(body, content_type)
    value = exchange.value()
    if form in ("an empty body", "an HTML page") or not isinstance(value, dict):
        quoted = " in quotes" if isinstance(value, str) else ""
        return f"{said} with {form}{quoted}"
    kinds = {str: "a text", dict: "an object", list: "a list", int: "a number"}
    keys = [
        f"`{key}` ({kinds.get(type(value[key]), 'another value')})"
        for key in sorted(error_keys)
        if key in value
    ]
    return f"{said} with a JSON object: {', '.join(keys) or 'none of the declared keys'}"


def unlike(job_id: str, number: int = 0) -> str:
    """An id of the same form that stands for no job."""
    prefix = ""
    rest = job_id
    if (found := _PREFIX.match(job_id)) is not None and not _is_uuid(job_id):
        prefix, rest = found[0], job_id[found.end() :]
    size = sum(character.isalnum() for character in rest)
    digits = iter(str(number).rjust(size, "0")[-size:] if size else "")
    return prefix + "".join(next(digits) if c.isalnum() else c for c in rest)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
