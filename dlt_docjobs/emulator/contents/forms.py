"""The forms of a LlamaCloud parse job that was run with `forms=enrich`."""

from __future__ import annotations

import random
from typing import Any, Final

from dlt_docjobs.emulator.contents import words

Node = dict[str, Any]
SHARE: Final = 0.15
"""Of the parse jobs, those that were run for forms."""


def forms_content(rng: random.Random, count: int, failed: frozenset[int]) -> Node:
    """`forms` of an answer: every page is listed, most have none.

    Args:
        rng: The job's source of chance.
        count: Pages of the document.
        failed: 1-based numbers of the pages that failed.
    """
    return {
        "pages": [
            {"success": False, "page_number": number, "error": "form pass failed"}
            if number in failed
            else _page(rng, number)
            for number in range(1, count + 1)
        ]
    }


def _page(rng: random.Random, number: int) -> Node:
    forms = [_form(rng)] if rng.random() < 0.4 else []
    return {
        "success": True,
        "page_number": number,
        "page_width": 612.0,
        "page_height": 792.0,
        "detected_form_types": ["w2"] if forms else None,
        "forms": forms,
    }


def _form(rng: random.Random) -> Node:
    boxes = [
        {"type": "field", "field": "checkbox", "label": label, "value": rng.random() < 0.5}
        for label in ("one", "two")
    ]
    fields = [
        _placed(rng, {"type": "field", "field": "text", "id": "1a", "label": "Name"})
        | ({"value": words.sentence(rng)} if rng.random() < 0.7 else {"isEmpty": True}),
        _placed(rng, {"type": "field", "field": "signature", "label": "Sign", "value": False}),
        {"type": "field", "field": "single_select", "label": "Which", "valueItems": boxes},
    ]
    table = {
        "type": "table",
        "label": "Wages",
        "columns": ["year", "paid"],
        "rows": [["2025", "100"], ["2026", None], []],
        "html": "<table><tr><td>2025</td><td>100</td></tr></table>",
        "bbox": [{"x": 20, "y": 200, "w": 300, "h": 90}],
    }
    section = {"type": "section", "id": "Part I", "label": "Person", "items": fields}
    nodes = [section, table, {"type": "text", "value": words.sentence(rng), "bbox": None}]
    return {"json": nodes, "list": {"type": "list", "ordered": False, "md": "- …", "items": []}}


def _placed(rng: random.Random, node: Node) -> Node:
    return node | {"bbox": [{"x": 100, "y": rng.randint(10, 700), "w": 200, "h": 12}]}
