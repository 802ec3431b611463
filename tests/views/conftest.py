"""Empty warehouses, and a pair of warehouses in which jobs have lived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from views_support import MakeWarehouse, Warehouse

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.births import SHARES
from dlt_docjobs.tables import TABLES

KINDS = ("duckdb", "postgres")


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> Warehouse:
    """An empty warehouse of each kind."""
    return make_warehouse(request.param)


class Lived:
    """Two warehouses of the same jobs, and the truth."""

    def __init__(self, emulator: Emulator, warehouses: dict[str, Warehouse]) -> None:
        self.emulator = emulator
        self.warehouses = warehouses


@pytest.fixture(scope="package")
def lived(make_warehouse: MakeWarehouse) -> Iterator[Lived]:
    """Jobs of three weeks at the first sync, then an hour of life, looked at often at first.

    Synced into DuckDB; PostgreSQL gets the same rows.
    """
    warehouses = {kind: make_warehouse(kind) for kind in KINDS}
    synced = warehouses["duckdb"]
    with Emulator(seed=11, jobs=130) as emulator:
        synced.sync(emulator)
        # these are looked at from their first minute on
        for provider, kind in SHARES:
            for _ in range(6):
                emulator.add_job(provider, kind)
        for seconds in (12, 60, 3600):
            emulator.advance(seconds)
            synced.sync(emulator)
        warehouses["postgres"].load(**{name: synced.rows(name) for name in TABLES})
        for warehouse in warehouses.values():
            warehouse.install()
        yield Lived(emulator, warehouses)


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, lived: Lived) -> Warehouse:
    """A warehouse of each kind in which jobs have lived."""
    return lived.warehouses[request.param]
