"""What docs/behaviours.md says of plain files, which no other test loads into."""

from __future__ import annotations

import re

import duckdb
from docs_support import MakeProject, read

from dlt_docjobs.emulator import Emulator


def test_behaviours_are_numbered() -> None:
    numbers = [int(n) for n in re.findall(r"^(\d+)\. \*\*", read("docs/behaviours.md"), re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert read("docs/behaviours.md").count("*Why it matters:*") == len(numbers)


def test_plain_files_hold_everything_as_described(make_project: MakeProject) -> None:
    with Emulator(seed=4, jobs=60) as emulator:
        project = make_project(emulator)
        lake = project.folder / "lake"
        env = {**project.keys, "DESTINATION__FILESYSTEM__BUCKET_URL": f"file://{lake}"}
        for _ in range(3):
            project.docjobs("sync", "llamacloud", "--destination", "filesystem", env=env)
            emulator.advance(3600)
        files = {name: f"'{lake}/docjobs/{name}/*.parquet'" for name in ("jobs", "segments")}
        events = f"'{lake}/docjobs/job_status_history/*.parquet'"
        jobs = duckdb.sql(
            f"SELECT job_id, results_state, segment_count FROM {files['jobs']}"
            " QUALIFY row_number() OVER (PARTITION BY job_id ORDER BY last_observed_at DESC) = 1"
        ).fetchall()
        segments = duckdb.sql(
            f"SELECT job_id, count(*) FROM {files['segments']} WHERE _removed IS NOT TRUE"
            " AND (job_id, _dlt_load_id) IN (SELECT (job_id, max(_dlt_load_id))"
            f" FROM {files['segments']} GROUP BY job_id) GROUP BY job_id"
        ).fetchall()
        written, distinct = duckdb.sql(
            f"SELECT count(*), count(DISTINCT event_id) FROM {events}"
        ).fetchall()[0]
    loaded = {job_id: count for job_id, state, count in jobs if state == "loaded" and count}
    assert loaded
    assert dict(segments) == loaded
    assert written == distinct
