"""Who loads beside whom: partitions of a backfill, the usual sync, Iceberg tables in files.

Backfill partitions run beside each other, the usual sync by itself.

The usual sync looks for rows of unfinished loads and fetches their jobs again. What a partition is
loading at the moment looks just like that, and two loads that merge the same job at once would
double its rows. So partitions share the gate, and the usual sync has it alone. In a backfill one
partition follows the other, and the gate may never be free for hours: so a sync that waits stands
in the door, and partitions that come later let it go first.

Iceberg tables in files take one load at a time, whosever it is. dlt opens them through a catalog of
its own in each process, so of two commits the later one takes the earlier for undone.

Locks of the operating system: they go with the process, however that ends, and hold on one machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import fasteners
from dlt.extract.source import DltSource
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.locks.local import TURN_SECONDS, SyncLocked, wait_until
from dlt_docjobs.warehouse.kind import kind_of

# of a partition, for a sync that has its turn; of a sync, for the partitions that run
PARTITION_WAITS: Final = 60.0
SYNC_WAITS: Final = TURN_SECONDS

_A_MOMENT: Final = 0.2

Mode = Literal["shared", "exclusive"]

_guard: Final = threading.Lock()
_inside: Final[dict[Path, _Inside]] = {}


@contextmanager
def shared(
    pipeline: Pipeline, account: str, *, wait_seconds: float = PARTITION_WAITS
) -> Iterator[None]:
    """For partitions.

    Args:
        pipeline: The partition's pipeline.
        account: Whose gate.
        wait_seconds: How long to wait for a sync to end.

    Raises:
        SyncLocked: The usual sync of the account is running still, or still waits for its turn.
    """
    path, door = _gate(pipeline, account), _door(pipeline, account)
    if not wait_until(lambda: _through(door, path), seconds=wait_seconds):
        raise SyncLocked(f"the sync of {account} is running; partitions wait for its end")
    try:
        yield
    finally:
        _leave(path)


@contextmanager
def alone(
    pipeline: Pipeline,
    account: str,
    *,
    wait_seconds: float = SYNC_WAITS,
    is_over: Callable[[], bool] = lambda: False,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """For the usual sync, which waits until the partitions that run now have ended.

    Args:
        pipeline: The account's pipeline.
        account: Whose gate.
        wait_seconds: How long to wait.
        is_over: Asked now and then: whether to wait no longer.
        on_wait: Called once, if there is something to wait for.

    Raises:
        SyncLocked: Partitions of the account are running still, or another sync runs or waits.
    """
    path, door = _gate(pipeline, account), _door(pipeline, account)
    busy = SyncLocked(f"another sync of {account} is at work; this one did nothing")
    # a partition that comes in holds it for a moment
    if not door.acquire(timeout=_A_MOMENT):
        _close(door)
        raise busy
    try:

        def is_ours() -> bool:
            if _enter(path, "exclusive"):
                return True
            if not _is_open_to_partitions(path):
                raise busy
            return False

        if not wait_until(is_ours, seconds=wait_seconds, is_over=is_over, on_wait=on_wait):
            raise SyncLocked(
                f"partitions of a backfill of {account} are running; this sync did nothing"
            )
    finally:
        door.release()
    try:
        yield
    finally:
        _leave(path)


@contextmanager
def lake_turn(
    pipeline: Pipeline,
    source: DltSource,
    *,
    wait_seconds: float = SYNC_WAITS,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """For a load into Iceberg tables in files; elsewhere there is nothing to wait for.

    Args:
        pipeline: The load's pipeline.
        source: What it loads.
        wait_seconds: How long to wait.
        is_over: Asked now and then: whether to wait no longer.

    Raises:
        SyncLocked: Another load into the dataset has not ended.
    """
    if not takes_turns(pipeline, source):
        yield
        return
    lock = fasteners.InterProcessLock(_path(pipeline, f"{pipeline.dataset_name}.docjobs.lake"))
    if not wait_until(
        lambda: bool(lock.acquire(blocking=False)), seconds=wait_seconds, is_over=is_over
    ):
        _close(lock)
        raise SyncLocked(
            f"another load into the Iceberg tables of {pipeline.dataset_name} is running, and "
            "they take one at a time; this one did nothing"
        )
    try:
        yield
    finally:
        lock.release()


def takes_turns(pipeline: Pipeline, source: DltSource) -> bool:
    """Whether it is Iceberg tables in files that a source is loaded into."""
    formats = {resource.table_format for resource in source.resources.values()}
    return kind_of(pipeline.destination) == "filesystem" and "iceberg" in formats


@contextmanager
def one_at_a_time(pipeline: Pipeline, dataset_name: str) -> Iterator[None]:
    """While tables are created: two processes that do so at once get in each other's way."""
    with fasteners.InterProcessLock(_path(pipeline, f"{dataset_name}.tables.docjobs.gate")):
        yield


@dataclass(slots=True)
class _Inside:
    """This process's own hold of a gate: the system's locks are a process's, not a thread's."""

    mode: Mode
    lock: fasteners.InterProcessReaderWriterLock
    threads: int = 1


def _enter(path: Path, mode: Mode) -> bool:
    """Takes a gate if it is free; threads of one process hold it together in the same mode."""
    with _guard:
        inside = _inside.get(path)
        if inside is not None:
            if inside.mode == mode:
                inside.threads += 1
            return inside.mode == mode
        lock = fasteners.InterProcessReaderWriterLock(path)
        take = lock.acquire_read_lock if mode == "shared" else lock.acquire_write_lock
        if not take(blocking=False):
            _close(lock)
            return False
        _inside[path] = _Inside(mode, lock)
        return True


def _leave(path: Path) -> None:
    with _guard:
        inside = _inside[path]
        inside.threads -= 1
        if inside.threads:
            return
        del _inside[path]
        if inside.mode == "shared":
            inside.lock.release_read_lock()
        else:
            inside.lock.release_write_lock()


def _through(door: fasteners.InterProcessLock, path: Path) -> bool:
    """Whether a partition came in: nobody stood in the door, and no sync is inside."""
    if not door.acquire(blocking=False):
        _close(door)
        return False
    try:
        return _enter(path, "shared")
    finally:
        door.release()


def _is_open_to_partitions(path: Path) -> bool:
    """Whether it is partitions that hold the gate, and no other sync."""
    if not _enter(path, "shared"):
        return False
    _leave(path)
    return True


def _door(pipeline: Pipeline, account: str) -> fasteners.InterProcessLock:
    return fasteners.InterProcessLock(_path(pipeline, f"{account}.docjobs.door"))


def _gate(pipeline: Pipeline, account: str) -> Path:
    return _path(pipeline, f"{account}.docjobs.gate")


def _close(lock: fasteners.InterProcessLock | fasteners.InterProcessReaderWriterLock) -> None:
    # it leaves its file open where it was not free
    if lock.lockfile is not None:
        lock.lockfile.close()
        lock.lockfile = None


def _path(pipeline: Pipeline, name: str) -> Path:
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.touch(mode=0o600)
    return path
