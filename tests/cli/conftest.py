"""Folders to run `docjobs` in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_support import KEYS, MakePlace, Place
from process_support import stop_together
from warehouse_support import MakeWarehouse, warehouses

from dlt_docjobs.emulator import Emulator


@pytest.fixture(scope="module")
def make_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakePlace]:
    """Makes empty folders, each with an emulator of its own, without jobs by default."""
    emulators: list[Emulator] = []

    def make(*providers: str, jobs: int = 0, emulator: Any = None) -> Place:
        if emulator is None:
            emulator = Emulator(seed=7, jobs=jobs).start()
            emulators.append(emulator)
        folder: Path = tmp_path_factory.mktemp("place")
        return Place(folder, emulator, providers or tuple(KEYS))

    yield make
    stop_together(emulators)


@pytest.fixture
def make_machines(make_place: MakePlace, request: pytest.FixtureRequest) -> MakeWarehouse:
    """Makes warehouses into which several machines load."""
    return warehouses(make_place, request)
