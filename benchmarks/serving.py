"""The server as the benchmark's own process sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.jobs import Calendar, Provider

ROOT: Final = Path(__file__).resolve().parent.parent


class Counts(NamedTuple):
    """What the server counted since it was last opened.

    Attributes:
        requests: Requests answered.
        bytes: Bytes sent, headers included.
        first_request: When the first one came, on the machine's monotonic clock in seconds.
    """

    requests: int
    bytes: int
    first_request: float | None


@dataclass(frozen=True)
class Server:
    """A running server."""

    origin: str

    def base_url(self, provider: Provider) -> str:
        """The base URL of a provider's API."""
        return f"{self.origin}/{provider}"

    def open(
        self, provider: Provider, jobs: range, *, latency: float = 0.0, packed: bool = False
    ) -> None:
        """Says which jobs exist, and forgets what was counted.

        Args:
            provider: The provider whose jobs are asked for.
            jobs: Their numbers.
            latency: Seconds before each answer.
            packed: Whether whole answers go out as gzip to who accepts that.
        """
        params = {
            "provider": provider,
            "first": jobs.start,
            "last": jobs.stop,
            "latency": latency,
            "gzip": int(packed),
        }
        self._ask(f"/bench/open?{urlencode(params)}")

    def counts(self) -> Counts:
        """What was counted since `open`."""
        return Counts(**self._ask("/bench/counts"))

    def _ask(self, target: str) -> dict[str, Any]:
        with urlopen(self.origin + target, timeout=300) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def running_server(calendar: Calendar) -> Iterator[Server]:
    """Starts the server in a process of its own and ends it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", calendar.epoch.isoformat()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield Server(process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
