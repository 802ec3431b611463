from __future__ import annotations

from collections.abc import Iterator

import pytest

from dlt_docjobs.emulator import Emulator, Faults


@pytest.fixture(scope="module")
def providers() -> Iterator[Emulator]:
    with Emulator(seed=7, jobs=300) as emulator:
        yield emulator


@pytest.fixture
def emulator(providers: Emulator) -> Emulator:
    """The emulator without a fault."""
    providers.faults = Faults()
    return providers
