"""Reducto (docs/providers/reducto.md): `/jobs`, `/job/{job_id}`, and results on another host."""

from __future__ import annotations

import json
from typing import Any, Final

from dlt_docjobs.emulator.apis.answers import Answer, Refusal, refuse
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.apis.paging import drift, put_token, take_page, visible
from dlt_docjobs.emulator.contents import content, words
from dlt_docjobs.emulator.jobs import Combination, Job

_TYPES: Final = {"parse": "Parse", "extract": "Extract", "classify": "Classify", "split": "Split"}
_KINDS: Final[tuple[Combination, ...]] = (
    ("reducto", "parse"),
    ("reducto", "extract"),
    ("reducto", "classify"),
    ("reducto", "split"),
)
_OTHERS: Final = ("Edit", "Pipeline", "Chart", "Transcribe")
# what a single answer says of a job that the list shows in one of these
_VAGUE: Final = {"InProgress": "Pending", "Completing": "Pending"}
_URL_SHARE: Final = 0.25
_PLAIN_SHARE: Final = 0.3


def list_jobs(call: Call) -> Answer:
    """`GET /jobs`: all kinds in one list, without a filter."""
    most = min(500, call.faults.page_size_max or 500)
    limit = call.size("limit", min(100, most), most)
    if call.faults.ignore_page_size:
        limit = min(100, most)
    order = call.faults.parse_order
    gone = call.faults.reducto_rows_outlive
    jobs = [
        job
        for kind in _KINDS
        for job in visible(call, call.world.listed(kind, order, with_gone=gone))
    ]
    if order == "id":
        jobs.sort(key=lambda job: job.job_id)
    else:
        jobs.sort(key=lambda job: (job.created_at, job.job_id), reverse=order == "newest")
    # nobody says whether a cursor counts rows; this is the harder case
    page = take_page(call, jobs, limit, call.text("cursor"), offset=True)
    rows = [job_row(call, job) for job in page.jobs]
    if call.faults.other_types and page.number == 0:
        for number, name in enumerate(_OTHERS if rows else ()):
            rows.append(rows[0] | {"job_id": f"other-{number}", "type": name})
    body: dict[str, Any] = {"jobs": rows}
    put_token(call, body, "next_cursor", page.next_token, null_at_end=True)
    drift(call, _KINDS[0])
    return Answer(body, rows=rows, first_page=page.number == 0)


def job_row(call: Call, job: Job) -> dict[str, Any]:
    """A job in the list."""
    row = {"job_id": job.job_id, "status": call.status(job), **_facts(call, job)}
    if call.flag("exclude_configs", False):
        if call.faults.reducto_no_configs == "absent":
            del row["raw_config"]
        elif call.faults.reducto_no_configs != "kept":
            row["raw_config"] = "" if call.faults.reducto_no_configs == "empty" else "{}"
    return row


def _facts(call: Call, job: Job) -> dict[str, Any]:
    """What the list and the longer form of a single answer say alike."""
    pages = _pages(job) if job.started_at is not None or job.has_result else None
    began, ended = job.started_at, job.finished_at
    duration = (ended - began).total_seconds() if began and ended else None
    return {
        "type": _TYPES[job.job_kind],
        "raw_config": json.dumps(_config(call, job)),
        "created_at": call.date(job.created_at),
        "source": None,
        "num_pages": min(pages, 1) if pages and call.faults.reducto_page_range else pages,
        "total_pages": pages,
        "duration": duration,
        "bucket": None,
    }


def _pages(job: Job) -> int:
    whole = content(job) if job.has_result else {}
    pages: int = whole.get("page_count", job.document_pages)
    return pages


def _config(call: Call, job: Job) -> dict[str, Any]:
    return {
        "input": words.signed_url(call.world.signatures, f"{job.job_id}/{job.document_name}"),
        "document_password": "hunter2-of-the-document",
        "retrieval": {"chunking": {"chunk_mode": "variable"}},
        "async": {"webhook": {"mode": "disabled"}},
    }


def get_job(call: Call) -> Answer:
    """`GET /job/{job_id}`: status and result in one answer, in one of two forms."""
    job = _job(call)
    word = call.status(job)
    body: dict[str, Any] = {
        "status": word if call.faults.reducto_own_words else _VAGUE.get(word, word),
        "result": None,
        "progress": call.progress(job),
        "reason": None,
    }
    rng = job.random("form")
    is_plain = rng.random() < _PLAIN_SHARE
    if not (is_plain if call.faults.reducto_plain is None else call.faults.reducto_plain):
        body |= _facts(call, job)
    if job.error_message is not None:
        body["reason"] = job.error_message
        if rng.random() < 0.5:
            error = {"code": 500, "name": "INTERNAL_ERROR", "message": job.error_message}
            body["error"] = error | {"job_id": job.job_id}
    if word == "Cancelled":
        body["status"] = call.faults.reducto_cancelled
        if body["status"] == "Failed":
            body["error"] = {"code": 499, "name": "JOB_CANCELLED", "message": "job cancelled"}
    broken = call.broken(job, _garbage(job, body))
    if broken is not None:
        return broken
    if job.has_result:
        body["result"] = result = _result(call, job)
        value = result["result"]
        if job.job_kind == "extract":
            entries = value if isinstance(value, list) else [value]
            return Answer(body, free_form=entries)
    return Answer(body)


