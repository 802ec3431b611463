"""The tables of docs/contract.md#tables, made from the row types of the model.

Nothing lists a column a second time: Arrow schemas, dlt hints, documentation and tests all start
from `TABLES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    get_args,
    get_origin,
    get_type_hints,
)

from dlt_docjobs.model import records
from dlt_docjobs.model.records import JsonText

if TYPE_CHECKING:
    # who only asks for names and meanings, as `docjobs status` does, has no need to import it
    import pyarrow as pa

ColumnType = Literal["text", "json", "bigint", "double", "bool", "timestamp"]

JOB_KEY: Final = ("provider", "job_kind", "job_id")
REMOVED: Final = "_removed"

_PYTHON_TYPES: Final[dict[Any, ColumnType]] = {
    str: "text",
    JsonText: "json",
    int: "bigint",
    float: "double",
    bool: "bool",
    datetime: "timestamp",
}


@cache
def _arrow_types() -> dict[ColumnType, pa.DataType]:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "json": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, dlt data type, whether it may be null, and what it means."""

    name: str
    type: ColumnType
    nullable: bool
    description: str

    @property
    def arrow_field(self) -> pa.Field:
        """The column in an Arrow schema."""
        import pyarrow as pa

        return pa.field(self.name, _arrow_types()[self.type], nullable=self.nullable)


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, its key, and how a load replaces rows in it.

    Attributes:
        name: Name in the dataset.
        row_type: The `NamedTuple` whose fields are the columns between the shared ones.
        key: Columns that identify a row.
        replaced_by: Columns by which a load replaces rows: the key itself, or the job's key where
            a job's rows are replaced whole, so that no orphan of an earlier result stays.
        is_job_level: Whether provider, account, job_kind, job_id and run_id are added.
        is_result: Whether the rows come from a job's result.
        switch: The configuration key without which it stays empty; None where there is none.
    """

    name: str
    row_type: type[Any]
    key: tuple[str, ...]
    replaced_by: tuple[str, ...]
    is_job_level: bool
    is_result: bool = False
    switch: str | None = None

    @property
    def description(self) -> str:
        """The table's meaning: the first line of the row type's docstring."""
        return (self.row_type.__doc__ or "").splitlines()[0]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """All columns in order, without those that dlt adds."""
        columns = [
            _column(*item) for item in get_type_hints(self.row_type, None, None, True).items()
        ]
        if self.is_job_level:
            columns = [*_FRONT, *columns, _RUN_ID]
        if self.is_result:
            columns.append(_REMOVED_COLUMN)
        return tuple(columns)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The one Arrow schema of every batch of this table."""
        import pyarrow as pa

        return pa.schema([column.arrow_field for column in self.columns])

    @property
    def own_columns(self) -> tuple[Column, ...]:
        """Of a result table, the columns that the rows of a job do not share."""
        return self.columns[len(_FRONT) : -2]

    @cached_property
    def own_schema(self) -> pa.Schema:
        """The Arrow schema of these columns."""
        import pyarrow as pa

        return pa.schema([column.arrow_field for column in self.own_columns])

    def dlt_columns(self, *, json_is_text: bool = False) -> dict[str, dict[str, Any]]:
        """dlt's column hints: types, nullability, descriptions and the tombstone column.

        Args:
            json_is_text: Whether JSON goes into text columns.
        """
        hints: dict[str, dict[str, Any]] = {}
        for column in self.columns:
            hint: dict[str, Any] = {
                "name": column.name,
                "data_type": "text" if json_is_text and column.type == "json" else column.type,
                "nullable": column.nullable,
                "description": column.description,
            }
            if column.type == "timestamp":
                hint["precision"] = 6
                hint["timezone"] = True
            if column.name == REMOVED:
                hint["hard_delete"] = True
            hints[column.name] = hint
        return hints


def _column(name: str, annotation: Any) -> Column:
    if get_origin(annotation) is not Annotated:
        raise TypeError(f"column {name} has no description")
    inner, description = get_args(annotation)
    alternatives = [arm for arm in get_args(inner) or (inner,) if arm is not NoneType]
    nullable = NoneType in get_args(inner)
    return Column(name, _PYTHON_TYPES[alternatives[0]], nullable, description)


_FRONT: Final = (
    Column("provider", "text", False, "Name of the provider"),
    Column("account", "text", False, "Name under which the provider's account is configured"),
    Column("job_kind", "text", False, "parse or extract"),
    Column("job_id", "text", False, "The provider's id of the job"),
)
_RUN_ID: Final = Column("run_id", "text", False, "Sync run that wrote the row")
_REMOVED_COLUMN: Final = Column(
    REMOVED, "bool", True, "Always null in stored rows: marks rows that a load takes away"
)


def _result(name: str, row_type: type[Any], *own_key: str, switch: str | None = None) -> Table:
    return Table(name, row_type, (*JOB_KEY, *own_key), JOB_KEY, True, True, switch)


TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        Table("jobs", records.Job, JOB_KEY, JOB_KEY, True),
        Table("job_status_history", records.StatusEvent, ("event_id",), ("event_id",), True),
        Table(
            "job_progress",
            records.JobProgress,
            (*JOB_KEY, "observed_at"),
            (*JOB_KEY, "observed_at"),
            True,
        ),
        _result("pages", records.Page, "page_number"),
        _result("chunks", records.Chunk, "chunk_index"),
        _result("segments", records.Segment, "segment_index"),
        _result(
            "segment_ocr", records.OcrElement, "segment_index", "ocr_index", switch="include_ocr"
        ),
        _result(
            "table_cells",
            records.TableCell,
            *("segment_index", "row_index", "column_index"),
            switch="include_table_cells",
        ),
        _result("extraction_results", records.ExtractionResult),
        Table(
            "rejected_records",
            records.RejectedRecord,
            ("rejection_id",),
            ("rejection_id",),
            False,
        ),
        Table("sync_runs", records.SyncRun, ("run_id",), ("run_id",), False),
    )
}

RESULT_TABLES: Final = tuple(name for name, table in TABLES.items() if table.is_result)
