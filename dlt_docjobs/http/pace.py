"""When the next request may be sent: a ceiling, pauses after a 429, and backoff after errors.

Pure rules over an injected clock; the client does the waiting.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dlt_docjobs.http.answers import parse_http_date
from dlt_docjobs.http.clock import Clock

FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 8.0
LONGEST_RETRY_AFTER: Final = 300.0

# Free plans allow 20 requests a minute: slower than this the client need never be. And with 20
# attempts a request outlasts such a minute at this rate, however short the backoff turns out
_SLOWEST_RATE: Final = 0.2
_MEASURED_SECONDS: Final = 5.0
# What the rate is taken for before enough requests were sent to measure it
_UNMEASURED_RATE: Final = 8.0
# A success raises the rate by this part of what it was: ten make up for one cut. Slower, and
# 429s that come at random would bring the client to a standstill
_RECOVERY: Final = 1 / 20
# Shorter than a timer's own inaccuracy
_NOW: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause that the client makes.

    Attributes:
        reason: Why, in a few words: `429`, `503`, `connection failed`.
        seconds: How long.
        endpoint: The path of the request that brought it about.
        pauses_all: True where every request of the client waits, not only this one.
    """

    reason: str
    seconds: float
    endpoint: str
    pauses_all: bool

    def __str__(self) -> str:
        """As a person reads it: `429: resuming in 12 s`."""
        return f"{self.reason}: resuming in {math.ceil(self.seconds)} s"


def backoff(attempt: int, random: Callable[[], float]) -> float:
    """Seconds before the repeat after the `attempt`-th error (1, 2, …): full jitter, 8 s at most.

    Full jitter, because requests that failed together must not come back together.
    """
    return random() * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempt - 1, 16))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the provider asks to wait; None where it says nothing sensible.

    Args:
        headers: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date. A date is
            compared with the answer's own `Date` where there is one: both are the provider's.
        now: Our clock, for a date without a `Date`.
    """
    seconds = _number(headers.get("retry-after-ms"))
    if seconds is not None:
        seconds /= 1000
    else:
        asked = headers.get("retry-after")
        seconds = _number(asked)
        if seconds is None and (until := parse_http_date(asked)) is not None:
            seconds = (until - (parse_http_date(headers.get("date")) or now)).total_seconds()
    if seconds is None or seconds <= 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class Pace:
    """Decides when the next request of a client may start.

    Additive increase, multiplicative decrease: after a 429 everything pauses, and the rate is
    halved; each success afterwards raises it by a fixed step until it is back where it was.
    Requests that were under way when a 429 came bring more of them: those extend the pause where
    they say how long, but count as one decrease.
    """

    def __init__(self, clock: Clock, ceiling: float | None, random: Callable[[], float]) -> None:
        """Starts at full rate.

        Args:
            clock: For `monotonic` only.
            ceiling: Requests a second that are never exceeded; None for no ceiling.
            random: Numbers in [0, 1).
        """
        self._clock = clock
        self._ceiling = ceiling
        self._random = random
        self._starts: deque[float] = deque(maxlen=1024)
        self._resume_at = -math.inf
        self._decreased_at = -math.inf
        self._refusals = 0
        self._reduced: float | None = None
        self._step = 0.0
        self._goal = math.inf

    @property
    def rate(self) -> float | None:
        """Requests a second that are allowed now; None for no limit."""
        if self._reduced is None:
            return self._ceiling
        return self._reduced if self._ceiling is None else min(self._reduced, self._ceiling)

    def delay(self) -> float:
        """Seconds until the next request may start; 0 for now."""
        ready = self._resume_at
        if (rate := self.rate) is not None and self._starts:
            ready = max(ready, self._starts[-1] + 1 / rate)
        seconds = ready - self._clock.monotonic()
        return seconds if seconds > _NOW else 0.0

    def started(self) -> None:
        """A request starts now."""
        self._starts.append(self._clock.monotonic())

    def succeeded(self) -> None:
        """An answer came that is no 429."""
        self._refusals = 0
        if self._reduced is not None:
            self._reduced += self._step
            # Sums of fractions may miss it by a hair
            if self._reduced >= self._goal * (1 - 1e-9):
                self._reduced = None

    def throttled(self, sent: float, asked: float | None) -> float | None:
        """A 429 came.

        Args:
            sent: When its request was sent, by the clock's `monotonic`.
            asked: Seconds that the provider asks to wait.

        Returns:
            Seconds of the pause where it is new or at least a second longer than before: what
            is worth telling. None otherwise.
        """
        now = self._clock.monotonic()
        if sent > self._decreased_at:
            self._decrease(now)
            self._refusals += 1
            if asked is None:
                asked = backoff(self._refusals, self._random)
        if asked is None:
            return None
        before = max(self._resume_at, now)
        self._resume_at = max(self._resume_at, now + asked)
        longer = self._resume_at - before
        return asked if longer >= 1 or (before == now and longer > 0) else None

    def _decrease(self, now: float) -> None:
        if self._reduced is None:
            recent = [start for start in self._starts if start > now - _MEASURED_SECONDS]
            span = max(1.0, now - recent[0]) if recent else 1.0
            rate = max(len(recent) / span, _UNMEASURED_RATE)
            self._reduced = self._goal = rate if self._ceiling is None else min(rate, self._ceiling)
        self._step = self._reduced * _RECOVERY
        self._reduced = max(_SLOWEST_RATE, self._reduced / 2)
        # A goal below the slowest rate would end the decrease at once
        self._goal = max(self._goal, 2 * _SLOWEST_RATE)
        self._decreased_at = now
