"""Bodies of answers, made once by the emulator's own code and kept as bytes.

A body has three parts. The head and the foot are all that is said of the job, a few hundred bytes
with placeholders for what differs between jobs; between them lies the result, the same bytes for
every job of a template. An answer is the head filled in, the result, and the foot filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from benchmarks import documents
from benchmarks.jobs import PROVIDERS, TEMPLATES, Calendar, Provider, job_id
from dlt_docjobs.emulator.apis import landingai as landingai_api
from dlt_docjobs.emulator.apis import llamacloud as llamacloud_api
from dlt_docjobs.emulator.apis import reducto as reducto_api
from dlt_docjobs.emulator.apis import unsiloed as unsiloed_api
from dlt_docjobs.emulator.apis.answers import Answer
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.clock import Clock
from dlt_docjobs.emulator.encoding import encode
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.world import World

# Stand-ins for a job's own values; dates of the form in which every date of a job is written
_IDS: Final[dict[Provider, str]] = {provider: job_id(provider, -1) for provider in PROVIDERS}
# as far apart as a job's own, because some answers say how long it took
_STAND_IN: Final = Calendar(datetime(2001, 1, 1, 1, 1, 1, 123456, tzinfo=timezone.utc))
_MOMENTS: Final = _STAND_IN.instants(0)


@dataclass(frozen=True, slots=True)
class Template:
    """The answers about one document.

    Attributes:
        row: The job in a list.
        head: The beginning of the answer about the job, up to its result.
        result: The result.
        foot: The end of the answer.
        bare: The answer about the job without its result.
    """

    row: bytes
    head: bytes
    result: bytes
    foot: bytes
    bare: bytes


def fill(part: bytes, provider: Provider, number: int, calendar: Calendar) -> bytes:
    """A part of a template with a job's own id and dates."""
    for placeholder, instant in zip(_MOMENT_BYTES, calendar.instants(number), strict=True):
        part = part.replace(placeholder, _written(instant))
    return part.replace(_IDS[provider].encode(), job_id(provider, number).encode())


def _written(instant: datetime) -> bytes:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


_MOMENT_BYTES: Final = tuple(_written(moment) for moment in _MOMENTS)


def make_templates(provider: Provider) -> list[Template]:
    """All templates of a provider."""
    return [_MAKERS[provider](number) for number in range(TEMPLATES)]


def _call(
    provider: Provider, number: int, statuses: Iterable[str], result: Any, pages: int
) -> Call:
    """A request for a job that went its way at the stand-in moments."""
    world = World(documents.SEED + number, 0, 20, Clock(lambda: datetime.now(timezone.utc)))
    world.add_job(
        provider,
        "parse",
        job_id=_IDS[provider],
        transitions=list(zip(statuses, _MOMENTS, strict=True)),
        result=result,
        pages=pages,
        tier="dpt-3-pro" if provider == "landingai" else "agentic",
        credits=30.0,
    )
    return Call(provider, world, Faults(), [], {}, {"job_id": _IDS[provider]})


def _ask(call: Call, handler: Callable[[Call], Answer], **query: str) -> bytes:
    call.query = list(query.items())
    return encode(handler(call))


def _cut(whole: bytes, begins: bytes, goes_on: bytes = b"") -> tuple[bytes, bytes, bytes]:
    """Head, result and foot of an answer.

    Args:
        whole: The answer.
        begins: What the result begins with, in its first place.
        goes_on: What the foot begins with, in its last place; empty where there is no foot.
    """
    head, mark, rest = whole.partition(begins)
    if not goes_on:
        return head, mark + rest, b""
    result, mark_of_foot, foot = rest.rpartition(goes_on)
    return head, mark + result, mark_of_foot + foot


def _unsiloed(number: int) -> Template:
    document = documents.unsiloed(number)
    statuses = ("Starting", "Processing", "Succeeded")
    call = _call("unsiloed", number, statuses, document, document["page_count"])
    bare = _ask(call, unsiloed_api.get_parse, include_chunks="false", include_url="true")
    whole = _ask(call, unsiloed_api.get_parse, include_chunks="true", include_url="true")
    return Template(bare, *_cut(whole, b'"chunks":['), bare)


def _llamacloud(number: int) -> Template:
    document = documents.llamacloud(number)
    statuses = ("PENDING", "RUNNING", "COMPLETED")
    call = _call("llamacloud", number, statuses, document, len(document["items"]["pages"]))
    row = encode(Answer(llamacloud_api.parse_row(call, call.job("parse"))))
    bare = _ask(call, llamacloud_api.get_parse, expand="usage")
    whole = _ask(call, llamacloud_api.get_parse, expand="items,metadata,usage")
    return Template(row, *_cut(whole, b'"items":{"pages":'), bare)


def _reducto(number: int) -> Template:
    document = documents.reducto(number)
    statuses = ("Pending", "InProgress", "Completed")
    call = _call("reducto", number, statuses, document, document["page_count"])
    # the longer form, and the result within
    call.faults = Faults(reducto_plain=False, reducto_urls=False)
    call.query = [("exclude_configs", "true")]
    row = encode(Answer(reducto_api.job_row(call, call.job("parse"))))
    whole = _ask(call, reducto_api.get_job)
    return Template(row, *_cut(whole, b'"chunks":[', b',"ocr":'), whole)


def _landingai(number: int) -> Template:
    document = documents.landingai(number)
    pages = len(document["structure"]["children"])
    statuses = ("pending", "processing", "completed")
    call = _call("landingai", number, statuses, document, pages)
    row = encode(Answer(landingai_api.job_row(call, call.job("parse"))))
    whole = _ask(call, landingai_api.get_parse)
    return Template(row, *_cut(whole, b'"markdown":', b',"metadata":'), whole)


_MAKERS: Final[dict[Provider, Callable[[int], Template]]] = {
    "unsiloed": _unsiloed,
    "llamacloud": _llamacloud,
    "reducto": _reducto,
    "landingai": _landingai,
}
