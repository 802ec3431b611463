"""How far a long sync is, on standard error: a line that lives on a terminal, plain lines in cron.

A thread of its own looks at the session, so that waits and loads show too, while no answer comes.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from dlt_docjobs.cli import terminal
from dlt_docjobs.http import Wait
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

LIVE_EVERY: Final = 0.2
LINES_EVERY: Final = 5.0
UNCHANGED_EVERY: Final = 60.0
_MEASURED: Final = 20.0
_TELLING: Final = 2.0
_BAR: Final = 20


class Standing(NamedTuple):
    """How far a run is at one moment.

    Attributes:
        jobs: Jobs listed.
        open_jobs: Jobs that have not ended.
        results: Results fetched.
        known: Results to fetch that are known of, but for those that come with a job's status.
        ended: Of these, fetched or refused.
        is_listed: Whether every result to fetch is known of, so that an end can be foretold.
        is_loading: Whether what was fetched is being loaded.
    """

    jobs: int
    open_jobs: int
    results: int
    known: int
    ended: int
    is_listed: bool
    is_loading: bool

    @classmethod
    def of(cls, session: Session) -> Standing:
        """As the session has it now; other threads go on meanwhile."""
        context = session.context
        results, figures = context.results, context.figures
        return cls(
            figures.jobs_listed,
            len(context.looked.open_refs),
            figures.results_loaded,
            results.known,
            min(results.known, results.ended),
            context.is_listed,
            session.is_loading,
        )


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
        self._live = _make_live(self._stream) if terminal.moves_its_cursor(self._stream) else None
        # of the last seconds
        self._seen: deque[tuple[float, Standing]] = deque()
        self._session: Session | None = None
        self._wait: tuple[float, str] = (0.0, "")
        self._told: tuple[float, Standing | None] = (clock(), None)
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
            self._wait = (self._clock() + wait.seconds, wait.reason)
            if self._live is None and wait.seconds >= _TELLING:
                self._say(str(wait))

    def __enter__(self) -> ProgressView:
        """Begins to look."""
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stops looking, and takes the live line away."""
        self._ended.set()
        self._thread.join()
        if self._live is not None:
            with self._while_read():
                self._live.stop()

    def _run(self) -> None:
        while not self._ended.wait(1.0 if self._live is None else LIVE_EVERY):
            self.look()

    def look(self) -> None:
        """Looks at the run once, and shows what is worth it."""
        if self._session is None:
            return
        now, standing = self._clock(), Standing.of(self._session)
        self._seen.append((now, standing))
        while self._seen[0][0] < now - _MEASURED:
            self._seen.popleft()
        said = ", ".join(self._parts(now, standing))
        if self._live is not None:
            with self._while_read():
                self._draw(self._live, standing, said)
            return
        told_at, told = self._told
        if now - told_at >= (UNCHANGED_EVERY if standing == told else LINES_EVERY):
            self._told = now, standing
            self._say(f"{said} ({self._session.context.api.counters.requests:,} requests)")

    def _parts(self, now: float, standing: Standing) -> list[str]:
        """A run's standing in short parts, the most important ones first."""
        until, reason = self._wait
        wait = [f"{reason}: resuming in {math.ceil(until - now)} s"] if until > now else []
        jobs = [f"{standing.jobs:,} listed"]
        if standing.open_jobs:
            jobs.append(f"{standing.open_jobs:,} open")
        results = [f"{standing.results:,} results fetched"] if standing.results else []
        if standing.is_loading:
            return ["loading what was fetched", *results, *jobs]
        pending = standing.known - standing.ended
        if pending:
            results.append(f"{pending:,} pending")
        if fetched := self._rate(lambda seen: seen.results):
            results.append(f"{_shown(fetched)} results/s")
        elif not pending and (listed := self._rate(lambda seen: seen.jobs)):
            jobs.append(f"{_shown(listed)} jobs/s")
        ended = self._rate(lambda seen: seen.ended)
        if standing.is_listed and pending and ended and not wait:
            results.append(f"{_about(pending / ended)} left")
        return [*wait, *results, *jobs]

    def _rate(self, of: Callable[[Standing], int]) -> float:
        """Things a second; 0 where too little was seen."""
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        return (of(last) - of(first)) / (end - begin) if end - begin >= 1 else 0.0

    def _draw(self, live: Live, standing: Standing, said: str) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        cells: list[RenderableType] = [terminal.text(f"{self._name}:", "bold", no_wrap=True)]
        if standing.is_listed and standing.known and not standing.is_loading:
            bar = ProgressBar(standing.known, standing.ended, _BAR, complete_style="green")
            share = f"{100 * standing.ended // standing.known}%"
            cells += [bar, terminal.text(share, no_wrap=True)]
        cells.append(terminal.text(said, no_wrap=True))
        line = Table.grid(padding=(0, 1))
        line.add_row(*cells)
        if not live.is_started:
            live.start()
            # it would stay hidden where a second signal ends the process
            live.console.show_cursor(True)
        live.update(line, refresh=True)

    def _say(self, said: str) -> None:
        with self._while_read():
            print(f"{self._name}: {said}", file=self._stream, flush=True)

    @contextmanager
    def _while_read(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):
            # who reads has gone: the sync goes on
            self._ended.set()


def _make_live(stream: IO[str]) -> Live:
    from rich.live import Live

    return Live(
        console=terminal.console(stream),
        auto_refresh=False,
        transient=True,
        # it may be a file
        redirect_stdout=False,
    )


def _shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _about(seconds: float) -> str:
    if seconds < 60:
        return f"about {math.ceil(seconds)} s"
    if seconds < 3600:
        return f"about {math.ceil(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
