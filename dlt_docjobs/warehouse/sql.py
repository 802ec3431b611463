"""How statements are put together and run: names of tables, tables that are not there, batches.

A statement is a text with `{marks}`, of which each stands for a table's qualified name in the
destination, and `%s` for values. Columns stand in it as they are called here, and are quoted as the
destination does it: `cursor` is a word of MySQL's own, and who knows of whose else. The fragments
define what several statements have to agree on: what a job's newest row is, and which jobs are
open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.tables import TABLES

LOADS: Final = "_dlt_loads"
STATES: Final = "_dlt_pipeline_state"
FORGOTTEN: Final = "forgotten_jobs"
GENERATIONS: Final = "account_generations"
LEASES: Final = "sync_leases"

JOB: Final = "provider, job_kind, job_id"
"""The columns that identify a job."""

ITS_LOAD: Final = "{loads} l ON l.load_id = t._dlt_load_id AND l.status = 0"
"""What a row `t` is joined with to the finished load `l` that it came with."""

_TABLES: Final = {name: name for name in TABLES} | {
    "loads": LOADS,
    "state": STATES,
    "versions": "_dlt_version",
    "forgotten": FORGOTTEN,
    "generations": GENERATIONS,
    "leases": LEASES,
}
_COLUMNS: Final = frozenset(column.name for table in TABLES.values() for column in table.columns)
# a literal, which stays as it is; a mark; a word, which may be a column
_PART: Final = re.compile(r"'[^']*'|\{(?P<mark>\w+)\}|(?P<word>\b[a-z_]\w*\b)")
_BATCH: Final = 500
# dialects whose dates have no time zone: SQLite keeps them as text, and compares them as text
_WITHOUT_ZONES: Final = ("sqlite", "mysql")

Client = SqlClientBase[Any]


def fill(client: Client, text: str, texts: Mapping[str, str] | None = None) -> str:
    """Puts qualified names in the place of marks, and quotes columns.

    Args:
        client: Knows how the destination names its tables.
        text: A statement.
        texts: What stands for other marks, or in the place of a table; may have marks of tables.

    Raises:
        KeyError: A mark is no table's.
    """
    for mark, instead in (texts or {}).items():
        text = text.replace(f"{{{mark}}}", instead)

    def qualified(part: re.Match[str]) -> str:
        if part["mark"]:
            return client.make_qualified_table_name(_TABLES[part["mark"]])
        word = part["word"]
        return client.escape_column_name(word) if word in _COLUMNS else part[0]

    return _PART.sub(qualified, text)


def execute(
    client: Client, text: str, *values: Any, texts: Mapping[str, str] | None = None
) -> list[Any]:
    """Runs a statement.

    Args:
        client: A connection to the dataset.
        text: See `fill`.
        values: One for each `%s`.
        texts: See `fill`.

    Returns:
        The rows that it found; none where it looks for none.

    Raises:
        DatabaseException: What the destination says.
    """
    if client.capabilities.sqlglot_dialect in _WITHOUT_ZONES:
        values = tuple(map(_without_zone, values))
    return list(client.execute_sql(fill(client, text, texts), *values) or [])


def _without_zone(value: Any) -> Any:
    """An instant as dlt has written it into a column that knows no time zone: UTC, all digits."""
    if not isinstance(value, datetime):
        return value
    naive = value.astimezone(timezone.utc).replace(tzinfo=None)
    return naive.isoformat(sep=" ", timespec="microseconds")


def run(
    client: Client, text: str, *values: Any, texts: Mapping[str, str] | None = None
) -> list[Any]:
    """Runs a statement as `execute` does; a table that is not there is an empty one."""
    try:
        return execute(client, text, *values, texts=texts)
    except DestinationUndefinedEntity:
        return []


def has_table(client: Client, name: str) -> bool:
    """Whether the dataset has a table."""
    try:
        client.execute_sql(f"SELECT 1 FROM {client.make_qualified_table_name(name)} WHERE 1 = 0")
    except DestinationUndefinedEntity:
        return False
    return True


def scope(provider: str, account: str | None = None, alias: str = "") -> str:
    """The condition that a row is an account's, or any of a provider where none is named.

    Both are names of this package's own making, so they may stand in the text.
    """
    front = f"{alias}." if alias else ""
    of_provider = f"{front}provider = '{provider}'"
    return of_provider if account is None else f"{of_provider} AND {front}account = '{account}'"


def batches(values: Sequence[Any], size: int = _BATCH) -> Iterator[Sequence[Any]]:
    """Values in portions that a statement can name one by one."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def placeholders(values: Sequence[Any]) -> str:
    """As many `%s` as there are values, for `IN (…)`."""
    return ", ".join(["%s"] * len(values))


def newest(
    table: str,
    key: str,
    order: str,
    *,
    columns: str = "n.*",
    where: str = "",
    beside: str = "",
) -> str:
    """A subquery: of the rows that share a key, the newest one.

    Args:
        table: A mark, `{jobs}` say.
        key: Columns.
        order: The column by which one row is newer than another.
        columns: Which columns it has.
        where: Which rows count; all if it is empty.
        beside: A condition under which older rows are there, too.
    """
    condition = f" WHERE {where}" if where else ""
    others = f" OR {beside}" if beside else ""
    return (
        f"(SELECT * FROM (SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY {key}"
        f" ORDER BY {order} DESC) AS place FROM {table} n{condition}) ranked"
        f" WHERE place = 1{others})"
    )


NEWEST_JOBS: Final = newest("{jobs}", JOB, "_dlt_load_id")
"""A subquery: a job's row where the destination keeps each that it ever had."""


def last_events(where: str = "", also: str = "") -> str:
    """A subquery: of each job the last event, with its account and whether it ended the job.

    Args:
        where: Which events count.
        also: Further columns.
    """
    columns = f"{JOB}, account, is_terminal{f', {also}' if also else ''}"
    return newest("{job_status_history}", JOB, "sequence", columns=columns, where=where)


def open_jobs(where: str = "", also: str = "") -> str:
    """A subquery: the open jobs, those whose last event is not terminal.

    Args:
        where: See `last_events`.
        also: See `last_events`.
    """
    return f"(SELECT * FROM {last_events(where, also)} h WHERE NOT is_terminal)"
