"""No conclusion that cannot be taken back rests on one look: 404s, missing results, odd clocks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sync_support import (
    EVERYTHING,
    FakeApi,
    Server,
    StillClock,
    Warehouse,
    at,
    run,
)

from dlt_docjobs.http import NotFound, ServerError, UnreadableBody
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange
from dlt_docjobs.sync.doubt import MissingJobs
from dlt_docjobs.sync.observing import Observing
from dlt_docjobs.sync.progress import ListProgress, Progress
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session

PARSE: dict[str, Any] = {"kinds": ("parse",)}
NOW = 10**6
DAY = 86_400.0


class Account:
    """An account with open jobs from long before the lag, and its warehouse after a first sync."""

    def __init__(self, opened: int = 1, api: type[FakeApi] = FakeApi, **settings: Any) -> None:
        self.server = Server(StillClock(NOW))
        self.warehouse, self.progress = Warehouse(), Progress.fresh()
        self.api, self.settings = api, {**PARSE, **settings}
        for number in range(opened):
            self.server.add(f"open-{number}", "RUNNING", 1000.0 * number)
        self.server.add("ended", "COMPLETED", NOW - 10)
        self.sync(0)

    def sync(self, later: float, **options: Any) -> Session:
        """A sync, so many seconds after the last one."""
        self.server.clock.seconds += later
        session, self.progress = run(
            self.api(self.server),
            self.warehouse,
            self.progress,
            **{**self.settings, **options},
        )
        return session

    def lose(self, *numbers: int) -> None:
        for number in numbers:
            self.server.find("parse", f"open-{number}").is_gone = True  # type: ignore[union-attr]

    def row(self, number: int = 0) -> Any:
        return self.warehouse.jobs["parse", f"open-{number}"]

    def statuses(self, number: int = 0) -> list[str]:
        return [event.status for event in self.warehouse.events["parse", f"open-{number}"]]


# -- one 404 --------------------------------------------------------------------------------------


def test_the_first_404_of_a_job_is_noted_and_not_believed() -> None:
    account = Account()
    before = account.row()
    account.lose(0)
    session = account.sync(60)
    assert account.row() == before._replace(missing_since=at(NOW + 60))
    assert account.statuses() == ["queued", "running"]
    assert session.exit_code == 1 and session.row().missing_jobs == 1
    assert session.row().error == (
        "parse job open-0 answers 404; a later sync that meets it again calls it expired"
    )
    assert session.context.figures.open_jobs == 1, "it is asked for again"
    # one 404 is no reason to doubt the others
    assert session.row().doubted_since is None
    assert account.progress.kinds["parse"].cursor == at(NOW - 10)


def test_a_404_is_believed_when_a_later_sync_confirms_it() -> None:
    account = Account()
    account.lose(0)
    account.sync(60)
    # too early: the moment of the first one stays
    session = account.sync(599)
    assert account.row().missing_since == at(NOW + 60) and session.exit_code == 1
    session = account.sync(1)
    assert session.exit_code == 0 and session.row().missing_jobs == 0
    event = account.warehouse.events["parse", "open-0"][-1]
    assert event.status == "expired" and event.is_terminal
    # between the last sight of the job and the first 404, whenever that was confirmed
    assert (event.occurred_at_earliest, event.occurred_at_latest) == (at(NOW), at(NOW + 60))
    assert event.observed_at == at(NOW + 60)
    row = account.row()
    assert (row.missing_since, row.results_state, row.status) == (None, "expired", "running")
    account.server.asked.clear()
    assert account.sync(DAY).exit_code == 0
    assert account.server.asked == [], "it is asked for no more"


def test_an_expired_job_that_is_named_all_the_same_is_missing_no_more() -> None:
    server = Server(StillClock(NOW))
    server.add("job", "Processing", NOW - 60)
    warehouse, progress = Warehouse(), Progress.fresh()
    for is_gone in (False, True, True, True):
        server.jobs[0].is_gone = is_gone
        server.clock.seconds += 60
        api = FakeApi(server, "unsiloed", lists=())
        options = {**PARSE, "targets": [("job", "parse")], "gone_after": timedelta(0)}
        session, progress = run(api, warehouse, progress, **options)
        assert session.exit_code == 0
    events = warehouse.events["parse", "job"]
    assert [event.status for event in events] == ["queued", "running", "expired"]
    assert warehouse.jobs["parse", "job"].missing_since is None
    # and after a load that broke off
    warehouse.uncommitted = {("parse", "job")}
    session, _ = run(FakeApi(server, "unsiloed", lists=()), warehouse, progress, **options)
    assert session.exit_code == 0 and warehouse.jobs["parse", "job"].results_state == "expired"


def test_a_job_that_answers_again_is_missing_no_more() -> None:
    account = Account()
    job = account.server.find("parse", "open-0")
    assert job is not None
    job.is_gone = True
    account.sync(60)
    job.is_gone = False
    assert account.sync(60).exit_code == 0
    assert account.row().missing_since is None
    # the next 404 is a first one again
    job.is_gone = True
    session = account.sync(DAY)
    assert session.exit_code == 1 and account.row().missing_since == at(NOW + 120 + DAY)
    assert account.statuses() == ["queued", "running"]


def test_a_run_that_looks_twice_confirms_nothing() -> None:
    account = Account(2)
    account.lose(0)
    request = RunRequest(clock=account.server.clock, follow=400)

    class Ending(FakeApi):
        async def poll(self, kind: JobKind, job_ids: Any) -> JobPage:
            if self.server.clock.seconds > NOW + 3000:
                request.stop_reason = "SIGTERM"
            return await super().poll(kind, job_ids)

    account.api = Ending
    account.sync(60, request=request)
    assert account.server.asked.count(("parse", "open-0")) > 3
    assert account.statuses() == ["queued", "running"]
    assert account.row().missing_since == at(NOW + 60)


def test_the_first_404_is_believed_where_the_user_says_so() -> None:
    account = Account(gone_after=timedelta(0))
    account.lose(0)
    assert account.sync(60).exit_code == 0
    assert account.statuses()[-1] == "expired" and account.row().missing_since is None


def test_the_first_404_is_believed_of_a_job_that_is_older_than_the_retention() -> None:
    account = Account(2, retention_days=11.57)
    account.lose(0, 1)
    session = account.sync(60)
    # open-0 is a million seconds old; open-1 a thousand less
    assert account.statuses(0)[-1] == "expired"
    assert account.statuses(1)[-1] == "running" and account.row(1).missing_since is not None
    assert session.row().missing_jobs == 1


def test_an_expired_job_that_answers_again_goes_on_with_its_result() -> None:
    account = Account(gone_after=timedelta(0), wanted=EVERYTHING)
    account.lose(0)
    account.sync(60)
    job = account.server.find("parse", "open-0")
    assert job is not None
    job.is_gone, job.status = False, "COMPLETED"
    # whatever shows it: a window of a backfill here
    job.created = at(NOW)
    assert account.sync(60).exit_code == 0
    assert account.statuses() == ["queued", "running", "expired", "succeeded"]
    assert account.row().results_state == "loaded"


# -- many 404s at once ----------------------------------------------------------------------------


@pytest.mark.parametrize("gone_after", [0, 600])
def test_none_of_many_404s_is_believed_and_the_cursor_stays(gone_after: float) -> None:
    account = Account(9, gone_after=timedelta(seconds=gone_after))
    before, progress = dict(account.warehouse.jobs), account.progress.dump()
    account.lose(*range(5))
    account.server.add("new", "COMPLETED", NOW + 100)
    session = account.sync(200)
    error = session.row().error or ""
    assert session.exit_code == 1
    assert error.startswith("5 known jobs answer 404 at once, more than half of those asked for")
    for cause in ("key", "region", "outage"):
        assert cause in error
    assert session.row().doubted_since == at(NOW + 200) and session.row().missing_jobs == 0
    assert session.row().cursor == at(NOW - 10)
    assert account.progress.dump() == progress
    assert account.warehouse.runs[session.request.run_id]["doubted_since"] == at(NOW + 200)
    for number in range(5):
        assert account.row(number) == before["parse", f"open-{number}"]
    # everything else of the run is loaded
    assert ("parse", "new") in account.warehouse.jobs
    # and the doubt is as old as it is
    session = account.sync(2 * DAY)
    assert session.exit_code == 1 and session.row().doubted_since == at(NOW + 200)
    assert account.statuses() == ["queued", "running"]
    # once they answer again there is nothing to mend
    for job in account.server.jobs:
        job.is_gone = False
    session = account.sync(60)
    assert session.exit_code == 0 and session.row().doubted_since is None
    assert account.progress.kinds["parse"].cursor == at(NOW + 100)


@pytest.mark.parametrize(("opened", "gone"), [(10, 5), (4, 4), (12, 6)])
def test_few_404s_and_half_of_them_are_taken_as_they_come(opened: int, gone: int) -> None:
    account = Account(opened)
    account.lose(*range(gone))
    session = account.sync(60)
    assert session.row().missing_jobs == gone and session.row().doubted_since is None
    assert account.sync(600).exit_code == 0
    assert [account.statuses(number)[-1] for number in range(gone)] == ["expired"] * gone


def test_open_jobs_that_a_list_has_shown_are_among_those_asked_for() -> None:
    account = Account(5)
    for number in range(6):
        account.server.add(f"near-{number}", "RUNNING", NOW - 50 + number)
    account.sync(60)
    account.lose(*range(5))
    session = account.sync(60)
    assert session.row().missing_jobs == 5 and session.row().doubted_since is None


def test_many_404s_are_believed_when_the_user_says_so_and_only_then() -> None:
    account = Account(6)
    account.lose(*range(6))
    for _ in range(3):
        account.sync(DAY)
    assert {tuple(account.statuses(number)) for number in range(6)} == {("queued", "running")}
    session = account.sync(60, believe_gone=True)
    assert session.exit_code == 0 and session.row().doubted_since is None
    assert {account.statuses(number)[-1] for number in range(6)} == {"expired"}
    assert session.context.figures.open_jobs == 0


def test_jobs_older_than_the_retention_raise_no_doubt() -> None:
    account = Account(7, retention_days=11.5)
    account.lose(*range(7))
    # 6 of them are older: one 404 is enough for each
    session = account.sync(60)
    assert [account.statuses(number)[-1] for number in range(7)] == ["expired"] * 7
    assert session.exit_code == 0


def test_many_404s_in_small_packages_are_as_many() -> None:
    account = Account(9)
    account.lose(*range(9))
    session = account.sync(60, max_jobs_per_package=2)
    assert session.row().doubted_since == at(NOW + 60)
    assert all(account.row(number).missing_since is None for number in range(9))
    # and those that are believed find room
    session = account.sync(60, max_jobs_per_package=2, believe_gone=True)
    assert session.exit_code == 0
    assert {account.statuses(number)[-1] for number in range(9)} == {"expired"}


# -- results that do not come ---------------------------------------------------------------------


class Withholding(FakeApi):
    """The result of the job `ended` is withheld, in one way or another."""

    how: Any = None

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        answer = await super().result(kind, job_id, tier, is_retry=is_retry)
        if job_id == "ended" and isinstance(self.how, Exception):
            raise self.how
        if job_id == "ended" and self.how == "absent":
            answer.document = None
        return answer


ABSENT = "absent"
NOT_FOUND = NotFound("/parse/ended/result", "404, not found", status=404)
UNREADABLE = UnreadableRecord("the result has no `items` array", {"pages": 7}, "/result")
NO_JSON = UnreadableBody("/parse/ended", "not valid JSON", body=b"<html>")


def withheld(how: Any) -> tuple[Account, type[Withholding]]:
    api = type("Withheld", (Withholding,), {"how": how})
    return Account(0, api, wanted=EVERYTHING), api


def state(account: Account) -> str:
    found: str = account.warehouse.jobs["parse", "ended"].results_state
    return found


@pytest.mark.parametrize("is_listed", [False, True])
@pytest.mark.parametrize(
    ("how", "end"),
    [(ABSENT, "failed"), (NOT_FOUND, "expired"), (UNREADABLE, "failed"), (NO_JSON, "failed")],
    ids=["absent", "404", "unreadable", "no JSON"],
)
def test_a_result_that_does_not_come_is_asked_for_again_for_a_week(
    how: Any, end: str, is_listed: bool
) -> None:
    account, _ = withheld(how)
    server = account.server
    if not is_listed:
        server.add("newer", "COMPLETED", NOW + 2 * 3600)
    assert state(account) == "pending" and server.fetched == [("parse", "ended")]
    # what was unreadable stands there from the first time; the others may just be late
    assert len(account.warehouse.rejected) == (how in (UNREADABLE, NO_JSON))

    def fetches(later: float) -> int:
        """How often the next sync asks for the result."""
        server.fetched.clear()
        session = account.sync(later)
        assert state(account) == "pending"
        assert session.context.figures.pending_results == 1
        count = server.fetched.count(("parse", "ended"))
        assert session.exit_code == min(count, 1)
        return count

    # at every sync of the first day, then once a day
    quarter = DAY / 4
    assert [fetches(quarter) for _ in range(4)] == [1, 1, 1, 1]
    asked = [fetches(quarter + 1) for _ in range(23)]
    first = asked.index(1)
    assert first < 4 and [place for place, count in enumerate(asked) if count] == [
        *range(first, 23, 4)
    ]
    # until the time is over
    account.sync(DAY)
    assert state(account) == end
    server.fetched.clear()
    assert account.sync(DAY).exit_code == 0 and server.fetched == []
    assert len(account.warehouse.rejected) == (end == "failed")
    # nothing of this is a change of the job's
    assert len(account.warehouse.events["parse", "ended"]) == 2


@pytest.mark.parametrize("jobs", [202, pytest.param(2_000, marks=pytest.mark.slow)])
def test_results_that_stay_away_cost_a_request_a_day_each(jobs: int) -> None:
    class Away(FakeApi):
        async def result(
            self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
        ) -> JobAnswer:
            answer = await super().result(kind, job_id, tier, is_retry=is_retry)
            answer.document = None
            return answer

    account = Account(0, Away, wanted=EVERYTHING)
    server = account.server
    # with the one that is newer, and the one that every account has
    for number in range(jobs - 2):
        server.add(f"away-{number}", "COMPLETED", NOW + number)
    server.add("newer", "COMPLETED", NOW + 2 * 3600)
    account.sync(60)
    account.sync(DAY)
    for _ in range(3):
        server.fetched.clear()
        for _ in range(24):
            account.sync(3600)
        assert len(server.fetched) == len(set(server.fetched)) == jobs


@pytest.mark.parametrize("how", [ABSENT, NOT_FOUND, UNREADABLE, ServerError("/r", "503")])
@pytest.mark.parametrize("later", [60, 3 * DAY])
def test_a_result_that_comes_late_is_loaded(how: Any, later: float) -> None:
    account, api = withheld(how)
    api.how = None
    assert account.sync(later).exit_code == 0
    assert state(account) == "loaded"


def test_after_a_day_whatever_may_hold_a_result_is_asked_for_at_once() -> None:
    account, _ = withheld(NOT_FOUND)
    server = account.server
    server.asked.clear()
    account.sync(60)
    assert server.asked == [("parse", "ended")], "is the job there, or only its result not?"
    server.asked.clear()
    account.sync(2 * DAY)
    assert server.asked == []


def test_a_job_that_is_gone_with_its_result_is_missing() -> None:
    account, _ = withheld(NOT_FOUND)
    account.server.add("other", "RUNNING", NOW)
    account.sync(5000)
    account.server.find("parse", "ended").is_gone = True  # type: ignore[union-attr]
    session = account.sync(3600)
    row = account.warehouse.jobs["parse", "ended"]
    assert (row.results_state, row.missing_since) == ("pending", at(NOW + 8600))
    assert session.row().missing_jobs == 1
    account.sync(600)
    assert state(account) == "expired"
    assert account.warehouse.events["parse", "ended"][-1].status == "expired"


def test_nothing_is_asked_for_again_where_no_days_are_given() -> None:
    api = type("Withheld", (Withholding,), {"how": UNREADABLE})
    account = Account(0, api, wanted=EVERYTHING, retry_results=timedelta(0))
    assert state(account) == "failed"


# -- clocks ---------------------------------------------------------------------------------------


class Silent(FakeApi):
    """No answer tells the provider's time."""

    async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
        page = await super().list_page(kind, wanted, token)
        return JobPage(page.observations, page.rejections, page.next_token, None)


