"""Answers are read the same way here and in a helper, whatever becomes of the helper."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest
import reader_support
from process_support import repeated
from reader_support import (
    EVERYTHING,
    FIXTURES,
    WAYS,
    answer_of,
    ask,
    assert_same,
    body_of,
    provider_of,
    python_is,
    read_here,
    running,
)

from dlt_docjobs.http import UnreadableBody
from dlt_docjobs.reader import process as process_module
from dlt_docjobs.reader import reader as reader_module
from dlt_docjobs.reader.process import HelperProcess
from dlt_docjobs.reader.reader import Reader

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signals")


def pid_of(helper: HelperProcess | None) -> int:
    """The helper's process id."""
    assert helper is not None
    return helper._process.pid


def is_there(pid: int) -> bool:
    """Whether a process is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    until = time.monotonic() + 10
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_there(pid)


def is_strict(body: bytes) -> bool:
    """Whether a body is JSON to the letter; the sync takes some that are not."""
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True


# -- what it reads ------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", WAYS)
def test_a_helper_reads_what_the_sync_reads(provider: str) -> None:
    bodies = [body_of(path) for path in FIXTURES if provider_of(path) == provider]
    bodies += [b"{}", b"[]", b"null", b'{"status": "Processing"}', b'{"x": 12345678901234567}']
    way = WAYS[provider]
    for body, reading in zip(bodies, asyncio.run(ask(way, *bodies)), strict=True):
        if is_strict(body):
            assert_same(reading, read_here(way, body))
        else:
            assert reading is None


@pytest.mark.parametrize(
    "policy",
    [
        {"include_content": False, "include_ocr": True},
        {"include_content": True, "include_ocr": False},
    ],
    ids=["no content", "no OCR"],
)
def test_it_keeps_to_what_may_be_stored(policy: dict[str, bool]) -> None:
    way = WAYS["unsiloed"]
    body = body_of(next(path for path in FIXTURES if path.stem == "unsiloed_chunks"))

    async def asked() -> None:
        async with running(way, policy) as helper:
            assert_same(await helper.read(body), read_here(way, body, policy))

    asyncio.run(asked())


def test_what_it_can_t_read_is_left_to_the_sync() -> None:
    unreadable = [b"", b"{", b'{"x": NaN}', b'{"items": {"pages": {}}}', b'{"x": "\\ud800"}']
    readings = asyncio.run(ask(WAYS["llamacloud"], *unreadable, b'{"x": 1}'))
    assert readings[:-1] == [None] * len(unreadable)
    assert_same(readings[-1], read_here(WAYS["llamacloud"], b'{"x": 1}'))


def test_an_error_in_it_is_no_end_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = asyncio.run(ask(reader_support.fail, b"fail", b"go on"))
    assert first is None and second is not None and second.rest == "go on"
    assert "SECRET" not in "".join(capfd.readouterr())


def test_what_a_library_prints_is_no_answer() -> None:
    readings = asyncio.run(ask(reader_support.chatter, b"1", b"2"))
    assert [reading.rest for reading in readings if reading is not None] == ["1", "2"]


def test_it_imports_nothing_that_it_has_no_need_of() -> None:
    (reading,) = asyncio.run(ask(reader_support.tell_modules, b""))
    assert reading is not None
    imported = {name.partition(".")[0] for name in reading.rest}
    # the test's own way of reading comes from a module that imports more
    for way in WAYS.values():
        assert way.__module__ in reading.rest
    assert imported.isdisjoint({"pandas", "numpy", "dlt", "duckdb"})


def test_it_is_told_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLAMA_CLOUD_API_KEY", "SOURCES__DOCJOBS__UNSILOED__API_KEY", "MY_SECRET"):
        monkeypatch.setenv(name, "SECRET")
    (reading,) = asyncio.run(ask(reader_support.tell_environment, b""))
    assert reading is not None and reading.rest["PATH"] == os.environ["PATH"]
    assert "SECRET" not in reading.rest.values()


# -- what becomes of it -------------------------------------------------------------------------


def interrupted(pid: int) -> AbstractContextManager[None]:
    """Stops a process and lets it go on, over and over: what it is writing is cut short."""

    def interrupt() -> None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.002)
        os.kill(pid, signal.SIGCONT)

    return repeated(interrupt, every=0.003)


@needs_signals
def test_an_answer_that_is_written_in_pieces_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    # the standard output is then one that may write less than it is given
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    bodies = [json.dumps({"n": n, "text": f"{n % 10}" * 900_000}).encode() for n in range(40)]

    async def dawdle() -> None:
        # so that the helper has to wait in the middle of an answer
        while True:
            time.sleep(0.01)  # noqa: ASYNC251
            await asyncio.sleep(0)

    async def asked() -> None:
        async with running(WAYS["contextual"]) as helper:
            slow = asyncio.create_task(dawdle())
            try:
                with interrupted(pid_of(helper)):
                    readings = await asyncio.gather(*map(helper.read, bodies))
            finally:
                slow.cancel()
        for reading, body in zip(readings, bodies, strict=True):
            assert reading is not None and reading.rest == json.loads(body)

    asyncio.run(asked())


def test_one_that_dies_leaves_everything_to_the_sync(caplog: pytest.LogCaptureFixture) -> None:
    async def asked() -> None:
        async with running(reader_support.sleep) as helper:
            waiting = [asyncio.create_task(helper.read(b"900")) for _ in range(5)]
            await asyncio.sleep(0.1)
            waiting[0].cancel()
            os.kill(pid_of(helper), signal.SIGTERM)
            read = await asyncio.gather(*waiting, return_exceptions=True)
            assert isinstance(read[0], asyncio.CancelledError) and read[1:] == [None] * 4
            assert await helper.read(b"0") is None

    with caplog.at_level(logging.WARNING):
        asyncio.run(asked())
    (record,) = caplog.records
    assert "loses nothing" in record.getMessage()


def test_one_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_PATIENCE_SECONDS", 0.3)

    async def asked() -> None:
        async with running(reader_support.sleep) as helper:
            assert await helper.read(b"60") is None
            assert await asyncio.wait_for(helper.read(b"0"), 10) is None
        assert ends(pid_of(helper))

    asyncio.run(asked())


def test_a_caller_that_is_cancelled_takes_nobody_else_s_answer() -> None:
    async def asked() -> None:
        async with running(WAYS["contextual"]) as helper:
            tasks = [
                asyncio.create_task(helper.read(json.dumps({"n": n}).encode())) for n in range(20)
            ]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            read = await asyncio.gather(*tasks, return_exceptions=True)
            rests = [
                one.rest for one in read if one is not None and not isinstance(one, BaseException)
            ]
            assert [rest["n"] for rest in rests] == list(range(1, 20, 2))

    asyncio.run(asked())


@needs_signals
def test_an_interruption_at_the_terminal_is_none_of_its_affair() -> None:
    async def asked() -> None:
        async with running(WAYS["contextual"]) as helper:
            assert os.getsid(pid_of(helper)) != os.getsid(0)
            os.kill(pid_of(helper), signal.SIGINT)
            assert await helper.read(b"{}") is not None

    asyncio.run(asked())


@needs_signals
def test_it_does_not_outlive_a_sync_that_is_killed() -> None:
    script = """
