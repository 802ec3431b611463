"""The general questions about a kind of jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from dlt_docjobs.http import ApiError, InvalidRequest, NotFound, UnrecognisedAnswer
from dlt_docjobs.model.vocabulary import OTHER, JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.probing import (
    NotShown,
    Probe,
    form_of_error,
    plain_words,
    result_or_refusal,
    unlike,
)
from dlt_docjobs.providers.recording import BudgetSpent

KindQuestion = Callable[[JobKind, Probe], Awaitable[str]]


def fits(name: str, kind: JobKind, provider: Provider) -> bool:
    """Whether a question is worth asking of a kind."""
    declared = provider.kinds[kind]
    if name == "batch":
        return declared.poll_batch > 1
    if name in ("missing", "malformed") and declared.list is not None:
        # kinds that share a list share the path of a job, too
        return provider.lists[declared.list][0] == kind
    return True


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
    count = len(probe.exchanges)
    try:
        await probe.api.status(kind, job_id)
    except BudgetSpent:
        raise
    except (ApiError, UnreadableRecord) as error:
        if len(probe.exchanges) == count:
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
    declared = probe.provider.kinds[kind]
    try:
        # as a sync asks for it: for its result only, or for both at once
        if not (declared.status_has_result or declared.poll_batch > 1):
            raise NotShown("it is asked for by itself")
        job = await probe.one(kind, "succeeded")
        reply = (await probe.result(kind))[0].observation
    except NotShown:
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
    if reply.created_at is None or job.created_at is None:
        where = {(True, True): "either", (False, True): "the second", (True, False): "the first"}
        return f"{said}; no creation in {where[job.created_at is None, reply.created_at is None]}"
    same = "the same creation" if reply.created_at == job.created_at else "another creation"
    return f"{said}; {same}"


async def _result(kind: JobKind, probe: Probe) -> str:
    reply, _ = await probe.result(kind)
    if not reply.has_result:
        return "no result, though the job has succeeded"
    if reply.document is None:
        return "a result that is stored as it comes"
    document = reply.document
    column = document.tables["segments"].column("provider_segment_type").to_pylist()
    kind_of = probe.provider.vocabulary.segment_type
    words = set(column)
    unknown = [word for word in words if word is not None and kind_of(word) == OTHER]
    # a word of the vocabulary may be two words
    known = ["-".join(word.split()) for word in words if word and kind_of(word) != OTHER]
    gaps = "; a page has come without segments" if document.has_gaps else ""
    return f"types of segments known: {plain_words(known)}; not known: {plain_words(unknown)}{gaps}"


async def _early_result(kind: JobKind, probe: Probe) -> str:
    job = await probe.one(kind, "open")
    reply = await result_or_refusal(kind, job, probe)
    if isinstance(reply, str):
        return reply
    has = "a result" if reply.has_result else "no result"
    return f"an answer about the job, with {has}"


async def _batch(kind: JobKind, probe: Probe) -> str:
    declared = probe.provider.kinds[kind].poll_batch
    real = [job.job_id for job in await probe.jobs(kind)]
    said: list[str] = []
    for size in (4 * declared, declared):
        # some that are there are left out: they come where a server does not heed ids
        known = real[: min((len(real) + 1) // 2, size // 2)]
        others = [job_id.encode() for job_id in real[len(known) :]]
        ids = [*known, *(unlike(real[0], number) for number in range(size - len(known)))]
        count = len(probe.exchanges)
        try:
            page = await probe.api.poll(kind, ids)
        except ApiError as error:
            if len(probe.exchanges) == count:
                raise
            last = probe.exchanges[-1]
            if last.status == 200 and isinstance(error, BudgetSpent):
                said.append(f"{size} ids are answered with more pages than ids could fill")
                break
            said.append(f"{size} ids are refused (status {last.status})")
            continue
        bodies = [one.body for one in probe.exchanges[count:]]
        if any(job_id in body for job_id in others for body in bodies):
            said.append(f"{size} ids are taken, and not heeded: others came")
            break
        found = len({job.job_id for job in page.observations} & set(known))
        said.append(f"{size} ids are taken, {found} of {len(known)} known ones came")
        break
    return "; ".join(said)


OF_KINDS: Final[tuple[tuple[str, str, int, KindQuestion], ...]] = (
    ("missing", "how is one answered that is not there?", 1, _missing),
    ("single", "does the answer about one job say what was said before?", 0, _single),
    ("result", "which types of segments does a result have?", 0, _result),
    ("malformed", "how is an id answered that can't be one?", 1, _malformed),
    ("batch", "how many ids does one request take?", 3, _batch),
    ("early-result", "what is the result of a job that has not ended?", 3, _early_result),
)
"""Name, text, most requests beside those that are kept, function."""
