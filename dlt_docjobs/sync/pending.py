"""Packages that wait for their load, and the warehouse that they were made for.

A package says what has changed since the warehouse was read. Loaded into another warehouse, an
older copy of it, or one that another machine has gone on with, it would bring a cursor and
`loaded` results without the rows beneath them. So each extraction notes the load that it builds
on; where that is not the newest one any more, the package is dropped and its jobs are asked for
again.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.sync.destinations import connect

_LOG = logging.getLogger(__name__)


def note_base(pipeline: Pipeline, client: SqlClientBase[Any] | None, source_name: str) -> None:
    """Remembers the load that the package being extracted builds on."""
    _path(pipeline).write_text(_last_load(client, source_name), encoding="utf-8")


def drop_misplaced_packages(pipeline: Pipeline, source_name: str) -> None:
    """Drops waiting packages that were made for another state of the warehouse."""
    path = _path(pipeline)
    if not pipeline.has_pending_data or not path.exists():
        return
    with connect(pipeline) as client:
        is_misplaced = path.read_text(encoding="utf-8") != _last_load(client, source_name)
    if is_misplaced:
        _LOG.warning("the warehouse has changed: what waited to be loaded is asked for again")
        pipeline._delete_pending_packages()


def _last_load(client: SqlClientBase[Any] | None, source_name: str) -> str:
    if client is None:
        return ""
    table = client.make_qualified_table_name("_dlt_loads")
    newest = f"SELECT MAX(load_id) FROM {table} WHERE status = 0 AND schema_name = %s"
    try:
        rows = client.execute_sql(newest, source_name)
    except DestinationUndefinedEntity:
        return ""
    return str(rows[0][0] or "") if rows else ""


def _path(pipeline: Pipeline) -> Path:
    return Path(pipeline.working_dir) / "docjobs_base"