@pytest.mark.parametrize(("api", "doubt"), [(FakeApi, 3), (Silent, DAY)])
def test_a_list_without_dates_reaches_back_a_day_where_nothing_tells_the_time(
    api: type[FakeApi], doubt: float
) -> None:
    server = Server(StillClock(NOW))
    server.add("job", "completed", NOW - 100)
    _, progress = run(api(server, "contextual"), Warehouse(), Progress.fresh(), **PARSE)
    assert progress.kinds["parse"].cursor == at(NOW - doubt)


def test_a_cursor_that_lies_in_the_future_hides_nothing() -> None:
    account = Account(0)
    account.progress.kinds["parse"] = ListProgress(at(NOW + 50 * DAY))
    account.server.add("late", "COMPLETED", NOW - 20 * 3600)
    assert account.sync(60).exit_code == 0
    assert ("parse", "late") in account.warehouse.jobs
    assert account.progress.kinds["parse"].cursor == at(NOW - 10)


# -- defects of our own ---------------------------------------------------------------------------


def test_a_record_that_can_t_be_handled_costs_itself() -> None:
    class Odd(FakeApi):
        async def list_page(self, kind: JobKind, wanted: ListRange, token: str | None) -> JobPage:
            page = await super().list_page(kind, wanted, token)
            for seen in page.observations:
                if seen.job_id == "odd":
                    seen.payload = ["secret text"]  # type: ignore[assignment]
            return page

    account = Account(3, Odd)
    account.server.add("odd", "COMPLETED", NOW)
    session = account.sync(60)
    assert session.exit_code == 1 and ("parse", "odd") not in account.warehouse.jobs
    (rejected,) = account.warehouse.rejected.values()
    assert rejected["job_id"] == "odd" and "secret text" not in rejected["error"]


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ("list_page", "the list of parse jobs"),
        ("status", "the answer about parse job open-0"),
        ("result", "a result"),
    ],
)
def test_a_defect_of_our_own_costs_the_answer_that_it_met(asked: str, what: str) -> None:
    account = Account(2, wanted=EVERYTHING)
    server = account.server
    server.add("ends", "COMPLETED", NOW + 10)
    server.add("other", "COMPLETED", NOW + 20, kind="extract")
    for job in server.jobs[:2]:
        job.status = "COMPLETED"

    class Odd(FakeApi):
        """One answer trips code that nobody thought of; batches are refused."""

        is_odd = True

        async def poll(self, kind: JobKind, job_ids: Any) -> JobPage:
            raise ServerError("/parse", "503")

    async def trips(api: FakeApi, kind: JobKind, about: Any, *rest: Any, **more: Any) -> Any:
        if Odd.is_odd and kind == "parse" and about in ("open-0", ListRange(at(NOW - 3610), None)):
            raise KeyError("secret text")
        return await getattr(FakeApi, asked)(api, kind, about, *rest, **more)

    setattr(Odd, asked, trips)
    account.api = Odd
    session = account.sync(60, kinds=("parse", "extract"))
    error = session.row().error or ""
    assert session.exit_code == 1 and what in error and "KeyError" in error, error
    assert "secret" not in error
    jobs = account.warehouse.jobs
    loaded = {job_id for (_, job_id), row in jobs.items() if row.results_state == "loaded"}
    everything = {"open-0", "open-1", "ended", "ends", "other"}
    assert loaded == everything - ({"ends"} if asked == "list_page" else {"open-0"})
    Odd.is_odd = False
    assert account.sync(60, kinds=("parse", "extract")).exit_code == 0
    assert {row.results_state for row in jobs.values()} == {"loaded"}


