"""The fast way to read Unsiloed AI's results makes the rows that the tolerant way makes."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_results_properties import INPUTS, MUTATIONS, RELAXED, mutated

from dlt_docjobs.emulator.contents.unsiloed import parse_content
from dlt_docjobs.providers.unsiloed.typed import read_typed
from dlt_docjobs.results import Document, UnreadableResult, unsiloed, unsiloed_typed
from dlt_docjobs.tables import TABLES

POLICIES = [(True, True), (True, False), (False, True), (False, False)]


def comparable(document: Document) -> dict[str, list[dict[str, Any]]]:
    """The rows, with JSON as values: the order of keys in `metadata` may differ."""
    return {
        name: [
            {
                column: json.loads(value)
                if value and column in ("metadata", "provider_bbox")
                else value
                for column, value in row.items()
            }
            for row in rows.to_pylist()
        ]
        for name, rows in document.tables.items()
    }


def assert_same(body: Any, include_content: bool, include_ocr: bool) -> bool:
    """Whether the fast way read it; if so, it made the same rows."""
    options = {"include_content": include_content, "include_ocr": include_ocr}
    typed = read_typed(json.dumps(body).encode(), **options)
    if typed is None:
        return False
    assert typed.document is not None
    for name, rows in typed.document.tables.items():
        assert rows.schema == TABLES[name].own_schema
        rows.validate(full=True)
    tolerant = Document.of(unsiloed.parse_document(body, **options))
    assert comparable(typed.document) == comparable(tolerant)
    assert typed.document.failed_page_count == tolerant.failed_page_count
    assert typed.rest == {key: value for key, value in body.items() if key != "chunks"}
    return True


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(6))
def test_documented_answers_are_read_the_fast_way(seed: int, policy: tuple[bool, bool]) -> None:
    body = {"job_id": "1", "status": "Succeeded", **parse_content(random.Random(seed), 4)}
    assert body["chunks"]
    assert assert_same(body, *policy)


@RELAXED
@given(which=st.integers(0, 9), mutations=MUTATIONS, policy=st.sampled_from(POLICIES))
def test_what_both_ways_read_makes_the_same_rows(
    which: int, mutations: Any, policy: tuple[bool, bool]
) -> None:
    inputs = [*INPUTS["unsiloed"], parse_content(random.Random(which), 2)]
    body = mutated(inputs[which % len(inputs)], mutations)
    if not isinstance(body, dict):
        return
    try:
        assert_same(body, *policy)
    except UnreadableResult:
        pytest.fail("the fast way read what the tolerant way refuses")


SEGMENT = {"segment_id": "s", "segment_type": "Text", "content": "a", "page_number": 1}
BOX = {"left": 1, "top": 2.5, "width": 3, "height": 4}


@pytest.mark.parametrize(
    "more",
    [
        {"content": "nul \0 inside", "html": "\0", "segment_id": "a\0b"},
        {"markdown": "![x](https://s3.example/a.png?X-Amz-Signature=abc) and 3 < 4 & 5 %"},
        {"image": "https://s3.example/a.png?X-Amz-Signature=abc"},
        {"image": "data:image/png;base64,AAAA"},
        {"bbox": BOX, "page_width": 10, "page_height": 8.0},
        {"bbox": BOX, "page_width": 3.9, "page_height": 6},
        {"bbox": BOX, "page_width": 0, "page_height": 8},
        {"bbox": BOX, "page_width": -10, "page_height": 8},
        {"bbox": BOX},
        {"bbox": {"left": 1, "top": 2}, "page_width": 10, "page_height": 8},
        {"bbox": {**BOX, "angle": 7}, "page_width": 10, "page_height": 8},
        {"bbox": {**BOX, "width": -1}, "page_width": 10, "page_height": 8},
        {"bbox": {**BOX, "left": 1e300}, "page_width": 1e301, "page_height": 1e301},
        {"bbox": {}, "page_width": 10, "page_height": 8},
        {"confidence": 0}, {"confidence": 1}, {"confidence": 0.1234567890123},
        {"llm": "said", "chart_data": [1, {"a": None}], "references": [], "ocr": []},
        {"segment_type_display": "Absatz"},
        {"ocr": [{"text": "a=b", "confidence": None, "bbox": BOX}, {"text": None}, {}]},
        {"ocr": [{"text": "x", "color": {"r": 1, "hex": "#010203"}, "link": "https://x.example"}]},
        {"segment_type": "Brand\0New"}, {"segment_type": None}, {"page_number": None},
        {"page_number": 2**63 - 1}, {"page_number": 0},
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", POLICIES)
def test_corners_are_read_alike(more: dict[str, Any], policy: tuple[bool, bool]) -> None:
    chunk = {"embed": None, "segments": [SEGMENT, {**SEGMENT, **more}, SEGMENT]}
    assert assert_same({"chunks": [chunk, {"embed": "e", "segments": None}]}, *policy)


@pytest.mark.parametrize(
    "body",
    [
        {"chunks": []},
        {"chunks": [], "page_count": 3},
        {"chunks": [{}, {"embed": "e", "chunk_id": "c\0"}], "page_count": 0},
        {"chunks": [{"embed": None, "segments": [{"markdown": "\0"}, {"markdown": "b"}, {}]}]},
        {"chunks": [{"segments": [{"page_number": n}]} for n in (3, 1, 7, 3)], "page_count": 4},
        {"chunks": [{"segments": [{"page_number": 2, "page_width": 1}]},
                    {"segments": [{"page_number": 2, "page_width": 5, "page_height": 6}]}]},
        {"chunks": [{"segments": [{"ocr": [{"confidence": 0.5}, {"link": "x"}]}, {"llm": 1}]}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", POLICIES)
def test_documents_are_read_alike(body: dict[str, Any], policy: tuple[bool, bool]) -> None:
    assert assert_same(body, *policy)


def test_only_a_column_that_may_hold_a_signature_is_looked_through_text_by_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []
    clean_text = unsiloed_typed.clean_text
    monkeypatch.setattr(
        unsiloed_typed, "clean_text", lambda text: looked_at.append(text) or clean_text(text)
    )
    segments = [{"content": "R&D, 100 %", "markdown": f"{n} = {n}"} for n in range(3)]
    assert assert_same({"chunks": [{"embed": "e", "segments": segments}]}, True, False)
    assert looked_at == ["0 = 0", "1 = 1", "2 = 2"]


@pytest.mark.parametrize(
    "more",
    [
        {"brand_new": 1}, {"confidence": 1.5}, {"confidence": "0.5"}, {"page_number": 1.0},
        {"page_number": 2**63}, {"content": {"a": 1}}, {"bbox": [1, 2, 3, 4]}, {"ocr": "text"},
        {"bbox": {"left": "1"}}, {"ocr": [None]}, {"ocr": [{"confidence": 7}]},
    ],
)  # fmt: skip
def test_what_is_not_as_documented_is_left_to_the_tolerant_way(more: dict[str, Any]) -> None:
    body = {"chunks": [{"segments": [{**SEGMENT, **more}]}]}
    assert read_typed(json.dumps(body).encode()) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"chunks": null}', b'{"chunks": {}}', b'{"status": "Processing"}',
     b'{"chunks": [{"embed": "\\ud800"}]}', b'{"chunks": [], "x": NaN}'],
)  # fmt: skip
def test_neither_is_a_body_of_another_shape(body: bytes) -> None:
    assert read_typed(body) is None


def test_it_decodes_with_msgspec_what_json_decodes() -> None:
    text = json.dumps({"chunks": [], "a": [1, 2.5, "ü", None], "b": {"c": 2**70}})
    typed = read_typed(text.encode())
    assert typed is not None and typed.rest == {"a": [1, 2.5, "ü", None], "b": {"c": 2**70}}
    assert msgspec.json.decode(text)["b"] == typed.rest["b"]
