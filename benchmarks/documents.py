"""The documents that the benchmark's answers are about, each of exactly as many segments.

They are what the emulator draws, cut to size. Each is drawn from its number.
"""

from __future__ import annotations

import random
from typing import Any, Final

from benchmarks.jobs import CHUNKS, SEGMENTS
from dlt_docjobs.emulator.contents import landingai as landingai_contents
from dlt_docjobs.emulator.contents import llamacloud as llamacloud_contents
from dlt_docjobs.emulator.contents import reducto as reducto_contents
from dlt_docjobs.emulator.contents import unsiloed as unsiloed_contents
from dlt_docjobs.emulator.contents import words

SEED: Final = 2000
# More than enough for SEGMENTS segments; what is too much is cut off
_PAGES: Final = 40
# Code points of a line, as a column of a printed page has them
_LINE: Final = 80


def unsiloed(number: int) -> dict[str, Any]:
    """A document of exactly CHUNKS chunks and SEGMENTS segments with 2 to 4 OCR elements each."""
    rng = random.Random(f"{SEED}:unsiloed:{number}")
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


def llamacloud(number: int) -> dict[str, Any]:
    """A document of exactly SEGMENTS items, those inside others counted."""
    rng = random.Random(f"{SEED}:llamacloud:{number}")
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


def reducto(number: int) -> dict[str, Any]:
    """A document of exactly CHUNKS chunks and SEGMENTS blocks, without OCR, which few ask for."""
    rng = random.Random(f"{SEED}:reducto:{number}")
    content = reducto_contents.parse_content(rng, _PAGES)
    blocks = [block for chunk in content["chunks"] for block in chunk["blocks"]][:SEGMENTS]
    size = SEGMENTS // CHUNKS
    chunks = []
    for start in range(0, SEGMENTS, size):
        members = blocks[start : start + size]
        text = "\n\n".join(block["content"] for block in members)
        chunks.append({"content": text, "embed": text, "blocks": members})
    return {"chunks": chunks, "ocr": None, "page_count": blocks[-1]["bbox"]["page"]}


def landingai(number: int) -> dict[str, Any]:
    """A document of exactly SEGMENTS elements grounded by line; cells of tables come on top."""
    rng = random.Random(f"{SEED}:landingai:{number}")
    whole = landingai_contents.parse_content(rng, _PAGES, frozenset(), by_word=False)
    pages, left = [], SEGMENTS
    for page in whole["structure"]["children"]:
        elements = page["children"][:left]
        left -= len(elements)
        for element in elements:
            if "atomic_grounding" in element:
                element["atomic_grounding"] = _lines(element["grounding"])
        pages.append(page | {"children": elements})
        if not left:
            break
    else:
        raise RuntimeError(f"a document of {_PAGES} pages has too few elements")
    place, last = pages[-1]["grounding"], pages[-1]["children"][-1]["grounding"]
    end = last["range"]["end"]
    pages[-1]["grounding"] = place | {"range": place["range"] | {"end": end}}
    structure = {"type": "document", "children": pages}
    return {"markdown": whole["markdown"][:end], "structure": structure}


def _lines(grounding: dict[str, Any]) -> list[dict[str, Any]]:
    """Where each line of an element lies; the emulator has one for the whole."""
    start, end = grounding["range"]["start"], grounding["range"]["end"]
    box = grounding["box"]
    starts = range(start, end, _LINE)
    height = (box["ymax"] - box["ymin"]) / max(1, len(starts))
    return [
        {
            "page": grounding["page"],
            "range": {"start": at, "end": min(at + _LINE, end)},
            "box": box
            | {
                "ymin": round(box["ymin"] + height * line, 8),
                "ymax": round(box["ymin"] + height * (line + 1), 8),
            },
        }
        for line, at in enumerate(starts)
    ]
