"""Numbers keep their digits, from an answer's bytes to the JSON that is stored."""

from __future__ import annotations

import json
import math
import random
import re
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlt_docjobs.model.cleaning import clean_json, encode_json, to_json_text, without_content
from dlt_docjobs.model.exact_json import (
    DEEPEST,
    decode,
    decode_leniently,
    encode,
    survives_floats,
)

DIGITS_30 = "0.123456789012345678901234567890"
DIGITS_5000 = "123456789" * 555 + "12345"
BIG = "1" + "0" * 20_000

DIGITS = st.text("0123456789", min_size=1, max_size=40)
WHOLE = st.from_regex(r"\A(0|[1-9][0-9]{0,30})\Z")
NUMBERS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-"]),
        WHOLE,
        st.sampled_from(["", ""]) | DIGITS.map(lambda digits: "." + digits),
        st.sampled_from(["", "", "e5", "E+5", "e-7", "E-12", "e-400", "e400", "e-0320"]),
    ),
)


def stored(text: str) -> str:
    """What becomes of a number in an answer's bytes."""
    value = decode_leniently(b'{"a": [%s]}' % text.encode())
    return str(encode_json(clean_json(value), sort_keys=True)).removeprefix('{"a":[')[:-2]


@pytest.mark.parametrize(
    "text",
    [
        DIGITS_30,
        f"-{DIGITS_30}",
        DIGITS_5000,
        "0.1000000000000000055511151231257827021181583404541015625",
        "18446744073709551616",
        "12.50",
        "0.10",
        "100.00",
        "1.0",
        "0.0",
        "-0.0",
        "0.30000000000000004",
        "12345678901234567.5",
        "123456789.12345678",
        "9007199254740993.0",
        "999999999999999.9",
        "1E+400",
        "-1E+400",
        "1E-400",
        "4.9406564584124654E-400",
        "1.234567890123456789E+23",
        "16000.5",
    ],
)
def test_a_number_is_written_as_it_came(text: str) -> None:
    assert stored(text) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1e400", "1E+400"),
        ("1e5", "100000.0"),
        ("1E-7", "1e-7"),
        ("1.5e3", "1500.0"),
        ("1234567890123456789e5", "1.234567890123456789E+23"),
        ("0.00001", "0.00001"),
    ],
)
def test_an_exponent_may_be_written_in_another_way(text: str, same: str) -> None:
    assert stored(text) == same


@given(NUMBERS)
@example("1234567890123456e5")
@example("1e-320")
@example("0e-400")
def test_every_number_keeps_its_value(text: str) -> None:
    assert Decimal(stored(text)) == Decimal(text)
    if "." in text and "e" not in text.lower() and "E" not in stored(text):
        assert significant(stored(text)) == significant(text)


def significant(text: str) -> str:
    mantissa = re.split("[eE]", text)[0].lstrip("-").replace(".", "")
    return mantissa.lstrip("0") or "0"


JSON = st.recursive(
    NUMBERS | st.text().map(json.dumps) | st.sampled_from(["null", "true"]),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: "[" + ", ".join(parts) + "]")
        | st.dictionaries(st.text(max_size=5).map(json.dumps), inner, max_size=4).map(
            lambda parts: "{" + ",".join(f"{key}:{part}" for key, part in parts.items()) + "}"
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_keeps_its_values(text: str) -> None:
    sent = json.loads(text, parse_float=Decimal)
    value = decode_leniently(text.encode())
    assert json.loads(encode(value), parse_float=Decimal) == sent
    # strictly, where it can be, and the same
    try:
        strict = decode(text.encode())
    except Exception:
        return
    assert strict == value


@given(JSON)
def test_what_survives_floats_does(text: str) -> None:
    sent = json.loads(text, parse_float=Decimal)
    try:
        plain = msgspec.json.decode(text)
    except msgspec.ValidationError:
        # beyond every float, and so not taken for one
        return
    if survives_floats(text.encode()) and not re.search("e-0?[34]", text):
        assert json.loads(msgspec.json.encode(plain), parse_float=Decimal) == sent


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)), st.text())
def test_floats_that_a_program_wrote_survive(numbers: list[float], text: str) -> None:
    body = json.dumps([numbers, [round(number, 2) for number in numbers], text]).encode()
    assert survives_floats(body) or text
    assert decode(body) == [numbers, [round(number, 2) for number in numbers], text]
    assert all(type(number) is float for number in decode(body)[0])


