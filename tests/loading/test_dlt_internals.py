"""What dlt does not publish, and we use, is there and does what we use it for.

A test bears the name of the function of `dlt_internals` that it is of: where a new dlt breaks one,
the list of failures says which.
"""

from __future__ import annotations

import ast
import inspect
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
import sqlalchemy
from dlt.common.destination import Destination
from dlt.common.schema import Schema
from dlt.common.schema.utils import new_table
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline
from loading_support import (
    DATASET,
    fail_to_load,
    make_pipeline,
    numbers,
    pending,
    query,
    rows_of,
)

from dlt_docjobs import dlt_internals

FUNCTIONS = [
    name
    for name, function in inspect.getmembers(dlt_internals, inspect.isfunction)
    if function.__module__ == dlt_internals.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_the_door_has_a_test_of_its_name_and_says_where_to_look(
    function: str,
) -> None:
    own = [name for name in globals() if name.startswith(f"test_{function}_")]
    assert own, f"no test of {function}"
    assert "If it breaks: " in (getattr(dlt_internals, function).__doc__ or "")


# modules of dlt that no page of its documentation is about, where not a type or an error is meant
_INSIDE = re.compile(
    r"\bContainer\b|InjectableContext|dlt\._workspace|anon_tracker|load_package\b|versioned_state"
    r"|run_context import|\.(config_params|caps_params)\b"
)
# what named tuples publish with an underscore
_TUPLES = {"_asdict", "_fields", "_replace", "_make"}


def reaches_inside(text: str) -> Iterator[str]:
    """What stands in a module that only the door may have."""
    if not re.search(r"^\s*(import|from) dlt\b", text, re.MULTILINE):
        return
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            is_own = ast.unparse(node.value) in ("self", "cls", "super()")
            if not (is_own or node.attr in _TUPLES or node.attr.startswith("__")):
                yield ast.unparse(node)
    for line in text.splitlines():
        if found := _INSIDE.search(line.partition("#")[0]):
            yield found[0]


def test_nothing_else_in_the_package_reaches_into_dlt() -> None:
    package = Path(dlt_internals.__file__).parent
    found = {
        str(path.relative_to(package)): inside
        for path in sorted(package.rglob("*.py"))
        if path.name != "dlt_internals.py"
        and (inside := sorted(set(reaches_inside(path.read_text("utf-8")))))
    }
    assert found == {}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A pipeline into an empty DuckDB file."""
    return make_pipeline(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that dlt takes for the project; afterwards it takes the one before."""
    # which would come first
    monkeypatch.delenv("DLT_PROJECT_DIR")
    before = dlt.current.run_context().run_dir
    dlt_internals.switch_folder(str(tmp_path))
    yield tmp_path
    monkeypatch.undo()
    dlt_internals.switch_folder(before)


# -- configuration ------------------------------------------------------------------------------


def configure(folder: Path, text: str) -> None:
    (folder / ".dlt").mkdir(parents=True)
    (folder / ".dlt" / "config.toml").write_text(text, encoding="utf-8")


def test_register_defaults_come_behind_everything_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"load": {"workers": 3}, "normalize": {"workers": 4}, "extract": {"workers": 5}}
    now: dict[str, int] = {}
    configure(folder / "other", "[load]\nworkers = 7\n")
    dlt_internals.switch_folder(str(folder / "other"))
    monkeypatch.setenv("NORMALIZE__WORKERS", "8")
    assert dlt_internals.register_defaults("ours", values, now.get)
    found = [dlt.config.get(f"{step}.workers", int) for step in ("load", "normalize", "extract")]
    assert found == [7, 8, 5]
    assert dlt.config.get("load.nothing", int) is None
    # sections are nobody's to find
    assert dlt.config.get("extract", dict) is None
    assert not dlt_internals.register_defaults("ours", {"extract": {"workers": 6}}, now.get)
    assert dlt.config.get("extract.workers", int) == 5
    now["workers"] = 1
    assert dlt.config.get("extract.workers", int) == 1


