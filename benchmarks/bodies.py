"""Bodies of answers, made once by the emulator's own code and kept as bytes.

A body has two parts. The head is all that is said of the job, a few hundred bytes with
placeholders for what differs between jobs; the tail is the result, the same bytes for every job of
a template. An answer is the head filled in and the tail behind it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from benchmarks.jobs import CHUNKS, SEGMENTS, TEMPLATES, Calendar, Provider, job_id
from dlt_docjobs.emulator.apis import llamacloud as llamacloud_api
from dlt_docjobs.emulator.apis import unsiloed as unsiloed_api
from dlt_docjobs.emulator.apis.answers import Answer
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.clock import Clock
from dlt_docjobs.emulator.contents import llamacloud as llamacloud_contents
from dlt_docjobs.emulator.contents import unsiloed as unsiloed_contents
from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.encoding import encode
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.world import World

_SEED: Final = 2000
# More than enough for SEGMENTS segments; what is too much is cut off
_PAGES: Final = 40
# Stand-ins for a job's own values; dates of the form in which every date of a job is written
_IDS: Final[dict[Provider, str]] = {
    provider: job_id(provider, -1) for provider in ("unsiloed", "llamacloud")
}
_MOMENTS: Final = tuple(
    datetime(2001, 1, day, 1, 1, 1, 123456, tzinfo=timezone.utc) for day in (1, 2, 3)
)


@dataclass(frozen=True, slots=True)
class Template:
    """The answers about one document.

    Attributes:
        row: The job in a list.
        head: The beginning of the answer about the job, up to its result.
        tail: The result and the end of the answer.
        bare: The answer about the job without its result.
    """

    row: bytes
    head: bytes
    tail: bytes
    bare: bytes


def fill(part: bytes, provider: Provider, number: int, calendar: Calendar) -> bytes:
    """A part of a template with a job's own id and dates."""
    instants = (
        calendar.created_at(number),
        calendar.started_at(number),
        calendar.finished_at(number),
    )
    for placeholder, instant in zip(_MOMENT_BYTES, instants, strict=True):
        part = part.replace(placeholder, _written(instant))
    return part.replace(_IDS[provider].encode(), job_id(provider, number).encode())


def _written(instant: datetime) -> bytes:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


_MOMENT_BYTES: Final = tuple(_written(moment) for moment in _MOMENTS)


def make_templates(provider: Provider) -> list[Template]:
    """All templates of a provider."""
    make = _unsiloed if provider == "unsiloed" else _llamacloud
    return [make(number) for number in range(TEMPLATES)]


def _call(provider: Provider, number: int, statuses: Iterable[str], result: Any) -> Call:
    """A request for a job that went its way at the stand-in moments."""
    world = World(_SEED + number, 0, 20, Clock(lambda: datetime.now(timezone.utc)))
    world.add_job(
        provider,
        "parse",
        job_id=_IDS[provider],
        transitions=list(zip(statuses, _MOMENTS, strict=True)),
        result=result,
        pages=len(result["items"]["pages"]) if provider == "llamacloud" else result["page_count"],
        tier="agentic",
        credits=30.0,
    )
    return Call(provider, world, Faults(), [], {}, {"job_id": _IDS[provider]})


def _ask(call: Call, handler: Callable[[Call], Answer], **query: str) -> bytes:
    call.query = list(query.items())
    return encode(handler(call))


# -- Unsiloed AI --------------------------------------------------------------------------------


def _unsiloed(number: int) -> Template:
    call = _call("unsiloed", number, ("Starting", "Processing", "Succeeded"), _chunked(number))
    bare = _ask(call, unsiloed_api.get_parse, include_chunks="false", include_url="true")
    whole = _ask(call, unsiloed_api.get_parse, include_chunks="true", include_url="true")
    head, mark, tail = whole.partition(b'"chunks":[')
    return Template(bare, head, mark + tail, bare)


def _chunked(number: int) -> dict[str, Any]:
    """A document of exactly CHUNKS chunks and SEGMENTS segments with 2 to 4 OCR elements each."""
    rng = random.Random(f"{_SEED}:unsiloed:{number}")
    segments: list[dict[str, Any]] = []
    while len(segments) < SEGMENTS:
        content = unsiloed_contents.parse_content(rng, _PAGES)
        segments = [part for chunk in content["chunks"] for part in chunk["segments"]][:SEGMENTS]
        if not all(part.get("ocr", ()) is None or part.get("ocr") for part in segments):
            # one of the documents that were parsed without OCR
            segments = []
    spare = [element for part in segments for element in part["ocr"] or ()]
    for part in segments:
        if part["segment_type"] == "Text":
            # real paragraphs are longer than the emulator's: about 184 KB a job
            more = " ".join((words.paragraph(rng), words.sentence(rng), words.sentence(rng)))
            for form in ("content", "html", "markdown"):
                if form in part:
                    part[form] = f"{part[form]} {more}"
        wanted = rng.randint(2, 4)
        own = (part["ocr"] or [])[:wanted]
        part["ocr"] = own + rng.sample(spare, wanted - len(own))
    size = SEGMENTS // CHUNKS
    chunks = []
    for start in range(0, SEGMENTS, size):
        members = segments[start : start + size]
        embed = "\n\n".join(part["markdown"] for part in members)
        chunks.append(
            {
                "chunk_id": words.random_uuid(rng),
                "chunk_length": len(embed.split()),
                "embed": embed,
                "segments": members,
            }
        )
    return {"chunks": chunks, "page_count": segments[-1]["page_number"]}


# -- LlamaCloud ---------------------------------------------------------------------------------


def _llamacloud(number: int) -> Template:
    call = _call("llamacloud", number, ("PENDING", "RUNNING", "COMPLETED"), _paged(number))
    job = call.job("parse")
    row = encode(Answer(llamacloud_api.parse_row(call, job)))
    bare = _ask(call, llamacloud_api.get_parse, expand="usage")
    whole = _ask(call, llamacloud_api.get_parse, expand="items,metadata,usage")
    head, mark, tail = whole.partition(b'"items":{"pages":')
    return Template(row, head, mark + tail, bare)


def _paged(number: int) -> dict[str, Any]:
    """A document of exactly SEGMENTS items, those inside others counted."""
    rng = random.Random(f"{_SEED}:llamacloud:{number}")
    whole = llamacloud_contents.parse_content(rng, _PAGES, frozenset())
    pages, left = [], SEGMENTS
    for page in whole["items"]["pages"]:
        items = []
        for item in page["items"]:
            if _size(item) <= left:
                items.append(item)
                left -= _size(item)
        if items:
            pages.append(page | {"items": items})
    if left:
        raise RuntimeError(f"a document of {_PAGES} pages has too few items")
    numbers = {page["page_number"] for page in pages}
    metadata = [page for page in whole["metadata"]["pages"] if page["page_number"] in numbers]
    return {"items": {"pages": pages}, "metadata": {"pages": metadata}}


def _size(item: dict[str, Any]) -> int:
    return 1 + sum(_size(member) for member in item.get("items", ()))
