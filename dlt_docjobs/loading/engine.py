"""The event loop of a run, in a thread of its own: it goes on while dlt works in another."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

import sniffio

T = TypeVar("T")


class Engine:
    """Runs coroutines; its loop and its thread start with the first."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_closed(self) -> bool:
        """Whether nothing runs: not any more, or not yet."""
        return self._loop is None or self._loop.is_closed()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Lets a coroutine run in the engine's thread.

        Args:
            work: The coroutine.

        Returns:
            Its result, for the caller's thread.
        """
        if self._loop is None:
            loop = asyncio.new_event_loop()
            # a daemon: a process that is told to end must not wait for a provider
            thread = threading.Thread(target=_run, args=(loop,), name="docjobs-engine", daemon=True)
            try:
                # fails where the system has no memory for it; nobody may wait for it then
                thread.start()
            except BaseException:
                work.close()
                loop.close()
                raise
            self._loop, self._thread = loop, thread
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Ends the engine.

        Args:
            last: What is still to be done.
        """
        ended = self.start(_finish(last))
        assert self._loop is not None and self._thread is not None
        try:
            while not ended.done():
                self.check()
                with contextlib.suppress(TimeoutError, FutureTimeout):
                    ended.result(timeout=0.5)
            ended.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def check(self) -> None:
        """Whoever waits for the engine asks now and then whether it still runs.

        Raises:
            RuntimeError: Its thread has ended, for want of memory for instance.
        """
        if not self.is_alive:
            raise RuntimeError("the thread that fetches has ended before its work was done")


def _run(loop: asyncio.AbstractEventLoop) -> None:
    # httpcore asks a dozen times a request, and sniffio would look for the task each time
    sniffio.thread_local.name = "asyncio"
    loop.run_forever()


async def _finish(last: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    try:
        await last
    finally:
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()
