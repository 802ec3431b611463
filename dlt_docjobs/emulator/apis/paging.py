"""Pages of a list and the tokens that lead from one to the next, with everything that can go wrong.

A token is opaque to clients. Here it is Base64 of JSON: where to go on, which page that is, and a
fingerprint of the filters: a client that does not send the same filters with every page is
refused, because nobody has said what a provider would then do.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from dlt_docjobs.emulator.apis.answers import Answer, Refusal
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.jobs import Combination, Job

_NO_FILTERS: Final = frozenset({"page_token", "cursor", "page_size", "limit", "expand"})


class Page(NamedTuple):
    """A page of a list."""

    jobs: list[Job]
    next_token: str | None
    number: int
    """0 for the first."""


def _fingerprint(call: Call) -> list[list[str]]:
    return sorted([key, value] for key, value in call.query if key not in _NO_FILTERS)


def _encode(place: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _decode(call: Call, token: str) -> dict[str, Any]:
    try:
        place: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.encode()))
        if place["for"] == _fingerprint(call):
            return place
        problem = "Page token does not match the filters"
    except (ValueError, KeyError, TypeError, binascii.Error):
        problem = "Invalid page token"
    raise Refusal(Answer({"detail": problem}, 400))


def take_page(
    call: Call, rows: Sequence[Job], size: int, token: str | None, *, offset: bool
) -> Page:
    """The page that a token leads to.

    Args:
        call: The request.
        rows: The whole list, filtered and in order.
        size: Rows a page.
        token: What the client has sent.
        offset: Whether tokens count rows (so that a list which grows at its head shows rows
            twice), or name the last row.
    """
    faults = call.faults
    if faults.no_paging:
        return Page(list(rows), None, 0)
    place: dict[str, Any] = (
        {"n": 0, "at": 0, "last": None} if token is None else _decode(call, token)
    )
    start = int(place["at"])
    if not offset and place["last"] is not None:
        # After the last row, if it is still there; else where it was.
        ids = [job.job_id for job in rows]
        start = ids.index(place["last"]) + 1 if place["last"] in ids else start
    number = int(place["n"])
    taken = list(rows[start : start + size])
    end = start + len(taken)
    if faults.empty_page and number == 1:
        taken, end = [], start
    going_on = end < len(rows) or (faults.empty_page and number < 1)
    last = rows[end - 1].job_id if 0 < end <= len(rows) else None
    following = {"n": number + 1, "at": end, "last": last, "for": _fingerprint(call)}
    next_token = _encode(following) if going_on else None
    if faults.endless_list and not going_on:
        next_token = _encode(following | {"at": 0, "last": None})
    if faults.repeat_page_token:
        next_token = token or next_token or _encode(following)
    if faults.duplicate_rows and number and start:
        taken.insert(0, rows[start - 1])
    return Page(taken, next_token, number)


def put_token(
    call: Call, body: dict[str, Any], name: str, token: str | None, *, null_at_end: bool
) -> None:
    """Writes the token of the next page into a body, or the end of the list."""
    style = call.faults.end_token
    if style == "default":
        style = "null" if null_at_end else "absent"
    if token is not None:
        body[name] = token
    elif style != "absent":
        body[name] = None if style == "null" else ""


def drift(call: Call, combination: Combination) -> None:
    """Lets a new job appear after a page, where faults say so."""
    if call.faults.drift:
        call.world.add_job(*combination)


def next_instant(at: datetime | None, microseconds: int) -> datetime | None:
    """The instant beside another one: a bound that is not part of what it bounds."""
    return None if at is None else at + timedelta(microseconds=microseconds)


def visible(call: Call, jobs: Sequence[Job]) -> list[Job]:
    """The jobs without those that faults leave out of lists."""
    return [job for job in jobs if job.job_id not in call.faults.bulk_omits]
