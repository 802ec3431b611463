"""The cursor and the windows still to list: kept small, and never past a job."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync_support import FakeApi, Server, StillClock, Warehouse, at, run

from dlt_docjobs.model.vocabulary import JOB_KINDS
from dlt_docjobs.sync.progress import ListProgress, Progress
from dlt_docjobs.sync.settings import Window

INSTANTS = st.integers(-(10**14), 10**14).map(lambda micros: at(0) + timedelta(microseconds=micros))
MAYBE = st.none() | INSTANTS


# -- what is kept -----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(MAYBE, st.lists(st.tuples(MAYBE, MAYBE), max_size=5), MAYBE)
def test_what_is_dumped_is_loaded(cursor: Any, windows: list[tuple[Any, Any]], other: Any) -> None:
    progress = Progress.fresh()
    progress.kinds["parse"] = ListProgress(cursor, [Window(*window) for window in windows])
    progress.kinds["extract"] = ListProgress(other)
    again = Progress.load(json.loads(json.dumps(progress.dump())))
    assert again == progress
    assert again.dump() == progress.dump()
    assert progress.cursor == max(filter(None, (cursor, other)), default=None)


@pytest.mark.parametrize(
    "state",
    [
        None,
        "",
        [],
        {},
        {"kinds": None, "warehouse": "a"},
        {"kinds": {"parse": {"cursor": "yesterday", "todo": []}}, "warehouse": "a"},
        {"kinds": {"parse": {"cursor": None, "todo": [[None]]}}, "warehouse": "a"},
        {"kinds": {"parse": {"cursor": None}}, "warehouse": "a"},
        {"kinds": {"parse": {}}},
    ],
)
def test_a_state_that_can_t_be_read_starts_anew(state: Any) -> None:
    progress = Progress.load(state)
    assert progress.cursor is None
    assert progress.kinds == dict.fromkeys(JOB_KINDS, ListProgress())


def test_a_state_of_one_kind_only_is_read() -> None:
    state = {"kinds": {"parse": {"cursor": "2026-11-01T12:00:00Z", "todo": []}}, "warehouse": "w"}
    progress = Progress.load(state)
    assert progress.cursor == at(0) and progress.warehouse == "w"
    assert progress.kinds["extract"] == ListProgress()


def test_kinds_of_which_nothing_was_listed_take_no_room() -> None:
    progress = Progress.fresh()
    assert progress.dump()["kinds"] == {}
    progress.kinds["extract"] = ListProgress(at(0))
    assert list(progress.dump()["kinds"]) == ["extract"]


def test_each_start_anew_is_told_apart() -> None:
    assert Progress.fresh().warehouse != Progress.fresh().warehouse


# -- the cursor -------------------------------------------------------------------------------


def listed(window: Window, *seconds: float | None, is_splittable: bool = True) -> ListProgress:
    progress = ListProgress()
    progress.begin(window, is_splittable)
    for second in seconds:
        progress.note(None if second is None else at(second))
    return progress


def test_the_cursor_moves_only_at_the_end_of_a_list() -> None:
    progress = listed(Window(None, None), 5, 9, 7, None)
    assert progress.cursor is None
    assert progress.dump()["cursor"] is None
    progress.finish(at(100))
    assert progress.cursor == at(9)
    assert progress.dump() == {"cursor": "2026-11-01T12:00:09.000000Z", "todo": []}


def test_the_cursor_never_passes_the_beginning_of_the_list() -> None:
    progress = listed(Window(None, None), 5, 500)
    progress.finish(at(100))
    assert progress.cursor == at(100)


def test_the_cursor_never_goes_back() -> None:
    progress = ListProgress(at(50))
    progress.begin(Window(at(0), None), True)
    progress.note(at(20))
    progress.finish(at(100))
    assert progress.cursor == at(50)


def test_a_cursor_that_lies_in_the_future_is_not_used() -> None:
    progress = ListProgress(at(50))
    progress.drop_future(at(50))
    assert progress.cursor == at(50)
    progress.drop_future(at(49))
    assert progress.cursor is None


def test_a_bounded_window_does_not_move_the_cursor() -> None:
    progress = listed(Window(at(0), at(50)), 20)
    progress.finish(at(100))
    assert progress.cursor is None and progress.current is None


@pytest.mark.parametrize("seconds", [(), (None, None)])
def test_a_list_without_dates_leaves_the_cursor(seconds: tuple[None, ...]) -> None:
    progress = listed(Window(None, None), *seconds)
    progress.finish(at(100))
    assert progress.cursor is None


def test_a_list_that_broke_is_listed_again() -> None:
    progress = listed(Window(at(0), None), 5, 6, 7)
    progress.abandon()
    assert progress.cursor is None
    assert ListProgress.load(progress.dump()).todo == [Window(at(0), None)]


def test_a_job_that_two_clocks_put_before_the_list_is_in_the_next_one() -> None:
    # the provider's clock is behind ours, by less than its Date header tells, cut to seconds
    clock = StillClock(1000)
    server = Server(clock)
    server.add("job-1", "completed", 500)
    warehouse = Warehouse()

    def sync(progress: Progress) -> Progress:
        api = FakeApi(server, "contextual", filters=("parse",), lists=("parse",))
        _, progress = run(api, warehouse, progress, kinds=("parse",), lag=timedelta(0))
        return progress

    progress = sync(Progress.fresh())
    assert progress.kinds["parse"].cursor == at(997)
    # uploaded behind the list, and by that clock before it
    server.add("job-2", "completed", 998)
    clock.seconds = 2000
    sync(progress)
    assert ("parse", "job-2") in warehouse.jobs


# -- splitting --------------------------------------------------------------------------------


def todo_of(progress: ListProgress) -> list[Window]:
    return ListProgress.load(progress.dump()).todo


def test_an_interrupted_window_is_split_at_the_median_of_what_it_brought() -> None:
    progress = listed(Window(at(0), at(100)), 10, 90, 30)
    assert todo_of(progress) == [Window(at(0), at(30)), Window(at(30), at(100))]


def test_a_window_without_bounds_stays_for_jobs_without_a_date() -> None:
    progress = listed(Window(None, None), 10, 90, 30)
    assert todo_of(progress) == [
        Window(None, None),
        Window(None, at(30)),
        Window(at(30), None),
    ]


@pytest.mark.parametrize(
    ("window", "seconds"),
    [
        (Window(at(0), at(100)), ()),
        (Window(at(0), at(100)), (0, 0, 0)),
        (Window(at(0), at(100)), (100, 100)),
        (Window(at(0), None), (0,)),
        (Window(at(50), at(60)), (10, 20, 30)),
    ],
)
def test_a_window_that_can_t_be_split_stays_whole(window: Window, seconds: Any) -> None:
    assert todo_of(listed(window, *seconds)) == [window]


def test_windows_that_wait_come_before_the_interrupted_one() -> None:
    progress = listed(Window(at(50), None), 60, 70, 80)
    progress.todo = [Window(at(0), at(50))]
    assert todo_of(progress) == [
        Window(at(0), at(50)),
        Window(at(50), at(70)),
        Window(at(70), None),
    ]


def test_a_list_that_can_t_be_bounded_is_not_split_and_not_kept() -> None:
    progress = listed(Window(at(0), None), 5, 6, 7, is_splittable=False)
    assert todo_of(progress) == []


def test_windows_do_not_pile_up() -> None:
    # oldest first, each kill leaves one more window behind
    progress = ListProgress()
    for number in range(500):
        progress.begin(Window(at(number * 10), None), True)
        progress.note(at(number * 10 + 5))
        progress = ListProgress.load(progress.dump())
        progress.todo.pop()
        assert len(progress.todo) < 64
    assert len(json.dumps(progress.dump())) < 10_000


def test_the_sample_is_that_of_the_last_package() -> None:
    progress = listed(Window(at(0), None), 10, 11, 12)
    progress.next_package()
    for second in (50, 60, 70):
        progress.note(at(second))
    assert todo_of(progress) == [Window(at(0), at(60)), Window(at(60), None)]


def test_splits_cover_what_they_split() -> None:
    generator = random.Random(4)
    for _ in range(300):
        bounds = sorted(generator.sample(range(50), 2))
        window = Window(
            at(bounds[0]) if generator.random() < 0.7 else None,
            at(bounds[1]) if generator.random() < 0.7 else None,
        )
        seconds = [generator.randrange(50) for _ in range(generator.randrange(6))]
        todo = todo_of(listed(window, *seconds))
        for second in range(50):
            inside = (window.since is None or at(second) >= window.since) and (
                window.until is None or at(second) < window.until
            )
            covered = any(
                (part.since is None or at(second) >= part.since)
                and (part.until is None or at(second) < part.until)
                for part in todo
            )
            assert covered == inside


# -- runs that are killed between packages ------------------------------------------------------


def account(generator: random.Random, count: int) -> list[tuple[float | None, str]]:
    """Creation times with ties, and some that nobody knows."""
    style = generator.choice(["spread", "ties", "bulk", "one"])
    made: list[tuple[float | None, str]] = []
    for number in range(count):
        second: float | None = generator.randrange(10**6) / 7
        if style == "ties":
            second = float(generator.randrange(20))
        elif style == "bulk" and number % 3:
            second = 4000.0
        elif style == "one":
            second = 9.0
        if generator.random() < 0.05:
            second = None
        made.append((second, f"job-{number}"))
    return made


@pytest.mark.parametrize("order", ["random", "newest", "oldest"])
@pytest.mark.parametrize("seed", range(5))
def test_runs_killed_between_packages_list_every_job(order: str, seed: int) -> None:
    generator = random.Random(f"{order}{seed}")
    size, page = generator.choice([40, 90, 250]), generator.choice([7, 20, 100])
    clock = StillClock(10**6)
    server = Server(clock, order=order, page=page, random=generator)
    for second, job_id in account(generator, 700):
        job = server.add(job_id, "COMPLETED", 0 if second is None else second)
        job.is_dated = second is not None
    warehouse, progress = Warehouse(), Progress.fresh()
    runs, most_windows, most_state, pages_alone = 0, 0, 0, -(-700 // page)
    while True:
        clock.seconds += 10
        runs += 1
        session, progress = run(
            FakeApi(server),
            warehouse,
            progress,
            packages=1,
            max_jobs_per_package=generator.choice([size, size // 2, 2 * size]),
            kinds=("parse",),
            start_date=None,
        )
        kind = progress.kinds["parse"]
        most_windows = max(most_windows, len(kind.todo))
        most_state = max(most_state, len(json.dumps(progress.dump())))
        # the cursor with its windows never passes a job that was not listed
        for job in server.jobs:
            if ("parse", job.job_id) in warehouse.jobs or kind.cursor is None:
                continue
            if not job.is_dated:
                assert Window(None, None) in kind.todo
            elif job.created < kind.cursor:
                assert any(
                    (part.since is None or job.created >= part.since)
                    and (part.until is None or job.created <= part.until)
                    for part in kind.todo
                )
        if session.done:
            break
        assert runs < 700
    assert {ref[1] for ref in warehouse.jobs} == {job.job_id for job in server.jobs}
    assert most_windows < 64 and most_state < 10_000
    assert kind.todo == []
    # every run lists again some of what it knows; ties can't be split at all
    assert server.pages <= pages_alone * (4 + runs), (server.pages, pages_alone, runs)


@pytest.mark.parametrize("order", ["random", "newest", "oldest"])
def test_the_cost_of_being_killed_stays_small(order: str) -> None:
    clock = StillClock(10**6)
    server = Server(clock, order=order, page=50, random=random.Random(9))
    for number in range(1500):
        server.add(f"job-{number}", "COMPLETED", number * 7.5)
    warehouse, progress = Warehouse(), Progress.fresh()
    runs = 0
    done = False
    while not done:
        runs += 1
        session, progress = run(
            FakeApi(server),
            warehouse,
            progress,
            packages=1,
            max_jobs_per_package=150,
            kinds=("parse",),
        )
        done = session.done
    assert len(warehouse.jobs) == 1500
    # 30 pages would do if nothing were interrupted; the list without bounds comes once more
    assert server.pages <= 30 * 6, server.pages
    assert runs <= 2 * 1500 / 150 + 2


def test_a_run_of_many_packages_lists_once() -> None:
    server = Server(StillClock(10**6), page=50)
    for number in range(1000):
        server.add(f"job-{number}", "COMPLETED", number * 7.5)
    warehouse = Warehouse()
    session, progress = run(
        FakeApi(server), warehouse, Progress.fresh(), max_jobs_per_package=60, kinds=("parse",)
    )
    assert session.done and len(warehouse.jobs) == 1000
    assert server.pages == 20
    assert progress.kinds["parse"] == ListProgress(at(999 * 7.5))


def test_the_next_sync_lists_from_the_cursor_less_the_lag() -> None:
    clock = StillClock(10**6)
    server = Server(clock, page=50)
    for number in range(1000):
        server.add(f"job-{number}", "COMPLETED", number * 100.0)
    warehouse = Warehouse()
    _, progress = run(FakeApi(server), warehouse, Progress.fresh(), kinds=("parse",))
    server.pages = 0
    server.add("late", "COMPLETED", 999 * 100.0 - 3600)
    server.add("too late", "COMPLETED", 999 * 100.0 - 3601)
    session, progress = run(FakeApi(server), warehouse, progress, kinds=("parse",))
    assert server.pages == 1
    assert ("parse", "late") in warehouse.jobs and ("parse", "too late") not in warehouse.jobs
    # what was known and has not changed is not written again
    assert session.context.figures.jobs_new == 1 and session.context.figures.jobs_changed == 0
    assert session.context.figures.jobs_listed == 37 + 1
    assert len(warehouse.events["parse", "job-5"]) == 2
