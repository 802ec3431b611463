from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone

import pytest
from docs_support import Project
from process_support import repeated

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.births import SHARES

# the ids that the pages name
NAMED_JOBS = ("5d1f0d0e-6c1c-4f6e-9c43-0e6f1f1f7a10", "7d6c9a4e-0000-0000-0000-000000000001")


@pytest.fixture(scope="module")
def providers() -> Iterator[Emulator]:
    """A few jobs of every provider and kind, none of which hangs."""
    with Emulator(seed=3, jobs=0) as emulator:
        created_at = datetime.now(timezone.utc) - timedelta(days=2)
        for provider, kind in SHARES:
            for status in ("succeeded", "failed", None):
                word = _word(provider, kind, status)
                emulator.add_job(
                    provider, kind, status=word, created_at=created_at if word else None
                )
        for job_id in NAMED_JOBS:
            emulator.add_job("unsiloed", "parse", job_id=job_id)
        yield emulator


def _word(provider: str, kind: str, status: str | None) -> str | None:
    if status is None:
        return None
    word = {"succeeded": "completed", "failed": "failed"}[status]
    if provider == "llamacloud":
        return word.upper()
    if provider == "unsiloed" and kind == "parse":
        return status.capitalize()
    return word


@pytest.fixture(scope="module")
def lively() -> Iterator[Emulator]:
    """Three weeks of jobs, for queries that should find something."""
    with Emulator(seed=7, jobs=150) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Emulator], Project]:
    """Makes a reader's folder."""
    return lambda emulator: Project(tmp_path_factory.mktemp("reader"), emulator)


def time_passes(emulator: Emulator) -> AbstractContextManager[None]:
    """Lets the providers' jobs go on while a command follows them."""
    return repeated(lambda: emulator.advance(600), every=0.5)


@pytest.fixture
def passing_time() -> Callable[[Emulator], object]:
    """See `time_passes`."""
    return time_passes
