"""A load that a crash tore: some tables merged, others not, no row in `_dlt_loads`.

dlt commits table by table, in no promised order. Any state that a crash can leave is a mix of two
whole warehouses, that before the load and that after it, so it is made by copying tables.
"""

from __future__ import annotations

import itertools
import shutil
from datetime import datetime, timedelta, timezone

import duckdb
import pytest
from conformance_bench import PROVIDERS, Bench, MakeBench
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_docjobs.tables import RESULT_TABLES, TABLES
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import DATASET
from dlt_docjobs.warehouse.connection import prepare

DLT_TABLES = ("_dlt_pipeline_state", "_dlt_version")
MERGED = (*TABLES, *DLT_TABLES)


@pytest.fixture(scope="module", params=PROVIDERS)
def torn_bench(request: pytest.FixtureRequest, make_bench: MakeBench) -> tuple[Bench, str]:
    """A bench with two warehouses: `before` and `after` one sync that found new and old jobs."""
    provider = request.param
    bench = make_bench(30, seed=5)
    bench.sync(provider, warehouse="before")
    for number in range(2):
        bench.emulator.add_job(provider, "parse", status="succeeded", document_name=f"new {number}")
    bench.emulator.advance(seconds=3600)
    shutil.copy(bench.file("before"), bench.file("after"))
    bench.sync(provider, warehouse="after")
    return bench, provider


def tear(bench: Bench, merged: tuple[str, ...]) -> None:
    """Makes `warehouse` of `before`, with the given tables as the torn load left them."""
    shutil.copy(bench.file("before"), bench.file())
    with duckdb.connect(str(bench.file())) as connection:
        connection.execute(f"ATTACH '{bench.file('after')}' AS other (READ_ONLY)")
        for name in merged:
            connection.execute(f"DELETE FROM {DATASET}.{name}")
            connection.execute(
                f"INSERT INTO {DATASET}.{name} BY NAME SELECT * FROM other.{DATASET}.{name}"
            )
    shutil.rmtree(bench.pipelines_dir, ignore_errors=True)


def cases() -> list[tuple[str, ...]]:
    each_alone = [(name,) for name in MERGED]
    all_but_one = [tuple(other for other in MERGED if other != name) for name in TABLES]
    grown = [tuple(itertools.islice(MERGED, count)) for count in (2, 4, 6, 8)]
    return [*each_alone, ("pages", "chunks"), *all_but_one, *grown, MERGED]


def assert_mended(bench: Bench, provider: str) -> None:
    bench.sync(provider)
    tables = bench.tables()
    # what is only ever added is true by itself, whichever load brought it
    assert_sound(tables, [*bench.loads(), *bench.loads("after")])
    whole = set(bench.loads())
    for name in ("jobs", *RESULT_TABLES):
        assert {row["_dlt_load_id"] for row in tables[name]} <= whole, f"{name} is still torn"
    truth = bench.truth(provider)
    assert_complete(tables, truth)
    assert_history_true(tables, truth)
    again = bench.sync(provider)
    assert (again.jobs_new, again.jobs_changed, again.status_events) == (0, 0, 0)


@pytest.mark.parametrize(
    ("torn_bench", "merged"),
    # each of the most telling mixes with one provider; with every one in the long run
    [
        ("llamacloud", ("jobs",)),
        ("unsiloed", ("segments",)),
        ("contextual", ("pages", "chunks")),
        ("llamacloud", ("extraction_results",)),
    ],
    ids=str,
    indirect=["torn_bench"],
)
def test_after_a_torn_load_the_next_sync_makes_everything_whole(
    torn_bench: tuple[Bench, str], merged: tuple[str, ...]
) -> None:
    bench, provider = torn_bench
    tear(bench, merged)
    assert_mended(bench, provider)


@pytest.mark.slow
def test_results_that_a_torn_load_had_replaced_come_again(make_bench: MakeBench) -> None:
    bench = make_bench()
    now = datetime.now(timezone.utc)
    # all but the first lie before the lag: nothing but torn rows makes a sync ask for them again
    for hours in (0, 10, 11):
        bench.emulator.add_job(
            "unsiloed", status="Succeeded", pages=2, created_at=now - timedelta(hours=hours)
        )
    bench.sync("unsiloed", warehouse="before")
    shutil.copy(bench.file("before"), bench.file("after"))
    bench.sync("unsiloed", warehouse="after", reload="all")
    tear(bench, ("segments",))
    torn = bench.query("SELECT DISTINCT _dlt_load_id FROM segments")
    assert torn
    assert not set(torn) & set(bench.query("SELECT load_id FROM _dlt_loads"))
    assert_mended(bench, "unsiloed")


