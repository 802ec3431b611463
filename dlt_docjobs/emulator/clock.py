"""Two clocks: the machine's, and the one of the jobs' lives, which only moves when it is moved.

A move compresses the life that has passed into the real time since the last move. So every date
lies in the past of every honest wall clock, and what a client saw between two moves stays true:
the life passed is laid after the last answer that the emulator gave, not only after the last move.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

_SHORTEST_MOVE = timedelta(milliseconds=5)
"""Dates need room to differ: a move waits until so much real time has passed."""


def real_clock(now: datetime | Callable[[], datetime] | None) -> Callable[[], datetime]:
    """The machine's clock, a given one, or one that starts at a given instant and then runs."""
    if now is None:
        return lambda: datetime.now(timezone.utc)
    if callable(now):
        return now
    start, began = now.astimezone(timezone.utc), time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)


@dataclass(frozen=True)
class Move:
    """A stretch of virtual seconds and the real time that it is laid into."""

    virtual_from: float
    virtual_to: float
    real_from: datetime
    real_to: datetime

    def instant(self, virtual: float) -> datetime:
        """Where a virtual second of this move lies in real time: in (real_from, real_to]."""
        span = (self.real_to - self.real_from) // timedelta(microseconds=1)
        length = self.virtual_to - self.virtual_from
        share = 1.0 if length <= 0 else (virtual - self.virtual_from) / length
        return self.real_from + timedelta(microseconds=min(span, max(1, round(share * span))))


class Clock:
    """Keeps the virtual time and the real instants that moves are laid between."""

    def __init__(self, read: Callable[[], datetime]) -> None:
        """Starts at virtual second 0, which is now."""
        self.read = read
        self.virtual = 0.0
        self.started_at = read()
        self._floor = self.started_at
        self._lock = threading.Lock()

    def note_answer(self) -> None:
        """Remembers that somebody has just seen the present state: it holds up to here."""
        with self._lock:
            self._floor = max(self._floor, self.read())

    def move(self, seconds: float) -> Move:
        """Moves the virtual time forward, by 0 seconds too.

        Raises:
            ValueError: `seconds` is negative.
        """
        if not seconds >= 0:
            raise ValueError(f"the clock moves forward only: {seconds!r} seconds")
        with self._lock:
            patience = time.monotonic() + 1
            while self.read() < self._floor + _SHORTEST_MOVE and time.monotonic() < patience:
                time.sleep(0.001)
            # A clock that stands still (a test's own) still has to yield dates in order.
            real_to = max(self.read(), self._floor + timedelta(microseconds=1))
            move = Move(self.virtual, self.virtual + seconds, self._floor, real_to)
            self.virtual = move.virtual_to
            self._floor = real_to
        return move
