"""Partitions by several processes at once into PostgreSQL: the truth, as one sync has it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest

pytest.importorskip("dagster", reason="pip install -e '.[dagster]'")

from orchestration_support import Backfill, assert_true, jobs_by_day, partitions, rows, schemas

import dlt_docjobs
from dlt_docjobs.emulator import Emulator, Faults

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DAYS = partitions(8)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(jobs=0) as emulator:
        jobs_by_day(emulator, DAYS, 6)
        yield emulator


@pytest.fixture(scope="module")
def sequential(
    emulator: Emulator, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[object]]:
    pipeline = dlt.pipeline(
        "docjobs_llamacloud",
        destination=dlt.destinations.postgres(postgres),
        dataset_name="sequential",
        pipelines_dir=str(tmp_path_factory.mktemp("sequential")),
    )
    url = emulator.base_urls["llamacloud"]
    row = dlt_docjobs.run(pipeline, dlt_docjobs.llamacloud(emulator.api_key, url))
    assert (row.ok, row.jobs_new) == (True, 48)
    assert_true(postgres, "sequential", emulator.jobs("llamacloud"))
    return dict(rows(postgres, "sequential"))


def test_at_once(
    emulator: Emulator, sequential: dict[str, list[object]], postgres: str, tmp_path: Path
) -> None:
    backfill = Backfill(tmp_path / "dagster", emulator, postgres, DAYS[0])
    backfill.run("at_once", DAYS, workers=4)
    assert_true(postgres, "at_once", emulator.jobs("llamacloud"))
    assert rows(postgres, "at_once") == sequential
    assert not [name for name in schemas(postgres) if name.startswith("at_once_staging")]
    folders = [path.name for path in (tmp_path / "dagster" / "data" / "pipelines").iterdir()]
    assert not [name for name in folders if not name.endswith((".lock", ".gate", ".door"))]


@pytest.mark.parametrize("moment", ["fetching", "loading"])
def test_a_killed_worker(
    moment: str,
    emulator: Emulator,
    sequential: dict[str, list[object]],
    postgres: str,
    tmp_path: Path,
) -> None:
    dataset = f"killed_{moment}"
    staging = f"{dataset}_staging"
    backfill = Backfill(tmp_path / "dagster", emulator, postgres, DAYS[0])
    backfill.run(dataset, DAYS[:1], workers=1)
    emulator.clear_requests()
    emulator.faults = Faults(latency_seconds=0.3 if moment == "fetching" else 0)

    def is_there() -> bool:
        if moment == "fetching":
            return len(emulator.requests) >= 6
        # it is made when a load begins, and dropped when the partition has ended
        return any(name.startswith(staging) for name in schemas(postgres))

    worker = backfill.start(dataset, DAYS[1:])
    try:
        deadline = time.monotonic() + 120
        while not is_there():
            assert worker.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        # the worker and the processes of its run
        os.killpg(worker.pid, signal.SIGKILL)
        worker.communicate()
        emulator.faults = Faults()
    assert len(rows(postgres, dataset)["jobs"]) < 48
    left = [name for name in schemas(postgres) if name.startswith(staging)]
    assert bool(left) == (moment == "loading")
    backfill.run(dataset, DAYS[1:], workers=2)
    assert_true(postgres, dataset, emulator.jobs("llamacloud"))
    assert rows(postgres, dataset) == sequential
    assert not [name for name in schemas(postgres) if name.startswith(staging)]