def _job(call: Call) -> Job:
    job_id = call.path["job_id"]
    for combination in _KINDS:
        job = call.world.find(combination, job_id)
        if job is not None:
            return job
    status = call.faults.reducto_deleted
    if status != 404 and call.world.was_removed(job_id):
        name = "JOB_DELETED" if status == 410 else "JOB_DELETION_IN_PROGRESS"
        said = {"code": status, "name": name, "message": "the job is deleted"}
        raise Refusal(Answer({"error": said}, status))
    raise Refusal(refuse("reducto", 404, f"Job {job_id} not found"))


def _garbage(job: Job, body: dict[str, Any]) -> Any:
    if job.job_kind != "parse":
        return ["garbage"]
    garbage = {"type": "full", "chunks": {"garbage": True}}
    return body | {"result": {"response_type": "parse", "result": garbage}}


def _result(call: Call, job: Job) -> dict[str, Any]:
    whole = content(job)
    pages = _pages(job)
    usage: dict[str, Any] = {"num_pages": pages}
    if call.faults.reducto_breakdown:
        usage["usage_breakdown"] = {"type": "standard_parse", "num_pages": pages}
    elif not call.faults.usage_never:
        usage["credits"] = job.price
    if job.job_kind == "extract":
        usage |= {"num_fields": 4}
    elif job.job_kind == "classify":
        usage |= {"num_categories": 4}
    result = {
        "response_type": whole.get("response_type", job.job_kind),
        "job_id": job.job_id,
        "usage": usage,
        **{key: value for key, value in whole.items() if key not in _OF_A_PARSE},
    }
    if job.job_kind != "extract" or result["response_type"] == "extract":
        result["duration"] = 1.5
    if job.job_kind == "parse":
        result["pdf_url"] = words.signed_url(call.world.signatures, f"{job.job_id}/document.pdf")
        result["result"] = _parsed(call, job)
    if call.faults.reducto_no_response_type:
        del result["response_type"]
    share = job.random("url").random()
    if share < _URL_SHARE if call.faults.reducto_urls is None else call.faults.reducto_urls:
        result["result"] = _url(call, job, "result")
        if result.get("citations") is not None:
            result["citations"] = _url(call, job, "citations")
    return result


_OF_A_PARSE: Final = frozenset({"chunks", "ocr", "page_count"})


def _parsed(call: Call, job: Job) -> dict[str, Any]:
    whole = content(job)
    chunks = [
        chunk | {"blocks": [_block(call, block) for block in chunk["blocks"]]}
        for chunk in whole["chunks"]
    ]
    if call.faults.reducto_sheets:
        for chunk in chunks:
            chunk["blocks"] = [_on_sheet(block) for block in chunk["blocks"]]
    return {"type": "full", "chunks": chunks, "ocr": whole.get("ocr"), "custom": None}


def _block(call: Call, block: dict[str, Any]) -> dict[str, Any]:
    url = block.get("image_url")
    if url is None:
        return block
    # signed anew at every call, as storage does it
    path = url.partition("?")[0].partition(".com/")[2]
    return block | {"image_url": words.signed_url(call.world.signatures, path)}


def _on_sheet(block: dict[str, Any]) -> dict[str, Any]:
    box = block["bbox"]
    return block | {
        "bbox": dict.fromkeys(("left", "top", "width", "height"), 1)
        | {key: box[key] for key in ("page", "original_page") if key in box}
    }


def _url(call: Call, job: Job, part: str) -> dict[str, Any]:
    # another host, which needs no name server
    port = call.headers.get("host", "").rpartition(":")[2]
    signature = f"{call.world.signatures.getrandbits(256):064x}"
    place = f"results/{job.job_id}/{part}.json?X-Amz-Expires=3600&X-Amz-Signature={signature}"
    url = f"http://localhost:{port}/reducto/{place}"
    return {"type": "url", "url": url, "result_id": f"{job.job_id}-{part}"}


def get_stored(call: Call) -> Answer:
    """What lies at a result's URL; a store wants a signature, and minds a key beside it."""
    if call.text("X-Amz-Signature") is None or "authorization" in call.headers:
        return Answer("<Error><Code>InvalidArgument</Code></Error>", 400, "application/xml")
    job = _job(call)
    part = call.path["part"]
    if job.job_kind == "parse":
        return Answer(_parsed(call, job))
    value = content(job)[part]
    if call.faults.reducto_wrapped and part == "result":
        return Answer({"response_type": job.job_kind, "usage": {}, "result": value})
    entries = value if isinstance(value, list) else [value]
    return Answer(value, free_form=entries if job.job_kind == "extract" else [])
