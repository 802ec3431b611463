"""One sync of a pipeline at a time on this machine: a file lock in the pipelines' directory.

The operating system drops the lock with the process, so that of a dead process never blocks.
What keeps other machines out is `locks.destination`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import fasteners
from dlt.common.configuration.exceptions import ConfigurationValueError
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.warehouse.kind import kind_of

TURN_SECONDS: Final = 600.0
"""How long a sync waits for others that load the same account."""

_LOOK_EVERY: Final = 0.2
# who works beside the usual directory meets nobody there: these keep two loads apart by themselves
_KEEP_APART: Final = ("duckdb", "postgres")
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
    path = _lock_path(pipeline)
    path.parent.mkdir(parents=True, exist_ok=True)
    busy = SyncLocked(
        f"another sync of {pipeline.pipeline_name} is running (it holds {path}); "
        "this one did nothing"
    )
    with held_file(path, busy):
        with contextlib.suppress(OSError):
            _note_path(path).write_text(_warehouse(pipeline) or "", "utf-8")
        yield


@contextlib.contextmanager
def held_file(path: Path, busy: SyncLocked) -> Iterator[None]:
    """Holds a lock of the operating system on a file, which is made and stays.

    Args:
        path: The file, in a folder that is there.
        busy: What is raised where another process, or another thread of this one, has it.
    """
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


def free_directory(pipeline: Pipeline) -> Path | None:
    """Where to work meanwhile, if a sync into another warehouse has the pipeline's directory.

    Two projects of one user share dlt's directory of pipelines, and so the working directory of a
    pipeline of the same name. What stands there can be missed: the warehouse holds the cursor.

    Args:
        pipeline: The pipeline, in its usual directory.

    Returns:
        A directory of pipelines that belongs to this warehouse; None where the usual one is free,
        or is held by a sync into the same warehouse.
    """
    path = _lock_path(pipeline)
    if not _is_held(path):
        return None
    here = _warehouse(pipeline)
    try:
        there = _note_path(path).read_text("utf-8")
    except OSError:
        return None
    return path.parent / f"docjobs_{here[:12]}" if here and there and here != there else None


def _lock_path(pipeline: Pipeline) -> Path:
    return (Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.docjobs.lock").resolve()


def _note_path(lock: Path) -> Path:
    # closing the lock's own file, which reading it would, gives the lock back
    return lock.with_suffix(".warehouse")


def _is_held(path: Path) -> bool:
    # guarded: to give back the system's lock here would take it from a thread that has just got it
    with _guard:
        if path in _held:
            return True
        if not path.exists():
            return False
        lock = fasteners.InterProcessLock(path)
        try:
            if not lock.acquire(blocking=False):
                return True
            lock.release()
            return False
        finally:
            if lock.lockfile is not None:
                lock.lockfile.close()


def _warehouse(pipeline: Pipeline) -> str | None:
    """Tells warehouses apart: a hash, since a place may hold a secret; None where it can't."""
    destination = pipeline.destination
    if destination is None or kind_of(destination) not in _KEEP_APART:
        return None
    spec = destination.configuration(destination.spec(), accept_partial=True)
    try:
        place = spec.data_location()
    except ConfigurationValueError:
        return None
    text = f"{destination.destination_type}\x1f{place}\x1f{pipeline.dataset_name}"
    return hashlib.sha256(text.encode()).hexdigest()


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
