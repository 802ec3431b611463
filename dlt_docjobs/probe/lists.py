"""The general questions about a list."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, Final, NamedTuple

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import UNKNOWN
from dlt_docjobs.providers.declaration import JobList
from dlt_docjobs.providers.probing import (
    LARGE_PAGE,
    NotShown,
    Probe,
    forms_of,
    plain_words,
    shared_fields,
)
from dlt_docjobs.providers.protocol import JobPage, ListRange
from dlt_docjobs.providers.recording import BudgetSpent, Exchange

ListQuestion = Callable[[JobList, Probe], Awaitable[str]]

_SMALLER_PAGE: Final = 200
_OLD_DAYS: Final = 90
_END_KEY: Final = re.compile(r"[a-z_]*(next|cursor|token|has_more|hasmore)[a-z_]*", re.IGNORECASE)
_IS_ON_IT: Final = "inclusive: a job is shown whose creation is the bound"
_IS_NOT_ON_IT: Final = "not inclusive: a job whose creation is the bound is not shown"
_IGNORED: Final = "not heeded: jobs outside of it are shown"


def fits(name: str, listing: JobList) -> bool:
    """Whether a question can be asked of a list."""
    if name in ("order", "dates", "reach"):
        return listing.is_dated
    if name == "lower-bound":
        return listing.is_dated and "since" in listing.filters
    if name == "upper-bound":
        return listing.is_dated and "until" in listing.filters
    # larger ones than are documented are not asked for
    return name != "page-size" or listing.page_max is None


# -- what its first page shows ------------------------------------------------------------------


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


def _record_of(job: JobObservation) -> dict[str, Any]:
    return job.payload if isinstance(job.payload, dict) else {}


def _known_keys(probe: Probe) -> frozenset[str]:
    api = probe.api
    return (
        api.document_keys | api.name_keys | api.link_keys | api.document_parts
        | api.wrappers | api.known_keys
    )  # fmt: skip


# -- bounds and pages ---------------------------------------------------------------------------


class _Trial(NamedTuple):
    """Three jobs that follow each other, asked for by the dates of the outer two, two a page.

    Where the whole list is known, two requests show how both bounds are meant, how a page leads to
    the next, and how the list ends.
    """

    jobs: Sequence[JobObservation]
    pages: Sequence[JobPage]
    last: Exchange


async def _trial(listing: JobList, probe: Probe) -> _Trial:
    """A trial, or why there can't be one."""

    async def ask() -> _Trial:
        first = await probe.first_page(listing)
        jobs = sorted(
            (job for job in first.observations if job.created_at is not None),
            key=lambda job: job.created_at or datetime.now(timezone.utc),
        )
        is_whole = first.next_token is None and not first.rejections
        if not (listing.is_windowed and is_whole and len(jobs) == len(first.observations)):
            raise NotShown("its first page is not the whole list")
        dates = [job.created_at for job in jobs]
        alone = [
            at
            for at in range(len(jobs) - 2)
            if dates[max(at - 1, 0) : at + 4].count(dates[at]) == 1
            and dates[max(at - 1, 0) : at + 4].count(dates[at + 2]) == 1
        ]
        if not alone:
            raise NotShown("it has less than three jobs of different dates")
        chosen = jobs[alone[-1] : alone[-1] + 3]
        wanted = ListRange(chosen[0].created_at, chosen[2].created_at)
        pages = [await probe.list_page(listing, wanted, size=2)]
        if pages[0].next_token is not None:
            pages.append(await probe.list_page(listing, wanted, pages[0].next_token, size=2))
        return _Trial(chosen, pages, probe.exchanges[-1])

    return await probe.kept(("trial", listing), 2, ask)


async def _lower_bound(listing: JobList, probe: Probe) -> str:
    return await _bound(listing, probe, is_lower=True)


async def _upper_bound(listing: JobList, probe: Probe) -> str:
    return await _bound(listing, probe, is_lower=False)


async def _bound(listing: JobList, probe: Probe, *, is_lower: bool) -> str:
    try:
        trial = await _trial(listing, probe)
    except NotShown:
        return await _bound_by_itself(listing, probe, is_lower=is_lower)
    shown = {job.job_id for page in trial.pages for job in page.observations}
    if shown - {job.job_id for job in trial.jobs}:
        return _IGNORED
    job = trial.jobs[0 if is_lower else -1]
    return _IS_ON_IT if job.job_id in shown else _IS_NOT_ON_IT


async def _bound_by_itself(listing: JobList, probe: Probe, *, is_lower: bool) -> str:
    jobs = (await probe.first_page(listing)).observations
    dated = [job for job in jobs if job.created_at is not None]
    if not dated:
        raise NotShown("none of its first jobs has a date")
    # at the end of the range that is asked for, so that a page or two reach it
    ends = max if is_lower else min
    job = ends(dated, key=lambda one: one.created_at or datetime.now(timezone.utc))
    wanted = ListRange(lower=job.created_at) if is_lower else ListRange(upper=job.created_at)
    token: str | None = None
    is_shown = False
    for _ in range(2):
        page = await probe.list_page(listing, wanted, token)
        if any(_is_outside(one, wanted) for one in page.observations):
            return _IGNORED
        is_shown = is_shown or any(one.job_id == job.job_id for one in page.observations)
        token = page.next_token
        if is_shown or token is None:
            return _IS_ON_IT if is_shown else _IS_NOT_ON_IT
    raise NotShown("too many jobs lie within the bound to find the one on it")


