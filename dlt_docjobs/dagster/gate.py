"""Backfill partitions run beside each other, the usual sync by itself.

The usual sync looks for rows of unfinished loads and fetches their jobs again. What a partition is
loading at the moment looks just like that, and two loads that merge the same job at once would
double its rows. So partitions share the gate, and the usual sync has it alone. A lock of the
operating system: it goes with the process, however that ends, and holds on one machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasteners
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.sync.lock import SyncLocked


@contextmanager
def shared(pipeline: Pipeline, account: str) -> Iterator[None]:
    """For partitions.

    Raises:
        SyncLocked: The usual sync of the account is running.
    """
    lock = _lock(pipeline, account)
    if not lock.acquire_read_lock(blocking=False):
        _close(lock)
        raise SyncLocked(f"the sync of {account} is running; partitions wait until it has ended")
    try:
        yield
    finally:
        lock.release_read_lock()


@contextmanager
def alone(pipeline: Pipeline, account: str) -> Iterator[None]:
    """For the usual sync.

    Raises:
        SyncLocked: Partitions of the account are running.
    """
    lock = _lock(pipeline, account)
    if not lock.acquire_write_lock(blocking=False):
        _close(lock)
        raise SyncLocked(f"partitions of {account} are running; the sync waits for their end")
    try:
        yield
    finally:
        lock.release_write_lock()


@contextmanager
def one_at_a_time(pipeline: Pipeline, dataset_name: str) -> Iterator[None]:
    """While tables are created: two processes that do so at once get in each other's way."""
    with fasteners.InterProcessLock(_path(pipeline, f"{dataset_name}.tables")):
        yield


def _lock(pipeline: Pipeline, account: str) -> fasteners.InterProcessReaderWriterLock:
    return fasteners.InterProcessReaderWriterLock(_path(pipeline, account))


def _close(lock: fasteners.InterProcessReaderWriterLock) -> None:
    # it leaves its file open where it was not free
    if lock.lockfile is not None:
        lock.lockfile.close()


def _path(pipeline: Pipeline, name: str) -> Path:
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.docjobs.gate"
