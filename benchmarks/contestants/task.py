"""What a contestant is asked to do, and what it says when it is done."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.jobs import Provider
from dlt_docjobs.reader.helper import hide_from_pyarrow


@dataclass(frozen=True)
class Task:
    """What to load, from where, to where.

    Attributes:
        provider: Whose jobs.
        base_url: The provider's API.
        first: Number of the first job.
        last: Number behind that of the last job.
        warehouse: The DuckDB file.
        include_ocr: Whether OCR elements become rows.
        concurrency: Requests in flight, for those that can have several.
        parquet: Whether dlt is told to load parquet files, where that is the contestant's choice.
    """

    provider: Provider
    base_url: str
    first: int
    last: int
    warehouse: str
    include_ocr: bool = False
    concurrency: int = 16
    parquet: bool = False

    @property
    def jobs(self) -> range:
        """Numbers of the jobs."""
        return range(self.first, self.last)


class Outcome(NamedTuple):
    """What a contestant says at its end.

    Attributes:
        committed_at: When its last commit was done, on the machine's monotonic clock in seconds.
        peak_bytes: The most memory that its process held at once (resident set).
        cpu_seconds: What its process took of the processors, its start included, and those that
            it started and that have ended.
        call_seconds: What the one call took that does all the work, without imports; None where
            there is no such call.
    """

    committed_at: float
    peak_bytes: int
    cpu_seconds: float
    call_seconds: float | None


def read_task(needs_pandas: bool = False) -> Task:
    """The task on the command line.

    Args:
        needs_pandas: Whether the contestant uses pandas. From all others it is hidden, and NumPy
            that comes with it: they are installed for one rival's sake, and pyarrow imports them
            wherever it finds them.
    """
    if not needs_pandas:
        hide_from_pyarrow()
    return Task(**json.loads(sys.argv[1]))


def encode_task(task: Task) -> str:
    """A task as it stands on a command line."""
    return json.dumps(asdict(task))


def report(call_seconds: float | None = None) -> None:
    """Prints the outcome: the last commit was done just now."""
    times = os.times()
    cpu_seconds = time.process_time() + times.children_user + times.children_system
    outcome = Outcome(time.monotonic(), _peak_bytes(), cpu_seconds, call_seconds)
    print(json.dumps(outcome._asdict()), flush=True)


def _peak_bytes() -> int:
    # getrusage also counts what the parent held before this process was its own
    if peak := memory_of("self", "VmHWM"):
        return peak
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory_of(process: int | str, what: str) -> int:
    """Bytes that a process holds (`VmRSS`), or has held at most (`VmHWM`).

    Args:
        process: Its id, or `self`.
        what: One of the two.

    Returns:
        0 where the system does not say, or the process is gone.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    return 0
