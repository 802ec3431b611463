"""The tables have the columns and keys that the contract names."""

from __future__ import annotations

import pytest

from dlt_docjobs.tables import TABLES

JOB = "provider account job_kind job_id"

# the keys and columns of docs/contract.md#tables, written once more
CONTRACT = {
    "jobs": (
        "provider job_kind job_id",
        f"""{JOB} status provider_status is_terminal document_name project_id created_at
        created_at_precision created_at_earliest created_at_latest started_at finished_at
        updated_at error_message tier schema_id document_id parse_job_id page_count
        failed_page_count chunk_count segment_count credits progress_percent current_step
        current_activity fields_processed total_fields results_state results_expire_at
        given_up_at config user_metadata payload last_observed_at run_id""",
    ),
    "job_status_history": (
        "event_id",
        f"""{JOB} event_id sequence status provider_status previous_status occurred_at
        occurred_at_earliest occurred_at_latest occurred_at_source observed_at error_message
        is_terminal run_id""",
    ),
    "job_progress": (
        "provider job_kind job_id observed_at",
        f"""{JOB} status completion_percentage current_step current_activity fields_processed
        total_fields details observed_at run_id""",
    ),
    "pages": (
        "provider job_kind job_id page_number",
        f"""{JOB} page_number page_width page_height is_failed error_message confidence
        segment_count metadata run_id""",
    ),
    "chunks": (
        "provider job_kind job_id chunk_index",
        f"""{JOB} chunk_index chunk_id chunk_kind page_number last_page_number content length
        segment_count run_id""",
    ),
    "segments": (
        "provider job_kind job_id segment_index",
        f"""{JOB} segment_index segment_id parent_segment_index depth chunk_index chunk_id
        segment_type provider_segment_type page_number page_width page_height content markdown
        html image_url confidence confidence_level bbox_x0 bbox_y0 bbox_x1 bbox_y1 provider_bbox
        heading_level table_rows table_columns ocr_count ocr_confidence_mean metadata run_id""",
    ),
    "segment_ocr": (
        "provider job_kind job_id segment_index ocr_index",
        f"{JOB} segment_index ocr_index text confidence provider_bbox run_id",
    ),
    "table_cells": (
        "provider job_kind job_id segment_index row_index column_index",
        f"""{JOB} segment_index row_index column_index text row_span column_span is_header source
        run_id""",
    ),
    "extraction_results": (
        "provider job_kind job_id",
        f"{JOB} result field_metadata schema_id document_id loaded_at run_id",
    ),
    "rejected_records": (
        "rejection_id",
        f"rejection_id {JOB} endpoint error payload observed_at run_id",
    ),
    "sync_runs": (
        "run_id",
        """run_id provider account ok exit_code error jobs_listed jobs_new jobs_changed
        status_events results_loaded chunks segments rejected requests retries throttled cursor
        open_jobs pending_results duration_seconds started_at finished_at version""",
    ),
}


def test_there_are_the_tables_of_the_contract() -> None:
    assert set(TABLES) >= set(CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_table_has_the_key_and_the_columns_of_the_contract(name: str) -> None:
    key, columns = CONTRACT[name]
    assert list(TABLES[name].key) == key.split()
    assert {column.name for column in TABLES[name].columns} >= set(columns.split())


@pytest.mark.parametrize("name", CONTRACT)
def test_every_column_says_what_it_means(name: str) -> None:
    assert TABLES[name].description
    assert all(column.description for column in TABLES[name].columns)
