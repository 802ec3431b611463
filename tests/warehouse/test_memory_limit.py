"""DuckDB gets little memory, and more where a package can't be loaded with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.warehouse import memory_limit
from dlt_docjobs.warehouse.connection import kept_open
from dlt_docjobs.warehouse.memory_limit import release_memory

TOO_LITTLE = "4MB"


class Place:
    """An emulator with done jobs and a DuckDB file that is given too little memory."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.credentials = DuckDbCredentials(str(folder / "warehouse.duckdb"))
        self.credentials.global_config = {"memory_limit": TOO_LITTLE}
        self.pipeline = dlt.pipeline(
            "docjobs_unsiloed",
            destination=dlt.destinations.duckdb(self.credentials),
            dataset_name="docjobs",
            pipelines_dir=str(folder / "pipelines"),
        )
        self._emulator = emulator

    def sync(self) -> SyncRun:
        emulator = self._emulator
        ids = [job.job_id for job in emulator.jobs("unsiloed")]
        source = dlt_docjobs.unsiloed(
            job_ids=ids, api_key=emulator.api_key, base_url=emulator.base_urls["unsiloed"]
        )
        return dlt_docjobs.run(self.pipeline, source)

    def count(self, table: str) -> int:
        with self.pipeline.sql_client() as client:
            return int((client.execute_sql(f"SELECT count(*) FROM {table}") or [])[0][0])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Emulator(seed=7, jobs=0) as emulator:
        for _ in range(6):
            emulator.add_job("unsiloed", status="Succeeded", pages=3)
        yield Place(emulator, tmp_path)


def test_a_package_that_our_limit_is_too_low_for_is_loaded_without_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory_limit, "SOFT_LIMIT", TOO_LITTLE)
    row = place.sync()
    assert (row.ok, row.jobs_new) == (True, 6)
    assert place.count("jobs") == 6
    assert place.count("segments") == row.segments > 0
    assert place.count("_dlt_loads") == 1
    assert f"DuckDB could not load the package with {TOO_LITTLE}" in caplog.text
    assert place.sync().jobs_changed == 0


@pytest.mark.slow
def test_a_limit_of_the_users_own_stands_and_loses_nothing(place: Place) -> None:
    with pytest.raises(PipelineStepFailed, match="Out of Memory"):
        place.sync()
    assert place.pipeline.has_pending_data
    place.credentials.global_config = {"memory_limit": "1GB"}
    place.sync()
    assert place.count("jobs") == 6
    assert place.count("_dlt_loads") == 2


def held(client: SqlClientBase[Any]) -> int:
    """Bytes that DuckDB keeps of blocks."""
    ((held,),) = client.execute_sql("SELECT sum(memory_usage_bytes) FROM duckdb_memory()") or ()
    return int(held)


@pytest.mark.slow
def test_between_packages_duckdb_keeps_next_to_nothing_unless_another_run_needs_it(
    tmp_path: Path,
) -> None:
    credentials = DuckDbCredentials(str(tmp_path / "warehouse.duckdb"))
    credentials.global_config = {"memory_limit": "200MB"}
    pipeline = dlt.pipeline(
        "held", destination=dlt.destinations.duckdb(credentials), pipelines_dir=str(tmp_path)
    )
    limit = "SELECT current_setting('memory_limit')"
    with kept_open(pipeline) as client:
        assert client is not None
        client.execute_sql(
            "CREATE TABLE large AS SELECT random()::VARCHAR AS x FROM range(2000000)"
        )
        before = held(client)
        assert before > 18 * 2**20
        with kept_open(pipeline) as other:
            assert other is not None
            release_memory(pipeline, client)
            assert held(client) == before
        said = client.execute_sql(limit)
        release_memory(pipeline, client)
        assert held(client) < 17 * 2**20
        assert client.execute_sql(limit) == said
        assert list(client.execute_sql("SELECT count(*) FROM large") or ()) == [(2_000_000,)]
