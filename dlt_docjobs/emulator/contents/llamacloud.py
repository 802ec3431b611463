"""What LlamaParse makes of a document: pages of structured items, and their metadata."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, Final

from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.reading import USUAL, Model

Item = dict[str, Any]

PAGE_WIDTH: Final = 612.0
PAGE_HEIGHT: Final = 792.0


def _box(rng: random.Random, length: int, label: str) -> Item:
    box: Item = {
        "x": round(rng.uniform(36, 200), 2),
        "y": round(rng.uniform(36, 700), 2),
        "w": round(rng.uniform(50, 300), 2),
        "h": round(rng.uniform(8, 60), 2),
    }
    if rng.random() < 0.7:
        box["confidence"] = round(rng.uniform(0.35, 1.0), 4)
    if rng.random() < 0.7:
        box |= {"label": label, "start_index": 0, "end_index": length}
    if rng.random() < 0.05:
        box["r"] = 90.0
    return box


def _boxes(rng: random.Random, text: str, label: str) -> list[Item] | None:
    """One box mostly; two where a paragraph runs over a column; none at times."""
    if rng.random() < 0.12:
        return None
    return [_box(rng, len(text), label) for _ in range(2 if rng.random() < 0.15 else 1)]


def _text(rng: random.Random, value: str | None = None) -> Item:
    value = value or words.paragraph(rng)
    return {"type": "text", "md": value, "value": value, "bbox": _boxes(rng, value, "text")}


def _heading(rng: random.Random) -> Item:
    value, level = words.heading(rng), rng.randint(1, 6)
    boxes = _boxes(rng, value, "heading")
    return {
        "type": "heading",
        "md": f"{'#' * level} {value}",
        "value": value,
        "level": level,
        "bbox": boxes,
    }


def _table(rng: random.Random) -> Item:
    rows = words.table_rows(rng)
    concerns = [{"type": "inconsistent_row_cell_count", "details": "row 3 has 5 cells"}]
    return {
        "type": "table",
        "md": words.table_markdown(rows),
        "rows": rows,
        "html": words.table_html(rows),
        "csv": words.table_csv(rows),
        "bbox": _boxes(rng, "", "table"),
        "merged_from_pages": None,
        "merged_into_page": None,
        "parse_concerns": concerns if rng.random() < 0.2 else None,
    }


def _image(rng: random.Random) -> Item:
    caption, url = words.sentence(rng), f"page_{rng.randint(1, 9)}_chart_{rng.randint(1, 9)}.jpg"
    if rng.random() < 0.3:
        url = words.signed_url(rng, url)
    return {
        "type": "image",
        "md": f"![{caption}]({url})",
        "caption": caption,
        "url": url,
        "bbox": _boxes(rng, caption, "image"),
    }


def _list(rng: random.Random, depth: int = 0) -> Item:
    items: list[Item] = []
    for _ in range(rng.randint(1, 3)):
        items.append(_text(rng, words.sentence(rng)))
        if depth < 2 and rng.random() < 0.35:
            items.append(_list(rng, depth + 1))
    lines = []
    for item in items:
        nested = item["type"] == "list"
        lines += ["  " + line for line in item["md"].split("\n")] if nested else [f"- {item['md']}"]
    return {
        "type": "list",
        "md": "\n".join(lines),
        "ordered": rng.random() < 0.3,
        "items": items,
        "bbox": _boxes(rng, "", "list"),
    }


def _code(rng: random.Random) -> Item:
    value = f"x = {rng.randint(1, 99)}\nprint(x)"
    language = rng.choice((None, "python"))
    return {
        "type": "code",
        "md": f"```{language or ''}\n{value}\n```",
        "value": value,
        "language": language,
        "bbox": _boxes(rng, value, "code"),
    }


def _link(rng: random.Random) -> Item:
    text, url = words.heading(rng), f"https://example.com/{rng.randint(1, 999)}?ref=doc"
    md = f"[{text}]({url})"
    return {"type": "link", "md": md, "text": text, "url": url, "bbox": _boxes(rng, text, "link")}


def _container(rng: random.Random, kind: str) -> Item:
    items = [_text(rng, f"{words.heading(rng)} | {rng.randint(1, 99)}")]
    if rng.random() < 0.3:
        items.append(_image(rng) if kind == "header" else _list(rng, depth=1))
    md = "\n".join(item["md"] for item in items)
    return {"type": kind, "md": md, "items": items, "bbox": _boxes(rng, md, kind)}


_BODY: Final[tuple[tuple[Callable[[random.Random], Item], float], ...]] = (
    (_text, 0.45),
    (_table, 0.15),
    (_list, 0.14),
    (_image, 0.1),
    (_code, 0.08),
    (_link, 0.08),
)
_FLATTENED: Final = (_table, _list, _image)


def _revision(rng: random.Random, target: str) -> Item:
    box = {"x": 500.0, "y": 100.0, "w": 90.0, "h": 20.0}
    span = {"target": target, "target_bbox": box, "start_index": 0, "end_index": len(target)}
    return {
        "type": rng.choice(
            ("comment", "deleted", "formatted", "inserted", "moved_from", "moved_to")
        ),
        "content": words.sentence(rng),
        "author": rng.choice((None, "A. Reviewer")),
        "target": target,
        "target_bbox": box,
        "revision_bbox": box,
        "target_spans": [span],
        "start_index": 0,
        "end_index": len(target),
    }


def _page(rng: random.Random, number: int, model: Model) -> Item:
    items: list[Item] = []
    if rng.random() < 0.4:
        items.append(_container(rng, "header"))
    items.append(_heading(rng))
    makers, weights = zip(*_BODY, strict=True)
    for make in rng.choices(makers, weights, k=rng.randint(2, 7)):
        items.append((_text if make in _FLATTENED and model.flattens(rng) else make)(rng))
    if rng.random() < 0.4:
        items.append(_container(rng, "footer"))
    _rate(items, model)
    title = next(item["value"] for item in items if item["type"] == "heading")
    return {
        "page_number": number,
        "page_width": PAGE_WIDTH,
        "page_height": PAGE_HEIGHT,
        "success": True,
        "items": items,
        "revisions": [_revision(rng, title)] if rng.random() < 0.06 else None,
    }


def _rate(items: list[Item], model: Model) -> None:
    """Gives every box the confidence that the model states."""
    for item in items:
        for box in item["bbox"] or []:
            if "confidence" in box:
                box["confidence"] = model.rate(box["confidence"])
        _rate(item.get("items") or [], model)


def _merge_tables(pages: list[Item]) -> None:
    """A table that runs over two pages stands whole on the first and empty on the second."""
    for first, second in itertools.pairwise(pages):
        if not (first["success"] and second["success"]):
            continue
        tables = [item for item in first["items"] if item["type"] == "table"]
        if tables and tables[-1]["merged_into_page"] is None:
            numbers = [first["page_number"], second["page_number"]]
            tables[-1]["merged_from_pages"] = numbers
            empty: Item = {
                "type": "table",
                "md": "",
                "rows": [],
                "html": "",
                "csv": "",
                "bbox": None,
            }
            links = {"merged_from_pages": None, "merged_into_page": numbers[0]}
            second["items"].insert(0, empty | links | {"parse_concerns": None})
            return


def _metadata(rng: random.Random, pages: list[Item], model: Model) -> Item:
    """Metadata of the pages that did not fail; which keys a page has differs."""
    entries: list[Item] = []
    for page in pages:
        if not page["success"]:
            continue
        entry: Item = {"page_number": page["page_number"]}
        if rng.random() < 0.9:
            entry["confidence"] = model.rate(rng.uniform(0.5, 1.0))
        if rng.random() < 0.3:
            entry |= {"cost_optimized": rng.random() < 0.5, "triggered_auto_mode": False}
        if rng.random() < 0.3:
            entry |= {"printed_page_number": "ii", "original_orientation_angle": 90}
        if rng.random() < 0.1:
            entry |= {"slide_section_name": "Intro", "speaker_notes": words.sentence(rng)}
        if rng.random() < 0.1:
            entry["watermark"] = "CONFIDENTIAL"
        entries.append(entry)
    scores = [entry["confidence"] for entry in entries if "confidence" in entry]
    if not scores:
        return {"pages": entries, "document": None}
    breakdown = {
        "min_page_score": min(scores),
        "scored_pages": len(scores),
        "total_pages": len(pages),
    }
    mean = round(sum(scores) / len(scores), 4)
    return {
        "pages": entries,
        "document": {"confidence": mean, "confidence_breakdown": breakdown},
    }


def parse_content(
    rng: random.Random, count: int, failed: frozenset[int], model: Model = USUAL
) -> Item:
    """The result of a parse job.

    Args:
        rng: The job's source of chance.
        count: Pages of the document.
        failed: 1-based numbers of the pages that failed.
        model: What reads them.

    Returns:
        `{"items": {"pages": […]}, "metadata": {…}}`, as `expand=items,metadata` shows it.
    """
    pages = [
        {"page_number": number, "success": False, "error": "Page failed to parse"}
        if number in failed
        else _page(rng, number, model)
        for number in range(1, count + 1)
    ]
    if rng.random() < 0.5:
        _merge_tables(pages)
    return {"items": {"pages": pages}, "metadata": _metadata(rng, pages, model)}
