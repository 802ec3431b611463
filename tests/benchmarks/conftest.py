from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.arena import Place, new_place
from benchmarks.jobs import Calendar
from benchmarks.serving import Server, running_server


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    """The last of the jobs was created two hours ago."""
    return Calendar.ending_now(103)


@pytest.fixture(scope="session")
def server(calendar: Calendar) -> Iterator[Server]:
    """The benchmark's server."""
    with running_server(calendar) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty place; contestants that run inside this process work there, too."""
    place = new_place(tmp_path / "place")
    monkeypatch.setenv("DLT_DATA_DIR", place.environment["DLT_DATA_DIR"])
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    return place
