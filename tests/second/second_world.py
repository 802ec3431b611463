"""Syncs against the second emulator, and what stands in the warehouse after each."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
from second_server import KEY, Job, Server

import dlt_docjobs

WORDS = {
    "llamacloud": {"done": "COMPLETED", "open": "RUNNING"},
    "contextual": {"done": "completed", "open": "processing"},
    "unsiloed": {"done": "Succeeded", "open": "Processing"},
}
KEYS = {
    "jobs": "provider, job_kind, job_id",
    "job_status_history": "event_id",
    "pages": "provider, job_kind, job_id, page_number",
    "chunks": "provider, job_kind, job_id, chunk_index",
    "segments": "provider, job_kind, job_id, segment_index",
    "extraction_results": "provider, job_kind, job_id",
    "rejected_records": "rejection_id",
    "sync_runs": "run_id",
}
SECOND = timedelta(seconds=1)


def now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class Seen:
    """What a sync said, and what stood in the warehouse afterwards; jobs go by their ids."""

    row: Any
    before: datetime
    after: datetime
    jobs: dict[str, dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    segments: dict[str, list[dict[str, Any]]]
    chunks: dict[str, list[dict[str, Any]]]
    pages: dict[str, list[dict[str, Any]]]
    results: dict[str, dict[str, Any]]
    rejected: list[dict[str, Any]]
    faults: list[str]

    def statuses(self, job: Job) -> list[str]:
        return [event["status"] for event in self.events[job.id]]

    def texts(self, job: Job) -> list[str]:
        return [segment["content"] for segment in self.segments[job.id]]

    def assert_whole(self, *good: Job) -> None:
        """Every good neighbour is there with its result, and no table contradicts itself."""
        assert not self.faults
        missing = [job.id for job in good if job.id not in self.jobs]
        assert not missing
        states = {self.jobs[job.id]["results_state"] for job in good}
        assert states <= {"loaded"}
        for job in good:
            if job.kind == "parse":
                assert self.texts(job) == [f"text of {job.id[:40]}"]
            else:
                assert f"text of {job.id[:40]}" in str(self.results[job.id]["result"])


class World:
    """One account of one provider, and a warehouse of its own."""

    def __init__(self, server: Server, provider: str, folder: Path) -> None:
        self.server, self.provider = server, provider
        self._file = folder / f"{provider}.duckdb"
        self._pipeline = dlt.pipeline(
            f"docjobs_{provider}",
            destination=dlt.destinations.duckdb(str(self._file)),
            dataset_name="docjobs",
            pipelines_dir=str(folder / "pipelines"),
        )

    def job(
        self,
        name: str,
        state: str = "done",
        minutes: float = 10,
        kind: str = "parse",
        **fields: Any,
    ) -> Job:
        """A new job at the provider, created so many minutes ago."""
        name_as_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.provider} {kind} {name}"))
        word = WORDS[self.provider][state]
        if self.provider == "unsiloed" and kind == "extract":
            word = {"done": "completed", "open": "processing"}[state]
        created = fields.pop("uploaded", now() - timedelta(minutes=minutes))
        fields = {"id": name_as_id, "status": word, "uploaded": created, "kind": kind, **fields}
        job = Job(self.provider, **fields)
        self.server.jobs.append(job)
        return job

    def end(self, *jobs: Job) -> None:
        for job in jobs:
            job.status = WORDS[self.provider]["done"]

    def sync(self, **settings: Any) -> Seen:
        """A sync with a client that does not try again, so that each answer counts."""
        source = getattr(dlt_docjobs, self.provider)
        ids = [{"job_id": job.id, "job_kind": job.kind} for job in self.server.jobs]
        own = {"job_ids": ids} if self.provider == "unsiloed" else {}
        fixed = {"api_key": KEY, "base_url": self.server.base_url(self.provider), "max_retries": 0}
        kinds = sorted({job.kind for job in self.server.jobs})
        before = now()
        row = dlt_docjobs.run(
            self._pipeline, source(**{**fixed, "job_kinds": kinds, **own, **settings})
        )
        return self._look(row, before)

    def _look(self, row: Any, before: datetime) -> Seen:
        after = now()
        with duckdb.connect(str(self._file)) as connection:

            def read(table: str, order: str) -> list[dict[str, Any]]:
                cursor = connection.execute(f"SELECT * FROM docjobs.{table} ORDER BY {order}")
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

            def by_job(table: str, order: str) -> dict[str, list[dict[str, Any]]]:
                grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
                for record in read(table, order):
                    grouped[record["job_id"]].append(record)
                return grouped

            faults = [
                f"{table} has rows twice"
                for table, key in KEYS.items()
                if connection.execute(
                    f"SELECT 1 FROM docjobs.{table} GROUP BY {key} HAVING count(*) > 1"
                ).fetchall()
            ]
            events = by_job("job_status_history", "job_id, sequence")
            for rows in events.values():
                faults += _faults_of_events(rows)
            runs = {run["run_id"]: run for run in read("sync_runs", "started_at")}
            if row.exit_code in (0, 1) and _figures(runs[row.run_id].get) != _figures(
                lambda name: getattr(row, name)
            ):
                faults.append("the row of the run is another than the one returned")
            return Seen(
                row=row,
                before=before,
                after=after,
                jobs={record["job_id"]: record for record in read("jobs", "job_id")},
                events=events,
                segments=by_job("segments", "job_id, segment_index"),
                chunks=by_job("chunks", "job_id, chunk_index"),
                pages=by_job("pages", "job_id, page_number"),
                results={r["job_id"]: r for r in read("extraction_results", "job_id")},
                rejected=read("rejected_records", "rejection_id"),
                faults=faults,
            )


def _figures(read: Callable[[str], Any]) -> list[Any]:
    return [read(name) for name in ("ok", "exit_code", "error", "results_loaded", "rejected")]


def _faults_of_events(events: list[dict[str, Any]]) -> list[str]:
    """What holds of every history: dense, bounded, and not before the creation."""
    faults, job = [], events[0]["job_id"]
    if [event["sequence"] for event in events] != [*range(len(events))]:
        faults.append(f"the events of {job} are not dense")
    for event in events:
        earliest, latest = event["occurred_at_earliest"], event["occurred_at_latest"]
        at = event["occurred_at"]
        if latest is None or at > latest or (earliest is not None and at < earliest):
            faults.append(f"event {event['sequence']} of {job} lies outside of its bounds")
        if at < events[0]["occurred_at"]:
            faults.append(f"event {event['sequence']} of {job} lies before the creation")
    return faults


def wait_until(instant: datetime) -> None:
    time.sleep(max(0.0, (instant - now()).total_seconds()))
