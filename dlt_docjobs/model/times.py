"""Instants: every one is timezone-aware UTC with microseconds.

Providers write them as `…Z`, `…+00:00` or naive, with 0 to 9 fractional digits
(docs/providers/, of each its dates). As text they neither compare nor sort: `…00Z` and `…00.5Z`,
`Z` and `+00:00`. So they are parsed once, here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_tz
from typing import Final

from dlt_docjobs.model.exact_json import Exact

UTC: Final = timezone.utc

_ZONE = r"UTC|GMT|Z|[+-]\d{2}(?::?\d{2})?"
_ISO = re.compile(
    r"\s*(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?"
    rf"\s*({_ZONE})?\s*",
    re.IGNORECASE,
)
# What the parser of the standard library takes is wider: for a zone that it does not know it says
# UTC, and it puts two-digit years into some century
_RFC_2822 = re.compile(
    r"\s*(?:[a-z]{3},)?\s*\d{1,2}\s[a-z]{3}\s[1-9]\d{3}\s\d{2}:\d{2}(?::\d{2})?"
    r"(?:\s(?:UTC?|GMT|Z|[ECMP][SD]T|[+-]\d{4}))?(?:\s*\([^()]*\))?\s*",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"\s*(\d{9,13})(?:\.(\d+))?\s*", re.ASCII)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A number outside of these years counts something else, or is a date such as 20261122
_PLAUSIBLE: Final = range(
    int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()),
    int(datetime(2101, 1, 1, tzinfo=UTC).timestamp()),
)


def parse_instant(value: object) -> datetime | None:
    """Reads a provider's timestamp.

    Args:
        value: ISO 8601 text with 0 to 9 fractional digits (more than 6 are truncated); a date of
            RFC 2822, as HTTP headers have it; seconds or milliseconds since 1970, as a number or
            as text, of the years 1990 to 2100; an aware or naive `datetime`; or None. Naive means
            UTC. A leap second, and hour 24 of a day, are the beginning of the next minute or day.

    Returns:
        Aware UTC with microseconds, or None where `value` is None or empty text.

    Raises:
        ValueError: `value` is anything else.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if isinstance(value, (int, float, Exact)) and not isinstance(value, bool):
            return _of_epoch(str(value))
        if isinstance(value, str):
            return _of_iso(value) or _of_rfc_2822(value) or _of_epoch(value)
    except OverflowError:
        raise ValueError("timestamp out of range") from None
    raise ValueError(_UNREADABLE)


_UNREADABLE: Final = "not a timestamp of ISO 8601, RFC 2822 or seconds since 1970"


def _of_iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    *numbers, fraction, zone = match.groups()
    instant = _instant([int(number or 0) for number in numbers], fraction)
    if zone is None or zone[0] not in "+-":
        return instant
    digits = zone[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return instant + ahead if zone[0] == "-" else instant - ahead


def _of_rfc_2822(text: str) -> datetime | None:
    parsed = parsedate_tz(text) if _RFC_2822.fullmatch(text) else None
    if parsed is None:
        return None
    return _instant(parsed[:6]) - timedelta(seconds=parsed[9] or 0)


def _of_epoch(text: str) -> datetime:
    match = _EPOCH.fullmatch(text)
    if match is not None:
        whole, fraction = int(match[1]), match[2] or ""
        if whole in _PLAUSIBLE:
            return _FIRST + timedelta(seconds=whole, microseconds=_microseconds(fraction, 6))
        if whole // 1000 in _PLAUSIBLE:
            micro = _microseconds(fraction, 3)
            return _FIRST + timedelta(milliseconds=whole, microseconds=micro)
    raise ValueError(_UNREADABLE)


def _instant(numbers: Sequence[int], fraction: str | None = None) -> datetime:
    """The instant of year, month, day, hour, minute and second, in UTC."""
    year, month, day, hour, minute, second = numbers
    micro = _microseconds(fraction or "", 6)
    days, seconds = 0, 0
    if (hour, minute, second, micro) == (24, 0, 0, 0):
        hour, days = 0, 1
    if second == 60:
        second, seconds = 59, 1
    whole = datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    return whole + timedelta(days=days, seconds=seconds)


def _microseconds(fraction: str, digits: int) -> int:
    return int(fraction[:digits].ljust(digits, "0"))


def format_instant(instant: datetime) -> str:
    """RFC 3339 with `Z` and six fractional digits: sorts as text, needs no `%2B` in a URL."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def shifted(instant: datetime, span: timedelta) -> datetime:
    """An instant and a span later, but no other than a `datetime` can be."""
    try:
        return instant + span
    except OverflowError:
        limit = datetime.max if span > timedelta(0) else datetime.min
        return limit.replace(tzinfo=UTC)


def middle(earliest: datetime, latest: datetime) -> datetime:
    """The instant halfway between two."""
    return earliest + (latest - earliest) / 2
