"""Puts the package into a folder, and never over what somebody else has written there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dlt_docjobs.model.outcomes import UsageError

MARKER: Final = ".docjobs-dbt.json"
# what dbt makes where it is run in the package itself
_OF_DBT: Final = ("target", "logs", "dbt_packages", "package-lock.yml", ".user.yml")
_SHOWN: Final = 3


class Changes(NamedTuple):
    """What became of a folder, as paths in it."""

    written: list[str]
    removed: list[str]


def write_files(folder: Path, files: Mapping[str, str]) -> Changes:
    """Writes files into a folder, and removes those of an earlier time that are none any more.

    A marker in the folder says which files are ours and what was in them.

    Args:
        folder: Made where it is not there.
        files: Path in the folder, with `/`, to text.

    Returns:
        What was written because it was not there or another text, and what was removed.

    Raises:
        UsageError: The folder holds what this has not written, or it can't be read or written.
            Nothing was changed then, but where writing failed.
    """
    try:
        return _write(folder, files)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from None


def _write(folder: Path, files: Mapping[str, str]) -> Changes:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder")
    wanted = {path: _hash(text) for path, text in files.items()}
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    marker = there.pop(MARKER, None)
    ours = _marked(marker)
    found = {name: _hash_of(path) for name, path in there.items()}
    # equal to what is to be written: a run that was cut off had no time for the marker
    foreign = sorted(
        name
        for name, value in found.items()
        if value is None or value not in (ours.get(name), wanted.get(name))
    )
    if foreign:
        raise UsageError(_refusal(folder, foreign, ours))
    changed = [name for name in files if found.get(name) != wanted[name]]
    for name in changed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], "utf-8", newline="\n")
    removed = sorted(there.keys() - files.keys())
    for name in removed:
        there[name].unlink()
    if marker is None or ours != wanted:
        text = json.dumps({"written_by": "docjobs dbt", "files": wanted}, indent=1, sort_keys=True)
        (folder / MARKER).write_text(f"{text}\n", "utf-8", newline="\n")
    return Changes(changed, removed)


def _files(folder: Path) -> Iterator[Path]:
    """Everything in a folder but folders and what is dbt's."""
    if not folder.exists():
        return
    for path in sorted(folder.iterdir()):
        if path.name not in _OF_DBT:
            yield from _beneath(path)


def _beneath(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            yield from _beneath(child)
    else:
        yield path


def _marked(marker: Path | None) -> dict[str, str]:
    """The files that are ours, and the hash of each."""
    if marker is None or marker.is_symlink():
        return {}
    try:
        files = json.loads(marker.read_text("utf-8"))["files"]
        return {str(path): str(value) for path, value in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _hash_of(path: Path) -> str | None:
    """The hash of a file's text; None of what we can't have written."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        # Git may have changed the ends of lines
        return _hash(path.read_text("utf-8"))
    except UnicodeDecodeError:
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refusal(folder: Path, foreign: list[str], ours: Mapping[str, str]) -> str:
    shown = ", ".join(foreign[:_SHOWN])
    if len(foreign) > _SHOWN:
        shown += f" and {len(foreign) - _SHOWN} more"
    if not ours:
        return f"{folder} is not empty, and holds no package of ours ({shown}): name another folder"
    return (
        f"{folder} holds what `docjobs dbt` has not written, or what was changed since: {shown}; "
        "move it elsewhere, or delete the folder, and nothing was written"
    )
