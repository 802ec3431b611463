"""What only LlamaCloud leaves open: questions of `docjobs probe` (docs/providers/llamacloud.md)."""

from __future__ import annotations

from typing import Any, Final

from dlt_docjobs.providers.probing import NotShown, Probe, Question

_PARSE: Final = ("api", "v2", "parse")


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


async def _list_results(probe: Probe) -> str:
    await probe.one("extract", "succeeded")
    answer = await probe.get(("api", "v2", "extract"), [("page_size", "50")])
    rows = [row for row in _rows(answer.fields()) if row.get("status") == "COMPLETED"]
    if not rows:
        raise NotShown("its first extract jobs have not succeeded")
    have = sum(row.get("extract_result") is not None for row in rows)
    return f"{have} of {len(rows)} succeeded jobs in the list carry it"


async def _update(probe: Probe) -> str:
    jobs = await probe.jobs("parse")
    both = [job for job in jobs if job.created_at is not None and job.updated_at is not None]
    moved = sum(job.updated_at != job.created_at for job in both)
    return f"{len(both)} of {len(jobs)} jobs have both; of {moved} the update is another moment"


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("items")
    return [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []


QUESTIONS: Final = (
    Question("data-points", "Is `job-data-points` served?", _data_points, 1),
    Question("comma", "Are values of `expand` that commas join understood?", _comma, 1),
    Question("project", "Is `prj-…` accepted as `project_id`?", _project, 1),
    Question(
        "list-results", "Do extract jobs in the list carry `extract_result`?", _list_results, 1
    ),
    Question("update", "Do parse jobs say when they were updated?", _update, 0),
)
