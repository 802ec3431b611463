"""What an answer changes in what is known of a job."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, cast

import pytest
from sync_support import JSON_COLUMNS, at, reordered

from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.model import exact_json
from dlt_docjobs.model.history import History
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import Job
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.contextual.api import ContextualApi
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.protocol import ContentPolicy
from dlt_docjobs.providers.reducto.api import ReductoApi
from dlt_docjobs.providers.unsiloed.api import UnsiloedApi
from dlt_docjobs.sync.job_rows import (
    JobEntry,
    JobRows,
    needs_last_progress,
    stands_for_progress,
)
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse.state import KnownJob

APIS: dict[str, Any] = {
    "llamacloud": LlamaCloudApi,
    "contextual": ContextualApi,
    "unsiloed": UnsiloedApi,
    "reducto": ReductoApi,
}
TEXT = "Jane Doe owes 12 EUR"


class Desk:
    """One job, its rows, and syncs that go on where the last one stopped."""

    def __init__(
        self,
        provider: Provider = "llamacloud",
        kind: JobKind = "parse",
        is_jsonb: bool = False,
        settings: dict[str, Any] | None = None,
        **policy: bool,
    ) -> None:
        rules = ContentPolicy(**policy)
        api = APIS[provider](cast(Any, None), rules)
        self.job_rows = JobRows(api, SyncSettings(api.provider, policy=rules, **settings or {}))
        self.kind = kind
        self.is_jsonb = is_jsonb
        self.stored: Job | None = None
        self.events: list[Any] = []
        self.seconds = 0.0
        self.entry = self._begin(False)

    def _begin(self, is_uncommitted: bool) -> JobEntry:
        known = None
        if self.events:
            row = self.stored
            if row is not None and self.is_jsonb:
                row = row._replace(**{key: reordered(getattr(row, key)) for key in JSON_COLUMNS})
            last, first = self.events[-1], self.events[0]
            looked_at = row.last_observed_at if row else last.occurred_at_earliest
            history = History(last, first.occurred_at_earliest, looked_at)
            known = KnownJob(
                None if is_uncommitted else row,
                history,
                is_uncommitted,
                row if is_uncommitted else None,
            )
        return self.job_rows.entry((self.kind, "job-1"), known)

    def see(self, status: str | None, **fields: Any) -> Job:
        """One answer, a minute after the last."""
        self.seconds += 60
        fields.setdefault("observed_at", at(self.seconds))
        seen = JobObservation(self.kind, "job-1", status, **fields)
        if status is None:
            self.job_rows.expire(self.entry, seen)
        else:
            self.job_rows.observe(self.entry, seen)
        assert self.entry.row is not None
        return self.entry.row

    def sync(self, status: str | None, **fields: Any) -> Job:
        """One answer in a sync of its own."""
        row = self.see(status, **fields)
        self.end()
        return row

    def end(self, is_uncommitted: bool = False) -> None:
        """The package ends, and another begins."""
        self.events.extend(self.entry.events)
        if self.entry.must_write:
            self.stored = self.entry.row
        self.entry = self._begin(is_uncommitted)

    def loads(self, state: str = "loaded", **counts: Any) -> None:
        self.job_rows.conclude(self.entry, state, **counts)


# -- results_state ------------------------------------------------------------------------------

LOADED, SKIPPED, UNREADABLE = "=loaded", "=skipped", "=failed"


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        # the job has not ended
        (["PENDING"], ["not_ready"]),
        (["THROTTLED", "RUNNING", "SUSPENDED"], ["not_ready"] * 3),
        # it ended without a result
        (["FAILED"], ["none"]),
        (["CANCELLED"], ["none"]),
        (["RUNNING", "FAILED"], ["not_ready", "none"]),
        # not fetched yet, or the fetch failed: until it is there
        (["COMPLETED"], ["pending"]),
        (["COMPLETED", "COMPLETED", "COMPLETED"], ["pending"] * 3),
        (["RUNNING", "COMPLETED"], ["not_ready", "pending"]),
        # fetched once
        (["COMPLETED", LOADED, "COMPLETED"], ["pending", "loaded", "loaded"]),
        (["COMPLETED", SKIPPED, "COMPLETED"], ["pending", "skipped", "skipped"]),
        (["COMPLETED", UNREADABLE, "COMPLETED"], ["pending", "failed", "failed"]),
        # the provider had forgotten it before it was loaded; loaded stays loaded
        (["RUNNING", None], ["not_ready", "expired"]),
        (["COMPLETED", None], ["pending", "expired"]),
        (["FAILED", None], ["none", "expired"]),
        (["COMPLETED", SKIPPED, None], ["pending", "skipped", "expired"]),
        (["COMPLETED", UNREADABLE, None], ["pending", "failed", "expired"]),
        (["COMPLETED", LOADED, None], ["pending", "loaded", "loaded"]),
        (["COMPLETED", LOADED, None, None], ["pending", "loaded", "loaded", "loaded"]),
        # a job that goes back
        (["COMPLETED", LOADED, "RUNNING"], ["pending", "loaded", "loaded"]),
        (
            ["COMPLETED", LOADED, "RUNNING", "COMPLETED"],
            ["pending", "loaded", "loaded", "pending"],
        ),
        (["COMPLETED", LOADED, "RUNNING", "FAILED"], ["pending", "loaded", "loaded", "loaded"]),
        (["COMPLETED", "RUNNING"], ["pending", "not_ready"]),
        (["COMPLETED", "FAILED"], ["pending", "none"]),
        (["FAILED", "COMPLETED"], ["none", "pending"]),
        (
            ["COMPLETED", UNREADABLE, "RUNNING", "COMPLETED"],
            ["pending", "failed", "not_ready", "pending"],
        ),
        # a job that comes back
        (["RUNNING", None, "COMPLETED"], ["not_ready", "expired", "pending"]),
        (["COMPLETED", None, "COMPLETED"], ["pending", "expired", "pending"]),
        (["COMPLETED", LOADED, None, "COMPLETED"], ["pending", "loaded", "loaded", "loaded"]),
    ],
)
@pytest.mark.parametrize("in_one_package", [False, True])
def test_results_state(steps: list[str | None], states: list[str], in_one_package: bool) -> None:
    desk = Desk()
    seen = []
    for step in steps:
        if step is not None and step.startswith("="):
            if not in_one_package:
                # a result is fetched in the package of its own answer
                desk.see("COMPLETED")
            desk.loads(step[1:])
        else:
            desk.see(step)
        assert desk.entry.row is not None
        seen.append(desk.entry.row.results_state)
        assert desk.entry.wants_result == (seen[-1] == "pending")
        if not in_one_package:
            desk.end()
    assert seen == states


def test_a_result_that_was_delivered_elsewhere_is_not_asked_for() -> None:
    desk = Desk()
    assert desk.sync("COMPLETED").results_state == "pending"
    assert desk.sync("COMPLETED", is_delivered=True).results_state == "none"
    assert not desk.entry.wants_result
    # a list's row doesn't say so once more
    assert desk.sync("COMPLETED").results_state == "none"
    # nor does a job that has run again
    assert desk.sync("RUNNING").results_state == "not_ready"
    assert desk.sync("COMPLETED").results_state == "pending"
    desk.loads()
    desk.end()
    assert desk.sync("COMPLETED", is_delivered=True).results_state == "loaded"


def test_a_torn_result_is_fetched_again() -> None:
    desk = Desk()
    desk.see("COMPLETED")
    desk.loads()
    desk.end(is_uncommitted=True)
    assert desk.entry.must_write
    assert desk.see("COMPLETED").results_state == "pending"
    assert desk.entry.events == []
    desk.entry.is_fetching = True
    desk.loads()
    assert desk.see("COMPLETED").results_state == "loaded"


def test_a_torn_result_that_the_provider_forgot_is_expired() -> None:
    desk = Desk()
    desk.see("COMPLETED", document_name="a.pdf")
    desk.loads()
    desk.end(is_uncommitted=True)
    row = desk.see(None)
    assert (row.results_state, row.document_name, row.status) == ("expired", "a.pdf", "succeeded")


def test_expired_is_a_status_of_events_only() -> None:
    desk = Desk()
    desk.sync("RUNNING", error_message="odd", updated_at=at(3))
    before = desk.stored
    after = desk.see(None)
    assert before is not None
    assert desk.entry.events[0].status == "expired" and not desk.entry.is_open
    assert after == before._replace(results_state="expired", last_observed_at=at(120))


def test_an_expiry_of_a_job_that_nobody_knew_is_nothing() -> None:
    desk = Desk()
    seen = JobObservation("parse", "job-1", None, at(1))
    desk.job_rows.expire(desk.entry, seen)
    assert desk.entry.row is None and desk.entry.events == [] and not desk.entry.must_write


# -- 404s -----------------------------------------------------------------------------------------


def missing(seconds: float) -> JobObservation:
    return JobObservation("parse", "job-1", None, at(seconds))


def test_a_404_is_confirmed_by_one_that_comes_late_enough() -> None:
    desk = Desk(settings={"gone_after": timedelta(seconds=100)})
    desk.sync("RUNNING")
    assert not desk.job_rows.is_confirmed(desk.entry, missing(90))
    desk.job_rows.miss(desk.entry, missing(90))
    assert desk.entry.is_changed and not desk.entry.events
    # what this run has noted confirms nothing in the same run
    assert not desk.job_rows.is_confirmed(desk.entry, missing(500))
    desk.end()
    assert desk.stored is not None and desk.stored.missing_since == at(90)
    assert desk.stored.last_observed_at == at(60), "nobody has seen the job"
    desk.job_rows.miss(desk.entry, missing(189))
    assert desk.entry.row is not None and desk.entry.row.missing_since == at(90)
    assert not desk.job_rows.is_confirmed(desk.entry, missing(189))
    assert desk.job_rows.is_confirmed(desk.entry, missing(190))
    desk.job_rows.expire(desk.entry, missing(190))
    event = desk.entry.events[0]
    assert (event.occurred_at_earliest, event.occurred_at_latest) == (at(60), at(90))
    assert desk.entry.row.missing_since is None


def test_an_answer_takes_back_that_a_job_was_missing() -> None:
    desk = Desk()
    desk.sync("RUNNING")
    desk.job_rows.miss(desk.entry, missing(90))
    desk.end()
    row = desk.see("RUNNING")
    assert row.missing_since is None and desk.entry.is_changed


@pytest.mark.parametrize(
    ("provider", "kind", "days", "settings", "is_forgotten"),
    [
        ("llamacloud", "parse", 4000, {}, False),
        ("llamacloud", "parse", 3, {"retention_days": 2.0}, True),
        ("unsiloed", "extract", 6.9, {}, False),
        ("unsiloed", "extract", 7.1, {}, True),
        ("unsiloed", "parse", 400, {}, False),
        ("unsiloed", "extract", 7.1, {"retention_days": 8.0}, False),
        ("contextual", "parse", 30.5, {}, True),
    ],
)
def test_a_provider_forgets_what_is_older_than_it_says(
    provider: Provider, kind: JobKind, days: float, settings: Any, is_forgotten: bool
) -> None:
    desk = Desk(provider, kind, settings=settings)
    # of a bounded creation the latest moment counts
    desk.sync("processing", created_at_earliest=at(-9 * 86400), created_at_latest=at(0))
    seen = JobObservation(kind, "job-1", None, at(days * 86400))
    assert desk.job_rows.is_forgotten_by_provider(desk.entry, seen) == is_forgotten


# -- what stays when a poorer answer comes --------------------------------------------------------

STICKY = {
    "document_name": "a.pdf",
    "project_id": "prj",
    "tier": "fast",
    "schema_id": "schema",
    "document_id": "doc",
    "parse_job_id": "pjb",
    "page_count": 3,
    "chunk_count": 7,
    "credits": 1.5,
}
OF_THE_STATUS = {
    "started_at": at(1),
    "finished_at": at(2),
    "updated_at": at(3),
    "error_message": "broke",
    "progress_percent": 40.0,
    "current_step": "step",
    "current_activity": "activity",
    "fields_processed": 1,
    "total_fields": 9,
}


def test_a_poorer_answer_takes_nothing_back() -> None:
    desk = Desk()
    rich = desk.sync("RUNNING", config={"a": 1}, user_metadata={"b": 2}, **STICKY, **OF_THE_STATUS)
    poor = desk.sync("RUNNING")
    assert poor._replace(last_observed_at=rich.last_observed_at) == rich


def test_a_new_status_keeps_what_is_the_job_s_and_drops_what_was_the_status_s() -> None:
    desk = Desk()
    desk.sync("RUNNING", config={"a": 1}, user_metadata={"b": 2}, **STICKY, **OF_THE_STATUS)
    row = desk.sync("COMPLETED")
    assert {key: getattr(row, key) for key in STICKY} == STICKY
    assert (row.config, row.user_metadata) == ('{"a":1}', '{"b":2}')
    # a job that goes on has begun when it began
    assert row.started_at == at(1)
    gone = [key for key in OF_THE_STATUS if key != "started_at"]
    assert {getattr(row, key) for key in gone} == {None}


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "FAILED"])
def test_a_job_that_ended_begins_anew(word: str) -> None:
    desk = Desk()
    desk.sync("COMPLETED", started_at=at(1))
    assert desk.sync(word).started_at is None


def test_newer_values_replace_older_ones() -> None:
    desk = Desk()
    desk.sync("RUNNING", **STICKY, **OF_THE_STATUS)
    row = desk.sync("RUNNING", tier="agentic", credits=0.0, page_count=0, fields_processed=0)
    assert (row.tier, row.credits, row.page_count, row.fields_processed) == ("agentic", 0.0, 0, 0)


def test_a_date_that_comes_late_is_exact_from_then_on() -> None:
    desk = Desk()
    row = desk.sync("RUNNING")
    assert (row.created_at, row.created_at_precision) == (None, "unknown")
    assert (row.created_at_earliest, row.created_at_latest) == (None, at(60))
    row = desk.sync("RUNNING", created_at=at(5))
    assert (row.created_at, row.created_at_precision) == (at(5), "exact")
    assert (row.created_at_earliest, row.created_at_latest) == (at(5), at(5))
    assert desk.sync("RUNNING").created_at == at(5)


def test_a_job_is_first_seen_once() -> None:
    desk = Desk()
    assert desk.sync("RUNNING").first_seen_at == at(60)
    assert desk.sync("COMPLETED", created_at=at(5)).first_seen_at == at(60)
    desk.sync(None)
    assert desk.sync("COMPLETED").first_seen_at == at(60)


def test_dates_that_lie_in_the_future_prove_nothing() -> None:
    dates = dict.fromkeys(("created_at", "started_at", "finished_at", "updated_at"), at(64))
    desk = Desk("unsiloed")
    row = desk.sync("Succeeded", payload={"created_at": "2126-11-01"}, **dates)
    assert (row.created_at, row.created_at_precision) == (None, "unknown")
    assert (row.started_at, row.finished_at, row.updated_at) == (None, None, None)
    assert payload_of(row) == {"created_at": "2126-11-01"}, "what was sent is kept"
    assert [event.occurred_at_source for event in desk.events] == ["observed"] * 2
    assert all(event.occurred_at_latest <= at(60) for event in desk.events)
    # a date that is right is taken from the next answer; clocks may differ by a few seconds
    row = desk.sync("Succeeded", created_at=at(5))
    assert (row.created_at, row.created_at_precision) == (at(5), "exact")
    assert Desk().sync("RUNNING", created_at=at(63)).created_at == at(63)
    # by a clock that is proven to be ahead it is no future
    ahead = Desk().sync("RUNNING", created_at=at(3600), clock_offset=timedelta(hours=1))
    assert ahead.created_at == at(3600)


def test_transitions_that_lie_in_the_future_prove_nothing() -> None:
    desk = Desk()
    transitions = (("PENDING", at(1)), ("RUNNING", at(30)), ("COMPLETED", at(9000)))
    desk.see("COMPLETED", created_at=at(1), transitions=transitions)
    assert [(event.status, event.occurred_at_source) for event in desk.entry.events] == [
        ("queued", "provider"),
        ("running", "provider"),
        ("succeeded", "observed"),
    ]


def test_a_bracket_once_written_stays() -> None:
    desk = Desk("contextual")
    bounds = {"created_at_earliest": at(0), "created_at_latest": at(40)}
    row = desk.sync("processing", **bounds)
    assert (row.created_at, row.created_at_precision) == (at(20), "bounded")
    again = desk.sync("processing", created_at_earliest=at(10), created_at_latest=at(30))
    assert (again.created_at_earliest, again.created_at_latest) == (at(0), at(40))
    assert not any(event.sequence for event in desk.events[2:])
    # but where nothing was known, a bracket is news
    other = Desk("contextual")
    other.sync("processing")
    assert other.sync("processing", **bounds).created_at_precision == "bounded"


def test_the_counts_of_a_loaded_result_are_those_of_its_rows() -> None:
    desk = Desk("unsiloed")
    desk.see("Succeeded", chunk_count=10)
    desk.loads(chunk_count=9, segment_count=30, failed_page_count=1)
    desk.end()
    row = desk.see("Succeeded", chunk_count=10)
    assert (row.chunk_count, row.segment_count) == (9, 30)
    assert not desk.entry.must_write, "running again changes nothing"


# -- payloads -------------------------------------------------------------------------------------


def payload_of(row: Job) -> Any:
    assert row.payload is not None
    return json.loads(row.payload)


def test_while_the_status_stays_answers_add_up() -> None:
    desk = Desk()
    desk.sync("RUNNING", payload={"id": "1", "job_metadata": {"a": 1, "b": None}, "odd": [1]})
    row = desk.sync("RUNNING", payload={"id": "1", "job_metadata": {"b": 2}, "odd": None, "n": 0})
    assert payload_of(row) == {"id": "1", "job_metadata": {"a": 1, "b": 2}, "odd": [1], "n": 0}
    assert payload_of(desk.sync("COMPLETED", payload={"id": "1"})) == {"id": "1"}
    # an answer that carries no payload says nothing against it
    assert payload_of(desk.sync("FAILED")) == {"id": "1"}


def test_a_list_shrinks_and_grows_as_a_whole() -> None:
    desk = Desk()
    desk.sync("RUNNING", payload={"steps": [1, 2, 3]})
    assert payload_of(desk.sync("RUNNING", payload={"steps": [9]})) == {"steps": [9]}
    assert payload_of(desk.sync("RUNNING", payload={"steps": []})) == {"steps": []}


@pytest.mark.parametrize("is_jsonb", [False, True])
def test_the_same_answer_again_is_no_change(is_jsonb: bool) -> None:
    answer = {
        "payload": {"z": 1, "a": {"y": [1.5, "é\u2028"], "b": None}, "big": 10**30, "f": 1e22},
        "config": {"z": {"b": 1, "a": 2}, "model": "x"},
        "user_metadata": {"q": "ü", "a": "1"},
        **STICKY,
        "created_at": at(1),
    }
    desk = Desk(is_jsonb=is_jsonb)
    desk.sync("FAILED", **answer)
    desk.see("FAILED", **answer)
    assert not desk.entry.is_changed and not desk.entry.must_write
    # nor is a poorer one, or one whose word is written otherwise
    desk.see("FAILED")
    assert not desk.entry.must_write


@pytest.mark.parametrize("is_jsonb", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"payload": {"a": {"b": 2}}},
        {"payload": {"new": None, "c": False}},
        {"config": {"a": 2}},
        {"config": {"b": 0}},
        {"user_metadata": {"a": "2"}},
        {"user_metadata": {}},
        {"credits": 2.5},
        {"document_name": "other"},
        {"updated_at": at(77)},
        {"error_message": "worse"},
        {"created_at": at(2)},
    ],
)
def test_whatever_differs_is_written(change: dict[str, Any], is_jsonb: bool) -> None:
    answer = {
        "payload": {"a": {"b": 1}},
        "config": {"a": 1},
        "user_metadata": {"a": "1"},
        "credits": 1.5,
        "document_name": "name",
        "updated_at": at(3),
        "created_at": at(1),
    }
    desk = Desk(is_jsonb=is_jsonb)
    desk.sync("FAILED", **answer)
    desk.see("FAILED", **{**answer, **change})
    assert desk.entry.is_changed and desk.entry.must_write


def test_an_open_job_that_was_looked_at_is_written_for_its_time() -> None:
    desk = Desk()
    desk.sync("RUNNING", created_at=at(1))
    row = desk.see("RUNNING", created_at=at(1))
    assert not desk.entry.is_changed and desk.entry.must_write
    assert row.last_observed_at == at(120)


def test_the_last_look_counts_from_when_it_was_asked_for() -> None:
    desk = Desk()
    row = desk.see("RUNNING", observed_at=at(100), sent_at=at(90))
    assert row.last_observed_at == at(90)
    assert desk.entry.events[0].observed_at == at(100)


def test_numbers_keep_their_digits_while_answers_add_to_each_other() -> None:
    desk = Desk()
    exact = exact_json.decode(b'{"id":"1","share":0.12345678901234567891,"sum":12.50}')
    desk.sync("RUNNING", payload=exact)
    row = desk.sync("RUNNING", payload={"id": "1", "n": 1})
    assert row.payload == '{"id":"1","share":0.12345678901234567891,"sum":12.50,"n":1}'
    again = desk.sync("RUNNING", payload={"id": "1", "n": 1})
    assert again.payload == row.payload


def test_secrets_are_redacted_in_payload_and_config() -> None:
    secrets = {"api_key": "k", "webhook": {"headers": {"X": "y"}}, "raw_parameters": {"p": 1}}
    desk = Desk()
    row = desk.sync("RUNNING", payload={"configuration": secrets, "id": "1"}, config=secrets)
    for value in (payload_of(row)["configuration"], json.loads(row.config or "")):
        assert value["api_key"] == value["raw_parameters"] == "[redacted]"
        assert value["webhook"]["headers"] == "[redacted]"
    assert payload_of(row)["id"] == "1"


def test_one_rule_of_secrets_holds_for_user_metadata_too() -> None:
    row = Desk().sync("RUNNING", user_metadata={"api_key_v2": "k", "odd\0": "a\0b"})
    assert json.loads(row.user_metadata or "") == {"api_key_v2": "[redacted]", "odd": "ab"}


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("llamacloud", ["result_content_metadata", "text", "presigned_url"]),
        ("unsiloed", ["file_url"]),
        ("unsiloed", ["configuration", "input_file_url"]),
        ("unsiloed", ["exports", "docx"]),
    ],
)
def test_links_in_documented_fields_lose_their_query_strings(
    provider: Provider, path: list[str]
) -> None:
    plain, other = "https://files.example/a.pdf", "https://page.example/?q=1"
    payload: Any = f"{plain}?q=1#2"
    for key in reversed(path):
        payload = {key: payload}
    row = Desk(provider).sync("succeeded", payload={**payload, "elsewhere": other})
    kept = payload_of(row)
    assert kept["elsewhere"] == other
    for key in path:
        kept = kept[key]
    assert kept == plain


# -- include_content, include_names ---------------------------------------------------------------


def test_without_content_texts_become_lengths_and_the_schema_s_own_words_stay() -> None:
    desk = Desk(include_content=False)
    row = desk.sync(
        "FAILED",
        document_name="contract.pdf",
        error_message="no such page",
        user_metadata={"id": TEXT, "n": 5},
        config={"tier": "agentic", "prompt": TEXT, "schema": {"name": {"description": TEXT}}},
        payload={
            "id": "pjb-1",
            "status": "FAILED",
            "name": "contract.pdf",
            "project_id": "prj-1",
            "created_at": "2026-11-01T12:00:00.5Z",
            "error_message": "no such page",
            "tier": "agentic",
            "user_metadata": {"name": TEXT, "status": TEXT},
            "configuration": {"tier": "fast", "prompt": TEXT},
            "usage": {"credits": 3},
            "unheard_of": {"name": TEXT, "id": TEXT, "deep": [{"status": TEXT}]},
            "text": TEXT,
        },
    )
    assert payload_of(row) == {
        "id": "pjb-1",
        "status": "FAILED",
        "name": "contract.pdf",
        "project_id": "prj-1",
        "created_at": "2026-11-01T12:00:00.5Z",
        "error_message": "no such page",
        "tier": "agentic",
        "user_metadata": {"name": 20, "status": 20},
        "configuration": {"tier": "fast", "prompt": 20},
        "usage": {"credits": 3},
        "unheard_of": {"name": 20, "id": 20, "deep": [{"status": 20}]},
        "text": 20,
    }
    assert json.loads(row.user_metadata or "") == {"id": 20, "n": 5}
    assert json.loads(row.config or "") == {
        "tier": "agentic",
        "prompt": 20,
        "schema": {"name": {"description": 20}},
    }
    assert (row.document_name, row.error_message) == ("contract.pdf", "no such page")


@pytest.mark.parametrize(
    "name",
    ["id", "status", "model", "file_name", "job_id", "document_id", "created_at", "schema_id"],
)
def test_a_field_that_bears_a_schema_s_name_is_a_text_all_the_same(name: str) -> None:
    # a running extract job shows what it has found; whoever extracts cars has a field `model`
    desk = Desk("contextual", "extract", include_content=False)
    found = {name: TEXT, "list": [TEXT], "deep": {name: TEXT}}
    row = desk.see(
        "processing",
        has_progress=True,
        details={"accumulated_results": found, name: TEXT},
        payload={"job_id": "1", "accumulated_results": found, "progress": {"found": found}},
    )
    assert TEXT not in (row.payload or "")
    assert TEXT not in (desk.entry.progress[0].details or "")
    assert payload_of(row)["job_id"] == "1"


def test_without_content_nobody_reads_what_a_job_is_doing() -> None:
    words = {"current_step": f"reading {TEXT}", "current_activity": TEXT}
    payload = {"progress": {"current_step": words["current_step"]}, **words}
    for include_content in (True, False):
        desk = Desk("contextual", "extract", include_content=include_content)
        row = desk.see("processing", has_progress=True, payload=payload, **words)
        progress = desk.entry.progress[0]
        kept = (row.current_step, row.current_activity, progress.current_step, row.payload)
        assert (TEXT in str(kept)) is include_content


@pytest.mark.parametrize("provider", ["llamacloud", "contextual", "unsiloed"])
def test_without_names_the_name_is_a_hash_everywhere(provider: Provider) -> None:
    key = "name" if provider == "llamacloud" else "file_name"
    desk = Desk(provider, include_names=False)
    row = desk.sync("failed", document_name="Jane.pdf", payload={key: "Jane.pdf", "n": 1})
    assert row.document_name is not None and row.document_name.startswith("sha256:")
    assert payload_of(row)[key] == row.document_name
    desk.see("failed", document_name="Jane.pdf", payload={key: "Jane.pdf"})
    assert not desk.entry.must_write


# -- progress -------------------------------------------------------------------------------------


def watch(desk: Desk, status: str, percent: float | None, **rest: Any) -> int:
    """One answer of a running extract job in the package; how many rows it has by then."""
    desk.see(status, has_progress=True, progress_percent=percent, **rest)
    return len(desk.entry.progress)


def test_progress_makes_a_row_each_time_it_changes_the_first_sight_included() -> None:
    desk = Desk("contextual", "extract")
    assert watch(desk, "pending", 0.0) == 1
    assert watch(desk, "processing", 0.0) == 1, "a status is no progress"
    assert watch(desk, "processing", 10.0) == 2
    assert watch(desk, "processing", 10.0) == 2
    assert watch(desk, "processing", 10.0, current_step="b") == 3
    assert watch(desk, "processing", 10.0, current_step="b", fields_processed=1) == 4
    assert watch(desk, "processing", 10.0, current_step="b", fields_processed=1) == 4
    assert watch(desk, "processing", 10.0, details={"found": {"a": 1}}) == 5
    assert watch(desk, "processing", 10.0, details={"found": {"a": 1}}) == 5
    assert watch(desk, "processing", 10.0, details={"found": {"a": 2}}) == 6
    last = desk.entry.progress[-1]
    assert (last.status, last.completion_percentage, last.details) == (
        "running",
        10.0,
        '{"found":{"a":2}}',
    )


def test_an_answer_that_does_not_speak_of_progress_makes_no_row() -> None:
    desk = Desk("contextual", "extract")
    desk.see("processing")
    assert desk.entry.progress == []


def test_two_rows_of_one_instant_have_two_keys() -> None:
    desk = Desk("contextual", "extract")
    for percent in (1.0, 2.0, 3.0):
        watch(desk, "processing", percent, observed_at=at(5))
    instants = [row.observed_at for row in desk.entry.progress]
    assert instants == [at(5) + timedelta(microseconds=n) for n in range(3)]


def test_the_last_progress_is_looked_up_only_where_it_may_differ() -> None:
    desk = Desk("contextual", "extract")
    fields = {"has_progress": True, "progress_percent": 100.0, "current_step": ""}
    row = desk.sync("completed", **fields)
    seen = JobObservation("extract", "job-1", "completed", at(500), **fields)
    known = KnownJob(row, History(desk.events[-1], None, at(1)))
    assert not needs_last_progress(known, seen)
    assert not needs_last_progress(KnownJob(), seen)
    seen.details = {"x": 1}
    assert needs_last_progress(known, seen)
    seen.details, seen.progress_percent = None, 99.0
    assert needs_last_progress(known, seen)
    assert needs_last_progress(KnownJob(None, known.history), seen)
    open_row = row._replace(status="running", is_terminal=False)
    assert needs_last_progress(KnownJob(open_row, known.history), seen)
    seen.has_progress = False
    assert not needs_last_progress(KnownJob(open_row, known.history), seen)


def test_what_the_row_says_stands_for_the_last_progress() -> None:
    desk = Desk("contextual", "extract")
    row = desk.sync("completed", has_progress=True, progress_percent=100.0, total_fields=3)
    desk.entry.last_progress = stands_for_progress(row)
    assert watch(desk, "completed", 100.0, total_fields=3) == 0
    assert watch(desk, "completed", 100.0, total_fields=4) == 1


# -- dates of expiry, giving up -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "kind", "settings", "fields", "expires"),
    [
        ("llamacloud", "parse", {}, {"created_at": at(0)}, None),
        ("contextual", "extract", {}, {"created_at": at(0)}, None),
        ("contextual", "parse", {}, {"created_at": at(0)}, at(30 * 86400)),
        ("unsiloed", "extract", {}, {"created_at": at(0)}, at(7 * 86400)),
        ("unsiloed", "parse", {}, {"created_at": at(0)}, None),
        ("llamacloud", "parse", {"retention_days": 0.5}, {"created_at": at(0)}, at(43200)),
        ("unsiloed", "extract", {"retention_days": 1.0}, {"created_at": at(0)}, at(86400)),
        # the provider's own word is better
        ("unsiloed", "extract", {}, {"created_at": at(0), "expires_at": at(9)}, at(9)),
        # the earliest, where bounded
        (
            "contextual",
            "parse",
            {},
            {"created_at_earliest": at(0), "created_at_latest": at(86400)},
            at(30 * 86400),
        ),
        # null where unknown
        ("contextual", "parse", {}, {}, None),
        ("contextual", "parse", {}, {"created_at_latest": at(9)}, None),
    ],
)
def test_when_the_provider_forgets_the_result(
    provider: Provider, kind: JobKind, settings: Any, fields: Any, expires: Any
) -> None:
    desk = Desk(provider, kind, settings=settings)
    assert desk.sync("processing", **fields).results_expire_at == expires
    again = {key: value for key, value in fields.items() if key == "expires_at"}
    assert desk.sync("processing", **again).results_expire_at == expires, "it does not get lost"


def test_a_date_that_can_t_be_added_to_expires_never() -> None:
    desk = Desk("unsiloed", "extract")
    last = at(0).replace(year=9999, month=12, day=31)
    row = desk.sync("processing", created_at=last, observed_at=last)
    assert row.created_at == last and row.results_expire_at is None


def test_an_open_job_is_given_up_when_it_is_seen_past_its_age_once_more() -> None:
    desk = Desk(settings={"poll_open": timedelta(seconds=200)})
    rows = [desk.sync("RUNNING", created_at=at(0)) for _ in range(5)]
    assert [row.given_up_at for row in rows] == [None, None, None, at(240), at(240)]
    assert desk.stored is not None and desk.stored.given_up_at == at(240)


def test_a_job_first_seen_past_its_age_is_asked_for_once_more() -> None:
    desk = Desk(settings={"poll_open": timedelta(seconds=10)})
    assert desk.sync("RUNNING", created_at=at(0)).given_up_at is None
    assert desk.sync("RUNNING", created_at=at(0)).given_up_at == at(120)


def test_a_change_brings_a_job_back_that_was_given_up() -> None:
    desk = Desk(settings={"poll_open": timedelta(seconds=10)})
    for _ in range(2):
        desk.sync("PENDING", created_at=at(0))
    assert desk.stored is not None and desk.stored.given_up_at is not None
    assert desk.sync("RUNNING", created_at=at(0)).given_up_at is None
    assert desk.sync("COMPLETED", created_at=at(0)).given_up_at is None


@pytest.mark.parametrize("word", ["COMPLETED", "FAILED"])
def test_a_job_that_has_ended_is_never_given_up(word: str) -> None:
    desk = Desk(settings={"poll_open": timedelta(0)})
    for _ in range(3):
        assert desk.sync(word, created_at=at(0)).given_up_at is None


def test_an_undated_job_ages_from_its_first_sight() -> None:
    desk = Desk(settings={"poll_open": timedelta(seconds=100)})
    rows = [desk.sync("RUNNING") for _ in range(3)]
    assert [row.given_up_at for row in rows] == [None, None, at(180)]


# -- entries --------------------------------------------------------------------------------------


def test_an_entry_leaves_what_is_known_as_it_was() -> None:
    desk = Desk()
    desk.sync("RUNNING", created_at=at(0))
    known = desk.entry.known
    assert known.history is not None
    before = (known.row, known.history.last, known.history.last_observed_at)
    desk.see("COMPLETED", created_at=at(0))
    assert (known.row, known.history.last, known.history.last_observed_at) == before


def test_an_answer_that_nests_too_deep_changes_nothing() -> None:
    desk = Desk()
    desk.sync("RUNNING", created_at=at(0), payload={"id": "1"})
    row, deep = desk.entry.row, []  # type: ignore[var-annotated]
    for _ in range(700):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        desk.see("COMPLETED", created_at=at(0), payload={"deep": deep})
    assert desk.entry.row == row and desk.entry.events == []
    assert desk.see("COMPLETED").status == "succeeded"


@pytest.mark.parametrize("is_uncommitted", [False, True])
def test_a_vague_word_takes_nothing_back(is_uncommitted: bool) -> None:
    desk = Desk("reducto")
    desk.see("InProgress")
    desk.end(is_uncommitted)
    assert desk.see("Pending").provider_status == "InProgress"
    assert [event.status for event in desk.events] == ["queued", "running"]
