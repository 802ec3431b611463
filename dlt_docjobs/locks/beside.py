"""SQLite's lock: one of the operating system, on a file beside the database.

A database that is a file is one machine's, so no lease is needed: what goes with a process leaves
nothing to wait for where one is killed.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.locks.local import SyncLocked, held_file


def lock_path(pipeline: Pipeline) -> Path:
    """The file of a pipeline's lock."""
    config: Any = pipeline.destination_client().config
    database = Path(config.credentials.database)
    name = f"{database.stem}__{pipeline.dataset_name}.{pipeline.pipeline_name}.lock"
    return (database.parent / name).resolve()


class FileLock:
    """The lock of a pipeline in a dataset of an SQLite database.

    Args:
        pipeline: A pipeline whose destination is SQLite, through SQLAlchemy.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._path = lock_path(pipeline)
        self._pipeline = pipeline.pipeline_name
        self._stack = contextlib.ExitStack()

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            SyncLocked: Another process, or another thread of this one, has it.
        """
        busy = SyncLocked(
            f"another sync of {self._pipeline} is running (it holds {self._path}); this one did "
            "nothing"
        )
        self._stack.enter_context(held_file(self._path, busy))

    def renew(self) -> None:
        """Nothing is to do: the system keeps the lock as long as the process lives."""

    def release(self) -> None:
        """Gives it back."""
        self._stack.close()
