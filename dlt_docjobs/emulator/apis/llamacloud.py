"""LlamaCloud (docs/providers/llamacloud.md): parse, extract, classify and split jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

from dlt_docjobs.emulator.apis.answers import Answer, Refusal, invalid, refuse
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.apis.paging import drift, next_instant, put_token, take_page, visible
from dlt_docjobs.emulator.contents import content, words
from dlt_docjobs.emulator.contents.extractions import CLASSES
from dlt_docjobs.emulator.jobs import Job
from dlt_docjobs.model.vocabulary import JobKind

_USUAL: Final = ("PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")
_STATUSES: Final[dict[JobKind, tuple[str, ...]]] = {
    "parse": _USUAL,
    "extract": (*_USUAL, "THROTTLED"),
    "classify": _USUAL,
    # a word of its own, and all of them in lower case
    "split": ("pending", "processing", "completed", "failed", "cancelled"),
}
_TIERS: Final = ("fast", "cost_effective", "agentic", "agentic_plus")
_DEFAULT_PAGE: Final = 50
_LARGEST_CLASSIFY_PAGE: Final = 100

_CONTENT_KEYS: Final = {
    "text_content_metadata": "text",
    "markdown_content_metadata": "markdown",
    "items_content_metadata": "items",
    "metadata_content_metadata": "metadata",
    "forms_content_metadata": "forms",
    "raw_words_content_metadata": "rawWords",
    "xlsx_content_metadata": "xlsx",
    "output_pdf_content_metadata": "outputPDF",
    "text_full_content_metadata": "textFull",
    "markdown_full_content_metadata": "markdownFull",
}
"""The keys under `result_content_metadata` are not the names that ask for them."""

_EXPAND: Final = (
    *("items", "markdown", "text", "markdown_full", "text_full", "metadata", "forms"),
    *("job_metadata", "usage", "images_content_metadata", *_CONTENT_KEYS),
)


def _check_scope(call: Call) -> None:
    """Project and organization: bare uuids, and the key's own."""
    own = {"project_id": call.world.project_id, "organization_id": call.world.organization_id}
    for name, value in own.items():
        given = call.text(name)
        if given is None:
            continue
        if call.faults.prefixed_project_id:
            given = given.removeprefix("prj-")
        try:
            same = str(uuid.UUID(given)) == value
        except ValueError:
            raise invalid(
                "query", name, "Input should be a valid UUID", "uuid_parsing", given
            ) from None
        if not same:
            raise Refusal(refuse("llamacloud", 403))


def _filtered(call: Call, kind: JobKind, order: str) -> list[Job]:
    """The jobs that fit the filters that all lists share."""
    after = call.instant("created_at_on_or_after")
    before = call.instant("created_at_on_or_before")
    if call.faults.exclusive_bounds:
        after, before = next_instant(after, 1), next_instant(before, -1)
    status = call.one_of("status", _STATUSES[kind])
    ids = call.many("job_ids")
    most = call.faults.job_ids_max
    if most is not None and len(ids) > most:
        message = f"List should have at most {most} items"
        raise invalid("query", "job_ids", message, "too_long", len(ids))
    wanted = set() if call.faults.ignore_job_ids else set(ids)
    if call.faults.ignore_bounds or (wanted and call.faults.ids_override_bounds):
        after = before = None
    jobs = visible(call, call.world.listed(("llamacloud", kind), order))
    return [
        job
        for job in jobs
        if (after is None or call.shown(job.created_at) >= after)
        and (before is None or call.shown(job.created_at) <= before)
        and (status is None or call.status(job) == status)
        and (not wanted or job.job_id in wanted)
    ]


def _page_size(call: Call) -> int:
    most = call.faults.page_size_max
    size = _DEFAULT_PAGE
    if most is None:
        size = call.integer("page_size", size, 1, None)
    else:
        size = call.size("page_size", min(size, most), most)
    return _DEFAULT_PAGE if call.faults.ignore_page_size else size


def _usage(call: Call, job: Job) -> dict[str, Any] | None:
    billed = job.credits is not None and not call.faults.usage_never
    return {"credits": job.credits if billed else None}


def parse_row(call: Call, job: Job) -> dict[str, Any]:
    """A parse job as lists and `job` show it."""
    return {
        "id": job.job_id,
        "project_id": f"prj-{call.world.project_id}",
        "status": call.status(job),
        "created_at": call.date(job.created_at),
        "updated_at": call.date(job.updated_at),
        "error_message": job.error_message,
        "name": job.document_name,
        "tier": job.tier,
        "usage": None,
        "user_metadata": job.user_metadata,
    }


