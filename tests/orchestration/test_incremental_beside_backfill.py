"""The usual sync beside partitions of a backfill, in processes of their own, into PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest

pytest.importorskip("dagster", reason="pip install -e '.[dagster]'")

from orchestration_support import ROOT, assert_true, jobs_by_day, partitions, schemas, tables

from dlt_docjobs.emulator import Emulator, RequestRecord
from dlt_docjobs.model.vocabulary import JobKind

NUMBERS = count(1)
KINDS: tuple[JobKind, ...] = ("parse", "extract")
DAYS = partitions(4)
LAG = timedelta(seconds=3600)
SYNC = ("-m", "dlt_docjobs.cli", "sync", "llamacloud", "--destination", "postgres")
# what a partition's run in Dagster does, over and over where the sync has its turn
PARTITIONS = """
import sys
import time
from datetime import datetime, timedelta
from dlt_docjobs.accounts.pipelines import parse_account
from dlt_docjobs.dagster.window import load_window
from dlt_docjobs.locks.local import SyncLocked

dataset, *days = sys.argv[1:]
for day in days:
    since = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    window = (since, since + timedelta(days=1))
    options = {"max_jobs_per_package": 4}
    while True:
        try:
            load_window(parse_account("llamacloud"), "postgres", dataset, *window, **options)
            break
        except SyncLocked:
            time.sleep(0.2)
"""
# two pipelines of one's own
RUN = """
import sys
from datetime import datetime, timedelta
import dlt
import dlt_docjobs

name, dataset, *day = sys.argv[1:]
created_at = None
if day:
    since = datetime.fromisoformat(f"{day[0]}T00:00:00+00:00")
    until = since + timedelta(days=1)
    created_at = dlt.sources.incremental("created_at", initial_value=since, end_value=until)
