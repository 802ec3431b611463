"""What a question of `docjobs probe` is given, what it answers, and what an answer may say.

An answer goes to strangers. It is made of fixed sentences, counts and two kinds of words from
outside: plain words that stand where a provider documents an enum, and names of fields that
several jobs share. Both go through `plain_words`. Nothing else that was received is ever quoted.
"""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

from dlt_docjobs.http import ApiError
from dlt_docjobs.http.bodies import form_of
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import SUCCEEDED, UNKNOWN, JobKind, is_terminal
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import JobList, Provider
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange, ProviderApi
from dlt_docjobs.providers.recording import BudgetSpent, Exchange, Recorder

_SECONDS: Final = 120.0
_NAMED: Final = 3
_TARGETS: Final = 1000
LARGE_PAGE: Final = 1000
"""The size in which first pages are asked for."""
T = TypeVar("T")

_MOST_WORDS: Final = 20
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_AGES: Final = (365, 90, 30, 7, 1)
_PREFIX: Final = re.compile(r"[A-Za-z]{1,8}[-_]")


class NotShown(Exception):
    """The account does not have what the question needs; the message, fixed text, says what."""


@dataclass(frozen=True, slots=True, repr=False)
class _Asked:
    """What came of asking for one job."""

    found: JobAnswer | ApiError | UnreadableRecord
    exchanges: Sequence[Exchange]

    def reply(self) -> JobAnswer:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Probe:
    """One account, as a question sees it.

    What was asked for once is kept for the questions that come later (`kept`).

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
        self._targets = list(self._chosen(islice(targets or (), _TARGETS)))
        self._kept: dict[Any, Any] = {}
        self._page_size = api.page_size

    def _chosen(self, targets: Iterable[Any]) -> Iterable[tuple[str, JobKind]]:
        """The first few of each kind."""
        seen: Counter[JobKind] = Counter()
        for job_id, named in targets:
            kind = named or self.provider.kind_of(job_id)
            seen[kind] += 1
            if seen[kind] <= _NAMED:
                yield job_id, kind

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """The answers to this question's requests, in their order."""
        return self.recorder.exchanges

    def begin(self, most: int) -> None:
        """A question begins, which may send so many requests and take two minutes."""
        self.recorder.begin(most)
        self.api.client.deadline = time.monotonic() + _SECONDS

    async def kept(self, key: object, most: int, ask: Callable[[], Awaitable[T]]) -> T:
        """What is asked for once and answers several questions; so does its failure.

        Args:
            key: Names it.
            most: How many requests it may send, beside those of the question that asks first.
            ask: Asks for it.
        """
        if key not in self._kept:
            self.recorder.allow(most)
            try:
                self._kept[key] = await ask()
            except BudgetSpent:
                raise
            except (ApiError, UnreadableRecord, NotShown) as error:
                self._kept[key] = error
        found = self._kept[key]
        if isinstance(found, Exception):
            raise found
        value: T = found
        return value

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
        """The first page of a list without bounds, as large as the list gives it."""
        return (await self._first(listing))[0]

    async def first_answers(self, listing: JobList) -> Sequence[Exchange]:
        """The answers that led to the first page: one, or a refusal of its size before it."""
        return (await self._first(listing))[1]

    async def _first(self, listing: JobList) -> tuple[JobPage, list[Exchange]]:
        async def ask() -> tuple[JobPage, list[Exchange]]:
            count = len(self.exchanges)
            page = await self.list_page(listing, size=LARGE_PAGE)
            return page, list(self.exchanges[count:])

        # with a size that is refused, another one without
        return await self.kept(listing, 2, ask)

    async def jobs(self, kind: JobKind) -> list[JobObservation]:
        """Jobs of a kind: of the list's first page, else of those that the user names.

        Raises:
            NotShown: There is none.
        """
        listing = self.provider.kinds[kind].list
        if listing is not None:
            observed = (await self.first_page(listing)).observations
        else:
            observed = await self.kept("named", len(self._targets), self._ask_named)
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
        """One job, asked for by its id; it is asked for once."""
        return (await self._status(job)).reply()

    async def answer(self, job: JobObservation) -> Exchange:
        """The answer about one job, as it came; an error is an answer.

        Raises:
            ApiError: There was no answer.
        """
        asked = await self._status(job)
        if not asked.exchanges:
            asked.reply()
        return asked.exchanges[0]

    async def result(self, kind: JobKind) -> tuple[JobAnswer, Sequence[Exchange]]:
        """A job of a kind that has succeeded, with its result, and the answers that held both.

        Raises:
            NotShown: None of the kind's first jobs has succeeded.
        """
        job = await self.one(kind, "succeeded")
        ask = partial(self.api.result, kind, job.job_id, job.tier)
        asked = await self.kept(("result", job.ref), 3, partial(self._ask, ask))
        return asked.reply(), asked.exchanges

    async def _status(self, job: JobObservation) -> _Asked:
        ask = partial(self.api.status, job.job_kind, job.job_id)
        return await self.kept(("status", job.ref), 1, partial(self._ask, ask))

    async def _ask(self, ask: Callable[[], Awaitable[JobAnswer]]) -> _Asked:
        count = len(self.exchanges)
        found: JobAnswer | ApiError | UnreadableRecord
        try:
            found = await ask()
            self._note(found.observation.clock_offset)
        except BudgetSpent:
            raise
        except (ApiError, UnreadableRecord) as error:
            found = error
        return _Asked(found, list(self.exchanges[count:]))

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

    async def _ask_named(self) -> list[JobObservation]:
        named: list[JobObservation] = []
        for job_id, kind in self._targets:
            try:
                reply = await self.api.status(kind, job_id)
            except BudgetSpent:
                raise
            except (ApiError, UnreadableRecord):
                continue
            named.append(reply.observation)
            self._note(reply.observation.clock_offset)
        return named

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


async def old_result(kind: JobKind, probe: Probe) -> str:
    """How long results stay, as far as the oldest job that has succeeded shows it."""
    jobs = await probe.jobs(kind)
    status = probe.provider.vocabulary.status
    dated = [(job.created_at, job) for job in jobs if status(job.provider_status) == SUCCEEDED]
    found = [(at, job) for at, job in dated if at is not None]
    if not found:
        raise NotShown(f"none of the first {kind} jobs has succeeded and a date")
    at, job = min(found, key=lambda one: one[0])
    days = (datetime.now(timezone.utc) - at).days
    age = next((f"more than {limit} days old" for limit in _AGES if days >= limit), "of today")
    reply = await result_or_refusal(kind, job, probe)
    if isinstance(reply, str):
        return f"of the oldest job, {age}: {reply}"
    return f"of the oldest job, {age}: {'a result' if reply.has_result else 'no result'}"


async def result_or_refusal(kind: JobKind, job: JobObservation, probe: Probe) -> JobAnswer | str:
    """What a job's result is answered with; of a refusal, its form.

    Raises:
        BudgetSpent: No request is left.
        ApiError: No answer came.
    """
    count = len(probe.exchanges)
    try:
        return await probe.api.result(kind, job.job_id, job.tier)
    except BudgetSpent:
        raise
    except ApiError:
        if len(probe.exchanges) == count:
            raise
        return form_of_error(probe.exchanges[-1], probe.provider.error_keys)


def scale_of(number: object) -> str:
    """Between which numbers a progress lies."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return "null" if number is None else "no number"
    return "a number from 0 to 1" if 0 <= number <= 1 else "a number above 1 or below 0"


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