@pytest.mark.parametrize("step", ["take_missing", "is_outside"])
def test_a_defect_of_our_own_costs_what_is_taken_when_it_comes(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(1)
    account.lose(0)
    account.server.page = 2
    for number in range(6):
        account.server.add(f"new-{number}", "COMPLETED", NOW + 2000 * number)
    whole = getattr(Observing, step)

    def trips(observing: Observing, seen: Any) -> Any:
        if seen.job_id in ("open-0", "new-3"):
            raise KeyError("secret text")
        return whole(observing, seen)

    with monkeypatch.context() as patch:
        patch.setattr(Observing, step, trips)
        session = account.sync(12_000)
    error = session.row().error or ""
    assert session.exit_code == 1 and "KeyError" in error and "secret" not in error
    new = {job_id for _, job_id in account.warehouse.jobs if job_id.startswith("new")}
    # at most what stands on the page
    assert len(new) >= (6 if step == "take_missing" else 4)
    # nothing is passed by, though some of it lies before the lag by now
    session = account.sync(DAY)
    assert session.row().missing_jobs == (step == "take_missing")
    for number in range(6):
        assert ("parse", f"new-{number}") in account.warehouse.jobs


def test_a_warehouse_that_does_not_answer_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(3)
    account.lose(0, 1, 2)

    def breaks(*args: Any) -> None:
        raise RuntimeError("the connection is closed")

    monkeypatch.setattr(account.warehouse, "lookup", breaks)
    account.server.asked.clear()
    session = account.sync(60)
    assert session.exit_code == 3 and "RuntimeError" in (session.row().error or "")
    assert account.server.pages == 1, "no list is read in vain"


def test_credits_that_can_t_be_handled_are_told_without_what_was_sent() -> None:
    class Odd(FakeApi):
        async def usage(self, kind: JobKind, job_id: str) -> JobAnswer:
            raise KeyError("secret text")

    account = Account(1, Odd)
    account.server.add("newer", "COMPLETED", NOW + DAY)
    session = account.sync(2 * DAY)
    assert session.exit_code == 1 and "KeyError" in (session.row().error or "")
    assert "secret" not in (session.row().error or "")


# -- reloads --------------------------------------------------------------------------------------


def test_whoever_reloads_by_id_wants_the_result_whatever_was_concluded_of_it() -> None:
    account, api = withheld(NOT_FOUND)
    account.server.add("other", "COMPLETED", NOW - 5)
    account.sync(60, retry_results=timedelta(0))
    assert state(account) == "expired"
    api.how = None
    account.server.fetched.clear()
    session = account.sync(60, targets=[("ended", "parse")], reload="failed")
    assert account.server.fetched == [("parse", "ended")] and state(account) == "loaded"
    assert session.exit_code == 0


def test_ids_where_no_list_shows_jobs_pick_none_of_them_out() -> None:
    class Broken(FakeApi):
        async def result(
            self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
        ) -> JobAnswer:
            if job_id == "job-1":
                raise UNREADABLE
            return await super().result(kind, job_id, tier, is_retry=is_retry)

    server = Server(StillClock(NOW))
    for number in range(3):
        server.add(f"job-{number}", "Succeeded", NOW - 60)
    named = [(f"job-{number}", "parse") for number in range(3)]
    warehouse = Warehouse()
    options: dict[str, Any] = {**PARSE, "wanted": EVERYTHING, "targets": named}
    api = Broken(server, "unsiloed", lists=())
    run(api, warehouse, Progress.fresh(), retry_results=timedelta(0), **options)
    assert warehouse.jobs["parse", "job-1"].results_state == "failed"
    for reload, expected in (("failed", [1]), ("all", [0, 1, 2])):
        server.fetched.clear()
        run(
            FakeApi(server, "unsiloed", lists=()),
            warehouse,
            Progress.fresh(),
            reload=reload,
            **options,
        )
        assert sorted(server.fetched) == [("parse", f"job-{number}") for number in expected]
        assert {row.results_state for row in warehouse.jobs.values()} == {"loaded"}


def test_what_a_run_has_taken_for_missing_counts_when_more_are() -> None:
    missing = MissingJobs(is_believed=False)
    for number in range(8):
        missing.note_answer(("parse", f"there-{number}"))

    def hold(*numbers: int) -> None:
        for number in numbers:
            missing.hold(JobObservation("parse", f"away-{number}", None, at(0)))

    hold(1, 2, 3)
    assert not missing.is_doubtful
    while missing.take() is not None:
        pass
    hold(4, 5, 6, 7, 8, 9)
    assert missing.is_doubtful, "nine of seventeen"
