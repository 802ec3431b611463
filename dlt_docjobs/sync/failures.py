"""Rows of `sync_runs` for runs that ended before they could load anything."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import format_instant, parse_instant
from dlt_docjobs.tables import TABLES, RowBuffer

_LOG = logging.getLogger(__name__)


def record_failure(pipeline: Pipeline, source_name: str, row: SyncRun) -> None:
    """Writes a failed run's row if the destination answers, else keeps it for the next run.

    Never raises: what failed has been said already.
    """
    path = _path(pipeline)
    with contextlib.suppress(OSError):
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row._asdict(), default=format_instant) + "\n")
        path.chmod(0o600)
    try:
        write_kept_failures(pipeline, source_name)
    except Exception as error:
        _LOG.info("the row of the failed run is written by the next one: %s", type(error).__name__)


def write_kept_failures(pipeline: Pipeline, source_name: str) -> None:
    """Loads the rows of earlier failed runs, and forgets them once they are in the warehouse."""
    path = _path(pipeline)
    if not path.exists() or pipeline.has_pending_data:
        return
    rows = list(_read(path))
    if rows:
        buffer = RowBuffer(TABLES["sync_runs"])
        buffer.add(rows)
        pipeline.run(_source(source_name, buffer.flush()))
    path.unlink()


def _path(pipeline: Pipeline) -> Path:
    return Path(pipeline.working_dir) / "docjobs_failed_runs.jsonl"


def _read(path: Path) -> Iterator[SyncRun]:
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            fields = json.loads(line)
            for name in ("cursor", "started_at", "finished_at"):
                fields[name] = parse_instant(fields[name])
            yield SyncRun(**fields)


def _source(name: str, rows: pa.Table) -> Any:
    table = TABLES["sync_runs"]

    @dlt.source(name=name, section="docjobs")
    def failed_runs() -> Any:
        hints: dict[str, Any] = {
            "name": table.name,
            "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
            "primary_key": table.key,
            "columns": table.dlt_columns(),
        }
        return dlt.resource([rows], **hints)

    return failed_runs()


__all__ = ["record_failure", "write_kept_failures"]
