"""One warehouse, in one of the databases that a test can have, and machines that load into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

import duckdb
import psycopg2
import pytest
from cli_support import MakePlace, Place, Ran
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES

KINDS = ("duckdb", "postgres")
_numbers = count(1)


class Warehouse:
    """A warehouse, and machines of which each has a working directory of its own.

    Args:
        place: A folder and an emulator.
        kind: `duckdb`, `postgres`, `sqlite` or `mysql`.
        address: Of the database, where a server keeps it.
    """

    def __init__(self, place: Place, kind: str, address: str = "") -> None:
        self.place = place
        self.kind = kind
        self._address = address
        self.dataset = f"docjobs_{next(_numbers)}"
        self._options = ["--dataset", self.dataset]
        if kind == "postgres":
            place.env["DESTINATION__POSTGRES__CREDENTIALS"] = address
            self._options += ["--destination", "postgres"]
        elif kind in ("sqlite", "mysql"):
            place.env["DESTINATION__SQLALCHEMY__CREDENTIALS"] = address or "sqlite:///warehouse.db"
            self._options += ["--destination", "sqlalchemy"]

    @property
    def emulator(self) -> Emulator:
        """The providers."""
        return self.place.emulator

    # -- commands ---------------------------------------------------------------------------

    def environment(
        self, machine: str, env: Mapping[str, str | None] | None = None
    ) -> dict[str, str | None]:
        """The variables of a machine."""
        return {"DLT_DATA_DIR": str(self.place.folder / machine), **(env or {})}

    def run(
        self, *args: str, machine: str = "a", env: Mapping[str, str | None] | None = None
    ) -> Ran:
        """Runs a command on a machine."""
        return self.place.run(*args, *self._options, env=self.environment(machine, env))

    def sync(
        self, *args: str, machine: str = "a", env: Mapping[str, str | None] | None = None
    ) -> Ran:
        """Runs a sync, of which the requests are then the emulator's only ones."""
        self.emulator.clear_requests()
        return self.run("sync", *args, "--json", machine=machine, env=env)

    def killed_at_load(
        self,
        patch: pytest.MonkeyPatch,
        *args: str,
        machine: str = "a",
        env: Mapping[str, str | None] | None = None,
    ) -> Ran:
        """Runs a sync that extracts a package and ends before it loads it."""

        def load(*_: Any, **__: Any) -> None:
            raise RuntimeError("killed here")

        with patch.context() as patched:
            patched.setattr(Pipeline, "load", load)
            ran = self.sync(*args, machine=machine, env=env)
        assert ran.code == 3, ran.said
        return ran

    # -- rows -------------------------------------------------------------------------------

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        if self.kind == "sqlite":
            file = self.place.folder / f"warehouse__{self.dataset}.db"
            with closing(sqlite3.connect(file)) as connection:
                yield connection.cursor()
            return
        if self.kind == "mysql":
            import sqlalchemy

            url = sqlalchemy.make_url(self._address).set(database=self.dataset)
            engine = sqlalchemy.create_engine(url)
            with closing(engine.raw_connection()) as connection:
                yield connection.cursor()
            engine.dispose()
            return
        if self.kind == "postgres":
            connection = psycopg2.connect(self._address)
            try:
                connection.autocommit = True
                cursor = connection.cursor()
                cursor.execute(f"SET search_path TO {self.dataset}")
                yield cursor
            finally:
                connection.close()
            return
        with duckdb.connect(str(self.place.folder / "warehouse.duckdb")) as connection:
            connection.execute(f"SET schema = '{self.dataset}'")
            yield connection

    def execute(self, sql: str) -> None:
        """Does what a user does by hand."""
        with self._cursor() as cursor:
            cursor.execute(sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with self._cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def count(self, table: str, where: str = "true") -> int:
        """Rows of a table."""
        return int(self.query(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])

    def ids(self, table: str = "jobs", where: str = "true") -> list[str]:
        """The jobs that a table has rows of."""
        found = self.query(f"SELECT DISTINCT job_id FROM {table} WHERE {where} ORDER BY job_id")
        return [row[0] for row in found]

    def assert_no_duplicates(self) -> None:
        """No key stands twice in any table."""
        for name, table in TABLES.items():
            keys = ", ".join(table.key)
            twice = f"SELECT {keys} FROM {name} GROUP BY {keys} HAVING count(*) > 1"
            assert self.query(twice) == [], name

    def rows(self, table: str, where: str = "true") -> list[tuple[Any, ...]]:
        """What a job-level table says of the jobs, without what is of the run and of the time."""
        left_out = {"run_id", "first_seen_at", "last_observed_at", "observed_at", "loaded_at"}
        names = [one.name for one in TABLES[table].columns if one.name not in left_out]
        keys = ", ".join(TABLES[table].key)
        return self.query(f"SELECT {', '.join(names)} FROM {table} WHERE {where} ORDER BY {keys}")


MakeWarehouse = Callable[..., Warehouse]


def warehouses(make_place: MakePlace, request: pytest.FixtureRequest) -> MakeWarehouse:
    """Makes warehouses, of the kind that is asked for, with the providers named."""

    def make(kind: str, *providers: str, **options: Any) -> Warehouse:
        address = request.getfixturevalue(kind) if kind in ("postgres", "mysql") else ""
        return Warehouse(make_place(*(providers or ("llamacloud",)), **options), kind, address)

    return make
