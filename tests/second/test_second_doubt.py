"""What the contract promises about doubt (6.3, 6.5, 6.6, 6.7), tried from outside.

Only the public functions, the tables and the row of a run are used, against an emulator that was
written from the providers' documentation alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from second_server import (
    KEY,
    RESULT_KEYS,
    Answer,
    Job,
    Server,
    broken_gzip,
    html,
    not_found,
    result_of,
    row_of,
    running,
    says,
)
from second_world import SECOND, WORDS, World, now, wait_until

PROVIDERS = ("llamacloud", "contextual", "unsiloed")
LISTING = ("llamacloud", "contextual")
SLOW = pytest.mark.slow


def each(*always: str, beside: tuple[str, ...]) -> pytest.MarkDecorator:
    """A test for each of these providers; those beside are left to the slow run."""
    slow = [pytest.param(name, marks=SLOW) for name in beside]
    return pytest.mark.parametrize("provider", [*always, *slow])


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


# -- one job that is lost, blips, or whose result is late ------------------------------------------


class Life:
    """Six syncs of one account, in which jobs vanish and results come late."""

    def __init__(self, world: World) -> None:
        provider = world.provider
        self.good = [world.job(f"good {number}") for number in range(3)]
        self.idle = [world.job(f"idle {number}", "open", minutes=90) for number in range(4)]
        self.lost, self.blip = world.job("lost", "open"), world.job("blip", "open")
        # outside the lag window, and in no list: these are asked for by themselves
        self.page = world.job("page", "open", minutes=150)
        self.foreign: dict[str, tuple[Job, Answer]] = {
            name: (world.job(f"404 as {name}", "open", minutes=150), answer)
            for name, answer in {
                "page": html(404),
                "nothing": Answer(b"", 404, "text/plain"),
                "XML": Answer(b"<Error><Code>NoSuchKey</Code></Error>", 404, "application/xml"),
                "a gateway's JSON": says({"fault": {"faultstring": "no route"}}, 404),
            }.items()
        }
        cut_off: Answer = says({}, flow="cut")
        self.troubled = {
            name: world.job(f"troubled {name}", "open", minutes=150)
            for name in ("cut", "reset", "gzip", "500")
        }
        self.late: dict[str, Job] = {}
        nothing: dict[str, dict[str, Any]] = {
            "llamacloud": {"items": None, "text": None, "markdown": None},
            "contextual": {"pages": None},
            "unsiloed": {"chunks": None},
        }
        absent = dict.fromkeys(nothing[provider], ...)
        oddities: dict[str, Any] = {
            "null": nothing[provider],
            "absent": absent,
            "html": html(),
            "broken": Answer(b'{"job": {"status": "COMPLETED"}, "pages": [{"a'),
            "cut": Answer(flow="cut"),
            "reset": Answer(flow="reset"),
            "gzip": broken_gzip({"pages": [1, 2, 3]}),
            "500": says({"detail": "boom"}, 500),
            "vanish": nothing[provider],
            "404": not_found(provider),
        }
        for name, reply in oddities.items():
            self.late[name] = world.job(f"late {name}", "open", script={"result": [reply]})
        self.first_sight = [
            world.job(f"null at first sight {number}", script={"result": [nothing[provider]]})
            for number in range(2)
        ]

        self.first = world.sync()

        for job in (self.lost, self.blip):
            job.gone = True
        foreign = [job for job, _ in self.foreign.values()]
        for job in (self.page, *foreign, *self.troubled.values()):
            job.listed = False
        self.page.script = {"status": [html()]}
        for job, answer in self.foreign.values():
            job.script = {"status": [answer]}
        self.troubled["cut"].script = {"status": [cut_off]}
        self.troubled["reset"].script = {"status": [Answer(flow="reset")]}
        self.troubled["gzip"].script = {"status": [broken_gzip({"status": "x"})]}
        self.troubled["500"].script = {"status": [says({"detail": "boom"}, 500)]}
        world.end(*self.late.values(), self.idle[0])
        self.new = world.job("new", minutes=5)
        self.second = world.sync()

        self.blip.gone, self.late["vanish"].gone = False, True
        self.page.script, self.page.listed = {}, True
        self.third = world.sync()

        world.end(self.blip, self.page, *foreign, *self.troubled.values())
        for job in (*foreign, *self.troubled.values(), *self.late.values(), *self.first_sight):
            job.script = {}
        wait_until(self.third.after + SECOND)
        self.fourth = world.sync(gone_after_seconds=1)

        self.lost.gone = False
        world.end(self.lost)
        self.fifth = world.sync(gone_after_seconds=1)
        self.sixth = world.sync(gone_after_seconds=1)


@pytest.fixture(
    scope="module", params=["llamacloud", "contextual", pytest.param("unsiloed", marks=SLOW)]
)
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    with running() as server:
        return Life(World(server, request.param, tmp_path_factory.mktemp("life")))


def test_the_first_404_only_casts_doubt(life: Life) -> None:
    seen = life.second
    seen.assert_whole(*life.good, life.new, life.idle[0])
    for job in (life.lost, life.blip):
        known = seen.jobs[job.id]
        assert known["missing_since"] is not None
        assert seen.before <= known["missing_since"] <= seen.after
        assert known["provider_status"] == life.first.jobs[job.id]["provider_status"]
        assert "expired" not in seen.statuses(job)
    assert seen.row.exit_code == 1
    assert seen.row.error
    assert seen.row.error.strip()


def test_a_404_too_soon_after_the_first_confirms_nothing(life: Life) -> None:
    seen = life.third
    first = life.second.jobs[life.lost.id]["missing_since"]
    assert seen.jobs[life.lost.id]["missing_since"] == first
    assert "expired" not in seen.statuses(life.lost)
    assert seen.row.exit_code == 1
    assert seen.row.error


def test_a_job_that_answers_after_one_404_is_no_longer_missing(life: Life) -> None:
    assert life.third.jobs[life.blip.id]["missing_since"] is None
    assert life.third.events[life.blip.id] == life.first.events[life.blip.id]
    life.fourth.assert_whole(life.blip)


def test_a_later_404_confirms_and_its_event_spans_last_sight_to_first_404(life: Life) -> None:
    seen = life.fourth
    seen.assert_whole(*life.good, life.new)
    for job, sight, doubt in (
        (life.lost, life.first, life.second),
        (life.late["vanish"], life.second, life.third),
    ):
        event = seen.events[job.id][-1]
        assert event["status"] == "expired"
        assert event["is_terminal"]
        assert event["occurred_at_source"] == "observed"
        assert sight.before <= event["occurred_at_earliest"] <= sight.after
        assert doubt.before <= event["occurred_at_latest"] <= doubt.after
        assert seen.jobs[job.id]["results_state"] == "expired"
        assert seen.jobs[job.id]["missing_since"] is None
        known, before = seen.jobs[job.id], doubt.jobs[job.id]
        for column in ("status", "provider_status", "is_terminal"):
            assert known[column] == before[column]
    assert seen.row.exit_code == 0
    assert seen.row.ok
    assert seen.row.error is None
    assert seen.row.open_jobs == len(life.idle) - 1
    assert seen.row.pending_results == 0


def test_an_expired_job_that_is_shown_again_goes_on(life: Life) -> None:
    seen = life.fifth
    seen.assert_whole(life.lost, *life.good)
    statuses = seen.statuses(life.lost)
    assert statuses[: len(life.fourth.statuses(life.lost))] == life.fourth.statuses(life.lost)
    assert statuses[-1] == "succeeded"
    assert statuses.count("expired") == 1
    assert seen.jobs[life.lost.id]["is_terminal"]
    assert seen.row.exit_code == 0


def test_a_page_in_place_of_a_status_is_a_failed_request(life: Life) -> None:
    foreign = [job for job, _ in life.foreign.values()]
    for seen in (life.second, life.third):
        for name, (job, _) in life.foreign.items():
            assert (name, seen.jobs[job.id]["missing_since"]) == (name, None)
            assert seen.jobs[job.id]["status"] == "running"
            assert seen.events[job.id] == life.first.events[job.id]
    for job in (life.page, *life.troubled.values()):
        assert life.second.jobs[job.id]["missing_since"] is None
        assert life.second.jobs[job.id]["status"] == "running"
        assert life.second.events[job.id] == life.first.events[job.id]
    life.fourth.assert_whole(life.page, *foreign, *life.troubled.values())
    assert not any("expired" in life.sixth.statuses(job) for job in (life.page, *foreign))


@pytest.mark.slow
@each("unsiloed", beside=("contextual", "llamacloud"))
def test_a_page_in_place_of_a_status_is_named_at_every_sync(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good, job = world.job("good"), world.job("page", "open", minutes=150)
    world.sync()
    job.listed, job.script = False, {"status": [html()]}
    for new in (world.job("new", minutes=5), world.job("newer", minutes=4)):
        seen = world.sync()
        seen.assert_whole(good, new)
        assert seen.jobs[job.id]["status"] == "running"
        assert seen.row.open_jobs == 1
        assert seen.row.exit_code == 1
        assert not seen.row.ok
        assert seen.row.error


def test_a_result_that_is_not_there_yet_stays_pending_and_comes(life: Life) -> None:
    for job in life.first_sight:
        assert life.first.jobs[job.id]["results_state"] == "pending"
    assert life.first.row.exit_code == 1
    life.first.assert_whole(*life.good)
    expected = dict.fromkeys(life.late, "pending")
    for seen in (life.second, life.third):
        states = {name: seen.jobs[job.id]["results_state"] for name, job in life.late.items()}
        assert states == expected
        assert all(not seen.segments[job.id] for job in life.late.values())
        assert seen.row.pending_results >= len(expected)
        assert seen.row.exit_code == 1
    came = [job for name, job in life.late.items() if name != "vanish"]
    life.fourth.assert_whole(*came, *life.first_sight)


def test_what_was_unreadable_stands_in_the_rejections_once(life: Life) -> None:
    job = life.late["broken"]
    for seen in (life.second, life.sixth):
        rejected = [record for record in seen.rejected if record["job_id"] == job.id]
        assert len(rejected) == 1
        assert "COMPLETED" in str(rejected[0]["payload"])


def test_a_sync_after_which_nothing_changed_changes_nothing(life: Life) -> None:
    fifth, sixth = life.fifth, life.sixth
    varying = ("last_observed_at", "run_id", "_dlt_load_id", "_dlt_id")

    def still(jobs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            name: {key: value for key, value in record.items() if key not in varying}
            for name, record in jobs.items()
        }

    assert still(sixth.jobs) == still(fifth.jobs)
    assert (sixth.events, sixth.segments, sixth.rejected) == (
        fifth.events,
        fifth.segments,
        fifth.rejected,
    )
    assert sixth.row.exit_code == 0
    assert not sixth.faults


# -- many 404s at once -----------------------------------------------------------------------------


@pytest.mark.slow
@each("contextual", beside=("llamacloud", "unsiloed"))
def test_many_404s_at_once_are_not_believed_until_it_is_said(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good = world.job("good")
    known = [world.job(f"open {number}", "open") for number in range(9)]
    first = world.sync(gone_after_seconds=0)
    gone = known[:6]
    for job in gone:
        job.gone = True
    world.end(known[8])
    new = world.job("new", minutes=1)

    second = world.sync(gone_after_seconds=0)
    second.assert_whole(good, new, known[8])
    assert second.row.exit_code == 1
    assert second.row.error
    assert "key" in second.row.error
    assert "region" in second.row.error
    assert second.row.cursor == first.row.cursor
    for job in gone:
        assert second.jobs[job.id]["missing_since"] is None
        assert second.events[job.id] == first.events[job.id]
    assert second.row.open_jobs == 8

    told = world.sync(gone_after_seconds=0, believe_gone=True)
    told.assert_whole(good, new, known[8])
    for job in gone:
        assert told.statuses(job)[-1] == "expired"
        assert told.jobs[job.id]["results_state"] == "expired"
    assert told.row.cursor > first.row.cursor
    assert told.row.open_jobs == 2
    assert told.row.exit_code == 0


@pytest.mark.parametrize(
    ("provider", "lost", "of"),
    [
        pytest.param("unsiloed", 4, 4, marks=SLOW),
        pytest.param("llamacloud", 5, 10, marks=SLOW),
        pytest.param("contextual", 5, 10, marks=SLOW),
    ],
)
def test_few_404s_are_each_taken_for_missing(
    server: Server, tmp_path: Path, provider: str, lost: int, of: int
) -> None:
    world = World(server, provider, tmp_path)
    good = world.job("good")
    known = [world.job(f"open {number}", "open", minutes=150) for number in range(of)]
    world.sync()
    for job in known[:lost]:
        job.gone = True
    seen = world.sync()
    seen.assert_whole(good)
    assert all(seen.jobs[job.id]["missing_since"] for job in known[:lost])
    assert not any(seen.jobs[job.id]["missing_since"] for job in known[lost:])
    assert seen.row.exit_code == 1
    assert "404" in seen.row.error
    later = world.sync(gone_after_seconds=0)
    assert all(later.statuses(job)[-1] == "expired" for job in known[:lost])
    assert later.row.exit_code == 0


def test_what_is_older_than_the_published_retention_is_gone_at_once(
    server: Server, tmp_path: Path
) -> None:
    world = World(server, "unsiloed", tmp_path)
    week = 8 * 24 * 60
    good = world.job("good", minutes=week, kind="extract")
    old = [world.job(f"old {n}", "open", minutes=week, kind="extract") for n in range(6)]
    world.sync()
    for job in old:
        job.gone = True
    new = world.job("new", kind="extract")
    seen = world.sync()
    seen.assert_whole(good, new)
    assert [seen.statuses(job)[-1] for job in old] == ["expired"] * 6
    assert seen.row.exit_code == 0
    assert seen.row.open_jobs == 0


@each(beside=LISTING)
def test_a_job_that_was_given_up_goes_on_when_a_list_shows_it(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good = world.job("good")
    job = world.job("slow", "open", minutes=3 * 24 * 60)
    world.sync()
    given_up = world.sync(poll_open_days=1)
    assert given_up.jobs[job.id]["given_up_at"] is not None
    assert given_up.row.exit_code == 0
    world.end(job)
    seen = world.sync(poll_open_days=1, lag_seconds=5 * 24 * 3600)
    seen.assert_whole(good, job)
    assert seen.statuses(job)[-1] == "succeeded"


@SLOW
def test_an_id_that_is_not_known_yet_is_rejected_once_and_loaded_when_it_appears(
    server: Server, tmp_path: Path
) -> None:
    world = World(server, "unsiloed", tmp_path)
    good, early = world.job("good"), world.job("early", gone=True)
    first = world.sync()
    first.assert_whole(good)
    assert first.row.exit_code == 1
    assert first.row.error
    assert [record["job_id"] for record in first.rejected] == [early.id]
    assert early.id not in first.jobs
    second = world.sync()
    assert second.row.exit_code == 0
    assert second.rejected == first.rejected
    early.gone = False
    third = world.sync()
    third.assert_whole(good, early)
    assert third.row.exit_code == 0


@each(beside=PROVIDERS)
def test_a_job_that_goes_back_gets_an_event_each_time_and_its_new_result(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good, job = world.job("good"), world.job("again")
    first = world.sync()
    job.status = WORDS[provider]["open"]
    second = world.sync()
    assert second.statuses(job) == [*first.statuses(job), "running"]
    assert second.row.open_jobs == 1
    world.end(job)
    job.script = {"result": [html()]}
    third = world.sync()
    assert third.statuses(job) == [*second.statuses(job), "succeeded"]
    assert third.row.exit_code == 1
    job.script = {}
    fourth = world.sync()
    fourth.assert_whole(good, job)
    assert fourth.row.exit_code == 0
    assert fourth.events == third.events


@each(beside=LISTING)
def test_a_row_that_a_list_repeats_is_one_job(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    server.page_size = 2
    good = [world.job(f"good {n}", minutes=10 + n) for n in range(5)]
    server.strays = [row_of(good[4]), row_of(good[4]), row_of(good[0])]
    first = world.sync()
    first.assert_whole(*good)
    assert first.row.exit_code == 0
    assert first.row.jobs_new == 5
    second = world.sync()
    second.assert_whole(*good)
    assert second.events == first.events


# -- lists that break ------------------------------------------------------------------------------


ODD_LISTS: dict[str, tuple[int, Any]] = {
    "html": (0, html()),
    "reset": (3, Answer(flow="reset")),
    "gzip": (3, broken_gzip({"items": [], "jobs": []})),
}
MORE_ODD_LISTS: dict[str, tuple[int, Any]] = {
    "html with 404": (0, html(404)),
    "cut": (3, Answer(flow="cut")),
    "html on page 2": (3, html()),
    "rows are an object": (3, {"items": {"a": 1}, "jobs": {"a": 1}}),
    "rows are a number": (3, {"items": "@digits@", "jobs": "@digits@"}),
    "nothing": (3, Answer(b"")),
    "html at first": (0, html()),
    "html once more": (0, html()),
}


@pytest.mark.parametrize(
    ("provider", "oddities"),
    [
        pytest.param("contextual", ODD_LISTS, id="contextual"),
        pytest.param("llamacloud", ODD_LISTS, id="llamacloud", marks=SLOW),
        pytest.param("contextual", MORE_ODD_LISTS, id="contextual-more", marks=SLOW),
        pytest.param("llamacloud", MORE_ODD_LISTS, id="llamacloud-more", marks=SLOW),
    ],
)
def test_a_list_that_breaks_costs_itself_and_moves_no_cursor(
    server: Server, tmp_path: Path, provider: str, oddities: dict[str, tuple[int, Any]]
) -> None:
    world = World(server, provider, tmp_path)
    server.page_size = 3
    good = [world.job("old", minutes=30), world.job("extract", minutes=40, kind="extract")]
    first = world.sync()
    assert first.row.exit_code == 0
    new: list[Job] = []
    for number, (name, (page, reply)) in enumerate(oddities.items()):
        # newest first, three a page: the three newest come before the page that breaks
        new += [world.job(f"{name} {n}", minutes=20 - number - n / 10) for n in range(4)]
        extract = world.job(f"extract {name}", minutes=41, kind="extract")
        server.list_reply = lambda _, kind, offset, page=page, reply=reply: (
            reply if kind == "parse" and offset == page else None
        )
        seen = world.sync()
        seen.assert_whole(*good, extract, *(new[-3:] if page else []))
        assert (name, seen.row.exit_code) == (name, 1)
        assert seen.row.error
        assert (name, seen.row.cursor) == (name, first.row.cursor)
    server.list_reply = lambda provider, kind, offset: None
    last = world.sync()
    last.assert_whole(*good, *new)
    assert last.row.exit_code == 0
    assert last.row.cursor > first.row.cursor


@each(beside=LISTING)
def test_a_hostile_page_token_costs_the_pages_behind_it(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    server.page_size = 2
    jobs = [world.job(f"job {number}", minutes=10 + number) for number in range(10)]
    tokens: dict[str, Callable[[str], Any]] = {
        "object": lambda token: {"after": token},
        "repeating": lambda token: "again",
        "circling": lambda token: "ab"[int(token) // 2 % 2],
        "huge": lambda token: "x" * 100_000 + token,
        "lone": lambda token: "@lone@",
    }
    for name, token in tokens.items():
        server.token = token
        seen = world.sync()
        seen.assert_whole(*jobs[:2])
        if name == "huge" and seen.row.exit_code == 0:
            seen.assert_whole(*jobs)
            continue
        assert (name, seen.row.exit_code) == (name, 1)
        assert seen.row.error
        assert seen.row.cursor is None
    server.token = lambda token: token
    last = world.sync()
    last.assert_whole(*jobs)
    assert last.row.exit_code == 0
    assert last.row.cursor is not None


@each("contextual", beside=("llamacloud",))
def test_a_list_that_shifts_while_it_is_read_loses_nobody(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    jobs = [world.job(f"job {number}", minutes=10 + number) for number in range(20)]
    deleted: list[Job] = []

    def delete() -> None:
        while len(deleted) < 6 and len(server.asked) >= 1 + len(deleted) // 2:
            deleted.append(jobs[len(deleted)])
            deleted[-1].gone = True
            if len(deleted) % 2 == 0:
                break

    server.after_page = delete
    seen = world.sync(page_size=5)
    assert len(deleted) == 6
    seen.assert_whole(*jobs[6:])


# -- hostile records -------------------------------------------------------------------------------

AT = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
READABLE: dict[str, tuple[Any, datetime]] = {
    "epoch seconds": (int(AT.timestamp()), AT),
    "epoch milliseconds": (int(AT.timestamp() * 1000), AT),
    "epoch text": (f"{AT.timestamp()}", AT),
    "RFC 2822": (format_datetime(AT, usegmt=True), AT),
    "UTC suffix": ("2026-11-20 10:00:00 UTC", AT),
    "second 60": ("2026-11-20T09:59:60Z", AT),
    "hour 24": ("2026-11-19T24:00:00Z", AT - timedelta(hours=10)),
    "naive": ("2026-11-20T10:00:00", AT),
    "nine digits": ("2026-11-20T10:00:00.123456789Z", AT + timedelta(microseconds=123456)),
    "offset": ("2026-11-20T12:00:00+02:00", AT),
}
UNREADABLE: dict[str, Any] = {
    "words": "the day before yesterday",
    "object": {"$date": 1},
    "list": [2026, 11, 20],
    "digits": "@digits@",
    "deep text": "[" * 300,
    "month 13": "2026-13-40T10:00:00Z",
    "true": True,
    "empty": "",
}
FUTURE = {"2099": "2099-01-01T00:00:00Z", "9999": "9999-12-31T23:59:59.999999Z"}


def _dated(world: World) -> str:
    return "extract" if world.provider == "contextual" else "parse"


@each("llamacloud", beside=("contextual", "unsiloed"))
def test_a_creation_that_is_odd_costs_its_date_at_most(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    kind = _dated(world)
    good = [world.job(f"good {number}", kind=kind) for number in range(3)]
    odd: dict[str, Job] = {}
    for name, value in {
        **{name: value for name, (value, _) in READABLE.items()},
        **UNREADABLE,
        **FUTURE,
    }.items():
        odd[name] = world.job(f"odd {name}", kind=kind, fields={"created_at": value})
    first = world.sync()
    first.assert_whole(*good, *odd.values())
    for name, (_, instant) in READABLE.items():
        known = first.jobs[odd[name].id]
        assert (name, known["created_at_precision"]) == (name, "exact")
        assert (name, known["created_at"]) == (name, instant)
    for name in UNREADABLE:
        known = first.jobs[odd[name].id]
        assert (name, known["created_at_precision"]) == (name, "unknown")
        assert (name, known["created_at"]) == (name, None)
    assert "the day before yesterday" in str(first.jobs[odd["words"].id]["payload"])
    assert "7" * 5000 in str(first.jobs[odd["digits"].id]["payload"])
    for name in (*UNREADABLE, *FUTURE):
        events = first.events[odd[name].id]
        assert (name, events[0]["status"]) == (name, "queued")
        for event in events:
            assert event["occurred_at_latest"] <= first.after + 2 * SECOND
            if name in FUTURE:
                earliest = event["occurred_at_earliest"]
                assert earliest is None or earliest <= first.after
    assert first.row.cursor is None or first.row.cursor <= first.after

    new = world.job("new", minutes=0, kind=kind)
    second = world.sync()
    second.assert_whole(*good, *odd.values(), new)
    assert {name: second.events[job.id] for name, job in odd.items()} == {
        name: first.events[job.id] for name, job in odd.items()
    }
    assert len(second.rejected) == len(first.rejected)
    assert second.row.exit_code == 0


@pytest.mark.slow
@each("contextual", beside=("llamacloud",))
def test_records_that_are_none_are_set_aside_and_the_others_come(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good = [world.job(f"good {number}") for number in range(4)]
    digits, deep = world.job("digits"), world.job("deep")
    digits.script = {"row": [{"tomorrow": "@digits@"}]}
    deep.script = {"row": [{"tomorrow": "@deep@"}]}
    server.strays = [None, 17, "text", [], [[{}]], {}, True, {"id": None, "status": "COMPLETED"}]

    first = world.sync()
    first.assert_whole(*good, digits)
    assert "7" * 5000 in str(first.jobs[digits.id]["payload"])
    assert deep.id in first.jobs or any(deep.id in str(r["payload"]) for r in first.rejected)
    payloads = [str(record["payload"]) for record in first.rejected]
    for stray in ("17", "text", "[]", "{}", "true"):
        assert any(payload.strip('"') == stray for payload in payloads), stray
    assert first.row.rejected == len(first.rejected) >= len(server.strays)
    assert first.row.exit_code == 1
    assert first.row.error
    assert first.row.cursor is not None

    second = world.sync()
    assert second.rejected == first.rejected
    assert second.row.exit_code == 0

    server.strays, deep.script = [], {}
    third = world.sync()
    third.assert_whole(*good, digits, deep)


ODD_FIELDS: dict[str, dict[str, Any]] = {
    "status null": {"status": None},
    "status object": {"status": {"a": 1}},
    "status digits": {"status": "@digits@"},
    "status new": {"status": "HIBERNATING"},
    "name object": {"name": {"a": "b"}, "file_name": ["c"]},
    "name digits": {"name": "@digits@", "file_name": "@digits@"},
    "name lone": {"name": "@lone@", "file_name": "@lone@"},
    "name zero": {"name": "a\x00b", "file_name": "a\x00b"},
    "tier list": {"tier": [1]},
    "project number": {"project_id": 5},
    "updated garbage": {"updated_at": "soon", "started_at": {}, "finished_at": "@digits@"},
    "error object": {"error_message": {"a": 1}, "message": [], "error": 5},
    "usage text": {"usage": "much", "credit_used": "all"},
    "usage digits": {"usage": {"credits": "@digits@"}, "credit_used": "@digits@"},
    "pages odd": {"page_count": "@digits@", "total_chunks": -1},
    "metadata list": {"user_metadata": [1, 2], "metadata": "text"},
}


@each("llamacloud", beside=("contextual", "unsiloed"))
def test_a_field_that_is_odd_costs_its_job_at_most(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good = [world.job(f"good {n}") for n in range(3)]
    jobs = {name: world.job(name, fields=fields) for name, fields in ODD_FIELDS.items()}
    first = world.sync()
    first.assert_whole(*good)
    named = str([record["payload"] for record in first.rejected])
    for name, job in jobs.items():
        assert job.id in first.jobs or job.id in named, name
        if name not in ("status null", "status object", "status digits"):
            assert job.id in first.jobs, name
    assert first.jobs[jobs["status new"].id]["status"] == "unknown"
    assert first.jobs[jobs["status new"].id]["provider_status"] == "HIBERNATING"
    assert not first.jobs[jobs["status new"].id]["is_terminal"]
    for job in jobs.values():
        job.fields = {}
    world.sync().assert_whole(*good, *jobs.values())


@each("llamacloud", beside=("contextual",))
def test_a_hostile_id_costs_its_record(server: Server, tmp_path: Path, provider: str) -> None:
    world = World(server, provider, tmp_path)
    good = [world.job(f"good {number}") for number in range(4)]
    ids = [{"a": 1}, ["x"], "", "x" * 100_000, "../../v1/secrets", "..", "a/b", "a?b=c#d", "@lone@"]
    ids += ["@digits@", "a\x00b", "  ", "ü" * 300, "a\r\nX-Evil: 1", "@deep@", True]
    word = WORDS[provider]["done"]
    rows = [{"id": each, "status": word, "file_name": f"{n}.pdf"} for n, each in enumerate(ids)]
    server.strays = rows
    seen = world.sync()
    seen.assert_whole(*good)
    assert seen.row.exit_code == 1
    assert seen.row.error
    assert len(seen.jobs) - len(good) + len(seen.rejected) >= len(ids)
    allowed = "/api/v2/parse" if provider == "llamacloud" else "/v1/parse/jobs"
    for target in server.asked:
        path = target.split("?")[0]
        assert path.startswith(allowed)
        assert "/.." not in path
        assert "secrets" not in path or "%2F" in path
    new = world.job("new", minutes=1)
    world.sync().assert_whole(*good, new)


@each("unsiloed", beside=("llamacloud", "contextual"))
def test_a_hostile_result_costs_itself(server: Server, tmp_path: Path, provider: str) -> None:
    world = World(server, provider, tmp_path)
    good = [world.job("good"), world.job("good", kind="extract")]
    key = RESULT_KEYS[provider]
    digits = world.job("digits", kind="extract", script={"result": [{key: {"n": "@digits@"}}]})
    deep = world.job("deep", kind="extract", script={"result": [{key: "@deep@"}]})
    parts = {"llamacloud": "items", "contextual": "pages", "unsiloed": "chunks"}[provider]
    hostile = {"extract deep": deep}
    for name, value in {"digits": "@digits@", "text": "none", "true": True}.items():
        hostile[name] = world.job(f"odd {name}", script={"result": [{parts: value}]})
    first = world.sync()
    first.assert_whole(*good)
    assert "7" * 5000 in str(first.results[digits.id]["result"])
    assert first.row.exit_code == 1
    assert first.row.error
    states = {name: first.jobs[job.id]["results_state"] for name, job in hostile.items()}
    assert states == dict.fromkeys(hostile, "pending")
    named = {record["job_id"] for record in first.rejected}
    assert {name for name, job in hostile.items() if job.id not in named} == set()
    second = world.sync()
    assert len(second.rejected) == len(first.rejected)
    for job in hostile.values():
        job.script = {}
    third = world.sync()
    third.assert_whole(*good, *hostile.values())
    assert third.row.exit_code == 0


# -- parts that are missing ------------------------------------------------------------------------


def test_llamacloud_pages_without_items_are_made_of_their_text(
    server: Server, tmp_path: Path
) -> None:
    world = World(server, "llamacloud", tmp_path)
    good = world.job("good")
    item = {"type": "text", "value": "of items", "md": "of items"}
    bare = {"type": "heading", "value": "no markdown", "level": 1}
    size = {"page_width": 600, "page_height": 800, "success": True}
    first = {"page_number": 1, **size, "items": [item, bare]}
    pages: dict[str, Any] = {
        "all there": {"pages": [first]},
        "an empty page": {"pages": [first, {"page_number": 2, **size, "items": []}]},
        "a null page": {"pages": [first, {"page_number": 2, **size, "items": None}]},
        "no page": {"pages": []},
        "null": None,
    }
    one = [{"page_number": 1, "text": "words of page 1"}]
    two = [*one, {"page_number": 2, "text": "words of page 2"}]
    text = {"all there": one, "no page": one, "null": one}
    jobs = {
        name: world.job(
            name,
            fields={"tier": "agentic" if items and items["pages"] else "fast"},
            script={"result": [{"items": items, "text": {"pages": text.get(name, two)}}]},
        )
        for name, items in pages.items()
    }
    seen = world.sync()
    seen.assert_whole(good)
    assert seen.row.exit_code == 0
    whole = ["of items", "no markdown"]
    assert {name: seen.texts(job) for name, job in jobs.items()} == {
        "all there": whole,
        "an empty page": [*whole, "words of page 2"],
        "a null page": [*whole, "words of page 2"],
        "no page": ["words of page 1"],
        "null": ["words of page 1"],
    }


def test_contextual_pages_without_blocks_are_made_of_their_text(
    server: Server, tmp_path: Path
) -> None:
    world = World(server, "contextual", tmp_path)
    good = world.job("good")
    block = {"id": "b1", "type": "text", "markdown": "of blocks"}
    first = {"index": 0, "markdown": "of blocks", "blocks": [block]}
    second = {"index": 1, "markdown": "words of page 2"}
    jobs = {
        name: world.job(name, script={"result": [{"pages": [first, {**second, **odd}]}]})
        for name, odd in {"null": {"blocks": None}, "absent": {}, "empty": {"blocks": []}}.items()
    }
    seen = world.sync()
    seen.assert_whole(good)
    assert seen.row.exit_code == 0
    assert {name: seen.texts(job) for name, job in jobs.items()} == {
        name: ["of blocks", "words of page 2"] for name in jobs
    }


def test_unsiloed_segments_and_chunks_are_made_up_for_part_by_part(
    server: Server, tmp_path: Path
) -> None:
    world = World(server, "unsiloed", tmp_path)
    good, job, empty = world.job("good"), world.job("parts"), world.job("empty")
    box = {"left": 60, "top": 80, "width": 300, "height": 80}
    sized = {"segment_id": "a", "segment_type": "Text", "page_number": 1, "page_width": 600}
    sized |= {"page_height": 800, "content": "one", "markdown": "**one**", "bbox": box}
    bare = {"segment_id": "b", "segment_type": "Text", "page_number": 1, "content": "two"}
    chunks = [{"chunk_length": 2, "embed": None, "segments": [sized, {**bare, "bbox": box}]}]
    job.script = {"result": [{"chunks": chunks}]}
    empty.script = {"result": [{"chunks": None, "total_chunks": 0, "page_count": 1}]}
    seen = world.sync()
    seen.assert_whole(good)
    assert seen.row.exit_code == 0
    one, two = seen.segments[job.id]
    assert (two["page_width"], two["page_height"]) == (600, 800)
    assert two["bbox_x0"] == one["bbox_x0"] == pytest.approx(0.1)
    (chunk,) = seen.chunks[job.id]
    assert chunk["content"].split() == ["**one**", "two"]
    assert seen.jobs[empty.id]["results_state"] == "loaded"
    assert seen.jobs[empty.id]["chunk_count"] == 0


@each("llamacloud", beside=("contextual", "unsiloed"))
def test_a_part_of_a_result_that_is_none_is_kept_and_named(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good, job = world.job("good"), world.job("odd")
    truth = result_of(job)
    parts = {"llamacloud": "items", "contextual": "pages", "unsiloed": "chunks"}[provider]
    found = truth[parts]["pages"] if provider == "llamacloud" else truth[parts]
    odd = [*found, "words that are in no object", [["in a list"]]]
    job.script = {"result": [{parts: {"pages": odd} if provider == "llamacloud" else odd}]}
    first = world.sync()
    first.assert_whole(good)
    stored = str((first.rejected, first.segments[job.id], first.jobs[job.id], first.pages[job.id]))
    stored += str(first.chunks[job.id])
    assert "words that are in no object" in stored
    assert "in a list" in stored
    if first.rejected:
        assert first.row.exit_code == 1
        assert first.row.error


# -- clocks ----------------------------------------------------------------------------------------


def _date(shift: timedelta) -> Callable[[], str]:
    return lambda: format_datetime(now() + shift, usegmt=True)


DATES: dict[str, Callable[[], str | None]] = {
    "three hours behind": _date(timedelta(hours=-3)),
    "an hour ahead": _date(timedelta(hours=1)),
    "year 9999": lambda: "Fri, 31 Dec 9999 23:59:59 GMT",
    "garbage": lambda: "yesterday, or so",
    "none": lambda: None,
}


@pytest.mark.slow
@each("contextual", beside=("llamacloud", "unsiloed"))
def test_a_date_header_that_lies_moves_no_cursor_beyond_what_is_proved(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    jobs, ended = [world.job("first")], now()
    for name, date in DATES.items():
        server.date = date
        jobs.append(world.job(f"just made: {name}", "open", minutes=0))
        seen = world.sync()
        if len(jobs) > 2:
            changed = seen.events[jobs[-2].id][-1]
            assert changed["status"] == "succeeded"
        if len(jobs) > 2 and changed["occurred_at_source"] == "observed":
            assert changed["occurred_at_earliest"] <= ended <= changed["occurred_at_latest"]
        seen.assert_whole(*jobs[:-1])
        assert jobs[-1].id in seen.jobs
        assert (name, seen.row.exit_code) == (name, 0)
        limit = seen.after
        if provider == "contextual" and name == "three hours behind":
            limit -= timedelta(hours=3)
        if seen.row.cursor is not None:
            assert (name, seen.row.cursor <= limit) == (name, True)
        world.end(jobs[-1])
        ended = now()


@each(beside=PROVIDERS)
def test_a_clock_that_lies_expires_nothing_and_gives_nothing_up(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good = world.job("good")
    lost, still = world.job("lost", "open", kind="extract"), world.job("still", "open")
    late = world.job("late", script={"result": [html()]})
    others = [world.job(f"open {n}", "open") for n in range(2)]
    first = world.sync()
    lost.gone = True
    for date in ("three hours behind", "an hour ahead", "year 9999"):
        server.date = DATES[date]
        seen = world.sync()
        seen.assert_whole(good)
        assert (date, seen.statuses(lost)) == (date, first.statuses(lost))
        assert seen.jobs[lost.id]["missing_since"] <= seen.after + timedelta(hours=1, minutes=1)
        assert seen.jobs[late.id]["results_state"] == "pending"
        for job in (still, lost, *others):
            assert (date, seen.jobs[job.id]["given_up_at"]) == (date, None)
        assert seen.row.exit_code == 1
        assert seen.row.open_jobs == 4
    late.script, lost.gone = {}, False
    world.end(still)
    last = world.sync()
    last.assert_whole(good, late, still)
    assert last.statuses(lost) == first.statuses(lost)
    assert last.jobs[lost.id]["missing_since"] is None
    assert last.row.exit_code == 0


@SLOW
@pytest.mark.parametrize("date", ["none", "garbage"])
def test_without_the_providers_time_a_list_without_dates_reaches_back_a_day(
    server: Server, tmp_path: Path, date: str
) -> None:
    world = World(server, "contextual", tmp_path)
    server.date = DATES[date]
    good = world.job("good")
    hidden = world.job("in the list later, as if clocks differed", minutes=20 * 60, listed=False)
    world.sync()
    hidden.listed = True
    seen = world.sync()
    seen.assert_whole(good, hidden)
    assert seen.row.exit_code == 0


# -- answers that don't end, and providers that are down -------------------------------------------


@each(beside=PROVIDERS)
def test_answers_that_never_end_are_waited_for_a_bounded_time(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good = world.job("good")
    never = {
        "endless error": says({"detail": "x"}, 500, flow="endless"),
        "trickling error": says({"detail": "x"}, 500, flow="trickle"),
        "trickling 404": says({"detail": "Job not found"}, 404, flow="trickle"),
        "trickling answer": says({"status": "x"}, flow="trickle"),
        "endless answer": says({"status": "x"}, flow="endless"),
        "slow head": says({"status": "x"}, flow="slow head"),
        "slow head of an error": says({"status": "x"}, 500, flow="slow head"),
        "silent": says({"status": "x"}, flow="silent"),
    }
    jobs = {name: world.job(name, "open", minutes=150) for name in never}
    late = [world.job(f"late {n}", "open", minutes=140) for n in range(2)]
    late[0].script = {"result": [says({"detail": "x"}, 500, flow="trickle")]}
    late[1].script = {"result": [says({"detail": "x"}, 404, flow="endless")]}
    first = world.sync()
    for name, job in jobs.items():
        job.listed, job.script = False, {"status": [never[name]]}
    world.end(*late)
    new = world.job("new", minutes=5)
    settings = {"timeout_seconds": 1, "max_response_mb": 8}
    second = world.sync(**settings)
    # statuses and results may be asked for one after the other: five seconds each, and a sync
    assert (second.after - second.before).total_seconds() < 18
    second.assert_whole(good, new)
    assert second.row.exit_code == 1
    assert second.row.error
    for job in jobs.values():
        assert second.events[job.id] == first.events[job.id]
        assert second.jobs[job.id]["missing_since"] is None
    assert {second.jobs[job.id]["results_state"] for job in late} == {"pending"}
    for job in (*jobs.values(), *late):
        job.script = {}
    world.end(*jobs.values())
    third = world.sync()
    third.assert_whole(good, new, *jobs.values(), *late)
    assert third.row.exit_code == 0


@SLOW
@pytest.mark.parametrize("flow", ["trickle", "endless", "slow head", "silent"])
@pytest.mark.parametrize("provider", LISTING)
def test_a_list_that_never_ends_is_waited_for_a_bounded_time(
    server: Server, tmp_path: Path, provider: str, flow: Any
) -> None:
    world = World(server, provider, tmp_path)
    good = world.job("extract", kind="extract")
    world.sync()
    new, extract = world.job("new"), world.job("newer", kind="extract")
    server.list_reply = lambda _, kind, offset: (
        says({"items": [], "jobs": []}, flow=flow) if kind == "parse" else None
    )
    seen = world.sync(timeout_seconds=1, max_response_mb=8)
    assert (seen.after - seen.before).total_seconds() < 18
    seen.assert_whole(good, extract)
    assert seen.row.exit_code == 1
    assert seen.row.error
    server.list_reply = lambda provider, kind, offset: None
    world.sync().assert_whole(good, extract, new)


@SLOW
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_result_that_trickles_is_waited_for_sixty_times_the_timeout(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    good, job = world.job("good", "open"), world.job("trickles", "open")
    world.sync()
    job.script = {"result": [says({"pages": []}, flow="trickle")]}
    world.end(good, job)
    seen = world.sync(timeout_seconds=1)
    assert 40 < (seen.after - seen.before).total_seconds() < 75
    seen.assert_whole(good)
    assert seen.jobs[job.id]["results_state"] == "pending"
    assert seen.row.exit_code == 1


@each("unsiloed", beside=("llamacloud", "contextual"))
def test_a_provider_that_is_all_maintenance_is_a_failure_and_loses_nothing(
    server: Server, tmp_path: Path, provider: str
) -> None:
    world = World(server, provider, tmp_path)
    jobs = [world.job("good"), *(world.job(f"open {n}", "open") for n in range(6))]
    first = world.sync()
    jobs.append(world.job("new", minutes=1))
    for page in (html(), html(), html(404), html(503)):
        server.down = page
        seen = world.sync(gone_after_seconds=0)
        assert seen.row.exit_code == 3
        assert not seen.row.ok
        assert seen.row.error
        assert seen.jobs == first.jobs
        assert seen.events == first.events
    server.down = None
    world.end(*jobs)
    last = world.sync()
    last.assert_whole(*jobs)
    assert last.row.exit_code == 0


@SLOW
def test_the_command_line_ends_with_what_its_row_says(server: Server, tmp_path: Path) -> None:
    world = World(server, "llamacloud", tmp_path)
    good, late = world.job("good"), world.job("late", script={"result": [html()]})
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DLT_DATA_DIR": str(tmp_path / "data"),
        "DLT_PROJECT_DIR": str(tmp_path),
        "SOURCES__DOCJOBS__LLAMACLOUD__API_KEY": KEY,
        "SOURCES__DOCJOBS__LLAMACLOUD__BASE_URL": server.url,
        "SOURCES__DOCJOBS__LLAMACLOUD__MAX_RETRIES": "0",
        "SOURCES__DOCJOBS__LLAMACLOUD__JOB_KINDS": "parse",
    }
    run = "import sys; from dlt_docjobs.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", run, "sync", "llamacloud", "--json", "--progress", "none"]

    def sync() -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        said = json.loads(done.stdout)
        assert said["exit_code"] == done.returncode, done.stderr
        return done.returncode, said["providers"][0]

    code, row = sync()
    assert (code, row["pending_results"], row["results_loaded"]) == (1, 1, 1)
    assert row["error"]
    late.script = {}
    code, row = sync()
    assert (code, row["pending_results"], row["results_loaded"]) == (0, 0, 1)
    assert row["error"] is None
    assert good.id not in str(row)
