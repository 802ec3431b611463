"""A sync with a helper leaves in the warehouse what one without leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shop_support import DONE, Shop

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.http import Answer
from dlt_docjobs.reader import reader as reader_module
from dlt_docjobs.reader.process import HelperProcess
from dlt_docjobs.reader.reader import Reader
from dlt_docjobs.results import Reading
from dlt_docjobs.tables import RESULT_TABLES


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=11, jobs=0) as emulator:
        for provider in DONE:
            Shop(emulator, Path()).add(provider, 30, pages=2)
        yield emulator


def synced(emulator: Emulator, provider: str, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the result tables after a first sync, without what differs from run to run."""
    shop = Shop(emulator, folder)
    shop.sync(provider, max_concurrency=4)
    sql = "SELECT * EXCLUDE (run_id, _dlt_load_id) FROM docjobs."
    return {name: sorted(shop.rows(sql + name), key=repr) for name in RESULT_TABLES}


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> list[HelperProcess]:
    """Syncs have a helper from their first answer on; one entry for each answer that it reads."""
    entries: list[HelperProcess] = []
    read_in_helper, read = HelperProcess.read, Reader.read

    async def noted(helper: HelperProcess, body: bytes) -> Reading | None:
        reading = await read_in_helper(helper, body)
        if reading is not None:
            entries.append(helper)
        return reading

    async def patient(reader: Reader, answer: Answer) -> Reading:
        reading = await read(reader, answer)
        if reader._start is not None:
            await asyncio.wait({reader._start})
        return reading

    monkeypatch.setattr(HelperProcess, "read", noted)
    monkeypatch.setattr(Reader, "read", patient)
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)
    return entries


@pytest.mark.slow
@pytest.mark.parametrize("provider", DONE)
def test_the_rows_are_the_same(
    provider: str, emulator: Emulator, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    without = synced(emulator, provider, tmp_path / "without")
    assert sum(map(len, without.values())) > 100
    helped = request.getfixturevalue("helped")
    assert synced(emulator, provider, tmp_path / "with") == without
    assert len(helped) > 20
    (helper,) = set(helped)
    assert helper._process.returncode is not None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
@pytest.mark.parametrize("provider", DONE)
def test_no_row_is_lost_with_a_helper(
    provider: str,
    emulator: Emulator,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    without = synced(emulator, provider, tmp_path / "without")
    helped = request.getfixturevalue("helped")
    read = HelperProcess.read

    async def deadly(helper: HelperProcess, body: bytes) -> Reading | None:
        if len(helped) >= 3 and not helper._is_over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(helper._process.pid, signal.SIGKILL)
        return await read(helper, body)

    monkeypatch.setattr(HelperProcess, "read", deadly)
    with caplog.at_level(logging.WARNING, logger="dlt_docjobs"):
        assert synced(emulator, provider, tmp_path / "with") == without
    assert 3 <= len(helped) < 20
    (said,) = caplog.messages
    assert said.startswith("the process that helps")
