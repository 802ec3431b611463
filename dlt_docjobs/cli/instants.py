"""Instants as people write them in options."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.times import parse_instant

_AGO: Final = re.compile(r"(\d{1,7})([dh])")


def option_instant(option: str, text: str | None, now: datetime) -> datetime | None:
    """The instant that an option names; None where it was not given.

    Args:
        option: Its name, for the error.
        text: A date, an instant, or one that is told from now.
        now: What those are told from.

    Raises:
        UsageError: It is no instant.
    """
    if text is None:
        return None
    try:
        return read_instant(text, now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} is a date such as 2026-01-31 or 2026-01-31T12:00:00Z, or yesterday, 7d or "
            f"12h, not {text!r}"
        ) from None


def read_instant(text: str, now: datetime) -> datetime | None:
    """An instant, or one that is told from now: `yesterday`, which begins at 0:00 UTC, `7d`, `12h`.

    Raises:
        ValueError: It is none of these.
        OverflowError: It lies before all years.
    """
    if text == "yesterday":
        return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    if ago := _AGO.fullmatch(text):
        return now - timedelta(hours=int(ago[1]) * (24 if ago[2] == "d" else 1))
    return parse_instant(text)
