"""From a view's SQL to the statements that create it on a destination.

The files are written in DuckDB's dialect. sqlglot translates it; what it translates to something
else, or to nothing that the destination has, is put right here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.transforms import eliminate_window_clause

from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import sqlite
from dlt_docjobs.views.catalog import View

# the dialects whose rendering is tested, and that dbt is given; on the first two the views are run
DIALECTS: Final = ("duckdb", "postgres", "snowflake", "bigquery", "databricks", "redshift")
# those that the views are created in
ENGINES: Final = (*DIALECTS, sqlite.DIALECT)
# these take a comment as a statement of its own
COMMENT_STATEMENTS: Final = ("duckdb", "postgres", "redshift")
_NAMED_WINDOWS: Final = ("duckdb", "postgres", sqlite.DIALECT)
# the bytes of the longest text, where texts that are joined soon exceed it: there a longer one
# fails the whole query
_LONGEST_TEXT: Final = {"redshift": 65_535, "snowflake": 16_777_216}

Qualify = Callable[[str], Sequence[str]]


def render_select(view: View, dialect: str, qualify: Qualify) -> str:
    """A view's SELECT in a dialect.

    Args:
        view: The view.
        dialect: One of sqlglot's.
        qualify: The path of a table or view by its bare name: catalog, if any, dataset, name.
    """
    return _select(view, dialect, qualify).sql(dialect, pretty=True)


def create_statements(view: View, dialect: str, qualify: Qualify) -> list[str]:
    """What creates or replaces a view, with comments where they are part of it."""
    if dialect == sqlite.DIALECT:
        # whatever name its file is attached under later
        return replace_view(view.name, render_select(view, dialect, _bare), dialect, qualify)
    select = render_select(view, dialect, qualify)
    columns = f"\n  {_columns(view, dialect)}" if dialect not in COMMENT_STATEMENTS else ""
    return replace_view(view.name, select, dialect, qualify, columns)


def replace_view(
    name: str, select: str, dialect: str, qualify: Qualify, columns: str = ""
) -> list[str]:
    """What puts a view in the place of one of its name, if there is any.

    Args:
        name: Its bare name.
        select: What it selects.
        dialect: The destination's.
        qualify: See `render_select`.
        columns: The list of columns; empty where the SELECT names them.
    """
    target = _table(qualify(name)).sql(dialect)
    if dialect == sqlite.DIALECT:
        return [drop_statement(name, dialect, qualify), f"CREATE VIEW {target} AS\n{select}"]
    return [f"CREATE OR REPLACE VIEW {target}{columns} AS\n{select}"]


def drop_statement(name: str, dialect: str, qualify: Qualify) -> str:
    """The statement that drops a view, unless something else depends on it."""
    return f"DROP VIEW IF EXISTS {_table(qualify(name)).sql(dialect)}"


def view_comments(view: View, dialect: str, qualify: Qualify) -> list[str]:
    """Statements that say what a view and its columns mean; none where `CREATE` has said it."""
    columns = [(column.name, column.description) for column in view.columns]
    return _comments("VIEW", view.name, view.comment, columns, dialect, qualify)


def table_comments(tables: Iterable[str], dialect: str, qualify: Qualify) -> list[str]:
    """Statements that say what the given tables and their columns mean."""
    statements: list[str] = []
    for name in tables:
        table = TABLES[name]
        columns = [(column.name, column.description) for column in table.columns]
        statements += _comments("TABLE", name, table.description, columns, dialect, qualify)
    return statements


def text_literal(text: str, dialect: str) -> str:
    """A text as a literal of a dialect."""
    return exp.Literal.string(text).sql(dialect)


def _comments(
    kind: str,
    name: str,
    comment: str,
    columns: Iterable[tuple[str, str]],
    dialect: str,
    qualify: Qualify,
) -> list[str]:
    if dialect not in COMMENT_STATEMENTS:
        return []
    target = _table(qualify(name)).sql(dialect)
    statements = [f"COMMENT ON {kind} {target} IS {text_literal(comment, dialect)}"]
    for column, description in columns:
        identifier = exp.to_identifier(column, quoted=True).sql(dialect)
        literal = text_literal(description, dialect)
        statements.append(f"COMMENT ON COLUMN {target}.{identifier} IS {literal}")
    return statements


def _columns(view: View, dialect: str) -> str:
    """The list of columns and the comments, where they are part of `CREATE VIEW`."""
    one = "OPTIONS (description={})" if dialect == "bigquery" else "COMMENT {}"
    of_all = "COMMENT = {}" if dialect == "snowflake" else one
    columns = ",\n  ".join(
        f"{exp.to_identifier(column.name).sql(dialect)} "
        f"{one.format(text_literal(column.description, dialect))}"
        for column in view.columns
    )
    return f"({columns})\n  {of_all.format(text_literal(view.comment, dialect))}"


def _select(view: View, dialect: str, qualify: Qualify) -> exp.Select:
    tree = cast(exp.Select, sqlglot.parse_one(view.sql, read="duckdb"))
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        if table.name not in ctes:
            alias = table.alias or table.name
            table.replace(exp.alias_(_table(qualify(table.name)), alias, table=True))
    if dialect == sqlite.DIALECT:
        tree = cast(exp.Select, tree.transform(sqlite.portable))
    if dialect != "duckdb":
        tree = cast(exp.Select, tree.transform(_portable, dialect))
    _leave_order_of_nulls(tree, dialect)
    for joined in list(tree.find_all(exp.GroupConcat)):
        _join_texts(joined, dialect)
    if dialect not in _NAMED_WINDOWS:
        for select in list(tree.find_all(exp.Select)):
            eliminate_window_clause(select)
    return tree


def _leave_order_of_nulls(tree: exp.Select, dialect: str) -> None:
    """Lets windows and joined texts put nulls where the dialect does: not every one can be told.

    None of them orders by what may be null, but where a CASE before it has parted the nulls.
    """
    ordering = Dialect.get_or_raise(dialect).NULL_ORDERING
    for node in tree.find_all(exp.Window, exp.GroupConcat):
        for ordered in node.find_all(exp.Ordered):
            descends = bool(ordered.args.get("desc"))
            is_first = {"nulls_are_small": not descends, "nulls_are_large": descends}
            ordered.set("nulls_first", is_first.get(ordering, False))


def _join_texts(joined: exp.GroupConcat, dialect: str) -> None:
    """Keeps texts that are joined within the longest text, and has Redshift's ordered as it wants.

    Texts that are too long together are left out, all of them: the SELECT around it gets beside its
    rows the bytes of their group.
    """
    if dialect == sqlite.DIALECT:
        sqlite.join_texts(joined)
    if dialect not in _LONGEST_TEXT:
        return
    order, separator = cast(exp.Order, joined.this), joined.args["separator"]
    text, select = order.this, cast(exp.Select, joined.parent_select)
    room, glue = _LONGEST_TEXT[dialect], len(separator.name)
    source = cast(exp.Table, select.args["from_"].this)
    keys = ", ".join(key.sql(dialect) for key in select.args["group"].expressions)
    inner = sqlglot.parse_one(
        f"SELECT *, SUM(OCTET_LENGTH({text.sql(dialect)}) + {glue})"
        f" OVER (PARTITION BY {keys}) AS joined_bytes FROM {source.sql(dialect)}",
        read=dialect,
    )
    source.replace(cast(exp.Select, inner).subquery(source.alias_or_name))
    short = exp.Case().when(f"joined_bytes <= {room}", text.copy())
    if dialect == "redshift":
        call = exp.Anonymous(this="LISTAGG", expressions=[short, separator.copy()])
        within = exp.Order(expressions=[one.copy() for one in order.expressions])
        joined.replace(exp.WithinGroup(this=call, expression=within))
    else:
        text.replace(short)


def _bare(name: str) -> Sequence[str]:
    return [name]


def _table(path: Sequence[str]) -> exp.Table:
    parts = [exp.to_identifier(part, quoted=True) for part in path]
    return exp.Table(**dict(zip(("this", "db", "catalog"), reversed(parts), strict=False)))


def _portable(node: exp.Expression, dialect: str) -> exp.Expression:
    if isinstance(node, exp.DateDiff):
        return _microseconds(node, dialect)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.AtTimeZone):
        return _utc_day(node, dialect)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "nfc_normalize":
        return _composed(node, dialect)
    return node


def _composed(node: exp.Anonymous, dialect: str) -> exp.Expression:
    """A text in Unicode's NFC; as it is, where the dialect has no function for that."""
    (text,) = node.expressions
    if dialect in ("postgres", "bigquery"):
        return _verbatim(f"NORMALIZE({text.sql(dialect)}, NFC)")
    return cast(exp.Expression, text)


def _microseconds(node: exp.DateDiff, dialect: str) -> exp.Expression:
    """The microseconds between two instants; sqlglot would cut off time zones, or ask for days."""
    end, start = (part.sql(dialect) for part in (node.this, node.expression))
    if dialect == "postgres":
        text = f"CAST(EXTRACT(EPOCH FROM {end} - {start}) * 1000000 AS BIGINT)"
    elif dialect == "bigquery":
        text = f"TIMESTAMP_DIFF({end}, {start}, MICROSECOND)"
    else:
        return node
    return _verbatim(text)


def _utc_day(node: exp.Cast, dialect: str) -> exp.Expression:
    """The day of an instant in UTC, whatever the session's time zone is."""
    zoned = node.this
    instant = zoned.this.sql(dialect)
    if dialect == "bigquery":
        return _verbatim(f"DATE({instant}, 'UTC')")
    if dialect == "databricks":
        return _verbatim(f"CAST(CONVERT_TIMEZONE('UTC', {instant}) AS DATE)")
    return node


def _verbatim(sql: str) -> exp.Expression:
    """SQL that is right as it stands."""
    return exp.Var(this=sql)
