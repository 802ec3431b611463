"""The tables of the contract: every name, its type, and what a load does with it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from dlt_docjobs.model import records
from dlt_docjobs.tables import JOB_KEY, REMOVED, RESULT_TABLES, TABLES
from dlt_docjobs.tables.arrow import ResultBuffer, RowBuffer, batch_of_rows

# The columns of docs/contract.md#tables, written once more. `?` may be null.
T, J, I, D, B, S = "text", "json", "bigint", "double", "bool", "timestamp"  # noqa: E741
CONTRACT: dict[str, dict[str, str]] = {
    "jobs": {
        "status": T,
        "provider_status": T + "?",
        "is_terminal": B,
        "document_name": T + "?",
        "project_id": T + "?",
        "created_at": S + "?",
        "created_at_precision": T,
        "created_at_earliest": S + "?",
        "created_at_latest": S + "?",
        "started_at": S + "?",
        "finished_at": S + "?",
        "updated_at": S + "?",
        "error_message": T + "?",
        "tier": T + "?",
        "schema_id": T + "?",
        "document_id": T + "?",
        "parse_job_id": T + "?",
        "page_count": I + "?",
        "failed_page_count": I + "?",
        "chunk_count": I + "?",
        "segment_count": I + "?",
        "credits": D + "?",
        "progress_percent": D + "?",
        "current_step": T + "?",
        "current_activity": T + "?",
        "fields_processed": I + "?",
        "total_fields": I + "?",
        "results_state": T,
        "results_expire_at": S + "?",
        "given_up_at": S + "?",
        "config": J + "?",
        "user_metadata": J + "?",
        "payload": J + "?",
        "last_observed_at": S,
        "run_id": T,
    },
    "job_status_history": {
        "event_id": T,
        "sequence": I,
        "status": T,
        "provider_status": T + "?",
        "previous_status": T + "?",
        "occurred_at": S,
        "occurred_at_earliest": S + "?",
        "occurred_at_latest": S,
        "occurred_at_source": T,
        "observed_at": S,
        "error_message": T + "?",
        "is_terminal": B,
        "run_id": T,
    },
    "job_progress": {
        "status": T,
        "completion_percentage": D + "?",
        "current_step": T + "?",
        "current_activity": T + "?",
        "fields_processed": I + "?",
        "total_fields": I + "?",
        "details": J + "?",
        "observed_at": S,
        "run_id": T,
    },
    "pages": {
        "page_number": I,
        "page_width": D + "?",
        "page_height": D + "?",
        "is_failed": B,
        "error_message": T + "?",
        "confidence": D + "?",
        "segment_count": I,
        "metadata": J + "?",
        "run_id": T,
    },
    "chunks": {
        "chunk_index": I,
        "chunk_id": T + "?",
        "chunk_kind": T,
        "page_number": I + "?",
        "last_page_number": I + "?",
        "content": T + "?",
        "length": I + "?",
        "segment_count": I,
        "run_id": T,
    },
    "segments": {
        "segment_index": I,
        "segment_id": T + "?",
        "parent_segment_index": I + "?",
        "depth": I,
        "chunk_index": I + "?",
        "chunk_id": T + "?",
        "segment_type": T,
        "provider_segment_type": T + "?",
        "page_number": I + "?",
        "page_width": D + "?",
        "page_height": D + "?",
        "content": T + "?",
        "markdown": T + "?",
        "html": T + "?",
        "image_url": T + "?",
        "confidence": D + "?",
        "confidence_level": T + "?",
        "bbox_x0": D + "?",
        "bbox_y0": D + "?",
        "bbox_x1": D + "?",
        "bbox_y1": D + "?",
        "provider_bbox": J + "?",
        "heading_level": I + "?",
        "table_rows": I + "?",
        "table_columns": I + "?",
        "ocr_count": I,
        "ocr_confidence_mean": D + "?",
        "metadata": J + "?",
        "run_id": T,
    },
    "segment_ocr": {
        "segment_index": I,
        "ocr_index": I,
        "text": T + "?",
        "confidence": D + "?",
        "provider_bbox": J + "?",
        "run_id": T,
    },
    "table_cells": {
        "segment_index": I,
        "row_index": I,
        "column_index": I,
        "text": T + "?",
        "row_span": I,
        "column_span": I,
        "is_header": B + "?",
        "source": T,
        "run_id": T,
    },
    "extraction_results": {
        "result": J + "?",
        "field_metadata": J + "?",
        "schema_id": T + "?",
        "document_id": T + "?",
        "loaded_at": S,
        "run_id": T,
    },
    "rejected_records": {
        "rejection_id": T,
        "provider": T,
        "account": T,
        "endpoint": T,
        "job_kind": T + "?",
        "job_id": T + "?",
        "error": T,
        "payload": J + "?",
        "observed_at": S,
        "run_id": T,
    },
    # the figures that --json prints, the run's begin and end, and the version
    "sync_runs": {
        "provider": T,
        "account": T,
        "run_id": T,
        "ok": B,
        "exit_code": I,
        "error": T + "?",
        "jobs_listed": I,
        "jobs_new": I,
        "jobs_changed": I,
        "status_events": I,
        "results_loaded": I,
        "chunks": I,
        "segments": I,
        "rejected": I,
        "requests": I,
        "retries": I,
        "throttled": I,
        "cursor": S + "?",
        "open_jobs": I,
        "pending_results": I,
        "duration_seconds": D,
        "started_at": S,
        "finished_at": S,
        "version": T,
    },
}
KEYS: dict[str, tuple[str, ...]] = {
    "jobs": ("provider", "job_kind", "job_id"),
    "job_status_history": ("event_id",),
    "job_progress": ("provider", "job_kind", "job_id", "observed_at"),
    "pages": ("provider", "job_kind", "job_id", "page_number"),
    "chunks": ("provider", "job_kind", "job_id", "chunk_index"),
    "segments": ("provider", "job_kind", "job_id", "segment_index"),
    "segment_ocr": ("provider", "job_kind", "job_id", "segment_index", "ocr_index"),
    "table_cells": (
        *("provider", "job_kind", "job_id"),
        *("segment_index", "row_index", "column_index"),
    ),
    "extraction_results": ("provider", "job_kind", "job_id"),
    "rejected_records": ("rejection_id",),
    "sync_runs": ("run_id",),
}
APART = {"rejected_records", "sync_runs"}
ARROW = {
    T: pa.string(),
    J: pa.string(),
    I: pa.int64(),
    D: pa.float64(),
    B: pa.bool_(),
    S: pa.timestamp("us", tz="UTC"),
}


def test_every_table_of_the_contract_is_there() -> None:
    assert set(TABLES) >= set(CONTRACT)
    assert set(RESULT_TABLES) == {
        "pages",
        "chunks",
        "segments",
        "segment_ocr",
        "table_cells",
        "extraction_results",
    }


@pytest.mark.parametrize("name", CONTRACT)
def test_every_column_of_the_contract_is_there(name: str) -> None:
    columns = {column.name: column for column in TABLES[name].columns}
    expected = dict(CONTRACT[name])
    if name not in APART:
        expected |= dict.fromkeys(("provider", "account", "job_kind", "job_id"), T)
    for column, kind in expected.items():
        assert column in columns
        assert columns[column].type == kind.rstrip("?"), column
        assert columns[column].nullable == kind.endswith("?"), column
        assert columns[column].description.strip()
    # columns may be added; one that a load fills with what the contract knows not has to be
    # nullable, or an older writer could not write any more
    for added in set(columns) - set(expected):
        assert columns[added].nullable, added


@pytest.mark.parametrize("name", CONTRACT)
def test_keys(name: str) -> None:
    table = TABLES[name]
    assert table.key == KEYS[name]
    assert table.replaced_by == (JOB_KEY if name in RESULT_TABLES else table.key)
    columns = {column.name: column for column in table.columns}
    assert not any(columns[key].nullable for key in table.key)
    assert table.description.endswith(".")


@pytest.mark.parametrize("name", CONTRACT)
def test_hints_for_dlt(name: str) -> None:
    hints = TABLES[name].dlt_columns()
    schema = TABLES[name].arrow_schema
    assert list(hints) == schema.names == [column.name for column in TABLES[name].columns]
    for column in TABLES[name].columns:
        hint = hints[column.name]
        assert (hint["name"], hint["data_type"]) == (column.name, column.type)
        assert hint["nullable"] == column.nullable == schema.field(column.name).nullable
        assert schema.field(column.name).type == ARROW[column.type]
        if column.type == S:
            assert (hint["precision"], hint["timezone"]) == (6, True)
        assert ("hard_delete" in hint) == (column.name == REMOVED)
    assert (REMOVED in hints) == (name in RESULT_TABLES)


@pytest.mark.parametrize("name", CONTRACT)
def test_an_empty_batch_has_the_schema(name: str) -> None:
    table = TABLES[name]
    batch = (ResultBuffer(table) if table.is_result else RowBuffer(table)).flush()
    assert batch.num_rows == 0 and batch.schema == TABLES[name].arrow_schema


# -- rows to Arrow ------------------------------------------------------------------------------

NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
KEY = ("llamacloud", "default", "parse", "pjb-1")


def row_of(name: str, **values: Any) -> Any:
    """A row of a table; what is not given is null, or the type's plainest value."""
    plain: dict[str, Any] = {T: "x", J: "{}", I: 0, D: 0.0, B: False, S: NOW}
    fields = {}
    own = TABLES[name].row_type._fields
    for column in TABLES[name].columns:
        if column.name in own:
            fields[column.name] = None if column.nullable else plain[column.type]
    return TABLES[name].row_type(**fields | values)


