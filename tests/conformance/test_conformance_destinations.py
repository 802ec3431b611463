"""The same sync on every destination that runs on a developer's machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conformance_bench import RESULTS, result_of
from conformance_destinations import (
    DESTINATIONS,
    SERVERS,
    DestinationBench,
    install_extensions,
)

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.loading.failures import record_failure
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables, job_row, of_job, without

PROVIDER = "unsiloed"
# the whole story, told in the first test's time: lakes behind servers take long
pytestmark = pytest.mark.timeout(1200)


@dataclass
class Story:
    """What each sync left, by its name."""

    bench: DestinationBench
    late: str = ""
    shorter: str = ""
    empty: str = ""
    runs: dict[str, SyncRun] = field(default_factory=dict)
    tables: dict[str, Tables] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def sync(self, name: str, **arguments: object) -> None:
        self.runs[name] = self.bench.sync(PROVIDER, **arguments)
        self.tables[name] = self.bench.tables()


class _Heard(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@pytest.fixture(scope="module", params=DESTINATIONS)
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """A first sync; another; a late end; shorter results; a machine that keeps nothing."""
    kind = request.param
    folder: Path = tmp_path_factory.mktemp(kind)
    install_extensions(kind, folder)
    address = request.getfixturevalue(SERVERS[kind]) if kind in SERVERS else ""
    with Emulator(jobs=0) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        story = Story(DestinationBench(emulator, folder, kind, address))
        listener = _Heard(story.warnings)
        for name in ("dlt", "dlt_docjobs"):
            logging.getLogger(name).addHandler(listener)
        tell(story, emulator)
        for name in ("dlt", "dlt_docjobs"):
            logging.getLogger(name).removeHandler(listener)
        yield story


def tell(story: Story, emulator: Emulator) -> None:
    add = emulator.add_job
    story.shorter = add(PROVIDER, status="Succeeded", pages=3).job_id
    story.empty = add(PROVIDER, status="Succeeded", pages=2).job_id
    add(PROVIDER, "extract", status="completed")
    add(PROVIDER, status="Failed")
    story.late = add(PROVIDER, status="Processing", pages=2, hang=True).job_id
    story.sync("first")
    story.sync("again")
    emulator.set_status(story.late, "Succeeded")
    story.sync("late")
    emulator.reprocess(story.shorter, result=result_of(PROVIDER, "parse", ["only page"]))
    emulator.reprocess(story.empty, pages=0)
    story.sync("shorter", reload="all")
    refused = story.bench.sync(PROVIDER, api_key="another")
    record_failure(story.bench.pipeline(PROVIDER), PROVIDER, refused._replace(run_id="failed"))
    story.bench.forget_working_directory()
    story.sync("elsewhere")


def test_every_sync_goes_well(story: Story) -> None:
    assert {name: run.error for name, run in story.runs.items()} == dict.fromkeys(story.runs)


@pytest.mark.parametrize("step", ["first", "again", "late", "shorter", "elsewhere"])
def test_the_tables_are_sound(story: Story, step: str) -> None:
    assert_sound(story.tables[step], story.bench.loads())
    assert_history_true(story.tables[step], story.bench.truth(PROVIDER))


@pytest.mark.proves("first sync", *DESTINATIONS)
def test_the_tables_are_complete_and_true(story: Story) -> None:
    assert_complete(story.tables["elsewhere"], story.bench.truth(PROVIDER))


@pytest.mark.proves("repeat", *DESTINATIONS)
def test_a_sync_again_changes_nothing(story: Story) -> None:
    before, after = story.tables["first"], story.tables["again"]
    run = story.runs["again"]
    assert (run.jobs_new, run.jobs_changed, run.status_events, run.results_loaded) == (0, 0, 0, 0)
    for name in (*RESULTS, "job_status_history", "job_progress", "rejected_records"):
        assert after[name] == before[name], name
    moving = ("last_observed_at", "run_id", "_dlt_load_id")
    assert without(after["jobs"], *moving) == without(before["jobs"], *moving)
    assert len(after["sync_runs"]) == len(before["sync_runs"]) + 1


@pytest.mark.proves("late change", *DESTINATIONS)
def test_a_job_that_ends_later_is_loaded(story: Story) -> None:
    assert job_row(story.tables["again"], story.late)["results_state"] == "not_ready"
    assert story.runs["late"].results_loaded == 1
    row = job_row(story.tables["late"], story.late)
    assert (row["status"], row["results_state"]) == ("succeeded", "loaded")
    assert len(of_job(story.tables["late"], "chunks", story.late)) == row["chunk_count"] > 0


def test_a_shorter_result_leaves_no_row_of_the_longer_one(story: Story) -> None:
    before, after = story.tables["late"], story.tables["shorter"]
    for name in ("pages", "chunks", "segments", "segment_ocr"):
        assert len(of_job(before, name, story.shorter)) > 1
        assert len(of_job(after, name, story.shorter)) == 1
        assert of_job(before, name, story.empty)
        assert not of_job(after, name, story.empty)
    assert of_job(after, "chunks", story.shorter)[0]["content"] == "only page"


@pytest.mark.proves("another machine", *DESTINATIONS)
def test_on_another_machine_nothing_is_fetched_again(story: Story) -> None:
    run = story.runs["elsewhere"]
    assert (run.jobs_new, run.jobs_changed, run.status_events, run.results_loaded) == (0, 0, 0, 0)
    for name in RESULTS:
        assert story.tables["elsewhere"][name] == story.tables["shorter"][name], name


def test_the_row_of_a_failed_run_is_written(story: Story) -> None:
    found = [row["run_id"] for row in story.tables["elsewhere"]["sync_runs"]]
    assert found.count("failed") == 1


def test_what_a_destination_lacks_is_said_once_a_run(story: Story) -> None:
    said = [text for text in story.warnings if "merge" in text or "delete" in text]
    lacks = {"files": "plain files cannot merge", "iceberg": "cannot delete"}
    if story.bench.layout not in lacks:
        assert said == []
        return
    # the one that was refused said it as well
    assert len(said) == len(story.runs) + 1
    assert all(lacks[story.bench.layout] in text for text in said)
