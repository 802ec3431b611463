"""One sync of a pipeline at a time: a file lock in the pipelines' directory.

The operating system drops the lock with the process, so that of a dead process never blocks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import fasteners
from dlt.pipeline.pipeline import Pipeline


class SyncLocked(RuntimeError):
    """Another sync of the same pipeline is in the way: exit code 75."""


@contextlib.contextmanager
def pipeline_lock(pipeline: Pipeline) -> Iterator[None]:
    """Holds the pipeline's lock.

    Raises:
        SyncLocked: Another process holds it.
    """
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pipeline.pipeline_name}.docjobs.lock"
    lock = fasteners.InterProcessLock(path)
    if not lock.acquire(blocking=False):
        if lock.lockfile is not None:
            lock.lockfile.close()
        raise SyncLocked(
            f"another sync of {pipeline.pipeline_name} is running (it holds {path}); "
            "this one did nothing"
        )
    try:
        with contextlib.suppress(OSError):
            os.chmod(path, 0o600)  # noqa: PTH101
        yield
    finally:
        lock.release()
