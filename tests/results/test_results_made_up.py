"""A part that is missing is made up for part by part, and nothing is invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
from results_support import Rows, parse, read_in_all_ways

from dlt_docjobs.results.pages import base_of


def texts(rows: Rows) -> list[tuple[int | None, str | None, str | None, str | None, int | None]]:
    return [
        (s.page_number, s.segment_type, s.content, s.markdown, s.chunk_index) for s in rows.segments
    ]


def chunks(rows: Rows) -> list[tuple[int | None, str | None, int]]:
    return [(c.page_number, c.content, c.segment_count) for c in rows.chunks]


# -- LlamaCloud: a page without items from its text -----------------------------------------------

ITEM = {"type": "text", "value": "item", "md": "item"}
PAGE = {"page_number": 1, "page_width": 612, "page_height": 792, "success": True, "items": []}
WORDS = {"page_number": 1, "text": "plain words"}


@pytest.mark.parametrize(
    "items",
    [
        None,
        {},
        {"pages": None},
        {"pages": []},
        {"pages": [PAGE]},
        {"pages": [{**PAGE, "items": None}]},
        {"pages": [{"page_number": 1}]},
        {"pages": [{"page_number": "1", "success": "true", "items": [None]}]},
    ],
)
def test_a_page_without_items_has_its_text(items: Any) -> None:
    rows = parse("llamacloud", {"items": items, "text": {"pages": [WORDS]}})
    assert texts(rows) == [(1, "text", "plain words", "plain words", 0)]
    assert chunks(rows) == [(1, "plain words", 1)]
    [page] = rows.pages
    assert (page.is_failed, page.segment_count, page.metadata) == (False, 1, None)


def test_each_page_is_made_up_for_by_itself() -> None:
    pages = [{**PAGE, "page_number": 1, "items": [ITEM]}, {**PAGE, "page_number": 2}]
    words = [{"page_number": n, "text": f"text {n}"} for n in (3, 2, 1)]
    rows = parse("llamacloud", {"items": {"pages": pages}, "text": {"pages": words}})
    assert chunks(rows) == [(1, "item", 1), (2, "text 2", 1), (3, "text 3", 1)]
    assert [page.page_width for page in rows.pages] == [612, 612, None]
    assert [segment.page_width for segment in rows.segments] == [612, 612, None]


def test_markdown_stands_beside_the_text_or_for_it() -> None:
    body = {
        "items": {"pages": [PAGE, {**PAGE, "page_number": 2}]},
        "text": {"pages": [WORDS]},
        "markdown": {
            "pages": [
                {"page_number": 1, "success": True, "markdown": "# plain"},
                {"page_number": 2, "success": True, "markdown": "# only", "header": "top"},
                {"page_number": 3, "success": False, "error": "broken"},
            ]
        },
    }
    rows = parse("llamacloud", body)
    assert texts(rows) == [
        (1, "text", "plain words", "# plain", 0),
        (2, "text", "# only", "# only", 1),
    ]
    assert chunks(rows) == [(1, "# plain", 1), (2, "# only", 1)]
    assert [(page.is_failed, page.error_message) for page in rows.pages] == [
        (False, None),
        (False, None),
        (True, "broken"),
    ]
    assert json.loads(rows.pages[1].metadata or "") == {"header": "top"}


def test_a_failed_page_whose_text_is_there_is_parsed() -> None:
    failed = {"page_number": 1, "success": False, "error": "no layout"}
    rows = parse("llamacloud", {"items": {"pages": [failed]}, "text": {"pages": [WORDS]}})
    assert chunks(rows) == [(1, "plain words", 1)]
    assert (rows.pages[0].is_failed, rows.pages[0].error_message) == (False, "no layout")
    [page] = parse("llamacloud", {"items": {"pages": [failed]}, "text": {"pages": []}}).pages
    assert page.is_failed


def test_no_text_of_a_page_that_was_sent_twice_is_lost() -> None:
    words = [WORDS, {**WORDS, "text": "more words", "column": 2}]
    for items in (None, {"pages": [PAGE]}):
        rows = parse("llamacloud", {"items": items, "text": {"pages": words}})
        assert chunks(rows) == [(1, "plain words\n\nmore words", 2)]
        assert json.loads(rows.pages[0].metadata or "") == {"column": 2}


def test_a_text_that_a_page_has_itself_is_its_own() -> None:
    rows = parse("llamacloud", {"items": {"pages": [{**PAGE, "text": "own", "markdown": "*own*"}]}})
    assert texts(rows) == [(1, "text", "own", "*own*", 0)]
    page = {**PAGE, "items": [ITEM], "text": 5, "markdown": "m"}
    rows = parse("llamacloud", {"items": {"pages": [page]}})
    assert chunks(rows) == [(1, "item", 1)]
    assert json.loads(rows.pages[0].metadata or "") == {"text": 5, "markdown": "m"}


def test_without_content_the_made_up_segment_is_there_without_its_text() -> None:
    body = {"items": {"pages": [PAGE]}, "text": {"pages": [WORDS]}}
    rows = parse("llamacloud", body, include_content=False)
    assert texts(rows) == [(1, "text", None, None, 0)]
    assert "plain" not in repr(rows)


@pytest.mark.parametrize(
    ("items", "content"),
    [
        ([{"type": "text", "value": "a"}, {"type": "heading", "value": "b", "md": ""}], "a\n\nb"),
        ([{"type": "list", "items": [{"type": "text", "value": "a"}, ITEM]}], "a\nitem"),
        ([{"type": "table", "csv": "1,2"}, {"type": "image", "caption": "c"}], "1,2\n\nc"),
    ],
)
def test_an_item_without_markdown_brings_its_content_to_the_chunk(items: Any, content: str) -> None:
    rows = parse("llamacloud", {"items": {"pages": [{**PAGE, "items": items}]}})
    assert [chunk.content for chunk in rows.chunks] == [content]
    # a column holds what was sent
    assert {segment.markdown for segment in rows.segments} <= {None, "", "item"}


def test_a_page_that_was_sent_twice_has_one_size() -> None:
    box = {"x": 61.2, "y": 79.2, "w": 61.2, "h": 79.2}
    pages = [PAGE, {"page_number": 1, "items": [{**ITEM, "bbox": [box]}]}]
    [segment] = parse("llamacloud", {"items": {"pages": pages}}).segments
    assert (segment.page_width, segment.page_height) == (612, 792)
    assert segment[-11:-7] == pytest.approx((0.1, 0.1, 0.2, 0.2))


# -- Unsiloed: a chunk from its segments, a size from the page ------------------------------------


@pytest.mark.parametrize("embed", [{}, {"embed": None}, {"embed": ["no", "text"]}])
def test_a_chunk_without_text_has_that_of_its_segments(embed: dict[str, Any]) -> None:
    segments = [
        {"content": "plain", "markdown": "*marked*"},
        {"content": "no markdown"},
        {"content": "empty markdown", "markdown": ""},
        {"html": "<p>neither</p>"},
    ]
    rows = parse("unsiloed", {"chunks": [{**embed, "segments": segments}, {"embed": ""}]})
    assert [chunk.content for chunk in rows.chunks] == [
        "*marked*\n\nno markdown\n\nempty markdown",
        "",
    ]
    assert [segment.markdown for segment in rows.segments] == ["*marked*", None, "", None]


def test_a_segment_without_a_size_has_its_pages() -> None:
    box = {"left": 10, "top": 20, "width": 10, "height": 20}
    sizes = [{}, {"page_width": 100}, {"page_width": 50, "page_height": 200}, {"page_width": "?"}]
    segments = [{"page_number": 1, "bbox": box, **size} for size in sizes]
    segments += [{"page_number": 2, "bbox": box}, {"bbox": box}]
    rows = parse("unsiloed", {"chunks": [{"segments": segments}]})
    assert [(s.page_width, s.page_height, s.bbox_x0, s.bbox_y0) for s in rows.segments] == [
        (100, 200, 0.1, 0.1),
        (100, 200, 0.1, 0.1),
        (50, 200, 0.2, 0.1),
        (100, 200, 0.1, 0.1),
        (None, None, None, None),
        (None, None, None, None),
    ]


# -- page numbers ---------------------------------------------------------------------------------


def on_pages(*numbers: Any, page_count: Any = None) -> dict[str, Any]:
    segments = [{"content": str(number), "page_number": number} for number in numbers]
    return {"chunks": [{"segments": segments}], "page_count": page_count}


@pytest.mark.parametrize(
    ("numbers", "page_count", "pages"),
    [
        # the pages that were asked for are all there
        ((2, 4, 6), 3, [2, 4, 6]),
        ((2, 4, 6), None, [2, 4, 6]),
        ((5,), 1, [5]),
        ((1, 2), 1, [1, 2]),
        # one of the pages asked for is empty, and nobody says which one it is
        ((2, 6), 3, [2, 6]),
        # an empty page of a document that is there from its first page on
        ((1, 3), 3, [1, 2, 3]),
        ((1,), 3, [1, 2, 3]),
        ((None,), 2, [1, 2]),
        ((), 2, [1, 2]),
        ((3,), 100_001, [3]),
    ],
)
def test_no_page_is_invented(numbers: tuple[Any, ...], page_count: Any, pages: list[int]) -> None:
    rows = parse("unsiloed", on_pages(*numbers, page_count=page_count))
    assert [page.page_number for page in rows.pages] == pages
    assert [segment.page_number for segment in rows.segments] == list(numbers)
    assert {segment.metadata for segment in rows.segments} <= {None}


@pytest.mark.parametrize(
    ("numbers", "page_count", "stored"),
    [
        ((0, 1), 2, [1, 2]),
        ((1, 0), None, [2, 1]),
        ((0, None, "1"), 2, [1, None, 2]),
        ((0, 3), 5, [1, 4]),
        ((0,), 1, [1]),
        ((0,), None, [1]),
        # 1-based: the 0 says that the page is not known
        ((0, 1, 2), 2, [None, 1, 2]),
        ((0, 3), 3, [None, 3]),
        ((0, 4, 5), 2, [None, 4, 5]),
        # a range of pages
        ((0, 4), 2, [1, 5]),
        ((0, 3), None, [1, 4]),
        ((-1, 0, 1), 3, [None, None, 1]),
        ((-1, 1), 1, [None, 1]),
    ],
)
def test_a_page_zero_is_shifted_with_its_document_or_is_none(
    numbers: tuple[Any, ...], page_count: Any, stored: list[int | None]
) -> None:
    rows = parse("unsiloed", on_pages(*numbers, page_count=page_count))
    assert [segment.page_number for segment in rows.segments] == stored
    known = [number for number in stored if number is not None]
    assert (rows.chunks[0].page_number, rows.chunks[0].last_page_number) == (min(known), max(known))
    assert min(page.page_number for page in rows.pages) == 1 or min(known) > 1
    for sent, number, segment in zip(numbers, stored, rows.segments, strict=True):
        lost = {"page_number": sent} if number is None and sent is not None else None
        assert (json.loads(segment.metadata) if segment.metadata else None) == lost


@pytest.mark.parametrize(
    ("numbers", "stored"),
    [
        ([0, 1, 2], [1, 2, 3]),
        ([0, "?", 2], [1, 2, 3]),
        ([1, 2, 3, 0], [1, 2, 3, 4]),
        ([0, 5], [1, 6]),
        # not counted from 0: the page stands where it was sent
        ([-1, 2], [1, 2]),
    ],
)
def test_pages_of_llamacloud_count_from_one(numbers: list[Any], stored: list[int]) -> None:
    pages = [{**PAGE, "page_number": number, "items": [ITEM]} for number in numbers]
    described = [{"page_number": n, "confidence": 0.5} for n in numbers if type(n) is int and n > 0]
    rows = parse("llamacloud", {"items": {"pages": pages}, "metadata": {"pages": described}})
    assert [page.page_number for page in rows.pages] == stored
    assert sum(page.confidence is not None for page in rows.pages) == len(described)


@pytest.mark.parametrize(
    ("configuration", "pages"),
    [
        ({"page_range": "2-3"}, [2]),
        ({"pages": [2, 3]}, [2]),
        ({"target_pages": None, "pageRange": ""}, [1, 2, 3]),
        ({"page_size": 7, "use_pages": True}, [1, 2, 3]),
        ("2-3", [1, 2, 3]),
    ],
)
def test_of_a_range_of_pages_only_those_of_which_something_was_said_are_there(
    configuration: Any, pages: list[int]
) -> None:
    rows = parse("unsiloed", on_pages(2, page_count=3) | {"configuration": configuration})
    assert [page.page_number for page in rows.pages] == pages


@pytest.mark.parametrize(
    ("indexes", "stored"), [([0, 1], [1, 2]), ([2, 5], [3, 6]), ([-1, 4], [1, 5])]
)
def test_pages_of_contextual_count_from_zero(indexes: list[int], stored: list[int]) -> None:
    rows = parse("contextual", {"pages": [{"index": index} for index in indexes]})
    assert [page.page_number for page in rows.pages] == stored
    lost = [json.loads(page.metadata) for page in rows.pages if page.metadata]
    assert lost == [{"index": index} for index in indexes if index < 0]


@pytest.mark.parametrize(
    ("numbers", "page_count", "base"),
    [([], None, 0), ([0], None, 1), ([1], 1, 0), ([0, 1], 2, 1), ([0, 2], 2, 0), ([0, 2], 3, 1),
     ([0, 2], None, 1), ([0, 7], 2, 1), ([0, 6, 7], 2, 0), ([-1, 0], 5, 0)],
)  # fmt: skip
def test_numbers_count_from_zero_where_a_page_is_number_zero(
    numbers: list[int], page_count: int | None, base: int
) -> None:
    assert base_of(numbers, page_count) == base


# -- words of segment types -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Section-header", "section_header"),
        ("List-item", "list_item"),
        ("Page-header", "page_header"),
        ("PAGE - FOOTER", "page_footer"),
        ("key_value-pair", "key_value"),
        ("page\u2010header", "page_header"),
    ],
)
def test_hyphens_of_a_segment_type_do_not_matter(word: str, kind: str) -> None:
    [segment] = parse("unsiloed", {"chunks": [{"segments": [{"segment_type": word}]}]}).segments
    assert (segment.segment_type, segment.provider_segment_type) == (kind, word)
    plain = kind.replace("page_", "").replace("section_header", "heading")
    if plain in ("header", "footer", "heading"):
        page = {"items": [{"type": f"{plain[:4]}-{plain[4:]}"}]}
        [item] = parse("llamacloud", {"items": {"pages": [page]}}).segments
        assert item.segment_type == kind
    [block] = parse("contextual", {"pages": [{"blocks": [{"type": "Head-ing"}]}]}).segments
    assert block.segment_type == "section_header"


# -- Contextual: what the hierarchy says and the pages do not -------------------------------------

BLOCK: dict[str, Any] = {
    "id": "b1",
    "type": "heading",
    "markdown": "# A",
    "bounding_box": {"x0": 0.1, "y0": 0.1, "x1": 0.5, "y1": 0.2},
    "hierarchy_level": 0,
    "parent_ids": [],
}
INFERRED = {**BLOCK, "id": "bX", "markdown": "## Inferred", "parent_ids": ["b1"], "page_index": 1}


def hierarchy_left(pages: Any, *blocks: Any) -> Any:
    body = {
        "status": "completed",
        "pages": pages,
        "document_metadata": {"hierarchy": {"blocks": list(blocks), "table_of_contents": "# A"}},
    }
    before = json.dumps(body)
    rest = read_in_all_ways("contextual", body).rest
    assert json.dumps(body) == before
    hierarchy = rest["document_metadata"]["hierarchy"]
    assert hierarchy.pop("table_of_contents") == "# A"
    return hierarchy


@pytest.mark.parametrize(
    ("block", "repeated", "left"),
    [
        (BLOCK, BLOCK, {}),
        (BLOCK, {**BLOCK, "page_index": 0}, {"blocks": [{"id": "b1", "page_index": 0}]}),
        (BLOCK, {**BLOCK, "page_index": None}, {}),
        ({**BLOCK, "page_index": 0}, {**BLOCK, "page_index": 0}, {}),
        (BLOCK, {**BLOCK, "markdown": "# B"}, {"blocks": [{"id": "b1", "markdown": "# B"}]}),
        (BLOCK, {"id": "b1"}, {}),
        (BLOCK, INFERRED, {"blocks": [INFERRED]}),
        (BLOCK, {**BLOCK, "id": None}, {"blocks": [{**BLOCK, "id": None}]}),
        (BLOCK, "no object", {"blocks": ["no object"]}),
        ("no object", BLOCK, {"blocks": [BLOCK]}),
        ({**BLOCK, "tone": "calm", "id": 7}, {**BLOCK, "tone": "calm", "id": 7}, {}),
        (
            {**BLOCK, "hierarchy_level": "0", "bounding_box": [1]},
            {**BLOCK, "bounding_box": [1]},
            {},
        ),
        (
            {**BLOCK, "bounding_box": "?"},
            BLOCK,
            {"blocks": [{"id": "b1", "bounding_box": BLOCK["bounding_box"]}]},
        ),
    ],
)
def test_what_the_hierarchy_says_and_the_pages_do_not_stays(
    block: Any, repeated: Any, left: Any
) -> None:
    assert hierarchy_left([{"index": 0, "blocks": [block]}], repeated) == left


def test_a_hierarchy_without_pages_stays_whole() -> None:
    assert hierarchy_left(None, BLOCK) == {"blocks": [BLOCK]}
    assert hierarchy_left("x", BLOCK) == {"blocks": [BLOCK]}
    assert hierarchy_left([{"index": 0}], BLOCK) == {"blocks": [BLOCK]}


@pytest.mark.parametrize("metadata", [None, "x", {"hierarchy": 5}, {"hierarchy": {"blocks": "x"}}])
def test_metadata_of_another_shape_stays_as_it_is(metadata: Any) -> None:
    body = {"pages": [{"index": 0, "blocks": [BLOCK]}], "document_metadata": metadata}
    assert read_in_all_ways("contextual", body).rest == {"document_metadata": metadata}


def test_a_page_that_only_an_element_names_has_a_row() -> None:
    place = {"range": {"start": 0, "end": 1}, "box": None}
    children = [{"type": "text", "grounding": {**place, "page": page}} for page in (1, 4, 4)]
    page = {"type": "page", "grounding": {**place, "page": 1}, "children": children}
    structure = {"type": "document", "children": [page]}
    document = parse("landingai", {"result": {"markdown": "x", "structure": structure}})
    assert [one.page_number for one in document.segments] == [1, 4, 4]
    assert [(one.page_number, one.segment_count) for one in document.pages] == [(1, 1), (4, 2)]


@pytest.mark.parametrize(
    ("sent", "is_kept"), [([0, 8], False), ("text", True), ([0, "text"], True), ({"a": 1}, True)]
)
def test_an_odd_place_in_the_second_tree_of_an_older_answer_is_kept(
    sent: Any, is_kept: bool
) -> None:
    page = {"type": "page", "page": 0, "span": [0, 8], "children": []}
    data = {
        "markdown": "Old form",
        "structure": {"type": "document", "children": [page]},
        "grounding": {"type": "document", "children": [{**page, "span": sent}]},
    }
    (row,) = parse("landingai", {"data": data}).pages
    assert ("grounding" in (row.metadata or "")) == is_kept


def test_a_page_that_comes_twice_keeps_both_its_places() -> None:
    page = {"type": "page", "grounding": {"page": 1, "range": {"start": 0, "end": 1}}}
    structure = {"type": "document", "children": [page, page]}
    (row,) = parse("landingai", {"result": {"markdown": "x", "structure": structure}}).pages
    assert json.loads(row.metadata or "").keys() >= {"range", "range_2"}
