"""Parts of the suite's tests: jobs to begin with, and what is to be found of them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

import pytest

from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import UTC
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.testing.bench import Bench
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.fake import FakeJob, Fault
from dlt_docjobs.testing.secrecy import every_file, every_table
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job

TEXT: Final = "Confidential7391"
NAME: Final = "Nameless8264"


def ago(**parts: float) -> datetime:
    """The instant so long ago."""
    return datetime.now(UTC) - timedelta(**parts)


def says(bench: Bench, status: str) -> bool:
    """Whether the provider has a word for a canonical status."""
    return status in bench.provider.vocabulary.statuses.values()


def open_status(bench: Bench) -> str:
    """A status of jobs that have not ended, for which the provider has a word."""
    return next(status for status in ("running", "queued", "retrying") if says(bench, status))


def is_bracketed(bench: Bench, kind: JobKind) -> bool:
    """Whether the creations of a kind's jobs are found by listing from several instants."""
    listing = bench.provider.kinds[kind].list
    return listing is not None and listing.is_bracketed


def stock(bench: Bench) -> list[FakeJob]:
    """Jobs of every kind, in every status that the provider has a word for, and of many ages."""
    add, found = bench.fake.add_job, list[FakeJob]()
    statuses = sorted(set(bench.provider.vocabulary.statuses.values()))
    for kind in bench.provider.kinds:
        for number, status in enumerate(statuses, 1):
            reason = "No pages in it" if status == "failed" else None
            found.append(add(kind, status, created_at=ago(hours=7 * number), error=reason))
        found.append(add(kind, created_at=ago(minutes=20), texts=("only page",)))
        if bench.provider.result_hosts:
            found.append(add(kind, created_at=ago(hours=3), is_elsewhere=True))
    return found


def assert_good(bench: Bench) -> Tables:
    """The warehouse is sound, and says what is true of every job."""
    tables = bench.tables()
    assert_sound(tables, bench.warehouse.loads())
    assert_complete(tables, bench.truth())
    assert_history_true(tables, list(bench.fake.jobs.values()))
    return tables


def assert_dated(tables: Tables, job: FakeJob) -> None:
    """The creation of a job is what it is, as far as the provider says it."""
    row = job_row(tables, job.job_id)
    if row["created_at_precision"] == "exact":
        assert row["created_at"] == job.created_at
    elif row["created_at_precision"] == "bounded":
        assert row["created_at_earliest"] <= job.created_at <= row["created_at_latest"]


def assert_texts(tables: Tables, job: FakeJob) -> None:
    """Every text of a job's result stands in its rows, and no page of an earlier one."""
    names = ("chunks", "segments") if job.job_kind == "parse" else ("extraction_results",)
    for name in names:
        rows = of_job(tables, name, job.job_id)
        stored = json.dumps([row.get("content") or row.get("result") for row in rows])
        for text in job.texts:
            assert json.dumps(text)[1:-1] in stored, f"{name} of {job.job_id} lacks {text!r}"
    if job.job_kind == "parse":
        pages = of_job(tables, "pages", job.job_id)
        assert [row["page_number"] for row in pages] == list(range(1, len(job.texts) + 1))


def find(value: Any, key: str) -> Any:
    """What stands under a key, however deep; None where it does not stand."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for entry in value if (found := find(entry, key)) is not None), None)
    return None


def everything(
    bench: Bench, caplog: pytest.LogCaptureFixture, **options: Any
) -> tuple[SyncRun, dict[str, str]]:
    """Syncs jobs that are full of markers, some of them in vain.

    Returns:
        The run, and all that is left of it by place: each file, table and log, unpacked.
    """
    fake = bench.fake
    texts = (f"{TEXT} first", f"{TEXT} second")
    for kind in bench.provider.kinds:
        for status in sorted(set(bench.provider.vocabulary.statuses.values())):
            fake.add_job(kind, status, texts=texts, name=f"{NAME} {status}.pdf")
        if bench.provider.result_hosts:
            fake.add_job(kind, texts=texts, name=f"{NAME} far.pdf", is_elsewhere=True)
        garbage = json.dumps([{"text": TEXT, "name": NAME, "key": fake.api_key}])
        refusal = json.dumps({"detail": f"no such key: {fake.api_key}"})
        for status_code, body in ((200, garbage), (500, refusal)):
            job = fake.add_job(kind, texts=texts, name=f"{NAME}.pdf")
            fake.fail(
                Fault(status_code, body=body.encode(), times=None, applies=asks_for(job.job_id))
            )
    fake.odd_records[:] = [{"note": TEXT, "name": NAME, "api_key": fake.api_key}]
    for name in ("dlt", "dlt_docjobs"):
        caplog.set_level(logging.DEBUG, logger=name)
    run = bench.sync(**options)
    # a package as it waits for its load
    bench.pipeline().extract(bench.source(reload="all", **options))
    everywhere = every_table(bench.warehouse.file) | every_file(bench.folder)
    return run, everywhere | {"the logs": caplog.text, "the run": str(run)}


def asks_for(job_id: str) -> Callable[..., bool]:
    """Whether a request names a job."""
    return lambda request: request.names(job_id)


def places(everywhere: dict[str, str], text: str) -> list[str]:
    """Where a text is found."""
    return [place for place, found in everywhere.items() if text in found]


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Another host: its address, and what it is asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
