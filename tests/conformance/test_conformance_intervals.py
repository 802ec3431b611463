"""An orchestrator's data interval (Airflow's, or DLT_INTERVAL_START and _END) is a window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conformance_bench import Bench, MakeBench

NOW = datetime.now(timezone.utc).replace(microsecond=0)
INTERVAL = {
    "DLT_INTERVAL_START": (NOW - timedelta(days=3)).isoformat(),
    "DLT_INTERVAL_END": (NOW - timedelta(days=2)).isoformat(),
}
ALLOWED = {**INTERVAL, "DLT_ALLOW_EXTERNAL_SCHEDULERS": "true"}
# a process of its own, as an orchestrator's task is: dlt reads the interval once a process
SCRIPT = """
import json, sys
import dlt, dlt_docjobs
from dlt_docjobs.model.times import format_instant

provider, file, folder, key, url = sys.argv[1:]
pipeline = dlt.pipeline(
    f"docjobs_{provider}",
    destination=dlt.destinations.duckdb(file),
    dataset_name="docjobs",
    pipelines_dir=folder,
)
row = dlt_docjobs.run(pipeline, getattr(dlt_docjobs, provider)(api_key=key, base_url=url))
print(json.dumps(row._asdict(), default=format_instant))
"""
WORD = {"llamacloud": "COMPLETED", "contextual": "completed"}


def sync(bench: Bench, provider: str, env: dict[str, str]) -> dict[str, Any]:
    """Runs a sync in a process with these variables."""
    emulator = bench.emulator
    values = (str(bench.file()), str(bench.pipelines_dir), emulator.api_key)
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, provider, *values, emulator.base_urls[provider]],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "provider", ["llamacloud", pytest.param("contextual", marks=pytest.mark.slow)]
)
def test_an_interval_is_a_window(provider: str, make_bench: MakeBench) -> None:
    bench = make_bench()
    added = {
        days: bench.emulator.add_job(
            provider, "extract", status=WORD[provider], created_at=NOW - timedelta(days=days)
        ).job_id
        for days in (4, 3, 2.5, 2, 1)
    }
    first = sync(bench, provider, ALLOWED)
    assert (first["ok"], first["cursor"], first["results_loaded"]) == (True, None, 2)
    assert {row[0] for row in bench.query("SELECT job_id FROM jobs")} == {added[3], added[2.5]}
    # again, as a scheduler does that repeats a task: nothing changes
    again = sync(bench, provider, ALLOWED)
    assert (again["jobs_new"], again["results_loaded"], again["cursor"]) == (0, 0, None)
    # an interval that the task was not told to follow is not looked at
    rest = sync(bench, provider, INTERVAL)
    assert (rest["jobs_new"], rest["results_loaded"]) == (3, 3)
    assert rest["cursor"] is not None
    assert {row[0] for row in bench.query("SELECT job_id FROM jobs")} == set(added.values())
    # and a window leaves the cursor alone
    assert sync(bench, provider, ALLOWED)["cursor"] == rest["cursor"]