def test_places_of_a_source_say_where_its_values_were_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(folder, "[sources.ours]\nsize = 7\n")
    dlt_internals.switch_folder(str(folder))
    monkeypatch.setenv("SOURCES__OURS__NUMBERS__COLOUR", "red")
    found: list[dict[str, dlt_internals.Place]] = []

    def numbers(size: int = 1, colour: str = "", shape: str = "", given: str = "") -> Any:
        found.append(dlt_internals.places_of(numbers))
        return dlt.resource([size], name="numbers")

    make = dlt.source(numbers, name="numbers", section="ours")
    make(given="this")
    make(size=3, colour="blue")
    assert found == [
        {
            "size": dlt_internals.Place("config.toml", ("sources", "ours"), "config.toml"),
            "colour": dlt_internals.Place(
                "Environment Variables", ("sources", "ours", "numbers"), ""
            ),
        },
        {},
    ]


def test_resolved_values_say_where_a_destination_is_configured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dlt_internals.register_defaults("of ours", {"destination": {"create_indexes": False}}, {}.get)
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://me:hush@host/db")
    (found,) = [
        value
        for value in dlt_internals.resolved_values(dlt.destinations.postgres())
        if value.key == "credentials"
    ]
    assert found.value == "postgresql://me:hush@host/db"
    assert found.place == dlt_internals.Place(
        "Environment Variables", ("destination", "postgres"), ""
    )


def test_configuration_files_are_all_that_dlt_reads(folder: Path) -> None:
    configure(folder, "[one]\nkey = 1\n")
    (folder / ".dlt" / "secrets.toml").write_text("[two]\nkey = 'x'\n", encoding="utf-8")
    dlt_internals.switch_folder(str(folder))
    found = dict(dlt_internals.configuration_files())
    assert found["config.toml"] == {"one": {"key": 1}}
    assert found["secrets.toml"] == {"two": {"key": "x"}}


def test_register_defaults_count_for_what_dlt_has_read_before(folder: Path) -> None:
    assert dlt.current.run_context().runtime_config.dlthub_telemetry
    values = {"runtime": {"dlthub_telemetry": False}}
    dlt_internals.register_defaults("ours", values, lambda key: None)
    assert not dlt.current.run_context().runtime_config.dlthub_telemetry


class _Tracked(BaseHTTPRequestHandler):
    """Stands for dlt's collector of telemetry."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.count += 1  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Tracked)
    server.count = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


_RUN = """
import sys
import dlt
from dlt_docjobs import dlt_internals

dlt_internals.register_defaults("ours", {"runtime": {"dlthub_telemetry": False}}, lambda key: None)
if sys.argv[1] == "stop":
    dlt_internals.stop_telemetry()