@pytest.mark.parametrize("name", CONTRACT)
def test_rows_come_out_as_they_went_in(name: str) -> None:
    table = TABLES[name]
    rows = [row_of(name), row_of(name)]
    key, other = (KEY, (*KEY[:3], "pjb-2")) if table.is_job_level else ((), ())
    parts = [(rows, key, "run-1"), ([], key, "run-1"), ([row_of(name)], other, "run-2")]
    buffer: RowBuffer | ResultBuffer
    if table.is_result:
        buffer = results = ResultBuffer(table)
        for part, *shared in parts:
            results.add(batch_of_rows(table, part), *shared)
    else:
        buffer = plain = RowBuffer(table)
        for part, *shared in parts:
            plain.add(part, *shared)
    assert len(buffer) == 3
    out = buffer.flush().to_pylist()
    assert len(buffer) == 0 and buffer.flush().num_rows == 0
    for row in out:
        assert {key: row[key] for key in table.row_type._fields} == rows[0]._asdict() | (
            {} if table.is_job_level else {"run_id": row["run_id"]}
        )
    if table.is_job_level:
        assert [row["job_id"] for row in out] == ["pjb-1", "pjb-1", "pjb-2"]
        assert [row["run_id"] for row in out] == ["run-1", "run-1", "run-2"]
        assert {row["account"] for row in out} == {"default"}
    if table.is_result:
        assert {row[REMOVED] for row in out} == {None}


