"""How far a long sync is, on standard error: a line that lives on a terminal, plain lines in cron.

A thread of its own looks at the session, so that waits and loads show too, while no answer comes.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import IO, Final

from dlt_docjobs.cli import terminal
from dlt_docjobs.http import Wait
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session

LIVE_EVERY: Final = 0.2
LINES_EVERY: Final = 5.0
UNCHANGED_EVERY: Final = 60.0
_MEASURED: Final = 20.0
_TELLING: Final = 2.0
_BAR: Final = 20


@dataclass(frozen=True)
class Standing:
    """How far a run is at one moment.

    Attributes:
        jobs: Jobs listed.
        results: Results fetched.
        known: Results to fetch that are known of, but for those that come with a job's status.
        pending: Of these, neither fetched nor refused yet.
        open_jobs: Jobs that have not ended.
        requests: Requests sent.
        is_listed: Whether every result to fetch is known of, so that an end can be foretold.
        is_loading: Whether what was fetched is being loaded.
    """

    jobs: int
    results: int
    known: int
    pending: int
    open_jobs: int
    requests: int
    is_listed: bool
    is_loading: bool

    @classmethod
    def of(cls, session: Session) -> Standing:
        """As the session has it now; other threads go on meanwhile."""
        context = session.context
        results, figures = context.results, context.figures
        return cls(
            jobs=figures.jobs_listed,
            results=figures.results_loaded,
            known=results.known,
            pending=max(results.known - results.ended, 0),
            open_jobs=len(context.looked.open_refs),
            requests=context.api.counters.requests,
            is_listed=context.is_listed,
            is_loading=session.is_loading,
        )


class Pulse:
    """At what rate a run goes on, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Standing]] = deque()

    def beat(self, now: float, standing: Standing) -> None:
        """Remembers how far it was."""
        self._seen.append((now, standing))
        while self._seen[0][0] < now - _MEASURED:
            self._seen.popleft()

    def rate(self, of: Callable[[Standing], int]) -> float | None:
        """Things a second; None where too little was seen."""
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        if end - begin < 1:
            return None
        return (of(last) - of(first)) / (end - begin)


def describe(standing: Standing, pulse: Pulse, wait: str = "") -> list[str]:
    """A run's standing in short parts, the most important ones first."""
    jobs = [f"{standing.jobs:,} listed"]
    if standing.open_jobs:
        jobs.append(f"{standing.open_jobs:,} open")
    results = [f"{standing.results:,} results fetched"] if standing.results else []
    if standing.is_loading:
        return ["loading what was fetched", *results, *jobs]
    if standing.pending:
        results.append(f"{standing.pending:,} pending")
    if fetched := pulse.rate(lambda seen: seen.results):
        results.append(f"{_rate(fetched)} results/s")
    elif not standing.pending and (listed := pulse.rate(lambda seen: seen.jobs)):
        jobs.append(f"{_rate(listed)} jobs/s")
    ended = pulse.rate(lambda seen: seen.known - seen.pending)
    if standing.is_listed and standing.pending and ended and not wait:
        results.append(f"{_about(standing.pending / ended)} left")
    return [*([wait] if wait else []), *results, *jobs]


def _rate(a_second: float) -> str:
    return f"{a_second:,.0f}" if a_second >= 10 else f"{a_second:.1f}"


def _about(seconds: float) -> str:
    if seconds < 60:
        return f"about {math.ceil(seconds)} s"
    if seconds < 3600:
        return f"about {math.ceil(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def bar(standing: Standing) -> str:
    """How much of what is known of has been fetched; empty where nothing is known of."""
    if standing.is_loading or not standing.is_listed or not standing.known:
        return ""
    share = (standing.known - standing.pending) / standing.known
    full = int(_BAR * share)
    return f"[{'#' * full}{'-' * (_BAR - full)}] {int(100 * share)}% "


class ProgressView:
    """Shows one run while it lasts.

    Args:
        name: The account.
        stream: Where; standard error as it is now, by default.
        clock: Seconds.
    """

    def __init__(
        self,
        name: str,
        stream: IO[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._is_live = terminal.is_terminal(self._stream)
        self._paint = terminal.Paint(self._stream)
        self._pulse = Pulse()
        self._session: Session | None = None
        self._wait: tuple[float, Wait] | None = None
        self._told = clock()
        self._told_of: Standing | None = None
        self._is_drawn = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="docjobs-progress", daemon=True)

    def watch(self, request: RunRequest) -> None:
        """Asks a run to say why it waits."""
        request.on_wait = self.waits

    def begin(self, session: Session) -> None:
        """The run has begun."""
        self._session = session

    def waits(self, wait: Wait) -> None:
        """The client makes a pause: told when it is long, or every request has to wait."""
        if wait.pauses_all or wait.seconds >= _TELLING:
            self._wait = (self._clock() + wait.seconds, wait)
            if not self._is_live and wait.seconds >= _TELLING:
                self._say(f"{self._name}: {wait}")

    def __enter__(self) -> ProgressView:
        """Begins to look."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops looking, and takes the live line away."""
        self._ended.set()
        self._thread.join()
        if self._is_drawn:
            self._write("\r\x1b[K")

    def _run(self) -> None:
        every = LIVE_EVERY if self._is_live else 1.0
        while not self._ended.wait(every):
            self.look()

    def look(self) -> None:
        """Looks at the run once, and shows what is worth it."""
        if self._session is None:
            return
        now = self._clock()
        standing = Standing.of(self._session)
        self._pulse.beat(now, standing)
        parts = describe(standing, self._pulse, self._waiting(now))
        if self._is_live:
            self._draw(standing, parts)
        else:
            self._log(now, parts, standing)

    def _waiting(self, now: float) -> str:
        """Why nothing happens at the moment, with the seconds that are left."""
        if self._wait is None:
            return ""
        until, wait = self._wait
        if until <= now:
            self._wait = None
            return ""
        return f"{wait.reason}: resuming in {math.ceil(until - now)} s"

    def _draw(self, standing: Standing, parts: list[str]) -> None:
        text = f"{bar(standing)}{', '.join(parts)}"
        room = terminal.width() - len(self._name) - 3
        name = self._paint(self._name, "bold")
        self._write(f"\r\x1b[K{name}: {terminal.shortened(text, room)}")
        self._is_drawn = True

    def _log(self, now: float, parts: list[str], standing: Standing) -> None:
        if now - self._told < LINES_EVERY:
            return
        # requests are sent while nothing happens
        same = replace(standing, requests=0)
        if same == self._told_of and now - self._told < UNCHANGED_EVERY:
            return
        self._told, self._told_of = now, same
        self._say(f"{self._name}: {', '.join(parts)} ({standing.requests:,} requests)")

    def _say(self, line: str) -> None:
        self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # who reads has gone: the sync goes on
            self._ended.set()
