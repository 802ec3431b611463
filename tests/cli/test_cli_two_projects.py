"""Two projects of one user: different warehouses, and dlt's one directory of pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_support import MakePlace, Place

from dlt_docjobs.accounts.pipelines import make_pipeline, parse_account
from dlt_docjobs.locks.local import free_directory, pipeline_lock


@pytest.fixture
def projects(make_place: MakePlace, tmp_path: Path) -> tuple[Place, Place]:
    first = make_place("contextual", jobs=4)
    second = make_place("contextual", emulator=first.emulator)
    for place in (first, second):
        place.env["DLT_DATA_DIR"] = str(tmp_path)
    return first, second


@contextmanager
def syncing(place: Place) -> Iterator[None]:
    """As long as a sync of the place takes."""
    with place.inside():
        pipeline = make_pipeline(parse_account("contextual"), "duckdb", "docjobs")
        with pipeline_lock(pipeline):
            yield


@pytest.mark.slow
def test_a_sync_into_another_warehouse_is_not_in_the_way(
    projects: tuple[Place, Place], tmp_path: Path
) -> None:
    first, second = projects
    with syncing(first):
        beside = second.spawn("sync")
        assert (beside.code, beside.err) == (0, "")
        assert second.count("jobs") == len(first.emulator.jobs("contextual"))
        # of the same warehouse it is
        assert first.spawn("sync").code == 75
        # and what the first project asked for is asked for again by nobody
        assert "nothing" in second.spawn("sync").out
    (folder,) = tmp_path.glob("pipelines/docjobs_*/docjobs_contextual")
    assert (folder / "state.json").exists()
    # with the usual directory, which knows nothing of this warehouse, nothing is lost or doubled
    before = second.snapshot()
    assert second.spawn("sync").code == 0
    assert second.snapshot() == before
    assert first.spawn("sync").code == 0
    assert first.count("jobs") == second.count("jobs")


@pytest.mark.slow
def test_the_usual_directory_is_kept_where_nobody_works(projects: tuple[Place, Place]) -> None:
    first, second = projects
    assert first.spawn("sync").code == 0
    with second.inside():
        pipeline = make_pipeline(parse_account("contextual"), "duckdb", "docjobs")
        assert free_directory(pipeline) is None
        assert Path(pipeline.working_dir).parent.name == "pipelines"
