"""Reading values whose type a schema promises and an answer need not keep.

Table cells are texts or numbers, a score is a number or an object, a confidence a number or a word.

Each function returns None where a value cannot be what is asked for; whoever calls it keeps the
original. Where the meaning is clear the value is converted: `"3"` is a number, 3 is a text. A
boolean is never a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

MAX_INT: Final = 2**63 - 1
MIN_INT: Final = -(2**63)

# A longer run of digits is no measure, and int() refuses 4300 of them
_NUMERAL = re.compile(
    r"\s{0,9}[+-]?(?:\d{1,99}(?:\.\d{0,99})?|\.\d{1,99})(?:[eE][+-]?\d{1,4})?\s{0,9}", re.ASCII
)
# What summing and averaging make of a confidence of exactly 0 or 1
_ROUNDING: Final = 1e-6


class UnreadableResult(ValueError):
    """An answer whose outermost shape cannot be a parse result. Says the shape, never the text."""


def to_float(value: object) -> float | None:
    """A finite number, or a text that spells one."""
    if type(value) is float:
        return value if isfinite(value) else None
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None
    if type(value) is str and _NUMERAL.fullmatch(value):
        number = float(value)
        return number if isfinite(number) else None
    return None


def to_int(value: object) -> int | None:
    """A whole number that fits 64 bits: 3, 3.0 or "3"."""
    if type(value) is str and _NUMERAL.fullmatch(value):
        try:
            value = int(value)
        except ValueError:
            value = float(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and MIN_INT <= value <= MAX_INT:
        return value
    return None


def to_text(value: object) -> str | None:
    """A text as it is, a finite number as its digits."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value) if MIN_INT <= value <= MAX_INT else None
    if type(value) is float:
        return repr(value) if isfinite(value) else None
    return None


def to_confidence(value: object) -> float | None:
    """A number from 0 to 1. Anything else is on a scale that nobody has told."""
    number = to_float(value)
    if number is None or not -_ROUNDING <= number <= 1 + _ROUNDING:
        return None
    return min(max(number, 0.0), 1.0)


def mean(numbers: list[float]) -> float | None:
    """The mean, or None of none."""
    return sum(numbers) / len(numbers) if numbers else None


_JSON_WORDS: Final = {str: "text", bool: "a boolean", int: "a number", float: "a number"}


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list) else _JSON_WORDS.get(type(value), "no JSON")


def entries(body: object, *path: str) -> list[Any]:
    """The list at a path of a result.

    Args:
        body: The decoded answer.
        path: The keys that lead to the list.

    Returns:
        The list; empty where it, or what would hold it, is absent or null.

    Raises:
        UnreadableResult: the body is no object, or something else stands where an object or the
            list should.
    """
    value, name = body, "the answer"
    if not isinstance(value, Mapping):
        raise UnreadableResult(f"the answer is {_shape(value)}, not an object")
    for depth, key in enumerate(path, start=1):
        if not isinstance(value, Mapping):
            raise UnreadableResult(f"{name} is {_shape(value)}, not an object")
        value, name = value.get(key), ".".join(path[:depth])
        if value is None:
            return []
    if not isinstance(value, list):
        raise UnreadableResult(f"{name} is {_shape(value)}, not a list")
    return value
