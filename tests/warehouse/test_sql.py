"""Statements: names in the place of marks, tables that are not there, newest rows, open jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse import sql

Client = SqlClientBase[Any]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A connection to a dataset without tables."""
    destination = dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb"))
    pipeline = dlt.pipeline(
        "plain", destination=destination, dataset_name="data", pipelines_dir=str(tmp_path)
    )
    with pipeline.sql_client() as client:
        client.create_dataset()
        yield client


def make(client: Client, name: str, columns: str, *rows: str) -> None:
    table = client.make_qualified_table_name(name)
    client.execute_sql(f"CREATE TABLE {table} ({columns})")
    for row in rows:
        client.execute_sql(f"INSERT INTO {table} VALUES ({row})")


def test_each_mark_stands_for_a_table_s_qualified_name(client: Client) -> None:
    marks = {
        **{name: name for name in TABLES},
        "loads": "_dlt_loads",
        "state": "_dlt_pipeline_state",
        "forgotten": "forgotten_jobs",
        "leases": "sync_leases",
    }
    for mark, name in marks.items():
        filled = sql.fill(client, f"SELECT 1 FROM {{{mark}}} t JOIN {{{mark}}} u")
        qualified = client.make_qualified_table_name(name)
        assert filled == f"SELECT 1 FROM {qualified} t JOIN {qualified} u"


def test_a_mark_of_no_table_is_a_mistake(client: Client) -> None:
    with pytest.raises(KeyError, match="job"):
        sql.fill(client, "SELECT 1 FROM {job}")


def test_texts_stand_for_marks_and_may_have_marks(client: Client) -> None:
    texts = {"t.scope": sql.scope("unsiloed", "eu", "t"), "jobs": "(SELECT * FROM {jobs})"}
    filled = sql.fill(client, "SELECT 1 FROM {jobs} t WHERE {t.scope}", texts)
    jobs = client.make_qualified_table_name("jobs")
    where = "t.\"provider\" = 'unsiloed' AND t.\"account\" = 'eu'"
    assert filled == f"SELECT 1 FROM (SELECT * FROM {jobs}) t WHERE {where}"
    assert sql.scope("unsiloed", "eu") == "provider = 'unsiloed' AND account = 'eu'"


def test_columns_are_quoted_and_texts_and_other_words_are_not(client: Client) -> None:
    filled = sql.fill(client, "SELECT MAX(cursor) AS newest FROM {chunks} WHERE status = 'status'")
    chunks = client.make_qualified_table_name("chunks")
    wanted = f'SELECT MAX("cursor") AS newest FROM {chunks} WHERE "status" = \'status\''
    assert filled == wanted


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Client]:
    """A connection to a dataset of SQLite."""
    destination = dlt.destinations.sqlalchemy(f"sqlite:///{tmp_path / 'warehouse.db'}")
    pipeline = dlt.pipeline(
        "plain", destination=destination, dataset_name="data", pipelines_dir=str(tmp_path)
    )
    with pipeline.sql_client() as client:
        client.create_dataset()
        yield client


def test_instants_compare_as_what_dlt_writes_where_dates_have_no_zone(sqlite: Client) -> None:
    make(sqlite, "jobs", "job_id TEXT, created_at DATETIME", "'a', '2026-01-01 10:00:00.000000'")
    zone = timezone(timedelta(hours=2))
    for sign, found in ((">=", ["a"]), ("<=", ["a"]), ("<", []), (">", [])):
        rows = sql.run(
            sqlite,
            f"SELECT job_id FROM {{jobs}} WHERE created_at {sign} %s",
            datetime(2026, 1, 1, 12, tzinfo=zone),
        )
        assert [row[0] for row in rows] == found, sign


