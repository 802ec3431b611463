"""The engine itself, without dlt: lists that break, runs that stop, jobs that are odd."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sync_support import (
    EVERYTHING,
    NO_RESULTS,
    FakeApi,
    Server,
    StillClock,
    Warehouse,
    at,
    run,
)

from dlt_docjobs.http import (
    InvalidIdentifier,
    InvalidRequest,
    ServerError,
    Unauthorized,
    UnreadableBody,
)
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import Extraction, JobAnswer, JobPage, ListRange
from dlt_docjobs.sync.progress import ListProgress, Progress
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.settings import Window

PARSE: dict[str, Any] = {"kinds": ("parse",)}


def stocked(count: int = 30, page: int = 10, **options: Any) -> Server:
    server = Server(StillClock(10**6), page=page, **options)
    for number in range(count):
        server.add(f"job-{number}", "COMPLETED", number * 1000.0)
    return server


# -- lists that don't come to their end ---------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ServerError("/parse", "503"),
        UnreadableRecord("the list's answer has no `items` array", {"detail": "a text"}, "/list"),
        UnreadableBody("/parse", "not valid JSON", body=b"<oops"),
        Unauthorized("/parse", "401", status=401),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_list_that_breaks_moves_no_cursor(error: Exception, page: int) -> None:
    server = stocked()
    server.fails = lambda number, token: error if number == page else None
    warehouse = Warehouse()
    session, progress = run(FakeApi(server), warehouse, Progress.fresh(), **PARSE)
    assert len(warehouse.jobs) == (page - 1) * 10, "what came before is kept"
    kind = progress.kinds["parse"]
    assert kind.cursor is None
    assert Window(None, None) in kind.todo or (page == 1 and not session.done)
    assert session.context.outcome.problems
    if page > 1:
        assert session.exit_code in (1, 3)
    if isinstance(error, (UnreadableBody, UnreadableRecord)):
        (rejected,) = warehouse.rejected.values()
        assert rejected["job_id"] is None and "oops" in rejected["payload"] + "oops"
    # the next run brings the rest
    server.fails = lambda number, token: None
    session, progress = run(FakeApi(server), warehouse, progress, **PARSE)
    assert len(warehouse.jobs) == 30 and session.exit_code == 0
    assert progress.kinds["parse"] == ListProgress(at(29000))


def test_one_kind_s_list_that_breaks_does_not_stop_the_other() -> None:
    server = stocked(25)
    for number in range(25):
        server.add(f"ext-{number}", "COMPLETED", number * 1000.0, kind="extract")
    server.fails = lambda number, token: ServerError("/x", "500") if number == 2 else None
    warehouse = Warehouse()
    session, progress = run(FakeApi(server), warehouse, Progress.fresh())
    kinds = [kind for kind, _ in warehouse.jobs]
    assert kinds.count("parse") == 10 and kinds.count("extract") == 25
    assert progress.kinds["extract"].cursor == at(24000)
    assert session.exit_code == 1


def test_a_page_token_that_expires_restarts_the_list_once() -> None:
    server = stocked()
    refused = InvalidRequest("/parse", "400", status=400)
    server.fails = lambda number, token: refused if number == 3 else None
    warehouse = Warehouse()
    session, progress = run(FakeApi(server), warehouse, Progress.fresh(), **PARSE)
    assert len(warehouse.jobs) == 30 and session.exit_code == 0
    assert server.listings == 2
    assert progress.kinds["parse"].cursor == at(29000)
    # but not for ever
    server.pages = 0
    server.fails = lambda number, token: refused if token else None
    session, again = run(FakeApi(server), Warehouse(), Progress.fresh(), **PARSE)
    assert session.exit_code == 1 and again.kinds["parse"].cursor is None
    assert server.pages == 4


class _Repeating(FakeApi):
    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        page = await super().list_page(kind, wanted, None)
        return JobPage(page.observations, [], "again")


class _Endless(FakeApi):
    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        page = await super().list_page(kind, wanted, None)
        return JobPage(page.observations, [], f"token-{self.server.pages}")


class _Sparse(FakeApi):
    """Pages without jobs between the others, each with a token."""

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        if token is None or token.startswith("skip"):
            return await super().list_page(kind, wanted, token[4:] if token else None)
        return JobPage([], [], "skip" + token)


@pytest.mark.parametrize(("api", "most"), [(_Repeating, 3), (_Endless, 130)])
def test_a_list_without_an_end_is_left(api: type[FakeApi], most: int) -> None:
    server = stocked()
    warehouse = Warehouse()
    session, progress = run(api(server), warehouse, Progress.fresh(), **PARSE)
    assert server.pages <= most
    assert progress.kinds["parse"].cursor is None
    assert len(warehouse.jobs) >= 10 and session.exit_code == 1


def test_empty_pages_in_between_are_no_end() -> None:
    warehouse = Warehouse()
    run(_Sparse(stocked()), warehouse, Progress.fresh(), **PARSE)
    assert len(warehouse.jobs) == 30


class _Counting(FakeApi):
    """Its tokens say how many jobs come before a page, of those that there are when it is read."""

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        server = self.server
        server.pages += 1
        if server.on_page is not None:
            server.on_page()
        jobs = [job for job in server.jobs if not job.is_gone]
        start = int(token or 0)
        end = start + server.page
        seen = [self._observe(job) for job in jobs[start:end]]
        return JobPage(seen, [], str(end) if end < len(jobs) else None, timedelta(0))


@pytest.mark.parametrize(("is_stable", "pages"), [(True, 3), (False, 5)])
def test_a_job_that_slips_to_the_page_before_is_found_there(is_stable: bool, pages: int) -> None:
    server = stocked()

    def delete() -> None:
        if server.pages == 2:
            server.find("parse", "job-3").is_gone = True  # type: ignore[union-attr]

    server.on_page = delete
    warehouse = Warehouse()
    api = _Counting(server, is_stable=is_stable)
    session, progress = run(api, warehouse, Progress.fresh(), **PARSE)
    # the eleventh job is by then the tenth
    assert (("parse", "job-10") in warehouse.jobs) != is_stable
    assert len(warehouse.jobs) == (29 if is_stable else 30) and session.exit_code == 0
    assert server.pages == pages and session.context.figures.jobs_listed == len(warehouse.jobs)
    assert progress.kinds["parse"].cursor == at(29000)


def test_a_second_look_that_fails_costs_nothing() -> None:
    server = stocked()
    error = ServerError("/parse", "503")
    server.fails = lambda number, token: error if number in (3, 5) else None
    warehouse = Warehouse()
    session, progress = run(FakeApi(server, is_stable=False), warehouse, Progress.fresh(), **PARSE)
    assert len(warehouse.jobs) == 30 and session.exit_code == 0 and server.pages == 5
    assert progress.kinds["parse"].cursor == at(29000)


# -- runs that stop -------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("why", ["signal", "deadline"])
def test_a_run_that_stops_in_a_list_moves_no_cursor(page: int, why: str) -> None:
    server = stocked()
    clock = server.clock
    request = RunRequest(clock=clock, deadline=clock.seconds + 100)

    def stop() -> None:
        if server.pages == page:
            if why == "signal":
                request.stop_reason = "SIGTERM"
            else:
                clock.seconds += 1000

    server.on_page = stop
    warehouse = Warehouse()
    session, progress = run(FakeApi(server), warehouse, Progress.fresh(), request=request, **PARSE)
    assert not session.done and session.exit_code == 1
    assert progress.kinds["parse"].cursor is None
    server.on_page = None
    run(FakeApi(server), warehouse, progress, **PARSE)
    assert len(warehouse.jobs) == 30


@pytest.mark.parametrize("page", range(1, 12))
def test_a_run_that_stops_while_it_brackets_claims_nothing_untrue(page: int) -> None:
    clock = StillClock(10**6)
    server = Server(clock, page=10, order="newest")
    for number in range(60):
        server.add(f"job-{number}", "completed", 10**6 - 36_000 * number - 1)
    request = RunRequest(clock=clock)

    def stop() -> None:
        if server.pages == page:
            request.stop_reason = "SIGINT"

    server.on_page = stop
    warehouse = Warehouse()
    api = FakeApi(server, "contextual", filters=("parse",), lists=("parse",))
    session, progress = run(api, warehouse, Progress.fresh(), request=request, **PARSE)
    assert not session.done
    assert progress.kinds["parse"].cursor is None
    for (_, job_id), row in warehouse.jobs.items():
        created = server.find("parse", job_id).created  # type: ignore[union-attr]
        assert row.created_at_precision == "bounded"
        assert row.created_at_earliest is not None and row.created_at_latest is not None
        assert row.created_at_earliest <= created <= row.created_at_latest
    server.on_page = None
    run(FakeApi(server, "contextual", filters=("parse",)), warehouse, progress, **PARSE)
    assert len(warehouse.jobs) == 60
    for (_, job_id), row in warehouse.jobs.items():
        created = server.find("parse", job_id).created  # type: ignore[union-attr]
        assert row.created_at_earliest <= created <= row.created_at_latest  # type: ignore[operator]


# -- jobs by id ---------------------------------------------------------------------------------


def test_open_jobs_are_asked_for_however_old() -> None:
    server = stocked(0)
    old = server.add("old", "RUNNING", 0)
    server.add("new", "COMPLETED", 900_000)
    warehouse = Warehouse()
    _, progress = run(FakeApi(server), warehouse, Progress.fresh(), **PARSE)
    old.status = "COMPLETED"
    server.clock.seconds += 60
    session, _ = run(FakeApi(server), warehouse, progress, **PARSE)
    assert warehouse.jobs["parse", "old"].status == "succeeded"
    assert session.context.figures.jobs_changed == 1 and session.context.figures.open_jobs == 0
    assert server.asked == [], "a bulk answer is enough"


def test_a_job_that_a_bulk_answer_leaves_out_is_asked_for_by_itself() -> None:
    class Forgetful(FakeApi):
        async def poll(self, kind: JobKind, job_ids: Any) -> JobPage:
            page = await super().poll(kind, job_ids)
            return JobPage([seen for seen in page.observations if seen.job_id != "left"], [])

    server = stocked(0)
    for name in ("left", "there", "gone"):
        server.add(name, "RUNNING", 0)
    server.add("new", "COMPLETED", 900_000)
    warehouse = Warehouse()
    _, progress = run(Forgetful(server), warehouse, Progress.fresh(), **PARSE)
    server.find("parse", "gone").is_gone = True  # type: ignore[union-attr]
    server.clock.seconds += 60
    # the first 404 is believed here
    run(Forgetful(server), warehouse, progress, gone_after=timedelta(0), **PARSE)
    assert sorted(server.asked) == [("parse", "gone"), ("parse", "left")]
    statuses = {job_id: events[-1].status for (_, job_id), events in warehouse.events.items()}
    assert statuses == {
        "left": "running",
        "there": "running",
        "gone": "expired",
        "new": "succeeded",
    }
    row = warehouse.jobs["parse", "gone"]
    assert (row.status, row.is_terminal, row.results_state) == ("running", False, "expired")
    # it is asked for no more
    server.asked.clear()
    server.clock.seconds += 60
    run(Forgetful(server), warehouse, progress, **PARSE)
    assert server.asked == [("parse", "left")]


@pytest.mark.parametrize(
    "error",
    [ServerError("/p", "500"), UnreadableRecord("no `items`", {}), InvalidRequest("/p", "")],
)
def test_a_bulk_answer_that_fails_is_asked_for_one_by_one(error: Exception) -> None:
    class Broken(FakeApi):
        async def poll(self, kind: JobKind, job_ids: Any) -> JobPage:
            raise error

    server = stocked(0)
    for number in range(5):
        server.add(f"open-{number}", "RUNNING", 0)
    server.add("new", "COMPLETED", 900_000)
    warehouse = Warehouse()
    _, progress = run(FakeApi(server), warehouse, Progress.fresh(), **PARSE)
    for job in server.jobs:
        job.status = "COMPLETED"
    server.clock.seconds += 60
    session, _ = run(Broken(server), warehouse, progress, **PARSE)
    assert len(server.asked) == 5 and session.exit_code == 0
    assert {row.status for row in warehouse.jobs.values()} == {"succeeded"}


def test_an_open_job_is_asked_for_once_more_and_then_left() -> None:
    server = stocked(0)
    server.add("stuck", "RUNNING", 0)
    server.add("new", "COMPLETED", 900_000)
    warehouse, progress = Warehouse(), Progress.fresh()
    polled: list[int] = []

    class Counting(FakeApi):
        async def poll(self, kind: JobKind, job_ids: Any) -> JobPage:
            polled.append(len(job_ids))
            return await super().poll(kind, job_ids)

    options: dict[str, Any] = {**PARSE, "poll_open": timedelta(days=32)}
    day = 86_400.0
    for moment in (12 * day, 31 * day, 32 * day + 1, 33 * day, 40 * day):
        server.clock.seconds = moment
        session, progress = run(Counting(server), warehouse, progress, **options)
    # listed by the first run; polled by the second and, past the age, once more
    assert polled == [1, 1]
    assert warehouse.jobs["parse", "stuck"].given_up_at == at(32 * day + 1)
    assert session.context.figures.open_jobs == 1, "it is open still, but listed apart"


# -- odd jobs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("job_id", ["a/b", "ä", "..", "a b\n"])
def test_an_id_that_no_path_can_hold_spoils_nothing_else(job_id: str) -> None:
    class Strict(FakeApi):
        async def result(
            self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
        ) -> JobAnswer:
            if not job_id.startswith("job"):
                raise InvalidIdentifier("not an id, but a path")
            return await super().result(kind, job_id, tier, is_retry=is_retry)

    server = stocked(3)
    server.add(job_id, "COMPLETED", 1)
    warehouse = Warehouse()
    session, _ = run(Strict(server), warehouse, Progress.fresh(), wanted=EVERYTHING, **PARSE)
    states = {ref[1]: row.results_state for ref, row in warehouse.jobs.items()}
    assert states.pop(job_id) == "failed"
    assert set(states.values()) == {"loaded"} and len(states) == 3
    assert session.exit_code == 1 and session.context.outcome.fatal is None
    (rejected,) = warehouse.rejected.values()
    assert rejected["job_id"] == job_id
    # and does not make every later run a failure
    session, _ = run(Strict(server), warehouse, Progress.fresh(), wanted=EVERYTHING, **PARSE)
    assert session.exit_code == 0 and len(warehouse.rejected) == 1


def test_an_open_job_whose_id_no_path_can_hold_is_rejected_once() -> None:
    class Strict(FakeApi):
        async def poll(self, kind: JobKind, job_ids: Sequence[str]) -> JobPage:
            raise InvalidIdentifier("not an id, but a path")

        async def status(self, kind: JobKind, job_id: str) -> JobAnswer:
            raise InvalidIdentifier("not an id, but a path")

    server = Server(StillClock(10**6))
    server.add("a/b", "RUNNING", 0)
    warehouse, progress = Warehouse(), Progress.fresh()
    codes = []
    for _ in range(3):
        # behind the first one's lag no list shows it: it is asked for by itself
        server.add(f"job-{len(codes)}", "COMPLETED", server.clock.seconds)
        session, progress = run(Strict(server), warehouse, progress, **PARSE)
        assert session.context.outcome.problems == [], "it is no defect of ours"
        codes.append(session.exit_code)
        server.clock.seconds += 86_400
    assert codes == [0, 1, 0]
    (rejected,) = warehouse.rejected.values()
    assert (rejected["job_id"], rejected["error"]) == ("a/b", "not an id, but a path")


def test_a_job_of_a_year_that_is_none_is_loaded_and_hides_nobody() -> None:
    # Go's zero time; and a date after which nothing can be added
    server = stocked(0)
    zero = server.add("zero", "COMPLETED", 0)
    zero.created = at(0).replace(year=1, month=1, day=1)
    warehouse, progress = Warehouse(), Progress.fresh()
    for name in ("first", "second"):
        session, progress = run(FakeApi(server), warehouse, progress, **PARSE)
        assert session.exit_code == 0
        far = server.add(name, "COMPLETED", 0, kind="parse")
        far.created = at(0).replace(year=9999, month=12, day=31)
    session, progress = run(FakeApi(server), warehouse, progress, retention_days=30.0, **PARSE)
    assert len(warehouse.jobs) == 3
    assert progress.kinds["parse"].cursor is not None
    assert progress.kinds["parse"].cursor <= server.clock.now()


def test_the_same_job_on_several_pages_is_one_row() -> None:
    class Doubling(FakeApi):
        async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
            page = await super().list_page(kind, wanted, token)
            return JobPage([*page.observations, *page.observations], [], page.next_token)

    warehouse = Warehouse()
    session, _ = run(
        Doubling(stocked()), warehouse, Progress.fresh(), max_jobs_per_package=7, **PARSE
    )
    assert len(warehouse.jobs) == 30 and session.context.figures.jobs_listed == 30
    assert {len(events) for events in warehouse.events.values()} == {2}


@pytest.mark.parametrize("is_jsonb", [False, True])
def test_running_again_writes_nothing_that_did_not_change(is_jsonb: bool) -> None:
    server = stocked(20)
    server.add("failed", "FAILED", 5)
    warehouse = Warehouse(is_jsonb)
    run(FakeApi(server), warehouse, Progress.fresh(), wanted=EVERYTHING)
    before = dict(warehouse.jobs)
    server.clock.seconds += 100
    session, _ = run(FakeApi(server), warehouse, Progress.fresh(), wanted=EVERYTHING)
    assert warehouse.jobs == before
    assert (session.context.figures.jobs_changed, session.context.figures.status_events) == (0, 0)
    assert session.context.figures.results_loaded == 0 and len(server.fetched) == 20
    assert len(warehouse.runs) == 2


def test_without_result_tables_no_result_is_asked_for() -> None:
    server = stocked(5)
    warehouse = Warehouse()
    run(FakeApi(server), warehouse, Progress.fresh(), wanted=NO_RESULTS)
    assert server.fetched == []
    assert {row.results_state for row in warehouse.jobs.values()} == {"skipped"}


def test_a_torn_load_s_results_come_again() -> None:
    server = stocked(5)
    warehouse = Warehouse()
    run(FakeApi(server), warehouse, Progress.fresh(), wanted=EVERYTHING)
    warehouse.uncommitted = {("parse", "job-1"), ("parse", "job-2")}
    server.fetched.clear()
    run(FakeApi(server), warehouse, Progress.fresh(), wanted=EVERYTHING)
    assert sorted(server.fetched) == sorted(warehouse.uncommitted)
    assert {len(events) for events in warehouse.events.values()} == {2}


# -- results that can't be stored ---------------------------------------------------------------


@pytest.mark.parametrize("place", ["the result", "the answer around it"])
def test_a_result_that_nests_too_deep_is_set_aside_and_the_others_come(place: str) -> None:
    deep: Any = "bottom"
    for _ in range(600):
        deep = [deep]

    class Deep(FakeApi):
        async def result(
            self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
        ) -> JobAnswer:
            answer = await super().result(kind, job_id, tier, is_retry=is_retry)
            if job_id == "job-1" and place == "the result":
                answer.extraction = Extraction({"total": deep}, None)
            elif job_id == "job-1":
                answer.observation.payload = {"id": job_id, "more": deep}
            return answer

    server = Server(StillClock(10**6), page=10)
    for number in range(3):
        server.add(f"job-{number}", "COMPLETED", number, kind="extract")
    warehouse = Warehouse()
    session, _ = run(
        Deep(server), warehouse, Progress.fresh(), wanted=EVERYTHING, kinds=("extract",)
    )
    assert session.context.outcome.fatal is None
    assert (session.context.figures.rejected, session.context.figures.results_loaded) == (1, 2)
    states = {ref[1]: row.results_state for ref, row in warehouse.jobs.items()}
    assert states == {"job-0": "loaded", "job-1": "pending", "job-2": "loaded"}
