"""What is true of every warehouse after any sync: by the contract, and by the truth."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from conformance_bench import RESULTS, Ref, Row, Tables, ref_of

from dlt_docjobs.emulator import TrueJob
from dlt_docjobs.tables import TABLES

TERMINAL = {"succeeded", "failed", "cancelled", "expired"}
STATUSES = TERMINAL | {"queued", "running", "retrying", "unknown"}
STATES = {"not_ready", "none", "pending", "loaded", "skipped", "failed", "expired"}


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
        name: Counter(ref_of(row) for row in tables.get(name, [])) for name in RESULTS
    }
    has_event = {ref_of(row) for row in tables["job_status_history"]}
    for row in tables["jobs"]:
        ref = ref_of(row)
        assert ref in has_event, f"{ref} has no event"
        assert row["status"] in STATUSES - {"expired"}
        assert row["is_terminal"] == (row["status"] in TERMINAL)
        assert row["results_state"] in STATES
        assert row["created_at_precision"] in {"exact", "bounded", "unknown"}
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
            assert event["is_terminal"] == (event["status"] in TERMINAL)
            assert event["occurred_at_source"] in {"provider", "observed"}
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
    tables: Tables, truth: Sequence[TrueJob], skew: timedelta = timedelta(0)
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
        happened = [(step.status, step.provider_status, step.at) for step in job.transitions]
        if job.expired_at is not None:
            happened.append(("expired", "", job.expired_at))
        # event 0 is the creation, in whichever queued status the job was first seen
        queued = {word.lower() for status, word, _ in happened if status == "queued"}
        assert (events[0]["provider_status"] or "").lower() in queued | {""}, ref
        place = 0
        for event in [events[0] | {"provider_status": None}, *events[1:]]:
            while place < len(happened) and not _stands_for(event, *happened[place], skew):
                place += 1
            assert place < len(happened), (
                f"{ref}: no transition stands behind {_shown(event)} after {place} of "
                f"{[(status, (at + skew).isoformat()) for status, _, at in happened]}"
            )
            place += 1


def _stands_for(event: Row, status: str, word: str, at: datetime, skew: timedelta) -> bool:
    if event["status"] != status:
        return False
    said = event["provider_status"]
    if said is not None and said.lower() != word.lower():
        return False
    earliest, latest = event["occurred_at_earliest"], event["occurred_at_latest"]
    moment = at + skew
    return (earliest is None or earliest <= moment) and moment <= latest


def _shown(event: Row) -> str:
    bounds = [event[f"occurred_at_{end}"] for end in ("earliest", "latest")]
    ends = " .. ".join(at.isoformat() if at else "None" for at in bounds)
    return f"{event['sequence']} {event['status']} {event['provider_status']} in {ends}"


def assert_complete(tables: Tables, truth: Sequence[TrueJob]) -> None:
    """Every job that the provider knows is there as it is, with everything that its result has."""
    rows = {ref_of(row): row for row in tables["jobs"]}
    events = history(tables)
    counted = {name: Counter(ref_of(row) for row in tables[name]) for name in RESULTS}
    assert {(job.job_kind, job.job_id) for job in truth} <= set(rows)
    for job in truth:
        ref = (job.job_kind, job.job_id)
        row, facts = rows[ref], job.facts
        assert (row["status"], row["provider_status"]) == (job.status, job.provider_status), ref
        assert events[ref][-1]["status"] == job.status, ref
        expected = "not_ready" if not job.is_terminal else "none"
        expected = "loaded" if job.status == "succeeded" else expected
        assert row["results_state"] == expected, ref
        if job.job_kind == "parse":
            pages = (counted["pages"][ref], counted["chunks"][ref], counted["segments"][ref])
            assert pages == (facts.pages, facts.chunk_count, facts.segment_count), ref
            assert counted["segment_ocr"][ref] == facts.ocr_count, ref
        assert counted["extraction_results"][ref] == (
            job.job_kind == "extract" and job.status == "succeeded"
        ), ref
