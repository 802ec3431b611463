"""Finished jobs of an emulator, and syncs of them into a DuckDB file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt

import dlt_docjobs
from dlt_docjobs.emulator import Emulator

DONE = {"llamacloud": "COMPLETED", "contextual": "completed", "unsiloed": "Succeeded"}


class Shop:
    """An emulator with jobs that are done, and a DuckDB file.

    Args:
        emulator: The providers.
        folder: Where the file and the working directory lie.
    """

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder

    def add(self, provider: str, count: int, pages: int = 1) -> list[str]:
        """Adds finished parse jobs; returns their ids."""
        add = self.emulator.add_job
        return [
            add(provider, status=DONE[provider], pages=pages).job_id  # type: ignore[arg-type]
            for _ in range(count)
        ]

    def pipeline(self, provider: str) -> dlt.Pipeline:
        """The provider's pipeline."""
        return dlt.pipeline(
            f"docjobs_{provider}",
            destination=dlt.destinations.duckdb(str(self.folder / "warehouse.duckdb")),
            dataset_name="docjobs",
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def source(self, provider: str, **options: Any) -> Any:
        """The provider's source, with every job that there is."""
        if provider == "unsiloed":
            options["job_ids"] = [job.job_id for job in self.emulator.jobs("unsiloed")]
        return getattr(dlt_docjobs, provider)(
            api_key=self.emulator.api_key,
            base_url=self.emulator.base_urls[provider],
            job_kinds=["parse"],
            **options,
        )

    def sync(self, provider: str, **options: Any) -> tuple[Any, dlt.Pipeline]:
        """A sync; its row, and the pipeline with its last trace."""
        pipeline = self.pipeline(provider)
        row = dlt_docjobs.run(pipeline, self.source(provider, **options))
        assert row.ok, row.error
        return row, pipeline

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with self.pipeline("llamacloud").sql_client() as client:
            return list(client.execute_sql(sql) or [])
