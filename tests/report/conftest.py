"""Warehouses of both kinds: with an attack in every text, and with jobs that have lived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_support import Browser, started_browser
from report_support import loaded, nasty_rows
from views_support import MakeWarehouse, Warehouse

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES

KINDS = ("duckdb", "postgres")


@pytest.fixture(scope="package", params=KINDS)
def nasty(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> Warehouse:
    """A warehouse of each kind whose every text is an attack."""
    return loaded(make_warehouse(request.param), **nasty_rows())


@pytest.fixture(scope="package")
def lived(make_warehouse: MakeWarehouse) -> dict[str, Warehouse]:
    """A warehouse of each kind with the same jobs, after three weeks and an hour of their life."""
    warehouses = {kind: make_warehouse(kind) for kind in KINDS}
    synced = warehouses["duckdb"]
    with Emulator(seed=5, jobs=80) as emulator:
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
