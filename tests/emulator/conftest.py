from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from dlt_docjobs.emulator import Emulator


@pytest.fixture(scope="module")
def world() -> Iterator[Emulator]:
    """A lively emulator that tests only read from."""
    with Emulator(seed=7, jobs=240) as emulator:
        yield emulator


@pytest.fixture
def lively() -> Iterator[Emulator]:
    """A lively emulator of the test's own."""
    with Emulator(seed=11, jobs=120) as emulator:
        yield emulator


@pytest.fixture
def bare() -> Iterator[Emulator]:
    """An emulator without jobs of its own."""
    with Emulator(jobs=0) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """A client that bears the key in every provider's header."""
    key = "emulator-key"
    headers = {"Authorization": f"Bearer {key}", "api-key": key}
    with httpx.Client(headers=headers, timeout=10, trust_env=False) as client:
        yield client
