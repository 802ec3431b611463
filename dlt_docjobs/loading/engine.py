"""The event loop of a run, in a thread of its own: it goes on while dlt works in another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import sniffio

T = TypeVar("T")


class Engine:
    """Runs coroutines; its thread starts with the first."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    @property
    def is_closed(self) -> bool:
        """Whether nothing can run any more."""
        return self._loop.is_closed()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Lets a coroutine run in the engine's thread.

        Args:
            work: The coroutine.

        Returns:
            Its result, for the caller's thread.
        """
        if self._thread is None:
            # a daemon: a process that is told to end must not wait for a provider
            self._thread = threading.Thread(target=self._run, name="docjobs-engine", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Ends the engine.

        Args:
            last: What is still to be done.
        """
        try:
            self.start(self._finish(last)).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            if self._thread is not None:
                self._thread.join()
            self._loop.close()

    def _run(self) -> None:
        # httpcore asks a dozen times a request, and sniffio would look for the task each time
        sniffio.thread_local.name = "asyncio"
        self._loop.run_forever()

    async def _finish(self, last: Coroutine[Any, Any, None]) -> None:
        try:
            await last
        finally:
            await self._loop.shutdown_asyncgens()
            await self._loop.shutdown_default_executor()
