"""`docjobs views`, and the views at the end of `docjobs sync`."""

from __future__ import annotations

import dlt
import duckdb
import pytest
from cli_support import MakePlace, Place

from dlt_docjobs.views import VIEWS


def views_of(place: Place) -> set[str]:
    return {
        row[0] for row in place.query("SELECT view_name FROM duckdb_views() WHERE NOT internal")
    }


def execute(place: Place, sql: str) -> None:
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        connection.execute(sql)


@pytest.fixture
def place(make_place: MakePlace) -> Place:
    place = make_place("contextual", jobs=6)
    return place


def test_a_sync_creates_what_is_missing(place: Place) -> None:
    assert place.run("sync").code == 0
    assert views_of(place) == {*VIEWS, "docjobs_views"}
    assert place.count("job_timeline") == place.count("jobs")
    execute(place, "DROP VIEW docjobs.job_daily")
    ran = place.run("sync")
    assert (ran.code, ran.err) == (0, "")
    assert "job_daily" in views_of(place)


@pytest.mark.slow
def test_a_python_user_finds_the_views_of_a_sync_in_the_dataset(place: Place) -> None:
    assert place.run("sync").code == 0
    pipeline = dlt.pipeline(
        "docjobs_contextual",
        pipelines_dir=str(place.folder / ".data" / "pipelines"),
        destination=dlt.destinations.duckdb(str(place.folder / "warehouse.duckdb")),
        dataset_name="docjobs",
    )
    assert len(pipeline.dataset()["job_timeline"].fetchall()) == place.count("jobs")


def test_a_sync_that_is_told_not_to_leaves_them(place: Place) -> None:
    assert place.run("sync", "--no-views").code == 0
    assert views_of(place) == set()


@pytest.mark.slow
def test_a_sync_of_one_provider_after_another_brings_them(make_place: MakePlace) -> None:
    """The first provider's failure does not matter, if another one's data is loaded."""
    place = make_place("llamacloud", "contextual", jobs=6)
    broken = {"LLAMA_CLOUD_API_KEY": "wrong"}
    assert place.run("sync", "llamacloud", "contextual", env=broken).code == 3
    assert {*VIEWS} <= views_of(place)


def test_what_is_in_the_way_is_a_warning_and_no_failure(place: Place) -> None:
    assert place.run("sync", "--no-views").code == 0
    execute(place, "CREATE TABLE docjobs.job_daily AS SELECT 42 AS mine")
    ran = place.run("sync", "--json")
    assert (ran.code, ran.json["exit_code"]) == (0, 0)
    assert ran.err.startswith("docjobs sync: warning: the data is loaded, but the views are not")
    assert "a table job_daily that dlt-docjobs did not make" in ran.err
    assert place.query("SELECT mine FROM docjobs.job_daily") == [(42,)]
    ran = place.run("views")
    assert ran.code == 2
    assert "a table job_daily" in ran.err
    assert place.query("SELECT mine FROM docjobs.job_daily") == [(42,)]


def test_views_says_what_each_is(place: Place) -> None:
    place.run("sync", "--no-views")
    for _ in range(2):
        ran = place.run("views")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == f"{len(VIEWS)} views in docjobs:"
        for name, view in VIEWS.items():
            assert f"  {name:<18}  {view.description}" in ran.out
    assert {*VIEWS} <= views_of(place)


def test_views_before_the_first_sync(place: Place) -> None:
    ran = place.run("views")
    assert ran.code == 2
    assert "run `docjobs sync` first" in ran.err
    assert not (place.folder / "warehouse.duckdb").exists()


def test_plain_files_are_synced_without_a_word_and_views_says_why(place: Place) -> None:
    lake = {"DESTINATION__FILESYSTEM__BUCKET_URL": f"file://{place.folder}/lake"}
    ran = place.run("sync", "--destination", "filesystem", env=lake)
    assert (ran.code, ran.err) == (0, "")
    ran = place.run("views", "--destination", "filesystem", env=lake)
    assert ran.code == 2
    assert "the destination filesystem keeps files or documents and has no views" in ran.err


@pytest.mark.slow
def test_reset_and_forget_go_on_beneath_the_views(place: Place) -> None:
    assert place.run("sync").code == 0
    job_id = place.query("SELECT job_id FROM docjobs.jobs LIMIT 1")[0][0]
    place.write("erase.txt", job_id)
    assert place.run("forget", "--job-ids-file", "erase.txt").code == 0
    assert place.count("job_timeline", f"job_id = '{job_id}'") == 0
    assert place.run("reset", "contextual", "--yes").code == 0
    assert place.count("job_timeline") == 0
