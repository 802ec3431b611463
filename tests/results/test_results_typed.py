"""What is as documented is decoded at once; what is a little odd makes the same rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_support import MODULES, Rows, parse, read, read_in_all_ways, rows_of
from test_results_properties import DOCUMENTED, INPUTS, MUTATIONS, RELAXED, SCOPES, mutated

from dlt_docjobs.results import columns

POLICIES = [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]
ANSWERS = [(provider, body) for provider, bodies in DOCUMENTED.items() for body in bodies]
# Fields that are numbers or truth values, and may be spelled out
SPELLED = frozenset(
    {"page_number", "page_width", "page_height", "success", "level", "confidence", "chunk_length"}
    | {"index", "hierarchy_level"}
)


def options(policy: tuple[bool, bool, bool]) -> dict[str, bool]:
    return dict(zip(("include_content", "include_ocr", "include_table_cells"), policy, strict=True))


def in_scopes(provider: str, body: Any, change: Any) -> Any:
    """A copy of an answer with its result changed."""
    body = json.loads(json.dumps(body))
    for *path, last in SCOPES[provider]:
        holder = body
        for key in path:
            holder = (holder.get(key) or {}) if isinstance(holder, dict) else {}
        if last in holder:
            holder[last] = change(holder[last])
    return body


def with_new_field(value: Any) -> Any:
    if isinstance(value, list):
        return [with_new_field(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    # boxes are stored as sent, and so are the rest of those that are no records
    plain = {"bbox", "bounding_box", "rows", "revisions", "color", "parse_concerns", "references"}
    plain |= {"box", "extra"}
    kept = {key: value[key] if key in plain else with_new_field(value[key]) for key in value}
    return {**kept, "brand_new": 1}


def without_new_field(value: Any) -> Any:
    """A value without that field, and without what would be empty without it."""
    if isinstance(value, list):
        return [without_new_field(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_new_field(value[key]) for key in value if key != "brand_new"}
    return {key: entry for key, entry in kept.items() if entry != {}}


def spelled(value: Any) -> Any:
    if isinstance(value, list):
        return [spelled(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(entry) if key in SPELLED and isinstance(entry, (int, float)) else spelled(entry)
        for key, entry in value.items()
    }


def without(rows: Rows, *columns: str) -> list[list[Any]]:
    """The rows, but for some columns."""
    return [[{**row._asdict(), **dict.fromkeys(columns)} for row in of_table] for of_table in rows]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("provider", "body"), ANSWERS)
def test_a_documented_answer_is_never_decoded_as_values(
    provider: str, body: dict[str, Any], policy: tuple[bool, bool, bool]
) -> None:
    sent = json.dumps({"id": "1", "status": "done", **body}).encode()
    reading = read(provider, sent, lambda: pytest.fail("it is as documented"), **options(policy))
    assert reading.document is not None and reading.document.count("segments")
    assert reading.error is None and reading.rest["id"] == "1"
    assert rows_of(reading.document) == parse(provider, body, **options(policy))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("provider", "body"), ANSWERS)
def test_a_new_field_in_every_object_changes_metadata_only(
    provider: str, body: dict[str, Any], policy: tuple[bool, bool, bool]
) -> None:
    documented = parse(provider, body, **options(policy))
    odd = parse(provider, in_scopes(provider, body, with_new_field), **options(policy))
    assert without(odd, "metadata") == without(documented, "metadata")
    for before, after in zip(documented.segments, odd.segments, strict=True):
        metadata = json.loads(after.metadata or "")
        assert metadata["brand_new"] == 1
        assert all(element["brand_new"] == 1 for element in metadata.get("ocr", {}).values())
        assert without_new_field(metadata) == without_new_field(json.loads(before.metadata or "{}"))


@pytest.mark.parametrize(("provider", "body"), ANSWERS)
def test_a_number_that_is_spelled_out_is_that_number(provider: str, body: dict[str, Any]) -> None:
    documented, odd = parse(provider, body), parse(provider, in_scopes(provider, body, spelled))
    # boxes are stored as sent, and only headings have a column for their level
    assert without(odd, "provider_bbox", "metadata") == without(
        documented, "provider_bbox", "metadata"
    )


@pytest.mark.parametrize("provider", MODULES)
@RELAXED
@given(which=st.integers(0, 19), mutations=MUTATIONS, policy=st.sampled_from(POLICIES))
def test_every_way_of_reading_makes_the_same_rows(
    provider: str, which: int, mutations: Any, policy: tuple[bool, bool, bool]
) -> None:
    body = mutated(INPUTS[provider][which % len(INPUTS[provider])], mutations)
    read_in_all_ways(provider, body, **options(policy))


SEGMENT = {"segment_id": "s", "segment_type": "Text", "content": "a", "page_number": 1}
BOX = {"left": 1, "top": 2.5, "width": 3, "height": 4}


@pytest.mark.parametrize(
    "more",
    [
        {"content": "nul \0 inside", "html": "\0", "segment_id": "a\0b"},
        {"markdown": "![x](https://s3.example/a.png?X-Amz-Signature=abc) and 3 < 4 & 5 %"},
        {"image": "https://s3.example/a.png?X-Amz-Signature=abc"}, {"image": ""},
        {"image": "data:image/png;base64,AAAA"},
        {"bbox": BOX, "page_width": 10, "page_height": 8.0},
        {"bbox": BOX, "page_width": 3.9, "page_height": 6},
        {"bbox": BOX, "page_width": 0, "page_height": 8},
        {"bbox": BOX, "page_width": -10, "page_height": 8},
        {"bbox": BOX}, {"bbox": [BOX, BOX]}, {"bbox": [BOX, {**BOX, "left": "0"}]},
        {"bbox": {"left": 1, "top": 2}, "page_width": 10, "page_height": 8},
        {"bbox": {**BOX, "angle": 7}, "page_width": 10, "page_height": 8},
        {"bbox": {**BOX, "width": -1}, "page_width": 10, "page_height": 8},
        {"bbox": {**BOX, "left": 1e300}, "page_width": 1e301, "page_height": 1e301},
        {"bbox": {**BOX, "left": 10**30}, "page_width": 1e301, "page_height": 1e301},
        {"bbox": {}, "page_width": 10, "page_height": 8},
        {"confidence": 0}, {"confidence": 1}, {"confidence": 0.1234567890123},
        {"llm": "said", "chart_data": [1, {"a": None}], "references": [], "ocr": []},
        {"segment_type_display": "Absatz"},
        {"ocr": [{"text": "a=b", "confidence": None, "bbox": BOX}, {"text": None}, {}]},
        {"ocr": [{"text": "x", "color": {"r": 1, "hex": "#010203"}, "link": "https://x.example"}]},
        {"segment_type": "Brand\0New"}, {"segment_type": None}, {"page_number": None},
        {"page_number": 2**63 - 1}, {"page_number": 0}, {"page_number": -1},
        # not as documented
        {"brand_new": 1}, {"kept": {"a": 1}}, {"confidence": 1.5}, {"confidence": "0.5"},
        {"page_number": 1.0}, {"page_number": 2**63}, {"content": {"a": 1}}, {"ocr": "text"},
        {"bbox": [1, 2, 3, 4]}, {"bbox": {"left": "1"}}, {"ocr": [None]},
        {"ocr": [{"confidence": 7}]}, {"content": "\ud800"}, {"llm": float("nan")},
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", POLICIES)
def test_corners_are_read_alike(more: dict[str, Any], policy: tuple[bool, bool, bool]) -> None:
    chunk = {"embed": None, "segments": [SEGMENT, {**SEGMENT, **more}, SEGMENT]}
    body = {"chunks": [chunk, {"embed": "e", "segments": None}]}
    assert len(parse("unsiloed", body, **options(policy)).segments) == 3


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
def test_documents_are_read_alike(body: dict[str, Any], policy: tuple[bool, bool, bool]) -> None:
    reading = read_in_all_ways("unsiloed", {**body, "job_id": "j"}, **options(policy))
    assert reading.document is not None
    assert reading.rest == {key: of for key, of in body.items() if key != "chunks"} | {
        "job_id": "j"
    }


def test_a_field_that_is_called_kept_is_kept_as_any_other() -> None:
    body = {"chunks": [{"segments": [{"kept": {"a": 1}}]}]}
    [segment] = parse("unsiloed", body).segments
    assert json.loads(segment.metadata or "") == {"kept": {"a": 1}}


def test_only_a_column_that_may_hold_a_signature_is_looked_through_text_by_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []
    clean_text = columns.clean_text
    monkeypatch.setattr(
        columns, "clean_text", lambda text: looked_at.append(text) or clean_text(text)
    )
    segments = [{"content": "R&D, 100 %", "markdown": f"{n} = {n}"} for n in range(3)]
    body = {"chunks": [{"embed": "e", "segments": segments}]}
    read("unsiloed", json.dumps(body).encode())
    assert looked_at == ["0 = 0", "1 = 1", "2 = 2"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b'{"chunks": {}}', b'{"chunks": [{"embed": "\\ud800"}]}', b'{"chunks": [], "x": NaN}',
     b'{"chunks": [null]}'],
)  # fmt: skip
def test_a_body_of_another_shape_is_decoded_as_values(body: bytes) -> None:
    decoded: list[Any] = []
    read("unsiloed", body, lambda: decoded.append(json.loads(body)) or decoded[0])
    assert decoded


def test_what_decoding_raises_goes_through() -> None:
    for body in (b"", b"{"):
        with pytest.raises(json.JSONDecodeError):
            read("unsiloed", body)


def test_the_rest_is_decoded_as_any_json() -> None:
    text = json.dumps({"chunks": [], "a": [1, 2.5, "ü", None], "b": {"c": 2**70}})
    assert read("unsiloed", text.encode()).rest == {"a": [1, 2.5, "ü", None], "b": {"c": 2**70}}
