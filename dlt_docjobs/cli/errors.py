"""What an exception means for the person at the command line: a sentence and an exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dlt_docjobs.sync.lock import SyncLocked
from dlt_docjobs.sync.session import EXIT_BUSY, EXIT_REFUSED, EXIT_USAGE, SyncFailed
from dlt_docjobs.sync.settings import UsageError

_HELD_FILE = re.compile(r"""Could not set lock on file ["'](?P<file>[^"']+)["']""")


class Explained(NamedTuple):
    """A sentence and the exit code that goes with it."""

    message: str
    exit_code: int


def explain(error: BaseException) -> Explained | None:
    """What an error means; None where it is a fault of this program's own.

    dlt wraps what a source raises, so the whole chain of causes is looked at.
    """
    for cause in _causes(error):
        if isinstance(cause, UsageError):
            return Explained(str(cause), EXIT_USAGE)
        if isinstance(cause, SyncLocked):
            return Explained(str(cause), EXIT_BUSY)
        if isinstance(cause, SyncFailed):
            return Explained(str(cause), cause.exit_code)
    return _explain_dlt(error)


def signal_of(error: BaseException) -> int | None:
    """The signal that dlt was interrupted by, if that is what happened."""
    from dlt.common.exceptions import SignalReceivedException

    for cause in _causes(error):
        if isinstance(cause, SignalReceivedException):
            return cause.signal_code
    return None


def _explain_dlt(error: BaseException) -> Explained | None:
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.common.destination.exceptions import DestinationException
    from dlt.pipeline.exceptions import PipelineStepFailed

    for cause in _causes(error):
        held = _HELD_FILE.search(str(cause))
        if held:
            return Explained(
                f"another process holds {held['file']} open; DuckDB lets one process write at a "
                "time: close it, then run this again (nothing is lost)",
                EXIT_BUSY,
            )
    for cause in _causes(error):
        if isinstance(cause, ConfigurationException):
            return Explained(f"configuration: {_first_lines(cause)}", EXIT_USAGE)
    for cause in _causes(error):
        if type(cause).__name__ in ("UnknownDestinationModule", "InvalidDestinationReference"):
            return Explained(f"there is no such destination: {_first_lines(cause)}", EXIT_USAGE)
        if type(cause).__name__ == "MissingDependencyException":
            return Explained(_first_lines(cause), EXIT_USAGE)
        if isinstance(cause, DestinationException):
            return Explained(
                f"the destination refused: {_first_lines(cause)}. What was fetched stays pending "
                "in the working directory and is loaded first by the next sync",
                EXIT_REFUSED,
            )
    for cause in _causes(error):
        if isinstance(cause, OSError):
            return Explained(f"{type(cause).__name__}: {cause}", EXIT_REFUSED)
    if isinstance(error, PipelineStepFailed):
        return Explained(_first_lines(error), EXIT_REFUSED)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or getattr(current, "exception", None) or current.__context__


def _first_lines(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:500]
