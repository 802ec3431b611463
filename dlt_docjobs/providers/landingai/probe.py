"""What only LandingAI leaves open: questions of `docjobs probe` (docs/providers/landingai.md)."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from itertools import pairwise
from typing import Any, Final

from dlt_docjobs.model.vocabulary import RUNNING, SUCCEEDED, JobKind
from dlt_docjobs.providers.probing import NotShown, Probe, Question, old_result, scale_of

_KINDS: Final[tuple[JobKind, ...]] = ("parse", "extract")
_NEW_FORM: Final = datetime(2026, 7, 17, tzinfo=timezone.utc)


async def _size_name(probe: Probe) -> str:
    heeded = []
    for name in ("page_size", "pageSize"):
        answer = await probe.get(("v2", "parse", "jobs"), [(name, "1")])
        if answer.status != 200:
            heeded.append(f"`{name}` is refused (status {answer.status})")
        elif len(answer.rows("jobs")) > 1:
            heeded.append(f"`{name}` is not heeded")
        elif answer.fields().get("has_more") is True:
            heeded.append(f"`{name}` is heeded")
        else:
            raise NotShown("it has less than two parse jobs")
    return ", ".join(heeded)


async def _order_by(kind: JobKind, probe: Probe) -> str:
    jobs = await probe.jobs(kind)
    ended = [job.finished_at for job in jobs if job.finished_at is not None]
    made = [job.created_at for job in jobs if job.created_at is not None]
    if len(set(made)) < 3 or len(set(ended)) < 3:
        raise NotShown("less than three of its first jobs have ended")
    found = [
        name
        for name, dates in (("creation", made), ("end", ended))
        if all(one >= other for one, other in pairwise(dates))
    ]
    return f"by their {' as well as by their '.join(found)}" if found else "by neither"


async def _delivery(kind: JobKind, probe: Probe) -> str:
    _, came = await probe.result(kind)
    body = came[0].fields()
    if body.get("result") is not None or body.get("data") is not None:
        return "in the answer" + (" and at an `output_url`" if body.get("output_url") else "")
    if not body.get("output_url"):
        return "nowhere"
    beside = "with" if isinstance(body.get("metadata"), dict) else "without"
    return f"at an `output_url`, {beside} metadata beside it"


async def _old_form(probe: Probe) -> str:
    jobs = await probe.jobs("parse")
    status = probe.provider.vocabulary.status
    old = [
        job
        for job in jobs
        if status(job.provider_status) == SUCCEEDED
        and job.created_at
        and job.created_at < _NEW_FORM
    ]
    if not old:
        raise NotShown("none of the first parse jobs that have succeeded is so old")
    body = (await probe.answer(old[-1])).fields()
    key = next((key for key in ("result", "data") if isinstance(body.get(key), dict)), None)
    if key is None:
        return "no result"
    result: dict[str, Any] = body[key]
    forms = {
        "chunks": "in the form of v1",
        "grounding": "with a second tree of places",
        "structure": "in today's form",
    }
    form = next((said for part, said in forms.items() if result.get(part) is not None), "another")
    return f"under `{key}`, {form}"


async def _progress(kind: JobKind, probe: Probe) -> str:
    status = probe.provider.vocabulary.status
    running = [job for job in await probe.jobs(kind) if status(job.provider_status) == RUNNING]
    if not running:
        raise NotShown(f"none of the first {kind} jobs is running")
    return scale_of((await probe.answer(running[0])).fields().get("progress"))


QUESTIONS: Final = (
    *(
        question
        for kind in _KINDS
        for question in (
            Question(
                f"order-by-{kind}",
                f"By which of their dates are {kind} jobs newest first?",
                partial(_order_by, kind),
                0,
            ),
            Question(
                f"delivery-{kind}",
                f"Where is the result of {kind} jobs?",
                partial(_delivery, kind),
                0,
            ),
            Question(
                f"progress-{kind}",
                f"On what scale is the `progress` of {kind} jobs?",
                partial(_progress, kind),
                0,
            ),
            Question(
                f"old-result-{kind}",
                f"What is the result of an old {kind} job?",
                partial(old_result, kind),
            ),
        )
    ),
    Question("old-form", "In which form are results from before 17 July 2026?", _old_form, 0),
    Question("size-name", "Which name of the page's size is heeded?", _size_name),
)
