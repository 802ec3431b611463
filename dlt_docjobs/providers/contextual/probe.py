"""What only Contextual AI leaves open, for `docjobs probe` (docs/providers/contextual.md)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

from dlt_docjobs.providers.probing import NotShown, Probe, Question, old_result


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


async def _totals(probe: Probe) -> str:
    totals = []
    for limit in ("1", "50"):
        answer = await probe.get(("parse", "jobs"), [("limit", limit)])
        rows = answer.fields().get("jobs")
        total = _count(answer.fields().get("total_jobs"))
        if answer.status != 200 or not isinstance(rows, list) or total is None:
            return f"no number came (status {answer.status})"
        totals.append((total, len(rows)))
    (one, _), (other, rows_of_other) = totals
    if rows_of_other < 2:
        raise NotShown("it has less than two parse jobs")
    if one == other:
        return "of the whole list, whatever the page: the same with a limit of 1 and of 50"
    return "of the page" if (one, other) == (1, rows_of_other) else "neither of page nor list"


async def _clamp(probe: Probe) -> str:
    at = datetime.now(timezone.utc) - timedelta(days=400)
    bound = at.replace(tzinfo=None).isoformat(timespec="seconds")
    answer = await probe.get(("parse", "jobs"), [("limit", "1"), ("uploaded_after", bound)])
    return "taken" if answer.status == 200 else f"refused (status {answer.status})"


async def _form(probe: Probe) -> str:
    at = datetime.now(timezone.utc) - timedelta(days=1)
    bound = at.isoformat(timespec="seconds")
    answer = await probe.get(("parse", "jobs"), [("limit", "1"), ("uploaded_after", bound)])
    return "taken" if answer.status == 200 else f"refused (status {answer.status})"


async def _extract_limit(probe: Probe) -> str:
    answer = await probe.get(("extract", "jobs"), [("limit", "1000")])
    if answer.status != 200:
        return f"1000 is refused (status {answer.status})"
    rows = answer.fields().get("jobs")
    if not isinstance(rows, list):
        return "1000 is taken, and no list comes"
    if answer.fields().get("next_cursor"):
        return f"1000 is taken, but no more than {len(rows)} come"
    raise NotShown("1000 is taken, but all its jobs are on one page")


async def _parsed(probe: Probe, *params: tuple[str, str]) -> str:
    """What of a document an answer holds."""
    job = await probe.one("parse", "succeeded")
    answer = await probe.get(("parse", "jobs", job.job_id, "results"), params)
    if answer.status != 200:
        return f"refused (status {answer.status})"
    pages = answer.rows("pages")
    found = [
        *(["`markdown-document`"] if answer.fields().get("markdown_document") is not None else []),
        *(["`markdown-per-page`"] if any(page.get("markdown") for page in pages) else []),
        *(["`blocks-per-page`"] if any(page.get("blocks") for page in pages) else []),
    ]
    return f"{' and '.join(found) or 'none of the documented ones'}"


async def _default_output(probe: Probe) -> str:
    return await _parsed(probe)


async def _repeated(probe: Probe) -> str:
    return await _parsed(
        probe, ("output_types", "markdown-per-page"), ("output_types", "blocks-per-page")
    )


async def _box_scale(probe: Probe) -> str:
    reply, _ = await probe.result("parse")
    if reply.document is None:
        raise NotShown("the job has no result")
    segments = reply.document.tables["segments"]
    boxes = segments.num_rows - segments.column("provider_bbox").null_count
    placed = segments.num_rows - segments.column("bbox_x0").null_count
    return f"{placed} of {boxes} boxes are fractions of the page"


_old_extract: Final = partial(old_result, "extract")

QUESTIONS: Final = (
    Question("totals", "What does `total_jobs` count?", _totals),
    Question("clamp", "Is an `uploaded_after` of 400 days ago taken?", _clamp, 1),
    Question("offset", "Is an `uploaded_after` with an offset taken?", _form, 1),
    Question(
        "default-output", "Which `output_types` come where none is asked for?", _default_output, 1
    ),
    Question(
        "repeated", "Which `output_types` come where two are asked for, repeated?", _repeated, 1
    ),
    Question("box-scale", "On what scale are the boxes of blocks?", _box_scale, 0),
    Question("old-result", "What is the result of an old extract job?", _old_extract),
    Question("extract-limit", "Is a `limit` of 1000 extract jobs taken?", _extract_limit, 1),
)
