"""However the work is cut into load packages, the warehouse ends up the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest
from conformance_bench import (
    FAILURE_WORD,
    KINDS,
    PROVIDERS,
    RUNNING_WORD,
    SUCCESS_WORD,
    Bench,
    MakeBench,
)

from dlt_docjobs.emulator import RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Row, Tables, ref_of, without

PACKAGE = 6


@dataclass
class Cuts:
    """The same account, loaded at once, in small packages, and package by package."""

    bench: Bench
    at_once: Tables
    run: SyncRun
    requests: list[RequestRecord]
    packages: Tables
    plain_runs: int
    plain: Tables


@pytest.fixture(scope="module", params=PROVIDERS)
def cuts(request: pytest.FixtureRequest, make_bench: MakeBench) -> Cuts:
    """Ten jobs of a provider, loaded in three ways."""
    provider = request.param
    bench = make_bench()
    now = datetime.now(timezone.utc)
    for kind in KINDS:
        words = [SUCCESS_WORD, SUCCESS_WORD, FAILURE_WORD, SUCCESS_WORD, RUNNING_WORD]
        for days, word in enumerate(words):
            bench.emulator.add_job(
                provider,
                kind,
                status=word[provider, kind],
                created_at=now - timedelta(days=days, hours=2),
                pages=2,
                hang=word is RUNNING_WORD,
            )
    bench.sync(provider, warehouse="at_once")
    run = bench.sync(provider, warehouse="packages", max_jobs_per_package=PACKAGE, page_size=3)
    requests = bench.requests
    plain_runs = known = 0
    while known < 10 and plain_runs < 6:
        source = bench.source(provider, max_jobs_per_package=PACKAGE, page_size=3)
        bench.pipeline(provider, "plain").run(source)
        plain_runs += 1
        known = len(bench.query("SELECT 1 FROM jobs", warehouse="plain"))
    return Cuts(
        bench,
        bench.tables("at_once"),
        run,
        requests,
        bench.tables("packages"),
        plain_runs,
        bench.tables("plain"),
    )


def jobs_by_load(tables: Tables) -> Counter[str]:
    """How many jobs each load has brought news of."""
    news = {(row["_dlt_load_id"], ref_of(row)) for row in tables["job_status_history"]}
    return Counter(load for load, _ in news)


def contents(tables: Tables) -> dict[str, list[Row]]:
    """What must not depend on how, when and in how many steps it was loaded."""
    written = ("run_id", "_dlt_load_id", "loaded_at", "observed_at", "last_observed_at")
    written += ("first_seen_at",)
    bounds = ("created_at", "created_at_earliest", "created_at_latest", "results_expire_at")
    times = ("occurred_at", "occurred_at_earliest", "occurred_at_latest")
    found = {name: without(rows, *written) for name, rows in tables.items() if name != "sync_runs"}
    for row in found["jobs"]:
        if row["created_at_precision"] == "bounded":
            row.update(dict.fromkeys(bounds))
    for row in found["job_status_history"]:
        if row["occurred_at_source"] == "observed":
            row.update(dict.fromkeys(times))
    return found


def test_no_package_holds_more_jobs_than_asked_for(cuts: Cuts) -> None:
    assert max(jobs_by_load(cuts.at_once).values()) > PACKAGE
    assert max(jobs_by_load(cuts.packages).values()) <= PACKAGE
    assert max(jobs_by_load(cuts.plain).values()) <= PACKAGE


def test_small_packages_load_what_one_large_one_loads(cuts: Cuts) -> None:
    assert contents(cuts.packages) == contents(cuts.at_once)
    assert cuts.run.exit_code == 0
    assert cuts.run.jobs_new == 10


def test_plain_runs_go_on_where_the_last_one_stopped(cuts: Cuts) -> None:
    assert contents(cuts.plain) == contents(cuts.at_once)
    assert cuts.plain_runs == 2


def test_one_run_is_one_row_however_many_packages_it_took(cuts: Cuts) -> None:
    (row,) = cuts.packages["sync_runs"]
    assert {key: row[key] for key in cuts.run._fields} == cuts.run._asdict()
    assert len(cuts.plain["sync_runs"]) == cuts.plain_runs


def test_a_run_asks_for_each_list_page_and_each_result_once(cuts: Cuts) -> None:
    asked = Counter((record.path, *record.query) for record in cuts.requests)
    twice = {key for key, count in asked.items() if count > 1}
    # a page is looked at again when the next one was read, for jobs that slipped to it; and the
    # newest span of a list without dates after the older ones, for jobs that came meanwhile
    lists = {record.path for record in cuts.bench.lists}
    assert {path for path, *_ in twice} <= lists
    assert max(asked.values()) <= (4 if cuts.run.provider == "contextual" else 2)


@pytest.mark.parametrize("way", ["at_once", "packages", "plain"])
def test_every_way_is_sound_and_true(cuts: Cuts, way: str) -> None:
    tables = getattr(cuts, way)
    truth = cuts.bench.truth(cuts.run.provider)
    assert_sound(tables, cuts.bench.loads(way))
    assert_complete(tables, truth)
    assert_history_true(tables, truth)
