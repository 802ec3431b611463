"""LandingAI's results: what the properties of all results do not ask (tests/results)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dlt_docjobs.providers.landingai import results

FIXTURES = Path(__file__).parent / "fixtures"
BODIES = [
    one["body"]
    for name in ("parse_job_get", "v1_jobs")
    for one in json.loads((FIXTURES / f"landingai_{name}.json").read_text())["answers"]
    if one["body"].get("result") or one["body"].get("data")
]


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
