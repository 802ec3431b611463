"""A warehouse whose rows were taken away: the lists are read again from their beginning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from loading_support import make_pipeline, query

import dlt_docjobs
from dlt_docjobs.emulator import Emulator


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """Ended jobs, all but one far behind the lag."""
    with Emulator(seed=5, jobs=0) as served:
        for days in (30, 20, 10, 0):
            created = datetime.now(timezone.utc) - timedelta(days=days, hours=3)
            served.add_job("llamacloud", "parse", status="COMPLETED", created_at=created)
        yield served


@pytest.mark.parametrize("lost", ["jobs", "job_status_history", "_dlt_pipeline_state"])
def test_what_was_taken_away_comes_again(
    emulator: Emulator, tmp_path: Path, lost: list[str]
) -> None:
    def source() -> Any:
        return dlt_docjobs.llamacloud(
            api_key=emulator.api_key, base_url=emulator.base_urls["llamacloud"]
        )

    pipeline = make_pipeline(tmp_path)
    dlt_docjobs.run(pipeline, source())
    counts = "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM job_status_history)"
    before = query(pipeline, counts)
    assert before[0][0] == 4
    assert dlt_docjobs.run(pipeline, source()).jobs_listed < 4, "the lists go on at the cursor"
    with pipeline.sql_client() as client:
        client.execute_sql(f"DELETE FROM {lost}")
    assert dlt_docjobs.run(pipeline, source()).jobs_listed == 4
    assert query(pipeline, counts) == before
    assert dlt_docjobs.run(pipeline, source()).jobs_listed < 4
