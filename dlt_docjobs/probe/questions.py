"""The general questions, made from what a provider declares."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import pairwise
from typing import Any, Final

from dlt_docjobs.http import ApiError, InvalidRequest, NotFound, UnrecognisedAnswer
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import OTHER, UNKNOWN, JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import JobList, Provider
from dlt_docjobs.providers.probing import (
    BudgetSpent,
    NotShown,
    Probe,
    Question,
    form_of_error,
    forms_of,
    plain_words,
    shared_fields,
    unlike,
)
from dlt_docjobs.providers.protocol import ListRange

_LARGE_PAGES: Final = (1000, 200)
_OLD_DAYS: Final = 90
_FIRST: Final = 2
_LIMIT_HEADER: Final = re.compile(r"(x-)?rate-?limit[a-z-]*|retry-after|[a-z-]*quota[a-z-]*")
_END_KEY: Final = re.compile(r"[a-z_]*(next|cursor|token|has_more|hasmore)[a-z_]*", re.IGNORECASE)

_ListQuestion = Callable[[JobList, Probe], Awaitable[str]]
_KindQuestion = Callable[[JobKind, Probe], Awaitable[str]]


def questions_of(provider: Provider) -> tuple[Question, ...]:
    """All questions to an account of a provider, what matters most first, its own among them."""
    kinds, lists = list(provider.kinds), list(provider.lists)
    first = _general(provider, kinds[:_FIRST], lists[:_FIRST])
    # what a provider has beside these comes last: the requests may not be enough for all
    rest = _general(provider, kinds[_FIRST:], lists[_FIRST:])
    return (*provider.questions(), *first, *rest, *_OF_ACCOUNTS)


def _general(
    provider: Provider, kinds: Sequence[JobKind], lists: Sequence[JobList]
) -> list[Question]:
    found: list[Question] = []
    for name, text, most, of_list in _OF_LISTS:
        fitting = [one for one in lists if _fits(name, one)]
        found += [_of_list(name, text, most, of_list, one) for one in fitting]
        if name == "dates":
            found += _of_kinds(_FIRST_OF_KINDS, provider, kinds)
    return found + _of_kinds(_LAST_OF_KINDS, provider, kinds)


def _fits(name: str, listing: JobList) -> bool:
    """Whether a question can be asked of a list."""
    if name in ("order", "dates"):
        return listing.is_dated
    if name == "lower-bound":
        return listing.is_dated and "since" in listing.filters
    if name in ("upper-bound", "reach"):
        return listing.is_dated and "until" in listing.filters
    return True


def _of_list(name: str, text: str, most: int, ask: _ListQuestion, listing: JobList) -> Question:
    about = f"`{listing.endpoint}`: {text}"
    return Question(f"{name}-{_slug(listing.endpoint)}", about, partial(ask, listing), most)


def _of_kinds(
    questions: Sequence[tuple[str, str, int, _KindQuestion]],
    provider: Provider,
    kinds: Sequence[JobKind],
) -> list[Question]:
    return [
        Question(f"{name}-{kind}", f"{kind} jobs: {text}", partial(ask, kind), most)
        for name, text, most, ask in questions
        for kind in kinds
        if name != "batch" or provider.kinds[kind].poll_batch > 1
    ]


def _slug(endpoint: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", endpoint.lower()).strip("-")


# -- of lists -----------------------------------------------------------------------------------


async def _order(listing: JobList, probe: Probe) -> str:
    page = await probe.first_page(listing)
    dates = [job.created_at for job in page.observations if job.created_at is not None]
    if len(set(dates)) < 3:
        raise NotShown("its first page has less than three jobs of different dates")
    if all(one >= other for one, other in pairwise(dates)):
        return f"newest first, over {len(dates)} jobs"
    if all(one <= other for one, other in pairwise(dates)):
        return f"oldest first, over {len(dates)} jobs"
    return f"by something else than the creation, over {len(dates)} jobs"


async def _dates(listing: JobList, probe: Probe) -> str:
    jobs = (await probe.first_page(listing)).observations
    if not jobs:
        raise NotShown("it shows no job")
    forms: set[str] = set()
    for job in jobs:
        forms.update(forms_of(job.created_at, _record_of(job)))
    undated = sum(job.created_at is None for job in jobs)
    said = "; ".join(sorted(forms)) or "no form that stands at the top of a record"
    return f"{said}. {undated} of {len(jobs)} jobs have no date that can be read"


async def _words(listing: JobList, probe: Probe) -> str:
    page = await probe.first_page(listing)
    if not page.observations:
        raise NotShown("it shows no job")
    words = {job.provider_status for job in page.observations}
    status = probe.provider.vocabulary.status
    unknown = [word for word in words if status(word) == UNKNOWN]
    known = [word for word in words if status(word) != UNKNOWN]
    return (
        f"known: {plain_words(known)}; not known: {plain_words(unknown)}; "
        f"records that could not be read: {len(page.rejections)}"
    )


async def _fields(listing: JobList, probe: Probe) -> str:
    page = await probe.first_page(listing)
    if len(page.observations) < 2:
        raise NotShown("it shows less than two jobs, and a name that stands once is not written")
    return shared_fields([_record_of(job) for job in page.observations], _known_keys(probe))


async def _lower_bound(listing: JobList, probe: Probe) -> str:
    return await _bound(listing, probe, lambda at: ListRange(lower=at))


async def _upper_bound(listing: JobList, probe: Probe) -> str:
    return await _bound(listing, probe, lambda at: ListRange(upper=at))


async def _bound(listing: JobList, probe: Probe, range_of: Callable[[datetime], ListRange]) -> str:
    jobs = (await probe.first_page(listing)).observations
    dated = [job for job in jobs if job.created_at is not None]
    if not dated:
        raise NotShown("none of its first jobs has a date")
    # at the end of the range that is asked for, so that a page or two reach it
    is_lower = range_of(datetime.now(timezone.utc)).lower is not None
    ends = max if is_lower else min
    job = ends(dated, key=lambda one: one.created_at or datetime.now(timezone.utc))
    assert job.created_at is not None
    wanted = range_of(job.created_at)
    token: str | None = None
    outside = False
    for _ in range(2):
        page = await probe.list_page(listing, wanted, token)
        if any(one.job_id == job.job_id for one in page.observations):
            return "inclusive: a job is shown whose creation is the bound"
        outside = outside or any(_is_outside(one, wanted) for one in page.observations)
        token = page.next_token
        if token is None:
            said = ", and jobs outside of it are shown" if outside else ""
            return f"not inclusive: a job whose creation is the bound is not shown{said}"
    raise NotShown("too many jobs lie within the bound to find the one on it")


def _is_outside(job: JobObservation, wanted: ListRange) -> bool:
    at = job.created_at
    if at is None:
        return False
    return bool((wanted.lower and at < wanted.lower) or (wanted.upper and at > wanted.upper))


async def _page_size(listing: JobList, probe: Probe) -> str:
    said: list[str] = []
    for size in _LARGE_PAGES:
        count = len(probe.exchanges)
        page = await probe.list_page(listing, size=size)
        shown = len(page.observations) + len(page.rejections)
        if len(probe.exchanges) > count + 1:
            status = probe.exchanges[count].status
            said.append(f"{size} is refused (status {status}); without a size {shown} came")
            continue
        if page.next_token is None:
            said.append(f"{size} is taken, but the account has no more than a page")
        elif shown < size:
            said.append(f"{size} is taken, but no more than {shown} come")
        else:
            said.append(f"{size} is taken, and so many come")
        break
    return "; ".join(said)


async def _paging(listing: JobList, probe: Probe) -> str:
    first = await probe.list_page(listing, size=2)
    if first.next_token is None:
        return f"one page holds all; at the end {_end_of(probe)}"
    second = await probe.list_page(listing, token=first.next_token, size=2)
    twice = {job.job_id for job in first.observations} & {job.job_id for job in second.observations}
    rows = len(second.observations) + len(second.rejections)
    said = f"the second page has {rows} rows for a size of 2, {len(twice)} of them seen before"
    if second.next_token is None:
        return f"{said}; at the end {_end_of(probe)}"
    same = "the same again" if second.next_token == first.next_token else "another"
    return f"{said}; its token is {same}"


def _end_of(probe: Probe) -> str:
    fields = probe.exchanges[-1].fields()
    said = []
    for key in sorted(fields):
        if _END_KEY.fullmatch(key):
            value = fields[key]
            form = "null" if value is None else "empty" if value == "" else "a value"
            form = str(value).lower() if isinstance(value, bool) else form
            said.append(f"{plain_words([key])} is {form}")
    return ", ".join(said) or "no field tells of a next page"


async def _reach(listing: JobList, probe: Probe) -> str:
    wanted = ListRange(upper=datetime.now(timezone.utc) - timedelta(days=_OLD_DAYS))
    page = await probe.list_page(listing, wanted)
    if page.observations:
        return f"jobs older than {_OLD_DAYS} days are shown"
    return f"no job older than {_OLD_DAYS} days is shown; the account may have none"


# -- of kinds -----------------------------------------------------------------------------------


async def _missing(kind: JobKind, probe: Probe) -> str:
    try:
        known = (await probe.one(kind, "any")).job_id
    except (NotShown, ApiError, UnreadableRecord) as error:
        if isinstance(error, BudgetSpent):
            raise
        prefix = probe.provider.kinds[kind].id_prefix or ""
        known = f"{prefix}00000000-0000-0000-0000-000000000000"
    return await _refusal(kind, unlike(known), probe)


async def _malformed(kind: JobKind, probe: Probe) -> str:
    return await _refusal(kind, "no-such-job", probe)


async def _refusal(kind: JobKind, job_id: str, probe: Probe) -> str:
    try:
        await probe.api.status(kind, job_id)
    except BudgetSpent:
        raise
    except (ApiError, UnreadableRecord) as error:
        if not probe.exchanges:
            raise
        form = form_of_error(probe.exchanges[-1], probe.provider.error_keys)
        taken: dict[type[Exception], str] = {
            NotFound: "the connector takes it for a job that is not there",
            UnrecognisedAnswer: "the connector does not take it for the API's own 404",
            InvalidRequest: "the connector takes it for a request that is refused",
        }
        return f"{form}; {taken.get(type(error), 'the connector takes it for a failure')}"
    return "an answer like that of a job that is there"


async def _single(kind: JobKind, probe: Probe) -> str:
    job = await probe.one(kind, "any")
    reply = (await probe.status(job)).observation
    said = (
        "the same status word"
        if reply.provider_status == job.provider_status
        else (
            f"another status word: {plain_words([job.provider_status])} in the first answer, "
            f"{plain_words([reply.provider_status])} in the second"
        )
    )
    if reply.created_at is None and job.created_at is None:
        return f"{said}; no creation in either"
    same = "the same creation" if reply.created_at == job.created_at else "another creation"
    return f"{said}; {same}"


async def _result(kind: JobKind, probe: Probe) -> str:
    job = await probe.one(kind, "succeeded")
    reply = await probe.api.result(kind, job.job_id, job.tier)
    if not reply.has_result:
        return "no result, though the job has succeeded"
    if reply.document is None:
        return "a result that is stored as it comes"
    document = reply.document
    column = document.tables["segments"].column("provider_segment_type").to_pylist()
    kind_of = probe.provider.vocabulary.segment_type
    words = set(column)
    unknown = [word for word in words if word is not None and kind_of(word) == OTHER]
    known = [word for word in words if word is not None and kind_of(word) != OTHER]
    gaps = "; a page has come without segments" if document.has_gaps else ""
    return f"types of segments known: {plain_words(known)}; not known: {plain_words(unknown)}{gaps}"


async def _early_result(kind: JobKind, probe: Probe) -> str:
    job = await probe.one(kind, "open")
    try:
        reply = await probe.api.result(kind, job.job_id, job.tier)
    except BudgetSpent:
        raise
    except ApiError:
        if not probe.exchanges:
            raise
        return form_of_error(probe.exchanges[-1], probe.provider.error_keys)
    has = "a result" if reply.has_result else "no result"
    return f"an answer about the job, with {has}"


async def _batch(kind: JobKind, probe: Probe) -> str:
    declared = probe.provider.kinds[kind].poll_batch
    real = [job.job_id for job in await probe.jobs(kind)]
    said: list[str] = []
    for size in (declared, 4 * declared):
        known = real[: min(len(real), size // 2)]
        ids = [*known, *(unlike(real[0], number) for number in range(size - len(known)))]
        count = len(probe.exchanges)
        try:
            page = await probe.api.poll(kind, ids)
        except BudgetSpent:
            came = [one.status for one in probe.exchanges[count:]]
            if len(came) < 2 or set(came) != {200}:
                raise
            # the server went on to pages that hold none of the ids
            page = None
        except ApiError:
            if len(probe.exchanges) == count:
                raise
            said.append(f"{size} ids are refused (status {probe.exchanges[-1].status})")
            break
        if page is None:
            said.append(f"{size} ids are answered with more pages than ids could fill")
            break
        found = len({job.job_id for job in page.observations} & set(known))
        said.append(f"{size} ids are taken, {found} of {len(known)} known ones came")
    return "; ".join(said)


# -- of the account -----------------------------------------------------------------------------


async def _clock(probe: Probe) -> str:
    if not probe.offsets:
        return "no answer had a `Date` header that can be read"
    most = max(probe.offsets, key=abs)
    if not most:
        return "within 2 seconds of this machine's"
    where = "ahead of" if most > 0 else "behind"
    return f"{abs(most):.0f} seconds {where} this machine's"


async def _limits(probe: Probe) -> str:
    found: dict[str, str] = {}
    for headers in probe.recorder.headers:
        for name, value in headers.items():
            if _LIMIT_HEADER.fullmatch(name):
                # what is left and until when tells of this account only
                is_limit = name.endswith("limit") or "-limit-" in name
                number = value if is_limit and re.fullmatch(r"\d{1,7}", value) else ""
                found.setdefault(name, number)
    if not found:
        return f"none in {len(probe.recorder.headers)} answers"
    said = [
        f"{plain_words([name])} = {number}" if number else plain_words([name])
        for name, number in sorted(found.items())
    ]
    return ", ".join(said)


def _record_of(job: JobObservation) -> dict[str, Any]:
    return job.payload if isinstance(job.payload, dict) else {}


def _known_keys(probe: Probe) -> frozenset[str]:
    api = probe.api
    return (
        api.document_keys | api.name_keys | api.link_keys | api.document_parts
        | api.wrappers | api.known_keys
    )  # fmt: skip


# name, text, most requests, function
_OF_LISTS: Final[tuple[tuple[str, str, int, _ListQuestion], ...]] = (
    ("order", "in what order are its jobs?", 0, _order),
    ("words", "which status words does it use?", 0, _words),
    ("fields", "which fields do its jobs have that the connector does not know?", 0, _fields),
    ("lower-bound", "is the lower bound inclusive?", 2, _lower_bound),
    ("upper-bound", "is the upper bound inclusive?", 2, _upper_bound),
    ("dates", "in what form are the dates of creation?", 0, _dates),
    ("paging", "how does a page lead to the next, and how does the list end?", 2, _paging),
    ("reach", "how far does it reach back?", 1, _reach),
    ("page-size", "how large a page does it give?", 4, _page_size),
)
_FIRST_OF_KINDS: Final[tuple[tuple[str, str, int, _KindQuestion], ...]] = (
    ("missing", "how is one answered that is not there?", 1, _missing),
    ("single", "does the answer about one job say what was said before?", 1, _single),
)
_LAST_OF_KINDS: Final[tuple[tuple[str, str, int, _KindQuestion], ...]] = (
    ("batch", "how many ids does one request take?", 3, _batch),
    ("result", "which types of segments does a result have?", 3, _result),
    ("early-result", "what is the result of a job that has not ended?", 3, _early_result),
    ("malformed", "how is an id answered that can't be one?", 1, _malformed),
)
_OF_ACCOUNTS: Final = (
    Question("clock", "How does the provider's clock stand?", _clock, 0),
    Question("limits", "Which headers tell of limits?", _limits, 0),
)