import asyncio, os, sys
from reader_support import WAYS, running
async def main():
    async with running(WAYS["contextual"]) as helper:
        assert await helper.read(b"{}") is not None
        print(helper._process.pid, flush=True)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert ends(int(ran.stdout))


# -- when there is one --------------------------------------------------------------------------


BODY = body_of(FIXTURES[0])
WAY = WAYS[provider_of(FIXTURES[0])]


def new_reader() -> Reader:
    """A reader of the first fixture's provider."""
    return Reader(WAY, **EVERYTHING)


async def read_twice(reader: Reader, body: bytes = BODY) -> bool:
    """Reads an answer before and after a helper could start; whether there is one."""
    try:
        assert_same(await reader.read(answer_of(body)), read_here(WAY, body))
        if reader._start is not None:
            await reader._start
        has_helper = reader._helper is not None
        assert_same(await reader.read(answer_of(body)), read_here(WAY, body))
        return has_helper
    finally:
        await reader.close()
        if reader._helper is not None:
            assert ends(pid_of(reader._helper))


def test_there_is_one_once_there_is_enough_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = new_reader()
    reader.open()
    assert not asyncio.run(read_twice(reader))
    monkeypatch.setattr(reader_module, "HELPED_FROM", len(BODY))
    reader = new_reader()
    reader.open()
    assert asyncio.run(read_twice(reader))


def test_there_is_none_for_who_opens_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)
    assert not asyncio.run(read_twice(new_reader()))


def test_there_is_none_where_nothing_would_be_won(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    reader = new_reader()
    reader.open()
    assert not asyncio.run(read_twice(reader))


@pytest.mark.parametrize("executable", ["", "no-such-python", "false"])
def test_where_no_python_can_be_started_the_sync_reads(
    executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)
    reader = new_reader()
    with python_is(executable):
        reader.open()
        assert not asyncio.run(read_twice(reader))


def test_the_largest_answers_are_read_by_the_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)
    monkeypatch.setattr(reader_module, "_LARGEST", len(BODY) - 1)
    monkeypatch.setattr(HelperProcess, "read", None)
    reader = new_reader()
    reader.open()
    assert asyncio.run(read_twice(reader))


def test_what_is_no_json_is_said_by_the_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)

    async def asked() -> None:
        reader = new_reader()
        reader.open()
        try:
            for _ in range(2):
                with pytest.raises(UnreadableBody, match="not valid JSON"):
                    await reader.read(answer_of(b'{"text": "unfinished'))
                assert reader._start is not None
                await reader._start
            assert reader._helper is not None
        finally:
            await reader.close()

    asyncio.run(asked())


def test_one_that_is_still_starting_is_ended_with_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reader_module, "HELPED_FROM", 1)

    async def asked() -> None:
        reader = new_reader()
        reader.open()
        await reader.read(answer_of(BODY))
        await asyncio.sleep(0.01)
        await reader.close()
        assert reader._helper is None

    asyncio.run(asked())
