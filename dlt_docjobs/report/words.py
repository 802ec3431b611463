"""Numbers, durations and instants as a person reads them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from zlib import crc32

from dlt_docjobs.providers.registry import provider_names, title_of

# as many as the style sheet has
_COLORS: Final = 8
NONE: Final = "–"
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def provider(name: str, account: str | None = None) -> str:
    """A provider as it calls itself, with the account where it has a name."""
    return " ".join(filter(None, (title_of(name), behind(account))))


def behind(account: str | None) -> str:
    """What stands behind a provider for the account; nothing where it has no name."""
    return "" if account in (None, "default") else f"({account})"


def series(name: str) -> str:
    """The style sheet's name of a provider's colour: its place among the providers.

    Of one that is not installed any more, a place that its name decides.
    """
    names = provider_names()
    place = names.index(name) if name in names else crc32(name.encode())
    return f"series-{place % _COLORS}"


def number(value: Any) -> str:
    """`1,234`, or `1,234.5` where there is a fraction."""
    if value is None:
        return NONE
    text = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
    return text.removesuffix(".0")


def percent(part: int, whole: int) -> str:
    """`98.2%`; never rounded to 0 or 100 where something is left."""
    if not whole:
        return NONE
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}%".replace(".0%", "%")


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3.4 min`, `2.1 h`, `1.5 d`."""
    if seconds is None:
        return NONE
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{sign}{_short(seconds / size)} {unit}"
    return f"{sign}{_short(seconds)} s"


def between(least: float | None, most: float | None) -> str:
    """`2 s to 3 h`, `2 s or more`: between which durations something lies."""
    if least is None:
        return NONE
    if most is None:
        return f"{duration(least)} or more"
    low, high = duration(least), duration(most)
    return low if low == high else f"{low} to {high}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def instant(value: datetime | None) -> str:
    """`2026-01-31 12:00`: to the minute, in UTC."""
    return NONE if value is None else value.strftime("%Y-%m-%d %H:%M")


def day(value: date | None) -> str:
    """`2026-01-31`."""
    return NONE if value is None else value.isoformat()


def confidence(value: float | None, level: str | None = None) -> str:
    """`0.43`, or the provider's word for it."""
    return level or NONE if value is None else f"{value:.2f}"


def cut(text: str, longest: int) -> str:
    """A text, or its beginning with `…`: at most so many characters in all."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def label(text: str) -> str:
    """A name of a status or type as words: `section_header` is `section header`."""
    return text.replace("_", " ")


def count(value: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"
