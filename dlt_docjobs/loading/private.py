"""What a sync writes on this machine is its owner's alone: documents and names stand in it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dlt.pipeline.pipeline import Pipeline

_OTHERS: Final = 0o077
_MARK: Final = "docjobs_private"


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Files and directories that are made meanwhile are readable by the owner only.

    The mask is the process's, so what other threads make meanwhile is private as well. Nothing
    else reaches the log that DuckDB keeps beside its file.
    """
    before = os.umask(_OTHERS)
    os.umask(before | _OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_working_directory(pipeline: Pipeline) -> None:
    """Takes a new working directory from the others' reach; one that was opened since stays so."""
    folder = Path(pipeline.working_dir)
    mark = folder / _MARK
    if mark.exists():
        return
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
    mark.touch(mode=0o600)
