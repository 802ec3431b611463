"""What comes back from a request, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

# A Date header is cut to whole seconds
_DATE_RESOLUTION = timedelta(seconds=1)
_NEGLIGIBLE = timedelta(seconds=2)
_NO_OFFSET = timedelta(0)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A usable HTTP answer.

    Attributes:
        status: A 2xx status.
        body: The whole body, decompressed.
        content_type: As sent; empty where absent.
        sent_at: Our clock when the request left.
        received_at: Our clock when the last byte had come.
        clock_offset: The provider's clock minus ours, as far as the `Date` header proves a
            difference, zero up to 2 seconds; None where the header is absent or unreadable.
        endpoint: The path that was asked for, without host and query.
    """

    status: int
    body: bytes
    content_type: str
    sent_at: datetime
    received_at: datetime
    clock_offset: timedelta | None
    endpoint: str = ""

    def __repr__(self) -> str:
        """Shows the body's length only: it is document text."""
        return (
            f"Answer(status={self.status}, body=<{len(self.body)} bytes>, "
            f"endpoint={self.endpoint!r}, received_at={self.received_at.isoformat()})"
        )


def parse_http_date(text: str | None) -> datetime | None:
    """An HTTP date as aware UTC; None where absent or unreadable."""
    if not text:
        return None
    try:
        parsed = parsedate_to_datetime(text)
        return parsed.replace(tzinfo=parsed.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def clock_offset(
    date: str | None, age: str | None, sent_at: datetime, received_at: datetime
) -> timedelta | None:
    """How far the provider's clock is ahead of ours (behind: negative); None where it is unknown.

    The provider wrote `Date` at some moment between sending and receiving. Only the part of the
    difference that no such moment explains is counted, and the header's resolution is taken off.

    Args:
        date: The `Date` header.
        age: The `Age` header: a cache sends the date of the answer it once stored.
        sent_at: When the request left, by our clock.
        received_at: When the headers had come, by our clock.
    """
    earliest = parse_http_date(date)
    if earliest is None:
        return None
    try:
        if age and age.strip().isdigit():
            earliest += timedelta(seconds=int(age))
        latest = earliest + _DATE_RESOLUTION
    except (OverflowError, ValueError):
        return None
    offset = _NO_OFFSET
    if earliest > received_at:
        offset = earliest - received_at
    elif latest < sent_at:
        offset = latest - sent_at
    return offset if abs(offset) > _NEGLIGIBLE else _NO_OFFSET
