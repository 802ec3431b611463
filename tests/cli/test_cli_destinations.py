"""Where rows go: DuckDB's file and memory, and what must not happen to the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dlt
import pytest
from cli_support import MakePlace, Place
from dlt.common.runtime import anon_tracker
from dlt.extract.source import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.warehouse.connection import install_defaults

CREDENTIALS = "DESTINATION__DUCKDB__CREDENTIALS"
FILES = {
    "nothing": ({}, "warehouse.duckdb", "256MB"),
    "a path": ({CREDENTIALS: "mine.duckdb"}, "mine.duckdb", "256MB"),
    "a URL": ({CREDENTIALS: "duckdb:///mine.duckdb"}, "mine.duckdb", "256MB"),
    "an absolute URL": ({CREDENTIALS: "duckdb:////tmp/mine.duckdb"}, "/tmp/mine.duckdb", "256MB"),
    "MotherDuck's look": ({CREDENTIALS: "md:mine"}, "md:mine", "256MB"),
    "JSON": (
        {CREDENTIALS: '{"database": "mine.duckdb", "global_config": {"memory_limit": "2GB"}}'},
        "mine.duckdb",
        "2GB",
    ),
    "a path and more": (
        {
            CREDENTIALS: "mine.duckdb",
            f"{CREDENTIALS}__GLOBAL_CONFIG": '{"memory_limit": "3GB", "threads": 1}',
        },
        "mine.duckdb",
        "3GB",
    ),
    "only more": ({f"{CREDENTIALS}__GLOBAL_CONFIG": '{"threads": 1}'}, "warehouse.duckdb", "256MB"),
}


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    return make_place("llamacloud")


def credentials(place: Place, env: dict[str, str], name: str = "duckdb") -> Any:
    with place.inside({**env}):
        return make_destination(name, "docjobs").config_params["credentials"]


@pytest.mark.parametrize("case", FILES)
def test_duckdb_gets_its_file_and_a_limit_of_memory(case: str, place: Place) -> None:
    env, file, limit = FILES[case]
    found = credentials(place, env)
    wanted = file if ":" in file else str(place.folder / file)
    assert (found.database, found.global_config["memory_limit"]) == (wanted, limit)
    assert ("threads" in found.global_config) == ("threads" in str(env))


@pytest.mark.parametrize(
    "own", [{"PRAGMAS": "[\"memory_limit='2GB'\"]"}, {"LOCAL_CONFIG": '{"max_memory": "2GB"}'}]
)
def test_the_users_own_limit_wins_wherever_it_stands(own: dict[str, str], place: Place) -> None:
    env = {f"{CREDENTIALS}__{name}": value for name, value in own.items()}
    assert credentials(place, env).global_config is None


def test_a_table_in_secrets_toml_and_a_destination_with_a_name(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.write(
        ".dlt/secrets.toml",
        '[destination.duckdb.credentials]\ndatabase = "mine.duckdb"\n'
        "[destination.duckdb.credentials.global_config]\nthreads = 2\n"
        '[destination.lake]\ndestination_type = "duckdb"\ncredentials = "lake.duckdb"\n',
    )
    found = credentials(place, {})
    assert found.database == str(place.folder / "mine.duckdb")
    assert found.global_config == {"threads": 2, "memory_limit": "256MB"}
    assert credentials(place, {}, "lake").database == str(place.folder / "lake.duckdb")


@pytest.mark.slow
def test_the_file_is_in_the_current_folder_wherever_the_pipeline_ran_first(
    make_place: MakePlace,
) -> None:
    """One home, and so one working directory, but a warehouse in each of two folders."""
    here = make_place("llamacloud")
    here.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    there = make_place("llamacloud", emulator=here.emulator)
    there.env["DLT_DATA_DIR"] = here.env["DLT_DATA_DIR"]
    assert here.run("sync").code == 0
    here.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    for place, jobs in ((there, 2), (here, 2), (there, 2)):
        assert place.run("sync").code == 0
        assert place.count("jobs") == jobs
        assert place.run("status", "--json").json["accounts"][0]["jobs"] == jobs
        assert place.run("report").code == 0
        here.emulator.advance(60)


@pytest.mark.parametrize("file", ["docjobs.duckdb", "DocJobs.db", "here/docjobs.prod.duckdb"])
def test_a_file_that_bears_the_datasets_name_is_refused(file: str, place: Place) -> None:
    with pytest.raises(dlt_docjobs.UsageError, match="bears the dataset's name"):
        credentials(place, {CREDENTIALS: file})


def test_duckdb_really_has_the_limit(place: Place) -> None:
    with place.inside():
        destination = make_destination("duckdb", "docjobs")
        pipeline = dlt.pipeline("limit", destination=destination, dataset_name="x")
        with pipeline.sql_client() as client:
            (row,) = client.execute_sql("SELECT current_setting('memory_limit')") or []
    assert row[0] == "244.1 MiB"


@pytest.mark.parametrize(("setting", "is_on"), [(None, False), ("true", True)])
def test_no_telemetry_but_by_the_users_own_setting(
    setting: str | None, is_on: bool, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anon_tracker, "_ANON_TRACKER_ENDPOINT", "https://example.invalid")
    with place.inside({"RUNTIME__DLTHUB_TELEMETRY": setting}):
        install_defaults()
        assert (anon_tracker._ANON_TRACKER_ENDPOINT is not None) == is_on


# -- refresh and replace -----------------------------------------------------------------------


class Tables:
    """A pipeline of two providers' tables."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def source(self) -> DltSource:
        emulator = self.place.emulator
        return dlt_docjobs.llamacloud(
            api_key=emulator.api_key, base_url=emulator.base_urls["llamacloud"]
        )

    def pipeline(self, **options: Any) -> Pipeline:
        pipeline: Pipeline = dlt.pipeline(
            "docjobs_llamacloud",
            destination=make_destination("duckdb", "docjobs"),
            dataset_name="docjobs",
            **options,
        )
        return pipeline


