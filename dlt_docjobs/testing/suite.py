"""What every provider has to pass, as a test class that a provider's author makes their own of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

import dlt
import pytest

from dlt_docjobs.model.vocabulary import SUCCEEDED, JobKind
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.tables import RESULT_TABLES
from dlt_docjobs.testing.bench import Bench, bench_of
from dlt_docjobs.testing.checks import assert_complete, assert_sound, assert_unchanged
from dlt_docjobs.testing.fake import FakeProvider, Fault
from dlt_docjobs.testing.parts import (
    NAME,
    TEXT,
    ago,
    asks_for,
    assert_dated,
    assert_good,
    assert_texts,
    everything,
    find,
    is_bracketed,
    listening,
    open_status,
    places,
    says,
    stock,
)
from dlt_docjobs.testing.warehouse import events_of, job_row, of_job, statuses_of

_NO_RESULTS: Final = ("jobs", "job_status_history")
_WORD: Final = "Hibernating"
_TYPE: Final = "Hologram"
_FIELD: Final = "novelty_4711"
_NO_LIST: Final = "the provider has no list"


class ConformanceSuite:
    """A provider over its fake server.

        class TestExample(ConformanceSuite):
            provider = "example"

            def fake(self, tmp_path: Path) -> FakeProvider:
                return ExampleServer()

    Each test says in its first line what holds, and below it what is wrong where it does not.

    Attributes:
        provider: The provider's name, as its package registers it.
    """

    provider: ClassVar[str]

    def fake(self, tmp_path: Path) -> FakeProvider:
        """Makes the fake server, without starting it.

        Args:
            tmp_path: A folder of the test's own.
        """
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Runs what names a `kind` once for each kind of jobs that the provider declares."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", list(registered(self.provider).kinds))

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        """The server, started, and an empty warehouse."""
        folder = tmp_path / "bench"
        folder.mkdir()
        with bench_of(self.provider, self.fake(tmp_path), folder) as bench:
            yield bench

    # -- the declaration --------------------------------------------------------------------

    def test_the_declaration_leads_to_the_code(self) -> None:
        """The declaration, the API's class and the way of reading name each other.

        `read_answer` has to be a function of a module: a helper process imports it by name.
        """
        declared = registered(self.provider)
        api = declared.api_class()
        assert issubclass(api, ProviderApi)
        assert api.provider is declared, "the API's class names another declaration"
        read = api.read_answer
        assert getattr(import_module(read.__module__), read.__qualname__) is read
        assert SUCCEEDED in declared.vocabulary.statuses.values()

    def test_docjobs_check_says_whether_the_key_is_accepted(self, bench: Bench) -> None:
        """`docjobs check` tells a good key from another one.

        Either `check` of the API's class asks for nothing that needs the key, or `key_headers`
        does not send it as the server wants it.
        """
        code, said = bench.docjobs("check", self.provider)
        assert (code, "the key is accepted" in said) == (0, True), said
        variable = f"SOURCES__DOCJOBS__{self.provider.upper()}__API_KEY"
        code, said = bench.docjobs("check", self.provider, env={variable: "another-key"})
        assert (code, "the key is not accepted" in said) == (3, True), said

    # -- the first sync ---------------------------------------------------------------------

    def test_the_first_sync_is_complete_and_sound(self, bench: Bench) -> None:
        """Every job, its history and its result are there, once, and each result is asked for once.

        What is missing was not listed (kinds, paging) or not read (dates, pages, texts); a result
        that is asked for twice was not taken from the answer that already held it.
        """
        jobs = stock(bench)
        run = bench.sync()
        assert (run.exit_code, run.error) == (0, None)
        tables = assert_good(bench)
        assert run.jobs_new == len(jobs)
        assert run.rejected == run.pending_results == 0
        assert run.open_jobs == sum(not job.is_terminal for job in jobs)
        done = [job for job in jobs if job.status == SUCCEEDED]
        assert run.results_loaded == len(done)
        for job in jobs:
            assert_dated(tables, job)
        for job in done:
            assert_texts(tables, job)
            if not bench.provider.kinds[job.job_kind].status_has_result:
                assert bench.fake.fetched[job.job_id] == 1

    def test_an_account_without_jobs_is_no_error(self, bench: Bench) -> None:
        """An empty list is read as one."""
        run = bench.sync()
        assert (run.exit_code, run.error, run.jobs_new) == (0, None, 0)
        assert not any(rows for name, rows in bench.tables().items() if name != "sync_runs")

    def test_small_pages_and_small_packages_change_nothing(self, bench: Bench) -> None:
        """Lists are read page by page to their end, and jobs load in packages of three.

        What is missing was on a page whose token was not read, or not sent back as it came.
        """
        for kind in bench.provider.kinds:
            for number in range(4):
                bench.fake.add_job(kind, created_at=ago(hours=number + 1))
        run = bench.sync(page_size=2, max_jobs_per_package=3)
        assert (run.exit_code, run.error) == (0, None)
        assert_good(bench)

    def test_jobs_that_are_first_asked_for_by_their_ids(self, bench: Bench) -> None:
        """A job that the user names is loaded as one that a list shows.

        An event that no transition stands behind comes of a word that the vocabulary takes for
        more than it says: such words are `vague`.
        """
        jobs = stock(bench)
        run = bench.sync(job_ids=bench.named(bench.provider.kinds))
        assert (run.exit_code, run.error, run.jobs_new) == (0, None, len(jobs))
        bench.sync()
        assert_good(bench)

    # -- later syncs ------------------------------------------------------------------------

    @pytest.mark.parametrize("include_content", [True, False])
    def test_a_sync_of_an_unchanged_provider_changes_nothing(
        self, bench: Bench, include_content: bool
    ) -> None:
        """No event, row or change comes of asking again, now by lists and now by ids.

        An event more: two wordings of one status, which the vocabulary has to call `synonyms`, or
        a `vague` word. A changed `payload`: an answer holds something that is another each time
        (a signed URL, the time of day), which has no place in it. Without content alone: a key
        of the status, an id or a date is missing in `document_keys`.
        """
        stock(bench)
        by_ids: dict[str, Any] = {"job_ids": bench.named(bench.provider.kinds)}
        options: dict[str, Any] = {"include_content": include_content}
        bench.sync(**options)
        # what is asked for by its id may say more than a list does: once
        bench.sync(**options, **by_ids)
        before = bench.tables()
        ways: tuple[dict[str, Any], ...] = ({}, by_ids, {})
        for arguments in ways:
            run = bench.sync(**options, **arguments)
            after = bench.tables()
            assert_unchanged(before, after)
            assert run.jobs_new == run.jobs_changed == run.status_events == 0
            assert run.results_loaded == run.rejected == run.pending_results == 0
            assert (run.exit_code, run.error) == (0, None)
            before = after
            for job_id in bench.fake.fetched:
                kind = bench.provider.kinds[bench.fake.jobs[job_id].job_kind]
                assert kind.status_has_result, "a result was asked for again"
        assert_good(bench)

    def test_a_late_end_is_seen_however_old_the_job(self, bench: Bench) -> None:
        """A job that was created before the cursor and ends after it is caught.

        A list that does not show every open job must not be declared with `covers_open`.
        """
        fake, ages = bench.fake, ({"days": 20}, {"days": 3}, {"minutes": 5})
        late = [
            fake.add_job(kind, open_status(bench), created_at=ago(**age))
            for kind in bench.provider.kinds
            for age in ages
        ]
        for kind in bench.provider.kinds:
            fake.add_job(kind, created_at=ago(minutes=1))
        bench.sync()
        tables = bench.tables()
        assert {job_row(tables, job.job_id)["is_terminal"] for job in late} == {False}
        for number, job in enumerate(late):
            failed = number % 2 == 1 and says(bench, "failed")
            fake.set_status(job.job_id, "failed" if failed else SUCCEEDED, error="No pages in it")
        run = bench.sync()
        assert run.results_loaded == sum(job.status == SUCCEEDED for job in late)
        tables = assert_good(bench)
        for job in late:
            last = events_of(tables, job.job_id)[-1]
            assert (last["status"], last["is_terminal"]) == (job.status, True)
            if job.status == SUCCEEDED:
                assert_texts(tables, job)

    def test_a_job_that_goes_back_gets_an_event_each_time(self, bench: Bench) -> None:
        """A job that is processed again has both lives in its history, and its last result."""
        fake, again = bench.fake, open_status(bench)
        jobs = [
            fake.add_job(kind, created_at=ago(minutes=10), texts=("one", "two", "three"))
            for kind in bench.provider.kinds
        ]
        bench.sync()
        for job in jobs:
            fake.set_status(job.job_id, again)
        bench.sync()
        for job in jobs:
            assert statuses_of(bench.tables(), job.job_id)[-1] == again
            fake.set_result(job.job_id, ("another",))
            fake.set_status(job.job_id, SUCCEEDED)
        bench.sync()
        tables = assert_good(bench)
        for job in jobs:
            assert statuses_of(tables, job.job_id)[-3:] == [SUCCEEDED, again, SUCCEEDED]
            assert_texts(tables, job)

    def test_a_new_result_takes_the_place_of_the_old(self, bench: Bench) -> None:
        """A reload leaves no row of the earlier result, and no other job's rows changed."""
        jobs = [bench.fake.add_job(kind) for kind in bench.provider.kinds]
        others = [bench.fake.add_job(kind) for kind in bench.provider.kinds]
        bench.sync()
        before = bench.tables()
        for job in jobs:
            bench.fake.set_result(job.job_id, ("another",))
        bench.sync(reload="all")
        after = assert_good(bench)
        for job in jobs:
            assert_texts(after, job)
        for name in RESULT_TABLES:
            for other in others:
                old, new = of_job(before, name, other.job_id), of_job(after, name, other.job_id)
                assert len(old) == len(new)

    def test_no_job_is_both_listed_and_asked_for_by_itself(self, bench: Bench) -> None:
        """Every open job is looked at in each sync, and in one way only.

        One that no list shows and nobody asks for: the list is declared with filters, an order or
        `covers_open` that it does not keep to; or the server does not note what its lists show.
        """
        fake = bench.fake
        jobs = [
            fake.add_job(kind, open_status(bench), created_at=ago(**age))
            for kind in bench.provider.kinds
            for age in ({"days": 20}, {"days": 2}, {"minutes": 5})
        ]
        bench.sync()
        bench.sync()
        for job in jobs:
            asked = sum(request.names(job.job_id) for request in fake.requests)
            listed = fake.listed[job.job_id]
            assert asked + listed > 0, f"the open job {job.job_id} was not looked at"
            assert not (asked and listed), f"{job.job_id} was listed, and asked for by itself"
            assert max(asked, listed) == 1 or is_bracketed(bench, job.job_kind)

    def test_a_list_is_read_once_however_many_kinds_it_shows(self, bench: Bench) -> None:
        """Kinds that share a list name one `JobList`, so that it is read once a sync."""
        if not bench.provider.lists:
            pytest.skip(_NO_LIST)
        for kind in bench.provider.kinds:
            bench.fake.add_job(kind)
        for _ in range(2):
            bench.sync()
            for listing, kinds in bench.provider.lists.items():
                if listing.is_bracketed:
                    continue
                pages = [
                    request
                    for request in bench.fake.requests
                    if request.path.endswith(listing.endpoint)
                    and not any(map(request.names, bench.fake.jobs))
                ]
                assert len(pages) == 1, f"the list of {', '.join(kinds)} is read more than once"

    # -- parts of it ------------------------------------------------------------------------

    def test_jobs_of_one_kind_come_without_the_others(self, bench: Bench, kind: JobKind) -> None:
        """`job_kinds` leaves the other kinds out, and these are found once they are wanted."""
        stock(bench)
        run = bench.sync(job_kinds=[kind])
        assert (run.exit_code, run.error) == (0, None)
        tables = bench.tables()
        assert {row["job_kind"] for row in tables["jobs"]} == {kind}
        assert_sound(tables, bench.warehouse.loads())
        assert_complete(tables, bench.fake.served(kind))
        bench.sync()
        assert_good(bench)

    def test_without_result_tables_no_result_is_asked_for(self, bench: Bench) -> None:
        """`with_resources("jobs", …)` costs no request for a result.

        Where asking for a status brings the result, the kind has `status_has_result`.
        """
        jobs = stock(bench)
        bench.sync(only=_NO_RESULTS)
        tables = bench.tables()
        done = [job for job in jobs if job.status == SUCCEEDED]
        assert {job_row(tables, job.job_id)["results_state"] for job in done} == {"skipped"}
        assert not any(tables.get(name) for name in RESULT_TABLES)
        for job in done:
            if not bench.provider.kinds[job.job_kind].status_has_result:
                assert not bench.fake.fetched[job.job_id], "a result was asked for"

    def test_a_window_loads_what_lies_in_it_and_leaves_the_cursor(self, bench: Bench) -> None:
        """A backfill loads the jobs that were created in it, and no others.

        Too many or too few: a filter that the list is declared with means something else.
        """
        ages = {"before": 12, "within": 6, "after": 1}
        jobs = {
            (kind, name): bench.fake.add_job(kind, created_at=ago(days=days))
            for kind in bench.provider.kinds
            for name, days in ages.items()
        }
        first = bench.sync(only=_NO_RESULTS)
        window = dlt.sources.incremental(
            "created_at", initial_value=ago(days=9), end_value=ago(days=3)
        )
        run = bench.sync(created_at=window)
        assert (run.exit_code, run.error) == (0, None)
        assert run.cursor == first.cursor
        tables = bench.tables()
        for (_, name), job in jobs.items():
            state = "loaded" if name == "within" else "skipped"
            assert job_row(tables, job.job_id)["results_state"] == state, name
            if name == "within":
                assert_texts(tables, job)

    # -- what goes wrong with jobs ----------------------------------------------------------

    def test_a_job_that_vanishes_is_expired_and_harms_nobody(self, bench: Bench) -> None:
        """404 for a known job ends its history; what was loaded of it stays, others go on.

        Never expired: 404 has to come out of `status` and `result` as `NotFound`.
        """
        fake = bench.fake
        jobs = stock(bench)
        gone = [
            fake.add_job(kind, open_status(bench), created_at=ago(days=2))
            for kind in bench.provider.kinds
        ]
        loaded = [fake.add_job(kind, created_at=ago(minutes=10)) for kind in bench.provider.kinds]
        bench.sync()
        before = bench.tables()
        for job in (*gone, *loaded):
            fake.forget(job.job_id)
        for _ in range(2):
            # one look may be doubted, a second one a day later is not
            assert bench.sync().exit_code in (0, 1)
            bench.warehouse.age(24)
        tables = bench.tables()
        for job in gone:
            assert statuses_of(tables, job.job_id)[-1] == "expired"
            row = job_row(tables, job.job_id)
            assert (row["results_state"], row["is_terminal"]) == ("expired", False)
        for job in loaded:
            assert job_row(tables, job.job_id)["results_state"] == "loaded"
            for name in RESULT_TABLES:
                assert of_job(tables, name, job.job_id) == of_job(before, name, job.job_id)
        assert_complete(tables, jobs)
        bench.sync()
        for job in gone:
            assert not any(request.names(job.job_id) for request in fake.requests)

    def test_what_cannot_be_read_in_a_list_costs_only_itself(self, bench: Bench) -> None:
        """Records that are no jobs go to `rejected_records`, once; their neighbours load.

        `list_page` has to read record by record, and to set aside what raises.
        """
        if not bench.provider.lists:
            pytest.skip(_NO_LIST)
        stock(bench)
        bench.fake.odd_records[:] = [17, "no job", None, {_FIELD: "nothing that a job has"}]
        run = bench.sync()
        assert run.exit_code == 1
        assert "rejected_records" in (run.error or "")
        tables = assert_good(bench)
        kept = [row["payload"] or "" for row in tables["rejected_records"]]
        assert len(kept) >= 3
        assert any(_FIELD in payload for payload in kept)
        again = bench.sync()
        assert (again.exit_code, again.rejected) == (0, 0), "the same was rejected once more"
        assert bench.tables()["rejected_records"] == tables["rejected_records"]

    def test_an_answer_that_cannot_be_read_costs_only_itself(self, bench: Bench) -> None:
        """An answer about a job that is none goes to `rejected_records` whole; the rest loads.

        Whatever raises has to be an `UnreadableRecord`, within `kept_whole`.
        """
        jobs = stock(bench)
        broken = [bench.fake.add_job(kind) for kind in bench.provider.kinds]
        for job in broken:
            bench.fake.fail(Fault(200, body=b"[17]", times=None, applies=asks_for(job.job_id)))
        assert bench.sync().exit_code == 1
        tables = bench.tables()
        assert_sound(tables, bench.warehouse.loads())
        assert_complete(tables, jobs)
        for job in broken:
            (record,) = of_job(tables, "rejected_records", job.job_id)
            assert "17" in record["payload"]
        bench.fake.recover()
        bench.sync()
        bench.sync(reload="failed")
        assert_good(bench)

    def test_a_status_that_nobody_knows_is_kept_and_asked_for_again(self, bench: Bench) -> None:
        """A new status word is `unknown`, one event, and not the end of the job."""
        jobs = [
            bench.fake.add_job(kind, _WORD, created_at=ago(days=2)) for kind in bench.provider.kinds
        ]
        for _ in range(2):
            assert bench.sync().exit_code == 0
            tables = bench.tables()
            for job in jobs:
                row = job_row(tables, job.job_id)
                assert (row["status"], row["provider_status"]) == ("unknown", _WORD)
                assert not row["is_terminal"]
                assert statuses_of(tables, job.job_id).count("unknown") == 1
        for job in jobs:
            bench.fake.set_status(job.job_id, SUCCEEDED)
        bench.sync()
        tables = assert_good(bench)
        for job in jobs:
            assert_texts(tables, job)

    def test_a_type_of_segments_that_nobody_knows_is_kept(self, bench: Bench) -> None:
        """A new type of segments is `other`, and its own word stands beside it."""
        if "parse" not in bench.provider.kinds:
            pytest.skip("only parse jobs have segments")
        job = bench.fake.add_job("parse", segment_word=_TYPE)
        assert bench.sync().exit_code == 0
        segments = of_job(bench.tables(), "segments", job.job_id)
        words = {(row["segment_type"], row["provider_segment_type"]) for row in segments}
        assert words == {("other", _TYPE)}

    def test_a_field_that_nobody_knows_is_kept(self, bench: Bench) -> None:
        """A new field of a job stays in its `payload`, which is the answer whole."""
        jobs = stock(bench)
        bench.fake.odd_fields[_FIELD] = {"deep": [1, "two", None]}
        assert bench.sync().exit_code == 0
        tables = assert_good(bench)
        for job in jobs:
            payload = json.loads(job_row(tables, job.job_id)["payload"])
            assert find(payload, _FIELD) == {"deep": [1, "two", None]}

    def test_a_list_without_an_end_is_left(self, bench: Bench) -> None:
        """A list whose tokens repeat ends the list, not the sync, and is told."""
        if not bench.provider.lists:
            pytest.skip(_NO_LIST)
        for kind in bench.provider.kinds:
            for number in range(3):
                bench.fake.add_job(kind, created_at=ago(hours=number + 1))
        bench.fake.is_endless = True
        run = bench.sync(page_size=2)
        assert run.exit_code == 1, "a list that can't be read to its end was taken for whole"
        assert "list" in (run.error or "")
        assert_sound(bench.tables(), bench.warehouse.loads())
        bench.fake.recover()
        assert bench.sync().exit_code == 0
        assert_good(bench)

    # -- what goes wrong on the way ---------------------------------------------------------

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_is_told_and_not_repeated(self, bench: Bench, status: int) -> None:
        """A key that is refused ends the run with 3 and a message; nothing is lost by it."""
        stock(bench)
        bench.fake.fail(Fault(status, times=None))
        run = bench.sync(max_retries=5)
        assert (run.exit_code, run.retries) == (3, 0)
        assert str(status) in (run.error or "")
        assert bench.fake.api_key not in (run.error or "")
        bench.fake.recover()
        assert bench.sync().exit_code == 0
        assert_good(bench)

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(lambda: Fault(500, times=2), id="500"),
            pytest.param(lambda: Fault(429, headers={"Retry-After": "1"}, times=2), id="429"),
            pytest.param(lambda: Fault(200, {"Content-Type": "text/html"}, b"<html>"), id="page"),
            pytest.param(lambda: Fault(200, body=b'{"cut": ["off'), id="garbage"),
            pytest.param(lambda: Fault(None, delay=2.5), id="slow"),
        ],
    )
    def test_what_passes_is_waited_for(self, bench: Bench, fault: Callable[[], Fault]) -> None:
        """Errors that pass are retried by the client, so the API's class must not catch them."""
        stock(bench)
        bench.fake.fail(fault())
        run = bench.sync(max_retries=4, timeout_seconds=1)
        assert (run.exit_code, run.error) == (0, None)
        assert run.retries > 0
        assert_good(bench)

    @pytest.mark.parametrize("body", [b"<html>out of order</html>", b"[]", b"{}"])
    def test_answers_of_nobody_end_nothing_and_expire_nobody(
        self, bench: Bench, body: bytes
    ) -> None:
        """An answer that is not the API's is no empty list and no end of a job."""
        jobs = [
            bench.fake.add_job(kind, open_status(bench), created_at=ago(days=2))
            for kind in bench.provider.kinds
        ]
        bench.sync()
        bench.fake.fail(Fault(200, body=body, times=None))
        assert bench.sync().exit_code in (1, 3)
        bench.fake.recover()
        for job in jobs:
            assert "expired" not in statuses_of(bench.tables(), job.job_id)
            bench.fake.set_status(job.job_id, SUCCEEDED)
        bench.sync()
        assert_good(bench)

    @pytest.mark.parametrize("number", [1, 4])
    def test_a_sync_that_is_killed_is_completed_by_the_next(
        self, bench: Bench, number: int
    ) -> None:
        """A process that is killed in the middle of its requests costs nothing but time."""
        stock(bench)
        sync = bench.start_docjobs("sync", self.provider)

        def kill(request: object) -> None:
            if len(bench.fake.requests) == number:
                sync.kill()

        bench.fake.on_request = kill
        with sync:
            sync.communicate(timeout=120)
        assert len(bench.fake.requests) >= number
        bench.fake.recover()
        assert bench.sync().exit_code == 0
        assert_good(bench)

    @pytest.mark.parametrize("machine", ["the same", "another"])
    def test_a_package_that_was_never_loaded_is_made_up_for(
        self, bench: Bench, machine: str
    ) -> None:
        """What was fetched and not loaded is loaded by the next sync, or fetched again."""
        stock(bench)
        bench.pipeline().extract(bench.source())
        if machine == "another":
            bench.forget_working_directory()
        assert bench.sync().exit_code == 0
        assert_good(bench)

    # -- what must not get out --------------------------------------------------------------

    def test_only_get_and_no_key_to_another_host(self, bench: Bench) -> None:
        """Requests are GET and carry the key in a header; those for results elsewhere do not.

        Nothing asked for there: a result's URL has to go to `client.get_elsewhere`.
        """
        stock(bench)
        bench.sync()
        fake = bench.fake
        assert {request.method for request in fake.requests} == {"GET"}
        own = [request for request in fake.requests if not request.is_elsewhere]
        elsewhere = [request for request in fake.requests if request.is_elsewhere]
        for request in own:
            assert any(fake.api_key in value for value in request.headers.values())
            assert fake.api_key not in f"{request.path} {request.query}"
        assert elsewhere or not bench.provider.result_hosts, "no result came from another host"
        assert not [request for request in elsewhere if request.holds(fake.api_key)]

    def test_no_redirect_takes_the_key_to_another_host(self, bench: Bench) -> None:
        """A redirect to another host is refused."""
        for kind in bench.provider.kinds:
            bench.fake.add_job(kind)
        with listening() as (address, asked):
            bench.fake.fail(Fault(302, {"Location": f"{address}/steal"}, b"", times=None))
            assert bench.sync().exit_code == 3
        assert asked == []

    def test_the_key_is_found_nowhere(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        """No key and no signature stands in a table, a file, a state or a log.

        A URL of a result has no place in `payload`; nor has what repeats the request's headers.
        """
        _, everywhere = everything(bench, caplog)
        for secret in bench.fake.secrets:
            assert places(everywhere, secret) == []
        assert places(everywhere, TEXT), "the search looks in the wrong places"

    def test_without_content_and_names_none_is_found_anywhere(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With `include_content` and `include_names` false, no text and no name is left.

        In `payload` or `rejected_records`: `document_keys` names a key that holds a text, or
        `name_keys` lacks one that holds the document's name. In a result table: a text was not
        read by `Fields.content`.
        """
        run, everywhere = everything(bench, caplog, include_content=False, include_names=False)
        for secret in (*bench.fake.secrets, TEXT, NAME):
            assert places(everywhere, secret) == []
        assert run.results_loaded > 0
