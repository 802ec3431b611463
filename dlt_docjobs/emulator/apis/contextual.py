"""Contextual AI (docs/providers/contextual.md): `/parse/jobs` and `/extract/jobs`."""

from __future__ import annotations

import uuid
from typing import Any, Final

from dlt_docjobs.emulator.apis.answers import Answer, invalid
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.apis.paging import drift, next_instant, put_token, take_page, visible
from dlt_docjobs.emulator.contents import content, has_attribution
from dlt_docjobs.emulator.contents.contextual import results_body
from dlt_docjobs.emulator.jobs import RETENTION, Job

_STATUSES: Final = ("pending", "processing", "retrying", "completed", "failed", "cancelled")
_OUTPUT_TYPES: Final = ("markdown-document", "markdown-per-page", "blocks-per-page")
_STEPS: Final = ("queued", "parsing document", "extracting fields", "validating", "done")


def _limit(call: Call, default: int, most: int) -> int:
    allowed = min(most, call.faults.page_size_max or most)
    limit = call.size("limit", min(default, allowed), allowed)
    return default if call.faults.ignore_page_size else limit


def list_parse(call: Call) -> Answer:
    """`GET /parse/jobs`, newest first, with neither dates nor errors."""
    now = call.shown(call.world.clock.read())
    oldest = now - RETENTION["contextual", "parse"]
    after = call.instant("uploaded_after")
    if call.faults.exclusive_bounds:
        after = next_instant(after, 1)
    if call.faults.refuse_old_bounds and after is not None and after < oldest:
        message = "Input should be within the last 30 days"
        raise invalid("query", "uploaded_after", message, "value_error", after.isoformat())
    after = oldest if after is None or call.faults.ignore_bounds else max(after, oldest)
    jobs = [
        job
        for job in visible(call, call.world.listed(("contextual", "parse"), "newest"))
        if call.shown(job.created_at) >= after
    ]
    # The cursor counts rows: the documents leave it open, and this is the harder case.
    page = take_page(call, jobs, _limit(call, 1000, 1000), call.text("cursor"), offset=True)
    rows = [
        {"id": job.job_id, "status": call.status(job), "file_name": job.document_name}
        for job in page.jobs
    ]
    totals = {"list": len(jobs), "page": len(rows), "other": len(jobs) + 7 * len(rows)}
    body: dict[str, Any] = {"total_jobs": totals[call.faults.contextual_total], "jobs": rows}
    put_token(call, body, "next_cursor", page.next_token, null_at_end=False)
    drift(call, ("contextual", "parse"))
    return Answer(body, rows=rows, first_page=page.number == 0)


def _parse_job(call: Call) -> Job:
    job_id = call.path["job_id"]
    try:
        uuid.UUID(job_id)
    except ValueError:
        raise invalid(
            "path", "job_id", "Input should be a valid UUID", "uuid_parsing", job_id
        ) from None
    return call.job("parse")


def parse_status(call: Call) -> Answer:
    """`GET /parse/jobs/{job_id}/status`: no id, no dates."""
    job = _parse_job(call)
    return Answer({"status": call.status(job), "file_name": job.document_name})


def parse_results(call: Call) -> Answer:
    """`GET /parse/jobs/{job_id}/results`; 200 without pages while the job is not completed."""
    default = call.faults.contextual_default_output
    output_types = call.words("output_types", _OUTPUT_TYPES) or [default]
    job = _parse_job(call)
    call.refuse_early(job)
    body: dict[str, Any] = {"file_name": job.document_name, "status": call.status(job)}
    broken = call.broken(job, body | {"pages": "garbage"})
    if broken is not None:
        return broken
    if job.has_result:
        body |= results_body(content(job), output_types)
        if call.faults.contextual_percent_boxes:
            body["pages"] = [_in_percent(page) for page in body.get("pages") or ()]
    return Answer(body)


def _in_percent(page: dict[str, Any]) -> dict[str, Any]:
    blocks = [
        block | {"bounding_box": {side: 100 * at for side, at in block["bounding_box"].items()}}
        for block in page.get("blocks") or ()
    ]
    return page | {"blocks": blocks}


def _config(job: Job) -> dict[str, Any] | None:
    rng = job.random("config")
    if rng.random() < 0.15:
        return None
    return {
        "model": rng.choice(("gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview")),
        "per_key_attribution": has_attribution(job),
        "temperature": rng.choice((None, 0, 0.1)),
        "enable_thinking": True,
        "additional_instructions": None,
        "enable_agentic_array_extraction": False,
    }


def _extract_row(call: Call, job: Job) -> dict[str, Any]:
    rng = job.random("schema")
    done = job.progress(call.world.clock.virtual)
    fields = rng.randint(5, 40)
    ended_early = job.status in ("failed", "cancelled")
    percentage = rng.randint(0, 90) if ended_early else int(done * 100)
    step = "failed" if ended_early else _STEPS[min(4, int(done * 4))]
    row: dict[str, Any] = {
        "job_id": job.job_id,
        "status": call.status(job),
        # Typed as a bare string: read it as UTC.
        "created_at": call.date(job.created_at, "naive"),
        "progress": {
            "completion_percentage": percentage,
            "current_step": step,
            "fields_processed": int(fields * percentage / 100),
            "total_fields": fields,
        },
        "current_activity": "" if job.finished_at else f"{step} ({percentage} %)",
        "schema_id": f"schema_{rng.randint(1, 9)}",
        "document_id": f"doc_{rng.getrandbits(48):012x}",
        "config": _config(job),
    }
    if job.status == "running":
        # Promised by the text, absent from the schema, gone when the job ends.
        results = {"vendor": "Nordwind"} if percentage > 30 else {}
        row |= {"accumulated_results": results, "failed_subtrees": []}
    return row


def list_extract(call: Call) -> Answer:
    """`GET /extract/jobs`, in no order that anybody promised."""
    status = call.one_of("job_status", _STATUSES)
    search = (call.text("search") or "").lower()
    jobs = [
        job
        for job in visible(call, call.world.listed(("contextual", "extract"), "id"))
        if (status is None or call.status(job) == status)
        and (not search or search in job.document_name.lower() or search in job.job_id)
    ]
    page = take_page(call, jobs, _limit(call, 20, 100), call.text("cursor"), offset=False)
    rows = [_extract_row(call, job) for job in page.jobs]
    body: dict[str, Any] = {"jobs": rows, "total_count": len(jobs)}
    body["prev_cursor"] = call.text("cursor")
    put_token(call, body, "next_cursor", page.next_token, null_at_end=True)
    drift(call, ("contextual", "extract"))
    return Answer(body, rows=rows, first_page=page.number == 0)


def get_extract(call: Call) -> Answer:
    """`GET /extract/jobs/{job_id}`."""
    return Answer(_extract_row(call, call.job("extract")))


def extract_results(call: Call) -> Answer:
    """`GET /extract/jobs/{job_id}/results`; empty results while the job is not completed."""
    job = call.job("extract")
    call.refuse_early(job)
    broken = call.broken(job, ["garbage"])
    if broken is not None:
        return broken
    whole = content(job) if job.has_result else {"results": {}, "metadata": {}}
    results = whole.get("results")
    body = {
        "job_id": job.job_id,
        "status": call.status(job),
        "results": results,
        "metadata": whole.get("metadata", {}),
        "config": _config(job),
    }
    return Answer(body, free_form=[results] if isinstance(results, dict) and results else [])
