"""What each destination can do with rows that replace others, and what it gets where it can't.

The one place that decides it: resources, failed runs and `docjobs check` ask here. dlt's
capabilities say what a destination has; nothing here connects to one.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from dlt.common.destination import AnyDestination
from dlt.common.destination.capabilities import DestinationCapabilitiesContext

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.tables import REMOVED, Table
from dlt_docjobs.warehouse.kind import kind_of

Strategy = Literal["delete-insert", "upsert", "insert-only"]
Insertion = Literal["insert-only", "append"]

TABLE_FORMATS: Final = ("delta", "iceberg")
# Their JSON type takes a text from Arrow for a JSON string, or refuses it (BigQuery, in Parquet).
_JSON_IS_TEXT: Final = frozenset({"bigquery", "snowflake", "redshift", "sqlalchemy"})
# Athena merges no other tables
_DEFAULT_FORMAT: Final = {"athena": "iceberg"}

_FILES: Final = (
    "plain files cannot merge: rows that change are appended. Of a job's rows the newest "
    "_dlt_load_id counts. Set table_format = 'delta' for tables that merge"
)
_ICEBERG: Final = (
    "Iceberg tables on the filesystem cannot delete: rows of an earlier result that a shorter one "
    "no longer has stay, and _removed is true there"
)


class Merging(NamedTuple):
    """How rows meet those that a destination has.

    Attributes:
        replaces: dlt's strategy for rows that replace others; None where rows are only appended.
        inserts: How rows go in that are proved to be new: by dlt's strategy `insert-only`, which
            looks again, or without another look; None where nothing is gained.
        appends: Whether it need not be looked again, where nobody else can have written meanwhile.
        table_format: The tables' format; None for the destination's own.
        json_is_text: Whether JSON is stored in text columns.
        limit: What the tables lack there, in a sentence; None where they lack nothing.
    """

    replaces: Strategy | None
    inserts: Insertion | None = None
    appends: bool = False
    table_format: str | None = None
    json_is_text: bool = False
    limit: str | None = None

    @property
    def by_row(self) -> bool:
        """Whether each row that goes has to be named: no strategy removes a job's rows whole."""
        return self.replaces == "upsert"

    def alone(self) -> Merging:
        """The same for a run that nobody writes beside, from its first look to its last load."""
        return self._replace(inserts="append") if self.appends else self

    def hints(self, table: Table, *, replaces: bool = True) -> dict[str, Any]:
        """dlt's hints for a table's rows.

        A job comes once a package, so the rows of its result need no comparing by their own key:
        they are all replaced, or, where the warehouse holds none of the job's yet, inserted. dlt
        takes the columns to compare for a strategy from their flags, and of several hints the
        last one counts.

        Args:
            table: Whose rows.
            replaces: False where the rows are proved to be new.
        """
        by_job = table.key != table.replaced_by and self.replaces == "delete-insert"
        strategy: str | None = self.replaces
        if self.inserts and by_job and not replaces:
            strategy = self.inserts
        columns = table.dlt_columns(json_is_text=self.json_is_text)
        compared = table.replaced_by if by_job else table.key
        is_merge_key = by_job and strategy == "delete-insert"
        for name in table.key:
            columns[name] |= {
                "merge_key": is_merge_key and name in compared,
                "primary_key": not is_merge_key and name in compared,
            }
        hints: dict[str, Any] = {"write_disposition": "append", "columns": columns}
        if strategy not in (None, "append"):
            hints["write_disposition"] = {"disposition": "merge", "strategy": strategy}
        elif table.is_result:
            # nothing is deleted: the mark is a column like any other
            columns[REMOVED]["hard_delete"] = False
        if self.table_format is not None:
            hints["table_format"] = self.table_format
        return hints


def merging_of(destination: AnyDestination, table_format: str | None = None) -> Merging:
    """How a destination takes our rows, by what dlt says of it.

    Args:
        destination: Any of dlt's; it is not connected to.
        table_format: `delta` or `iceberg`, where the user wants one.

    Raises:
        UsageError: It has no such table format, or no way to keep our tables.
    """
    kind = kind_of(destination)
    capabilities = destination.capabilities()
    table_format = table_format or _DEFAULT_FORMAT.get(kind)
    _check_format(kind, capabilities, table_format)
    strategies = _strategies(capabilities, table_format)
    merging = Merging(None, table_format=table_format, json_is_text=kind in _JSON_IS_TEXT)
    if "delete-insert" in strategies:
        # DuckDB has no index on a job's rows, so a delete reads the whole table. Elsewhere this
        # was not measured, and PostgreSQL has MERGE only from 15.
        gains = kind in ("duckdb", "motherduck") and "insert-only" in strategies
        return merging._replace(
            replaces="delete-insert",
            inserts="insert-only" if gains else None,
            # its file belongs to one process at a time; MotherDuck is a service
            appends=kind == "duckdb",
        )
    if kind != "filesystem":
        raise UsageError(
            f"{kind} is no destination for these tables: they are merged by delete-insert and read "
            "back in SQL; docs/destinations.md lists those that can"
        )
    if "upsert" in strategies:
        limit = _ICEBERG if table_format == "iceberg" else None
        return merging._replace(replaces="upsert", limit=limit)
    return merging._replace(limit=_FILES)


def _check_format(
    kind: str, capabilities: DestinationCapabilitiesContext, table_format: str | None
) -> None:
    if table_format is None:
        return
    known = [one for one in capabilities.supported_table_formats or () if one in TABLE_FORMATS]
    if table_format not in known:
        names = f"one of {', '.join(known)}" if known else "not set for this destination"
        raise UsageError(f"table_format is {names} ({kind}), not {table_format!r}")


def _strategies(
    capabilities: DestinationCapabilitiesContext, table_format: str | None
) -> tuple[str, ...]:
    found = capabilities.supported_merge_strategies or ()
    if capabilities.merge_strategies_selector is not None:
        table: Any = {"table_format": table_format} if table_format else {}
        found = capabilities.merge_strategies_selector(found, table_schema=table)
    return tuple(found)
