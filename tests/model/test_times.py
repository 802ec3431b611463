"""Timestamps as providers write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_docjobs.model.times import before, format_instant, middle, parse_instant

UTC = timezone.utc
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
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
        "1732276800",
        1732276800,
        1.5,
        True,
        [],
        "2026-11-22T",
        "2026-13-01",
        "2026-02-29",
        "2026-11-22T25:00:00Z",
        "2026-11-22T12:00:00.Z",
        "2026-11-22T12:00:00+2",
        "22.11.2026",
        "2026-11-22T12:00:00Z2026-11-22T12:00:00Z",
        "0000-01-01",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_none(text: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        parse_instant(text)


@given(st.datetimes(timezones=ZONES, min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)))
def test_every_instant_is_read_as_python_writes_it(instant: datetime) -> None:
    parsed = parse_instant(instant.isoformat())
    assert parsed == instant
    assert parsed is not None and parsed.tzinfo is UTC


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
    assert before(NOON, timedelta(hours=2)) == NOON.replace(hour=10)
    assert before(first, timedelta(0)) == first
    assert before(first, timedelta(microseconds=1)) == first
    assert before(NOON, timedelta(days=36_500 * 30)) == first
