"""What Reducto makes of a document: blocks in chunks, OCR, extractions, categories, sections."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any, Final

from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.reading import USUAL, Model

Part = dict[str, Any]

_TYPES: Final = (
    *(("Text", 0.4), ("List Item", 0.12), ("Table", 0.12), ("Figure", 0.08), ("Key Value", 0.1)),
    *(("Section Header", 0.08), ("Comment", 0.04), ("Page Number", 0.04), ("Signature", 0.02)),
)
_FLATTENED: Final = ("List Item", "Table", "Figure")
_CATEGORIES: Final = ("invoice", "contract", "report", "letter")


def _box(page: int, top: float, height: float, left: float = 0.1, width: float = 0.8) -> Part:
    sides = {"left": left, "top": top, "width": width, "height": height}
    return {key: round(side, 5) for key, side in sides.items()} | {
        "page": page,
        "original_page": page,
    }


def _content(rng: random.Random, kind: str) -> str:
    if kind == "Table":
        rows = words.table_rows(rng)
        make = rng.choice((words.table_html, words.table_markdown, words.table_csv))
        return make(rows)
    if kind in ("Title", "Section Header"):
        return f"{'#' if kind == 'Title' else '##'} {words.heading(rng)}"
    return words.paragraph(rng) if kind == "Text" else words.sentence(rng)


def _block(
    rng: random.Random, kind: str, page: int, top: float, height: float, model: Model
) -> Part:
    score = None if rng.random() < 0.1 else model.rate(rng.uniform(0.3, 1.0))
    block: Part = {
        "type": kind,
        "bbox": _box(page, top, height),
        "content": _content(rng, kind),
        "image_url": None,
        "chart_data": None,
        "confidence": "high" if score is None or score > 0.6 else "low",
        "granular_confidence": {"parse_confidence": score, "extract_confidence": None},
        "extra": None,
    }
    if kind == "Figure":
        block["image_url"] = words.signed_url(rng, f"figures/{rng.getrandbits(40):010x}.png")
        if rng.random() < 0.3:
            block["extra"] = {"is_chart": True}
    return block


def _words_of(rng: random.Random, block: Part, chunk: int, model: Model) -> list[Part]:
    """The words of a block in a row within it."""
    texts = block["content"].split()[:12]
    box = block["bbox"]
    width = box["width"] / max(1, len(texts))
    return [
        {
            "text": text,
            "bbox": _box(
                box["page"],
                box["top"] + box["height"] / 4,
                box["height"] / 2,
                box["left"] + width * at,
                width * 0.9,
            ),
            "confidence": None if rng.random() < 0.05 else model.rate(rng.uniform(0.3, 1.0)),
            "chunk_index": chunk if rng.random() < 0.8 else None,
            "rotation": 0,
        }
        for at, text in enumerate(texts)
    ]


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
        `{"chunks": […], "ocr": …, "page_count": count}`; `ocr` is null more often than not.
    """
    types, weights = zip(*_TYPES, strict=True)
    blocks: list[Part] = []
    for page in (number for number in range(1, count + 1) if number not in empty):
        kinds = ["Header", "Title" if page == 1 else "Section Header"]
        kinds += [*rng.choices(types, weights, k=rng.randint(2, 8)), "Footer"]
        kinds = ["Text" if kind in _FLATTENED and model.flattens(rng) else kind for kind in kinds]
        height = 0.9 / len(kinds)
        blocks += [
            _block(rng, kind, page, 0.05 + height * at, height * 0.9, model)
            for at, kind in enumerate(kinds)
        ]
    # by default the whole document is one chunk
    size = len(blocks) if rng.random() < 0.4 else rng.randint(2, 9)
    chunks: list[Part] = []
    recognised: list[Part] = []
    has_ocr = rng.random() < 0.4
    for start in range(0, len(blocks), max(size, 1)):
        members = blocks[start : start + size]
        if has_ocr:
            for block in members:
                recognised += _words_of(rng, block, len(chunks), model)
        content = "\n\n".join(block["content"] for block in members)
        chunk: Part = {"content": content, "embed": content, "blocks": members}
        if rng.random() < 0.2:
            chunk |= {"embed": words.sentence(rng), "enriched": None, "enrichment_success": True}
        chunks.append(chunk)
    ocr = {"words": recognised, "lines": _lines(recognised)} if has_ocr else None
    return {"chunks": chunks, "ocr": ocr, "page_count": count}


def _lines(recognised: list[Part]) -> list[Part]:
    return [
        {"text": f"{word['text']} …", "bbox": word["bbox"], "confidence": word["confidence"]}
        for word in recognised[:3]
    ]


def _citation(rng: random.Random, value: Any) -> Part:
    box = _box(1, 0.3, 0.02)
    return {
        "type": "Key Value",
        "content": str(value),
        "bbox": box,
        "confidence": "high",
        "granular_confidence": {"extract_confidence": 0.9, "parse_confidence": None},
        "image_url": None,
        "parentBlock": {"type": "Text", "content": words.sentence(rng), "bbox": box},
    }


def extract_content(rng: random.Random) -> Part:
    """One of the three forms of an extraction, with what stands beside it."""
    fields = {
        "vendor": words.sentence(rng).split()[-1],
        "Invoice No.": f"{rng.randint(1, 10**6):07d}",
        "total": round(rng.uniform(10, 9000), 2),
        "due": rng.choice((None, "2026-12-31")),
    }
    form = rng.choice(("extract", "list", "wrapped"))
    if form == "extract":
        cited = {key: [_citation(rng, value)] for key, value in fields.items()}
        citations = [cited] if rng.random() < 0.6 else None
        return {"response_type": "extract", "result": [fields], "citations": citations}
    if form == "list":
        return {"response_type": "v3_extract", "result": [fields]}
    wrapped = {
        key: {"value": value, "citations": [_citation(rng, value)]} for key, value in fields.items()
    }
    return {
        "response_type": "v3_extract",
        "result": wrapped,
        "confidence": rng.choice(("high", "low")),
        "confidence_reason": words.sentence(rng),
    }


def classify_content(rng: random.Random) -> Part:
    """A category, and how sure each of them was."""
    chosen = rng.choice(_CATEGORIES)
    scores = [
        {
            "category": category,
            "confidence": 1.0 if category == chosen else round(rng.uniform(0, 0.9), 2),
            "criteria_confidence": [{"criterion": words.sentence(rng), "confidence": "high"}],
        }
        for category in _CATEGORIES
    ]
    return {"result": {"category": chosen}, "response_confidence": {"categories": scores}}


def split_content(rng: random.Random, count: int) -> Part:
    """The sections of a document, in the plain form or with evidence for each page."""
    cut = rng.randint(1, count) if count else 0
    parts = {"invoice": range(1, cut + 1), "annex": range(cut + 1, count + 1)}
    if rng.random() < 0.3:
        splits: list[Part] = [
            {
                "name": name,
                "pages": [
                    {"page_number": page, "evidence": words.sentence(rng), "confidence": "medium"}
                    for page in pages
                ],
            }
            for name, pages in parts.items()
        ]
        return {"result": {"splits": splits}}
    plain: list[Part] = [
        {"name": name, "pages": list(pages), "conf": rng.choice(("high", "low"))}
        for name, pages in parts.items()
    ]
    mapping = {part["name"]: part["pages"] for part in plain}
    return {"result": {"section_mapping": mapping, "splits": plain}}
