"""Folders to run `docjobs` in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import Place

from dlt_docjobs.emulator import Emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Providers with a few dozen jobs."""
    with Emulator(seed=7, jobs=45) as emulator:
        yield emulator


@pytest.fixture
def bare() -> Iterator[Emulator]:
    """Providers without jobs."""
    with Emulator(seed=7, jobs=0) as emulator:
        yield emulator


@pytest.fixture
def place(tmp_path: Path, emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> Place:
    """An empty folder with a key for each provider."""
    place = Place(tmp_path, emulator)
    place.capsys = capsys
    return place
