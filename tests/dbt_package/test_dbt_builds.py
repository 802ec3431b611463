"""dbt itself installs and builds the package, on DuckDB and PostgreSQL. `.ci/dbt` runs these."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from dbt_support import DBT, Project, Ran
from views_support import MakeWarehouse, Warehouse, at, history, job, page, run_row

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS

pytestmark = [
    pytest.mark.slow,
    # a build is 200 statements, and half a minute of processor
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not DBT.exists(), reason="dbt is not installed here: .ci/dbt does it, and runs these"
    ),
]
KINDS = ("duckdb", "postgres")

MakeProject = Callable[[Warehouse], Project]


@pytest.fixture(scope="module")
def make_project(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    """Makes a project over a warehouse."""

    def make(warehouse: Warehouse) -> Project:
        address = "" if str(warehouse) == "duckdb" else f"{postgres_server}/postgres"
        return Project(tmp_path_factory.mktemp("project"), warehouse, address)

    return make


@pytest.fixture(scope="module")
def lived(make_warehouse: MakeWarehouse) -> Iterator[dict[str, Warehouse]]:
    """A warehouse of each kind with the same jobs, synced from the emulator."""
    warehouses = {kind: make_warehouse(kind) for kind in KINDS}
    synced = warehouses["duckdb"]
    with Emulator(seed=11, jobs=40) as emulator:
        synced.sync(emulator)
        emulator.advance(600)
        synced.sync(emulator)
    warehouses["postgres"].load(**{name: synced.rows(name) for name in TABLES})
    for warehouse in warehouses.values():
        warehouse.install()
    yield warehouses


@pytest.fixture(scope="module", params=KINDS)
def built(
    request: pytest.FixtureRequest, lived: dict[str, Warehouse], make_project: MakeProject
) -> tuple[Project, Ran]:
    """A project over a warehouse in which jobs have lived, and what a build of it did."""
    project = make_project(lived[request.param])
    return project, project.dbt("build")


def test_every_model_is_built_and_every_test_passes(built: tuple[Project, Ran]) -> None:
    _, ran = built
    assert ran.code == 0, ran.said
    assert ran.with_status("success") >= set(VIEWS)
    failed = ran.with_status("fail", "error", "skipped", "runtime error")
    assert not failed, ran.said
    # what is of low quality, or was cut off, is the emulator's doing
    assert ran.with_status("warn") <= {"docjobs_failed_pages", "docjobs_doubtful_pages"}
    assert len(ran.statuses) > 150


@pytest.mark.parametrize("name", VIEWS)
def test_a_models_rows_are_the_views(name: str, built: tuple[Project, Ran]) -> None:
    project, _ = built
    view = f"{{d}}.{name}"
    model = f'"{project.schema}"."{name}"'
    for one, other in ((view, model), (model, view)):
        # in one statement, in which the current time stands still
        differing = project.warehouse.execute(
            f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}"
        )
        assert differing == []
    columns = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = '{}'"
        " AND table_schema = '{}' ORDER BY ordinal_position"
    )
    dataset = project.warehouse.dataset
    of_view = project.warehouse.execute(columns.format(name, dataset))
    assert of_view == project.warehouse.execute(columns.format(name, project.schema))
    assert [column for (column,) in of_view] == [column.name for column in VIEWS[name].columns]


def test_the_source_is_fresh(built: tuple[Project, Ran]) -> None:
    project, _ = built
    ran = project.dbt("source", "freshness", "--select", "source:docjobs")
    assert (ran.code, "PASS freshness of docjobs.sync_runs" in ran.said) == (0, True), ran.said
    stale = "{docjobs_warn_after_hours: 0, docjobs_error_after_hours: 0}"
    ran = project.dbt("source", "freshness", "--vars", stale)
    assert (ran.code, "ERROR STALE freshness" in ran.said) == (1, True), ran.said


def test_the_dataset_itself_is_no_place_for_models(built: tuple[Project, Ran]) -> None:
    project, _ = built
    ran = project.dbt("run", "--target", "theirs", "--select", "job_failures")
    assert ran.code != 0
    assert "would write into the dataset" in ran.said
    assert ran.with_status("success") == set()


def test_nothing_in_it_is_deprecated(built: tuple[Project, Ran]) -> None:
    project, _ = built
    ran = project.dbt("--warn-error", "parse", "--no-partial-parse")
    assert ran.code == 0, ran.said


def test_a_segment_table_can_be_left_out(built: tuple[Project, Ran]) -> None:
    project, _ = built
    ran = project.dbt("ls", "--resource-type", "test", "--exclude", "source:docjobs.segments")
    listed = ran.said
    assert "not_null_jobs_status" in listed or "source_not_null_docjobs_jobs_status" in listed
    assert "source_not_null_docjobs_segments_" not in listed


@pytest.mark.parametrize("kind", KINDS)
def test_empty_tables_pass(
    kind: str, make_warehouse: MakeWarehouse, make_project: MakeProject
) -> None:
    warehouse = make_warehouse(kind)
    warehouse.load()
    ran = make_project(warehouse).dbt("build")
    assert ran.code == 0, ran.said
    assert not ran.with_status("fail", "error", "skipped", "warn"), ran.said


# -- what the tests find ------------------------------------------------------------------------

DAY = 86400


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_is_found(
    kind: str, make_warehouse: MakeWarehouse, make_project: MakeProject
) -> None:
    """Rows that no sync writes, a day of bad pages after a worse one, one of empty ones at last."""
    warehouse = make_warehouse(kind)
    other = {"account": "other"}
    warehouse.load(
        jobs=[
            job("twice"),
            job("twice"),
            job("odd", status="strange", results_state="lost", job_kind="dance"),
            job("bad", created_at=at(10 * DAY)),
            job("worse", created_at=at(8 * DAY)),
            *(job(f"other-{day}", created_at=at(day * DAY), **other) for day in range(8)),
        ],
        job_status_history=history("nobody", ("queued", 0)),
        pages=[
            *(page("bad", number, is_failed=number <= 3) for number in range(1, 20)),
            page("bad", 20, confidence=0.3),
            *(page("worse", number, is_failed=True) for number in range(1, 31)),
            page("gone", 1),
            *(
                page(f"other-{day}", number, segment_count=int(day < 7), **other)
                for day in range(8)
                for number in range(1, 21)
            ),
        ],
        sync_runs=[run_row("run", at(-100 * DAY))],
    )
    project = make_project(warehouse)
    ran = project.dbt("build")
    assert ran.code == 1
    failed = ran.with_status("fail")
    for test in (
        "unique_together_docjobs_jobs",
        "accepted_values_docjobs_jobs_status",
        "accepted_values_docjobs_jobs_results_state",
        "accepted_values_docjobs_jobs_job_kind",
        "belongs_to_docjobs_job_status_history",
        "belongs_to_docjobs_pages",
    ):
        found = {name for name in failed if test in name}
        assert found, (test, failed)
        failed -= found
    assert not failed, "found where nothing is wrong"
    quality = (
        *("docjobs_failed_pages", "docjobs_doubtful_pages", "docjobs_every_account_is_synced"),
        "docjobs_quality_unchanged",
    )
    assert project.dbt("run").code == 0
    ran = project.dbt("test", "--select", *quality)
    assert ran.code == 0, ran.said
    # of 17 pages that did not fail one is doubtful; that are too few
    assert ran.with_status("warn") == {quality[0], *quality[2:]}, ran.said
    shares = (
        "{docjobs_max_failed_pages: 0.2, docjobs_max_doubtful_pages: 0.05, docjobs_min_pages: 5}"
    )
    ran = project.dbt("test", "--select", *quality, "--vars", shares)
    assert ran.with_status("warn") == set(quality[1:]), ran.said
