"""What SQLite says in other words than sqlglot's, or lacks.

dlt keeps an instant there as text in UTC, `2026-01-02 03:04:05.678901`, and a truth as 0 or 1.
SQLite's own functions of dates count milliseconds and round, so that the last moment of a day would
be of the next one: here the parts of the text are taken.
"""

from __future__ import annotations

import sqlite3
from typing import Final, cast

import sqlglot
from sqlglot import exp

DIALECT: Final = "sqlite"
# NULLS LAST; windows came earlier
_OLDEST: Final = (3, 30, 0)
_NOW: Final = "STRFTIME('%Y-%m-%d %H:%M:%f000', 'now')"


def why_too_old() -> str | None:
    """Why this Python's SQLite can't read the views; None where it can."""
    if sqlite3.sqlite_version_info >= _OLDEST:
        return None
    return (
        f"this Python has SQLite {sqlite3.sqlite_version}, and the views need 3.30 or newer; the "
        "tables are there all the same"
    )


def portable(node: exp.Expression) -> exp.Expression:
    """A node in SQLite's words; the node itself where sqlglot finds them."""
    if isinstance(node, exp.CurrentTimestamp):
        return exp.Var(this=_NOW)
    if isinstance(node, exp.DateDiff):
        return exp.Var(this=f"({_microseconds(node.this)} - {_microseconds(node.expression)})")
    if isinstance(node, exp.Cast) and node.to.is_type("date"):
        instant = node.this.this if isinstance(node.this, exp.AtTimeZone) else node.this
        return exp.Var(this=f"SUBSTR({_sql(instant)}, 1, 10)")
    if isinstance(node, exp.Floor):
        # the function came with 3.35, and not to every build
        value = _sql(node.this)
        cut = f"CAST({value} AS INTEGER)"
        return exp.Var(this=f"({cut} - ({value} < {cut}))")
    if isinstance(node, exp.Concat):
        return exp.Var(this=" || ".join(f"COALESCE({_sql(one)}, '')" for one in node.expressions))
    if isinstance(node, exp.Substring):
        parts = (node.this, node.args["start"], node.args["length"])
        return exp.Var(this=f"SUBSTR({', '.join(map(_sql, parts))})")
    return node


def join_texts(joined: exp.GroupConcat) -> None:
    """Has texts joined in order, which before 3.44 only a window promises.

    A window says of every row what is joined so far. Only the last row of a group, which has all of
    it, keeps that.
    """
    order, separator = cast(exp.Order, joined.this), joined.args["separator"]
    select = cast(exp.Select, joined.parent_select)
    source = cast(exp.Table, select.args["from_"].this)
    keys = ", ".join(_sql(key) for key in select.args["group"].expressions)
    ways = ", ".join(_sql(one.this) for one in order.expressions)
    downwards = ", ".join(f"{_sql(one.this)} DESC" for one in order.expressions)
    inner = sqlglot.parse_one(
        f"SELECT *, CASE WHEN place_from_end = 1 THEN GROUP_CONCAT({_sql(order.this)},"
        f" {_sql(separator)}) OVER (PARTITION BY {keys} ORDER BY {ways}"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) END AS joined_text"
        f" FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {downwards})"
        f" AS place_from_end FROM {_sql(source)}) AS placed_from_end",
        read=DIALECT,
    )
    source.replace(cast(exp.Select, inner).subquery(source.alias_or_name))
    joined.replace(exp.Max(this=exp.column("joined_text")))


def _microseconds(instant: exp.Expression) -> str:
    """The microseconds of an instant since 1970."""
    text = _sql(instant)
    return (
        f"(CAST(STRFTIME('%s', SUBSTR({text}, 1, 19)) AS INTEGER) * 1000000"
        f" + CAST(SUBSTR({text}, 21, 6) AS INTEGER))"
    )


def _sql(node: exp.Expression) -> str:
    return node.copy().transform(portable).sql(DIALECT, comments=False)