@pytest.fixture(scope="module")
def tables(make_place: MakePlace) -> Iterator[Tables]:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    place.run("sync")
    with place.inside():
        yield Tables(place)


REFUSED: dict[str, Callable[[Tables], Any]] = {
    "run, refresh": lambda the: dlt_docjobs.run(
        the.pipeline(), the.source(), refresh="drop_sources"
    ),
    "run, replace": lambda the: dlt_docjobs.run(
        the.pipeline(), the.source(), write_disposition="replace"
    ),
    "pipeline.run, drop_sources": lambda the: the.pipeline().run(
        the.source(), refresh="drop_sources"
    ),
    "a pipeline that refreshes": lambda the: the.pipeline(refresh="drop_data").run(the.source()),
    "pipeline.run, replace": lambda the: the.pipeline().run(
        the.source(), write_disposition="replace"
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_destroy_the_tables_is_refused(case: str, tables: Tables) -> None:
    before = tables.place.snapshot()
    with pytest.raises((dlt_docjobs.UsageError, PipelineStepFailed)) as refused:
        REFUSED[case](tables)
    error: BaseException | None = refused.value
    while error is not None and not isinstance(error, dlt_docjobs.UsageError):
        error = error.__cause__
    assert isinstance(error, dlt_docjobs.UsageError)
    assert case.startswith("run") == (error is refused.value)
    assert "all providers share the tables" in str(error)
    assert not tables.pipeline().has_pending_data
    assert tables.place.snapshot() == before


def test_a_refused_run_leaves_the_pipeline_as_it_was(tables: Tables) -> None:
    row = dlt_docjobs.run(tables.pipeline(), tables.source())
    assert (row.ok, row.jobs_new, row.results_loaded) == (True, 0, 0)
