"""What an answer proves of the moments that it speaks of."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from dlt_docjobs.model.observation import JobObservation

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def seen(offset: timedelta | None) -> JobObservation:
    return JobObservation("parse", "pjb-1", "RUNNING", NOON, offset, sent_at=NOON - 3 * SECOND)


@pytest.mark.parametrize("offset", [None, timedelta(0)])
def test_an_answer_that_told_no_time_moves_no_bound(offset: timedelta | None) -> None:
    assert seen(offset).holds_until == NOON
    assert seen(offset).earlier(NOON) == NOON


def test_a_difference_moves_the_bound_on_its_side_alone() -> None:
    # the header's second and the request's three are doubt
    ahead, behind = seen(60 * SECOND), seen(-60 * SECOND)
    assert (ahead.holds_until, ahead.earlier(NOON)) == (NOON + 64 * SECOND, NOON)
    assert (behind.holds_until, behind.earlier(NOON)) == (NOON, NOON - 64 * SECOND)


def test_a_clock_at_the_end_of_time_is_no_error() -> None:
    last, first = (limit.replace(tzinfo=timezone.utc) for limit in (datetime.max, datetime.min))
    assert seen(last - NOON).holds_until == last
    assert seen(first - NOON).earlier(NOON) == first
