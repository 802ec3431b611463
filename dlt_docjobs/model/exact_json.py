"""JSON whose numbers keep their digits, be it a decimal of 30 or an integer of 5,000.

A float keeps no more than 17 digits, and Python reads no integer of more than 4,300. A number that
needs more is an `Exact`; every other one is an `int` or a `float`, as everybody expects.

Nearly no answer holds such a number, and to look at each number would cost more than all else of
decoding: so the bytes are searched first for what might be one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec


class Exact(Decimal):
    """A number with all of its digits.

    A type of its own, since msgspec takes a `Decimal` for a float where it is to be one.
    """

    __slots__ = ()


DEEPEST: Final = 600
"""Where JSON is nested deeper, what lies deeper is its own text: Python's stack has an end."""

# Every Python reads integers of so many digits, whatever limit is set
_LONGEST_INT: Final = 640
# Digits and points as 0, so that a long number is a run of it; what belongs to an exponent; and
# all else as spaces
_SKELETON: Final = bytes(
    0x30 if chr(byte) in "0123456789." else ord(chr(byte).lower()) if chr(byte) in "eE-" else 0x20
    for byte in range(256)
)
# Up to 15 digits survive a float always
_RUN: Final = b"0" * 16
_RUN_END: Final = re.compile(b"0+")
_NUMBER: Final = re.compile(rb"[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![0-9.])")
# 1e-400 is no float; an id may look like it
_TINY: Final = b"0e-000"
_BEFORE_NUMBERS: Final = b":,[ \t\r\n"
# A float has no zeros at its end, so 12.50 would lose one
_ZERO_AT_END: Final = re.compile(rb"\.[0-9]+0\s*(?:[,\]}]|\Z)")
_ENDS_IN_ZERO: Final = re.compile(r"\.[0-9]+0\Z")
_STRUCTURE: Final = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def exact_float(text: str) -> float | Exact | str:
    """The value of a number that is no integer, with all of its digits."""
    number = float(text)
    written = repr(number)
    if written == text:
        return number
    try:
        exact = Exact(text)
    except InvalidOperation:
        # An exponent of 20 digits: no number that anything holds
        return text
    return exact if exact != Decimal(written) or _ENDS_IN_ZERO.search(text) else number


def _exact_int(text: str) -> int | Exact:
    return int(text) if len(text) <= _LONGEST_INT else Exact(text)


_decode_plain: Final = msgspec.json.Decoder().decode
_decode_exact: Final = msgspec.json.Decoder(float_hook=exact_float).decode
_encode: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=Decimal).encode
_encode_sorted: Final = msgspec.json.Encoder(
    decimal_format="number", enc_hook=Decimal, order="deterministic"
).encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def decode(body: bytes) -> Any:
    """The value of JSON that is valid to the letter.

    Raises:
        Exception: It is not, is nested too deeply, or holds an integer that `decode_leniently`
            reads.
    """
    if _is_plain(body):
        try:
            return _decode_plain(body)
        except msgspec.ValidationError:
            # A number beyond every float
            pass
    return _decode_exact(body)


def decode_leniently(body: bytes) -> Any:
    """The value of JSON that may hold NaN, lone surrogates, a byte order mark or any number.

    What is nested deeper than `DEEPEST` is a text, the JSON of it.

    Raises:
        json.JSONDecodeError: It is no JSON.
        UnicodeDecodeError: It is no Unicode.
        RecursionError: It is nested too deeply, and no JSON; or the caller's own stack is deep.
    """
    try:
        return decode(body)
    except Exception:
        pass
    try:
        return _loads(body)
    except RecursionError:
        pass
    return _loads(_shallow(body))


def _loads(body: bytes) -> Any:
    return json.loads(body, parse_float=exact_float, parse_int=_exact_int)


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """The compact JSON of a value.

    Args:
        value: What `decode` returns, but without NaN and infinities.
        sort_keys: Whether the keys of objects are sorted.
    """
    return _encode_sorted(value) if sort_keys else _encode(value)


def encode_lines(values: Sequence[Any]) -> bytes:
    """The compact JSON of many values, a line each.

    Raises:
        TypeError: One of them holds an `Exact`.
    """
    return _encode_lines(values)


def survives_floats(body: bytes) -> bool:
    """Whether every number in JSON keeps its value if it is read as a float or an integer.

    It is worth its time where many numbers have 17 digits, as floats that a program has reckoned
    do; False in doubt. Numbers out of the range of floats aside: msgspec refuses the large ones,
    and those below 1e-307 lose digits.
    """
    numbers = list(_long_numbers(body, body.translate(_SKELETON)))
    # All at once, because there may be thousands
    return b" ".join(numbers).decode() == " ".join(map(repr, map(float, numbers)))


def _is_plain(body: bytes) -> bool:
    skeleton = body.translate(_SKELETON)
    has_long = next(_long_numbers(body, skeleton), None) is not None
    return not (has_long or _may_be_tiny(body, skeleton) or _ZERO_AT_END.search(body))


def _long_numbers(body: bytes, skeleton: bytes) -> Iterator[bytes]:
    """What may be a number of 16 digits or more, and is no integer; the sign is left out."""
    start = skeleton.find(_RUN)
    while start >= 0:
        before = body[max(0, start - 2) : start].rstrip(b"-")[-1:]
        # Ids have other signs before their digits, and dots that lead to a page's number no digit
        if before in _BEFORE_NUMBERS and (found := _NUMBER.match(body, start)):
            number = found[0]
            if not number.isdigit():
                yield number
        end = _RUN_END.match(skeleton, start)
        start = skeleton.find(_RUN, end.end()) if end else -1


def _may_be_tiny(body: bytes, skeleton: bytes) -> bool:
    """Whether a number may have a negative exponent of three digits."""
    at = skeleton.find(_TINY)
    while at >= 0:
        before = skeleton.rfind(b" ", 0, at)
        if before < 0 or body[before] in _BEFORE_NUMBERS:
            return True
        at = skeleton.find(_TINY, at + 1)
    return False


def _shallow(body: bytes) -> bytes:
    """The same JSON, with a text for whatever is nested deeper than `DEEPEST`.

    Raises:
        RecursionError: Not every bracket is closed.
    """
    kept: list[bytes] = []
    done = start = depth = 0
    in_string = False
    for match in _STRUCTURE.finditer(body):
        sign = match[0]
        if sign == b'"':
            in_string = not in_string
        elif in_string or sign[0] == 0x5C:
            continue
        elif sign in b"[{":
            if depth == DEEPEST:
                start = match.start()
            depth += 1
        else:
            depth -= 1
            if depth == DEEPEST:
                text = body[start : match.end()].decode("utf-8", "surrogatepass")
                kept += body[done:start], json.dumps(text).encode()
                done = match.end()
    if depth != 0:
        raise RecursionError("brackets are left open")
    return b"".join((*kept, body[done:]))
