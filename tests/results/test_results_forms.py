"""LlamaCloud's forms: every word of them in rows, and none of them counted as text twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlt_docjobs.providers.llamacloud import results
from dlt_docjobs.results import Document

ANSWERS = Path(__file__).parents[1] / "providers" / "payloads" / "llamacloud_forms.json"
WHOLE, NOT_RUN, LATER = (answer["body"] for answer in json.loads(ANSWERS.read_text())["answers"])
ITEM = {"type": "text", "value": "Name: Ann", "md": "Name: Ann"}


def document(
    body: dict[str, Any], *, items: Any = (ITEM,), include_content: bool = True
) -> Document:
    page = {"page_number": 1, "success": True, "page_width": 612, "page_height": 792}
    whole = {**body, "items": {"pages": [page | {"items": list(items)}]}}
    raw = json.dumps(whole).encode()
    reading = results.read_answer(
        raw, lambda: json.loads(raw), include_content=include_content, include_ocr=True
    )
    assert reading.error is None and reading.document is not None
    assert "forms" not in reading.rest
    return reading.document


def segments(of: Document) -> list[dict[str, Any]]:
    return of.tables["segments"].to_pylist()


def test_a_form_follows_the_items_of_its_page_and_holds_its_fields() -> None:
    rows = segments(document(WHOLE))
    said = [(row["depth"], row["segment_type"], row["provider_segment_type"]) for row in rows]
    assert said == [
        (0, "text", "text"),
        (0, "form", "form"),
        (1, "form", "form.section"),
        (2, "key_value", "form.field.text"),
        (2, "key_value", "form.field.text"),
        (2, "key_value", "form.field.checkbox"),
        (2, "signature", "form.field.signature"),
        (2, "key_value", "form.field.single_select"),
        (3, "key_value", "form.field.checkbox"),
        (3, "key_value", "form.field.checkbox"),
        (2, "key_value", "form.field.multi_select"),
        (3, "key_value", "form.field.checkbox"),
        (3, "text", "form.text"),
        (3, "key_value", "form.field.text"),
        (2, "form", "form.section"),
        (1, "table", "form.table"),
        (1, "text", "form.text"),
    ]
    contents = [row["content"] for row in rows]
    assert contents[3:8] == ["Ann", None, "true", "false", "F"]
    assert contents[10] == "wood\nsalt"
    labels = [json.loads(row["metadata"] or "{}").get("field_label") for row in rows]
    assert labels[2:6] == ["Person", "Name", "Town", "Resident"]
    assert rows[3]["bbox_x0"] == pytest.approx(100 / 612)
    assert {row["chunk_index"] for row in rows} == {0}


def test_what_a_form_says_is_not_text_of_its_page_once_more() -> None:
    made = document(WHOLE)
    assert made.tables["chunks"]["content"].to_pylist() == ["Name: Ann"]
    top = [row for row in segments(made) if row["depth"] == 0]
    assert [row["markdown"] or row["content"] for row in top] == ["Name: Ann", None]


def test_every_value_of_the_forms_stands_somewhere() -> None:
    made = document(WHOLE)
    kept = json.dumps([segments(made), made.tables["pages"].to_pylist()], default=str)
    for page in WHOLE["forms"]["pages"]:
        for form in page.get("forms") or []:
            for text in _texts(form["json"]):
                assert json.dumps(text)[1:-1] in kept.replace('\\"', '"'), text
    assert "form pass failed" in kept and "w2" in kept


def _texts(value: Any, key: str = "") -> list[str]:
    if isinstance(value, dict):
        return [text for name, part in value.items() for text in _texts(part, name)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part, key)]
    # these name the row's type
    return [value] if isinstance(value, str) and key not in ("type", "field") else []


def test_a_job_that_was_not_run_for_forms_has_none() -> None:
    assert [row["segment_type"] for row in segments(document(NOT_RUN))] == ["text"]


def test_nodes_of_a_later_version_are_kept() -> None:
    rows = segments(document(LATER))
    assert [(row["segment_type"], row["content"]) for row in rows[2:]] == [
        ("other", "0042"),
        ("other", "2026-11-20"),
        ("key_value", "7"),
    ]


@pytest.mark.parametrize(
    "forms",
    [
        "text",
        [],
        {"pages": "text"},
        {"pages": [None, "text", {"forms": "odd words"}, {"page_number": "x", "forms": [None]}]},
        {"pages": [{"page_number": 1, "forms": ["odd words", {"json": "odd words"}]}]},
        {"pages": [{"page_number": 9, "forms": [{"json": ["odd words", None, [1]]}]}]},
    ],
)
def test_forms_in_an_odd_shape_cost_nothing_else(forms: Any) -> None:
    made = document({"forms": forms})
    rows = segments(made)
    assert rows[0]["content"] == "Name: Ann"
    if "odd words" in json.dumps(forms):
        assert "odd words" in json.dumps([rows, made.tables["pages"].to_pylist()], default=str)


def test_without_content_no_label_and_no_value_stays() -> None:
    made = document(WHOLE, include_content=False)
    kept = json.dumps([table.to_pylist() for table in made.tables.values()], default=str)
    for word in ("Ann", "Resident", "Person", "Wages", "wood", "salt", "Keep a copy", "2025"):
        assert word not in kept
    assert len(segments(made)) == len(segments(document(WHOLE)))
