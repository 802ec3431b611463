"""The command line of what is measured on DuckDB and on PostgreSQL, and what comes of it."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from benchmarks.report import machine, with_part

DESTINATIONS: Final = ("duckdb", "postgres")


def read_options(prog: str, about: str | None, jobs: int, space: str) -> argparse.Namespace:
    """The options that a command was given.

    Args:
        prog: How it is started.
        about: What it does.
        jobs: How many jobs the whole has.
        space: What its warehouses take on the disk.
    """
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--destination", nargs="+", choices=DESTINATIONS, default=DESTINATIONS, metavar="NAME"
    )
    parser.add_argument(
        "--jobs", type=int, default=jobs, metavar="N", help=f"150 segments each ({jobs})"
    )
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of each (3)")
    parser.add_argument(
        "--folder",
        type=Path,
        help=f"where the warehouses are made (the whole takes up to {space})",
    )
    parser.add_argument(
        "--write-docs", action="store_true", help="put the table into the documentation"
    )
    return parser.parse_args()


def teller() -> Callable[[str], None]:
    """What prints how far it is, beside the seconds since now."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    return say


def seconds_of(what: Callable[[], Any], repeat: int = 1) -> float:
    """The median of the seconds that something takes."""
    found = []
    for _ in range(repeat):
        began = time.perf_counter()
        what()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def publish(table: str, page: Path, *, is_written: bool) -> None:
    """Prints a table with the machine that it is of; puts it into a page where that is wanted."""
    text = f"{table}\n\n{machine(describe())}"
    print(text)
    if is_written:
        page.write_text(with_part(page.read_text("utf-8"), text), "utf-8")
