"""Small stages for the benchmark's contestants, and what they leave in their warehouses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from benchmarks.arena import Place
from benchmarks.contestants.task import Task
from benchmarks.jobs import Provider
from benchmarks.serving import Server

JOBS = range(100, 103)


def task(place: Place, server: Server, provider: Provider = "unsiloed", **options: Any) -> Task:
    """A task over `JOBS`."""
    url = server.base_url(provider)
    return Task(provider, url, JOBS.start, JOBS.stop, str(place.warehouse), **options)


def query(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with duckdb.connect(str(warehouse)) as database:
        return database.execute(sql).fetchall()
