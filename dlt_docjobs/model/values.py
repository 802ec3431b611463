"""Reading JSON values whose type a schema promises and an answer need not keep.

One set of readers, for what an answer says of a job and for its result. Each returns None where a
value cannot be what is asked for; whoever calls it keeps the original. Where the meaning is clear
the value is converted: `"3"` is a number, 3 is a text. A boolean is neither.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

from dlt_docjobs.model.exact_json import Exact

MAX_INT: Final = 2**63 - 1
MIN_INT: Final = -(2**63)

# As JSON writes numbers, and a little more: no `1_000` and no `nan`, which Python's float() takes.
# A longer run of digits is no measure, and int() refuses 4300 of them
_NUMERAL: Final = re.compile(
    r"\s{0,9}[+-]?(?:\d{1,99}(?:\.\d{0,99})?|\.\d{1,99})(?:[eE][+-]?\d{1,4})?\s{0,9}", re.ASCII
)
_LONGEST_ID: Final = 10**99
# What summing and averaging make of a confidence of exactly 0 or 1
_ROUNDING: Final = 1e-6
_FLAGS: Final = {"true": True, "false": False}


def to_float(value: object) -> float | None:
    """A finite number, or a text that spells one."""
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None
    if type(value) is Exact:
        value = float(value)
    if type(value) is str and _NUMERAL.fullmatch(value):
        value = float(value)
    return value if type(value) is float and isfinite(value) else None


def to_int(value: object) -> int | None:
    """A whole number that fits 64 bits: 3, 3.0 or `"3"`."""
    if type(value) is int:
        return value if MIN_INT <= value <= MAX_INT else None
    if type(value) is str and _NUMERAL.fullmatch(value):
        try:
            value = int(value)
        except ValueError:
            value = float(value)
    if type(value) is Exact and MIN_INT <= value <= MAX_INT and value == int(value):
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and MIN_INT <= value <= MAX_INT else None


def to_text(value: object) -> str | None:
    """A text as it is, a finite number as its digits."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value) if abs(value) < _LONGEST_ID else None
    if type(value) is Exact:
        digits = str(value)
        return digits if _NUMERAL.fullmatch(digits) else None
    return repr(value) if type(value) is float and isfinite(value) else None


def to_confidence(value: object) -> float | None:
    """A number from 0 to 1. Anything else is on a scale that nobody has told."""
    number = to_float(value)
    if number is None or not -_ROUNDING <= number <= 1 + _ROUNDING:
        return None
    return min(max(number, 0.0), 1.0)


def to_flag(value: object) -> bool | None:
    """A boolean, or a text that spells one."""
    if type(value) is str:
        value = _FLAGS.get(value.strip().lower())
    return value if type(value) is bool else None
