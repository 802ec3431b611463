"""A sync and partitions of a backfill of the same account, on one machine, take turns."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import pytest
from cli_support import MakePlace, Place, wait_until
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.locks.gate import alone, shared
from dlt_docjobs.locks.local import SyncLocked

ACCOUNT = "llamacloud"
# another process, since the system's locks are a process's
TRY = """
import sys
import dlt
from dlt_docjobs.locks import gate
from dlt_docjobs.locks.local import SyncLocked

pipeline = dlt.pipeline("window", pipelines_dir=sys.argv[2])
try:
    with getattr(gate, sys.argv[1])(pipeline, "llamacloud", wait_seconds=0):
        print("held", flush=True)
        sys.stdin.read()
except SyncLocked as error:
    print(error, flush=True)
"""


def start(folder: Path, how: str) -> subprocess.Popen[str]:
    """A process that wants the gate, and holds it until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", TRY, how, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def held(folder: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    with start(folder, how) as process:
        assert said(process) == "held"
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return dlt.pipeline("sync", pipelines_dir=str(tmp_path))


@pytest.mark.slow
def test_a_sync_waits_for_the_partitions_that_run(pipeline: Pipeline, tmp_path: Path) -> None:
    told: list[float] = []
    with held(tmp_path, "shared") as partition:

        def end() -> None:
            wait_until(lambda: bool(told))
            # one that comes later lets the sync go first
            with start(tmp_path, "shared") as later:
                assert "the sync of llamacloud is running" in said(later)
                told.append(time.monotonic())
            assert partition.stdin is not None
            partition.stdin.close()

        thread = threading.Thread(target=end)
        thread.start()
        with alone(pipeline, ACCOUNT, on_wait=lambda: told.append(time.monotonic())):
            assert len(told) == 2
        thread.join()
    with held(tmp_path, "shared"):
        pass


def test_a_second_sync_does_not_wait(pipeline: Pipeline, tmp_path: Path) -> None:
    with held(tmp_path, "alone"), pytest.raises(SyncLocked, match="another sync of llamacloud"):  # noqa: SIM117
        with alone(pipeline, ACCOUNT):
            pass


def test_a_sync_that_is_stopped_waits_no_longer(pipeline: Pipeline, tmp_path: Path) -> None:
    with held(tmp_path, "shared"), pytest.raises(SyncLocked, match="partitions of a backfill"):  # noqa: SIM117
        with alone(pipeline, ACCOUNT, is_over=lambda: True):
            pass


def test_a_partition_waits_for_the_sync(pipeline: Pipeline, tmp_path: Path) -> None:
    with held(tmp_path, "alone") as sync:
        assert sync.stdin is not None
        timer = threading.Timer(0.5, sync.stdin.close)
        timer.start()
        with shared(pipeline, ACCOUNT):
            assert sync.wait(10) == 0
        timer.join()


def test_what_a_killed_process_held_is_free(pipeline: Pipeline, tmp_path: Path) -> None:
    with start(tmp_path, "shared") as partition:
        assert said(partition) == "held"
        partition.kill()
    with alone(pipeline, ACCOUNT, wait_seconds=0):
        pass


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    place = make_place(ACCOUNT, "contextual")
    place.emulator.add_job(ACCOUNT, status="COMPLETED", pages=1)
    return place


@pytest.mark.slow
def test_commands_beside_a_partition(place: Place) -> None:
    folder = place.folder / ".data" / "pipelines"
    folder.mkdir(parents=True)
    with held(folder, "shared"):
        ran = place.run("sync", "--deadline", "6", "--json")
        codes = {one["provider"]: one["exit_code"] for one in ran.json["providers"]}
        assert (ran.code, codes) == (75, {ACCOUNT: 75, "contextual": 0})
        assert "docjobs sync: llamacloud: waiting for partitions of a backfill to end" in ran.err
        assert "partitions of a backfill of llamacloud are running" in ran.err
        assert place.run("reset", ACCOUNT, "--yes").code == 75
        names = place.write("gone.txt", "pjb-gone")
        assert place.run("forget", "--job-ids-file", names).code == 75
    assert place.run("sync", "--json").provider(ACCOUNT)["jobs_new"] == 1


HOLD_LAKE = """
import sys
import fasteners

with fasteners.InterProcessLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("table_format", ["iceberg", None])
def test_iceberg_tables_in_files_take_one_load_at_a_time(
    make_place: MakePlace, table_format: str | None
) -> None:
    place = make_place("contextual")
    place.env["DESTINATION__FILESYSTEM__BUCKET_URL"] = (place.folder / "lake").as_uri()
    if table_format:
        place.env["SOURCES__DOCJOBS__TABLE_FORMAT"] = table_format
    file = place.folder / ".data" / "pipelines" / "docjobs.docjobs.lake"
    file.parent.mkdir(parents=True)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD_LAKE, str(file)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert said(process) == "held"
        ran = place.run("sync", "--destination", "filesystem", "--deadline", "4")
        assert process.stdin is not None
        process.stdin.close()
    assert ran.code == (75 if table_format else 0), ran.said
    assert ("Iceberg tables of docjobs" in ran.err) == bool(table_format)
