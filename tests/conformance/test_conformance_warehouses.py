"""Warehouses and working directories come and go: the cursor belongs to the warehouse."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from conformance_bench import PROVIDERS, RESULTS, Bench, MakeBench

from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables

STEPS = ("first", "other", "first anew")


@dataclass
class Move:
    """Every provider into one warehouse, another one, the first one anew; then from elsewhere."""

    bench: Bench
    runs: dict[str, dict[str, SyncRun]] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)
    loads: dict[str, list[str]] = field(default_factory=dict)
    results: dict[str, int] = field(default_factory=dict)

    def sync(self, step: str, warehouse: str) -> None:
        self.runs[step], self.results[step] = {}, 0
        for provider in PROVIDERS:
            self.runs[step][provider] = self.bench.sync(provider, warehouse=warehouse)
            self.results[step] += len(self.bench.results)
        self.tables[step] = self.bench.tables(warehouse)
        self.loads[step] = self.bench.loads(warehouse)


@pytest.fixture(scope="module")
def move(make_bench: MakeBench) -> Move:
    """Four rounds of three syncs."""
    move = Move(make_bench(jobs=24, seed=3))
    move.sync("first", "one")
    move.sync("other", "two")
    move.bench.file("one").unlink()
    move.sync("first anew", "one")
    move.bench.forget_working_directory()
    move.sync("elsewhere", "two")
    return move


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_warehouse_is_filled_from_the_beginning(move: Move, step: str, provider: str) -> None:
    truth = move.bench.truth(provider)
    run = move.runs[step][provider]
    assert (run.exit_code, run.jobs_new) == (0, len(truth))
    assert_complete(move.tables[step], truth)


@pytest.mark.parametrize("step", (*STEPS, "elsewhere"))
def test_every_warehouse_is_sound_and_true(move: Move, step: str) -> None:
    assert_sound(move.tables[step], move.loads[step])
    assert_history_true(move.tables[step], move.bench.emulator.jobs())
    providers = {row["provider"] for row in move.tables[step]["jobs"]}
    assert providers == set(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_provider_counts_its_own_jobs_only(move: Move, provider: str) -> None:
    opened = sum(not job.is_terminal for job in move.bench.truth(provider))
    for runs in move.runs.values():
        assert runs[provider].open_jobs == opened
        assert runs[provider].pending_results == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_without_its_working_directory_a_sync_finds_nothing_new(move: Move, provider: str) -> None:
    run = move.runs["elsewhere"][provider]
    assert (run.exit_code, run.jobs_new, run.jobs_changed, run.status_events) == (0, 0, 0, 0)
    assert run.cursor is not None
    assert run.cursor >= move.runs["other"][provider].cursor


def test_without_its_working_directory_a_sync_changes_nothing(move: Move) -> None:
    assert move.results["elsewhere"] == 0
    for name in (*RESULTS, "job_status_history", "job_progress", "rejected_records"):
        assert move.tables["elsewhere"][name] == move.tables["other"][name]
