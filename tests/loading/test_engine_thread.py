"""The engine's thread: nobody waits for one that could not start, or that has ended."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from dlt_docjobs.loading.engine import Engine


async def _nothing() -> None:
    await asyncio.sleep(0)


def test_a_thread_that_can_t_start_is_an_error_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    engine = Engine()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start"):
            engine.start(_nothing())
    assert engine.is_closed
    # there may be room again
    engine.close(_nothing())


@pytest.mark.timeout(20)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_thread_that_has_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(loop: asyncio.AbstractEventLoop) -> None:
        raise MemoryError

    monkeypatch.setattr("dlt_docjobs.loading.engine._run", run)
    engine = Engine()
    engine.start(_nothing())
    with pytest.raises(RuntimeError, match="has ended before its work was done"):
        engine.close(_nothing())
    del engine
    # what never ran is told of here, and not in some other test
    gc.collect()