@pytest.mark.parametrize("name", RESULT_TABLES)
def test_a_tombstone_has_the_job_s_key_and_satisfies_every_column(name: str) -> None:
    buffer = ResultBuffer(TABLES[name])
    buffer.add(batch_of_rows(TABLES[name], [row_of(name)]), KEY, "run-1")
    buffer.add_tombstone((*KEY[:3], "gone"), "run-1")
    assert len(buffer) == 2
    kept, removed = buffer.flush().to_pylist()
    assert (kept["job_id"], kept[REMOVED]) == ("pjb-1", None)
    assert (removed["job_id"], removed[REMOVED], removed["run_id"]) == ("gone", True, "run-1")
    for column in TABLES[name].columns:
        assert column.nullable or removed[column.name] is not None, column.name
        if column.type == J and removed[column.name] is not None:
            json.loads(removed[column.name])
    assert len(buffer) == 0


def test_extreme_values_survive() -> None:
    buffer = RowBuffer(TABLES["jobs"])
    most, least = 2**63 - 1, -(2**63)
    rows = [
        row_of("jobs", page_count=most, chunk_count=least, credits=1.7976931348623157e308),
        row_of("jobs", credits=5e-324, progress_percent=-0.0, document_name="\U0010ffff é\n"),
        row_of(
            "jobs",
            created_at=datetime(1, 1, 1, tzinfo=timezone.utc),
            started_at=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
            finished_at=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
        ),
    ]
    buffer.add(rows, KEY, "run")
    out = buffer.flush().to_pylist()
    assert [out[0][key] for key in ("page_count", "chunk_count", "credits")] == [
        most,
        least,
        1.7976931348623157e308,
    ]
    assert out[1]["credits"] == 5e-324 and out[1]["document_name"] == "\U0010ffff é\n"
    for key in ("created_at", "started_at", "finished_at"):
        assert out[2][key] == getattr(rows[2], key)


def test_microseconds_and_other_zones_are_kept_exactly() -> None:
    buffer = RowBuffer(TABLES["jobs"])
    zone = timezone(timedelta(hours=5, minutes=30))
    buffer.add([row_of("jobs", created_at=NOW.astimezone(zone), updated_at=NOW)], KEY, "run")
    (row,) = buffer.flush().to_pylist()
    assert row["created_at"] == row["updated_at"] == NOW
    assert row["created_at"].utcoffset() == timedelta(0)
    assert row["created_at"].microsecond == 123456


def test_a_number_that_no_column_holds_is_an_error_and_not_another_number() -> None:
    buffer = RowBuffer(TABLES["jobs"])
    buffer.add([row_of("jobs", page_count=2**63)], KEY, "run")
    with pytest.raises((OverflowError, pa.ArrowInvalid)):
        buffer.flush()


def test_the_row_types_have_no_column_twice() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names))
    assert issubclass(records.Job, tuple)
