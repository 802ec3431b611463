"""One sync of a pipeline at a time on this machine: a file lock in the pipelines' directory.

The operating system drops the lock with the process, so that of a dead process never blocks.
What keeps other machines out is `locks.destination`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import fasteners
from dlt.pipeline.pipeline import Pipeline

TURN_SECONDS: Final = 600.0
"""How long a sync waits for others that load the same account."""

_LOOK_EVERY: Final = 0.2
# the system's file locks are a process's: two threads of one would both have it
_held: Final[set[Path]] = set()
_guard: Final = threading.Lock()
_turns: Final[dict[tuple[str, str], threading.Lock]] = {}


class SyncLocked(RuntimeError):
    """Another sync of the same pipeline is in the way: exit code 75."""


def wait_until(
    is_free: Callable[[], bool],
    *,
    seconds: float = TURN_SECONDS,
    is_over: Callable[[], bool] = lambda: False,
    on_wait: Callable[[], None] = lambda: None,
) -> bool:
    """Tries to take a lock, now and then.

    Args:
        is_free: Takes it if it is free.
        seconds: How long to wait.
        is_over: Asked now and then: whether to wait no longer.
        on_wait: Called once, if there is something to wait for.

    Returns:
        Whether it was taken.
    """
    end = time.monotonic() + seconds
    is_told = False
    while not is_free():
        if is_over() or time.monotonic() >= end:
            return False
        if not is_told:
            is_told = True
            on_wait()
        time.sleep(_LOOK_EVERY)
    return True


@contextlib.contextmanager
def pipeline_lock(pipeline: Pipeline) -> Iterator[None]:
    """Holds the pipeline's lock.

    Raises:
        SyncLocked: Another process, or another thread of this one, holds it.
    """
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / f"{pipeline.pipeline_name}.docjobs.lock").resolve()
    busy = SyncLocked(
        f"another sync of {pipeline.pipeline_name} is running (it holds {path}); "
        "this one did nothing"
    )
    with _guard:
        if path in _held:
            raise busy
        _held.add(path)
    try:
        lock = fasteners.InterProcessLock(path)
        if not lock.acquire(blocking=False):
            if lock.lockfile is not None:
                lock.lockfile.close()
            raise busy
        try:
            with contextlib.suppress(OSError):
                os.chmod(path, 0o600)  # noqa: PTH101
            yield
        finally:
            lock.release()
    finally:
        with _guard:
            _held.discard(path)


@contextlib.contextmanager
def turn(file: str, account: str) -> Iterator[None]:
    """Lets the threads of this process load an account's packages one after the other.

    A database that is one process's keeps the others out, but not the threads of that one: what a
    package has proved to be new would not be so any more.

    Args:
        file: The database.
        account: The source's name.
    """
    with _guard:
        lock = _turns.setdefault((str(Path(file).absolute()), account), threading.Lock())
    with lock:
        yield