def test_what_looks_like_numbers_in_texts_is_none() -> None:
    texts = ["." * 100, "1." * 50, "123456789012345678901234", "1.2.3.4.5.6.7.8.9.10.11.12"]
    texts += ["3f2e5a1b-1e-1234-9e-400f-aaaa5e-123456", "2026-11-22T10:00:00.123456789Z"]
    body = json.dumps({"texts": texts, "ids": 12345678901234567890}).encode()
    assert survives_floats(body)
    assert decode(body) == json.loads(body)


@pytest.mark.parametrize("digits", [640, 641, 4300, 4301, 5000, 100_000])
def test_integers_of_any_length(digits: int) -> None:
    value = decode_leniently(b'[{"id": 1}, {"n": -%s}]' % (b"7" * digits))
    assert value[0] == {"id": 1}
    assert encode(value[1]) == b'{"n":-%s}' % (b"7" * digits)


def test_long_numbers_take_no_long_time() -> None:
    body = b"[" + b",".join([b"7" * 300_000, b"0." + b"3" * 300_000] * 5) + b"]"
    began = time.process_time()
    assert all(isinstance(number, Decimal) for number in decode_leniently(body))
    assert len(to_json_text(decode_leniently(body))) >= 3_000_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("7" * 16_000, "7" * 16_000),
        ("7" * 16_001, '"' + "7" * 16_001 + '"'),
        ("0." + "7" * 20_000, '"0.' + "7" * 20_000 + '"'),
        ("1E+131071", "1E+131071"),
        ("1E+131072", '"1E+131072"'),
        ("1E-16383", "1E-16383"),
        ("1E-16384", '"1E-16384"'),
        ("1e99999999999999999999", '"1e99999999999999999999"'),
        ("-1e-99999999999999999999", '"-1e-99999999999999999999"'),
    ],
)
def test_what_no_warehouse_holds_as_a_number_is_a_text(text: str, kept: str) -> None:
    assert stored(text) == kept


def test_nan_and_half_characters_are_read_beside_long_numbers() -> None:
    body = b'\xef\xbb\xbf{"n": NaN, "t": "\\ud800", "long": %s}' % DIGITS_30.encode()
    value = decode_leniently(body)
    assert math.isnan(value["n"]) and value["t"] == "\ud800"
    assert to_json_text(value) == f'{{"n":"NaN","t":"\ufffd","long":{DIGITS_30}}}'


def test_without_content_numbers_stay() -> None:
    value = decode_leniently(b'{"a": %s, "b": "%s"}' % (DIGITS_30.encode(), DIGITS_30.encode()))
    assert encode(without_content(value, frozenset())) == b'{"a":%s,"b":32}' % DIGITS_30.encode()


# -- nested deeply ----------------------------------------------------------------------------


def nested(depth: int, inner: str = "1") -> bytes:
    return ("[" * depth + inner + "]" * depth).encode()


@pytest.mark.parametrize("depth", [1, 100, DEEPEST])
def test_what_is_not_nested_too_deeply_is_whole(depth: int) -> None:
    assert encode(decode_leniently(nested(depth))) == nested(depth)


@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_what_is_nested_too_deeply_is_a_text_from_there_on(depth: int) -> None:
    inner = f'{{"a\\"]": "}}\u20ac", "n": {DIGITS_30}}}'
    deep = nested(depth, inner)
    value = decode_leniently(b'[{"id": 1}, %s, {"id": 2.50}]' % deep)
    assert (value[0], encode(value[2])) == ({"id": 1}, b'{"id":2.50}')
    part: Any = value[1]
    levels = 0
    while isinstance(part, list):
        (part,) = part
        levels += 1
    # one level is the list around it
    assert levels == DEEPEST - 1
    assert part == nested(depth - levels, inner).decode()


@pytest.mark.parametrize("body", [b"[" * 50_000, b"]" * 50_000, b'["' * 50_000, b'[\\"' * 50_000])
def test_what_is_not_closed_is_no_json(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode_leniently(body)


# -- fast ---------------------------------------------------------------------------------------


def test_ordinary_numbers_are_ordinary() -> None:
    source = random.Random(1)
    values = [source.random(), source.randrange(10**18), 1.5, 0, -3, 1e-5, 1e22, 2.5e-8, 10**40]
    decoded = decode_leniently(json.dumps(values).encode())
    assert decoded == values
    assert [type(value) for value in decoded] == [type(value) for value in values]
