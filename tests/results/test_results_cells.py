"""Cells of tables: which form of a table they come from, and what may be stored of them."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from dlt_docjobs.model import exact_json
from dlt_docjobs.model.records import TableCell
from dlt_docjobs.results import cells as cells_module

HTML = (
    "<table><thead><tr><th colspan=2>Crew</th></tr></thead><tr><td>Ann</td><td>42</td></tr></table>"
)
MARKDOWN = "| Crew | Age |\n| --- | --- |\n| Ann | 42 |"


def llamacloud(table: Any) -> bytes:
    item = b'{"type": "table", ' + table + b"}"
    page = b'{"page_number": 1, "success": true, "items": [' + item + b"]}"
    return b'{"items": {"pages": [' + page + b"]}}"


def contextual(text: str) -> Any:
    return {"pages": [{"index": 0, "blocks": [{"type": "table", "markdown": text}]}]}


def unsiloed(**table: Any) -> Any:
    return {"chunks": [{"segments": [{"segment_type": "Table", **table}]}]}


def reducto(text: str) -> Any:
    return {"result": {"result": {"chunks": [{"blocks": [{"type": "Table", "content": text}]}]}}}


def landingai(text: str) -> Any:
    place = {"page": 1, "range": {"start": 0, "end": len(text)}}
    table = {"type": "table", "grounding": place, "children": []}
    page = {"type": "page", "status": "ok", "grounding": place, "children": [table]}
    return {"result": {"markdown": text, "structure": {"type": "document", "children": [page]}}}


def cells_of(provider: str, answer: Any, **policy: bool) -> list[TableCell]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    policy = {"include_content": True, "include_ocr": True, "include_table_cells": True} | policy
    read = import_module(f"dlt_docjobs.providers.{provider}.results").read_answer
    fast = read(body, lambda: exact_json.decode_leniently(body), **policy)
    # an answer that is a value already is read object by object
    slow = read(b"", lambda: exact_json.decode_leniently(body), **policy)
    found = [reading.document.tables["table_cells"].to_pylist() for reading in (fast, slow)]
    assert found[0] == found[1]
    return [TableCell(**row) for row in found[0]]


def said(cells: list[TableCell]) -> dict[tuple[int, int], str | None]:
    return {(cell.row_index, cell.column_index): cell.text for cell in cells}


@pytest.mark.parametrize(
    ("provider", "answer", "source"),
    [
        ("contextual", contextual(MARKDOWN), "markdown"),
        ("contextual", contextual(f"Crew list\n\n{HTML}"), "html"),
        ("unsiloed", unsiloed(content="Crew,Age", html=HTML, markdown=MARKDOWN), "html"),
        ("unsiloed", unsiloed(content="Crew,Age", markdown=MARKDOWN), "markdown"),
        ("unsiloed", unsiloed(html="<table></table>", markdown=MARKDOWN), "markdown"),
        ("unsiloed", unsiloed(content=HTML), "html"),
        ("reducto", reducto(HTML), "html"),
        ("reducto", reducto(MARKDOWN), "markdown"),
        ("reducto", reducto('[["Crew", "Age"], ["Ann", 42]]'), "rows"),
        ("landingai", landingai(HTML), "html"),
        ("landingai", landingai(f"<a id='x'></a>\n\n{HTML}"), "html"),
        ("landingai", landingai(MARKDOWN), "markdown"),
        ("llamacloud", llamacloud(b'"rows": [["Crew", "Age"], ["Ann", 42]], "html": ""'), "rows"),
        ("llamacloud", llamacloud(f'"rows": [], "html": {json.dumps(HTML)}'.encode()), "html"),
        ("llamacloud", llamacloud(f'"md": {json.dumps(MARKDOWN)}'.encode()), "markdown"),
    ],
)
def test_the_richest_form_that_holds_cells_is_read(provider: str, answer: Any, source: str) -> None:
    cells = cells_of(provider, answer)
    assert {cell.source for cell in cells} == {source}
    assert {cell.segment_index for cell in cells} == {0}
    expected = {(0, 0): "Crew", (0, 1): "Age", (1, 0): "Ann", (1, 1): "42"}
    if source == "html":
        del expected[0, 1]
        assert (cells[0].column_span, cells[0].is_header) == (2, True)
    assert said(cells) == expected


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("reducto", reducto("Crew,Age\nAnn,42")),
        ("reducto", reducto("[[not JSON")),
        ("unsiloed", unsiloed(content=None)),
        ("contextual", contextual("a picture of a table")),
        ("llamacloud", llamacloud(b'"rows": [[null, ""], []], "merged_into_page": 1')),
    ],
)
def test_a_table_in_no_known_form_has_no_cells(provider: str, answer: Any) -> None:
    assert cells_of(provider, answer) == []


def test_what_is_no_table_has_no_cells() -> None:
    answer = contextual(MARKDOWN)
    answer["pages"][0]["blocks"][0]["type"] = "text"
    assert cells_of("contextual", answer) == []


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        *((number, number) for number in ("12.50", "0.1", "1.0", "-3", "0.1234567890123456789")),
        ("9" * 700, "9" * 700),
        ("1e400", "1E+400"),
        ("true", "true"),
        ('" a "', " a "),
        ('{"items": [{"field": "checkbox", "label": "Paid", "value": true}]}', "Paid\ntrue"),
        ('["a", [1.50]]', "a\n1.50"),
    ],
)  # fmt: skip
def test_a_value_is_the_text_that_was_sent(sent: str, text: str) -> None:
    (cell,) = cells_of("llamacloud", llamacloud(f'"rows": [[null, {sent}]]'.encode()))
    assert (cell.row_index, cell.column_index, cell.text) == (0, 1, text)


def test_rows_take_spans_and_headers_from_html_of_the_same_shape() -> None:
    rows = b'"rows": [["Crew", ""], ["Ann", 42.0]], "html": ' + json.dumps(HTML).encode()
    cells = cells_of("llamacloud", llamacloud(rows))
    assert [cell[1:] for cell in cells] == [
        (0, 0, "Crew", 1, 2, True, "rows"),
        (1, 0, "Ann", 1, 1, False, "rows"),
        (1, 1, "42.0", 1, 1, False, "rows"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        *('["Crew", "more"], ["Ann", 42]', '["Crew"], ["Ann", 42]', '["Crew", ""], ["Ann", 42, 1]'),
        *('["Crew", ""], ["Ann", 42], ["Bo", 7]', '["Crew", ""], null, ["Ann", 42]'),
    ],
)
def test_rows_of_another_shape_than_the_html_stay_as_they_are(rows: str) -> None:
    sent = f'"rows": [{rows}], "html": {json.dumps(HTML)}'
    cells = cells_of("llamacloud", llamacloud(sent.encode()))
    assert {(cell.row_span, cell.column_span, cell.is_header) for cell in cells} == {(1, 1, None)}
    assert said(cells) == {
        (row, column): str(value)
        for row, values in enumerate(json.loads(f"[{rows}]"))
        for column, value in enumerate(values or ())
        if value
    }


@pytest.mark.parametrize(
    ("provider", "answer"),
    [("unsiloed", unsiloed(html=HTML)), ("llamacloud", llamacloud(b'"rows": [["Crew", 42]]'))],
)
def test_without_content_a_cell_has_its_place_and_no_text(provider: str, answer: Any) -> None:
    cells = cells_of(provider, answer, include_content=False)
    assert {cell.text for cell in cells} == {None}
    assert [cell._replace(text="") for cell in cells] == [
        cell._replace(text="") for cell in cells_of(provider, answer)
    ]


def test_a_signed_url_in_a_cell_loses_its_signature() -> None:
    url = (
        "https://store.example/a.pdf?X-Amz-Expires=900&amp;X-Amz-<b>Signature</b>=0123456789abcdef"
    )
    (cell,) = cells_of("unsiloed", unsiloed(html=f"<table><tr><td>see {url}</td></tr></table>"))
    assert cell.text == "see https://store.example/a.pdf"


def test_a_table_that_cannot_be_read_costs_its_cells_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(cells_module, "html_cells", broken)
    segments = [
        {"segment_type": "Table", "html": HTML},
        {"segment_type": "Table", "markdown": MARKDOWN},
    ]
    cells = cells_of("unsiloed", {"chunks": [{"segments": segments}]})
    assert {(cell.segment_index, cell.source) for cell in cells} == {(1, "markdown")}


def test_where_they_are_not_wanted_no_table_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: Any, **options: Any) -> Any:
        pytest.fail("nobody has asked for cells")

    for name in ("html_cells", "markdown_cells", "_cells_of_rows"):
        monkeypatch.setattr(cells_module, name, never)
    for provider, answer in (
        ("unsiloed", unsiloed(html=HTML)),
        ("contextual", contextual(MARKDOWN)),
    ):
        assert cells_of(provider, answer, include_table_cells=False) == []
