"""What an exception means for the person at the command line: a sentence and an exit code."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
    LookupTraces,
    ValueNotSecretException,
    flatten_traces,
)
from dlt.common.configuration.specs import ConnectionStringCredentials
from dlt.common.destination.exceptions import DestinationException
from dlt.common.exceptions import (
    DltException,
    MissingDependencyException,
    SignalReceivedException,
)
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_docjobs.accounts.destinations import without_password
from dlt_docjobs.cli.disk import disk_fault
from dlt_docjobs.cli.extensions import extension_fault
from dlt_docjobs.http import ApiError
from dlt_docjobs.locks.local import SyncLocked
from dlt_docjobs.model.outcomes import (
    EXIT_BUSY,
    EXIT_REFUSED,
    EXIT_USAGE,
    NoJobsNamed,
    SyncFailed,
    UsageError,
)

_HELD_FILE: Final = (
    re.compile(r"""Could not set lock on file ["'](?P<file>[^"']+)["'](.*\(PID (?P<pid>\d+)\))?"""),
    re.compile(r"""Cannot open file ["'](?P<file>[^"']+)["'].*used by another process""", re.S),
)
_ACTUAL_REASON: Final = re.compile(r"The actual reason given is: (?P<reason>.+)", re.S)
# the names that PEP 249 gives every database driver's errors
_DRIVER_ERRORS: Final = frozenset({"OperationalError", "InterfaceError", "DatabaseError"})
_LONGEST: Final = 1000
_PASSWORD_MAY_BE_EMPTY: Final = ("DESTINATION__POSTGRES__", "DESTINATION__REDSHIFT__")
# PostgreSQL's words for what stands in a row, and for the statement that failed
_ROWS: Final = re.compile(
    r"(DETAIL|CONTEXT|STATEMENT|LINE \d+|PARAMETERS|\[SQL|\[parameters)\b|\^", re.I
)


class Explained(NamedTuple):
    """A sentence and the exit code that goes with it."""

    message: str
    exit_code: int
    is_of_destination: bool = False


def explain(error: BaseException, working_dir: Path | None = None) -> Explained:
    """What an error means.

    dlt wraps what a source raises, so the whole chain of causes is looked at. With DOCJOBS_DEBUG
    set the traceback is printed as well.

    Args:
        error: What was raised.
        working_dir: The pipeline's working directory, should that be what is broken.
    """
    if os.environ.get("DOCJOBS_DEBUG"):
        traceback.print_exception(error)
    causes = list(_causes(error))
    for explained in map(_explain_own, causes):
        if explained is not None:
            return explained
    if (fault := disk_fault(causes, working_dir)) is not None:
        return Explained(fault, EXIT_REFUSED)
    for explained in map(_explain_configuration, causes):
        if explained is not None:
            return explained
    for cause in causes:
        if (fault := extension_fault(_text(cause))) is not None:
            return _with_what_is_pending(Explained(fault, EXIT_REFUSED, True), causes)
    for explained in map(_explain_destination, causes):
        if explained is not None:
            return _with_what_is_pending(explained, causes)
    for cause in causes:
        if isinstance(cause, OSError):
            return Explained(_line(f"{type(cause).__name__}: {cause}"), EXIT_REFUSED)
    return _explain_fault(causes)


def signal_of(error: BaseException) -> int | None:
    """The signal that dlt was interrupted by, if that is what happened."""
    for cause in _causes(error):
        if isinstance(cause, SignalReceivedException):
            return cause.signal_code
    return None


def is_no_jobs_named(error: BaseException) -> bool:
    """Whether all that is wrong is that nobody named a job."""
    return any(isinstance(cause, NoJobsNamed) for cause in _causes(error))


def _explain_own(cause: BaseException) -> Explained | None:
    if isinstance(cause, UsageError):
        return Explained(str(cause), EXIT_USAGE)
    if isinstance(cause, SyncLocked):
        return Explained(str(cause), EXIT_BUSY)
    if isinstance(cause, SyncFailed):
        return Explained(str(cause), cause.exit_code)
    if isinstance(cause, ApiError):
        return Explained(str(cause), EXIT_REFUSED)
    for pattern in _HELD_FILE:
        held = pattern.search(_text(cause))
        if held:
            pid = held.groupdict().get("pid")
            process = f"another process ({pid})" if pid else "another process"
            return Explained(
                f"{process} holds {held['file']} open, and DuckDB lets no second one in: close "
                "it or let it end, then run this again; nothing is lost",
                EXIT_BUSY,
                is_of_destination=True,
            )
    return None


def _explain_configuration(cause: BaseException) -> Explained | None:
    if isinstance(cause, ConfigFieldMissingException):
        return Explained(_missing(cause), EXIT_USAGE)
    if isinstance(cause, ConfigValueCannotBeCoercedException):
        wanted = getattr(cause.hint, "__name__", str(cause.hint))
        return Explained(f"the configured {cause.field_name} can't be read as {wanted}", EXIT_USAGE)
    if isinstance(cause, MissingDependencyException):
        packages = " ".join(f"'{package}'" for package in cause.dependencies)
        return Explained(f"{cause.caller} needs more packages: pip install {packages}", EXIT_USAGE)
    if isinstance(cause, ValueNotSecretException):
        return Explained(f"{cause.key} is a secret: move it to .dlt/secrets.toml", EXIT_USAGE)
    if isinstance(cause, ConfigurationException):
        return Explained(f"configuration: {_line(_text(cause))}", EXIT_USAGE)
    return None


def _missing(error: ConfigFieldMissingException) -> str:
    """Which setting is missing, and the environment variables that dlt would have taken it from."""
    named = {field: _variables(field, traces) for field, traces in error.traces.items()}
    # what no variable sets is dlt's own, and follows from the rest
    fields = [field for field in named if named[field]] or list(named)
    variables = [variable for field in fields for variable in named[field]]
    missing = [_with_parts(field, error.traces[field]) for field in fields]
    message = f"configuration is missing: {', '.join(missing)}"
    if variables:
        message += f"; set {', '.join(variables)}, or the same in .dlt/secrets.toml"
    if any(one.startswith(_PASSWORD_MAY_BE_EMPTY) for one in variables) and "password" in message:
        message += ". Where the server asks for none, give an empty one: postgresql://USER:@HOST/DB"
    return message


def _variables(field: str, traces: Any) -> list[str]:
    """The environment variables of a destination's setting.

    One for the whole where a connection string can say it all, and those of its parts where it
    can't, or where some of it is there.
    """
    # without the pipeline's name in front
    keys = [
        trace.key[trace.key.index("DESTINATION__") :]
        for trace in flatten_traces(traces)
        if "DESTINATION__" in trace.key
    ]
    of = [trace for trace in traces if isinstance(trace, LookupTraces)]
    if len(of) == 1 and (of[0].resolved_fields_set or not _is_string(of[0].spec_name)):
        firsts = {
            part: next((key for key in keys if key.endswith(f"__{part.upper()}")), None)
            for part in of[0].traces
        }
        return [key for key in firsts.values() if key is not None]
    whole = re.compile(rf".+?__{re.escape(field.upper())}(?=__|$)")
    return [found[0] for key in keys[:1] if (found := whole.match(key))]


def _is_string(spec_name: str) -> bool:
    """Whether a connection string can say all of some credentials."""
    kinds = [ConnectionStringCredentials]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return any(kind.__name__ == spec_name for kind in kinds)


def _with_parts(field: str, traces: Any) -> str:
    """A setting's name; where something of it is there, also the parts that are not."""
    of = [trace for trace in traces if isinstance(trace, LookupTraces)]
    if len(of) == 1 and of[0].resolved_fields_set:
        return f"{field} ({', '.join(of[0].traces)})"
    return field


