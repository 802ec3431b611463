"""What docs/contract.md#status-history promises, sentence by sentence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from history_support import JOB, at

from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.model.history import History, derive_events, derive_expiry, event_id
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import StatusEvent
from dlt_docjobs.providers.registry import provider as registered

US = timedelta(microseconds=1)


def seen(status: str | None, seconds: float, **fields: Any) -> JobObservation:
    return JobObservation("parse", JOB, status, at(seconds), **fields)


def history(events: list[StatusEvent], looked_at: datetime | None) -> History:
    return History(events[-1], events[0].occurred_at_earliest, looked_at)


def follow(provider: Provider, *answers: JobObservation) -> list[StatusEvent]:
    """The events of several answers, each of them in a sync of its own."""
    words = registered(provider).vocabulary
    events: list[StatusEvent] = []
    looked_at: datetime | None = None
    for answer in answers:
        past = history(events, looked_at) if events else None
        if answer.provider_status is None:
            assert past is not None
            events += derive_expiry(provider, words, answer, past)
        else:
            events += derive_events(provider, words, answer, past)
        looked_at = answer.holds_from
    return events


def brief(event: StatusEvent) -> tuple[Any, ...]:
    """Status, word, bounds in seconds after noon, source."""
    earliest = event.occurred_at_earliest
    return (
        event.status,
        event.provider_status,
        None if earliest is None else (earliest - at(0)).total_seconds(),
        (event.occurred_at_latest - at(0)).total_seconds(),
        event.occurred_at_source,
    )


def test_a_provider_s_timestamp_proves_what_nobody_saw() -> None:
    events = follow(
        "unsiloed",
        seen("Succeeded", 500, created_at=at(1), started_at=at(20), finished_at=at(90)),
    )
    assert [brief(event) for event in events] == [
        ("queued", None, 1, 1, "provider"),
        ("running", None, 20, 20, "provider"),
        ("succeeded", "Succeeded", 90, 90, "provider"),
    ]
    assert [event.occurred_at for event in events] == [at(1), at(20), at(90)]
    assert [event.previous_status for event in events] == [None, "queued", "running"]
    assert {event.observed_at for event in events} == {at(500)}


def test_a_job_that_ends_in_the_instant_of_its_start_has_both_moments_of_the_provider_s() -> None:
    moments = {"created_at": at(1), "started_at": at(20), "finished_at": at(20)}
    events = follow("unsiloed", seen("Succeeded", 500, **moments))
    assert [brief(event) for event in events] == [
        ("queued", None, 1, 1, "provider"),
        ("running", None, 20, 20, "provider"),
        ("succeeded", "Succeeded", 20, 20, "provider"),
    ]


def test_an_end_before_the_start_is_that_of_an_earlier_life() -> None:
    moments = {"created_at": at(1), "started_at": at(20), "finished_at": at(20) - US}
    events = follow("unsiloed", seen("Succeeded", 500, **moments))
    assert [brief(event) for event in events][1:] == [
        ("running", None, 20, 20, "provider"),
        ("succeeded", "Succeeded", 20, 500, "observed"),
    ]


def test_a_change_only_seen_by_polling_lies_between_two_observations() -> None:
    answers = [
        seen("PENDING", 10, created_at=at(1)),
        seen("RUNNING", 40, created_at=at(1)),
        seen("COMPLETED", 100, created_at=at(1)),
    ]
    assert [brief(event) for event in follow("llamacloud", *answers)] == [
        ("queued", "PENDING", 1, 1, "provider"),
        ("running", "RUNNING", 10, 40, "observed"),
        ("succeeded", "COMPLETED", 40, 100, "observed"),
    ]


def test_the_last_look_counts_and_not_the_last_change() -> None:
    answers = [seen("RUNNING", second, created_at=at(1)) for second in (10, 20, 30)]
    events = follow("llamacloud", *answers, seen("FAILED", 35, created_at=at(1)))
    assert [brief(event)[2:4] for event in events] == [(1, 1), (1, 10), (30, 35)]


def test_what_was_not_seen_and_is_not_proven_is_not_invented() -> None:
    events = follow("llamacloud", seen("COMPLETED", 10, created_at=at(1)))
    assert [event.status for event in events] == ["queued", "succeeded"]
    assert events[0].provider_status is None


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        ("llamacloud", "PENDING"),
        ("llamacloud", "THROTTLED"),
        ("contextual", "pending"),
        ("unsiloed", "Starting"),
        ("unsiloed", "Queued"),
        ("unsiloed", "AwaitingUpload"),
        ("unsiloed", "awaitingUPLOAD"),
    ],
)
def test_first_seen_in_a_queue_a_job_has_one_event_with_its_word(
    provider: Provider, word: str
) -> None:
    events = follow(provider, seen(word, 10, created_at=at(1)))
    assert [brief(event) for event in events] == [("queued", word, 1, 1, "provider")]


def test_first_seen_queued_with_points_of_time_it_is_still_one_event() -> None:
    points = (("PENDING", at(1.2)), ("THROTTLED", at(5)))
    answer = seen("THROTTLED", 10, created_at=at(1), transitions=points)
    assert [brief(event) for event in follow("llamacloud", answer, answer)] == [
        ("queued", "THROTTLED", 1, 1, "provider")
    ]


def test_points_of_time_make_exact_events_of_words_that_nobody_saw() -> None:
    points = (
        ("PENDING", at(1)),
        ("COMPLETED", at(30)),
        ("THROTTLED", at(6)),
        ("RUNNING", at(9)),
    )
    answers = [
        seen("PENDING", 2, created_at=at(1)),
        seen("COMPLETED", 50, created_at=at(1), updated_at=at(31), transitions=points),
    ]
    assert [brief(event) for event in follow("llamacloud", *answers, answers[-1])] == [
        ("queued", "PENDING", 1, 1, "provider"),
        ("queued", None, 6, 6, "provider"),
        ("running", None, 9, 9, "provider"),
        ("succeeded", "COMPLETED", 30, 30, "provider"),
    ]


def test_points_that_come_late_do_not_repeat_what_was_seen() -> None:
    points = (("PENDING", at(1.5)), ("RUNNING", at(8.01)))
    answers = [
        seen("RUNNING", 10, created_at=at(1), updated_at=at(8)),
        seen("RUNNING", 20, created_at=at(1), updated_at=at(8), transitions=points),
    ]
    assert [event.sequence for event in follow("llamacloud", *answers)] == [0, 1]


def test_an_inexact_creation_is_observed_and_has_its_bounds() -> None:
    bounds = {"created_at_earliest": at(0), "created_at_latest": at(100)}
    (queued, running) = follow("contextual", seen("processing", 120, **bounds))
    assert brief(queued) == ("queued", None, 0, 100, "observed")
    assert queued.occurred_at == at(50)
    assert brief(running) == ("running", "processing", 0, 120, "observed")


def test_without_a_date_the_creation_lies_before_the_first_observation() -> None:
    (queued,) = follow("llamacloud", seen("PENDING", 50))
    assert brief(queued) == ("queued", "PENDING", None, 50, "observed")
    assert queued.occurred_at == at(50)


def test_without_a_date_no_later_event_lies_before_the_creation() -> None:
    answer = seen("COMPLETED", 50, updated_at=at(20))
    queued, ended = follow("llamacloud", answer)
    assert brief(queued) == ("queued", None, None, 50, "observed")
    assert brief(ended) == ("succeeded", "COMPLETED", None, 20, "observed")
    assert queued.occurred_at <= ended.occurred_at == at(20)
    points = (("RUNNING", at(10)), ("COMPLETED", at(15)))
    events = follow("llamacloud", seen("COMPLETED", 50, transitions=points))
    assert [event.occurred_at for event in events] == [at(10), at(10), at(15)]


def test_a_creation_after_the_observation_does_not_invert_bounds() -> None:
    queued, running = follow("llamacloud", seen("RUNNING", 50, created_at=at(90)))
    assert brief(queued)[2:4] == (90, 90)
    assert brief(running)[2:4] == (90, 90)


def test_observed_at_is_our_own_clock() -> None:
    offset = timedelta(seconds=600)
    (queued,) = follow("llamacloud", seen("PENDING", 50, created_at=at(640), clock_offset=offset))
    assert queued.observed_at == at(50)
    assert queued.occurred_at == at(640)


def test_a_provider_s_clock_that_is_ahead_widens_the_upper_bound() -> None:
    offset = timedelta(seconds=600)
    answers = [
        seen("PENDING", second, created_at=at(610), clock_offset=offset) for second in (20, 30)
    ]
    answers.append(seen("RUNNING", 40, created_at=at(610), clock_offset=offset))
    *_, running = follow("llamacloud", *answers)
    # the Date header is cut to a second, so the true difference may be one more
    assert brief(running)[2:4] == (610, 641)


def test_a_provider_s_clock_that_is_behind_widens_the_lower_bound() -> None:
    offset = timedelta(seconds=-600)
    answers = [
        seen("PENDING", second, created_at=at(-700), clock_offset=offset) for second in (20, 30)
    ]
    answers.append(seen("RUNNING", 40, created_at=at(-700), clock_offset=offset))
    *_, running = follow("llamacloud", *answers)
    assert brief(running)[2:4] == (-571, 40)


@pytest.mark.parametrize(("started", "runs"), [(9, 1), (11.5, 1), (13, 1), (13.5, 2)])
def test_a_start_up_to_three_seconds_behind_its_sight_is_that_start(
    started: float, runs: int
) -> None:
    # two clocks that the Date header, which is cut to seconds, does not tell apart
    answers = [
        seen("Processing", 10, created_at=at(1)),
        seen("Processing", 40, created_at=at(1), started_at=at(started)),
    ]
    events = follow("unsiloed", *answers)
    assert [event.status for event in events] == ["queued", *["running"] * runs]


def test_what_an_answer_took_is_doubt_too() -> None:
    slow = seen("PENDING", 20, created_at=at(1), sent_at=at(12))
    *_, running = follow("llamacloud", slow, seen("RUNNING", 40, created_at=at(1)))
    # it may have begun to run while the first answer was on its way
    assert brief(running)[2:4] == (12, 40)


def test_updated_at_bounds_the_last_change_from_above_and_is_never_exact() -> None:
    dates = {"created_at": at(1)}
    answers = [seen("PENDING", 10, **dates), seen("RUNNING", 40, updated_at=at(22), **dates)]
    *_, running = follow("llamacloud", *answers)
    assert brief(running) == ("running", "RUNNING", 10, 22, "observed")
    assert running.occurred_at == at(22)


@pytest.mark.parametrize("updated", [0.5, 1, 9, 10])
def test_an_updated_at_from_before_the_change_says_nothing_of_it(updated: float) -> None:
    dates = {"created_at": at(1), "updated_at": at(updated)}
    *_, running = follow("llamacloud", seen("PENDING", 10, **dates), seen("RUNNING", 40, **dates))
    assert brief(running)[2:4] == (10, 40)
    assert running.occurred_at == at(25)


def test_an_updated_at_from_after_the_observation_says_nothing_more() -> None:
    answer = seen("RUNNING", 40, created_at=at(1), updated_at=at(99))
    assert brief(follow("llamacloud", answer)[-1])[2:4] == (1, 40)


def test_a_later_move_of_updated_at_is_no_event() -> None:
    answers = [
        seen("COMPLETED", second, created_at=at(1), updated_at=at(second - 1))
        for second in (10, 20, 30)
    ]
    assert len(follow("llamacloud", *answers)) == 2


def test_a_job_that_goes_back_gets_an_event_each_time() -> None:
    words = ["pending", "processing", "retrying", "processing", "retrying", "failed", "retrying"]
    answers = [seen(word, 10.0 * place, created_at=at(-5)) for place, word in enumerate(words)]
    events = follow("contextual", *answers)
    assert [event.provider_status for event in events] == words
    assert [event.previous_status for event in events[1:]] == [e.status for e in events[:-1]]
    assert [event.is_terminal for event in events] == [word == "failed" for word in words]


def test_a_job_that_was_processed_again_unseen_has_both_lives() -> None:
    first = {"created_at": at(1), "started_at": at(5), "finished_at": at(9)}
    again = {"created_at": at(1), "started_at": at(50), "finished_at": at(60)}
    events = follow("unsiloed", seen("Succeeded", 20, **first), seen("Succeeded", 99, **again))
    assert [brief(event)[0:3] for event in events] == [
        ("queued", None, 1),
        ("running", None, 5),
        ("succeeded", "Succeeded", 9),
        ("running", None, 50),
        ("succeeded", "Succeeded", 60),
    ]


def test_times_of_an_earlier_life_prove_nothing_of_the_present_one() -> None:
    stale = {"created_at": at(1), "started_at": at(5), "finished_at": at(9)}
    answers = [
        seen(word, 20.0 + place, **stale) for place, word in enumerate(["Succeeded", "Starting"])
    ]
    answers.append(seen("Processing", 30, **stale))
    answers.append(seen("Failed", 40, created_at=at(1), started_at=at(28), finished_at=at(9)))
    assert [brief(event) for event in follow("unsiloed", *answers)][3:] == [
        ("queued", "Starting", 20, 21, "observed"),
        ("running", "Processing", 21, 30, "observed"),
        # it had been seen to run since 30, and an end at 9 is not this one
        ("failed", "Failed", 30, 40, "observed"),
    ]


def test_an_end_before_the_start_is_another_life_s() -> None:
    times = {"created_at": at(1), "started_at": at(50), "finished_at": at(9)}
    events = follow("unsiloed", seen("Cancelled", 60, **times))
    assert [brief(event) for event in events] == [
        ("queued", None, 1, 1, "provider"),
        ("running", None, 50, 50, "provider"),
        ("cancelled", "Cancelled", 50, 60, "observed"),
    ]


def test_a_job_of_one_instant_is_the_same_job_again() -> None:
    instant = seen("Succeeded", 9, created_at=at(1), started_at=at(1), finished_at=at(1))
    events = follow("unsiloed", instant, instant, instant)
    assert [event.status for event in events] == ["queued", "running", "succeeded"]


def test_a_start_before_the_creation_is_moved_to_it() -> None:
    answer = seen("Processing", 9, created_at=at(1), started_at=at(0))
    assert [event.occurred_at for event in follow("unsiloed", answer, answer)] == [at(1), at(1)]


def test_a_word_that_nobody_knows_is_an_event_that_ends_nothing() -> None:
    answers = [seen(word, place, created_at=at(0)) for place, word in enumerate(["RUNNING", "ODD"])]
    answers += [seen("odder", 5, created_at=at(0)), seen(" Odder", 6, created_at=at(0))]
    events = follow("llamacloud", *answers)
    assert [brief(event)[:2] for event in events][2:] == [("unknown", "ODD"), ("unknown", "odder")]
    assert not any(event.is_terminal for event in events)


def test_a_status_without_a_time_of_its_own_after_a_start_is_written_once() -> None:
    stalled = seen("Stalled", 9, created_at=at(1), started_at=at(3))
    later = seen("Stalled", 19, created_at=at(1), started_at=at(3))
    events = follow("unsiloed", stalled, stalled, later)
    assert [event.status for event in events] == ["queued", "running", "unknown"]


def test_case_and_space_make_no_event() -> None:
    answers = [seen(word, 5, created_at=at(0)) for word in ("Running", "RUNNING ", "running")]
    assert len(follow("llamacloud", *answers)) == 2


def test_one_canonical_status_may_have_several_events() -> None:
    answers = [
        seen(word, place, created_at=at(0))
        for place, word in enumerate(["PENDING", "THROTTLED", "PENDING"], 1)
    ]
    events = follow("llamacloud", *answers)
    assert [event.status for event in events] == ["queued"] * 3
    assert [event.previous_status for event in events] == [None, "queued", "queued"]


def test_a_404_is_one_event_between_the_last_answer_and_itself() -> None:
    answers = [seen("COMPLETED", 10, created_at=at(1)), seen("COMPLETED", 30, created_at=at(1))]
    events = follow("llamacloud", *answers, seen(None, 90), seen(None, 95))
    assert brief(events[-1]) == ("expired", None, 30, 90, "observed")
    assert events[-1].is_terminal and len(events) == 3
    assert events[-1].error_message is None


def test_a_404_that_confirms_another_ends_the_job_at_the_first() -> None:
    events = follow("llamacloud", seen("RUNNING", 10, created_at=at(1)))
    past, words = history(events, at(30)), registered("llamacloud").vocabulary
    for first, latest in ((None, 900), (at(90), 90), (at(900), 900), (at(950), 900)):
        (event,) = derive_expiry("llamacloud", words, seen(None, 900), past, first)
        assert brief(event) == ("expired", None, 30, latest, "observed")


def test_a_job_that_comes_back_after_a_404_has_an_event_for_it() -> None:
    answers = [
        seen("RUNNING", 10, created_at=at(1)),
        seen(None, 20),
        seen("RUNNING", 30, created_at=at(1)),
    ]
    assert [event.status for event in follow("llamacloud", *answers)] == [
        "queued",
        "running",
        "expired",
        "running",
    ]


def test_the_error_belongs_to_the_event_that_says_it() -> None:
    times = {"created_at": at(1), "started_at": at(2), "finished_at": at(3)}
    events = follow("unsiloed", seen("Failed", 9, error_message="no such page", **times))
    assert [event.error_message for event in events] == [None, None, "no such page"]


def test_events_have_the_same_id_everywhere() -> None:
    # written down, so that no later version can give old events new ids
    assert event_id("llamacloud", "parse", "pjb-1", 0) == "c48b4990c30e13d780ac3f69005566f5"
    ids = {
        event_id(provider, kind, job, sequence)
        for provider in ("llamacloud", "contextual")
        for kind in ("parse", "extract")
        for job in ("a", "b", "a\x1fb")
        for sequence in (0, 1, 11)
    }
    assert len(ids) == 36
    assert len(event_id("unsiloed", "parse", "\ud800", 0)) == 32


def test_our_own_clock_set_back_inverts_nothing() -> None:
    answers = [seen("PENDING", 1000, created_at=at(1)), seen("RUNNING", 400, created_at=at(1))]
    *_, running = follow("llamacloud", *answers)
    assert brief(running)[2:4] == (400, 1000)
    assert running.occurred_at_latest - running.occurred_at > US
