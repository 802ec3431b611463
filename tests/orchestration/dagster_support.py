"""A warehouse that Dagster fills in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from orchestration_support import partitions

from dlt_docjobs.emulator import Emulator

KEYS = partitions(2)


class Warehouse:
    """A DuckDB file, and a Dagster instance."""

    def __init__(self, file: Path, emulator: Emulator, instance: Any) -> None:
        self.file = file
        self.emulator = emulator
        self.instance = instance

    def materialize(self, assets: list[Any], partition: str | None = None) -> Any:
        return dg.materialize(assets, partition_key=partition, instance=self.instance)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(sql).fetchall()
