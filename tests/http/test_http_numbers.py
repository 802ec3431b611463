"""Numbers of an answer keep their digits on every way: lists, jobs, results, the helper."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from http_support import NOON

from dlt_docjobs.http import Answer, decode_json
from dlt_docjobs.model.cleaning import to_json_text
from dlt_docjobs.model.exact_json import survives_floats
from dlt_docjobs.model.values import to_confidence, to_float, to_int, to_text
from dlt_docjobs.providers import envelopes
from dlt_docjobs.providers.contextual import results as contextual
from dlt_docjobs.providers.llamacloud import results as llamacloud
from dlt_docjobs.providers.unsiloed import results as unsiloed
from dlt_docjobs.reader.pipe import NOTHING, answer, unpack

LONG = "0.123456789012345678901234567890"
WIDE = "7" * 5000
POLICY = {"include_content": True, "include_ocr": True}


def answered(body: bytes) -> Answer:
    return Answer(200, body, "application/json", NOON, NOON, None, "/p")


def exactly(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def test_a_row_with_a_number_of_5000_digits_costs_its_neighbours_nothing() -> None:
    rows = [b'{"id": %d, "status": "COMPLETED"}' % number for number in range(50)]
    rows[7] = b'{"id": 7, "n": %s, "m": -%s}' % (WIDE.encode(), LONG.encode())
    value = decode_json(answered(b'{"items": [%s]}' % b", ".join(rows)))
    assert len(value["items"]) == 50
    assert exactly(to_json_text(value["items"][7])) == {
        "id": 7,
        "n": Decimal(WIDE),
        "m": Decimal("-" + LONG),
    }


def test_a_row_that_nests_deeply_costs_its_neighbours_nothing() -> None:
    deep = b"[" * 3000 + b"]" * 3000
    value = decode_json(answered(b'{"items": [{"id": 1}, {"id": 2, "x": %s}]}' % deep))
    assert [row["id"] for row in value["items"]] == [1, 2]
    with pytest.raises(ValueError, match="nested too deeply"):
        to_json_text(value["items"][1])


# numbers for a box, for what no column takes, and for what is said of the job
BODIES = {
    unsiloed.read_answer: (
        '{"status": "Succeeded", "n": %(n)s, "chunks": [{"chunk_id": "c", "segments": [{'
        '"segment_id": "s", "segment_type": "Text", "content": "x", "page_number": 1, '
        '"page_width": 600, "page_height": 800, "confidence": 0.5, '
        '"bbox": {"left": %(n)s, "top": 1, "width": 2, "height": 3}, "llm": {"n": %(n)s}}]}]}'
    ),
    llamacloud.read_answer: (
        '{"job": {"id": "j", "status": "COMPLETED", "n": %(n)s}, "items": {"pages": [{'
        '"page_number": 1, "success": true, "page_width": 600, "page_height": 800, "items": [{'
        '"type": "text", "value": "x", "md": "x", "n": %(n)s, '
        '"bbox": [{"x": %(n)s, "y": 1, "w": 2, "h": 3}]}]}]}}'
    ),
    contextual.read_answer: (
        '{"status": "completed", "n": %(n)s, "pages": [{"index": 0, "blocks": [{'
        '"id": "b", "type": "text", "markdown": "x", "n": %(n)s, "bounding_box": {'
        '"x0": %(n)s, "y0": 0.1, "x1": 0.2, "y1": 0.3}}]}]}'
    ),
}


@pytest.mark.parametrize("number", [LONG, WIDE, "12.3450", "1E+400", "0.30000000000000004", "7"])
@pytest.mark.parametrize("read", BODIES, ids=["unsiloed", "llamacloud", "contextual"])
def test_a_result_keeps_its_numbers(read: Any, number: str) -> None:
    body = (BODIES[read] % {"n": number}).encode()
    readings = [read(body, lambda: decode_json(answered(body)), **POLICY)]
    message = b"".join(answer(read, body, POLICY))
    if message != NOTHING:
        readings.append(unpack(message))
    for reading in readings:
        assert reading.error is None and reading.document is not None
        said = exactly(to_json_text(reading.rest))
        assert said.get("job", said)["n"] == Decimal(number)
        (segment,) = reading.document.tables["segments"].to_pylist()
        assert Decimal(number) in values_of(exactly(segment["provider_bbox"]))
        assert Decimal(number) in values_of(exactly(segment["metadata"]))
    if len(number) < 40:
        assert len(readings) == 2, "the helper reads it too"


def values_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [found for part in value.values() for found in values_of(part)]
    if isinstance(value, list):
        return [found for part in value for found in values_of(part)]
    return [value]


def test_the_fast_way_is_taken_where_floats_will_do() -> None:
    body = BODIES[unsiloed.read_answer]
    for number, is_fast in [("0.30000000000000004", True), ("7", True), (LONG, False)]:
        sent = (body % {"n": number}).encode()
        assert survives_floats(sent) is is_fast
        asked: list[bytes] = []

        def decode(sent: bytes = sent, asked: list[bytes] = asked) -> Any:
            asked.append(sent)
            return decode_json(answered(sent))

        unsiloed.read_answer(sent, decode, **POLICY)
        assert asked == ([] if is_fast else [sent])


@pytest.mark.parametrize(
    ("sent", "as_float", "as_int", "as_text"),
    [
        (LONG, 0.12345678901234568, None, LONG),
        ("12.50", 12.5, None, "12.50"),
        ("100.00", 100.0, 100, "100.00"),
        ("9007199254740993.00", 9007199254740992.0, 9007199254740993, "9007199254740993.00"),
        ("9223372036854775808.00", 2.0**63, None, "9223372036854775808.00"),
        ("1E+400", None, None, "1E+400"),
        ("-1E+999999999999", None, None, None),
        (WIDE, None, None, None),
        ("-" + WIDE, None, None, None),
    ],
)
def test_columns_read_such_numbers_as_any_other(
    sent: str, as_float: float | None, as_int: int | None, as_text: str | None
) -> None:
    value = decode_json(answered(sent.encode()))
    assert isinstance(value, Decimal)
    assert (to_float(value), to_int(value), to_text(value)) == (as_float, as_int, as_text)
    assert to_confidence(value) == (as_float if sent == LONG else None)
    assert Row.model_validate({"number": value}).number == as_float
    assert Row.model_validate({"count": value}).count == as_int
    assert Row.model_validate({"text": value}).text == as_text


class Row(envelopes.Envelope):
    number: envelopes.Number = None
    count: envelopes.Count = None
    text: envelopes.Text = None
    at: envelopes.Instant = None


def test_a_date_may_be_such_a_number() -> None:
    value = decode_json(answered(b"1795348800.50"))
    assert Row.model_validate({"at": value}).at == NOON.replace(microsecond=500_000)
