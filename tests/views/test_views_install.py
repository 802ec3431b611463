"""Creating the views: when nothing is to do, when something is in the way, two at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.destinations.exceptions import DatabaseException
from views_support import MakeWarehouse, Warehouse, job

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import MARKER, VIEWS, ViewsRefused, install

ALL = tuple(VIEWS)
NOTHING: tuple[str, ...] = ()


@contextmanager
def statements(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is sent to the destination."""
    with warehouse.client() as client:
        of_client = type(client)
    sent: list[str] = []
    send = of_client.execute_query

    def note(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(query))
        return send(self, query, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(of_client, "execute_query", note)
        yield sent


def comments(warehouse: Warehouse, table: str) -> tuple[str | None, dict[str, str | None]]:
    """What the database says of a table or view and of its columns."""
    if str(warehouse) == "duckdb":
        kind = "views" if table in VIEWS else "tables"
        of_all = warehouse.execute(
            f"SELECT comment FROM duckdb_{kind}() WHERE {kind[:-1]}_name = '{table}'"
            f" AND schema_name = '{warehouse.dataset}'"
        )
        columns = warehouse.execute(
            f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{table}'"
            f" AND schema_name = '{warehouse.dataset}'"
        )
    else:
        name = f"'{warehouse.dataset}.{table}'::regclass"
        of_all = warehouse.execute(f"SELECT obj_description({name}, 'pg_class')")
        columns = warehouse.execute(
            f"SELECT attname, col_description(attrelid, attnum) FROM pg_attribute"
            f" WHERE attrelid = {name} AND attnum > 0"
        )
    return of_all[0][0], dict(columns)  # type: ignore[arg-type]


def mark(warehouse: Warehouse, version: str, text: str = "x") -> None:
    """Says that the views were made by another version."""
    warehouse.execute(
        f"CREATE OR REPLACE VIEW {{d}}.{MARKER} AS SELECT '{version}' AS version,"
        f" '{text}' AS fingerprint, '{' '.join((*VIEWS, MARKER))}' AS views"
    )


@pytest.fixture(scope="module")
def kept(make_warehouse: MakeWarehouse) -> dict[str, Warehouse]:
    """A warehouse of each kind with a job in it."""
    warehouses = {kind: make_warehouse(kind) for kind in ("duckdb", "postgres")}
    for warehouse in warehouses.values():
        warehouse.load(jobs=[job("one")])
    return warehouses


@pytest.fixture(params=["duckdb", "postgres"])
def loaded(request: pytest.FixtureRequest, kept: dict[str, Warehouse]) -> Warehouse:
    """A warehouse with a job in it and no views."""
    warehouse = kept[request.param]
    warehouse.clear()
    return warehouse


@pytest.fixture
def postgres_loaded(kept: dict[str, Warehouse]) -> Warehouse:
    """The same, PostgreSQL only."""
    kept["postgres"].clear()
    return kept["postgres"]


# -- the usual ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_create_views_returns_their_names(loaded: Warehouse) -> None:
    created = dlt_docjobs.create_views(loaded.pipeline("by_hand"))
    assert created == list(ALL)
    for name, view in VIEWS.items():
        rows = loaded.rows(name)
        assert len(rows) <= 1
        assert not rows or list(rows[0]) == [column.name for column in view.columns]
    assert dlt_docjobs.create_views(loaded.pipeline("by_hand")) == list(ALL)


def test_dlts_dataset_offers_the_views(loaded: Warehouse) -> None:
    dlt_docjobs.create_views(loaded.pipeline("by_hand"))
    dataset = loaded.pipeline("by_hand").dataset()
    for name, view in VIEWS.items():
        relation = dataset[name]
        assert list(relation.columns) == [column.name for column in view.columns], name
        assert len(relation.fetchall()) == len(loaded.rows(name)), name
    types = dataset.schema.get_table_columns("job_daily")
    assert types["day"]["data_type"] == "date"
    assert types["running_seconds_p50"]["data_type"] == "double"
    assert types["jobs"]["description"] == "Jobs created on that day"


@pytest.mark.slow
def test_noted_views_are_no_tables_of_later_loads(empty: Warehouse) -> None:
    empty.load(jobs=[job("one")])
    dlt_docjobs.create_views(empty.pipeline("by_hand"))
    empty.load(jobs=[job("later")])
    assert "job_timeline" in empty.pipeline("by_hand").default_schema.tables
    assert dlt_docjobs.create_views(empty.pipeline("by_hand")) == list(ALL)
    assert {"one", "later"} == {row["job_id"] for row in empty.rows("job_timeline")}


def test_where_nothing_is_to_do_two_queries_say_so(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loaded.install(only_if_needed=True).created == ALL
    with statements(loaded, monkeypatch) as sent:
        assert loaded.install(only_if_needed=True).created == NOTHING
    # what is there, and who made the views
    assert len(sent) == 2
    assert all(query.lstrip().startswith("SELECT") for query in sent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "is_replaced"), [("0.0.1", True), ("999", False), ("no version", True)]
)
def test_older_views_are_replaced_and_newer_ones_left(
    version: str, is_replaced: bool, loaded: Warehouse
) -> None:
    loaded.install()
    mark(loaded, version)
    created = loaded.install(only_if_needed=True).created
    assert created == (ALL if is_replaced else NOTHING)
    mark(loaded, version)
    assert loaded.install().created == ALL, "whoever asks for them gets them"


def test_other_text_of_this_version_is_replaced(loaded: Warehouse) -> None:
    loaded.install()
    mark(loaded, dlt_docjobs.__version__)
    assert loaded.install(only_if_needed=True).created == ALL
    assert loaded.install(only_if_needed=True).created == NOTHING


@pytest.mark.parametrize("name", ["segment_mix", MARKER])
def test_a_view_that_is_missing_comes_back(name: str, loaded: Warehouse) -> None:
    loaded.install()
    if name == MARKER:
        # views without it might be anybody's
        loaded.execute("".join(f"DROP VIEW {{d}}.{one};" for one in reversed(VIEWS)))
    loaded.execute(f"DROP VIEW {{d}}.{name}")
    assert loaded.install(only_if_needed=True).created == ALL
    assert loaded.rows("segment_mix") == []


@pytest.mark.slow
def test_after_a_sync_into_postgres(make_warehouse: MakeWarehouse) -> None:
    warehouse = make_warehouse("postgres")
    with Emulator(seed=5, jobs=20) as emulator:
        warehouse.sync(emulator)
        assert warehouse.install(only_if_needed=True).created == ALL
        emulator.advance(3600)
        warehouse.sync(emulator)
        assert warehouse.install(only_if_needed=True).created == NOTHING
        rows = {row["job_id"]: row for row in warehouse.rows("job_timeline")}
        truth = {job.job_id: job for job in emulator.jobs()}
    assert set(rows) == set(truth)
    assert {job_id for job_id, row in rows.items() if row["is_open"]} == {
        job_id for job_id, job in truth.items() if not job.is_terminal
    }


# -- comments -----------------------------------------------------------------------------------


def test_views_tables_and_columns_say_what_they_mean(loaded: Warehouse) -> None:
    loaded.install()
    for name, view in VIEWS.items():
        whole, columns = comments(loaded, name)
        assert whole == view.comment
        assert columns == dict(view.columns), name
    for name, table in TABLES.items():
        whole, columns = comments(loaded, name)
        assert whole == table.description
        described = {column.name: column.description for column in table.columns}
        assert {key: columns[key] for key in described} == described, name


# -- what is in the way -------------------------------------------------------------------------


@pytest.mark.parametrize("only_if_needed", [True, False])
@pytest.mark.parametrize("what", ["table", "view", "marker's table", "marker's view"])
def test_what_is_the_users_stays(what: str, only_if_needed: bool, loaded: Warehouse) -> None:
    if what == "table":
        loaded.execute("CREATE TABLE {d}.job_daily AS SELECT 42 AS mine")
        said, name = "a table job_daily", "job_daily"
    elif what == "view":
        loaded.execute("CREATE VIEW {d}.job_daily AS SELECT 42 AS mine")
        said, name = "a view job_daily", "job_daily"
    else:
        kind = what.split()[-1]
        loaded.execute(f"CREATE {kind} {{d}}.{MARKER} AS SELECT 42 AS mine")
        said, name = f"a {kind} {MARKER}", MARKER
    with pytest.raises(ViewsRefused, match=said):
        loaded.install(only_if_needed=only_if_needed)
    assert loaded.rows(name) == [{"mine": 42}]
    with pytest.raises(DatabaseException):
        loaded.rows("job_timeline")
    loaded.execute(f"DROP {what.split()[-1]} {{d}}.{name}")
    assert loaded.install(only_if_needed=only_if_needed).created == ALL


@pytest.mark.slow
def test_views_of_other_columns_are_made_anew(loaded: Warehouse) -> None:
    loaded.install()
    mark(loaded, "0.0.1")
    for name in reversed(VIEWS):
        loaded.execute(f"DROP VIEW {{d}}.{name}")
        loaded.execute(f"CREATE VIEW {{d}}.{name} AS SELECT 1 AS other, 'x' AS columns")
    assert loaded.install(only_if_needed=True).created == ALL
    assert len(loaded.rows("job_timeline")) == 1


def test_a_users_view_on_ours_survives(loaded: Warehouse) -> None:
    loaded.install()
    loaded.execute("CREATE VIEW {d}.mine AS SELECT job_id, total_seconds FROM {d}.job_timeline")
    assert loaded.install().created == ALL
    assert [row["job_id"] for row in loaded.rows("mine")] == ["one"]


def test_postgres_refuses_other_columns_beneath_a_users_view(postgres_loaded: Warehouse) -> None:
    """Nothing is dropped that somebody builds on."""
    warehouse = postgres_loaded
    warehouse.install()
    for name in reversed(VIEWS):
        warehouse.execute(f"DROP VIEW {{d}}.{name}")
        warehouse.execute(f"CREATE VIEW {{d}}.{name} AS SELECT 1 AS other")
    warehouse.execute("CREATE VIEW {d}.mine AS SELECT other FROM {d}.job_timeline")
    with pytest.raises(DatabaseException, match="mine depends on"):
        warehouse.install()
    assert warehouse.rows("mine") == [{"other": 1}]
    assert warehouse.rows("job_daily") == [{"other": 1}], "all or none"


def test_rights_are_kept(postgres_loaded: Warehouse) -> None:
    warehouse = postgres_loaded
    warehouse.install()
    warehouse.execute("GRANT SELECT ON {d}.job_daily TO pg_monitor")
    mark(warehouse, "0.0.1")
    assert warehouse.install(only_if_needed=True).created == ALL
    granted = f"has_table_privilege('pg_monitor', '{warehouse.dataset}.job_daily', 'SELECT')"
    assert warehouse.execute(f"SELECT {granted}") == [(True,)]


@pytest.mark.slow
def test_dlt_can_still_change_the_tables_beneath(empty: Warehouse) -> None:
    loaded = empty
    loaded.load(jobs=[job("one")])
    loaded.install()
    table = TABLES["jobs"]
    wider = table.arrow_schema.append(pa.field("new_column", pa.string()))
    row = {name: job("two").get(name) for name in wider.names} | {"new_column": "x"}
    data = pa.Table.from_pylist([row], schema=wider)
    hints: Any = {"name": "jobs", "columns": table.dlt_columns()}
    loaded.pipeline("by_hand").run(dlt.resource([data], **hints))
    assert {row["job_id"] for row in loaded.rows("job_timeline")} == {"one", "two"}
    assert {row["new_column"] for row in loaded.rows("jobs")} == {None, "x"}


# -- what can't be ------------------------------------------------------------------------------


def test_nothing_is_loaded_yet(empty: Warehouse) -> None:
    assert empty.install(only_if_needed=True).created == NOTHING
    with pytest.raises(ViewsRefused, match="nothing has been synced"):
        empty.install()


def test_tables_that_are_missing_are_named(empty: Warehouse) -> None:
    loaded = empty
    loaded.load()
    loaded.execute("DROP TABLE {d}.pages")
    with pytest.raises(ViewsRefused, match="not there yet: pages; a sync"):
        loaded.install()


def test_plain_files_have_no_views(make_warehouse: MakeWarehouse) -> None:
    folder = make_warehouse("duckdb").folder
    lake = Warehouse(dlt.destinations.filesystem(f"file://{folder}/lake"), folder)
    lake.load(jobs=[job("one")])
    assert lake.install(only_if_needed=True).created == NOTHING
    with pytest.raises(ViewsRefused, match="the destination filesystem keeps files"):
        lake.install()
    with pytest.raises(ViewsRefused, match="has no views"):
        dlt_docjobs.create_views(lake.pipeline("by_hand"))


def test_a_dialect_that_the_views_are_not_written_for(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what speaks another one needs drivers that are not here
    monkeypatch.setattr(install, "_dialect", lambda _: "tsql")
    assert loaded.install(only_if_needed=True).created == NOTHING
    with pytest.raises(ViewsRefused, match=f"not for tsql, which the destination {loaded} speaks"):
        loaded.install()


def test_a_pipeline_without_a_destination(tmp_path: Any) -> None:
    pipeline = dlt.pipeline("nowhere", pipelines_dir=str(tmp_path))
    with pytest.raises(ViewsRefused, match="no destination"):
        dlt_docjobs.create_views(pipeline)


@pytest.mark.slow
def test_a_creation_that_fails_leaves_all_as_it_was(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.install()
    mark(loaded, "0.0.1")
    with monkeypatch.context() as patch:
        patch.setattr(install, "table_comments", lambda *_: ["SELECT no_such_function()"])
        with pytest.raises(DatabaseException):
            loaded.install(only_if_needed=True)
    assert loaded.rows(MARKER)[0]["version"] == "0.0.1"
    assert len(loaded.rows("job_timeline")) == 1
    assert loaded.install(only_if_needed=True).created == ALL


def test_without_transactions_a_broken_creation_is_mended(
    kept: dict[str, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Snowflake or BigQuery, where each statement counts at once."""
    loaded = kept["duckdb"]
    loaded.clear()
    real = install.create_statements

    def broken(view: Any, *rest: Any) -> list[str]:
        return ["SELECT no_such_function()"] if view.name == "segment_mix" else real(view, *rest)

    installer = install._Installer
    init = installer.__init__

    def without_transactions(self: Any, *args: Any) -> None:
        init(self, *args)
        self._is_transactional = False

    monkeypatch.setattr(installer, "__init__", without_transactions)
    with monkeypatch.context() as patch:
        patch.setattr(install, "create_statements", broken)
        with pytest.raises(DatabaseException):
            loaded.install(only_if_needed=True)
    assert loaded.rows(MARKER)[0]["fingerprint"] == "unfinished"
    assert loaded.install(only_if_needed=True).created == ALL
    assert loaded.install(only_if_needed=True).created == NOTHING


# -- two at once --------------------------------------------------------------------------------


def test_two_syncs_at_once_into_postgres(postgres_loaded: Warehouse) -> None:
    warehouse = postgres_loaded
    barrier = threading.Barrier(4)
    created: list[Any] = []

    def create() -> None:
        barrier.wait()
        try:
            created.append(warehouse.install(only_if_needed=True).created)
        except Exception as error:
            created.append(error)

    for _ in range(3):
        created.clear()
        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(created, key=len) == [NOTHING, NOTHING, NOTHING, ALL]
        mark(warehouse, "0.0.1")


def test_a_reader_who_is_in_the_way_is_not_waited_for(postgres_loaded: Warehouse) -> None:
    warehouse = postgres_loaded
    warehouse.install()
    mark(warehouse, "0.0.1")
    with warehouse.client() as reader:
        name = reader.make_qualified_table_name("job_daily")
        with reader.begin_transaction():
            reader.execute_sql(f"SELECT * FROM {name}")
            with pytest.raises(DatabaseException, match="lock timeout"):
                warehouse.install(only_if_needed=True)
    assert warehouse.install(only_if_needed=True).created == ALL
