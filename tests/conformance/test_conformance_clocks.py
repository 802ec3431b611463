"""History bounds hold the truth, whatever the rhythm of the syncs and the provider's clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import pytest
from conformance_bench import KINDS, NO_RESULTS_BUT_RUNS, PROVIDERS, Bench, MakeBench

from dlt_docjobs.emulator import TrueJob
from dlt_docjobs.testing.checks import assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables

# both signs where creations are bracketed by the provider's clock
CASES = [(provider, 0.0) for provider in PROVIDERS]
CASES += [("llamacloud", 90.0), ("contextual", 90.0), ("contextual", -90.0), ("unsiloed", -90.0)]


@dataclass
class Watch:
    """Syncs at random moments of an account's life, under a clock that is off by `skew`."""

    provider: str
    skew: timedelta
    bench: Bench
    tables: list[Tables] = field(default_factory=list)
    loads: list[list[str]] = field(default_factory=list)
    truth: list[list[TrueJob]] = field(default_factory=list)


@pytest.fixture(
    scope="module",
    params=CASES,
    ids=lambda param: f"{param[0]}, {param[1]:+.0f} s",
)
def watch(request: pytest.FixtureRequest, make_bench: MakeBench) -> Watch:
    """Two syncs of a provider."""
    provider, skew = request.param
    rng = random.Random(f"{provider} {skew}")
    bench = make_bench(seed=rng.randrange(10**6))
    bench.emulator.faults.clock_skew_seconds = skew
    watch = Watch(provider, timedelta(seconds=skew), bench)
    for _ in range(2):
        for kind in KINDS:
            for _ in range(4):
                bench.emulator.add_job(provider, kind, pages=rng.randint(1, 3))
        for _ in range(rng.randint(1, 3)):
            bench.emulator.advance(rng.choice((5, 20, 60)))
        bench.sync(provider, only=NO_RESULTS_BUT_RUNS)
        watch.tables.append(bench.tables())
        watch.loads.append(bench.loads())
        watch.truth.append(bench.truth(provider))
    return watch


def test_every_event_lies_within_its_bounds(watch: Watch) -> None:
    # with a clock that is off the truth is read from it, as the provider's dates are; what the
    # Date header tells of it is good to a second
    for tables in watch.tables:
        assert_history_true(tables, watch.bench.emulator.jobs(), watch.skew)


def test_the_warehouse_is_sound_and_whole(watch: Watch) -> None:
    for tables, loads, truth in zip(watch.tables, watch.loads, watch.truth, strict=True):
        assert_sound(tables, loads)
        statuses = {row["job_id"]: row["provider_status"] for row in tables["jobs"]}
        assert statuses == {job.job_id: job.provider_status for job in truth}


def test_there_is_life_to_watch(watch: Watch) -> None:
    seen = {event["job_id"] for event in watch.tables[0]["job_status_history"]}
    later = watch.tables[-1]["job_status_history"]
    before = sum(event["job_id"] in seen for event in watch.tables[0]["job_status_history"])
    assert sum(event["job_id"] in seen for event in later) > before


def test_bounds_never_shrink_or_move(watch: Watch) -> None:
    for before, after in pairwise(watch.tables):
        events = {row["event_id"]: row for row in after["job_status_history"]}
        for row in before["job_status_history"]:
            assert events[row["event_id"]] == row
