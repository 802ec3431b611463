"""LandingAI's results with anything in the place of anything: nothing raises, both ways agree."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from dlt_docjobs.providers.landingai import results
from dlt_docjobs.results import Reading
from dlt_docjobs.tables import TABLES

FIXTURES = Path(__file__).parent / "fixtures"
BODIES = [
    one["body"]
    for name in ("parse_job_get", "v1_jobs")
    for one in json.loads((FIXTURES / f"landingai_{name}.json").read_text())["answers"]
    if one["body"].get("result") or one["body"].get("data")
]
ODD = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "text",
    "3",
    [],
    [None],
    {},
    {"a": 1},
    [[1, 2]],
    "<table",
]


def spoilt(rng: random.Random, value: Any) -> Any:
    """A copy with something else in one or two places."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        holder = value["result"] if value.get("result") else value["data"]
        for _ in range(rng.randint(0, 8)):
            parts = holder.values() if isinstance(holder, dict) else holder
            inner = [part for part in parts if isinstance(part, (dict, list)) and part]
            if not inner:
                break
            holder = rng.choice(inner)
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key] = copy.deepcopy(rng.choice(ODD))
        if isinstance(holder, dict) and rng.random() < 0.2:
            holder["novelty"] = copy.deepcopy(rng.choice(ODD))
    return value


def outcome(reading: Reading) -> Any:
    tables = reading.document.tables if reading.document is not None else {}
    for name, rows in tables.items():
        assert rows.schema == TABLES[name].own_schema
        rows.validate(full=True)
    rows_of = {name: rows.to_pylist() for name, rows in tables.items()}
    for row in (row for rows in rows_of.values() for row in rows):
        for column in ("metadata", "provider_bbox"):
            row[column] = json.loads(row[column]) if row.get(column) else None
    return rows_of, reading.error


@pytest.mark.parametrize("seed", range(300))
def test_anything_in_the_place_of_anything(seed: int) -> None:
    rng = random.Random(seed)
    body = spoilt(rng, BODIES[seed % len(BODIES)])
    raw = json.dumps(body).encode()
    for policy in ({"include_content": True}, {"include_content": False}):
        ways = [
            outcome(results.read_answer(sent, lambda: body, include_ocr=seed % 2 == 0, **policy))
            for sent in (raw, b"")
        ]
        assert ways[0] == ways[1]


def test_elements_in_elements_without_an_end() -> None:
    node: dict[str, Any] = {"type": "text", "markdown": "deepest"}
    for _ in range(400):
        node = {"type": "box", "children": [node]}
    page = {"type": "page", "children": [node]}
    body = {"result": {"markdown": "m", "structure": {"type": "document", "children": [page]}}}
    reading = results.read_answer(b"", lambda: body, include_content=True, include_ocr=True)
    assert reading.document is not None
    stored = str([rows.to_pylist() for rows in reading.document.tables.values()])
    assert "deepest" in stored


def test_without_content_no_text_is_in_any_row() -> None:
    secret = "Zanzibar"
    for body in BODIES:
        text = json.dumps(body).replace("Ship log", secret).replace("Hello", secret)
        text = text.replace("Old form", secret)
        reading = results.read_answer(
            text.encode(), lambda text=text: json.loads(text), include_content=False,
            include_ocr=True,
        )  # fmt: skip
        assert reading.document is not None
        stored = str([rows.to_pylist() for rows in reading.document.tables.values()])
        assert secret not in stored and "Crew" not in stored
