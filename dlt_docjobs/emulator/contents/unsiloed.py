"""What Unsiloed makes of a document: chunks of segments, and the text recognised in them."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any, Final

from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.reading import USUAL, Model

Part = dict[str, Any]

_TYPES: Final = (
    *(("Text", 0.36), ("ListItem", 0.12), ("Table", 0.1), ("Picture", 0.08), ("Caption", 0.08)),
    *(("Formula", 0.05), ("Footnote", 0.05), ("KeyValuePair", 0.06), ("SectionHeader", 0.08)),
    *(("Page", 0.01), ("Signature", 0.01)),
)
_FLATTENED: Final = ("ListItem", "Table", "Picture")
_OTHER_NAMES: Final = {
    "PageHeader": "Header",
    "PageFooter": "Footer",
    "SectionHeader": "Section Header",
    "ListItem": "List Item",
    "Picture": "Figure",
}
"""The words of `segment_type_naming=Other`."""


def _ocr(rng: random.Random, content: str, width: float, height: float, model: Model) -> list[Part]:
    """Words with boxes relative to the segment; all words of a line share one box."""
    elements: list[Part] = []
    texts = content.split()[:40]
    lines = max(1, len(texts) // 8)
    for index, text in enumerate(texts):
        line = min(lines - 1, index // 8)
        element: Part = {
            "text": text,
            "bbox": {
                "left": 0.0,
                "top": round(height * line / lines, 2),
                "width": width,
                "height": round(height / lines, 2),
            },
            "confidence": None if rng.random() < 0.05 else model.rate(rng.uniform(0.3, 1.0)),
        }
        if rng.random() < 0.03:
            element["color"] = {"r": 0, "g": 0, "b": 0, "hex": "#000000"}
        elements.append(element)
    return elements


def _contents(rng: random.Random, kind: str) -> tuple[str, str, str]:
    """Content, HTML and Markdown of a segment."""
    if kind == "Table":
        rows = words.table_rows(rng)
        return words.table_csv(rows), words.table_html(rows), words.table_markdown(rows)
    if kind in ("Title", "SectionHeader"):
        text = words.heading(rng)
        level = 1 if kind == "Title" else 2
        return text, f"<h{level}>{text}</h{level}>", f"{'#' * level} {text}"
    if kind == "ListItem":
        text = words.sentence(rng)
        return text, f"<li>{text}</li>", f"- {text}"
    text = words.paragraph(rng) if kind == "Text" else words.sentence(rng)
    return text, text, text


def _segment(
    rng: random.Random, kind: str, page: int, size: tuple[float, float], model: Model
) -> Part:
    content, html, markdown = _contents(rng, kind)
    page_width, page_height = size
    width = round(rng.uniform(0.2, 0.8) * page_width, 2)
    height = round(rng.uniform(0.01, 0.2) * page_height, 2)
    merged = "_merged" if kind == "Table" and rng.random() < 0.2 else ""
    segment: Part = {
        "segment_id": words.random_uuid(rng) + merged,
        "segment_type": kind,
        "segment_type_display": None,
        "content": content,
        "html": html,
        "markdown": markdown,
        "image": None,
        "page_number": page,
        "page_width": page_width,
        "page_height": page_height,
        "confidence": None if rng.random() < 0.06 else model.rate(rng.uniform(0.3, 1.0)),
        "bbox": None
        if rng.random() < 0.04
        else {
            "left": round(rng.uniform(0.05, 0.15) * page_width, 2),
            "top": round(rng.uniform(0.05, 0.75) * page_height, 2),
            "width": width,
            "height": height,
        },
        "ocr": None if rng.random() < 0.1 else _ocr(rng, content, width, height, model),
    }
    if kind in ("Picture", "Table"):
        segment["image"] = words.signed_url(rng, f"segments/{segment['segment_id']}.jpg")
    if kind == "Picture" and rng.random() < 0.3:
        segment["chart_data"] = {"series": [{"label": "Q1", "value": rng.randint(1, 99)}]}
    if rng.random() < 0.1:
        segment["llm"] = words.sentence(rng)
    if rng.random() < 0.05:
        segment["references"] = [{"id": "ref-1", "text": "see Table 2"}]
    return segment


def _page_kinds(rng: random.Random, page: int, model: Model) -> list[str]:
    kinds = ["PageHeader"] if rng.random() < 0.5 else []
    kinds.append("Title" if page == 1 else "SectionHeader")
    types, weights = zip(*_TYPES, strict=True)
    kinds += rng.choices(types, weights, k=rng.randint(3, 9))
    kinds = ["Text" if kind in _FLATTENED and model.flattens(rng) else kind for kind in kinds]
    return [*kinds, "PageFooter"] if rng.random() < 0.5 else kinds


def parse_content(
    rng: random.Random, count: int, empty: Collection[int] = (), model: Model = USUAL
) -> Part:
    """The result of a parse job.

    Args:
        rng: The job's source of chance.
        count: Pages of the document.
        empty: 1-based numbers of the pages on which nothing was found.
        model: What reads them.

    Returns:
        `{"chunks": […], "page_count": count}`. Chunks hold several segments and may span pages.
    """
    size = rng.choice(((1191.0, 1684.0), (10200.0, 13200.0), (1700.0, 2200.0)))
    other_names, chunk_ids = rng.random() < 0.12, rng.random() > 0.06
    switched_off = rng.choice(("html", "ocr", "confidence", "bbox")) if rng.random() < 0.08 else ""
    segments = [
        _segment(rng, kind, page, size, model)
        for page in range(1, count + 1)
        if page not in empty
        for kind in _page_kinds(rng, page, model)
    ]
    for segment in segments:
        segment.pop(switched_off, None)
        if other_names:
            kind = segment["segment_type"]
            segment["segment_type"] = _OTHER_NAMES.get(kind, kind)
    chunks: list[Part] = []
    while segments:
        taken = rng.randint(1, 8)
        members, segments = segments[:taken], segments[taken:]
        embed = "\n\n".join(member["markdown"] for member in members)
        chunk: Part = {"chunk_id": words.random_uuid(rng)} if chunk_ids else {}
        chunk |= {"chunk_length": len(embed.split()), "embed": embed, "segments": members}
        chunks.append(chunk)
    return {"chunks": chunks, "page_count": count}
