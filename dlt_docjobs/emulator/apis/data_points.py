"""LlamaCloud's `GET /api/v1/job-data-points`: exact transition times, where it is served."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from dlt_docjobs.emulator.apis.answers import Answer, Refusal, invalid, refuse
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.apis.paging import put_token, take_page
from dlt_docjobs.emulator.jobs import Job
from dlt_docjobs.model.vocabulary import JobKind

_STATES: Final = ("pending", "throttled", "running", "completed", "failed", "cancelled")


def list_data_points(call: Call) -> Answer:
    """The statuses that jobs went through. Dates, where given, go before `hours`."""
    if not call.faults.data_points:
        raise Refusal(refuse("llamacloud", 404))
    wanted = call.one_of("job_type", ("parse", "extract", "classify"))
    if wanted is None:
        raise invalid("query", "job_type", "Field required", "missing", None)
    hours = call.integer("hours", 1, 1, 168)
    after = call.instant("created_at_on_or_after")
    before = call.instant("created_at_on_or_before")
    if after is None and before is None:
        after = call.shown(call.world.clock.read() - timedelta(hours=hours))
    statuses = call.words("status", _STATES)
    jobs: list[Job] = []
    if wanted != "classify":
        kind: JobKind = "parse" if wanted == "parse" else "extract"
        jobs = [
            job
            for job in call.world.listed(("llamacloud", kind), "newest")
            if (after is None or call.shown(job.created_at) >= after)
            and (before is None or call.shown(job.created_at) <= before)
            and (not statuses or job.provider_status.lower() in statuses)
        ]
    size = call.integer("page_size", 50, 1, call.faults.page_size_max or 1000)
    page = take_page(call, jobs, size, call.text("page_token"), offset=False)
    rows = [_row(call, job) for job in page.jobs]
    body: dict[str, Any] = {"items": rows}
    put_token(call, body, "next_page_token", page.next_token, null_at_end=True)
    return Answer(body, rows=rows, first_page=page.number == 0)


def _row(call: Call, job: Job) -> dict[str, Any]:
    states: dict[str, Any] = {f"{state}_at": None for state in _STATES}
    for transition in job.transitions:
        states[f"{transition.provider_status.lower()}_at"] = call.date(transition.at)
    return {
        "id": job.job_id,
        "project_id": call.world.project_id,
        "created_at": call.date(job.created_at),
        "updated_at": call.date(job.updated_at),
        "status": call.status(job).lower(),
        "custom_tag": None,
        "error_message": job.error_message,
        "state_transitions": states,
    }
