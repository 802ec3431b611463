"""A copy that the destination has taken, and of which no word came back, is not copied on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.destination.client import RunnableLoadJob
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.loading import run as run_module
from dlt_docjobs.model.records import SyncRun

TABLES = ("jobs", "job_status_history", "pages", "chunks", "segments", "sync_runs")


class Place:
    """An emulator with done jobs, a warehouse, and copies whose acknowledgement gets lost."""

    def __init__(self, emulator: Emulator, pipeline: Pipeline) -> None:
        self.emulator = emulator
        self.pipeline = pipeline
        self.copies: list[str] = []

    def sync(self, **options: Any) -> SyncRun:
        emulator = self.emulator
        ids = [job.job_id for job in emulator.jobs("unsiloed")]
        source = dlt_docjobs.unsiloed(
            job_ids=ids,
            api_key=emulator.api_key,
            base_url=emulator.base_urls["unsiloed"],
            **options,
        )
        return dlt_docjobs.run(self.pipeline, source)

    def rows(self) -> dict[str, int]:
        with self.pipeline.sql_client() as client:
            return {
                name: int((client.execute_sql(f"SELECT count(*) FROM {name}") or [])[0][0])
                for name in TABLES
            }


@pytest.fixture(params=["duckdb", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "duckdb":
        destination: Any = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    else:
        destination = dlt.destinations.postgres(request.getfixturevalue("postgres"))
    with Emulator(seed=7, jobs=0) as emulator:
        for _ in range(4):
            emulator.add_job("unsiloed", status="Succeeded", pages=3)
        pipeline = dlt.pipeline(
            "docjobs_unsiloed",
            destination=destination,
            dataset_name=f"d_{tmp_path.name}",
            pipelines_dir=str(tmp_path / "pipelines"),
        )
        yield Place(emulator, pipeline)


@pytest.fixture
def lose_word(monkeypatch: pytest.MonkeyPatch) -> Callable[[Place, str, int], None]:
    """Makes so many copies into a table fail after they were made."""
    whole = RunnableLoadJob.run_managed

    def lose(place: Place, table: str, times: int) -> None:
        left = [times]

        def run_managed(job: RunnableLoadJob, *args: Any) -> None:
            run = job.run

            def run_and_lose_the_word() -> None:
                run()
                info = job.job_file_info()
                if info.table_name == table and info.file_format != "sql":
                    place.copies.append(info.file_name())
                    if left[0]:
                        left[0] -= 1
                        raise DatabaseTransientException(Exception("the connection was lost"))

            monkeypatch.setattr(job, "run", run_and_lose_the_word)
            whole(job, *args)

        monkeypatch.setattr(RunnableLoadJob, "run_managed", run_managed)

    return lose


@pytest.mark.parametrize("table", ["segments", "sync_runs"])
def test_a_copy_whose_word_was_lost_is_made_anew(
    place: Place, lose_word: Callable[[Place, str, int], None], table: str
) -> None:
    lose_word(place, table, 2)
    row = place.sync()
    assert len(place.copies) == 3
    assert (row.ok, row.jobs_new) == (True, 4)
    rows = place.rows()
    assert (rows["jobs"], rows["segments"], rows["sync_runs"]) == (4, row.segments, 1)
    # rows that replace others go another way
    place.copies.clear()
    lose_word(place, table, 1)
    place.sync(reload="all")
    assert len(place.copies) == 2
    assert place.rows() == rows | {"sync_runs": 2}


@pytest.mark.slow
def test_a_destination_that_never_takes_it_ends_the_run_and_loses_nothing(
    place: Place,
    lose_word: Callable[[Place, str, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "_PAUSE_SECONDS", 0)
    lose_word(place, "segments", 99)
    with pytest.raises(PipelineStepFailed, match="connection was lost"):
        place.sync()
    assert place.pipeline.has_pending_data
    lose_word(place, "segments", 0)
    row = place.sync()
    assert row.jobs_new == 0
    rows = place.rows()
    assert (rows["jobs"], rows["sync_runs"]) == (4, 2)
    with place.pipeline.sql_client() as client:
        doubled = client.execute_sql(
            "SELECT count(*) - count(DISTINCT job_id || segment_index) FROM segments"
        )
    assert [tuple(one) for one in doubled or ()] == [(0,)]
