"""Timestamps as providers write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_docjobs.model.times import format_instant, middle, parse_instant, shifted

UTC = timezone.utc
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_ANY_DATE = r"\A\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|UTC|[+-]\d{2}:?\d{2})?\Z"
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T12:00:00z", NOON),
        ("2026-11-22t12:00:00", NOON),
        ("2026-11-22 12:00:00", NOON),
        ("2026-11-22T12:00", NOON),
        ("2026-11-22T12:00:00+00:00", NOON),
        ("2026-11-22T12:00:00+0000", NOON),
        ("2026-11-22T12:00:00+00", NOON),
        ("2026-11-22T14:30:00+02:30", NOON),
        ("2026-11-22T09:00:00-03:00", NOON),
        ("2026-11-22T12:00:00 +00:00", NOON),
        (" 2026-11-22T12:00:00Z\n", NOON),
        ("2026-11-22", NOON.replace(hour=0)),
        ("2026-11-22T12:00:00.1Z", NOON.replace(microsecond=100_000)),
        ("2026-11-22T12:00:00,117Z", NOON.replace(microsecond=117_000)),
        ("2026-11-22T12:00:00.000001Z", NOON.replace(microsecond=1)),
        # more digits than a microsecond has are cut, and never rounded up
        ("2026-11-22T12:00:00.545832999Z", NOON.replace(microsecond=545_832)),
        ("2026-11-22T12:00:00.0000009Z", NOON),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
        (NOON.replace(tzinfo=None), NOON),
        (NOON.astimezone(timezone(timedelta(hours=5))), NOON),
        ("2026-11-22 12:00:00 UTC", NOON),
        ("2026-11-22T12:00:00 gmt", NOON),
        ("Sun, 22 Nov 2026 12:00:00 GMT", NOON),
        ("Sun, 22 Nov 2026 14:00:00 +0200", NOON),
        ("Sun, 22 Nov 2026 12:00:00 +0000 (UTC)", NOON),
        ("22 Nov 2026 07:00 EST", NOON),
        ("sun, 22 nov 2026 12:00:00", NOON),
        (1795348800, NOON),
        (1795348800.5, NOON.replace(microsecond=500_000)),
        (1795348800123, NOON.replace(microsecond=123_000)),
        ("1795348800", NOON),
        (" 1795348800.000001999 ", NOON.replace(microsecond=1)),
        ("1795348800123.4567", NOON.replace(microsecond=123_456)),
        (631152000, datetime(1990, 1, 1, tzinfo=UTC)),
        (4133980799999, datetime(2100, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        # a leap second, and the end of a day as some write it
        ("2026-11-22T11:59:60Z", NOON),
        ("2026-12-31T23:59:60.25Z", datetime(2027, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 11:59:60 GMT", NOON),
        ("2026-11-21T24:00:00Z", NOON.replace(hour=0)),
        ("2026-12-31T24:00:00.000+01:00", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_what_is_a_timestamp(text: Any, instant: datetime | None) -> None:
    parsed = parse_instant(text)
    assert parsed == instant
    assert parsed is None or parsed.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "now",
        # dates as numbers, and numbers of other things
        "20261122",
        20261122,
        202611221200,
        20261122120000,
        0,
        5,
        1.5,
        631151999,
        4133980800,
        4133980800000,
        -1795348800,
        pytest.param(10**5000, id="5,000 digits"),
        float("nan"),
        float("inf"),
        "1795348800 seconds",
        "+1795348800",
        "1.7953488e9",
        True,
        b"2026-11-22",
        [],
        "2026-11-22T",
        "2026-13-01",
        "2026-02-29",
        "2026-11-22T25:00:00Z",
        "2026-11-22T12:00:00.Z",
        "2026-11-22T12:00:00+2",
        "22.11.2026",
        "2026-11-22T12:00:00Z2026-11-22T12:00:00Z",
        "2026-11-22T12:00:61Z",
        "2026-11-22T24:00:01Z",
        "2026-11-22T24:30:00Z",
        "9999-12-31T24:00:00Z",
        "9999-12-31T23:59:60Z",
        "2026-11-22 12:00:00 CET",
        "Sun, 22 Nov 2026 12:00:00 CET",
        "Sun, 22 Nov 26 12:00:00 GMT",
        "Thu, 01 Jan 0099 00:00:00 GMT",
        "Sun, 31 Feb 2026 12:00:00 GMT",
        "Sun, 22 Foo 2026 12:00:00 GMT",
        "Sun Nov 22 12:00:00 2026",
        "Fri, 31 Dec 9999 23:00:00 -0100",
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        "0000-01-01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_none(text: Any) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


@given(st.datetimes(timezones=ZONES, min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))
def test_every_instant_is_read_as_python_writes_it(instant: datetime) -> None:
    parsed = parse_instant(instant.isoformat())
    assert parsed == instant
    assert parsed is not None and parsed.tzinfo is UTC


@given(st.datetimes(datetime(1000, 1, 3), datetime(9999, 12, 29), timezones=ZONES))
def test_every_instant_is_read_as_a_header_has_it(instant: datetime) -> None:
    assert parse_instant(format_datetime(instant)) == instant.replace(microsecond=0)


@given(st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC)))
def test_every_instant_of_our_time_is_read_as_a_number(instant: datetime) -> None:
    seconds, micro = int(instant.replace(microsecond=0).timestamp()), instant.microsecond
    assert parse_instant(seconds) == instant.replace(microsecond=0)
    assert parse_instant(f"{seconds}.{micro:06}") == instant
    assert parse_instant(f"{seconds}{micro // 1000:03}.{micro % 1000:03}") == instant
    read = parse_instant(instant.timestamp())
    assert read is not None and abs(read - instant) <= timedelta(microseconds=1)


@given(st.text() | st.integers() | st.floats() | st.from_regex(_ANY_DATE))
def test_nothing_else_than_a_value_error_comes_of_anything(value: Any) -> None:
    try:
        parsed = parse_instant(value)
    except ValueError:
        return
    assert parsed is None or parsed.tzinfo is UTC


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=2))
def test_instants_sort_as_their_texts_do(instants: list[datetime]) -> None:
    one, other = instants
    assert (one < other) == (format_instant(one) < format_instant(other))
    assert parse_instant(format_instant(one)) == one
    assert len(format_instant(one)) == 27 and "+" not in format_instant(one)


def test_the_middle_lies_between() -> None:
    later = NOON + timedelta(microseconds=3)
    assert NOON < middle(NOON, later) < later
    assert middle(NOON, NOON) == NOON
    last = datetime.max.replace(tzinfo=UTC)
    assert NOON < middle(NOON, last) < last


def test_before_ends_where_time_begins() -> None:
    first = datetime.min.replace(tzinfo=UTC)
    assert shifted(NOON, -timedelta(hours=2)) == NOON.replace(hour=10)
    assert shifted(first, -timedelta(0)) == first
    assert shifted(first, -timedelta(microseconds=1)) == first
    assert shifted(NOON, -timedelta(days=36_500 * 30)) == first
