"""A provider with jobs of two days, and a warehouse for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from orchestration_support import jobs_by_day

from dlt_docjobs.emulator import Emulator


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import dagster as dg
    from dagster_support import KEYS, Warehouse

    with Emulator(jobs=0) as emulator, dg.DagsterInstance.ephemeral() as instance:
        jobs_by_day(emulator, KEYS, 5)
        monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "warehouse.duckdb"))
        monkeypatch.setenv("SOURCES__DOCJOBS__LLAMACLOUD__API_KEY", emulator.api_key)
        monkeypatch.setenv(
            "SOURCES__DOCJOBS__LLAMACLOUD__BASE_URL", emulator.base_urls["llamacloud"]
        )
        yield Warehouse(tmp_path / "warehouse.duckdb", emulator, instance)
