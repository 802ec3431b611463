"""Packages that wait: for which warehouse they were made, and what a dead process left of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline
from loading_support import (
    DATASET,
    die_while_loading,
    fail_to_load,
    make_pipeline,
    numbers,
    pending,
    query,
)

from dlt_docjobs import dlt_internals
from dlt_docjobs.loading.pending import (
    drop_misplaced_packages,
    mend_broken_packages,
    note_base,
)
from dlt_docjobs.providers.registry import provider
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse.connection import connect, prepare

STAGING = f"{DATASET}_staging_plain"
DISPOSITIONS = pytest.mark.parametrize("disposition", ["merge", "append"])

SETTINGS = SyncSettings(provider("llamacloud"))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A pipeline, prepared as a run prepares it, into a warehouse that holds the number 1."""
    pipeline = make_pipeline(tmp_path)
    prepare(pipeline)
    pipeline.run(numbers(1))
    return pipeline


def another_machine(pipeline: Pipeline, tmp_path: Path, name: str = "plain") -> Pipeline:
    """A pipeline into the same warehouse, with a working directory of its own."""
    destination = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    return make_pipeline(tmp_path / "another", name, destination=destination)


def found(pipeline: Pipeline, table: str = "numbers") -> list[int]:
    return [row[0] for row in query(pipeline, f"SELECT number FROM {table} ORDER BY number")]


# -- for which warehouse ------------------------------------------------------------------------


def extract(pipeline: Pipeline, *resources: Any) -> None:
    """Extracts as a sync does."""
    with connect(pipeline) as client:
        note_base(pipeline, client, "plain", SETTINGS)
    pipeline.extract(list(resources))


def test_a_package_for_the_warehouse_as_it_is_waits_on(pipeline: Pipeline) -> None:
    extract(pipeline, numbers(2))
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    pipeline.normalize()
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    pipeline.run()
    assert found(pipeline) == [1, 2]


@pytest.mark.parametrize("is_normalised", [False, True])
def test_a_package_for_a_warehouse_that_has_gone_on_is_dropped(
    pipeline: Pipeline, tmp_path: Path, is_normalised: bool
) -> None:
    extract(pipeline, numbers(2))
    if is_normalised:
        pipeline.normalize()
    another_machine(pipeline, tmp_path).run(numbers(3))
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    assert not pipeline.has_pending_data
    pipeline.run(numbers(4))
    assert found(pipeline) == [1, 3, 4]


