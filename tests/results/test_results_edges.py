"""What no fixture shows well: the outermost shape, depth, bounds, numbers and boxes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from results_support import MODULES, Rows, parse, read_in_all_ways

from dlt_docjobs.model.cleaning import to_json_text
from dlt_docjobs.model.values import to_int
from dlt_docjobs.results.boxes import NOWHERE, corners, fractions
from dlt_docjobs.results.leftovers import put
from dlt_docjobs.results.pages import number_pages
from dlt_docjobs.results.typed import MAX_DEPTH, Box, Record, Side, UnreadableResult, lenient

SECRET = "a sentence of the document"


@pytest.mark.parametrize("body", [None, [], SECRET, 3, True])
@pytest.mark.parametrize("provider", MODULES)
def test_a_body_that_is_no_object_has_no_result(provider: str, body: Any) -> None:
    assert read_in_all_ways(provider, body) == (body, None, None)


@pytest.mark.parametrize(
    ("provider", "body", "message"),
    [
        ("llamacloud", {"items": SECRET}, "items is text, not an object"),
        ("llamacloud", {"items": [{}]}, "items is a list, not an object"),
        ("llamacloud", {"items": {"pages": {}}}, r"items\.pages is an object, not a list"),
        ("contextual", {"pages": SECRET}, "pages is text, not a list"),
        ("contextual", {"pages": 0}, "pages is a number, not a list"),
        ("unsiloed", {"chunks": SECRET}, "chunks is text, not a list"),
        ("unsiloed", {"chunks": False}, "chunks is a boolean, not a list"),
    ],
)
def test_a_result_of_another_shape_is_refused(
    provider: str, body: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnreadableResult, match=message) as refused:
        parse(provider, body)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("llamacloud", {}),
        ("llamacloud", {"items": None, "metadata": None}),
        ("contextual", {"pages": None}),
        ("unsiloed", {"chunks": None, "page_count": 0}),
    ],
)
def test_an_absent_result_is_no_document(provider: str, body: Any) -> None:
    reading = read_in_all_ways(provider, body)
    assert (reading.document, reading.error) == (None, None)


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("llamacloud", {"items": {"pages": None}, "metadata": {"pages": SECRET}}),
        ("llamacloud", {"items": {}, "text": SECRET}),
        ("llamacloud", {"items": SECRET, "text": {"pages": []}}),
        ("contextual", {"pages": []}),
        ("unsiloed", {"chunks": [], "page_count": 0}),
    ],
)
def test_an_empty_result_is_a_document_without_pages(provider: str, body: Any) -> None:
    reading = read_in_all_ways(provider, body)
    assert reading.document is not None and reading.error is None
    assert parse(provider, body) == Rows([], [], [], [], [])


def nested_list(levels: int, innermost: Any) -> Any:
    item = innermost
    for _ in range(levels):
        item = {"type": "list", "items": [item]}
    return item


def llamacloud_body(*items: Any) -> dict[str, Any]:
    return {"items": {"pages": [{"page_number": 1, "success": True, "items": list(items)}]}}


def test_every_level_of_a_nested_list_is_a_row() -> None:
    document = parse(
        "llamacloud", llamacloud_body(nested_list(MAX_DEPTH, {"type": "text", "value": "core"}))
    )
    assert [segment.depth for segment in document.segments] == list(range(201))
    assert document.segments[-1].segment_type == "list_item"
    assert {segment.content for segment in document.segments} == {"core"}
    assert {segment.metadata for segment in document.segments} == {None}


@pytest.mark.parametrize("levels", [201, 260, 900, 20_000])
def test_what_is_nested_too_deep_stays_in_the_last_containers_metadata(levels: int) -> None:
    body = llamacloud_body(
        nested_list(levels, {"type": "text", "value": SECRET}), {"type": "text", "value": "after"}
    )
    document = parse("llamacloud", body)
    *containers, after = document.segments
    assert len(containers) == MAX_DEPTH + 1
    assert SECRET in (containers[-1].metadata or "")
    assert all(container.metadata is None for container in containers[:-1])
    assert (after.content, after.depth) == ("after", 0)

    without = parse("llamacloud", body, include_content=False)
    assert SECRET not in repr(without)


@pytest.mark.parametrize("levels", [100, 900, 20_000])
@pytest.mark.parametrize("key", ["rows", "new_field"])
def test_a_deep_field_loses_no_text(levels: int, key: str) -> None:
    value: Any = {"cell": SECRET}
    for level in range(levels):
        value = [value, level] if level % 2 else {"inner": value}
    body = llamacloud_body({"type": "table", "csv": "a", key: value})
    [segment] = parse("llamacloud", body).segments
    assert segment.content == "a"
    assert SECRET in (segment.metadata or "")
    json.loads(segment.metadata or "")
    [segment] = parse("llamacloud", body, include_content=False).segments
    assert SECRET not in (segment.metadata or "")


def test_deep_fields_of_two_parts_of_a_page_are_not_compared() -> None:
    def deep() -> Any:
        value: Any = SECRET
        for _ in range(5000):
            value = [value]
        return value

    page = {"page_number": 1, "success": True, "items": []}
    body = {"items": {"pages": [{**page, "new": deep()}, {**page, "new": deep()}]}}
    [row] = parse("llamacloud", body).pages
    assert (row.metadata or "").count(SECRET) == 2


@pytest.mark.parametrize(
    ("page_count", "rows"),
    [(0, 0), (None, 0), (-5, 0), (3, 3), ("3", 3), (100_000, 100_000), (100_001, 0), (10**30, 0)],
)
def test_unsiloed_pages_without_segments_are_rows_up_to_a_sane_number(
    page_count: Any, rows: int
) -> None:
    document = parse("unsiloed", {"chunks": [], "page_count": page_count})
    assert [page.page_number for page in document.pages] == list(range(1, rows + 1))


@pytest.mark.parametrize(
    "image", ["data:image/png;base64,AAAA", "DATA:image/png;base64,AAAA", "QUJD" * 2000]
)
def test_a_picture_in_base64_is_no_url(image: str) -> None:
    body = {"chunks": [{"segments": [{"segment_type": "Picture", "image": image}]}]}
    [segment] = parse("unsiloed", body).segments
    assert segment.image_url is None
    assert json.loads(segment.metadata or "") == {"image": image}
    [segment] = parse("unsiloed", body, include_content=False).segments
    assert json.loads(segment.metadata or "") == {"image": len(image)}


def test_signed_urls_survive_nowhere() -> None:
    url = "https://b.s3.amazonaws.com/k.png?X-Amz-Signature=0123abcd&X-Amz-Expires=3600"
    documents = [
        parse("unsiloed", {"chunks": [{"embed": f"![]({url})", "source": url, "segments": [
                {"segment_type": "Picture", "image": url, "markdown": f"![]({url})",
                 "references": [{"at": url}], "ocr": [{"text": url, "link": url}]},
            ]}]}
        ),
        parse("llamacloud", llamacloud_body(
                {"type": "image", "url": url, "md": f"![]({url})"},
                {"type": "link", "url": url, "text": url},
                {"type": "table", "rows": [[url]], "html": f'<img src="{url}">'},
            )
        ),
        parse("contextual", {"pages": [{"index": 0, "url": url, "blocks": [
            {"type": "figure", "markdown": f"![]({url})", "image": url},
        ]}]}),
    ]  # fmt: skip
    for document in documents:
        assert "b.s3.amazonaws.com/k.png" in repr(document)
        assert "0123abcd" not in repr(document)


@pytest.mark.parametrize(
    ("sent", "numbers"),
    [
        (["?", "?", "?"], [1, 2, 3]),
        ([3, "?", "?"], [3, 2, 4]),
        ([2, "?", 2, 4, "?"], [2, 6, 2, 4, 5]),
        ([5, 4, "?", 3, "?", 2**63 - 1], [5, 4, 7, 3, 8, 2**63 - 1]),
        ([2, "?", "?", 4], [2, 5, 3, 4]),
        # Position 3 is free, but 5, the first number behind all, is not
        ([2, "?", "?", 5], [2, 6, 3, 5]),
        ([None, "?", None, 1], [2, 1]),
    ],
)
def test_page_numbers_that_cannot_be_read_never_collide(sent: list[Any], numbers: Any) -> None:
    pages = [number and {"at": at, "n": number} for at, number in enumerate(sent)]
    numbered = number_pages(pages, lambda page: to_int(page["n"]))
    assert [number for number, _ in numbered] == sorted(numbers)
    in_the_order_sent = sorted(numbered, key=lambda entry: entry[1]["at"])
    assert [number for number, _ in in_the_order_sent] == numbers


def test_a_value_is_put_beside_another_of_its_name() -> None:
    record: dict[str, Any] = {}
    for value in ("a", "a", "b", 1, True, 1.0, {"x": 1}, {"x": 1}, "b"):
        put(record, "key", value)
    assert list(record.items()) == [
        ("key", "a"), ("key_2", "b"), ("key_3", 1), ("key_4", True), ("key_5", 1.0),
        ("key_6", {"x": 1}), ("key_7", {"x": 1}),
    ]  # fmt: skip
    assert [type(value) for value in record.values()][2:5] == [int, bool, float]


class XywhBox(Box):
    x: Side
    y: Side
    w: Side
    h: Side


class Boxed(Record):
    bbox: list[XywhBox] | XywhBox | None = None


def box(x: Any, y: Any, w: Any, h: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "w": w, "h": h}


@pytest.mark.parametrize(
    ("sent", "extent", "size", "expected"),
    [
        (box(10, 20, 30, 40), True, (100, 200), (0.1, 0.1, 0.4, 0.3)),
        (box(0.1, 0.2, 0.3, 0.4), False, (1, 1), (0.1, 0.2, 0.3, 0.4)),
        (box(0.3, 0.4, 0.1, 0.2), False, (1, 1), (0.1, 0.2, 0.3, 0.4)),
        (box("0.3", "4e-1", 0.1, 0.2), False, (1, 1), (0.1, 0.2, 0.3, 0.4)),
        (box(50, 50, -25, -25), True, (100, 100), (0.25, 0.25, 0.5, 0.5)),
        ([box(0, 0, 10, 10), box(50, 60, 10, 10)], True, (100, 100), (0, 0, 0.6, 0.7)),
        ([box(0, 0, 10, 10), None, box(1, 1, None, 1)], True, (100, 100), (0, 0, 0.1, 0.1)),
        ([box(50, 60, 10, 10)], True, (100, 100), (0.5, 0.6, 0.6, 0.7)),
        (box(-10, 0, 130, 100), True, (100, 100), (0, 0, 1, 1)),
        (box(0, 0, 151, 10), True, (100, 100), NOWHERE),
        (box(-51, 0, 60, 10), True, (100, 100), NOWHERE),
        (box(0, 0, 10, 10), True, (None, 100), NOWHERE),
        (box(0, 0, 10, 10), True, (100, 0), NOWHERE),
        (box(0, 0, 10, 10), True, (-100, 100), NOWHERE),
        (box(0, 0, float("inf"), 10), True, (100, 100), NOWHERE),
        (box(1e308, 0, 1e308, 10), True, (1e-300, 100), NOWHERE),
        (box(True, 0, 10, 10), True, (100, 100), NOWHERE),
        ([], True, (100, 100), NOWHERE),
        ("10,20", True, (100, 100), NOWHERE),
    ],
)
def test_boxes(sent: Any, extent: bool, size: tuple[Any, Any], expected: Any) -> None:
    boxes = lenient(Boxed, {"bbox": sent}).bbox
    assert fractions(boxes, *size, extent=extent) == pytest.approx(expected)
    assert corners([boxes], [size[0]], [size[1]], extent=extent) == [pytest.approx(expected)]


def test_a_box_is_stored_as_sent_but_for_what_json_cannot_hold() -> None:
    sent = [{"x": 1, "y": 2.50, "w": 3, "h": 4, "label": "a\x00b"}, {"r": float("nan")}]
    [segment] = parse("llamacloud", llamacloud_body({"type": "text", "bbox": sent})).segments
    assert segment.provider_bbox == ('[{"x":1,"y":2.5,"w":3,"h":4,"label":"ab"},{"r":"NaN"}]')


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"x": float("nan")}, '{"x":"NaN"}'),
        ({"x": float("-inf")}, '{"x":"-Infinity"}'),
        ({"x": 10**30}, '{"x":' + "1" + "0" * 30 + "}"),
        ({"x\x00": 1}, '{"x":1}'),
        ({"x": True}, '{"x":true}'),
        ({"label": "Alt\ud800"}, '{"label":"Alt\ufffd"}'),
        ({"x": 1, "label": "\udb85KŘ"}, '{"x":1,"label":"\ufffdKŘ"}'),
        ([{"x": 1, "y": 2, "w": 3, "h": 4, "label": "\udb85KŘ"}], None),
    ],
)
def test_a_box_is_cleaned(sent: Any, stored: str | None) -> None:
    [segment] = parse("llamacloud", llamacloud_body({"type": "text", "bbox": sent})).segments
    assert segment.provider_bbox == (stored or to_json_text(sent))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([{"x": 1, "label": "title"}], '[{"x":1,"label":"title"}]'),
        ([{"x": 1, "label": "two words"}], '[{"x":1,"label":"two words"}]'),
        ([{"x": 1, "snippet": "word"}], '[{"x":1,"snippet":4}]'),
        (["word"], "[4]"),
    ],
)
def test_without_content_a_box_keeps_its_label_and_no_other_text(sent: Any, stored: str) -> None:
    [segment] = parse(
        "llamacloud", llamacloud_body({"type": "text", "bbox": sent}), include_content=False
    ).segments
    assert segment.provider_bbox == stored


def test_a_confidence_of_zero_counts() -> None:
    ocr = [{"text": "a", "confidence": 0}, {"text": "b", "confidence": 1}, {"text": "c"}]
    boxes = [{"confidence": 0.0}, {"confidence": 0.5}, {}]
    [segment] = parse("unsiloed", {"chunks": [{"segments": [{"ocr": ocr}]}]}).segments
    assert (segment.ocr_count, segment.ocr_confidence_mean) == (3, 0.5)
    [segment] = parse("llamacloud", llamacloud_body({"type": "text", "bbox": boxes})).segments
    assert segment.confidence == 0.25


def test_ids_and_types_are_cleaned() -> None:
    body = {"chunks": [{"chunk_id": "c\x00", "segments": [
        {"segment_id": "s\x00", "segment_type": "Te\x00xt"}
    ]}]}  # fmt: skip
    [segment] = parse("unsiloed", body).segments
    assert (segment.chunk_id, segment.segment_id) == ("c", "s")
    assert (segment.provider_segment_type, segment.segment_type) == ("Text", "text")


def test_items_that_are_no_list_make_a_failed_page_that_keeps_them() -> None:
    [page] = parse(
        "llamacloud", {"items": {"pages": [{"page_number": 1, "items": {"0": "text"}}]}}
    ).pages
    assert page.is_failed
    assert json.loads(page.metadata or "") == {"items": {"0": "text"}}


@pytest.mark.parametrize(
    ("rows", "shape"), [([], (0, 0)), ([[]], (1, 0)), (["a"], (1, None)), (None, (None, None))]
)
def test_the_shape_of_a_table(rows: Any, shape: tuple[Any, Any]) -> None:
    body = llamacloud_body({"type": "table", "rows": rows})
    [segment] = parse("llamacloud", body).segments
    assert (segment.table_rows, segment.table_columns) == shape


def test_a_pages_markdown_is_not_stored_twice() -> None:
    blocks = [{"type": "text", "markdown": "a"}, {"type": "text", "markdown": "b"}]
    [page] = parse(
        "contextual", {"pages": [{"index": 0, "blocks": blocks, "markdown": "a\n\nb"}]}
    ).pages
    assert page.metadata is None


def test_a_plain_box_is_written_like_any_other_json() -> None:
    sent = [{"x": 1, "y": -2.5e-7, "w": 10**14, "h": None, "label": "title"}]
    for include_content in (True, False):
        [segment] = parse(
            "llamacloud",
            llamacloud_body({"type": "text", "bbox": sent}),
            include_content=include_content,
        ).segments
        assert segment.provider_bbox == to_json_text(sent)


def test_a_blocks_parent_may_stand_on_an_earlier_page_but_not_later() -> None:
    def block(name: str, *parents: str) -> dict[str, Any]:
        return {"id": name, "type": "text", "parent_ids": list(parents)}

    document = parse("contextual", {"pages": [
            {"index": 1, "blocks": [block("c", "a", "b"), block("d", "e"), block("e")]},
            {"index": 0, "blocks": [block("a"), block("b", "a"), block("x", "c", "a")]},
        ]}
    )  # fmt: skip
    assert [(s.segment_id, s.parent_segment_index, s.depth) for s in document.segments] == [
        ("a", None, 0),
        ("b", 0, 1),
        ("x", 0, 1),
        ("c", 1, 2),
        ("d", None, 0),
        ("e", None, 0),
    ]
    assert json.loads(document.segments[4].metadata or "") == {"parent_ids": ["e"]}


def test_a_page_that_failed_once_and_was_parsed_once_is_not_failed() -> None:
    failed = {"page_number": 1, "success": False, "error": "timeout"}
    parsed = {"page_number": 1, "success": True, "items": [{"type": "text", "value": "a"}]}
    for pages in ([failed, parsed], [parsed, failed]):
        document = parse("llamacloud", {"items": {"pages": pages}})
        [page] = document.pages
        assert (page.is_failed, page.error_message, page.segment_count) == (False, "timeout", 1)
        assert [chunk.chunk_index for chunk in document.chunks] == [0]
    [page] = parse("llamacloud", {"items": {"pages": [failed, failed]}}).pages
    assert page.is_failed


def test_the_errors_of_two_failed_parts_are_both_kept() -> None:
    pages = [{"page_number": 1, "success": False, "error": text} for text in ("one", "two")]
    [page] = parse("llamacloud", {"items": {"pages": pages}}).pages
    assert page.error_message == "one"
    assert "two" in (page.metadata or "")
