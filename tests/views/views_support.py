"""Warehouses of both kinds with the same jobs in them, and a reader of their views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema import Schema

import dlt_docjobs
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.model.history import event_id
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import install_views
from dlt_docjobs.warehouse.connection import prepare

Row = dict[str, Any]
DATASET = "docjobs"
PROVIDERS = ("llamacloud", "contextual", "unsiloed", "reducto", "landingai")


class Warehouse:
    """One destination and the pipelines that load into it.

    Args:
        destination: Where.
        folder: For the pipelines' working directories.
        dataset: Name of the dataset.
    """

    def __init__(self, destination: Any, folder: Path, dataset: str = DATASET) -> None:
        self.destination = destination
        self.folder = folder
        self.dataset = dataset

    def __str__(self) -> str:
        """Names it in a test's id."""
        return str(self.destination.destination_name)

    def pipeline(self, name: str) -> dlt.Pipeline:
        """A pipeline, made anew as by a new process."""
        return dlt.pipeline(
            f"docjobs_{name}",
            destination=self.destination,
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def sync(self, emulator: Emulator) -> None:
        """Syncs every provider as `docjobs sync` does."""
        for provider in PROVIDERS:
            arguments: dict[str, Any] = {
                "api_key": emulator.api_key,
                "base_url": emulator.base_urls[provider],
            }
            if provider == "unsiloed":
                arguments["job_ids"] = [
                    {"job_id": job.job_id, "job_kind": job.job_kind}
                    for job in emulator.jobs("unsiloed")
                ]
            source = getattr(dlt_docjobs, provider)(**arguments)
            dlt_docjobs.run(self.pipeline(provider), source)

    def install(self, **options: Any) -> Any:
        """Creates the views."""
        return install_views(self.destination, self.dataset, **options)

    def load(self, **rows: Sequence[Row]) -> None:
        """Loads rows made by hand, every other table empty; columns left out are null."""

        @dlt.source(name="by_hand", section="docjobs")
        def by_hand() -> Any:
            for name, table in TABLES.items():
                filled = [
                    {column.name: row.get(column.name) for column in table.columns}
                    for row in rows.get(name, ())
                ]
                hints: dict[str, Any] = {"name": name, "columns": table.dlt_columns()}
                data = pa.Table.from_pylist(filled, schema=table.arrow_schema)
                yield dlt.resource([data], write_disposition="append", **hints)

        pipeline = self.pipeline("by_hand")
        prepare(pipeline)
        pipeline.run(by_hand())

    # -- reading ----------------------------------------------------------------------------

    def client(self) -> Any:
        """A connection to the dataset."""
        # with a schema of ours dlt need not read the stored one
        return dlt.dataset(self.destination, self.dataset, schema=Schema("any")).sql_client

    def clear(self) -> None:
        """Drops all views, and whatever a test has made beside the tables."""
        names = [*TABLES, "_dlt_loads", "_dlt_pipeline_state", "_dlt_version"]
        made = self.execute(
            "SELECT table_name, table_type FROM information_schema.tables"
            f" WHERE table_schema = '{self.dataset}'"
        )
        # over one connection: to open and close DuckDB's file costs more than all statements
        with self.client() as client:
            dataset = client.fully_qualified_dataset_name()
            for name, kind in made:
                if name not in names:
                    what = "VIEW" if kind == "VIEW" else "TABLE"
                    client.execute_sql(f"DROP {what} IF EXISTS {dataset}.{name} CASCADE")

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs SQL; `{d}` is the dataset's name."""
        with self.client() as client:
            name = client.fully_qualified_dataset_name()
            return [tuple(row) for row in client.execute_sql(sql.replace("{d}", name)) or []]

    def rows(self, name: str, where: str = "1 = 1") -> list[Row]:
        """Rows of a table or view, dates in UTC."""
        with (
            self.client() as client,
            client.execute_query(
                f"SELECT * FROM {client.make_qualified_table_name(name)} WHERE {where}"
            ) as cursor,
        ):
            columns = list(cursor.columns_schema)
            return [
                {key: _utc(value) for key, value in zip(columns, row, strict=True)}
                for row in cursor.fetchall()
            ]


MakeWarehouse = Callable[..., Warehouse]


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


# -- rows made by hand --------------------------------------------------------------------------


def job(job_id: str, **values: Any) -> Row:
    """A row of `jobs`."""
    created = values.get("created_at", at(0))
    return {
        "provider": "llamacloud",
        "account": "default",
        "job_kind": "parse",
        "job_id": job_id,
        "status": "succeeded",
        "provider_status": "COMPLETED",
        "is_terminal": True,
        "created_at": created,
        "created_at_precision": "exact" if created else "unknown",
        "created_at_earliest": created,
        "created_at_latest": created or at(0),
        "results_state": "loaded",
        "last_observed_at": at(10_000),
        "run_id": "run",
        **values,
    }


def history(job_id: str, *events: tuple[Any, ...], **values: Any) -> list[Row]:
    """Events of a job: `(status, earliest, best, latest)`, or `(status, exact)`, in seconds."""
    rows: list[Row] = []
    for sequence, (status, *moments) in enumerate(events):
        earliest, best, latest = moments if len(moments) == 3 else moments * 3
        rows.append(
            {
                "provider": "llamacloud",
                "account": "default",
                "job_kind": "parse",
                "job_id": job_id,
                "event_id": event_id("llamacloud", "parse", job_id, sequence),
                "sequence": sequence,
                "status": status,
                "previous_status": events[sequence - 1][0] if sequence else None,
                "occurred_at": at(best),
                "occurred_at_earliest": None if earliest is None else at(earliest),
                "occurred_at_latest": at(latest),
                "occurred_at_source": "provider" if len(moments) == 1 else "observed",
                "observed_at": at(latest),
                "is_terminal": status in ("succeeded", "failed", "cancelled", "expired"),
                "run_id": "run",
                **values,
            }
        )
    return rows


def segment(job_id: str, index: int, **values: Any) -> Row:
    """A row of `segments`."""
    return {
        "provider": "llamacloud",
        "account": "default",
        "job_kind": "parse",
        "job_id": job_id,
        "segment_index": index,
        "depth": 0,
        "segment_type": "text",
        "page_number": 1,
        "ocr_count": 0,
        "run_id": "run",
        **values,
    }


def page(job_id: str, number: int, **values: Any) -> Row:
    """A row of `pages`."""
    return {
        "provider": "llamacloud",
        "account": "default",
        "job_kind": "parse",
        "job_id": job_id,
        "page_number": number,
        "is_failed": False,
        "segment_count": 0,
        "run_id": "run",
        **values,
    }


def run_row(run_id: str, finished: datetime, **values: Any) -> Row:
    """A row of `sync_runs`."""
    counted = {column.name: 0 for column in TABLES["sync_runs"].columns if column.type == "bigint"}
    return {
        "run_id": run_id,
        "provider": "llamacloud",
        "account": "default",
        "ok": True,
        **counted,
        "duration_seconds": 1.0,
        "started_at": finished,
        "finished_at": finished,
        "version": "0.1.0",
        **values,
    }


def at(seconds: float) -> datetime:
    """An instant of the hand-made jobs."""
    return datetime.fromtimestamp(1_790_000_000 + seconds, timezone.utc)