def list_parse(call: Call) -> Answer:
    """`GET /api/v2/parse`."""
    _check_scope(call)
    jobs = _filtered(call, "parse", call.faults.parse_order)
    page = take_page(call, jobs, _page_size(call), call.text("page_token"), offset=False)
    rows = [parse_row(call, job) for job in page.jobs]
    body: dict[str, Any] = {"items": rows}
    put_token(call, body, "next_page_token", page.next_token, null_at_end=True)
    # "May be an estimate": the documented sample shows 0 beside one item.
    body["total_size"] = 0
    drift(call, ("llamacloud", "parse"))
    return Answer(body, rows=rows, first_page=page.number == 0)


def parse_versions(call: Call) -> Answer:
    """`GET /api/v2/parse/versions`: no job, though its path looks like one's."""
    return Answer({"versions": [{"tier": tier, "version": "latest"} for tier in _TIERS]})


def get_parse(call: Call) -> Answer:
    """`GET /api/v2/parse/{job_id}`."""
    _check_scope(call)
    expand = call.words("expand", _EXPAND)
    job = call.job("parse")
    row = parse_row(call, job)
    if "usage" in expand:
        row["usage"] = _usage(call, job)
    body: dict[str, Any] = {"job": row} | _by_itself(call, job)
    wanted = [name for name in expand if name not in ("usage", "job_metadata")]
    if "job_metadata" in expand:
        body["job_metadata"] = {"queue": "default", "retries": 0}
    if wanted:
        call.refuse_early(job)
    if not job.has_result:
        # Null, not absent and no error: nobody has said which.
        return Answer(body | {name: None for name in wanted if name not in _CONTENT_KEYS})
    if wanted:
        broken = call.broken(job, body | {name: {"pages": "garbage"} for name in wanted})
        if broken is not None:
            return broken
        results = _results(call, job, wanted)
        files = body.get("result_content_metadata", {}) | results.pop("files")
        body |= results | ({"result_content_metadata": files} if files else {})
    return Answer(body)


def _by_itself(call: Call, job: Job) -> dict[str, Any]:
    """What some jobs answer without being asked: their parameters, secrets included, and a file."""
    chance = job.random("by-itself").random()
    body: dict[str, Any] = {}
    if chance < 0.3:
        body["raw_parameters"] = {
            "webhook_url": "https://hooks.example.com/in?token=hook-s3cret",
            "webhook_headers": {"X-Signing-Key": "hook-s3cret"},
            "http_proxy": "http://user:proxy-s3cret@proxy.example.com:3128",
        }
    if chance > 0.85 and job.has_result:
        # Jobs that ran with granular bounding boxes.
        url = words.signed_url(call.world.signatures, f"{job.job_id}/grounded.jsonl")
        file = {"size_bytes": 1234, "exists": True, "presigned_url": url}
        body["result_content_metadata"] = {"grounded_items": file}
    return body


def _results(call: Call, job: Job, wanted: list[str]) -> dict[str, Any]:
    """The results that `expand` asks for, and under `files` the files."""
    whole = content(job)
    pages = whole["items"]["pages"] if whole.get("items") else []
    text_only = call.faults.fast_without_items and job.tier == "fast"
    markdown = [_page_markdown(page) for page in pages]
    texts = [_page_text(page) for page in pages if page.get("success", True)]
    views: dict[str, Any] = {
        "items": None if text_only else whole.get("items"),
        "markdown": None if text_only else {"pages": markdown},
        "text": {"pages": texts},
        "markdown_full": "\n\n".join(page["markdown"] for page in markdown if page["success"]),
        "text_full": "\n\n".join(page["text"] for page in texts),
        "metadata": whole.get("metadata"),
        "forms": whole.get("forms"),
        "images_content_metadata": _images(call, job),
    }
    body: dict[str, Any] = {name: views[name] for name in wanted if name in views}
    asked = [name for name in wanted if name in _CONTENT_KEYS]
    return body | {"files": {_CONTENT_KEYS[name]: _file(call, job, name) for name in asked}}


def _page_markdown(page: dict[str, Any]) -> dict[str, Any]:
    if not page.get("success", True):
        return {key: page[key] for key in ("page_number", "success", "error")}
    markdown = "\n\n".join(item.get("md", "") for item in page["items"])
    return {"page_number": page["page_number"], "success": True, "markdown": markdown}


def _item_text(item: dict[str, Any]) -> str:
    if "items" in item:
        return "\n".join(_item_text(member) for member in item["items"])
    for key in ("value", "text", "csv", "caption"):
        if key in item:
            return str(item[key])
    return str(item.get("md", ""))


def _page_text(page: dict[str, Any]) -> dict[str, Any]:
    text = "\n".join(_item_text(item) for item in page["items"])
    return {"page_number": page["page_number"], "text": text}