options = {} if created_at is None else {"created_at": created_at}
pipeline = dlt.pipeline(name, destination="postgres", dataset_name=dataset)
dlt_docjobs.run(pipeline, dlt_docjobs.llamacloud(**options))
"""


class World:
    """An emulator, a database, and the processes between them."""

    def __init__(self, folder: Path, emulator: Emulator, address: str, dataset: str) -> None:
        self.folder = folder
        self.emulator = emulator
        self.address = address
        self.dataset = dataset
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DLT_DATA_DIR": str(folder / "data"),
            "DESTINATION__POSTGRES__CREDENTIALS": address,
            "SOURCES__DOCJOBS__LLAMACLOUD__API_KEY": emulator.api_key,
            "SOURCES__DOCJOBS__LLAMACLOUD__BASE_URL": emulator.base_urls["llamacloud"],
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_sync(self) -> subprocess.Popen[str]:
        return self.start(*SYNC, "--dataset", self.dataset, "--json")

    def sync(self) -> dict[str, Any]:
        """What a whole sync said of itself."""
        out = ended(self.start_sync())
        (figures,) = json.loads(out)["providers"]
        return dict(figures)

    def query(self, sql: str) -> list[Any]:
        with connected(self.address) as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def job(self, hours: float = 0, status: str = "COMPLETED", kind: JobKind = "parse") -> str:
        """A job that was created so many hours ago."""
        at = datetime.now(timezone.utc) - timedelta(hours=hours)
        hang = status == "RUNNING"
        job = self.emulator.add_job(
            "llamacloud", kind, status=status, created_at=at, pages=1, hang=hang
        )
        return job.job_id


@contextmanager
def connected(address: str) -> Iterator[Any]:
    connection = psycopg2.connect(address)
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err[-4000:]
    return out


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_list(record: RequestRecord) -> bool:
    bulk = any(key == "job_ids" for key, _ in record.query)
    return record.path.endswith(("/parse", "/extract")) and not bulk


@pytest.fixture
def world(tmp_path: Path, postgres: str) -> Iterator[World]:
    with Emulator(jobs=0) as emulator:
        yield World(tmp_path, emulator, postgres, f"beside_{next(NUMBERS)}")


@pytest.mark.slow
def test_neither_disturbs_the_other(world: World) -> None:
    opened = [world.job(hours=30 + 20 * number, status="RUNNING") for number in range(3)]
    for kind in KINDS:
        world.job(hours=0.1, kind=kind)
    first = world.sync()
    assert first["jobs_new"] == 5
    # behind the cursor: no usual sync lists these, only the partitions do
    jobs_by_day(world.emulator, DAYS, 8)
    world.emulator.clear_requests()
    workers = [world.start("-c", PARTITIONS, world.dataset, *DAYS[at::2]) for at in range(2)]
    cursors, found = [first["cursor"]], 0
    while any(worker.poll() is None for worker in workers):
        world.job()
        if opened:
            # the partition of its day may just be looking at it
            world.emulator.set_status(opened.pop(), "COMPLETED")
        figures = world.sync()
        cursors.append(figures["cursor"])
        found += figures["jobs_new"]
    for worker in workers:
        ended(worker)
    assert len(cursors) > 2, "the sync never had its turn"
    assert found >= len(cursors) - 1
    cursors.append(world.sync()["cursor"])
    assert_true(world.address, world.dataset, world.emulator.jobs("llamacloud"))

    # the cursor goes forward, run by run, to the newest job; no partition has or moves one
    newest = max(job.created_at for job in world.emulator.jobs("llamacloud"))
    assert cursors == sorted(cursors)
    assert instant(cursors[-1]) == newest
    runs = tables(world.address, world.dataset)["sync_runs"]
    assert sum(run["cursor"] is not None for run in runs) == len(cursors)
    assert len(runs) == len(cursors) + len(DAYS)
    states = world.query(f"SELECT DISTINCT pipeline_name FROM {world.dataset}._dlt_pipeline_state")
    assert states == [("docjobs_llamacloud",)]
    # and no sync began anew: a list has the two ends of a partition, or starts at the cursor
    begin = instant(cursors[0]) - LAG - timedelta(seconds=1)
    lists = [dict(record.query) for record in world.emulator.requests if is_list(record)]
    assert {"created_at_on_or_before" in one for one in lists} == {True, False}
    for one in lists:
        assert "created_at_on_or_after" in one, lists
        since = instant(one["created_at_on_or_after"])
        assert "created_at_on_or_before" in one or since >= begin
    staging = {name for name in schemas(world.address) if name.startswith(world.dataset)}
    assert staging == {world.dataset, f"{world.dataset}_staging_docjobs_llamacloud"}


# a load that has written its jobs goes on when nobody holds this lock
STOP = """
CREATE FUNCTION {dataset}.stop() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
CREATE TRIGGER stop AFTER INSERT ON {dataset}.jobs EXECUTE FUNCTION {dataset}.stop();
SELECT pg_advisory_lock(42);
"""


@contextmanager
def loads_held(world: World) -> Iterator[None]:
    """Stops every load between what it writes of its jobs and its commit."""
    with connected(world.address) as cursor:
        cursor.execute(STOP.format(dataset=world.dataset))
        cursor.connection.commit()
        yield


def stopped(world: World) -> int:
    """How many loads have been stopped."""
    return int(world.query("SELECT count(*) FROM pg_locks WHERE objid = 42 AND NOT granted")[0][0])


def wait_until_stopped(world: World, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not stopped(world):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
def test_of_two_loads_of_a_job_at_once_one_waits(world: World) -> None:
    world.job(hours=0.2)
    world.sync()
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    for _ in range(3):
        world.job()
    with loads_held(world):
        partition = world.start("-c", PARTITIONS, world.dataset, today)
        wait_until_stopped(world, partition)
        sync = world.start_sync()
        assert sync.stderr is not None
        assert "waiting for partitions of a backfill" in sync.stderr.readline()
        assert stopped(world) == 1
    ended(partition)
    ended(sync)
    assert_true(world.address, world.dataset, world.emulator.jobs("llamacloud"))


@pytest.mark.slow
def test_of_two_pipelines_of_ones_own_one_waits(world: World) -> None:
    world.job(hours=0.2)
    ended(world.start("-c", RUN, "docjobs_llamacloud", world.dataset))
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    for _ in range(3):
        world.job()
    with loads_held(world):
        window = world.start("-c", RUN, "interval", world.dataset, today)
        wait_until_stopped(world, window)
        sync = world.start("-c", RUN, "docjobs_llamacloud", world.dataset)
        assert sync.stderr is not None
        assert "waiting for partitions of a backfill" in sync.stderr.readline()
        assert stopped(world) == 1
    ended(window)
    ended(sync)
    assert_true(world.address, world.dataset, world.emulator.jobs("llamacloud"))
