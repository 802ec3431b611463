"""Instants: every one is timezone-aware UTC with microseconds.

Providers write them as `…Z`, `…+00:00` or naive, with 0 to 9 fractional digits
(docs/providers/unsiloed.md#dates). As text they neither compare nor sort: `…00Z` and `…00.5Z`,
`Z` and `+00:00`. So they are parsed once, here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

UTC: Final = timezone.utc

_ISO = re.compile(
    r"\s*(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?"
    r"\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?\s*"
)


def parse_instant(value: object) -> datetime | None:
    """Reads a provider's timestamp.

    Args:
        value: ISO 8601 text with 0 to 9 fractional digits (more than 6 are truncated), an
            aware or naive `datetime`, or None. Naive means UTC.

    Returns:
        Aware UTC with microseconds, or None where `value` is None or empty text.

    Raises:
        ValueError: `value` is anything else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not an ISO 8601 timestamp")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    instant = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0")[:6].ljust(6, "0")),
        tzinfo=UTC,
    )
    if zone and zone not in "Zz":
        sign = -1 if zone[0] == "-" else 1
        digits = zone[1:].replace(":", "").ljust(4, "0")
        try:
            instant -= sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        except OverflowError as error:
            raise ValueError("timestamp out of range") from error
    return instant


def format_instant(instant: datetime) -> str:
    """RFC 3339 with `Z` and six fractional digits: sorts as text, needs no `%2B` in a URL."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def before(instant: datetime, span: timedelta) -> datetime:
    """An instant and a span earlier, but not earlier than a `datetime` can be."""
    try:
        return instant - span
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


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