def _is_outside(job: JobObservation, wanted: ListRange) -> bool:
    at = job.created_at
    if at is None:
        return False
    return bool((wanted.lower and at < wanted.lower) or (wanted.upper and at > wanted.upper))


async def _paging(listing: JobList, probe: Probe) -> str:
    whole = await probe.first_page(listing)
    first_rows = len(whole.observations) + len(whole.rejections)
    if whole.next_token is not None:
        # as large a page as the first one, which a server may cut
        second = await probe.list_page(listing, token=whole.next_token, size=LARGE_PAGE)
        return _paged(whole, second, f"a first one of {first_rows}", probe.exchanges[-1])
    try:
        trial = await _trial(listing, probe)
        pages, last = trial.pages, trial.last
    except NotShown:
        first = await probe.list_page(listing, size=2)
        pages, last = [first], probe.exchanges[-1]
        if first.next_token is not None:
            pages.append(await probe.list_page(listing, token=first.next_token, size=2))
            last = probe.exchanges[-1]
    if len(pages) == 1:
        return f"one page holds all; at the end {_end_of(last)}"
    return _paged(pages[0], pages[1], "a size of 2", last)


def _paged(first: JobPage, second: JobPage, size: str, last: Exchange) -> str:
    twice = {job.job_id for job in first.observations} & {job.job_id for job in second.observations}
    rows = len(second.observations) + len(second.rejections)
    said = f"the second page has {rows} rows for {size}, {len(twice)} of them seen before"
    if second.next_token is None:
        return f"{said}; at the end {_end_of(last)}"
    same = "the same again" if second.next_token == first.next_token else "another"
    return f"{said}; its token is {same}"


def _end_of(answer: Exchange) -> str:
    fields = answer.fields()
    said = []
    for key in sorted(fields):
        if _END_KEY.fullmatch(key):
            value = fields[key]
            form = "null" if value is None else "empty" if value == "" else "a value"
            form = str(value).lower() if isinstance(value, bool) else form
            said.append(f"{plain_words([key])} is {form}")
    return ", ".join(said) or "no field tells of a next page"


async def _reach(listing: JobList, probe: Probe) -> str:
    first = await probe.first_page(listing)
    before = datetime.now(timezone.utc) - timedelta(days=_OLD_DAYS)
    found = [job for job in first.observations if job.created_at and job.created_at < before]
    if not found and first.next_token is not None:
        if "until" not in listing.filters:
            raise NotShown("it has more than a page, and takes no bound")
        page = await probe.list_page(listing, ListRange(upper=before))
        found = [job for job in page.observations if not _is_outside(job, ListRange(upper=before))]
    if found:
        return f"jobs older than {_OLD_DAYS} days are shown"
    return f"no job older than {_OLD_DAYS} days is shown; the account may have none"


async def _page_size(listing: JobList, probe: Probe) -> str:
    page = await probe.first_page(listing)
    came = await probe.first_answers(listing)
    said: list[str] = []
    size = LARGE_PAGE
    if len(came) > 1:
        said.append(f"{size} is refused (status {came[0].status})")
        size = _SMALLER_PAGE
        count = len(probe.exchanges)
        try:
            page = await probe.list_page(listing, size=size)
        except BudgetSpent:
            # without a size, which is not worth another request
            if len(probe.exchanges) == count:
                raise
            return f"{said[0]}; {size} is refused (status {probe.exchanges[-1].status})"
    shown = len(page.observations) + len(page.rejections) + len(page.others)
    if page.next_token is None:
        said.append(f"{size} is taken, but the account has no more than a page")
    elif shown < size:
        said.append(f"{size} is taken, but no more than {shown} come")
    else:
        said.append(f"{size} is taken, and so many come")
    return "; ".join(said)


OF_LISTS: Final[tuple[tuple[str, str, int, ListQuestion], ...]] = (
    ("order", "in what order are its jobs?", 0, _order),
    ("words", "which status words does it use?", 0, _words),
    ("fields", "which fields do its jobs have that the connector does not know?", 0, _fields),
    ("dates", "in what form are the dates of creation?", 0, _dates),
    ("lower-bound", "is the lower bound inclusive?", 2, _lower_bound),
    ("upper-bound", "is the upper bound inclusive?", 2, _upper_bound),
    ("paging", "how does a page lead to the next, and how does the list end?", 2, _paging),
    ("reach", "how far does it reach back?", 1, _reach),
    ("page-size", "how large a page does it give?", 1, _page_size),
)
"""Name, text, most requests, function."""
