"""What a sync costs, as far as it can be counted without a clock (docs/performance.md)."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from math import ceil
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
import sniffio
from shop_support import Shop

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.http import Unauthorized
from dlt_docjobs.loading import resources
from dlt_docjobs.loading.engine import Engine
from dlt_docjobs.providers.unsiloed.api import UnsiloedApi
from dlt_docjobs.sync import package, result_rows
from dlt_docjobs.tables.arrow import ResultBuffer
from dlt_docjobs.warehouse.state import WarehouseState

BY_JOB = ("pages", "chunks", "segments", "segment_ocr")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Emulator(seed=7, jobs=0) as emulator:
        yield Shop(emulator, tmp_path)


# -- requests -----------------------------------------------------------------------------------


def test_a_named_job_that_is_done_costs_one_request(shop: Shop) -> None:
    shop.add("unsiloed", 23)
    assert shop.sync("unsiloed")[0].requests == 23


def test_a_listed_job_that_is_done_costs_one_request_beside_the_pages(shop: Shop) -> None:
    shop.add("llamacloud", 23)
    # each page but the last is looked at once more: jobs may have slipped to it meanwhile
    pages = ceil(23 / 10)
    assert shop.sync("llamacloud", page_size=10)[0].requests == 23 + pages + (pages - 1)


def test_nothing_new_costs_a_page(shop: Shop) -> None:
    shop.add("llamacloud", 3)
    shop.sync("llamacloud")
    assert shop.sync("llamacloud")[0].requests == 1


def test_named_jobs_that_ended_before_the_lag_cost_nothing(shop: Shop) -> None:
    long_ago = datetime.now(timezone.utc) - timedelta(hours=3)
    for _ in range(5):
        shop.emulator.add_job("unsiloed", status="Succeeded", created_at=long_ago, pages=1)
    shop.add("unsiloed", 1)
    shop.sync("unsiloed")
    assert shop.sync("unsiloed")[0].requests == 1, "the one within the lag"


@pytest.mark.slow
def test_jobs_asked_one_by_one_are_looked_up_together(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add("unsiloed", 30)
    shop.sync("unsiloed")
    asked: list[int] = []
    lookup = WarehouseState.lookup

    def counted(memory: WarehouseState, kind: Any, job_ids: Any) -> Any:
        asked.append(len(job_ids))
        return lookup(memory, kind, job_ids)

    monkeypatch.setattr(WarehouseState, "lookup", counted)
    row, _ = shop.sync("unsiloed", max_concurrency=5)
    assert row.requests == 30
    # once to see what is due, then once for each page of answers
    assert asked == [30, 20, 10]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["stop", "refusal"])
def test_the_end_of_a_run_leaves_the_rest_of_a_page_unasked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    shop.add("unsiloed", 30)
    shop.sync("unsiloed")
    request = dlt_docjobs.RunRequest()
    asked: list[str] = []
    status = UnsiloedApi.status

    async def ends(api: UnsiloedApi, kind: Any, job_id: str) -> Any:
        asked.append(job_id)
        if len(asked) == 3 and ending == "refusal":
            raise Unauthorized("/parse", "401", status=401)
        if len(asked) == 3:
            request.stop_reason = "SIGTERM"
        return await status(api, kind, job_id)

    monkeypatch.setattr(UnsiloedApi, "status", ends)
    source = shop.source("unsiloed", max_concurrency=4)
    row = dlt_docjobs.run(shop.pipeline("unsiloed"), source, request=request)
    assert not row.ok and 3 <= len(asked) <= 6
    monkeypatch.undo()
    assert shop.sync("unsiloed")[0].requests == 30


# -- packages, files and merges -----------------------------------------------------------------


def dispositions(pipeline: dlt.Pipeline) -> set[str | None]:
    tables = pipeline.default_schema.tables
    return {tables[name].get("write_disposition") for name in BY_JOB}


def loaded_files(pipeline: dlt.Pipeline) -> dict[str, int]:
    """How many files were loaded of each table, statements left out."""
    (load,) = pipeline.last_trace.last_load_info.load_packages
    files: dict[str, int] = {}
    for job in load.jobs["completed_jobs"]:
        parsed = job.job_file_info
        if parsed.file_format == "parquet":
            files[parsed.table_name] = files.get(parsed.table_name, 0) + 1
    return files


def test_a_first_sync_is_one_package_and_a_file_a_table(shop: Shop) -> None:
    shop.add("unsiloed", 12)
    _, pipeline = shop.sync("unsiloed")
    files = loaded_files(pipeline)
    assert set(files.values()) == {1}
    assert {"jobs", "job_status_history", "sync_runs", *BY_JOB} <= set(files)


def test_a_sync_that_finds_nothing_loads_its_own_row_only(shop: Shop) -> None:
    shop.add("llamacloud", 3)
    shop.sync("llamacloud")
    _, pipeline = shop.sync("llamacloud")
    assert set(loaded_files(pipeline)) - {"_dlt_pipeline_state"} == {"sync_runs"}


def test_results_of_new_jobs_are_inserted_and_others_replaced(shop: Shop) -> None:
    old = shop.add("unsiloed", 3)
    _, pipeline = shop.sync("unsiloed")
    assert dispositions(pipeline) == {"append"}
    before = shop.rows("SELECT job_id, count(*) FROM docjobs.segments GROUP BY 1")
    shop.emulator.reprocess(old[0], pages=0)
    shop.add("unsiloed", 2)
    _, pipeline = shop.sync("unsiloed", reload="all")
    assert dispositions(pipeline) == {"merge"}
    after = dict(shop.rows("SELECT job_id, count(*) FROM docjobs.segments GROUP BY 1"))
    assert old[0] not in after, "no orphan of the earlier result"
    assert {job_id: after[job_id] for job_id in old[1:]} == {
        job_id: count for job_id, count in before if job_id != old[0]
    }
    shop.add("unsiloed", 1)
    _, pipeline = shop.sync("unsiloed")
    assert dispositions(pipeline) == {"append"}, "and so again for new ones"


@pytest.mark.slow
def test_a_new_job_whose_rows_are_there_all_the_same_is_replaced(shop: Shop) -> None:
    # whatever came over the warehouse: the jobs are gone, and a part of their rows
    shop.add("unsiloed", 3, pages=2)
    shop.sync("unsiloed")
    counts = "SELECT job_id, count(*) FROM docjobs.{} GROUP BY 1 ORDER BY 1"
    whole = {name: shop.rows(counts.format(name)) for name in BY_JOB}
    shop.rows("DELETE FROM docjobs.jobs")
    shop.rows("DELETE FROM docjobs.job_status_history")
    shop.rows("DELETE FROM docjobs.segments WHERE segment_index > 0")
    row, pipeline = shop.sync("unsiloed")
    assert row.jobs_new == 3
    assert {name: shop.rows(counts.format(name)) for name in BY_JOB} == whole
    assert dispositions(pipeline) == {"merge"}


@pytest.mark.slow
def test_a_package_is_bounded_by_bytes_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_MOST_BYTES", 2**16)
    monkeypatch.setattr(result_rows, "_ROWS_PER_BATCH", 20)
    shop.add("llamacloud", 12, pages=4)
    row, _ = shop.sync("llamacloud", max_concurrency=2)
    assert (row.jobs_new, row.results_loaded) == (12, 12)
    assert row.requests == 13, "what did not fit is fetched by the next package, once"
    loads = shop.rows("SELECT count(*) FROM docjobs._dlt_loads")[0][0]
    assert loads > 2
    states = shop.rows("SELECT results_state, count(*) FROM docjobs.jobs GROUP BY 1")
    assert states == [("loaded", 12)]
    jobs = shop.rows("SELECT count(DISTINCT job_id), count(*) FROM docjobs.chunks")
    assert jobs == [(12, 48)]


@pytest.mark.slow
def test_what_is_rejected_weighs_in_a_package_as_results_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_MOST_BYTES", 2**10)
    ids = shop.add("unsiloed", 8, pages=1)
    shop.emulator.faults.broken_results = dict.fromkeys(ids, "garbage")
    source = shop.source("unsiloed", max_concurrency=2)
    row = dlt_docjobs.run(shop.pipeline("unsiloed"), source)
    assert (row.jobs_new, row.rejected, row.results_loaded) == (8, 8, 0)
    assert shop.rows("SELECT count(*) FROM docjobs._dlt_loads")[0][0] > 2
    kept = shop.rows("SELECT count(DISTINCT job_id), count(*) FROM docjobs.rejected_records")
    assert kept == [(8, 8)]


@pytest.mark.slow
def test_results_of_the_next_package_are_asked_for_while_one_is_loaded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = shop.add("unsiloed", 12, pages=2)
    served: list[int] = []
    load = dlt.Pipeline.load

    def slow_load(pipeline: dlt.Pipeline, *args: Any, **options: Any) -> Any:
        until = time.monotonic() + 20
        while len(shop.emulator.requests) < len(ids) and time.monotonic() < until:
            time.sleep(0.01)
        served.append(len(shop.emulator.requests))
        return load(pipeline, *args, **options)

    monkeypatch.setattr(dlt.Pipeline, "load", slow_load)
    row, _ = shop.sync("unsiloed", max_jobs_per_package=4)
    assert served[0] == 12, "all of the two packages behind it"
    assert (row.requests, row.jobs_new, row.results_loaded) == (12, 12, 12)


@pytest.mark.slow
def test_what_was_read_ahead_is_kept_when_the_run_has_to_stop(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add("unsiloed", 40, pages=1)
    request = dlt_docjobs.RunRequest()
    load = dlt.Pipeline.load

    def load_and_stop(pipeline: dlt.Pipeline, *args: Any, **options: Any) -> Any:
        until = time.monotonic() + 20
        while len(shop.emulator.requests) < 12 and time.monotonic() < until:
            time.sleep(0.01)
        request.stop_reason = "SIGTERM"
        return load(pipeline, *args, **options)

    monkeypatch.setattr(dlt.Pipeline, "load", load_and_stop)
    source = shop.source("unsiloed", max_jobs_per_package=4, max_concurrency=2)
    row = dlt_docjobs.run(shop.pipeline("unsiloed"), source, request=request)
    assert (row.ok, row.jobs_new) == (False, row.results_loaded)
    # what was under way is lost: as many as are asked for at a time
    assert row.results_loaded >= len(shop.emulator.requests) - 2 >= 10
    assert shop.rows("SELECT count(*) FROM docjobs.jobs") == [(row.results_loaded,)]
    monkeypatch.undo()
    before = len(shop.emulator.requests)
    assert shop.sync("unsiloed")[0].jobs_new == 40 - row.results_loaded
    assert len(shop.emulator.requests) - before == 40 - row.results_loaded


# -- bytes held ---------------------------------------------------------------------------------


def test_nobody_looks_for_the_library_that_the_engine_runs() -> None:
    async def told() -> str | None:
        return sniffio.thread_local.name

    async def nothing() -> None:
        pass

    engine = Engine()
    try:
        assert engine.start(told()).result() == "asyncio"
    finally:
        engine.close(nothing())
    # and only there
    assert sniffio.thread_local.name is None


@pytest.mark.slow
def test_few_batches_are_held_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_rows, "_ROWS_PER_BATCH", 30)
    made: list[weakref.ref[pa.Table]] = []
    most = 0
    flush = ResultBuffer.flush

    def watched(buffer: ResultBuffer) -> pa.Table:
        nonlocal most
        table = flush(buffer)
        if buffer.table.name == "segments":
            gc.collect()
            most = max(most, sum(ref() is not None for ref in made))
            made.append(weakref.ref(table))
        return table

    drive = resources._drive

    def slowly(*args: Any) -> Iterator[Any]:
        for tables in drive(*args):
            time.sleep(0.1)
            yield tables

    monkeypatch.setattr(ResultBuffer, "flush", watched)
    # else the provider is the slower of the two, and nothing piles up
    monkeypatch.setattr(resources, "_drive", slowly)
    shop.add("unsiloed", 36, pages=3)
    shop.sync("unsiloed", include_ocr=False, max_concurrency=2)
    assert len(made) > 10
    # two wait in the queue, one is put into it, and dlt writes one
    assert most <= 5


def test_batches_are_bounded_by_rows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_rows, "_ROWS_PER_BATCH", 30)
    sizes: list[int] = []
    flush = ResultBuffer.flush

    def watched(buffer: ResultBuffer) -> pa.Table:
        table = flush(buffer)
        sizes.append(table.num_rows)
        return table

    monkeypatch.setattr(ResultBuffer, "flush", watched)
    shop.add("unsiloed", 30, pages=2)
    shop.sync("unsiloed", include_ocr=False, max_concurrency=2)
    most = max(row[0] for row in shop.rows("SELECT segment_count FROM docjobs.jobs"))
    # twice as many answers as requests in flight may wait behind a batch that is full
    assert max(sizes) < 30 + 4 * most


# -- imports ------------------------------------------------------------------------------------


def imported_by(code: str) -> set[str]:
    """Top-level packages and our own modules that a fresh Python imports."""
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_help_imports_nothing_that_it_has_no_need_of() -> None:
    modules = imported_by("from dlt_docjobs.cli.arguments import make_parser\nmake_parser()")
    heavy = {"dlt", "duckdb", "httpx", "pyarrow", "pydantic", "msgspec", "sqlglot", "starlette"}
    assert modules & heavy == set()


def test_status_imports_no_provider_and_no_client() -> None:
    modules = imported_by("import dlt_docjobs.cli.status")
    unneeded = {"httpx", "pyarrow", "pydantic", "altair", "starlette", "dlt_docjobs.sources"}
    assert modules & unneeded == set()


def test_a_sync_imports_its_own_provider_and_no_command_line_of_httpx() -> None:
    modules = imported_by(
        "from dlt_docjobs import llamacloud, run\n"
        "from dlt_docjobs.providers.registry import provider\n"
        "provider('llamacloud').api_class()"
    )
    others = {
        "dlt_docjobs.providers.contextual.api",
        "dlt_docjobs.providers.unsiloed.api",
        "altair",
    }
    assert modules & {"httpx._main", "rich.console", *others} == set()
    assert {"httpx", "dlt_docjobs.providers.llamacloud.api"} <= modules
