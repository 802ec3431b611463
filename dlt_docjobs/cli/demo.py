"""`docjobs demo`: the main job on made-up jobs, in under half a minute."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import dlt
import duckdb
from dlt.common.destination import AnyDestination

from dlt_docjobs import dlt_internals
from dlt_docjobs.cli import output, terminal
from dlt_docjobs.loading.run import run
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.report import ReportRefused, write_report
from dlt_docjobs.sources.source import source
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import install_views

if TYPE_CHECKING:
    from dlt_docjobs.emulator import Emulator

FILE: Final = "docjobs_demo.duckdb"
REPORT: Final = "docjobs_demo.html"
_HOURS: Final = 2

_QUERIES: Final = (
    (
        "How did the jobs end?",
        "SELECT provider, job_kind, status, count(*) AS jobs\n"
        "FROM docjobs.jobs GROUP BY ALL ORDER BY provider, job_kind, jobs DESC",
    ),
    (
        "How long does parsing take, from creation to success (seconds)?",
        "SELECT h.provider, h.job_kind, count(*) AS jobs,\n"
        "  round(median(epoch(h.occurred_at - j.created_at)), 1) AS p50,\n"
        "  round(quantile_cont(epoch(h.occurred_at - j.created_at), 0.95), 1) AS p95\n"
        "FROM docjobs.job_status_history h JOIN docjobs.jobs j USING (provider, job_kind, job_id)\n"
        "WHERE h.status = 'succeeded' AND (h.occurred_at_source = 'provider'"
        " OR h.occurred_at = j.updated_at)\n"
        "GROUP BY ALL ORDER BY ALL",
    ),
    (
        "Which segments should nobody trust?",
        "SELECT j.document_name, s.page_number AS page, s.segment_type AS type,\n"
        "  round(s.confidence, 2) AS confidence\n"
        "FROM docjobs.segments s JOIN docjobs.jobs j USING (provider, job_kind, job_id)\n"
        "WHERE s.confidence IS NOT NULL ORDER BY s.confidence, document_name LIMIT 5",
    ),
)


def demo(args: argparse.Namespace) -> int:
    """Runs the emulator, syncs with two hours of its life between them, queries and the report."""
    try:
        from dlt_docjobs.emulator import Emulator
    except ImportError as error:
        raise UsageError(
            f"the demo needs the extra `demo`: pip install 'dlt-docjobs[demo]' ({error})"
        ) from None
    file = Path(FILE).absolute()
    for old in (file, file.with_name(file.name + ".wal")):
        old.unlink(missing_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(seed=args.seed) as emulator,
    ):
        print(
            f"Emulating {len(emulator.base_urls)} providers with {len(emulator.jobs())} jobs of "
            f"the last three weeks on loopback; loading into {FILE}.\n"
        )
        with _without_configuration(folder):
            first = _sync_all(emulator, file, folder)
            _print_sync("First sync", first)
            emulator.advance(seconds=_HOURS * 3600)
            print(f"\n… {_HOURS} hours of the providers' life pass …\n", flush=True)
            second = _sync_all(emulator, file, folder)
            _print_sync("Second sync", second)
            _print_sync("\nThird sync, at once", _sync_all(emulator, file, folder))
            destination = cast(AnyDestination, dlt.destinations.duckdb(str(file)))
            install_views(destination, "docjobs")
            report = _write_report(destination)
    _print_tables(file)
    for question, query in _QUERIES:
        _print_query(file, question, query)
    print(f"\nThe warehouse is {FILE}: explore it with duckdb, or any client of it.")
    print(report)
    print("With keys of your own: set LLAMA_CLOUD_API_KEY (or another), then run `docjobs sync`.")
    return max(row.exit_code for row in (*first, *second))


def _sync_all(emulator: Emulator, file: Path, folder: str) -> list[SyncRun]:
    targets = [
        {"job_id": job.job_id, "job_kind": job.job_kind} for job in emulator.jobs("unsiloed")
    ]
    url, key = emulator.base_urls, emulator.api_key
    sources = {
        "llamacloud": source("llamacloud", api_key=key, base_url=url["llamacloud"]),
        "contextual": source("contextual", api_key=key, base_url=url["contextual"]),
        "unsiloed": source("unsiloed", api_key=key, base_url=url["unsiloed"], job_ids=targets),
        "reducto": source("reducto", api_key=key, base_url=url["reducto"]),
        "landingai": source("landingai", api_key=key, base_url=url["landingai"]),
    }
    rows = []
    for name, made in sources.items():
        pipeline = dlt.pipeline(
            f"docjobs_{name}",
            destination=dlt.destinations.duckdb(str(file)),
            dataset_name="docjobs",
            pipelines_dir=folder,
        )
        rows.append(run(pipeline, made))
    return rows


def _write_report(destination: AnyDestination) -> str:
    """Writes the report beside the warehouse; says where, or what it takes."""
    try:
        written = write_report(destination, "docjobs", Path(REPORT))
    except ReportRefused as error:
        return f"There is no page of charts: {error}"
    return f"The charts are in {written.path}: open it in a browser; it needs no network."


@contextlib.contextmanager
def _without_configuration(folder: str) -> Iterator[None]:
    """Keeps the configuration of a project in the current folder out of the demo."""
    prefixes = ("SOURCES__", "DESTINATION__")
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(prefixes)}
    before = dlt.current.run_context().run_dir
    try:
        dlt_internals.switch_folder(folder)
        yield
    finally:
        os.environ.update(hidden)
        dlt_internals.switch_folder(before)


def _print_sync(title: str, rows: list[SyncRun]) -> None:
    print(f"{title}:")
    console = terminal.console(sys.stdout)
    terminal.show(console, output.table(console, rows), indent="  ")


def _print_tables(file: Path) -> None:
    print("\nThe tables (dataset docjobs):")
    with duckdb.connect(str(file), read_only=True) as connection:
        for table in TABLES.values():
            found = connection.execute(f"SELECT count(*) FROM docjobs.{table.name}").fetchone()
            rows = found[0] if found else 0
            print(f"  {table.name:<20} {rows:>7,} rows   {table.description}")


def _print_query(file: Path, question: str, query: str) -> None:
    print(f"\n{question}\n")
    for line in query.splitlines():
        print(f"  {line}")
    with duckdb.connect(str(file), read_only=True) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or []]
        cells = [[(str(cell), "") for cell in row] for row in cursor.fetchall()]
    print()
    console = terminal.console(sys.stdout)
    terminal.show(console, terminal.table(console, names, cells), indent="  ")
