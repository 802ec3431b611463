"""Unsiloed AI (docs/providers/unsiloed.md): a path a kind of jobs, and no lists."""

from __future__ import annotations

from typing import Any

from dlt_docjobs.emulator.apis.answers import Answer
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.contents import content, words
from dlt_docjobs.emulator.contents.extractions import CLASSES
from dlt_docjobs.emulator.jobs import Job


def _exact_date(call: Call, at: Any) -> str | None:
    """Six digits and `Z`, always."""
    text = call.date(at, "offset")
    return None if text is None else text.replace("+00:00", "Z")


def get_parse(call: Call) -> Answer:
    """`GET /parse/{job_id}`: fields that do not apply are null or 0 and not absent."""
    job = call.job("parse")
    urls = call.flag("include_url", False) or call.faults.unsiloed_always_urls
    running = job.started_at is not None
    done = job.has_result
    whole = content(job) if done else {}
    chunks: list[dict[str, Any]] = whole.get("chunks") or []
    pages = whole.get("page_count", job.document_pages)

    def url(path: str) -> str | None:
        return words.signed_url(call.world.signatures, path) if urls else None

    # A cancelled job's end is not known to be shown.
    shown = ("succeeded", "failed", "cancelled" if call.faults.unsiloed_cancelled_end else "")
    ended = job.finished_at if job.status in shown else None
    message = {"succeeded": "Task succeeded", "failed": job.failure}.get(job.status, "")
    body: dict[str, Any] = {
        "job_id": job.job_id,
        "id": f"rec_{job.random('record').getrandbits(40):010x}",
        "status": call.status(job),
        "created_at": _exact_date(call, job.created_at),
        "started_at": _exact_date(call, job.started_at),
        "finished_at": _exact_date(call, ended),
        "file_name": job.document_name,
        "file_type": "application/pdf",
        "file_url": url(f"{job.job_id}/input.pdf"),
        "pdf_url": url(f"{job.job_id}/document.pdf") if done else None,
        "output_file_url": url(f"{job.job_id}/output.json") if done else None,
        "message": message,
        "page_count": pages if running else 0,
        "total_chunks": len(chunks),
        "credit_used": int(job.price) if done else 0,
        "merge_tables": False,
        "metadata": {},
        "configuration": {
            "layout_analysis": "smart_layout_detection",
            "ocr_mode": "auto_ocr",
            "chunk_processing": {"target_length": 512, "tokenizer": {"Enum": "Word"}},
            "input_file_url": url(f"{job.job_id}/input.pdf"),
        },
    }
    if done and job.random("export").random() < 0.15:
        # Exports come with their URLs whether `include_url` asks for URLs or not.
        docx = words.signed_url(call.world.signatures, f"{job.job_id}/export.docx")
        body["exports"] = {"docx": docx}
    if call.flag("output_file", False) and done:
        signed = words.signed_url(call.world.signatures, f"{job.job_id}/output.json")
        places: dict[str, dict[str, Any]] = {
            "result": {"result": {"output_file_url": signed}},
            "top": {"output_file_url": signed},
            "other": {"output": {"url": signed}},
        }
        return Answer(body | places[call.faults.unsiloed_output_key])
    if call.flag("include_chunks", True) or call.faults.unsiloed_always_chunks:
        call.refuse_early(job)
        broken = call.broken(job, body | {"chunks": {"garbage": True}})
        if broken is not None:
            return broken
        body["chunks"] = _chunks(call, chunks, urls)
    return Answer(body)


def _chunks(call: Call, chunks: list[dict[str, Any]], urls: bool) -> list[dict[str, Any]]:
    """The chunks, with the wanted types of segments and with images only where URLs are wanted."""
    wanted = call.text("segment_filter") or call.text("keep_segment_types")
    wanted = wanted or call.headers.get("keep-segment-types")
    types = {part.strip().lower() for part in (wanted or "all").split(",")}
    answer = []
    for chunk in chunks:
        segments = [
            _segment(call, segment, urls)
            for segment in chunk["segments"]
            if "all" in types or segment["segment_type"].lower().replace(" ", "") in types
        ]
        if segments or not chunk["segments"]:
            answer.append(chunk | {"segments": segments})
    return answer


def _segment(call: Call, segment: dict[str, Any], urls: bool) -> dict[str, Any]:
    if segment.get("image") is None:
        return segment
    # Signed anew at every call, as storage does it.
    path = f"segments/{segment['segment_id']}.jpg"
    return segment | {"image": words.signed_url(call.world.signatures, path) if urls else None}


def get_extract(call: Call) -> Answer:
    """`GET /extract/{job_id}`: the result on `completed` and on `review`."""
    job = call.job("extract")
    whole: dict[str, Any] = content(job) if job.has_result else {}
    result = whole.get("result")
    body = {
        "job_id": job.job_id,
        "status": call.status(job),
        "file_name": job.document_name,
        "file_url": words.signed_url(call.world.signatures, f"{job.job_id}/input.pdf"),
        "created_at": call.date(job.created_at, "offset"),
        "updated_at": call.date(job.updated_at, "offset"),
        "metadata": whole.get("metadata") or _no_metadata(job),
        "result": result,
        "message": "Extraction completed" if job.has_result else "",
        "error": job.error_message,
        "quota_remaining": 4711,
    }
    broken = call.broken(job, ["garbage"])
    if broken is not None:
        return broken
    return Answer(body, free_form=[result] if isinstance(result, dict) else [])


def _no_metadata(job: Job) -> dict[str, Any]:
    return {"order": [], "schema": {}, "page_count": job.document_pages if job.finished_at else 0}


def get_classify(call: Call) -> Answer:
    """`GET /classify/{job_id}`: no dates."""
    job = call.world.find(("unsiloed", "parse"), call.path["job_id"])
    if job is not None and call.faults.unsiloed_any_path:
        return Answer({"job_id": job.job_id, "status": call.status(job), "result": None})
    job = call.job("classify")
    return _short_answer(call, job, _short_body(call, job))


def get_split(call: Call) -> Answer:
    """`GET /splitter/{job_id}`: no dates, and a progress that says the same at all times."""
    job = call.job("split")
    body = _short_body(call, job) | {
        "file_name": job.document_name,
        "file_url": words.signed_url(call.world.signatures, f"{job.job_id}/input.pdf"),
        "parameters": {
            "classes": list(CLASSES),
            "category_descriptions": {name: f"looks like: {name}" for name in CLASSES},
            "enable_reordering": False,
            "page_count": job.document_pages,
        },
    }
    if isinstance(body["result"], dict) and isinstance(body["result"].get("files"), list):
        files = []
        for place, one in enumerate(body["result"]["files"]):
            link = words.signed_url(call.world.signatures, f"{job.job_id}/{place}.pdf")
            number = f"{place}-" if call.faults.unsiloed_numbered_names else ""
            files.append(one | {"full_path": link, "name": f"{number}{one['name']}"})
        body["result"] = body["result"] | {"files": files}
    return _short_answer(call, job, body)


def _short_body(call: Call, job: Job) -> dict[str, Any]:
    whole: dict[str, Any] = content(job) if job.has_result else {}
    return {
        "job_id": job.job_id,
        "status": call.status(job),
        "progress": "about to start",
        "error": job.error_message,
        "result": whole.get("result"),
    }


def _short_answer(call: Call, job: Job, body: dict[str, Any]) -> Answer:
    return call.broken(job, ["garbage"]) or Answer(body, free_form=[body["result"] or {}])
