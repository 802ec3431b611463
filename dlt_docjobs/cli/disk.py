"""What is wrong with this machine's disk, and the way out: full, read-only, or not to be read."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dlt.common.storages.exceptions import NoMigrationPathException
from dlt.pipeline.exceptions import PipelineStateEngineNoUpgradePathException

_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_THE_WAY: Final = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST})
# as DuckDB and PostgreSQL say it, however deep in what dlt makes of it
_FULL_SAID: Final = re.compile(r"No space left on device|File too large|could not extend file")
_FILE_SAID: Final = re.compile(r"""(?:write|open|extend)\s+(?:to\s+)?file ["']([^"']+)["']""")
_READ_ONLY_SAID: Final = re.compile(r"Read-only file system|Permission denied")
_NO_DATABASE: Final = re.compile(
    r"""The file ["']([^"']+)["'] exists, but it is not a valid"""
    r"""|Could not read [^"']*from file ["']([^"']+)["']"""
)
_TOO_NEW: Final = (NoMigrationPathException, PipelineStateEngineNoUpgradePathException)


def disk_fault(causes: Sequence[BaseException], working_dir: Path | None) -> str | None:
    """What the disk has to do with an error, in a sentence; None where it has nothing.

    Args:
        causes: The error and those behind it.
        working_dir: The pipeline's, where there is one.
    """
    for cause in causes:
        said = _said(cause)
        file = _file(cause, said)
        number = cause.errno if isinstance(cause, OSError) else None
        if number in _FULL or _FULL_SAID.search(said):
            return (
                f"the disk is full{f' ({file})' if file else ''}: make room and run this again; "
                "nothing is lost: what was fetched waits in the working directory, or is asked "
                "for again"
            )
        if number in _REFUSED or (file and _READ_ONLY_SAID.search(said)):
            return (
                f"{file or 'a file'} can't be written ({os.strerror(number or errno.EACCES)}): let "
                "this user write there, or name another place (DLT_DATA_DIR for the working "
                "directory, DESTINATION__DUCKDB__CREDENTIALS for DuckDB's file)"
            )
        if number in _IN_THE_WAY:
            return f"{file or 'a file'} is in the way ({os.strerror(number)}): move it elsewhere"
        if found := _NO_DATABASE.search(said):
            return (
                f"{found[1] or found[2]} is not a whole DuckDB database: move it elsewhere, or put "
                "back a copy; the next sync loads what the providers still have"
            )
    return _unreadable(causes, working_dir) if working_dir is not None else None


def _unreadable(causes: Sequence[BaseException], working_dir: Path) -> str | None:
    is_too_new = any(isinstance(cause, _TOO_NEW) for cause in causes)
    broken = "what stands in it" if is_too_new else _broken_part(working_dir)
    if broken is None:
        return None
    return (
        f"the working directory {working_dir} can't be used ({broken} was cut off, or written by "
        "another program or version): remove it and run this again; nothing is lost, the next "
        "sync takes all that it needs from the warehouse"
    )


def _broken_part(working_dir: Path) -> str | None:
    """The name of a file that dlt needs and can't read."""
    state = working_dir / "state.json"
    for path in (state, *sorted((working_dir / "schemas").glob("*.json"))):
        if not path.exists():
            continue
        try:
            content: Any = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return path.name
        key = "_state_engine_version" if path == state else "engine_version"
        if not isinstance(content, dict) or not isinstance(content.get(key), int):
            return path.name
    return None


def _file(cause: BaseException, said: str) -> str | None:
    name = cause.filename if isinstance(cause, OSError) else None
    if isinstance(name, bytes):
        return os.fsdecode(name)
    if isinstance(name, str):
        return name
    found = _FILE_SAID.search(said)
    return found[1] if found else None


def _said(cause: BaseException) -> str:
    try:
        return str(cause)
    except Exception:
        return ""