def _explain_destination(cause: BaseException) -> Explained | None:
    is_driver_error = any(base.__name__ in _DRIVER_ERRORS for base in type(cause).__mro__)
    if not is_driver_error and not isinstance(cause, DestinationException):
        return None
    # of a job that failed dlt's own text begins with a traceback
    failed = getattr(cause, "client_exception", None)
    text = _text(failed if isinstance(failed, BaseException) else cause)
    reason = _ACTUAL_REASON.search(text)
    if failed is not None:
        table = str(getattr(cause, "job_id", "")).partition(".")[0]
        message = f"the destination refused what was to be loaded into {table}: {_line(text)}"
    elif reason:
        message = f"the destination can't be opened: {_line(reason['reason'])}"
    else:
        message = f"the destination refused: {_line(text)}"
    return Explained(message, EXIT_REFUSED, is_of_destination=True)


def _with_what_is_pending(explained: Explained, causes: list[BaseException]) -> Explained:
    steps = [cause for cause in causes if isinstance(cause, PipelineStepFailed)]
    if not any(step.has_pending_data for step in steps):
        return explained
    advice = "what was fetched waits in the working directory; the next sync loads it first"
    return explained._replace(message=f"{explained.message} ({advice})")


def _explain_fault(causes: list[BaseException]) -> Explained:
    """A fault of this program's own, or of something beneath it."""
    deepest = next((one for one in causes if not isinstance(one, DltException)), causes[-1])
    return Explained(
        f"unexpected {type(deepest).__name__}: {_line(_text(deepest))} "
        "(DOCJOBS_DEBUG=1 shows the traceback)",
        EXIT_REFUSED,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: Any = error
    while isinstance(current, BaseException) and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or getattr(current, "exception", None) or current.__context__


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        # some of dlt's messages are put together when they are asked for, and fail at it
        return type(error).__name__


def _line(text: str) -> str:
    """A text of several lines as one, without passwords and rows, of a length that can be read."""
    kept = []
    for line in map(str.strip, text.splitlines()):
        if _ROWS.match(line):
            # what follows is the row that was refused, and so a document's text
            break
        if line:
            kept.append(line)
    line = without_password(" ".join(kept))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
