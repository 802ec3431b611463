"""Rows of `sync_runs` for runs that ended before they could load anything."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.locks.destination import warehouse_lock
from dlt_docjobs.locks.local import pipeline_lock
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import format_instant, parse_instant
from dlt_docjobs.tables import TABLES
from dlt_docjobs.tables.arrow import RowBuffer
from dlt_docjobs.warehouse.merging import Merging, merging_of

_PREFIX: Final = "docjobs_failed_run_"
_LOG = logging.getLogger(__name__)


def record_failure(
    pipeline: Pipeline, source_name: str, row: SyncRun, *, try_now: bool = True
) -> None:
    """Writes a failed run's row if the destination answers, else keeps it for the next run.

    Never raises: what failed has been said already.

    Args:
        pipeline: The run's pipeline.
        source_name: The run's source.
        row: The row.
        try_now: False where it is known that the destination does not answer.
    """
    path = Path(pipeline.working_dir) / f"{_PREFIX}{row.run_id}.json"
    try:
        path.write_text(json.dumps(row._asdict(), default=format_instant), encoding="utf-8")
        path.chmod(0o600)
        if try_now:
            with pipeline_lock(pipeline), warehouse_lock(pipeline):
                write_kept_failures(pipeline, source_name)
    except Exception as error:
        _LOG.info("the row of the failed run is written by the next one: %s", type(error).__name__)


def write_kept_failures(pipeline: Pipeline, source_name: str) -> None:
    """Loads the rows of earlier failed runs, and forgets them once they are in the warehouse."""
    if pipeline.has_pending_data:
        return
    paths = sorted(Path(pipeline.working_dir).glob(f"{_PREFIX}*.json"))
    rows = [row for path in paths if (row := _read(path)) is not None]
    if rows:
        buffer = RowBuffer(TABLES["sync_runs"])
        buffer.add(rows)
        pipeline.run(_source(source_name, buffer.flush(), _merging(pipeline, source_name)))
    for path in paths:
        # dlt clears the directory of a pipeline whose dataset is gone
        path.unlink(missing_ok=True)


def _read(path: Path) -> SyncRun | None:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        for name in ("cursor", "started_at", "finished_at"):
            fields[name] = parse_instant(fields[name])
        return SyncRun(**fields)
    except (ValueError, TypeError, KeyError):
        # of another version, or cut off: it can't be written, and must not stop anybody
        return None


def _merging(pipeline: Pipeline, source_name: str) -> Merging:
    """How the destination takes rows, in the format that the table has there."""
    assert pipeline.destination is not None
    table_format = None
    if source_name in pipeline.schemas:
        known = pipeline.schemas[source_name].tables.get("sync_runs", {})
        table_format = known.get("table_format")
    return merging_of(pipeline.destination, table_format)


def _source(name: str, rows: pa.Table, merging: Merging) -> Any:
    table = TABLES["sync_runs"]

    @dlt.source(name=name, section="docjobs")
    def failed_runs() -> Any:
        return dlt.resource([rows], name=table.name, **merging.hints(table))

    return failed_runs()


__all__ = ["record_failure", "write_kept_failures"]