pipeline = dlt.pipeline("plain", destination=dlt.destinations.duckdb("warehouse.duckdb"))
pipeline.run([{"number": 1}], table_name="numbers")
"""


@pytest.mark.slow
def test_stop_telemetry_ends_what_dlt_began_with_its_import(
    tmp_path: Path, collector: HTTPServer
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}/track"
    env = {
        **os.environ,
        "DLT_DATA_DIR": str(tmp_path / "data"),
        "RUNTIME__DLTHUB_TELEMETRY_ENDPOINT": endpoint,
        "PYTHONPATH": str(Path(dlt_internals.__file__).parents[1]),
        "no_proxy": "127.0.0.1",
    }
    counts = []
    for word in ("go-on", "stop"):
        command = [sys.executable, "-c", _RUN, word]
        subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
        counts.append(collector.count)  # type: ignore[attr-defined]
    assert counts[0] > 0
    assert counts[1] == counts[0]


def test_switch_folder_takes_another_projects_configuration(folder: Path) -> None:
    for name in ("one", "two"):
        configure(folder / name, f'word = "{name}"\n')
        dlt_internals.switch_folder(str(folder / name))
        assert dlt.config.get("word", str) == name
        assert Path(dlt.current.run_context().run_dir) == folder / name


# -- messages -----------------------------------------------------------------------------------


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """What dlt logs, whatever others would keep out of its log."""
    found: list[logging.LogRecord] = []

    class Keep(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            found.append(record)
            return False

    logger = logging.getLogger(dlt_internals.LOGGER)
    monkeypatch.setattr(logger, "filters", [Keep()])
    monkeypatch.setattr(logger, "level", logging.WARNING)
    return found


def test_warns_of_text_for_json_knows_the_warning(
    pipeline: Pipeline, records: list[logging.LogRecord]
) -> None:
    rows = pa.table({"payload": ["{}"]})
    pipeline.run(dlt.resource([rows], name="numbers", columns={"payload": {"data_type": "json"}}))
    (record,) = records
    assert dlt_internals.warns_of_text_for_json(record)
    assert not dlt_internals.warns_of_another_destination(record)


def test_warns_of_another_destination_knows_the_warning(
    pipeline: Pipeline, tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    pipeline.run(numbers(1))
    records.clear()
    files = dlt.destinations.filesystem((tmp_path / "files").as_uri())
    make_pipeline(tmp_path, destination=files).run(numbers(1))
    (record,) = records
    assert dlt_internals.warns_of_another_destination(record)
    assert not dlt_internals.warns_of_text_for_json(record)


def test_quiet_merges_drops_the_warning_of_the_statement_that_dlt_writes() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        dlt_internals.quiet_merges()
        # as `gen_merge_sql` does it where nothing says which of two rows is newer
        sqlalchemy.asc(sqlalchemy.select(sqlalchemy.literal(None)))
    assert heard == []


# -- destinations -------------------------------------------------------------------------------


def own(pipeline: Pipeline) -> None:
    dlt_internals.use_own_destination(
        pipeline,
        {"staging_dataset_name_layout": f"%s_staging_{pipeline.pipeline_name}"},
        lambda destination: {"supports_transactions": True},
    )


def test_use_own_destination_gives_each_pipeline_its_staging_dataset(tmp_path: Path) -> None:
    shared = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    first = make_pipeline(tmp_path, "first", destination=shared)
    own(first)
    second = make_pipeline(tmp_path, "second", destination=shared)
    own(second)
    # what was made for the first one is not for the third
    third = make_pipeline(tmp_path, "third", destination=first.destination)
    own(third)
    for one in (first, second, third):
        own(one)
        one.run(numbers(1, write_disposition="merge"))
        one.run(numbers(1, write_disposition="merge"))
        assert one.destination_client().capabilities.supports_transactions
    schemas = query(first, "SELECT DISTINCT table_schema FROM information_schema.tables")
    assert sorted(name for (name,) in schemas) == [
        DATASET,
        *(f"{DATASET}_staging_{name}" for name in ("first", "second", "third")),
    ]
    assert query(first, "SELECT * FROM numbers") == [(1,)]
    assert "staging_dataset_name_layout" not in shared.config_params
    assert shared.caps_params == {}


def test_use_own_destination_leaves_what_the_user_has_set(tmp_path: Path) -> None:
    named = dlt.destinations.duckdb(
        str(tmp_path / "warehouse.duckdb"),
        staging_dataset_name_layout="%s_mine",
        supports_transactions=False,
    )
    pipeline = make_pipeline(tmp_path, destination=named)
    own(pipeline)
    client = pipeline.destination_client()
    assert not client.capabilities.supports_transactions
    with pipeline.sql_client() as sql_client, sql_client.with_staging_dataset():
        assert sql_client.dataset_name == f"{DATASET}_mine"


def test_use_own_destination_counts_in_a_run_that_goes_on(tmp_path: Path) -> None:
    pipeline = make_pipeline(tmp_path)
    pipeline.run(numbers(1, write_disposition="merge"))

    def late() -> Iterator[Any]:
        own(dlt.current.pipeline())
        yield rows_of(2)

    pipeline.run(dlt.resource(late, name="numbers", write_disposition="merge"))
    staged = query(pipeline, f"SELECT number FROM {DATASET}_staging_plain.numbers")
    assert staged == [(2,)]


def test_resolved_once_searches_for_the_capabilities_settings_a_single_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[bool] = []
    resolve = Destination.configuration

    def counted(self: Any, initial_config: Any, accept_partial: bool = False) -> Any:
        resolved.append(accept_partial)
        return resolve(self, initial_config, accept_partial)

    monkeypatch.setattr(Destination, "configuration", counted)
    pipeline = make_pipeline(tmp_path)
    own(pipeline)
    pipeline.run(numbers(1))
    resolved.clear()
    pipeline.run(numbers(1))
    assert resolved.count(True) > 5
    resolved.clear()
    with dlt_internals.resolved_once(pipeline):
        pipeline.run(numbers(2))
        assert pipeline.destination is not None
        before = pipeline.destination.capabilities()
        # what dlt changes for a moment is no answer's to keep
        before.preferred_loader_file_format = "csv"
        assert pipeline.destination.capabilities().preferred_loader_file_format != "csv"
    assert resolved.count(True) == 1
    assert query(pipeline, "SELECT number FROM numbers") == [(1,), (1,), (2,)]
    pipeline.run(numbers(3))
    assert resolved.count(True) > 5


def test_given_credentials_are_read_anew_for_each_connection(tmp_path: Path) -> None:
    credentials = DuckDbCredentials(str(tmp_path / "warehouse.duckdb"))
    pipeline = make_pipeline(tmp_path, destination=dlt.destinations.duckdb(credentials))
    assert pipeline.destination is not None
    own(pipeline)
    given = dlt_internals.given_credentials(pipeline.destination)
    assert given is credentials
    for limit in ("100.0 MiB", "200.0 MiB"):
        given.global_config = {"memory_limit": limit}
        assert query(pipeline, "SELECT current_setting('memory_limit')") == [(limit,)]
    assert dlt_internals.given_credentials(dlt.destinations.duckdb()) is None


def shapes(*columns: str) -> Schema:
    schema = Schema("shapes")
    fields: Any = [{"name": name, "data_type": "bigint"} for name in columns]
    for table in ("circles", "squares"):
        schema.update_table(new_table(table, columns=fields))
    return schema


def columns_of(pipeline: Pipeline, table: str) -> list[str]:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_schema || '.'"
    found = query(pipeline, f"{sql} || table_name = '{table}' ORDER BY ordinal_position")
    return [name for (name,) in found]


def test_update_tables_creates_a_table_and_adds_columns_to_it(pipeline: Pipeline) -> None:
    own(pipeline)
    pipeline.run(numbers(1, write_disposition="merge"))
    staging = f"{DATASET}_staging_plain"
    dlt_internals.update_tables(pipeline, shapes("x"), ["circles"], ["squares"])
    assert columns_of(pipeline, f"{DATASET}.circles") == ["x"]
    assert columns_of(pipeline, f"{staging}.squares") == ["x"]
    assert not columns_of(pipeline, f"{DATASET}.squares")
    # rows that are there do not stand in the way
    query(pipeline, f"INSERT INTO {DATASET}.circles VALUES (1)")
    dlt_internals.update_tables(pipeline, shapes("x", "y"), ["circles"])
    assert columns_of(pipeline, f"{DATASET}.circles") == ["x", "y"]
    # a schema that the destination has noted says nothing about what is there
    query(pipeline, f"DROP TABLE {DATASET}.circles")
    dlt_internals.update_tables(pipeline, shapes("x", "y"), ["circles"])
    assert columns_of(pipeline, f"{DATASET}.circles") == ["x", "y"]
    # the pipeline's own schema and state are as they were
    assert set(pipeline.schemas) == {"plain"}
    pipeline.run(numbers(2, write_disposition="merge"))
    assert query(pipeline, "SELECT count(*) FROM numbers") == [(2,)]


def test_stored_schema_is_the_newest_that_a_load_has_noted(pipeline: Pipeline) -> None:
    pipeline.run([numbers(1)])
    pipeline.run([numbers(2, name="others")])
    name = pipeline.default_schema_name
    assert name is not None
    elsewhere = make_pipeline(Path(pipeline.pipelines_dir).parent, "elsewhere")
    for one in (pipeline, elsewhere):
        schema = dlt_internals.stored_schema(one, name)
        assert schema is not None
        assert {"numbers", "others", "_dlt_loads"} <= set(schema.tables)
        assert dlt_internals.stored_schema(one, "nobody") is None


def test_information_schema_tells_kinds_and_columns(pipeline: Pipeline) -> None:
    pipeline.run(numbers(1))
    query(pipeline, "CREATE VIEW half AS SELECT number FROM numbers")
    with pipeline.sql_client() as client:
        names = ["numbers", "half", "nothing"]
        kinds = dlt_internals.information_schema(client, "TABLES", "table_type", names)
        assert sorted(kinds) == [("half", "VIEW"), ("numbers", "BASE TABLE")]
        found = dlt_internals.information_schema(client, "COLUMNS", "column_name", names)
        assert sorted(found) == [("half", "number"), ("numbers", "number")]


def test_information_schema_is_sqlites_own_list_there(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'warehouse.db'}"
    pipeline = make_pipeline(tmp_path, destination=dlt.destinations.sqlalchemy(address))
    pipeline.run(numbers(1))
    with pipeline.sql_client() as client:
        half, all_of_it = map(client.make_qualified_table_name, ("half", "numbers"))
        client.execute_sql(f"CREATE VIEW {half} AS SELECT number FROM {all_of_it}")
        names = ["numbers", "half", "nothing"]
        kinds = dlt_internals.information_schema(client, "TABLES", "table_type", names)
        columns = dlt_internals.information_schema(client, "COLUMNS", "column_name", ["half"])
    assert sorted(kinds) == [("half", "view"), ("numbers", "table")]
    assert columns == [("half", "number")]


# -- packages that wait -------------------------------------------------------------------------


def test_drop_pending_packages_leaves_none(pipeline: Pipeline) -> None:
    pipeline.run(numbers(1))
    pipeline.extract(numbers(2))
    dlt_internals.drop_pending_packages(pipeline)
    assert not pipeline.has_pending_data
    pending(pipeline, numbers(3))
    dlt_internals.drop_pending_packages(pipeline)
    assert not pipeline.has_pending_data
    pipeline.run(numbers(4))
    assert query(pipeline, "SELECT number FROM numbers ORDER BY 1") == [(1,), (4,)]


def extracted_beside_normalised(pipeline: Pipeline) -> str:
    """What a process leaves that dies before normalising has removed what it was made from."""
    pipeline.extract(numbers(2))
    extracted = Path(pipeline.working_dir) / "normalize" / "extracted"
    shutil.copytree(extracted, extracted.with_name("kept"))
    pipeline.normalize()
    shutil.copytree(extracted.with_name("kept"), extracted, dirs_exist_ok=True)
    shutil.rmtree(extracted.with_name("kept"))
    (load_id,) = pipeline.list_extracted_load_packages()
    assert pipeline.list_normalized_load_packages() == [load_id]
    return load_id


def test_drop_extracted_package_leaves_the_normalised_one(pipeline: Pipeline) -> None:
    pipeline.run(numbers(1))
    load_id = extracted_beside_normalised(pipeline)
    # without it nothing goes on
    for _ in range(2):
        with pytest.raises(PipelineStepFailed, match="not empty"):
            pipeline.run()
    dlt_internals.drop_extracted_package(pipeline, load_id)
    pipeline.run()
    assert query(pipeline, "SELECT number FROM numbers ORDER BY 1") == [(1,), (2,)]


def test_drop_loaded_packages_leaves_none_of_their_folders(pipeline: Pipeline) -> None:
    pipeline.run(numbers(1))
    pipeline.run(numbers(2))
    assert len(pipeline.list_completed_load_packages()) == 2
    dlt_internals.drop_loaded_packages(pipeline)
    assert not pipeline.list_completed_load_packages()
    pipeline.run(numbers(3))
    assert query(pipeline, "SELECT count(*) FROM numbers") == [(3,)]


def test_interrupted_copies_are_those_that_dlt_would_copy_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_id = pending(pipeline, numbers(1), numbers(2, name="others"))
    assert not dlt_internals.interrupted_copies(pipeline, load_id)
    fail_to_load(pipeline, "numbers", monkeypatch)
    (copied,) = dlt_internals.interrupted_copies(pipeline, load_id)
    assert (copied.table_name, copied.file_format) == ("numbers", "parquet")
    # it does copy them again
    pipeline.load()
    assert query(pipeline, "SELECT number FROM numbers") == [(1,), (1,)]


def test_copies_of_table_tell_how_far_each_has_come(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_id = pending(pipeline, numbers(1), numbers(2, name="others"))
    ((state, copied),) = dlt_internals.copies_of_table(pipeline, load_id, "others")
    assert (state, copied.table_name) == ("new_jobs", "others")
    fail_to_load(pipeline, "numbers", monkeypatch)
    ((state, _),) = dlt_internals.copies_of_table(pipeline, load_id, "others")
    assert state == "completed_jobs"
    ((state, _),) = dlt_internals.copies_of_table(pipeline, load_id, "numbers")
    assert state == "new_jobs"


def test_copy_anew_makes_a_completed_copy_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_id = pending(pipeline, numbers(1), numbers(2, name="others"))
    fail_to_load(pipeline, "numbers", monkeypatch)
    assert query(pipeline, "SELECT number FROM others") == [(2,)]
    ((state, copied),) = dlt_internals.copies_of_table(pipeline, load_id, "others")
    assert state == "completed_jobs"
    dlt_internals.copy_anew(pipeline, load_id, state, copied)
    ((state, _),) = dlt_internals.copies_of_table(pipeline, load_id, "others")
    assert state == "new_jobs"
    pipeline.load()
    assert query(pipeline, "SELECT number FROM others") == [(2,), (2,)]


def test_package_schema_says_how_a_table_is_written(pipeline: Pipeline) -> None:
    load_id = pending(pipeline, numbers(1, write_disposition="merge"), numbers(2, name="others"))
    tables = dlt_internals.package_schema(pipeline, load_id).tables
    assert tables["numbers"]["write_disposition"] == "merge"
    assert tables["others"]["write_disposition"] == "append"


# -- extraction ---------------------------------------------------------------------------------


def test_refresh_mode_is_that_of_the_run_or_of_the_pipeline(tmp_path: Path) -> None:
    seen: list[str | None] = []

    @dlt.source(name="plain")
    def source() -> Any:
        def numbers() -> Iterator[Any]:
            seen.append(dlt_internals.refresh_mode(dlt.current.pipeline()))
            yield {"number": 1}

        return dlt.resource(numbers, name="numbers")

    pipeline = make_pipeline(tmp_path)
    pipeline.run(source())
    pipeline.run(source(), refresh="drop_data")
    make_pipeline(tmp_path, refresh="drop_resources").run(source())
    assert seen == [None, "drop_data", "drop_resources"]


def test_stored_resource_state_is_what_the_destination_has(pipeline: Pipeline) -> None:
    @dlt.source(name="plain")
    def source() -> Any:
        def numbers() -> Iterator[Any]:
            dlt.current.resource_state()["reached"] = {"number": 5}
            yield {"number": 5}

        return dlt.resource(numbers, name="numbers")

    pipeline.run(source())
    ((stored,),) = query(pipeline, "SELECT state FROM _dlt_pipeline_state")
    state = dlt_internals.stored_resource_state(stored, "plain", "numbers")
    assert state["reached"] == {"number": 5}
    assert dlt_internals.stored_resource_state(stored, "plain", "others") == {}
    assert dlt_internals.stored_resource_state(stored, "other", "numbers") == {}


def test_renamed_state_is_what_a_pipeline_of_the_new_name_finds(tmp_path: Path) -> None:
    def source(name: str) -> Any:
        @dlt.source(name=name)
        def made() -> Any:
            def numbers() -> Iterator[Any]:
                found = dlt.current.resource_state().setdefault("reached", [])
                found.append(len(found))
                yield {"number": len(found)}

            return dlt.resource(numbers, name="numbers")

        return made()

    old = make_pipeline(tmp_path, "old")
    old.run(source("one"))
    ((stored, version),) = query(old, "SELECT state, version_hash FROM _dlt_pipeline_state")
    state, version_hash = dlt_internals.renamed_state(stored, "new", "one", "two")
    assert version_hash != version
    with old.sql_client() as client:
        client.execute_sql(
            "UPDATE _dlt_pipeline_state SET pipeline_name = 'new', state = %s, version_hash = %s",
            state,
            version_hash,
        )
    new = make_pipeline(tmp_path, "new")
    new.run(source("two"))
    assert new.state["sources"]["two"]["resources"]["numbers"] == {"reached": [0, 1]}
    assert list(new.schema_names) == ["two"]
    rows = query(new, "SELECT pipeline_name FROM _dlt_pipeline_state")
    assert rows == [("new",), ("new",)]


# -- dlt's command line -------------------------------------------------------------------------


def test_confirms_all_is_what_dlt_was_told() -> None:
    from dlt._workspace.cli import echo

    assert not dlt_internals.confirms_all()
    with echo.always_choose(False, None, always_confirm=True):
        assert dlt_internals.confirms_all()
    assert not dlt_internals.confirms_all()
