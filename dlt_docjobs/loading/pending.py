"""Packages that wait for their load, and the warehouse that they were made for.

A package says what has changed since the warehouse was read. Loaded into another warehouse, an
older copy of it, or one that another machine has gone on with, it would bring a cursor and
`loaded` results without the rows beneath them. So each extraction notes the load that it builds
on; where that is not the newest one any more, the package is dropped and its jobs are asked for
again. It also notes the account's generation, which is another one as soon as rows were erased
(`warehouse.generations`), and what of a document it was allowed to hold: where less is allowed by
now, the package is dropped as well.

A process that dies leaves a package in a state that dlt does not always find its way out of:

- normalised, but the extracted one still beside it: dlt would normalise it again and find its place
  taken, at every run;
- copied into the staging dataset, or to where rows are appended, but not noted: dlt copies again.
  The rows would then stand twice, or their own ids forbid it and the load can never end. What was
  copied is removed, and copied anew.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.providers.protocol import ContentPolicy
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.connection import connect
from dlt_docjobs.warehouse.generations import FIRST, generation_of
from dlt_docjobs.warehouse.kind import kind_of
from dlt_docjobs.warehouse.migration import dropped_tables

# statements that a load makes for itself: they may be run twice
_STATEMENTS: Final = frozenset({"sql", "reference", "model"})
_LOG = logging.getLogger(__name__)


def note_base(
    pipeline: Pipeline,
    client: SqlClientBase[Any] | None,
    source_name: str,
    settings: SyncSettings,
) -> None:
    """Remembers what the package being extracted builds on.

    Args:
        pipeline: The pipeline.
        client: A connection to its dataset; None where there is none yet.
        source_name: The source's name.
        settings: The sync's.
    """
    note = {
        "base": _last_load(client, source_name),
        "generation": generation_of(client, settings.provider.name, settings.account),
        "policy": asdict(settings.policy),
    }
    _path(pipeline).write_text(json.dumps(note), encoding="utf-8")


def drop_misplaced_packages(
    pipeline: Pipeline, source_name: str, settings: SyncSettings | None
) -> None:
    """Drops waiting packages that may not be loaded any more: their jobs are asked for again.

    Args:
        pipeline: The pipeline.
        source_name: The source's name.
        settings: What is allowed now; None where the source is not one of this package's.
    """
    if not pipeline.has_pending_data:
        return
    note = _read_note(_path(pipeline))
    with connect(pipeline) as client:
        reason = _reason_to_drop(pipeline, note, client, source_name, settings)
    if reason is not None:
        _LOG.warning("%s: what waited to be loaded is dropped and asked for again", reason)
        dlt_internals.drop_pending_packages(pipeline)


def _reason_to_drop(
    pipeline: Pipeline,
    note: dict[str, Any],
    client: SqlClientBase[Any] | None,
    source_name: str,
    settings: SyncSettings | None,
) -> str | None:
    base = note.get("base")
    if base is not None and base != _last_load(client, source_name):
        return "the warehouse has changed"
    if client is not None and (dropped := dropped_tables(pipeline, client)):
        return f"{', '.join(dropped)} of the warehouse was dropped"
    if settings is None:
        return None
    generation = generation_of(client, settings.provider.name, settings.account)
    if note.get("generation", FIRST) != generation:
        return f"rows of {source_name} were erased or renamed since"
    # what a package of an older version was allowed to hold is not known
    allowed = asdict(ContentPolicy()) | note.get("policy", {})
    stricter = [
        name
        for name, is_included in asdict(settings.policy).items()
        if allowed[name] and not is_included
    ]
    return f"{', '.join(stricter)} was set to false since" if stricter else None


def _read_note(path: Path) -> dict[str, Any]:
    """What `note_base` wrote; empty where nothing did."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    try:
        note = json.loads(text)
    except ValueError:
        note = None
    # an older version wrote the load alone, a number with a fraction or nothing
    return note if isinstance(note, dict) else {"base": text}


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
    if kind_of(pipeline.destination) == "filesystem":
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
