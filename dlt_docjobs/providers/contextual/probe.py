"""What only Contextual AI leaves open, for `docjobs probe` (docs/providers/contextual.md)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

from dlt_docjobs.providers.probing import NotShown, Probe, Question


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


QUESTIONS: Final = (
    Question("totals", "What does `total_jobs` count?", _totals),
    Question("clamp", "Is an `uploaded_after` of 400 days ago taken?", _clamp, 1),
    Question("offset", "Is an `uploaded_after` with an offset taken?", _form, 1),
    Question("extract-limit", "Is a `limit` of 1000 extract jobs taken?", _extract_limit, 1),
)
