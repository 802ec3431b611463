"""Lists that not every server has."""

from __future__ import annotations

from conformance_bench import MakeBench

from dlt_docjobs.emulator import Faults


def test_a_server_without_these_lists_has_no_such_jobs(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.emulator.add_job("llamacloud", "parse", status="COMPLETED", pages=1)
    bench.emulator.faults = Faults(unserved_kinds={"classify", "split"})
    run = bench.sync("llamacloud")
    assert (run.exit_code, run.error, run.jobs_new, run.retries) == (0, None, 1, 0)


def test_a_list_that_has_shown_jobs_is_missed_when_it_goes(make_bench: MakeBench) -> None:
    bench = make_bench()
    for kind in ("parse", "classify"):
        bench.emulator.add_job("llamacloud", kind, status="COMPLETED", pages=1)
    assert bench.sync("llamacloud").exit_code == 0
    bench.emulator.faults = Faults(unserved_kinds={"classify", "split"})
    run = bench.sync("llamacloud")
    assert run.exit_code == 3
    assert "classify jobs could not be listed" in run.error and "split" not in run.error
