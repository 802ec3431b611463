"""Each file in `fixtures/` is a result and the rows it makes, every column that is not null."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import pytest
from results_support import FIXTURES, JSON_COLUMNS, Rows, parse

from dlt_docjobs.model.records import JsonText
from dlt_docjobs.model.vocabulary import CANONICAL_SEGMENT_TYPES
from dlt_docjobs.providers.registry import provider as provider_of

TABLES = ("pages", "chunks", "segments", "ocr")


# the younger ones bring their answers with their own tests
PROVIDERS = ("llamacloud", "contextual", "unsiloed")


def load(path: Path) -> dict[str, Any]:
    fixture: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return fixture


def rows(path: Path, **options: bool) -> Rows:
    return parse(path.stem.partition("_")[0], load(path)["input"], **options)


def readable(row: NamedTuple) -> dict[str, Any]:
    shown = {}
    for column, value in row._asdict().items():
        if column in JSON_COLUMNS and value is not None:
            value = json.loads(value)
        elif isinstance(value, float):
            value = round(value, 6)
        if value is not None:
            shown[column] = value
    return shown


def test_there_are_fixtures_for_every_provider() -> None:
    assert {path.stem.partition("_")[0] for path in FIXTURES} == set(PROVIDERS)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_result_makes_exactly_these_rows(path: Path, table: str) -> None:
    fixture = load(path)
    made = getattr(rows(path, **fixture["options"]), table)
    assert [readable(row) for row in made] == fixture["expected"][table]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_fixtures_hold_every_segment_type(provider: str) -> None:
    made = {
        segment["segment_type"]
        for path in FIXTURES
        if path.stem.startswith(provider)
        for segment in load(path)["expected"]["segments"]
    }
    words = provider_of(provider).vocabulary.segment_types
    # those of forms have a fixture of their own
    wanted = {words[word] for word in words if word != "form" and not word.startswith("form.")}
    assert made >= wanted | {"other"}
    assert made <= CANONICAL_SEGMENT_TYPES


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_value_is_of_its_columns_type(path: Path) -> None:
    document = rows(path)
    for table in TABLES:
        for row in getattr(document, table):
            for column, hint in get_type_hints(type(row)).items():
                options = get_args(hint) if get_origin(hint) is not None else (hint,)
                types = {str if option is JsonText else option for option in options}
                assert type(getattr(row, column)) in types, (table, column)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("include_content", [True, False])
def test_the_answer_is_left_as_it_was(path: Path, include_content: bool) -> None:
    body = load(path)["input"]
    before = deepcopy(body)
    parse(path.stem.partition("_")[0], body, include_content=include_content)
    assert body == before


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_without_ocr_everything_else_is_the_same(path: Path) -> None:
    with_ocr, without = rows(path, include_ocr=True), rows(path, include_ocr=False)
    assert without.ocr == []
    assert with_ocr.pages == without.pages
    assert with_ocr.chunks == without.chunks
    for one, other in zip(with_ocr.segments, without.segments, strict=True):
        # What is left over of the OCR elements goes with them
        assert one._replace(metadata=None) == other._replace(metadata=None)
    assert sum(s.ocr_count for s in without.segments) == len(with_ocr.ocr)
