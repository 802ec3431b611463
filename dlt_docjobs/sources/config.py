"""Configuration of the sources: checked, explained, and turned into the model's words."""

from __future__ import annotations

import csv
import difflib
import ipaddress
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import dlt
import msgspec

from dlt_docjobs.http import HttpSettings, InvalidBaseUrl, normalise_base_url
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JOB_KINDS, JobKind, Provider
from dlt_docjobs.providers.protocol import ContentPolicy
from dlt_docjobs.sync.settings import Reload, SyncSettings
from dlt_docjobs.warehouse.merging import TABLE_FORMATS

SECTION: Final = "docjobs"
KEY_VARIABLES: Final[dict[Provider, tuple[str, ...]]] = {
    "llamacloud": ("LLAMA_CLOUD_API_KEY", "LLAMA_PARSE_API_KEY"),
    "contextual": ("CONTEXTUAL_API_KEY",),
    "unsiloed": ("UNSILOED_API_KEY",),
}

_ACCOUNT = re.compile(r"[a-z][a-z0-9_]*")
_IDENTIFIER = re.compile(r"[\x21-\x7e]+")
# what Python's dates and waits bear; who means "never" writes no number
_MOST: Final = 1e9
_MOST_DAYS: Final = 36_500
# keys that dlt itself reads in a source's section
_DLT_KEYS: Final = frozenset({"max_table_nesting", "schema_contract", "root_key"})

JobIds = Iterable[Any]


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """Where and how requests go out. Never printed: it holds the key."""

    base_url: str
    api_key: str
    http: HttpSettings


def account_of(provider: Provider, source_name: str) -> str:
    """The account that a source stands for: `llamacloud_eu` is LlamaCloud's account `eu`."""
    account = source_name.removeprefix(provider).removeprefix("_") or "default"
    if not _ACCOUNT.fullmatch(account):
        raise UsageError(f"an account's name is lower-case letters, digits and _, not {account!r}")
    return account


def find_key(provider: Provider, api_key: str | None) -> str | None:
    """The configured key, else that of the provider's usual environment variable."""
    names = KEY_VARIABLES[provider]
    found = api_key or next((os.environ[name] for name in names if os.environ.get(name)), None)
    return found.strip() if found else None


def connection(
    provider: Provider,
    source_name: str,
    api_key: str | None,
    base_url: str,
    http: HttpSettings,
) -> Connection:
    """Checks key and URL.

    Raises:
        UsageError: There is no key, or the URL is none.
    """
    key = find_key(provider, api_key)
    if not key:
        variable = KEY_VARIABLES[provider][0]
        raise UsageError(
            f"no API key for {provider}: set {variable}, or api_key under "
            f"[sources.{SECTION}.{source_name}] in .dlt/secrets.toml"
        )
    if not _IDENTIFIER.fullmatch(key):
        raise UsageError(
            f"the API key for {provider} holds blanks or characters that no header can carry; "
            "copy it again"
        )
    try:
        url = normalise_base_url(base_url)
    except InvalidBaseUrl as error:
        raise UsageError(f"base_url of {source_name}: {error}") from None
    if urlsplit(url).scheme == "http" and not _is_local(url):
        raise UsageError(
            f"base_url of {source_name} is http: the key would travel unencrypted; use https"
        )
    return Connection(url, key, http)


def _is_local(url: str) -> bool:
    # test servers and proxies in one's own network; the key leaves it only over https
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return address.is_private or address.is_loopback


def http_settings(values: Mapping[str, Any]) -> HttpSettings:
    """The HTTP client's settings from the source's arguments.

    Raises:
        UsageError: A number is out of its range.
    """
    rate = values["requests_per_second"]
    settings = HttpSettings(
        max_concurrency=_at_least(values, "max_concurrency", 1),
        requests_per_second=None if rate is None else _positive(values, "requests_per_second"),
        max_retries=_at_least(values, "max_retries", 0),
        timeout_seconds=_positive(values, "timeout_seconds"),
        max_response_mb=_positive(values, "max_response_mb"),
    )
    return settings