def _file(call: Call, job: Job, name: str) -> dict[str, Any]:
    """A presigned URL, a new one at every call."""
    exists = name not in ("forms_content_metadata", "xlsx_content_metadata")
    url = words.signed_url(call.world.signatures, f"{job.job_id}/{_CONTENT_KEYS[name]}")
    size = 1000 * job.document_pages if exists else 0
    return {"size_bytes": size, "exists": exists, "presigned_url": url if exists else None}


def _images(call: Call, job: Job) -> dict[str, Any]:
    wanted = call.many("image_filenames")
    images = [
        {
            "index": index,
            "filename": f"page_{index + 1}.jpg",
            "content_type": "image/jpeg",
            "category": "screenshot",
            "bbox": {"x": 0, "y": 0, "w": 612, "h": 792},
            "presigned_url": words.signed_url(call.world.signatures, f"{job.job_id}/{index}.jpg"),
            "size_bytes": None,
        }
        for index in range(job.document_pages)
        if not wanted or f"page_{index + 1}.jpg" in wanted
    ]
    return {"total_count": len(images), "images": images}


def _configuration(job: Job) -> dict[str, Any]:
    target = "per_page" if isinstance(content(job).get("extract_result"), list) else "per_doc"
    return {
        "data_schema": {"type": "object", "properties": {"vendor": {"type": "string"}}},
        "extraction_target": target,
        "tier": "agentic",
        "cite_sources": False,
        "confidence_scores": False,
        "webhook_configurations": [
            {"webhook_url": "https://hooks.example.com/in", "webhook_headers": {"X-Key": "s3cret"}}
        ],
    }


def _extract_row(call: Call, job: Job, expand: list[str], with_result: bool) -> dict[str, Any]:
    whole = content(job) if job.has_result else {}
    row: dict[str, Any] = {
        "id": job.job_id,
        "project_id": f"prj-{call.world.project_id}",
        "file_input": job.file_input,
        "status": call.status(job),
        "created_at": call.date(job.created_at),
        "updated_at": call.date(job.updated_at),
        "configuration_id": None,
        "error_message": job.error_message,
        "metadata": None,
    }
    if with_result:
        row["extract_result"] = whole.get("extract_result")
    if job.has_result:
        pages = job.document_pages
        row["metadata"] = {"usage": {"num_pages_extracted": pages, "num_pages_billed": pages}}
    if "configuration" in expand:
        row["configuration"] = _configuration(job)
    fields = whole.get("field_metadata")
    if "extract_metadata" in expand or fields is not None:
        # Included by itself when the job was run with citations or confidence scores.
        parse = {"parse_job_id": job.parse_job_id, "parse_tier": "agentic"}
        row["extract_metadata"] = {"field_metadata": fields, **parse} if job.has_result else None
    if "usage" in expand:
        row["usage"] = _extract_usage(call, job)
    return row


def _extract_usage(call: Call, job: Job) -> dict[str, Any]:
    """A shared parse job's credits stand in every extract job's total."""
    if job.credits is None or call.faults.usage_never:
        return {"credits": None, "extract_credits": None, "parse_credits": None}
    parse = call.world.price(job.parse_job_id)
    own = job.credits
    return {"credits": own + (parse or 0.0), "extract_credits": own, "parse_credits": parse}


def list_extract(call: Call) -> Answer:
    """`GET /api/v2/extract`, newest first."""
    _check_scope(call)
    allowed = () if call.faults.lists_without_expand else ("configuration", "extract_metadata")
    expand = call.words("expand", allowed)
    jobs = _filtered(call, "extract", "newest")
    kind = call.one_of("document_input_type", ("file_id", "parse_job_id"))
    wanted_file = call.text("file_input") or call.text("document_input_value")
    if kind is not None:
        jobs = [job for job in jobs if (job.parse_job_id is None) == (kind == "file_id")]
    if wanted_file is not None:
        jobs = [job for job in jobs if job.file_input == wanted_file]
    if call.text("configuration_id") is not None:
        jobs = []
    page = take_page(call, jobs, _page_size(call), call.text("page_token"), offset=False)
    with_result = call.faults.list_carries_results
    rows = [_extract_row(call, job, expand, with_result) for job in page.jobs]
    body: dict[str, Any] = {"items": rows}
    put_token(call, body, "next_page_token", page.next_token, null_at_end=False)
    drift(call, ("llamacloud", "extract"))
    return Answer(body, rows=rows, first_page=page.number == 0)


def get_extract(call: Call) -> Answer:
    """`GET /api/v2/extract/{job_id}`."""
    _check_scope(call)
    expand = call.words("expand", ("configuration", "extract_metadata", "usage"))
    job = call.job("extract")
    row = _extract_row(call, job, expand, with_result=True)
    broken = call.broken(job, ["garbage"])
    if broken is not None:
        return broken
    result = row["extract_result"]
    mine = result if isinstance(result, list) else [result]
    return Answer(row, free_form=[part for part in mine if isinstance(part, dict)])


