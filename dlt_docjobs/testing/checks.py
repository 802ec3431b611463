"""What is true of every warehouse after any sync: by the contract, and by the truth.

Each function raises an AssertionError that says what is wrong.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from dlt_docjobs.model.vocabulary import (
    CANONICAL_STATUSES,
    DATE_PRECISIONS,
    EVENT_SOURCES,
    RESULTS_STATES,
    TERMINAL_STATUSES,
)
from dlt_docjobs.tables import RESULT_TABLES, TABLES
from dlt_docjobs.testing.warehouse import Ref, Row, Tables, ref_of, without

LOOKED: Final = ("last_observed_at", "run_id", "_dlt_load_id")
"""Columns of `jobs` that say when and by whom a job was looked at, not what was seen."""


class Step(Protocol):
    """A job's entry into a status."""

    @property
    def status(self) -> str:
        """The canonical status."""

    @property
    def provider_status(self) -> str | None:
        """The provider's word for it; None where it may be any."""

    @property
    def at(self) -> datetime:
        """When it happened."""


class Life(Protocol):
    """A job as it really is."""

    @property
    def job_kind(self) -> str:
        """Its kind."""

    @property
    def job_id(self) -> str:
        """Its id."""

    @property
    def status(self) -> str:
        """The canonical status that it is in."""

    @property
    def provider_status(self) -> str | None:
        """The provider's word for it; None where it may be any."""

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""

    @property
    def transitions(self) -> Sequence[Step]:
        """What has happened, oldest first; the first is the creation."""

    @property
    def expired_at(self) -> datetime | None:
        """Since when the provider answers 404 for it."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows its result makes in each table, as far as that is known."""


def assert_sound(tables: Tables, loads: Iterable[str], account: str = "default") -> None:
    """Keys, loads, bounds, counts and references hold in every table that there is."""
    assert {"jobs", "job_status_history", "sync_runs"} <= set(tables) <= set(TABLES)
    whole = set(loads)
    for name, rows in tables.items():
        keys = Counter(tuple(row[key] for key in TABLES[name].key) for row in rows)
        assert not [key for key, count in keys.items() if count > 1], f"{name}: duplicates by key"
        for row in rows:
            assert row["_dlt_load_id"] in whole, f"{name}: a row of no finished load"
            assert row["account"] == account
            assert row.get("_removed") is None, f"{name}: a tombstone was stored"
        for column in TABLES[name].columns:
            values = [row[column.name] for row in rows]
            if not column.nullable:
                assert None not in values, f"{name}.{column.name} holds null"
            if column.type == "json":
                for value in values:
                    json.loads(value or "null", parse_constant=_no_constant)
    _assert_references(tables)
    _assert_jobs(tables)
    _assert_history(tables)


def assert_unchanged(before: Tables, after: Tables) -> None:
    """A sync of a provider at which nothing has happened has added one run, and nothing else."""
    for name in before:
        if name not in ("jobs", "sync_runs"):
            assert after[name] == before[name], f"{name} has changed"
    old, new = without(before["jobs"], *LOOKED), without(after["jobs"], *LOOKED)
    for one, other in zip(old, new, strict=True):
        changed = {key: (one[key], other[key]) for key in one if one[key] != other[key]}
        assert not changed, f"{ref_of(one)} has changed: {changed}"
    assert len(after["sync_runs"]) == len(before["sync_runs"]) + 1


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _assert_references(tables: Tables) -> None:
    jobs = {ref_of(row) for row in tables["jobs"]}
    runs = {row["run_id"] for row in tables["sync_runs"]}
    for name, rows in tables.items():
        if TABLES[name].is_job_level:
            assert {ref_of(row) for row in rows} <= jobs, f"{name}: rows of jobs that are not there"
        assert {row["run_id"] for row in rows} <= runs, f"{name}: rows of runs that are not there"


def _assert_jobs(tables: Tables) -> None:
    counted: dict[str, Counter[Ref]] = {
        name: Counter(ref_of(row) for row in tables.get(name, [])) for name in RESULT_TABLES
    }
    has_event = {ref_of(row) for row in tables["job_status_history"]}
    for row in tables["jobs"]:
        ref = ref_of(row)
        assert ref in has_event, f"{ref} has no event"
        assert row["status"] in CANONICAL_STATUSES - {"expired"}
        assert row["is_terminal"] == (row["status"] in TERMINAL_STATUSES)
        assert row["results_state"] in RESULTS_STATES
        assert row["created_at_precision"] in DATE_PRECISIONS
        if row["created_at_precision"] == "exact":
            assert row["created_at_earliest"] == row["created_at"] == row["created_at_latest"]
        elif row["created_at_precision"] == "bounded":
            assert row["created_at_earliest"] <= row["created_at"] <= row["created_at_latest"]
        else:
            assert row["created_at"] is None
            assert row["created_at_earliest"] is None
        if row["status"] != "succeeded" or row["results_state"] != "loaded":
            # rows of an earlier result stand until there is a new one
            continue
        if row["job_kind"] == "parse":
            assert row["page_count"] == counted["pages"][ref]
            assert row["chunk_count"] == counted["chunks"][ref]
            assert row["segment_count"] == counted["segments"][ref]
        else:
            assert counted["extraction_results"][ref] == 1