def test_a_package_for_a_warehouse_that_is_gone_is_dropped(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    extract(pipeline, numbers(2))
    (tmp_path / "warehouse.duckdb").unlink()
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    assert not pipeline.has_pending_data


def test_a_package_for_an_older_copy_of_the_warehouse_is_dropped(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    shutil.copy(tmp_path / "warehouse.duckdb", tmp_path / "copy.duckdb")
    pipeline.run(numbers(2))
    extract(pipeline, numbers(3))
    (tmp_path / "copy.duckdb").rename(tmp_path / "warehouse.duckdb")
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    assert not pipeline.has_pending_data


def test_a_first_package_waits_for_a_warehouse_that_is_still_empty(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    extract(pipeline, numbers(1))
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    pipeline.normalize()
    pipeline.load()
    assert found(pipeline) == [1]


def test_loads_of_other_accounts_and_loads_that_broke_off_drop_nothing(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    extract(pipeline, numbers(2))
    another_machine(pipeline, tmp_path, "other").run(numbers(3, name="others"))
    loads = f"INSERT INTO {DATASET}._dlt_loads (load_id, schema_name, status, inserted_at)"
    query(pipeline, f"{loads} VALUES ('9999999999.9', 'plain', 1, now())")
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    assert pipeline.has_pending_data


def test_a_package_of_which_nobody_knows_the_warehouse_waits_on(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    # the user's own `pipeline.extract`, or that of an older version
    pipeline.extract(numbers(2))
    another_machine(pipeline, tmp_path).run(numbers(3))
    drop_misplaced_packages(pipeline, "plain", SETTINGS)
    assert pipeline.has_pending_data


# -- extracted beside normalised ----------------------------------------------------------------


def test_an_extracted_package_beside_its_normalised_one_is_removed(pipeline: Pipeline) -> None:
    pipeline.extract(numbers(2))
    extracted = Path(pipeline.working_dir) / "normalize" / "extracted"
    kept = extracted.with_name("kept")
    shutil.copytree(extracted, kept)
    pipeline.normalize()
    shutil.copytree(kept, extracted, dirs_exist_ok=True)
    shutil.rmtree(kept)
    with pytest.raises(PipelineStepFailed):
        pipeline.normalize()
    mend_broken_packages(pipeline)
    assert not pipeline.list_extracted_load_packages()
    pipeline.run()
    assert found(pipeline) == [1, 2]


def test_packages_that_are_whole_stay_as_they_are(pipeline: Pipeline) -> None:
    mend_broken_packages(pipeline)
    pipeline.extract(numbers(2))
    mend_broken_packages(pipeline)
    assert len(pipeline.list_extracted_load_packages()) == 1
    pipeline.normalize()
    mend_broken_packages(pipeline)
    pipeline.run()
    assert found(pipeline) == [1, 2]


# -- copies that were broken off ----------------------------------------------------------------


def states(pipeline: Pipeline, load_id: str, table: str = "numbers") -> list[str]:
    copies = dlt_internals.copies_of_table(pipeline, load_id, table)
    return sorted(state for state, copied in copies if copied.file_format == "parquet")


def copied(pipeline: Pipeline, disposition: str) -> list[int]:
    """What a load's copies have left where they go."""
    if disposition == "merge":
        return found(pipeline, f"{STAGING}.numbers")
    return [number for number in found(pipeline) if number != 1]


@DISPOSITIONS
def test_what_a_dead_process_has_copied_is_removed_and_copied_anew(
    pipeline: Pipeline, disposition: str
) -> None:
    load_id = pending(pipeline, numbers(2, 3, write_disposition=disposition))
    die_while_loading(pipeline, "numbers", after=1)
    # it was told of the first one that it has arrived, and never of the second one
    assert states(pipeline, load_id) == ["completed_jobs", "started_jobs"]
    assert copied(pipeline, disposition) == [2, 3]
    mend_broken_packages(pipeline)
    assert states(pipeline, load_id) == ["new_jobs", "new_jobs"]
    assert copied(pipeline, disposition) == []
    pipeline.run()
    assert copied(pipeline, disposition) == [2, 3]
    assert found(pipeline) == [1, 2, 3]


@pytest.mark.slow
@DISPOSITIONS
def test_what_a_dead_process_knew_to_have_arrived_and_had_not_moved_yet_is_copied_anew(
    pipeline: Pipeline, disposition: str
) -> None:
    load_id = pending(pipeline, numbers(2, 3, write_disposition=disposition))
    die_while_loading(pipeline, "numbers", after=1)
    # as a moment earlier: the thread that copied it has left a note, which dlt's loop reads
    packages = pipeline._get_load_storage().normalized_packages
    for state, one in dlt_internals.copies_of_table(pipeline, load_id, "numbers"):
        if state == "completed_jobs" and one.file_format == "parquet":
            packages._move_job(load_id, state, "started_jobs", one.file_name())
            packages.save_pending_transition(load_id, one.file_name(), "completed")
    assert states(pipeline, load_id) == ["started_jobs", "started_jobs"]
    mend_broken_packages(pipeline)
    # the next process to die would leave a file that the note says has arrived
    assert not packages.list_pending_transitions(load_id)
    pipeline.run()
    assert copied(pipeline, disposition) == [2, 3]
    assert found(pipeline) == [1, 2, 3]


@pytest.mark.slow
@DISPOSITIONS
def test_what_was_copied_and_then_said_to_have_failed_is_removed_and_copied_anew(
    pipeline: Pipeline, disposition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_id = pending(pipeline, numbers(2, 3, write_disposition=disposition))
    fail_to_load(pipeline, "numbers", monkeypatch, after=1)
    assert states(pipeline, load_id) == ["completed_jobs", "new_jobs"]
    mend_broken_packages(pipeline)
    assert copied(pipeline, disposition) == []
    assert states(pipeline, load_id) == ["new_jobs", "new_jobs"]
    pipeline.run()
    assert copied(pipeline, disposition) == [2, 3]
    assert found(pipeline) == [1, 2, 3]


@pytest.mark.slow
@DISPOSITIONS
def test_it_can_happen_again_and_again(
    pipeline: Pipeline, disposition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending(pipeline, numbers(2, 3, write_disposition=disposition))
    for after in (0, 1, 0):
        fail_to_load(pipeline, "numbers", monkeypatch, after)
        mend_broken_packages(pipeline)
        mend_broken_packages(pipeline)
    pipeline.run()
    assert found(pipeline) == [1, 2, 3]


def test_without_mending_the_rows_would_stand_twice(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending(pipeline, numbers(2, 3))
    fail_to_load(pipeline, "numbers", monkeypatch, after=1)
    pipeline.run()
    assert found(pipeline) in ([1, 2, 2, 3], [1, 2, 3, 3])


def test_other_tables_of_the_package_keep_what_they_have(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_id = pending(pipeline, numbers(2), numbers(5, name="others"))
    fail_to_load(pipeline, "numbers", monkeypatch)
    assert states(pipeline, load_id, "others") == ["completed_jobs"]
    mend_broken_packages(pipeline)
    assert states(pipeline, load_id, "others") == ["completed_jobs"]
    assert found(pipeline, "others") == [5]
    pipeline.run()
    assert (found(pipeline), found(pipeline, "others")) == ([1, 2], [5])


def test_rows_of_other_loads_stay(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pending(pipeline, numbers(2, 3))
    fail_to_load(pipeline, "numbers", monkeypatch)
    mend_broken_packages(pipeline)
    assert found(pipeline) == [1]


def test_a_merge_that_was_broken_off_is_run_again_over_the_same_copies(
    pipeline: Pipeline,
) -> None:
    load_id = pending(pipeline, numbers(2, 3, write_disposition="merge"))
    die_while_loading(pipeline, "numbers", kind="sql")
    mend_broken_packages(pipeline)
    assert states(pipeline, load_id) == ["completed_jobs", "completed_jobs"]
    assert found(pipeline, f"{STAGING}.numbers") == [2, 3]
    pipeline.run()
    assert found(pipeline) == [1, 2, 3]


def test_copies_into_a_table_that_is_not_there_are_left_to_dlt(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_id = pending(pipeline, numbers(2, 3))
    fail_to_load(pipeline, "numbers", monkeypatch, after=1)
    query(pipeline, "DROP TABLE numbers")
    mend_broken_packages(pipeline)
    assert states(pipeline, load_id) == ["completed_jobs", "new_jobs"]


def test_a_file_that_is_copied_again_takes_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = dlt.destinations.filesystem((tmp_path / "files").as_uri())
    pipeline = make_pipeline(tmp_path, destination=files)
    prepare(pipeline)
    pipeline.run(numbers(1))
    load_id = pending(pipeline, numbers(2, 3))
    fail_to_load(pipeline, "numbers", monkeypatch, after=1)
    before = states(pipeline, load_id)
    mend_broken_packages(pipeline)
    assert states(pipeline, load_id) == before
    pipeline.run()
    assert found(pipeline) == [1, 2, 3]
