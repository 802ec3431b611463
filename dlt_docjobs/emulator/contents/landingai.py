"""What LandingAI makes of a document: Markdown, and a tree of pages with ranges in it."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any, Final

from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.reading import USUAL, Model

Part = dict[str, Any]

_TYPES: Final = (
    *(("text", 0.56), ("table", 0.12), ("figure", 0.08), ("marginalia", 0.08), ("logo", 0.04)),
    *(("attestation", 0.04), ("card", 0.04), ("scan_code", 0.04)),
)
_FLATTENED: Final = ("table", "figure", "card")


class _Writer:
    """Writes the Markdown, and remembers how far it has come in code points."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0

    def write(self, text: str) -> tuple[int, int]:
        """Adds a text; returns its range."""
        start = self.length
        self.parts.append(text)
        self.length += len(text)
        return start, self.length


def _grounding(page: int, span: tuple[int, int], box: Part) -> Part:
    return {"page": page, "range": {"start": span[0], "end": span[1]}, "box": box}


def _box(rng: random.Random) -> Part:
    left, top = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.8)
    return {
        "xmin": round(left, 8),
        "ymin": round(top, 8),
        "xmax": round(left + rng.uniform(0.1, 0.5), 8),
        "ymax": round(top + rng.uniform(0.01, 0.15), 8),
    }


def _atoms(
    rng: random.Random,
    page: int,
    span: tuple[int, int],
    box: Part,
    text: str,
    by_word: bool,
    model: Model,
) -> list[Part]:
    """One entry for the line, or one for each word with its confidence."""
    if not text:
        return []
    if not by_word:
        return [_grounding(page, span, box)]
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        ends = (span[0] + at, span[0] + at + len(word))
        at += len(word)
        score = model.rate(rng.uniform(0.3, 1))
        found.append(_grounding(page, ends, box) | {"confidence": score})
    return found


def _text(rng: random.Random, kind: str) -> str:
    if kind == "figure":
        return f"![{words.sentence(rng)}]()"
    if kind == "logo":
        return "![logo]()"
    if kind == "text" and rng.random() < 0.2:
        return f"## {words.heading(rng)}"
    return words.paragraph(rng) if kind == "text" else words.sentence(rng)


def _table(
    rng: random.Random, writer: _Writer, page: int, number: int, first_cell: int
) -> tuple[Part, int]:
    """A table in HTML with its cells."""
    box = _box(rng)
    cells: list[Part] = []
    start = writer.length
    writer.write("<table>")
    for row, values in enumerate(words.table_rows(rng)):
        writer.write("<tr>")
        for col, value in enumerate(values):
            writer.write("<td>")
            span = writer.write("" if value is None else str(value))
            writer.write("</td>")
            cells.append(
                {
                    "type": "table_cell",
                    "id": f"table_cell-{first_cell + len(cells)}",
                    "grounding": _grounding(page, span, box),
                    "atomic_grounding": [],
                    "row": row,
                    "col": col,
                    "colspan": 1,
                    "rowspan": 1,
                }
            )
        writer.write("</tr>")
    writer.write("</table>")
    grounding = _grounding(page, (start, writer.length), box)
    return {
        "type": "table",
        "id": f"table-{number}",
        "grounding": grounding,
        "children": cells,
    }, len(cells)


def parse_content(
    rng: random.Random,
    count: int,
    failed_pages: Collection[int],
    by_word: bool,
    model: Model = USUAL,
) -> Part:
    """The result of a parse job without its metadata.

    Args:
        rng: The job's source of chance.
        count: Pages of the document.
        failed_pages: 1-based numbers of those that could not be read.
        by_word: Whether the model grounds words, each with a confidence, not lines.
        model: What reads them.

    Returns:
        `{"markdown", "structure"}`.
    """
    writer, pages = _Writer(), []
    numbers: dict[str, int] = {}
    whole = {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}
    types, weights = zip(*_TYPES, strict=True)
    for page in range(1, count + 1):
        start = writer.length
        node: Part = {"type": "page", "status": "ok", "children": []}
        if page in failed_pages:
            node |= {"status": "failed", "reason": "image could not be read"}
        else:
            kinds = ["text", *rng.choices(types, weights, k=rng.randint(1, 6))]
            kinds = [
                "text" if kind in _FLATTENED and model.flattens(rng) else kind for kind in kinds
            ]
            for place, kind in enumerate(kinds):
                if place:
                    writer.write("\n\n")
                number = numbers[kind] = numbers.get(kind, -1) + 1
                if kind == "table":
                    cells = numbers.get("cells", 0)
                    element, more = _table(rng, writer, page, number, cells)
                    numbers["cells"] = cells + more
                else:
                    is_hidden = kind == "figure" and rng.random() < 0.1
                    text, box = "" if is_hidden else _text(rng, kind), _box(rng)
                    span = writer.write(text)
                    element = {"type": kind, "id": f"{kind}-{number}"}
                    element["grounding"] = _grounding(page, span, box)
                    element["atomic_grounding"] = _atoms(rng, page, span, box, text, by_word, model)
                node["children"].append(element)
        node["grounding"] = _grounding(page, (start, writer.length), whole)
        pages.append(node)
        if count > 1:
            writer.write("\n\n<!-- PAGE BREAK -->\n\n")
    return {
        "markdown": "".join(writer.parts),
        "structure": {"type": "document", "children": pages},
    }


def old_form(result: Part) -> Part:
    """A result as it was before 17 July 2026: spans, pixels, pages from 0 and a second tree."""
    width, height = 800, 1000
    pages, places = [], []
    for page in (result.get("structure") or {}).get("children") or []:
        elements = [_old_element(element, width, height) for element in page["children"]]
        head = {
            "type": "page",
            "page": page["grounding"]["page"] - 1,
            "span": _span(page["grounding"]),
        }
        size = {"width": width, "height": height, "dpi": 150, "status": page["status"]}
        pages.append({**head, **size, "children": [one for one, _ in elements]})
        if "reason" in page:
            pages[-1]["reason"] = page["reason"]
        places.append({**head, "children": [other for _, other in elements]})
    return {
        "markdown": result.get("markdown"),
        "structure": {"type": "document", "children": pages},
        "grounding": {"type": "document", "children": places},
    }


def _span(grounding: Part) -> list[int]:
    return [grounding["range"]["start"], grounding["range"]["end"]]


def _old_element(element: Part, width: int, height: int) -> tuple[Part, Part]:
    """An element without its place, and its place."""

    def pixels(box: Part) -> list[int]:
        sides = (
            box["xmin"] * width,
            box["ymin"] * height,
            box["xmax"] * width,
            box["ymax"] * height,
        )
        return [round(side) for side in sides]

    spot = element["grounding"]
    own = {"type": element["type"], "id": element["id"], "span": _span(spot)}
    place: Part = {**own, "box": pixels(spot["box"])}
    place["parts"] = [
        {"span": _span(atom), "box": pixels(atom["box"])}
        for atom in element.get("atomic_grounding") or []
    ]
    if "children" in element:
        cells = [_old_element(cell, width, height) for cell in element["children"]]
        own["children"] = [one for one, _ in cells]
        place["children"] = [other for _, other in cells]
    return own, place
