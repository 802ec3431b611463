from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pipelines_support import Scripts

from dlt_docjobs.emulator import Emulator


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    """The scripts, and an emulator with two weeks of jobs."""
    with Emulator(seed=5, jobs=60, history_days=14) as emulator:
        yield Scripts(tmp_path, emulator)


@pytest.fixture
def scripts_of_nobody(tmp_path: Path) -> Iterator[Scripts]:
    """The scripts, and an emulator without jobs of its own."""
    with Emulator(jobs=0) as emulator:
        yield Scripts(tmp_path, emulator)
