"""What only Reducto leaves open: questions of `docjobs probe` (docs/providers/reducto.md)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any, Final

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import CANCELLED, RUNNING, JobKind
from dlt_docjobs.providers.probing import (
    NotShown,
    Probe,
    Question,
    form_of_error,
    old_result,
    plain_words,
    scale_of,
)
from dlt_docjobs.providers.recording import Exchange

_OTHER_KINDS: Final[tuple[JobKind, ...]] = ("extract", "classify", "split")


async def _rows(probe: Probe) -> list[dict[str, Any]]:
    listing = next(iter(probe.provider.lists))
    await probe.first_page(listing)
    rows = (await probe.first_answers(listing))[-1].rows("jobs")
    if not rows:
        raise NotShown("it shows no job")
    return rows


def _form_of_text(row: dict[str, Any], key: str) -> str:
    if key not in row:
        return "absent"
    value = row[key]
    plain = {"": "an empty text", "{}": "`{}` as a text"}
    if isinstance(value, str):
        return plain.get(value.strip(), "the request nevertheless")
    return "null" if value is None else "something else"


async def _configs(probe: Probe) -> str:
    forms = Counter(_form_of_text(row, "raw_config") for row in await _rows(probe))
    return ", ".join(f"{form} in {count} rows" for form, count in sorted(forms.items()))


async def _types(probe: Probe) -> str:
    page = await probe.first_page(next(iter(probe.provider.lists)))
    if not page.observations and not page.others:
        raise NotShown("it shows no job")
    return plain_words(word for word, _ in page.others)


async def _pages(probe: Probe) -> str:
    pairs = [(row.get("num_pages"), row.get("total_pages")) for row in await _rows(probe)]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not both:
        raise NotShown("none of its first jobs has both")
    return f"in {sum(one != other for one, other in both)} of {len(both)} rows"


async def _shape(probe: Probe) -> str:
    answer = await _single(probe, await _any(probe))
    found = [key for key in ("type", "created_at", "job_id") if key in answer.fields()]
    return f"of type, date and id it has {plain_words(found)}"


async def _any(probe: Probe) -> JobObservation:
    jobs = (await probe.first_page(next(iter(probe.provider.lists)))).observations
    if not jobs:
        raise NotShown("it shows no job")
    return jobs[0]


async def _single(probe: Probe, job: JobObservation) -> Exchange:
    answer = await probe.answer(job)
    if answer.status != 200:
        raise NotShown(f"the job was answered with status {answer.status}")
    return answer


async def _listed_as(probe: Probe, what: str, *words: str) -> JobObservation:
    """The first job of the list whose word, or whose canonical one, is one of these."""
    page = await probe.first_page(next(iter(probe.provider.lists)))
    status = probe.provider.vocabulary.status
    for job in page.observations:
        if status(job.provider_status) in words or (job.provider_status or "").lower() in words:
            return job
    raise NotShown(f"none of its first jobs is {what}")


async def _said_of(what: str, words: tuple[str, ...], probe: Probe) -> str:
    answer = await probe.answer(await _listed_as(probe, what, *words))
    fields = answer.fields()
    error = fields.get("error")
    name = error.get("name") if isinstance(error, dict) else None
    with_name = "" if name is None else f" and the error {plain_words([name])}"
    if answer.status != 200:
        return f"{form_of_error(answer, probe.provider.error_keys)}{with_name}"
    return f"{plain_words([fields.get('status')])}{with_name}"


async def _progress(probe: Probe) -> str:
    job = await _listed_as(probe, "running", RUNNING)
    return scale_of((await _single(probe, job)).fields().get("progress"))


async def _result(kind: JobKind, probe: Probe) -> tuple[dict[str, Any], list[Exchange]]:
    """What stands around a result, and the answers from the result's URLs."""
    _, came = await probe.result(kind)
    result = came[0].fields().get("result")
    if not isinstance(result, dict):
        raise NotShown("the job has no result")
    return result, list(came[1:])


async def _billing(probe: Probe) -> str:
    usage = (await _result("parse", probe))[0].get("usage")
    fields = usage if isinstance(usage, dict) else {}
    found = [key for key in ("credits", "usage_breakdown") if fields.get(key) is not None]
    return f"of credits and breakdown it has {plain_words(found)}"


async def _response_type(probe: Probe) -> str:
    result, _ = await _result("extract", probe)
    return plain_words([result["response_type"]]) if "response_type" in result else "it is absent"


async def _behind_url(kind: JobKind, probe: Probe) -> str:
    result, behind = await _result(kind, probe)
    inner = result.get("result")
    if not isinstance(inner, dict) or inner.get("type") != "url" or not behind:
        raise NotShown("the result that was asked for lies in the answer")
    fields = behind[0].fields()
    is_wrapped = "result" in fields and ("response_type" in fields or "usage" in fields)
    return "the result with what stands around it" if is_wrapped else "the bare value"


async def _sheets(probe: Probe) -> str:
    reply, _ = await probe.result("parse")
    if reply.document is None:
        raise NotShown("the job has no result")
    segments = reply.document.tables["segments"]
    boxes = segments.num_rows - segments.column("provider_bbox").null_count
    without = boxes - (segments.num_rows - segments.column("bbox_x0").null_count)
    return f"{without} of {boxes} boxes are no fractions of a page"


QUESTIONS: Final = (
    Question("configs", "What stands in a row in place of an excluded `raw_config`?", _configs, 0),
    Question("types", "Which types of jobs are listed beside those that are loaded?", _types, 0),
    Question("pages", "Where do `num_pages` and `total_pages` differ?", _pages, 0),
    Question("shape", "Which form has the answer about one job?", _shape, 0),
    Question(
        "running",
        "What does a single answer say of a job that the list shows as running?",
        partial(_said_of, "running", (RUNNING,)),
        0,
    ),
    Question(
        "idle",
        "What does a single answer say of an idle job?",
        partial(_said_of, "idle", ("idle",)),
        0,
    ),
    Question(
        "cancelled",
        "What does a single answer say of a cancelled job?",
        partial(_said_of, "cancelled", (CANCELLED,)),
        0,
    ),
    Question("progress", "On what scale is `progress`?", _progress, 0),
    Question("billing", "Does a parse result tell what it has cost?", _billing, 0),
    Question("response-type", "Which `response_type` has an extract result?", _response_type, 0),
    *(
        Question(
            f"behind-url-{kind}",
            f"What lies behind the URL of a result of {kind}?",
            partial(_behind_url, kind),
            0,
        )
        for kind in _OTHER_KINDS
    ),
    Question("sheets", "Are there boxes in other units than fractions of a page?", _sheets, 0),
    Question("old-result", "What is the result of an old parse job?", partial(old_result, "parse")),
)