def _assert_history(tables: Tables) -> None:
    for ref, events in history(tables).items():
        assert [event["sequence"] for event in events] == list(range(len(events))), ref
        first = events[0]
        assert first["status"] == "queued"
        assert first["previous_status"] is None
        before = None
        for event in events:
            assert event["previous_status"] == before, ref
            before = event["status"]
            earliest, latest = event["occurred_at_earliest"], event["occurred_at_latest"]
            assert event["is_terminal"] == (event["status"] in TERMINAL_STATUSES)
            assert event["occurred_at_source"] in EVENT_SOURCES
            if event["occurred_at_source"] == "provider":
                assert earliest == event["occurred_at"] == latest, ref
            assert earliest is None or earliest <= event["occurred_at"], ref
            assert event["occurred_at"] <= latest, ref
            if first["occurred_at_earliest"] is not None:
                assert earliest >= first["occurred_at_earliest"], f"{ref}: before its creation"


def history(tables: Tables) -> dict[Ref, list[Row]]:
    """The events of every job in order."""
    found: dict[Ref, list[Row]] = defaultdict(list)
    for row in sorted(tables["job_status_history"], key=lambda row: row["sequence"]):
        found[ref_of(row)].append(row)
    return found


def assert_history_true(
    tables: Tables, truth: Sequence[Life], skew: timedelta = timedelta(0)
) -> None:
    """Every event stands for a transition that happened, in that order, within its bounds.

    Args:
        tables: The warehouse.
        truth: All jobs.
        skew: How far the provider's clock is ahead: its dates, and so the truth, are its own.
    """
    jobs = {(job.job_kind, job.job_id): job for job in truth}
    for ref, events in history(tables).items():
        job = jobs[ref]
        happened: list[tuple[str, str | None, datetime]] = [
            (step.status, step.provider_status, step.at) for step in job.transitions
        ]
        if job.expired_at is not None:
            happened.append(("expired", None, job.expired_at))
        # event 0 is the creation, in whichever queued status the job was first seen
        queued = [word for status, word, _ in happened if status == "queued"]
        said = events[0]["provider_status"]
        assert said is None or any(_is_word(said, word) for word in queued), ref
        place = 0
        for event in [events[0] | {"provider_status": None}, *events[1:]]:
            while place < len(happened) and not _stands_for(event, *happened[place], skew):
                place += 1
            assert place < len(happened), (
                f"{ref}: no transition stands behind {_shown(event)} after {place} of "
                f"{[(status, (at + skew).isoformat()) for status, _, at in happened]}"
            )
            place += 1


def _is_word(said: str, word: str | None) -> bool:
    return word is None or said.lower() == word.lower()


def _stands_for(event: Row, status: str, word: str | None, at: datetime, skew: timedelta) -> bool:
    if event["status"] != status:
        return False
    said = event["provider_status"]
    if said is not None and not _is_word(said, word):
        return False
    earliest, latest = event["occurred_at_earliest"], event["occurred_at_latest"]
    moment = at + skew
    return bool((earliest is None or earliest <= moment) and moment <= latest)


def _shown(event: Row) -> str:
    bounds = [event[f"occurred_at_{end}"] for end in ("earliest", "latest")]
    ends = " .. ".join(at.isoformat() if at else "None" for at in bounds)
    return f"{event['sequence']} {event['status']} {event['provider_status']} in {ends}"


def assert_complete(tables: Tables, truth: Sequence[Life]) -> None:
    """Every job that the provider knows is there as it is, with everything that its result has."""
    rows = {ref_of(row): row for row in tables["jobs"]}
    events = history(tables)
    counted = {name: Counter(ref_of(row) for row in tables[name]) for name in RESULT_TABLES}
    for job in truth:
        ref = (job.job_kind, job.job_id)
        assert ref in rows, f"{ref} is not there"
        row = rows[ref]
        assert row["status"] == job.status, ref
        assert job.provider_status in (None, row["provider_status"]), ref
        assert events[ref][-1]["status"] == job.status, ref
        expected = "not_ready" if not job.is_terminal else "none"
        expected = "loaded" if job.status == "succeeded" else expected
        assert row["results_state"] == expected, ref
        for name, count in job.counts.items():
            assert counted[name][ref] == count, f"{ref}: rows in {name}"
