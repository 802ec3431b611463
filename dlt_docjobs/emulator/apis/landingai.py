"""LandingAI ADE v2 (docs/providers/landingai.md): `/v2/parse/jobs` and `/v2/extract/jobs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dlt_docjobs.emulator.apis.answers import Answer
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.apis.paging import drift, visible
from dlt_docjobs.emulator.contents import content, words
from dlt_docjobs.emulator.contents.landingai import old_form
from dlt_docjobs.emulator.jobs import Job
from dlt_docjobs.model.vocabulary import RUNNING, JobKind

FILES: Final = "/files"
"""Where large results lie, beside the API."""

_STATUSES: Final = ("pending", "processing", "completed", "failed", "cancelled")
_DEFAULT_SIZE: Final = 10
_MOST: Final = 100


def _size(call: Call) -> int:
    """The page size; the other of its two names is not understood."""
    most = min(_MOST, call.faults.page_size_max or _MOST)
    size = call.size(call.faults.landingai_page_size, min(_DEFAULT_SIZE, most), most)
    return _DEFAULT_SIZE if call.faults.ignore_page_size else size


def _take(call: Call, jobs: Sequence[Job], size: int, number: int) -> tuple[list[Job], bool]:
    """The jobs of a page, and whether there are more; pages are counted, so growth shifts them."""
    faults = call.faults
    if faults.no_paging:
        return list(jobs), False
    if faults.repeat_page_token:
        return list(jobs[:size]), True
    if faults.empty_page:
        if number == 1:
            return [], True
        number -= number > 1
    if faults.endless_list:
        number %= max(1, -(-len(jobs) // size))
    start = number * size
    taken = list(jobs[start : start + size])
    if faults.duplicate_rows and 0 < start <= len(jobs):
        taken.insert(0, jobs[start - 1])
    is_first_of_two = faults.empty_page and number == 0 and not call.integer("page", 0, 0, None)
    return taken, start + size < len(jobs) or faults.endless_list or is_first_of_two


def _date(call: Call, name: str, at: Any) -> dict[str, Any]:
    """A date as it is written now, or in seconds since 1970 as it was."""
    if call.faults.landingai_form == "old" and name == "created_at":
        return {"received_at": None if at is None else int(call.shown(at).timestamp())}
    return {name: call.date(at)}


def _list(call: Call, kind: JobKind) -> Answer:
    wanted = call.one_of("status", _STATUSES)
    number, size = call.integer("page", 0, 0, None), _size(call)
    jobs = [
        job
        for job in visible(call, call.world.listed(("landingai", kind), "newest"))
        if wanted is None or call.status(job) == wanted
    ]
    if call.faults.landingai_order == "end":
        jobs.sort(key=lambda job: job.finished_at or call.world.clock.read(), reverse=True)
    taken, has_more = _take(call, jobs, size, number)
    rows = [job_row(call, job) for job in taken]
    body: dict[str, Any] = {"jobs": rows, "page": number, "page_size": size}
    if has_more or call.faults.end_token == "default":
        body["has_more"] = has_more
    elif call.faults.end_token != "absent":
        body["has_more"] = None if call.faults.end_token == "null" else ""
    drift(call, ("landingai", kind))
    return Answer(body, rows=rows, first_page=number == 0)


def job_row(call: Call, job: Job) -> dict[str, Any]:
    """A job in its list."""
    return {
        "job_id": job.job_id,
        "status": call.status(job),
        **_date(call, "created_at", job.created_at),
        "completed_at": call.date(job.finished_at),
        "model_version": job.tier if job.started_at is not None else None,
        "failure_reason": job.error_message,
    }


def list_parse(call: Call) -> Answer:
    """`GET /v2/parse/jobs`, newest first."""
    return _list(call, "parse")


def list_extract(call: Call) -> Answer:
    """`GET /v2/extract/jobs`, newest first."""
    return _list(call, "extract")


def _job_body(call: Call, job: Job) -> dict[str, Any]:
    body: dict[str, Any] = {
        "job_id": job.job_id,
        "status": call.status(job),
        **_date(call, "created_at", job.created_at),
    }
    if job.status == RUNNING:
        # an estimate, which never reaches 1
        body["progress"] = call.progress(job)
    if job.finished_at is not None:
        body["completed_at"] = call.date(job.finished_at)
    if job.status == "failed":
        body["error"] = {"code": "internal_error", "message": job.failure}
    return body


def _metadata(job: Job, whole: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "job_id": job.job_id,
        "model_version": job.tier,
        "duration_ms": 1000 * job.document_pages,
        "range_units": "unicode_codepoints",
        "openapi_spec": "https://api.example.invalid/openapi.json",
        "billing": {"service_tier": "standard", "total_credits": job.price},
    }
    if job.job_kind == "extract":
        given = {"doc_id": job.parse_job_id} if job.parse_job_id is not None else {}
        sizes = {"input_markdown_chars": len(whole.get("markdown") or "")}
        return parts | sizes | given
    pages = (whole.get("structure") or {}).get("children") or []
    failed = [page["grounding"]["page"] for page in pages if page.get("status") == "failed"]
    return parts | {
        "page_count": len(pages),
        "failed_pages": failed,
        "output_markdown_chars": len(whole.get("markdown") or ""),
    }


def _result(call: Call, job: Job) -> dict[str, Any]:
    """A result with its metadata, in today's form or the older one."""
    whole = content(job)
    metadata = _metadata(job, whole)
    if call.faults.landingai_form == "old" and job.job_kind == "parse":
        whole = old_form(whole)
    return {**whole, "metadata": metadata}


def _get(call: Call, kind: JobKind) -> Answer:
    job = call.job(kind)
    body = _job_body(call, job)
    broken = call.broken(job, body | {"result": "garbage"} if kind == "parse" else ["garbage"])
    if broken is not None:
        return broken
    if not job.has_result or job.result == {}:
        return Answer(body)
    result, is_old = _result(call, job), call.faults.landingai_form == "old"
    if call.faults.landingai_delivery == "inline":
        body["data" if is_old and kind == "parse" else "result"] = result
        extracted = result.get("extraction")
        return Answer(body, free_form=[extracted] if isinstance(extracted, dict) else [])
    if call.faults.landingai_delivery == "receipt":
        url = words.signed_url(call.world.signatures, f"{job.job_id}.json")
        return Answer(body | {"result": None, "output_url": url, "metadata": result["metadata"]})
    path = f"/landingai{FILES}/{job.job_id}"
    signature = f"{call.world.signatures.getrandbits(128):032x}"
    url = f"http://{call.headers['host']}{path}?X-Amz-Signature={signature}"
    return Answer(body | {"data": None, "output_url": url})


def get_parse(call: Call) -> Answer:
    """`GET /v2/parse/jobs/{job_id}`: with the result once there is one."""
    return _get(call, "parse")


def get_extract(call: Call) -> Answer:
    """`GET /v2/extract/jobs/{job_id}`: with the result once there is one."""
    return _get(call, "extract")


def get_file(call: Call) -> Answer:
    """A large result by itself: whoever has the URL needs no key, and must not send one."""
    kind: JobKind = "parse" if call.path["job_id"].startswith("parse-") else "extract"
    return Answer(_result(call, call.job(kind)))
