"""Benches for the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from conformance_bench import Bench, MakeBench
from process_support import stop_together

from dlt_docjobs.emulator import Emulator

# What the engine does alike for every provider. With the younger two it is repeated at night, with
# `-m slow`: the suite has to end while somebody waits for it.
_ENGINE: Final = (
    *("clocks", "days", "doubt", "drift", "intervals", "network", "packages", "records"),
    *("refusals", "torn_loads", "warehouses", "windows"),
)
_YOUNGER: Final = ("reducto", "landingai")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file = item.path.stem.removeprefix("test_conformance_")
        if file in _ENGINE and any(name in item.name for name in _YOUNGER):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def make_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeBench]:
    """Makes benches, each with an emulator (empty by default) and a folder of its own."""
    emulators: list[Emulator] = []

    def make(jobs: int = 0, **options: Any) -> Bench:
        emulators.append(Emulator(jobs=jobs, **options).start())
        folder: Path = tmp_path_factory.mktemp("bench")
        return Bench(emulators[-1], folder)

    yield make
    stop_together(emulators)
