"""Large warehouses in a short time: a few jobs are synced, the older ones are copies of them.

A copy has the id, the dates and the event ids that its number would have had if it had been
synced; documents repeat. The cursor, which stands behind the newest job, is that of a real sync.
"""

from __future__ import annotations

from typing import Any, Final

from benchmarks.arena import Place, write_back
from benchmarks.jobs import SEGMENTS, SPACING, TEMPLATES, Provider, job_id

# when something was looked at stays what it was
_OBSERVED: Final = ("observed_at", "last_observed_at", "loaded_at")
_COPIED: Final = ("jobs", "job_status_history", "pages", "chunks", "segments", "segment_ocr")
_SEGMENT_TABLES: Final = ("segments", "documents__chunks__segments")


class WrongRows(Exception):
    """A warehouse does not hold what it should."""


def multiply(place: Place, provider: Provider, synced: range, wanted: int) -> None:
    """Adds older copies of the synced jobs until there are `wanted` jobs.

    Args:
        place: Holds a warehouse into which exactly `synced` were synced.
        provider: Whose jobs they are.
        synced: Numbers of those jobs, a multiple of `TEMPLATES`: a copy is then of the document
            that the server has for its number.
        wanted: How many there are to be, a multiple of them.

    Raises:
        ValueError: One of the two is no such multiple.
    """
    import duckdb
    import pyarrow as pa

    size = len(synced)
    copies = wanted // size
    if size % TEMPLATES or copies * size != wanted:
        raise ValueError(f"{wanted} is no multiple of {size}, or that none of {TEMPLATES}")
    with duckdb.connect(str(place.warehouse)) as database:
        # DuckDB keeps their order, so nearly all row groups are full: to merge others takes it half
        # a second when it closes the file, at whichever sync that happens to be
        database.execute("SET memory_limit = '2GB'")
        for table in _COPIED:
            database.execute(f"CREATE TEMP TABLE old_{table} AS FROM docjobs.{table}")
        for copy in range(1, copies):
            pairs = pa.table(
                {
                    "old_id": [job_id(provider, number) for number in synced],
                    "new_id": [job_id(provider, number - copy * size) for number in synced],
                }
            )
            database.register("pairs", pairs)
            minutes = copy * size * int(SPACING.total_seconds()) // 60
            for table in _COPIED:
                changed = ", ".join(_changes(database, table, minutes))
                database.execute(
                    f"INSERT INTO docjobs.{table} SELECT old.* REPLACE ({changed})"
                    f" FROM old_{table} old JOIN pairs ON pairs.old_id = old.job_id"
                )
            database.unregister("pairs")
        database.execute("CHECKPOINT")
    write_back()


def _changes(database: Any, table: str, minutes: int) -> list[str]:
    changes = ["pairs.new_id AS job_id"]
    for name, kind, *_ in database.execute(f"DESCRIBE docjobs.{table}").fetchall():
        if kind == "TIMESTAMP WITH TIME ZONE" and name not in _OBSERVED:
            changes.append(f"old.{name} - INTERVAL {minutes} MINUTE AS {name}")
    if table == "jobs":
        changes += [_answer("payload", minutes), _answer("config", minutes)]
    if table == "job_status_history":
        parts = "chr(31), old.provider, old.job_kind, pairs.new_id, old.sequence"
        changes.append(f"left(sha256(concat_ws({parts})), 32) AS event_id")
    return changes


def _answer(column: str, minutes: int) -> str:
    """An answer of the server's, as it would have been about the copy."""
    text = f"replace(CAST(old.{column} AS VARCHAR), old.job_id, pairs.new_id)"
    for name in ("created_at", "started_at", "finished_at", "updated_at"):
        was = f"timezone('UTC', old.{name})"
        before, after = (
            f"coalesce(strftime({moment}, '%Y-%m-%dT%H:%M:%S.%fZ'), '')"
            for moment in (was, f"{was} - INTERVAL {minutes} MINUTE")
        )
        text = f"replace({text}, {before}, {after})"
    return f"CAST({text} AS JSON) AS {column}"


def check_rows(place: Place, jobs: int) -> None:
    """Makes sure that nobody wins by loading less.

    Args:
        place: Where a contestant has loaded.
        jobs: How many jobs its warehouse should hold now.

    Raises:
        WrongRows: It holds more or fewer jobs, or segments.
    """
    import duckdb

    wanted = {"jobs": jobs, "segments": jobs * SEGMENTS}
    with duckdb.connect(str(place.warehouse), read_only=True) as database:
        names = {
            row[0]
            for row in database.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'docjobs'"
            ).fetchall()
        }
        table = next(name for name in _SEGMENT_TABLES if name in names)
        found = {
            name: database.execute(f"SELECT count(*) FROM docjobs.{table}").fetchall()[0][0]
            for name, table in (("jobs", "jobs"), ("segments", table))
        }
    if found != wanted:
        raise WrongRows(f"{found} where {wanted} were to be loaded")
