"""LandingAI's results in the answer, at a URL of the user's own, or at one of the provider's."""

from __future__ import annotations

import pytest
from conformance_bench import KINDS, MakeBench

from dlt_docjobs.testing.checks import assert_complete
from dlt_docjobs.testing.warehouse import job_row

PROVIDER = "landingai"


@pytest.mark.parametrize("form", ["current", "old"])
@pytest.mark.parametrize("delivery", ["inline", "large"])
def test_a_result_is_loaded_wherever_and_in_whichever_form_it_lies(
    make_bench: MakeBench, delivery: str, form: str
) -> None:
    bench = make_bench()
    faults = bench.emulator.faults
    faults.landingai_delivery, faults.landingai_form = delivery, form
    for kind in KINDS:
        for pages in (1, 3):
            bench.emulator.add_job(PROVIDER, kind, status="completed", pages=pages)
    run = bench.sync(PROVIDER)
    assert (run.exit_code, run.error, run.results_loaded) == (0, None, 4)
    tables = bench.tables()
    for job in bench.truth(PROVIDER):
        row = job_row(tables, job.job_id)
        assert (row["results_state"], row["credits"]) == ("loaded", job.document_pages)
        if form == "current":
            assert row["created_at"] == job.created_at
        assert "X-Amz-Signature" not in row["payload"]
    if form == "current":
        assert_complete(tables, bench.truth(PROVIDER))
    for table in ("segments", "segment_ocr"):
        of_jobs = {job.job_id: job.counts[table] for job in bench.truth(PROVIDER, "parse")}
        found = [row["job_id"] for row in tables[table]]
        assert {job_id: found.count(job_id) for job_id in of_jobs} == of_jobs
    assert all(row["bbox_x1"] is not None for row in tables["segments"])


def test_a_result_that_was_delivered_to_the_user_is_not_waited_for(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.emulator.faults.landingai_delivery = "receipt"
    for kind in KINDS:
        bench.emulator.add_job(PROVIDER, kind, status="completed", pages=2)
    run = bench.sync(PROVIDER)
    assert (run.exit_code, run.error, run.pending_results) == (0, None, 0)
    assert len(bench.requests) == 4, "two lists, two jobs"
    for row in bench.tables()["jobs"]:
        assert (row["results_state"], row["credits"]) == ("none", 2)
        assert "output_url" in row["payload"] and "X-Amz-Signature" not in row["payload"]
    # the lists alone: nothing is asked for again
    assert (bench.sync(PROVIDER).exit_code, len(bench.requests)) == (0, 2)


@pytest.mark.parametrize("name", ["page_size", "pageSize"])
def test_either_name_of_the_page_size_is_understood(make_bench: MakeBench, name: str) -> None:
    bench = make_bench()
    bench.emulator.faults.landingai_page_size = name
    for _ in range(12):
        bench.emulator.add_job(PROVIDER, "parse", status="failed")
    assert bench.sync(PROVIDER, page_size=100).jobs_new == 12
    assert [dict(record.query)["page"] for record in bench.lists] == ["0", "0"]
