"""Two pipelines of one account in one process, into one DuckDB file."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

import dlt_docjobs
from dlt_docjobs.emulator import Emulator


def test_two_threads_that_sync_one_account_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = dlt.Pipeline.load

    def late_load(pipeline: dlt.Pipeline, *args: Any, **options: Any) -> Any:
        # between the last look at the warehouse and the load the other one has all the time
        time.sleep(0.3)
        return load(pipeline, *args, **options)

    monkeypatch.setattr(dlt.Pipeline, "load", late_load)
    errors: list[BaseException] = []
    together = threading.Barrier(2)

    with Emulator(seed=7, jobs=0) as emulator:
        for _ in range(12):
            emulator.add_job("unsiloed", status="Succeeded", pages=2)
        ids = [job.job_id for job in emulator.jobs("unsiloed")]

        def sync(name: str) -> None:
            try:
                pipeline = dlt.pipeline(
                    name,
                    destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
                    dataset_name="docjobs",
                    pipelines_dir=str(tmp_path / "pipelines"),
                )
                source = dlt_docjobs.unsiloed(
                    job_ids=ids,
                    api_key=emulator.api_key,
                    base_url=emulator.base_urls["unsiloed"],
                    max_jobs_per_package=4,
                )
                together.wait(30)
                dlt_docjobs.run(pipeline, source)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=sync, args=(name,)) for name in ("one", "other")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert errors == []

    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as database:
        for table, own in (("segments", ", segment_index"), ("jobs", "")):
            counted = f"SELECT count(*), count(DISTINCT (job_id{own})) FROM docjobs.{table}"
            rows, distinct = database.execute(counted).fetchone() or (0, 0)
            assert rows == distinct >= 12, table