@pytest.mark.slow
def test_a_run_whose_load_was_torn_has_its_row(torn_bench: tuple[Bench, str]) -> None:
    bench, provider = torn_bench
    tear(bench, ("jobs", "job_status_history"))
    bench.sync(provider)
    torn = [row for row in bench.tables()["sync_runs"] if row["exit_code"] == 137]
    events = bench.query(
        "SELECT run_id, count(*) AS events, min(observed_at) AS began FROM job_status_history"
        " WHERE _dlt_load_id NOT IN (SELECT load_id FROM _dlt_loads) GROUP BY run_id"
    )
    assert [(row["run_id"], row["status_events"], row["started_at"]) for row in torn] == events
    assert len(torn) == 1
    assert torn[0]["ok"] is False
    assert "broken off" in torn[0]["error"]
    # and it is not found again
    bench.sync(provider)
    assert [row for row in bench.tables()["sync_runs"] if row["exit_code"] == 137] == torn


@pytest.mark.slow
def test_a_merge_that_fails_leaves_what_was_there(make_bench: MakeBench) -> None:
    bench = make_bench()
    job = bench.emulator.add_job("unsiloed", "parse", status="Succeeded", pages=3)
    bench.sync("unsiloed")
    before = bench.query("SELECT * FROM chunks ORDER BY chunk_index")
    assert len(before) == job.facts.chunk_count > 0
    # each new row lacks what this column asks for: DELETE succeeds, and INSERT does not
    bench.query("ALTER TABLE chunks ADD COLUMN own VARCHAR DEFAULT 'mine'")
    bench.query("ALTER TABLE chunks ALTER COLUMN own SET NOT NULL")
    bench.query("ALTER TABLE chunks ALTER COLUMN own DROP DEFAULT")
    with pytest.raises(PipelineStepFailed):
        bench.sync("unsiloed", reload="all")
    left = bench.query("SELECT * EXCLUDE own FROM chunks ORDER BY chunk_index")
    assert left == before
    bench.query("ALTER TABLE chunks ALTER COLUMN own DROP NOT NULL")
    bench.sync("unsiloed", reload="all")
    tables = bench.tables()
    assert_sound(tables, bench.loads())
    assert_complete(tables, bench.truth("unsiloed"))


def test_a_package_that_another_machine_overtook_is_dropped(make_bench: MakeBench) -> None:
    bench = make_bench()
    emulator = bench.emulator
    emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    bench.sync("llamacloud")
    emulator.add_job("llamacloud", status="PENDING", pages=1)
    # this machine dies before it has loaded what it saw
    pipeline = bench.pipeline("llamacloud")
    prepare(pipeline)
    pipeline.extract(bench.source("llamacloud"))
    pipeline.normalize()
    assert pipeline.has_pending_data
    kept = bench.folder / "kept"
    bench.pipelines_dir.rename(kept)
    # another goes on
    emulator.advance(seconds=24 * 3600)
    bench.sync("llamacloud")
    told = bench.query("SELECT * FROM job_status_history ORDER BY event_id")
    assert len(told) >= 4
    # and this one comes back
    bench.forget_working_directory()
    kept.rename(bench.pipelines_dir)
    row = bench.sync("llamacloud")
    assert (row.exit_code, row.status_events) == (0, 0)
    assert bench.query("SELECT * FROM job_status_history ORDER BY event_id") == told
    tables = bench.tables()
    assert_sound(tables, bench.loads())
    assert_complete(tables, bench.truth("llamacloud"))


@pytest.mark.slow
@pytest.mark.parametrize("merged", cases(), ids=lambda case: "+".join(case)[:60])
def test_after_any_torn_load_the_next_sync_makes_everything_whole(
    torn_bench: tuple[Bench, str], merged: tuple[str, ...]
) -> None:
    bench, provider = torn_bench
    tear(bench, merged)
    assert_mended(bench, provider)
