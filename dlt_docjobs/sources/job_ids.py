"""The job ids that a user names: an argument, configuration, or a file."""

from __future__ import annotations

import csv
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.vocabulary import JOB_KINDS, JobKind

_IDENTIFIER: Final = re.compile(r"[\x21-\x7e]+")

# some six million ids
_LARGEST_FILE: Final = 256 * 2**20

JobIds = Iterable[Any]

_KINDS: Final = f"{', '.join(JOB_KINDS[:-1])} or {JOB_KINDS[-1]}"


def targets_of(
    job_ids: JobIds | None, job_ids_file: str | None
) -> Iterable[tuple[str, JobKind | None]] | None:
    """The ids that the user names, from an argument, configuration or a file.

    Args:
        job_ids: An iterable of ids (or of mappings with job_id and, optionally, job_kind), or a
            dlt resource that yields them; nested lists are flattened.
        job_ids_file: Text with an id a line, or CSV or JSONL with columns job_id and, optionally,
            job_kind.

    Returns:
        (job id, kind) pairs, read when they are asked for; None where no source is configured.

    Raises:
        UsageError: The file can't be read, or what it holds is no id.
    """
    if job_ids is None and not job_ids_file:
        return None
    if isinstance(job_ids, str):
        job_ids = _ids_of_text(job_ids)
    from_file = list(read_job_ids(Path(job_ids_file))) if job_ids_file else []
    if job_ids is None:
        return from_file
    if isinstance(job_ids, (list, tuple, set, frozenset)):
        return [*from_file, *_flatten(job_ids)]
    return _LazyTargets(job_ids, from_file)


class _LazyTargets:
    """Ids of an iterable that is only read while the sync runs (a dlt resource, a generator)."""

    def __init__(self, job_ids: JobIds, from_file: list[tuple[str, JobKind | None]]) -> None:
        self._job_ids = job_ids
        self._from_file = from_file
        self._read: list[tuple[str, JobKind | None]] | None = None

    def __iter__(self) -> Iterator[tuple[str, JobKind | None]]:
        if self._read is None:
            self._read = [*self._from_file, *_flatten(self._job_ids)]
        return iter(self._read)


def _flatten(values: Iterable[Any]) -> Iterator[tuple[str, JobKind | None]]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flatten(value)
        elif hasattr(value, "to_pylist"):
            yield from _flatten(value.to_pylist())
        elif isinstance(value, Mapping):
            yield _target(value.get("job_id"), value.get("job_kind"))
        else:
            yield _target(value, None)


def _ids_of_text(text: str) -> list[Any]:
    """Ids in one text, as an environment variable has them: separated, or a JSON array."""
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text, type=list[Any])
        except msgspec.DecodeError:
            raise UsageError("job_ids begins like a JSON array, but is none") from None
    return [part for part in re.split(r"[\s,]+", text) if part]


def _target(job_id: Any, kind: Any) -> tuple[str, JobKind | None]:
    is_text = isinstance(job_id, (str, int, uuid.UUID)) and not isinstance(job_id, bool)
    text = str(job_id).strip() if is_text else ""
    if not text or not _IDENTIFIER.fullmatch(text) or "/" in text or text in (".", ".."):
        raise UsageError(
            f"{text[:80]!r} is no job id: ids are printable ASCII without blanks and slashes"
        )
    word = str(kind).strip().lower() if kind not in (None, "") else None
    if word is not None and word not in JOB_KINDS:
        raise UsageError(f"job_kind of {text} is {_KINDS}, not {word[:40]!r}")
    return text, word


def read_job_ids(path: Path) -> Iterator[tuple[str, JobKind | None]]:
    """Reads a file of job ids: text (an id a line), CSV or JSONL.

    Raises:
        UsageError: It can't be read; the message says where.
    """
    try:
        # a FIFO would be waited for, and a device may have no end
        if path.exists() and not path.is_file():
            raise UsageError(f"the job ids file {path} is no regular file: write the ids to one")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise UsageError(
                f"the job ids file {path} has more than {_LARGEST_FILE // 2**20} MB: split it"
            )
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise UsageError(f"the job ids file {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the job ids file {path} is not UTF-8 text") from None
    # at line breaks only: a JSON string or a CSV field may hold U+2028 and its like
    numbered = [
        (number, line)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not numbered:
        return
    lines = [line for _, line in numbered]
    first = lines[0].strip()
    if first.startswith("{") or path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _from_jsonl(path, numbered)
        return
    header = [cell.strip().strip('"').lower() for cell in re.split(r"[,;\t]", first)]
    if "job_id" in header:
        delimiter = next((mark for mark in ",;\t" if mark in first), ",")
        # all lines from here on: a quoted field may go over several, blank ones among them
        whole = [f"{line}\n" for line in text.split("\n")[numbered[0][0] - 1 :]]
        try:
            rows = list(csv.DictReader(whole, delimiter=delimiter))
        except csv.Error as error:
            raise UsageError(f"the job ids file {path} is no CSV: {error}") from None
        for row in rows:
            cells = [value for value in row.values() if isinstance(value, str)]
            if not cells[0].startswith("#") and any(cell.strip() for cell in cells):
                fields = {(key or "").strip().lower(): value for key, value in row.items()}
                yield _target(fields.get("job_id"), fields.get("job_kind"))
        return
    if path.suffix.lower() == ".csv" and len(header) > 1:
        raise UsageError(f"the job ids file {path} has no column job_id")
    for line in lines:
        yield _target(line, None)


def _from_jsonl(
    path: Path, numbered: list[tuple[int, str]]
) -> Iterator[tuple[str, JobKind | None]]:
    for number, line in numbered:
        try:
            value = msgspec.json.decode(line)
        except msgspec.DecodeError:
            raise UsageError(f"line {number} of {path} is not JSON") from None
        if isinstance(value, str):
            value = {"job_id": value}
        if not isinstance(value, dict) or "job_id" not in value:
            raise UsageError(f"line {number} of {path} has no job_id")
        yield _target(value["job_id"], value.get("job_kind"))
