"""Benches for the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance_bench import Bench, MakeBench
from process_support import stop_together

from dlt_docjobs.emulator import Emulator


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