def get_review(call: Call) -> Answer:
    """`GET /api/v2/extract/{job_id}/review`: of whom it is served a review that waits."""
    _check_scope(call)
    job = call.job("extract")
    if not call.faults.reviews or not job.has_result:
        raise Refusal(refuse("llamacloud", 404, "No review"))
    begun = call.date(job.finished_at)
    decided = {"decided_at": None, "decided_by": None, "decided_reason": None}
    body = {"id": f"rev-{job.job_id}", "confidence_threshold": 0.8, "created_at": begun}
    return Answer(body | decided | {"field_actions": {}, "revision": 1, "flags": []})


def _short_list(call: Call, kind: JobKind, row: Callable[[Call, Job], dict[str, Any]]) -> Answer:
    """The list of classify or of split jobs: rows carry results, if faults don't take them out."""
    _check_scope(call)
    if kind in call.faults.unserved_kinds:
        raise Refusal(refuse("llamacloud", 404, "Not Found"))
    size = _page_size(call)
    if kind == "classify" and size > _LARGEST_CLASSIFY_PAGE:
        message = f"Input should be less than or equal to {_LARGEST_CLASSIFY_PAGE}"
        raise invalid("query", "page_size", message, "less_than_equal", size)
    page = take_page(call, _filtered(call, kind, "id"), size, call.text("page_token"), offset=False)
    rows = [row(call, job) for job in page.jobs]
    if call.faults.lists_without_results:
        for one in rows:
            one["result"] = None
    body: dict[str, Any] = {"items": rows}
    put_token(call, body, "next_page_token", page.next_token, null_at_end=True)
    drift(call, ("llamacloud", kind))
    return Answer(body, rows=rows, first_page=page.number == 0)


def _short_row(call: Call, job: Job) -> dict[str, Any]:
    """What the rows of classify and split jobs have in common."""
    whole = content(job) if job.has_result else {}
    from_parsed = job.parse_job_id is not None
    return {
        "id": job.job_id,
        "project_id": f"prj-{call.world.project_id}",
        "user_id": "u1",
        "status": call.status(job),
        "document_input_type": "parse_job_id" if from_parsed else "file_id",
        "file_input": job.file_input,
        "configuration_id": None,
        "transaction_id": None,
        "created_at": call.date(job.created_at),
        "updated_at": call.date(job.updated_at),
        "error_message": job.error_message,
        "result": whole.get("result"),
    }


def _classify_row(call: Call, job: Job) -> dict[str, Any]:
    rules = [{"type": name, "description": f"looks like: {name}"} for name in CLASSES]
    more = {"rules": rules, "mode": "FAST", "parsing_configuration": {"lang": "en", "max_pages": 5}}
    row = _short_row(call, job)
    return row | {"configuration": more, "parse_job_id": job.parse_job_id, "usage": None}


def _split_row(call: Call, job: Job) -> dict[str, Any]:
    return _short_row(call, job) | {
        "categories": [{"name": name, "description": f"looks like: {name}"} for name in CLASSES],
        "splitting_strategy": {
            "allow_uncategorized": "include",
            "custom_instructions": None,
            "min_pages_per_split": 1,
        },
        "parse_config_id": None,
        "parse_tier": None,
        "target_pages": None,
    }


def list_classify(call: Call) -> Answer:
    """`GET /api/v2/classify`."""
    return _short_list(call, "classify", _classify_row)


def list_split(call: Call) -> Answer:
    """`GET /api/v1/split/jobs`."""
    return _short_list(call, "split", _split_row)


def get_classify(call: Call) -> Answer:
    """`GET /api/v2/classify/{job_id}`."""
    expand = call.words("expand", ("usage",))
    job = call.job("classify")
    row = _classify_row(call, job)
    if "usage" in expand:
        billed = job.credits is not None and not call.faults.usage_never
        # on somebody's parse job it costs nothing more
        own, parse = (0.0, None) if job.parse_job_id else (job.credits, job.credits)
        row["usage"] = {
            "credits": own if billed else None,
            "parse_credits": parse if billed else None,
        }
    return _short_answer(call, job, row)


def get_split(call: Call) -> Answer:
    """`GET /api/v1/split/jobs/{job_id}`."""
    job = call.job("split")
    return _short_answer(call, job, _split_row(call, job))


def _short_answer(call: Call, job: Job, row: dict[str, Any]) -> Answer:
    _check_scope(call)
    return call.broken(job, ["garbage"]) or Answer(row, free_form=[row["result"] or {}])