def sync_settings(
    provider: Provider,
    source_name: str,
    values: Mapping[str, Any],
    targets: Iterable[tuple[str, JobKind | None]] | None,
    start_date: datetime | None,
) -> SyncSettings:
    """The sync's settings from the source's arguments.

    Raises:
        UsageError: A value is out of its range.
    """
    reload = values["reload"]
    if reload not in (None, "failed", "skipped", "all"):
        raise UsageError(f"reload is failed, skipped or all, not {reload!r}")
    retention = values["retention_days"]
    resolution = 86400
    if "created_at_resolution_seconds" in values:
        resolution = _positive(values, "created_at_resolution_seconds")
    return SyncSettings(
        provider=provider,
        account=account_of(provider, source_name),
        kinds=JOB_KINDS if values["include_extract"] else ("parse",),
        start_date=start_date,
        lag=timedelta(seconds=_at_least(values, "lag_seconds", 0)),
        max_jobs_per_package=_at_least(values, "max_jobs_per_package", 1),
        max_concurrency=_at_least(values, "max_concurrency", 1),
        policy=ContentPolicy(
            values["include_content"], values["include_names"], values["include_ocr"]
        ),
        poll_open=timedelta(days=_at_least(values, "poll_open_days", 0, _MOST_DAYS)),
        retention_days=(
            None if retention is None else _positive(values, "retention_days", _MOST_DAYS)
        ),
        created_at_resolution=timedelta(seconds=resolution),
        include_state_transitions=values.get("include_state_transitions", False),
        targets=targets,
        reload=cast("Reload | None", reload),
    )


def start_of(value: Any) -> datetime | None:
    """`start_date` as an instant; None where the default holds.

    Raises:
        UsageError: It is no date.
    """
    if value is None or value == "":
        return None
    try:
        if hasattr(value, "year") and not isinstance(value, datetime):
            value = value.isoformat()
        return parse_instant(value)
    except (ValueError, TypeError):
        raise UsageError(
            f"start_date is a date such as 2026-01-31 or 2026-01-31T12:00:00Z, not {value!r}"
        ) from None


def table_format_of(value: str | None) -> str | None:
    """`table_format` as configured; None where the destination's own holds.

    Raises:
        UsageError: There is no such format.
    """
    if not value:
        return None
    if value not in TABLE_FORMATS:
        raise UsageError(f"table_format is {' or '.join(TABLE_FORMATS)}, not {value!r}")
    return value


def _positive(values: Mapping[str, Any], name: str, most: float = _MOST) -> Any:
    if not 0 < values[name] <= most:
        raise UsageError(f"{name} is above 0 and at most {most:,.0f}, not {values[name]!r}")
    return values[name]


def _at_least(values: Mapping[str, Any], name: str, least: int, most: float = _MOST) -> Any:
    if not least <= values[name] <= most:
        raise UsageError(f"{name} is from {least} to {most:,.0f}, not {values[name]!r}")
    return values[name]


def refuse_unknown_keys(source_name: str, arguments: Iterable[str]) -> None:
    """Refuses keys of the source's configuration section that nothing reads.

    Raises:
        UsageError: Names the key, and the one that was probably meant.
    """
    known = (set(arguments) - {"created_at"}) | _DLT_KEYS
    found: set[str] = set()
    for provider in dlt.config.config_providers:
        # each by itself: a section in secrets.toml hides its namesake in config.toml
        section, _ = provider.get_value(source_name, dict, "", "sources", SECTION)
        found.update(section or {})
    prefix = f"SOURCES__{SECTION}__{source_name}__".upper()
    for variable in os.environ:
        if variable.startswith(prefix):
            found.add(variable[len(prefix) :].split("__")[0].lower())
    for key in sorted(found - known):
        close = difflib.get_close_matches(key, known, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"unknown setting {key} under sources.{SECTION}.{source_name}{hint}")


# -- job ids ------------------------------------------------------------------------------------


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
        raise UsageError(f"job_kind of {text} is parse or extract, not {word[:40]!r}")
    return text, word


def read_job_ids(path: Path) -> Iterator[tuple[str, JobKind | None]]:
    """Reads a file of job ids: text (an id a line), CSV or JSONL.

    Raises:
        UsageError: It can't be read; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
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
