"""Runs one contestant in a process of its own and measures it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.contestants.task import Outcome, Task, encode_task, memory_of
from benchmarks.jobs import API_KEY
from benchmarks.serving import ROOT, Server

MEMORY_LIMIT: Final = 8 * 2**30
_PATIENCE: Final = 3600
_LOOK_EVERY: Final = 0.1


class Run(NamedTuple):
    """One measured run.

    Attributes:
        seconds: What counts: from the first request to the last commit, or what the case says.
        wall_seconds: From the start of the process to its end.
        cpu_seconds: What the process took of the processors; None of a command.
        call_seconds: What `dlt_docjobs.run` took, its look at the warehouse before the first
            request included; None of the others.
        peak_bytes: The most memory it held, and each process that it started (resident sets, as
            if all had held their most at once); None of a command.
        requests: HTTP requests that the server answered.
    """

    seconds: float
    wall_seconds: float
    cpu_seconds: float | None
    call_seconds: float | None
    peak_bytes: int | None
    requests: int


class DidNotFit(Exception):
    """A contestant took more memory than any may have, and was ended."""


class ContestantFailed(Exception):
    """A contestant ended with an error; the message has the end of what it said."""


@dataclass(frozen=True)
class Place:
    """The folder in which a contestant works: its warehouse and dlt's working directory.

    Attributes:
        folder: The folder.
        configuration: More variables of the environment of its processes.
    """

    folder: Path
    configuration: Mapping[str, str] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "warehouse.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes: no configuration but what stands here."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if "__" not in name and not name.endswith("_API_KEY")
        }
        return kept | {
            "PYTHONPATH": str(ROOT),
            "DLT_DATA_DIR": str(self.folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DESTINATION__DUCKDB__CREDENTIALS": str(self.warehouse),
            "LLAMA_CLOUD_API_KEY": API_KEY,
            "UNSILOED_API_KEY": API_KEY,
            **self.configuration,
        }

    def copy_to(self, folder: Path) -> Place:
        """A copy that is on the disk: what is still being written back would slow the next run."""
        shutil.copytree(self.folder, folder)
        write_back()
        return Place(folder)

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder)


def write_back() -> None:
    """Waits until everything written is on the disk, where the system can be asked for that."""
    if hasattr(os, "sync"):
        os.sync()


def new_place(folder: Path) -> Place:
    """An empty place."""
    folder.mkdir(parents=True)
    return Place(folder)


def run_contestant(
    name: str, task: Task, place: Place, server: Server, memory_limit: int = MEMORY_LIMIT
) -> Run:
    """Lets a contestant do a task; the server has been opened for it.

    Args:
        name: A module of `benchmarks.contestants`.
        task: What it is to do.
        place: Where.
        server: Where the requests go.
        memory_limit: Resident bytes above which it is ended.

    Raises:
        DidNotFit: It took more memory than that.
        ContestantFailed: It ended with an error.
    """
    command = [sys.executable, "-m", f"benchmarks.contestants.{name}", encode_task(task)]
    wall, output, others = _run(command, place, memory_limit)
    outcome = Outcome(**json.loads(output.splitlines()[-1]))
    counts = server.counts()
    seconds = outcome.committed_at - (counts.first_request or outcome.committed_at - wall)
    return Run(
        seconds,
        wall,
        outcome.cpu_seconds,
        outcome.call_seconds,
        outcome.peak_bytes + others,
        counts.requests,
    )


def run_command(arguments: Sequence[str], place: Place) -> Run:
    """Runs a Python command line and takes its wall time.

    Raises:
        ContestantFailed: It ended with an error.
    """
    wall, _, _ = _run([sys.executable, *arguments], place, MEMORY_LIMIT)
    return Run(wall, wall, None, None, None, 0)


def _run(command: Sequence[str], place: Place, memory_limit: int) -> tuple[float, str, int]:
    """Wall time, output, and the peak memory of the processes that it started."""
    said, complained = place.folder / "stdout.txt", place.folder / "stderr.txt"
    with said.open("w") as stdout, complained.open("w") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=place.folder, env=place.environment, stdout=stdout, stderr=stderr
        )
        watcher = _Watcher(process, memory_limit)
        watcher.start()
        try:
            # without a time limit: with one, Python looks only twenty times a second
            code = process.wait()
        finally:
            process.kill()
            watcher.over.set()
        wall = time.perf_counter() - began
        watcher.join()
    if watcher.has_ended_it:
        raise DidNotFit(f"{command[2]} took more than {memory_limit / 2**30:g} GB")
    if code:
        raise ContestantFailed(f"{command[2]} ended with {code}: {complained.read_text()[-2000:]}")
    return wall, said.read_text(), sum(watcher.children.values())


class _Watcher(threading.Thread):
    """Ends a process that takes too much memory, before the machine does, or too long.

    Attributes:
        children: The processes that it started, and the most bytes that each has held.
    """

    def __init__(self, process: subprocess.Popen[bytes], memory_limit: int) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.has_ended_it = False
        self.children: dict[int, int] = {}
        self._process = process
        self._limit = memory_limit

    def run(self) -> None:
        """Looks now and then, where the system shows a process's memory."""
        until = time.monotonic() + _PATIENCE
        while not self.over.wait(_LOOK_EVERY):
            if time.monotonic() > until:
                self._process.kill()
                return
            pid = self._process.pid
            for child in _children(pid):
                self.children[child] = max(self.children.get(child, 0), memory_of(child, "VmHWM"))
            if memory_of(pid, "VmRSS") + sum(self.children.values()) > self._limit:
                self.has_ended_it = True
                self._process.kill()
                return


def _children(pid: int) -> list[int]:
    """Processes that a process has started, whichever of its threads did."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, listed.read_text().split())
    return found
