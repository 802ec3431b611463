"""The command line of what is measured on DuckDB and on PostgreSQL."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

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
