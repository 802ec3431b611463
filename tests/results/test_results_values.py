"""One set of lenient readers: what says a job's page count is read as a segment's number is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dlt_docjobs.model.values import to_confidence, to_flag
from dlt_docjobs.providers import envelopes
from dlt_docjobs.results.typed import Number, Objects, Record, Text, Whole


class Job(envelopes.Envelope):
    text: envelopes.Text = None
    number: envelopes.Number = None
    whole: envelopes.Count = None


class Segment(Record):
    text: Text = None
    number: Number = None
    whole: Whole = None


SEGMENTS = Objects(Segment, "segments")
BEYOND = 2**64


@pytest.mark.parametrize(
    ("sent", "text", "number", "whole"),
    [
        (None, None, None, None),
        ("", "", None, None),
        ("a", "a", None, None),
        (1, "1", 1.0, 1),
        (-0, "0", 0.0, 0),
        (1.5, "1.5", 1.5, None),
        (3.0, "3.0", 3.0, 3),
        ("3", "3", 3.0, 3),
        ("3.0", "3.0", 3.0, 3),
        (" 12 ", " 12 ", 12.0, 12),
        (" -0.5e1 ", " -0.5e1 ", -5.0, -5),
        (".5", ".5", 0.5, None),
        ("1e3", "1e3", 1000.0, 1000),
        (1e300, "1e+300", 1e300, None),
        # Python's float() and int() take these; nobody means a number by them
        ("1_000", "1_000", None, None),
        ("NaN", "NaN", None, None),
        ("inf", "inf", None, None),
        ("٣", "٣", None, None),
        ("0x10", "0x10", None, None),
        ("1,5", "1,5", None, None),
        ("1e400", "1e400", None, None),
        ("9" * 5000, "9" * 5000, None, None),
        (float("nan"), None, None, None),
        (float("-inf"), None, None, None),
        # 64 bits are what a column holds; an id may be longer
        (2**63 - 1, str(2**63 - 1), float(2**63), 2**63 - 1),
        (str(2**63 - 1), str(2**63 - 1), float(2**63), 2**63 - 1),
        (-(2**63), str(-(2**63)), -float(2**63), -(2**63)),
        (BEYOND, str(BEYOND), float(BEYOND), None),
        (-BEYOND, str(-BEYOND), -float(BEYOND), None),
        (10**400, None, None, None),
        (True, None, None, None),
        (False, None, None, None),
        ([], None, None, None),
        (["1"], None, None, None),
        ({"a": 1}, None, None, None),
    ],
)
def test_both_doors_read_a_value_alike(
    sent: Any, text: str | None, number: float | None, whole: int | None
) -> None:
    fields = ("text", "number", "whole")
    job = envelopes.read_envelope(Job, dict.fromkeys(fields, sent))
    # each by itself, for what fits one field may not fit another
    found = SEGMENTS.read({"segments": [{field: sent} for field in fields]})
    assert found is not None
    segments = dict(zip(fields, found, strict=True))
    for field, expected in (("text", text), ("number", number), ("whole", whole)):
        segment = segments[field]
        assert segment is not None
        for value in (getattr(job, field), getattr(segment, field)):
            assert value == expected and type(value) is type(expected)
        assert segment.kept == (None if sent is None or expected is not None else {field: sent})


@pytest.mark.parametrize("sent", ["a", "", 1, -3, 2**63 - 1, 0.25, 1e300])
def test_what_is_as_documented_is_decoded_as_it_is_read(sent: Any) -> None:
    for field in ("text", "number", "whole"):
        try:
            decoded = SEGMENTS.decode(json.dumps([{field: sent}]).encode())
        except Exception:
            continue
        assert decoded == SEGMENTS.read({"segments": [{field: sent}]})


@pytest.mark.parametrize(
    ("value", "confidence"),
    [(0, 0.0), (1, 1.0), ("0.9", 0.9), (1.0000001, 1.0), (-0.0000001, 0.0),
     (1.01, None), (95, None), (-1, None), ({"a": 1}, None), (True, None)],
)  # fmt: skip
def test_confidences(value: Any, confidence: float | None) -> None:
    assert to_confidence(value) == confidence


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), (False, False), (" True", True), ("FALSE", False), ("yes", None), (1, None)],
)
def test_flags(value: Any, flag: bool | None) -> None:
    assert to_flag(value) is flag
