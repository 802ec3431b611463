"""The helper as the sync sees it: a process that is given answers and returns Arrow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from dlt_docjobs.reader.helper import START
from dlt_docjobs.reader.pipe import LENGTH, NOTHING, Order, unpack
from dlt_docjobs.results import ReadAnswer, Reading

# of an answer's Arrow on its way: most fit in
_BUFFER: Final = 2**20
# a hundred times what the largest answers take
_PATIENCE_SECONDS: Final = 300.0
_GRACE_SECONDS: Final = 5.0
# of variables that a Python needs to start, on whatever system; the keys of APIs are among the rest
_PASSED_ON: Final = (
    *("PATH", "HOME", "LANG", "LC_", "TMP", "TEMP", "PYTHON", "LD_", "DYLD_"),
    *("SYSTEMROOT", "WINDIR", "USERPROFILE", "VIRTUAL_ENV", "CONDA_"),
)
_LOG = logging.getLogger(__name__)


class HelperProcess:
    """A helper that runs.

    It answers in the order in which it is asked. If it ends by itself, everything that it was
    asked counts as unread: the sync has the answers still, and reads them.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._writing = asyncio.Lock()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._is_over = False
        self._receiving: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, read_answer: ReadAnswer, policy: Mapping[str, bool]) -> HelperProcess:
        """Starts a helper, and returns when it is ready.

        Args:
            read_answer: The provider's way of reading.
            policy: What it is called with.

        Raises:
            OSError: There can't be another process.
            NotImplementedError: The event loop knows none.
            IncompleteReadError: It ended before it was ready.
        """
        # of a session of its own: what a terminal sends to the sync is not sent to it
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            START,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=_environment(),
            limit=_BUFFER,
            start_new_session=True,
        )
        helper = cls(process)
        order = Order(read_answer.__module__, read_answer.__qualname__, dict(policy))
        try:
            path = json.dumps([str(entry) for entry in sys.path])
            helper._input.write(path.encode() + b"\n" + order.encode())
            await helper._receive()
        except BaseException:
            await helper.close()
            raise
        helper._receiving = asyncio.create_task(helper._receive_all())
        return helper

    async def read(self, body: bytes) -> Reading | None:
        """Lets the helper read an answer; None where it could not."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        async with self._writing:
            if self._is_over or self._input.is_closing():
                return None
            self._waiting.append(answer)
            # an end in the middle of this is noticed where its answers come from
            with contextlib.suppress(OSError):
                self._input.write(LENGTH.pack(len(body)))
                self._input.write(body)
                await self._input.drain()
        try:
            message = await asyncio.wait_for(answer, _PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            self._kill()
            return None
        return unpack(message) if message else None

    async def close(self) -> None:
        """Ends the helper; it has nothing to lose."""
        self._is_over = True
        if not self._output.at_eof():
            # one that has ended is left to asyncio, which complains where somebody else asks for it
            self._kill()
        self._input.close()
        ends: list[asyncio.Future[Any]] = [
            self._receiving or asyncio.ensure_future(self._output.read()),
            # Python 3.10 complains if nobody asks how it was closed
            asyncio.ensure_future(self._input.wait_closed()),
            asyncio.ensure_future(self._process.wait()),
        ]
        _, late = await asyncio.wait(ends, timeout=_GRACE_SECONDS)
        if late:
            self._kill()
        await asyncio.gather(*ends, return_exceptions=True)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _receive(self) -> bytes:
        (size,) = LENGTH.unpack(await self._output.readexactly(LENGTH.size))
        return await self._output.readexactly(size)

    async def _receive_all(self) -> None:
        try:
            while True:
                message = await self._receive()
                answer = self._waiting.popleft()
                if not answer.done():
                    answer.set_result(message)
        except (asyncio.IncompleteReadError, OSError):
            if not self._is_over:
                _LOG.warning(
                    "the process that helps to read answers has ended; the sync goes on without "
                    "it, more slowly, and loses nothing"
                )
        finally:
            self._is_over = True
            for answer in self._waiting:
                if not answer.done():
                    answer.set_result(NOTHING)


def _environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name.upper().startswith(_PASSED_ON)
    }
