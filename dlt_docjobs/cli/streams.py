"""Standard output and error where they are closed, or can't be written to."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlt_docjobs.model.outcomes import EXIT_PARTIAL


class OutputLost(Exception):
    """What a command had to say could not be written; what it did is done."""


class _Stream:
    """A stream that tells a failure of its own from one of the destination's disk."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes a text."""
        with self._told():
            return int(self._stream.write(text))

    def flush(self) -> None:
        """Writes what waits."""
        with self._told():
            self._stream.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLost(
                f"standard {self._name} can't be written ({error.strerror or error}); what the "
                "command did is done, only its words are lost"
            ) from error


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Lets commands write: into nothing where a stream is closed, as `>&-` asks for."""
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        sys.stdout = _Stream(sys.stdout or nothing, "output")
        sys.stderr = _Stream(sys.stderr or nothing, "error")
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def output_lost(lost: OutputLost) -> int:
    """Says so, if that can be written; the exit code."""
    with contextlib.suppress(OSError, ValueError):
        print(f"docjobs: {lost}", file=sys.stderr, flush=True)
    # nor may Python try again on its way out, and fail aloud
    for name in ("__stdout__", "__stderr__"):
        stream = getattr(sys, name)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
            continue
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return EXIT_PARTIAL
