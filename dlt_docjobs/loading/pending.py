"""Packages that wait for their load, and the warehouse that they were made for.

A package says what has changed since the warehouse was read. Loaded into another warehouse, an
older copy of it, or one that another machine has gone on with, it would bring a cursor and
`loaded` results without the rows beneath them. So each extraction notes the load that it builds
on; where that is not the newest one any more, the package is dropped and its jobs are asked for
again.

A process that dies leaves a package in a state that dlt does not always find its way out of:

- normalised, but the extracted one still beside it: dlt would normalise it again and find its place
  taken, at every run;
- copied into the staging dataset, or to where rows are appended, but not noted: dlt copies again.
  The rows would then stand twice, or their own ids forbid it and the load can never end. What was
  copied is removed, and copied anew.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.connection import connect

# statements that a load makes for itself: they may be run twice
_STATEMENTS: Final = frozenset({"sql", "reference", "model"})
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
        dlt_internals.drop_pending_packages(pipeline)


def mend_broken_packages(pipeline: Pipeline) -> None:
    """Brings packages that a dead process left half done to where dlt can go on with them."""
    if not pipeline.has_pending_data:
        return
    normalised = set(pipeline.list_normalized_load_packages())
    for load_id in normalised.intersection(pipeline.list_extracted_load_packages()):
        dlt_internals.drop_extracted_package(pipeline, load_id)
    for load_id in sorted(normalised):
        # a table is merged only when all its copies are done, so none of it was merged yet
        broken = {
            copied.table_name
            for copied in dlt_internals.interrupted_copies(pipeline, load_id)
            if copied.file_format not in _STATEMENTS
        }
        for name in sorted(broken):
            _rewind(pipeline, load_id, name)


def _rewind(pipeline: Pipeline, load_id: str, table: str) -> None:
    assert pipeline.destination is not None
    if pipeline.destination.destination_type.endswith(".filesystem"):
        # a file that is copied again takes its own place
        return
    schema = dlt_internals.package_schema(pipeline, load_id)
    is_merged = schema.tables.get(table, {}).get("write_disposition") == "merge"
    if not _take_back(pipeline, load_id, table, is_merged):
        return
    _LOG.info("a copy into %s was broken off: it is made anew", table)
    for state, copied in dlt_internals.copies_of_table(pipeline, load_id, table):
        if state in ("started_jobs", "completed_jobs") and copied.file_format not in _STATEMENTS:
            dlt_internals.copy_anew(pipeline, load_id, state, copied)


def _take_back(pipeline: Pipeline, load_id: str, table: str, is_merged: bool) -> bool:
    """Removes what was copied of a table; False where there is no such table."""
    with connect(pipeline) as client:
        if client is None:
            return False
        if not is_merged:
            # copied to where it stays
            return _remove(client, table, " WHERE _dlt_load_id = %s", load_id)
        with client.with_staging_dataset():
            return _remove(client, table)


def _remove(client: SqlClientBase[Any], table: str, where: str = "", *values: Any) -> bool:
    if not sql.has_table(client, table):
        return False
    client.execute_sql(f"DELETE FROM {client.make_qualified_table_name(table)}{where}", *values)
    return True


def _last_load(client: SqlClientBase[Any] | None, source_name: str) -> str:
    if client is None:
        return ""
    newest = "SELECT MAX(load_id) FROM {loads} WHERE status = 0 AND schema_name = %s"
    rows = sql.run(client, newest, source_name)
    return str(rows[0][0] or "") if rows else ""


def _path(pipeline: Pipeline) -> Path:
    return Path(pipeline.working_dir) / "docjobs_base"
