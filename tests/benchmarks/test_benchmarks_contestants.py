"""Nobody wins by loading less: every contestant loads the same jobs and segments."""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from benchmarks_support import JOBS, query, task

from benchmarks.arena import ContestantFailed, DidNotFit, Place, new_place, run_contestant
from benchmarks.contestants import ours
from benchmarks.contestants.task import Task
from benchmarks.jobs import SEGMENTS, Provider
from benchmarks.serving import Server
from benchmarks.warehouses import WrongRows, check_rows, multiply
from dlt_docjobs.model.history import event_id

needs_pandas = pytest.mark.skipif(
    importlib.util.find_spec("pandas") is None,
    reason="pandas is not installed: pip install -e '.[benchmark]'",
)
# rows say when they were written, and by whom
OF_THE_RUN = {"run_id", "first_seen_at", "last_observed_at", "observed_at"}


def do(contestant: str, wanted: Task) -> None:
    importlib.import_module(f"benchmarks.contestants.{contestant}").main(wanted)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("contestant", "options"),
    [
        ("ours", {}),
        ("ceiling", {}),
        ("rest_api", {}),
        ("rest_api", {"parquet": True}),
        pytest.param("pandas_script", {}, marks=needs_pandas),
    ],
)
def test_everybody_loads_the_same(
    contestant: str, options: dict[str, Any], place: Place, server: Server
) -> None:
    server.open("unsiloed", JOBS)
    do(contestant, task(place, server, **options))
    check_rows(place, len(JOBS))
    assert server.counts().requests >= len(JOBS)


@pytest.mark.parametrize("provider", ["llamacloud", "reducto", "landingai"])
def test_our_sync_loads_as_much_of_each_provider(
    provider: Provider, place: Place, server: Server
) -> None:
    server.open(provider, JOBS)
    do("ours", task(place, server, provider))
    check_rows(place, len(JOBS))
    assert len(JOBS) < server.counts().requests <= len(JOBS) + 12
    statuses = query(place.warehouse, "SELECT DISTINCT status, results_state FROM docjobs.jobs")
    assert statuses == [("succeeded", "loaded")]


def rows(
    place: Place, table: str, without: frozenset[str] = frozenset()
) -> Counter[tuple[Any, ...]]:
    names = {
        row[0]
        for row in query(place.warehouse, f"DESCRIBE docjobs.{table}")
        if not row[0].startswith("_") and row[0] not in OF_THE_RUN | without
    }
    return Counter(
        query(place.warehouse, f"SELECT {', '.join(sorted(names))} FROM docjobs.{table}")
    )


@pytest.mark.slow
def test_the_ceiling_writes_our_rows(place: Place, server: Server, tmp_path: Path) -> None:
    server.open("unsiloed", JOBS)
    other = new_place(tmp_path / "ceiling")
    do("ours", task(place, server, include_ocr=True))
    do("ceiling", task(other, server, include_ocr=True))
    for table in ("jobs", "job_status_history", "pages", "chunks", "segments", "segment_ocr"):
        # it cleans neither of them
        mine, its = (rows(one, table, frozenset({"payload", "config"})) for one in (place, other))
        assert mine.total() == its.total() > 0, table
        assert mine == its, table


def test_missing_rows_are_found(place: Place, server: Server) -> None:
    server.open("unsiloed", JOBS)
    do("ceiling", task(place, server))
    check_rows(place, len(JOBS))
    with duckdb.connect(str(place.warehouse)) as database:
        database.execute("DELETE FROM docjobs.segments WHERE segment_index = 7")
    with pytest.raises(WrongRows, match=str(len(JOBS) * SEGMENTS)):
        check_rows(place, len(JOBS))


@pytest.mark.slow
def test_copies_are_what_a_sync_would_have_written(place: Place, server: Server) -> None:
    synced, all_jobs = range(53, 103), range(3, 103)
    newest = Task("llamacloud", server.base_url("llamacloud"), 0, 0, str(place.warehouse))
    server.open("llamacloud", synced)
    ours.main(newest)
    multiply(place, "llamacloud", synced, len(all_jobs))
    check_rows(place, len(all_jobs))
    before = rows(place, "jobs"), rows(place, "job_status_history")
    server.open("llamacloud", all_jobs)
    ours.main(newest)
    # a list of each kind, and no job of them is new or changed
    assert server.counts().requests == 4
    assert (rows(place, "jobs"), rows(place, "job_status_history")) == before
    news = query(
        place.warehouse, "SELECT jobs_listed, jobs_new, jobs_changed FROM docjobs.sync_runs"
    )
    assert sorted(news) == [(50, 50, 0), (61, 0, 0)]
    keys = query(
        place.warehouse,
        "SELECT event_id, provider, job_kind, job_id, sequence FROM docjobs.job_status_history",
    )
    assert all(key == event_id(*parts) for key, *parts in keys)


@pytest.mark.parametrize(("synced", "wanted"), [(range(50), 120), (range(3), 6)])
def test_copies_are_of_the_same_documents(place: Place, synced: range, wanted: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        multiply(place, "unsiloed", synced, wanted)


def test_a_run_is_measured_from_outside(place: Place, server: Server) -> None:
    server.open("unsiloed", JOBS)
    run = run_contestant("ceiling", task(place, server), place, server)
    check_rows(place, len(JOBS))
    assert 0 < run.seconds < run.wall_seconds
    assert run.cpu_seconds is not None and run.cpu_seconds > 0
    assert run.peak_bytes is not None and run.peak_bytes > 2**20
    assert run.requests == len(JOBS) + 1


def test_who_takes_too_much_memory_is_ended(place: Place, server: Server) -> None:
    server.open("unsiloed", JOBS)
    with pytest.raises(DidNotFit, match="ceiling"):
        run_contestant("ceiling", task(place, server), place, server, memory_limit=2**20)


def test_who_fails_says_why(place: Place, server: Server) -> None:
    lost = Task("unsiloed", "http://127.0.0.1:9", 0, 1, str(place.warehouse))
    with pytest.raises(ContestantFailed, match="ConnectError"):
        run_contestant("ceiling", lost, place, server)
