"""Any life of a job, polled at any moments with any clock: what the history says is true."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from history_support import OFFSETS, Case, Life, at, cases, explain, observe, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_docjobs.emulator.vocabulary import PROVIDERS, canonical_status
from dlt_docjobs.model.history import OBSERVED, PROVIDER, event_id
from dlt_docjobs.model.vocabulary import EXPIRED, QUEUED, is_terminal

_MANY = settings(
    max_examples=int(os.environ.get("DOCJOBS_TEST_EXAMPLES", "120")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
_CASES = st.sampled_from(PROVIDERS).flatmap(lambda provider: cases(provider, OFFSETS))


@_MANY
@given(_CASES)
def test_true_times_lie_within_the_bounds_and_nothing_is_invented(
    case: Case,
) -> None:
    warehouse, answers = run(case)
    # the Date header tells clocks apart that differ by more than 2 s, give or take the second
    # that it is cut to and the time the answer took
    is_proven = all(seen.clock_offset for seen in answers)
    meanings = explain(case.life, warehouse.events, case.offset, is_proven)
    assert None not in meanings, (meanings, warehouse.events)


@_MANY
@given(_CASES)
def test_events_form_a_chain(case: Case) -> None:
    warehouse, answers = run(case)
    events = warehouse.events
    assert bool(events) == bool(answers)
    previous = None
    for place, event in enumerate(events):
        assert event.sequence == place
        assert event.event_id == event_id(case.life.provider, case.life.kind, "job-1", place)
        assert event.previous_status == previous
        assert event.is_terminal == is_terminal(event.status)
        earliest = event.occurred_at_earliest
        assert event.occurred_at_latest is not None
        assert earliest is None or earliest <= event.occurred_at
        assert event.occurred_at <= event.occurred_at_latest
        assert event.occurred_at >= events[0].occurred_at
        if events[0].occurred_at_earliest is not None:
            assert earliest is not None and earliest >= events[0].occurred_at_earliest
        if event.occurred_at_source == PROVIDER:
            assert earliest == event.occurred_at == event.occurred_at_latest
        previous = event.status
    assert len({event.event_id for event in events}) == len(events)


@_MANY
@given(_CASES)
def test_the_first_event_is_the_creation(
    case: Case,
) -> None:
    warehouse, answers = run(case)
    if not answers:
        return
    first, seen, row = warehouse.events[0], answers[0], warehouse.row
    assert first.status == QUEUED and first.previous_status is None
    word = seen.provider_status
    is_queued = word is not None and canonical_status(case.life.provider, word) == QUEUED
    assert first.provider_status == (seen.provider_status if is_queued else None)
    assert first.observed_at == seen.observed_at
    if seen.created_at is not None:
        assert first.occurred_at_source == PROVIDER
        assert first.occurred_at == seen.created_at
    elif seen.created_at_latest is not None:
        assert first.occurred_at_source == OBSERVED
        assert first.occurred_at_earliest == seen.created_at_earliest
        assert first.occurred_at_latest == seen.created_at_latest
    else:
        assert first.occurred_at_source == OBSERVED
        assert first.occurred_at_earliest is None
        assert first.occurred_at_latest == seen.holds_until
    assert row is not None
    if not any(poll.is_uncommitted for poll in case.polls):
        assert row.created_at_latest == first.occurred_at_latest
        assert row.created_at_earliest == first.occurred_at_earliest


@_MANY
@given(_CASES)
def test_a_change_that_was_seen_is_written(
    case: Case,
) -> None:
    warehouse, answers = run(case)
    seen: list[str | None] = []
    for answer in answers:
        if not seen or seen[-1] != answer.provider_status:
            seen.append(answer.provider_status)
    written = iter(warehouse.events)
    for word in seen:
        # None: a 404
        assert any(
            event.status == EXPIRED if word is None else event.provider_status == word
            for event in written
        ), (seen, warehouse.events)


@_MANY
@given(_CASES)
def test_only_the_provider_makes_a_time_exact(
    case: Case,
) -> None:
    warehouse, _ = run(case)
    dated = {at(step.at) for step in case.life.steps}
    for event in warehouse.events:
        if event.occurred_at_source == PROVIDER:
            assert event.occurred_at in dated
        if event.sequence and (case.life.provider == "contextual" or not _has_times(case.life)):
            assert event.occurred_at_source == OBSERVED
        if event.status == EXPIRED:
            assert event.occurred_at_source == OBSERVED and event.provider_status is None


def _has_times(life: Life) -> bool:
    return life.provider in ("unsiloed", "landingai") or life.has_points


@_MANY
@given(_CASES)
def test_the_same_answer_again_adds_nothing(
    case: Case,
) -> None:
    once, answers = run(case)
    twice, _ = run(case, times=2)
    assert [event[:-1] for event in once.events] == [event[:-1] for event in twice.events]
    if not answers:
        return
    # nor does the same state, told later
    last = answers[-1]
    later = observe(case.life, case.polls[-1], case.offset)
    assert later is not None
    later.observed_at = last.observed_at + timedelta(hours=5)
    later.sent_at = later.observed_at
    entry = once.take(later)
    assert not entry.events


@_MANY
@given(_CASES)
def test_the_last_event_is_what_was_seen_last(case: Case) -> None:
    warehouse, answers = run(case)
    if answers:
        assert warehouse.events[-1].provider_status == answers[-1].provider_status


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_strategies_reach_long_histories(provider: str) -> None:
    """Should the generators ever dry up, the properties above would hold of nothing."""
    lengths: list[int] = []

    @settings(max_examples=100, deadline=None, database=None)
    @given(cases(provider, st.just(0.0)))  # type: ignore[arg-type]
    def collect(case: Case) -> None:
        lengths.append(len(run(case)[0].events))

    collect()
    assert max(lengths) >= 4
    assert sum(length >= 2 for length in lengths) > 20