def test_a_table_that_is_not_there_is_an_empty_one(client: Client) -> None:
    assert not sql.has_table(client, "jobs")
    assert sql.run(client, "SELECT job_id FROM {jobs}") == []
    assert sql.run(client, "DELETE FROM {jobs} WHERE job_id = %s", "a") == []
    make(client, "jobs", "job_id VARCHAR", "'a'", "'b'")
    assert sql.has_table(client, "jobs")
    assert sql.run(client, "SELECT job_id FROM {jobs} WHERE job_id = %s", "a") == [("a",)]
    sql.run(client, "DELETE FROM {jobs} WHERE job_id = %s", "a")
    assert sql.run(client, "SELECT job_id FROM {jobs}") == [("b",)]


def test_any_other_mistake_is_an_error(client: Client) -> None:
    make(client, "jobs", "job_id VARCHAR")
    with pytest.raises(DatabaseException):
        sql.run(client, "SELECT nothing FROM {jobs}")


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])]
)
def test_batches_hold_every_value_once(count: int, sizes: list[int]) -> None:
    batches = list(sql.batches(range(count), 3))
    assert [len(batch) for batch in batches] == sizes
    assert [value for batch in batches for value in batch] == list(range(count))


def test_there_are_as_many_placeholders_as_values(client: Client) -> None:
    values = [3, 5, 7]
    found = client.execute_sql(f"SELECT 5 IN ({sql.placeholders(values)})", *values)
    assert found == [(True,)]


EVENTS = "provider VARCHAR, account VARCHAR, job_kind VARCHAR, job_id VARCHAR, sequence INT"
ROWS = (
    "'unsiloed', 'default', 'parse', 'ended', 0, false",
    "'unsiloed', 'default', 'parse', 'ended', 1, true",
    "'unsiloed', 'default', 'parse', 'again', 1, true",
    "'unsiloed', 'default', 'parse', 'again', 2, false",
    # another kind, and another provider, with the same id
    "'unsiloed', 'default', 'extract', 'ended', 0, false",
    "'contextual', 'eu', 'parse', 'ended', 0, false",
)


@pytest.fixture
def events(client: Client) -> Client:
    make(client, "job_status_history", f"{EVENTS}, is_terminal BOOLEAN", *ROWS)
    return client


def test_a_job_is_open_while_its_last_event_is_not_terminal(events: Client) -> None:
    found = sql.run(events, f"SELECT provider, account, job_kind, job_id FROM {sql.open_jobs()} h")
    assert sorted(found) == [
        ("contextual", "eu", "parse", "ended"),
        ("unsiloed", "default", "extract", "ended"),
        ("unsiloed", "default", "parse", "again"),
    ]


def test_the_last_events_of_some_jobs_with_what_else_is_asked(events: Client) -> None:
    last = sql.last_events("provider = %s AND job_kind = 'parse'", "sequence")
    text = f"SELECT job_id, sequence, is_terminal FROM {last} h"
    assert sorted(sql.run(events, text, "unsiloed")) == [("again", 2, False), ("ended", 1, True)]


def test_older_rows_may_stand_beside_the_newest(events: Client) -> None:
    both = sql.newest("{job_status_history}", sql.JOB, "sequence", beside="sequence = 1")
    text = f"SELECT job_id, sequence FROM {both} h WHERE {{scope}} AND job_kind = 'parse'"
    found = sql.run(events, text, texts={"scope": sql.scope("unsiloed", "default")})
    assert sorted(found) == [("again", 1), ("again", 2), ("ended", 1)]


def test_a_job_s_newest_row_is_that_of_its_last_load(client: Client) -> None:
    columns = "provider VARCHAR, job_kind VARCHAR, job_id VARCHAR, status VARCHAR"
    rows = ("'queued', '1'", "'ended', '3'", "'running', '2'")
    values = (f"'unsiloed', 'parse', 'a', {row}" for row in rows)
    make(client, "jobs", f"{columns}, _dlt_load_id VARCHAR", *values)
    assert sql.run(client, f"SELECT status FROM {sql.NEWEST_JOBS} j") == [("ended",)]
