"""A provider that says one thing in two ways, and some things vaguely."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dlt_docjobs.model.history import History, derive_events
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.vocabulary import FAILED, QUEUED, RUNNING, SUCCEEDED, Vocabulary
from dlt_docjobs.providers.declaration import JobList, Kind, Provider
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sync.job_rows import JobEntry, JobRows
from dlt_docjobs.sync.settings import SyncSettings

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
WORDS = Vocabulary(
    statuses={
        "waiting": QUEUED,
        "working": RUNNING,
        "done": SUCCEEDED,
        "error": FAILED,
        "pending": QUEUED,
        "completed": SUCCEEDED,
    },
    synonyms={"completed": "done"},
    vague=frozenset({"pending"}),
)
PROVIDER = Provider(
    name="somebody",
    title="Somebody",
    api="somebody:Api",
    key_variables=("KEY",),
    base_url="https://somebody.example",
    vocabulary=WORDS,
    kinds={"parse": Kind(JobList("/jobs", covers_open=True))},
)
API = cast(
    ProviderApi,
    SimpleNamespace(
        document_keys=frozenset({"state"}), name_keys=frozenset[str](), link_keys=frozenset[str]()
    ),
)


def seen(word: str, minute: float, **fields: Any) -> JobObservation:
    at = NOON + timedelta(minutes=minute)
    payload = {"state": word, "job": {"state": word}, "title": word} | fields
    return JobObservation("parse", "j-1", word, at, created_at=NOON, payload=payload)


class Job:
    """A job's row and history over several answers, as one sync after the other leaves them."""

    def __init__(self) -> None:
        self.rows = JobRows(API, SyncSettings(PROVIDER))
        self.entry: JobEntry = self.rows.entry(("parse", "j-1"), None)

    def observe(self, word: str, minute: float, **fields: Any) -> list[str]:
        """Takes an answer; returns the statuses of the events that it makes."""
        before = len(self.entry.events)
        self.entry.is_changed = False
        self.rows.observe(self.entry, seen(word, minute, **fields))
        return [event.status for event in self.entry.events[before:]]

    @property
    def row(self) -> Any:
        return self.entry.row

    @property
    def payload(self) -> Any:
        return json.loads(self.row.payload)


# -- two wordings of one status -----------------------------------------------------------------


def test_another_wording_is_no_event_and_no_change() -> None:
    job = Job()
    job.observe("DONE", 1)
    for minute, word in enumerate(("Completed", "DONE", "completed", "done"), 2):
        assert job.observe(word, minute, title="DONE") == []
        assert not job.entry.is_changed
        assert job.row.provider_status == "DONE"
    assert job.payload == {"state": "DONE", "job": {"state": "DONE"}, "title": "DONE"}


def test_the_same_word_elsewhere_in_an_answer_is_none_of_the_status() -> None:
    job = Job()
    job.observe("DONE", 1, title="DONE.pdf")
    job.observe("Completed", 2, title="Completed", note="Completed")
    assert (job.payload["title"], job.payload["note"]) == ("Completed", "Completed")


def test_a_synonym_of_another_status_is_a_change() -> None:
    job = Job()
    job.observe("WORKING", 1)
    assert job.observe("Completed", 2) == ["succeeded"]
    assert job.row.provider_status == "Completed"
    assert job.payload["state"] == "Completed"


# -- words that only say that a job has not ended -----------------------------------------------


@pytest.mark.parametrize("word", ["WAITING", "WORKING", "HIBERNATING", "DONE", "ERROR"])
def test_a_vague_word_takes_nothing_back(word: str) -> None:
    job = Job()
    job.observe(word, 1)
    for minute in (2, 3):
        assert job.observe("Pending", 2 * minute) == []
        assert job.observe(word, 2 * minute + 1) == []
        assert not job.entry.is_changed or job.payload["title"] != word
        assert job.row.provider_status == job.payload["state"] == word


def test_a_vague_word_at_first_is_made_good_later() -> None:
    job = Job()
    assert job.observe("Pending", 5) == ["queued"]
    assert job.observe("WAITING", 10) == []
    assert job.row.provider_status == "WAITING"
    assert job.observe("Pending", 15) == []
    assert job.observe("WORKING", 20) == ["running"]
    assert job.observe("Pending", 25) == []
    assert job.observe("Completed", 30) == ["succeeded"]
    assert [event.sequence for event in job.entry.events] == [0, 1, 2]


def test_a_change_that_a_vague_word_may_have_hidden_lies_before_it_too() -> None:
    job = Job()
    job.observe("Pending", 5)
    job.observe("WORKING", 10)
    running = job.entry.events[-1]
    # it may have worked when it was called pending
    assert running.occurred_at_earliest == NOON
    assert running.occurred_at_latest == NOON + timedelta(minutes=10)


def test_an_end_lies_behind_the_last_word_that_it_had_not_come() -> None:
    job = Job()
    job.observe("WORKING", 5)
    job.observe("Pending", 10)
    job.observe("Completed", 15)
    ended = job.entry.events[-1]
    assert ended.occurred_at_earliest == NOON + timedelta(minutes=10)
    assert ended.occurred_at_latest == NOON + timedelta(minutes=15)


def test_where_no_word_is_vague_each_look_counts() -> None:
    plain = Vocabulary(statuses=WORDS.statuses)
    first = derive_events("somebody", plain, seen("WAITING", 1), None)
    history = History(first[-1], NOON, NOON + timedelta(minutes=5))
    (event,) = derive_events("somebody", plain, seen("WORKING", 10), history)
    assert event.occurred_at_earliest == NOON + timedelta(minutes=5)
