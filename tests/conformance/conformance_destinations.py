"""Benches over other destinations than a DuckDB file, all read through dlt's own SQL client."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from conformance_bench import Bench
from dlt.common.configuration.specs import AwsCredentials
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials
from s3_support import BUCKET, CREDENTIALS

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.tables import REMOVED, TABLES
from dlt_docjobs.testing.warehouse import DATASET, Row, Tables

SERVERS_AND_FILES = ("duckdb", "postgres", "sqlite", "mysql", "files")
LAKES = ("delta", "iceberg", "ducklake", "ducklake_postgres")
BUCKETS = ("s3_files", "s3_delta", "s3_iceberg")
DESTINATIONS = (*SERVERS_AND_FILES, *LAKES, *BUCKETS)
# the fixture that a kind's server comes from
SERVERS = {
    "postgres": "postgres",
    "mysql": "mysql",
    "ducklake_postgres": "postgres",
    **dict.fromkeys(BUCKETS, "s3"),
}
# what a kind needs beyond the packages of the tests: DuckDB's extensions, and modules
_S3 = ("s3fs", "moto.server")
EXTENSIONS = {
    "delta": ("delta",),
    "iceberg": ("avro", "iceberg"),
    "ducklake": ("ducklake", "sqlite_scanner"),
    "ducklake_postgres": ("ducklake", "postgres_scanner"),
    "s3_files": ("httpfs",),
    "s3_delta": ("httpfs", "delta"),
    "s3_iceberg": ("httpfs", "avro", "iceberg"),
    "s3_ducklake": ("httpfs", "ducklake", "postgres_scanner"),
}
PACKAGES = {
    "delta": ("deltalake",),
    "iceberg": ("pyiceberg",),
    "s3_files": _S3,
    "s3_delta": (*_S3, "deltalake"),
    "s3_iceberg": (*_S3, "pyiceberg"),
    "s3_ducklake": _S3,
}


class DestinationBench(Bench):
    """A bench whose warehouse is one of dlt's destinations.

    Args:
        emulator: The providers.
        folder: Holds the files and the working directory.
        kind: Which destination, one of `DESTINATIONS`.
        address: Of the database, where a server keeps it.
    """

    def __init__(self, emulator: Emulator, folder: Path, kind: str, address: str = "") -> None:
        super().__init__(emulator, folder)
        self.kind = kind
        self.layout = kind.removeprefix("s3_")
        self._address = address

    @property
    def merges(self) -> bool:
        """Whether rows that change replace others."""
        return self.layout != "files"

    def pipeline(
        self, provider: str, warehouse: str = "warehouse", account: str | None = None
    ) -> dlt.Pipeline:
        """A provider's pipeline, made anew as by a new process."""
        name = f"{provider}_{account}" if account else provider
        return dlt.pipeline(
            f"docjobs_{name}",
            destination=self._destination(),
            dataset_name=DATASET,
            pipelines_dir=str(self.pipelines_dir),
        )

    def source(self, provider: str, account: str | None = None, **arguments: Any) -> Any:
        """A provider's source, with the table format that the destination is to have."""
        if self.layout in ("delta", "iceberg"):
            arguments["table_format"] = self.layout
        return super().source(provider, account, **arguments)

    def _destination(self) -> Any:
        if self.kind == "duckdb":
            return dlt.destinations.duckdb(str(self.file()))
        if self.kind == "postgres":
            return dlt.destinations.postgres(self._address)
        if self.kind == "sqlite":
            return dlt.destinations.sqlalchemy(f"sqlite:///{self.folder / 'warehouse.db'}")
        if self.kind == "mysql":
            return dlt.destinations.sqlalchemy(self._address)
        if self.kind in ("ducklake", "ducklake_postgres"):
            return dlt.destinations.ducklake(
                DuckLakeCredentials(
                    "lake",
                    catalog=self._address or f"sqlite:///{self.folder / 'catalog.sqlite'}",
                    storage=(self.folder / "lake").as_uri(),
                )
            )
        if self.kind in BUCKETS:
            credentials = AwsCredentials(**CREDENTIALS, endpoint_url=self._address)
            return dlt.destinations.filesystem(f"s3://{BUCKET}/{self.kind}", credentials)
        return dlt.destinations.filesystem((self.folder / "files").as_uri())

    def tables(self, warehouse: str = "warehouse") -> Tables:
        """Every table that there is whole, ordered by its key, read as the docs say to."""
        found: Tables = {}
        for name, table in TABLES.items():
            rows = self._rows(name)
            if rows is None:
                continue
            if not self.merges and table.is_job_level:
                rows = _newest(rows, table.replaced_by)
            if self.layout in ("files", "iceberg"):
                rows = [row for row in rows if not row.get(REMOVED)]
            found[name] = sorted(rows, key=lambda row: tuple(row[key] for key in table.key))
        return found

    def loads(self, warehouse: str = "warehouse") -> list[str]:
        """The packages that were loaded whole."""
        return [row["load_id"] for row in self._rows("_dlt_loads") or [] if row["status"] == 0]

    def _rows(self, name: str) -> list[Row] | None:
        with self.pipeline("unsiloed").sql_client(schema_name="unsiloed") as client:
            try:
                with client.execute_query(
                    f"SELECT * FROM {client.make_qualified_table_name(name)}"
                ) as cursor:
                    columns = list(cursor.columns_schema)
                    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            except DestinationUndefinedEntity:
                return None
        return [{key: _plain(name, key, value) for key, value in row.items()} for row in rows]


def _plain(table: str, column: str, value: Any) -> Any:
    """A value as DuckDB has it: JSON as text, dates in UTC."""
    types = {one.name: one.type for one in TABLES[table].columns} if table in TABLES else {}
    if types.get(column) == "timestamp":
        return parse_instant(value)
    if types.get(column) == "bool" and value is not None:
        return bool(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return value


def _newest(rows: list[Row], key: tuple[str, ...]) -> list[Row]:
    newest: dict[tuple[Any, ...], str] = {}
    for row in rows:
        ref = tuple(row[name] for name in key)
        newest[ref] = max(newest.get(ref, ""), row["_dlt_load_id"])
    return [row for row in rows if newest[tuple(row[n] for n in key)] == row["_dlt_load_id"]]


def install_extensions(kind: str, home: Path) -> None:
    """Puts DuckDB's extensions where it looks for them, out of installed packages.

    Skips the test where they, or other packages, are not installed: nothing is downloaded.
    """
    for name in EXTENSIONS.get(kind, ()):
        _install_extension(name, home)
    for name in PACKAGES.get(kind, ()):
        pytest.importorskip(name, reason=f"{name} is not installed; `.ci/lakes` runs this")


def _install_extension(name: str, home: Path) -> None:
    with duckdb.connect() as connection:
        (platform,) = connection.execute("PRAGMA platform").fetchone() or ("",)
    version = f"v{duckdb.__version__}"
    package = pytest.importorskip(
        f"duckdb_extension_{name}",
        reason=f"DuckDB's extension {name} is not installed; `.ci/lakes` runs this",
    )
    file = Path(package.__path__[0]) / "extensions" / version / f"{name}.duckdb_extension"
    if not file.exists():
        pytest.skip(f"DuckDB's extension {name} is not for {version}; `.ci/lakes` runs this")
    folder = home / ".duckdb" / "extensions" / version / platform
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder)
