"""Configuration of the sources: checked, explained, and turned into the model's words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import urlsplit

from dlt_docjobs.http import HttpSettings, InvalidBaseUrl, normalise_base_url
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.protocol import POLICY_KEYS, ContentPolicy
from dlt_docjobs.sources.names import ACCOUNT_NAME, SECTION, SOURCES
from dlt_docjobs.sources.origins import usual_key
from dlt_docjobs.sync.settings import Reload, SyncSettings
from dlt_docjobs.warehouse.merging import TABLE_FORMATS

_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]+")
_QUOTES: Final = ('""', "''", "``", "“”", "„“", "‘’", "«»")
# what Python's dates and waits bear; who means "never" writes no number
_MOST: Final = 1e9
_MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True, repr=False)
class Connection:
    """Where and how requests go out. Never printed: it holds the key."""

    base_url: str
    api_key: str
    http: HttpSettings


def account_of(provider: str, source_name: str) -> str:
    """The account that a source stands for: `NAME_eu` is its account `eu`."""
    account = source_name.removeprefix(provider).removeprefix("_") or "default"
    if not ACCOUNT_NAME.fullmatch(account):
        raise UsageError(f"an account's name is lower-case letters, digits and _, not {account!r}")
    return account


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
    usual = usual_key(provider, source_name)
    key = (api_key or "").strip() or (usual.value if usual is not None else "")
    if not key:
        section = f"api_key under [{SOURCES}.{SECTION}.{source_name}] in .dlt/secrets.toml"
        is_usual = source_name == provider.name
        first = f"{provider.key_variables[0]}, or " if is_usual else ""
        raise UsageError(f"no API key for {source_name}: set {first}{section}")
    if key[0] + key[-1] in _QUOTES:
        raise UsageError(
            f"the API key for {provider.name} stands in quotation marks that are part of it: "
            "remove them where it is set"
        )
    if not _HEADER_VALUE.fullmatch(key):
        raise UsageError(
            f"the API key for {provider.name} holds blanks or characters that no header can carry; "
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
    if reload not in (None, "failed", "skipped", "incomplete", "all"):
        raise UsageError(f"reload is failed, skipped, incomplete or all, not {reload!r}")
    retention = values["retention_days"]
    resolution = timedelta(days=1)
    if "created_at_resolution_seconds" in values:
        resolution = timedelta(seconds=_positive(values, "created_at_resolution_seconds"))
    return SyncSettings(
        provider=provider,
        account=account_of(provider.name, source_name),
        kinds=_kinds_of(provider, values["job_kinds"], values["include_extract"]),
        start_date=start_date,
        lag=timedelta(seconds=_at_least(values, "lag_seconds", 0)),
        max_jobs_per_package=_at_least(values, "max_jobs_per_package", 1),
        max_concurrency=_at_least(values, "max_concurrency", 1),
        policy=ContentPolicy(**{name: values[name] for name in POLICY_KEYS}),
        gone_after=timedelta(seconds=_at_least(values, "gone_after_seconds", 0)),
        retry_results=timedelta(days=_at_least(values, "retry_results_days", 0, _MOST_DAYS)),
        believe_gone=values["believe_gone"],
        poll_open=timedelta(days=_at_least(values, "poll_open_days", 0, _MOST_DAYS)),
        retention_days=(
            None if retention is None else _positive(values, "retention_days", _MOST_DAYS)
        ),
        created_at_resolution=resolution,
        targets=targets,
        reload=cast("Reload | None", reload),
    )


def _kinds_of(provider: Provider, wanted: Any, include_extract: bool) -> tuple[JobKind, ...]:
    """The kinds to load, of those that the provider has."""
    has = provider.kinds
    if wanted in (None, ""):
        kinds: list[str] = list(has)
    else:
        words = re.split(r"[\s,]+", wanted.strip("[] ")) if isinstance(wanted, str) else wanted
        kinds = [str(word).strip("\"' ").lower() for word in words]
        for kind in kinds:
            if kind not in has:
                raise UsageError(
                    f"job_kinds of {provider.name} are some of {', '.join(has)}, not {kind[:40]!r}"
                )
    found = tuple(kind for kind in has if kind in kinds and (include_extract or kind != "extract"))
    if not found:
        raise UsageError(f"job_kinds and include_extract leave no jobs of {provider.name} to load")
    return found


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
