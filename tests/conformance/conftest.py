"""Benches for the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conformance_bench import Bench, MakeBench

from dlt_docjobs.emulator import Emulator


@pytest.fixture(scope="module")
def make_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeBench]:
    """Makes benches, each with an emulator (empty by default) and a folder of its own."""
    with ExitStack() as stack:

        def make(jobs: int = 0, **options: Any) -> Bench:
            emulator = stack.enter_context(Emulator(jobs=jobs, **options))
            folder: Path = tmp_path_factory.mktemp("bench")
            return Bench(emulator, folder)

        yield make
