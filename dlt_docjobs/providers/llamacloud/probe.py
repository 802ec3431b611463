"""What only LlamaCloud leaves open: questions of `docjobs probe` (docs/providers/llamacloud.md)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Final

from dlt_docjobs.model.times import format_instant
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.probing import NotShown, Probe, Question, old_result

_PARSE: Final = ("api", "v2", "parse")
_RESULT_KEYS: Final[tuple[tuple[JobKind, str], ...]] = (
    ("extract", "extract_result"),
    ("classify", "result"),
    ("split", "result"),
)
# what the documentation shows of a review
_REVIEW: Final = frozenset(
    {"id", "confidence_threshold", "created_at", "decided_at", "decided_by", "decided_reason"}
    | {"field_actions", "revision"}
)


async def _data_points(probe: Probe) -> str:
    params = [("job_type", "parse"), ("hours", "1")]
    answer = await probe.get(("api", "v1", "job-data-points"), params)
    return "served" if answer.status == 200 else f"not served (status {answer.status})"


async def _comma(probe: Probe) -> str:
    job = await probe.one("parse", "succeeded")
    joined = await probe.get((*_PARSE, job.job_id), [("expand", "metadata,usage")])
    if joined.status != 200:
        return f"commas are refused (status {joined.status})"
    is_understood = joined.fields().get("metadata") is not None
    return "commas are understood" if is_understood else "commas are taken, and not understood"


async def _project(probe: Probe) -> str:
    job = await probe.one("parse", "any")
    if not (job.project_id or "").startswith("prj-"):
        raise NotShown("its jobs do not name the project in this form")
    answer = await probe.get(_PARSE, [("page_size", "1"), ("project_id", job.project_id or "")])
    return "accepted" if answer.status == 200 else f"refused (status {answer.status})"


async def _list_results(kind: JobKind, key: str, probe: Probe) -> str:
    await probe.one(kind, "succeeded")
    listing = probe.provider.kinds[kind].list
    assert listing is not None
    answer = (await probe.first_answers(listing))[-1]
    rows = [row for row in answer.rows("items") if str(row.get("status")).lower() == "completed"]
    have = sum(row.get(key) is not None for row in rows)
    return f"{have} of {len(rows)} succeeded jobs in the list carry it"


async def _ids_and_dates(probe: Probe) -> str:
    job = await probe.one("parse", "any")
    future = format_instant(datetime.now(timezone.utc) + timedelta(days=1))
    params = [("job_ids", job.job_id), ("created_at_on_or_after", future)]
    answer = await probe.get(_PARSE, params)
    if answer.status != 200:
        return f"refused together (status {answer.status})"
    both = "both are heeded" if not answer.rows("items") else "the bound is not heeded beside ids"
    return f"taken together: {both}"


async def _review(probe: Probe) -> str:
    job = await probe.one("extract", "succeeded")
    answer = await probe.get(("api", "v2", "extract", job.job_id, "review"))
    if answer.status != 200:
        return f"none is served (status {answer.status})"
    fields = answer.fields()
    return f"one is served, with {len(set(fields) - _REVIEW)} fields that no page names"


async def _update(probe: Probe) -> str:
    jobs = await probe.jobs("parse")
    both = [job for job in jobs if job.created_at is not None and job.updated_at is not None]
    moved = sum(job.updated_at != job.created_at for job in both)
    return f"{len(both)} of {len(jobs)} jobs have both; of {moved} the update is another moment"


QUESTIONS: Final = (
    Question("data-points", "Is `job-data-points` served?", _data_points, 1),
    Question("comma", "Are values of `expand` that commas join understood?", _comma, 1),
    Question("project", "Is `prj-…` accepted as `project_id`?", _project, 1),
    *(
        Question(
            f"list-results-{kind}",
            f"Do {kind} jobs in the list carry `{key}`?",
            partial(_list_results, kind, key),
            0,
        )
        for kind, key in _RESULT_KEYS
    ),
    Question("update", "Do parse jobs say when they were updated?", _update, 0),
    Question("ids-and-dates", "Do `job_ids` and bounds go together?", _ids_and_dates, 1),
    Question("review", "Is the review of an extract job served?", _review, 1),
    Question("old-result", "What is the result of an old parse job?", partial(old_result, "parse")),
)
