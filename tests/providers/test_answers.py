"""What answers have in common: a record that can't be handled costs itself."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.providers.answers import RecordReader

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)


def test_a_record_that_trips_our_own_code_costs_itself_and_is_named_without_its_text() -> None:
    def observe(record: Any) -> JobObservation:
        if record["id"] == "b":
            raise ZeroDivisionError("Jane Doe owes 12 EUR")
        return JobObservation("parse", record["id"], "COMPLETED", observed_at=NOW)

    reader = RecordReader("/jobs", "parse")
    for job_id in "abc":
        reader.read({"id": job_id}, observe, "id")
    assert [seen.job_id for seen in reader.observations] == ["a", "c"]
    (rejected,) = reader.rejections
    assert (rejected.job_id, rejected.payload) == ("b", {"id": "b"})
    assert rejected.error == "ZeroDivisionError while it was read"
    assert "Jane" not in json.dumps([rejected.error, rejected.payload])
