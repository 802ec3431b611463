"""`docjobs sync --follow` over several accounts: none waits for another's jobs to end."""

from __future__ import annotations

import pytest
from cli_support import MakePlace


@pytest.mark.slow
def test_every_account_is_followed_until_its_jobs_have_ended(make_place: MakePlace) -> None:
    place = make_place("llamacloud", "contextual")
    for provider in ("llamacloud", "contextual"):
        place.emulator.add_job(provider, "extract")
    place.emulator.faults.on_request = lambda _: place.emulator.advance(3)
    ran = place.run("sync", "--follow", "0.1", "--json")
    assert ran.code == 0, ran.said
    assert place.query("SELECT DISTINCT is_terminal FROM docjobs.jobs") == [(True,)]
    for figures in ran.json["providers"]:
        assert (figures["jobs_new"], figures["open_jobs"]) == (1, 0)
        assert figures["status_events"] >= 2, "of all of its runs"
    (runs,) = place.query("SELECT count(*) FROM docjobs.sync_runs")
    assert runs[0] > 2


@pytest.mark.slow
def test_a_job_that_hangs_holds_up_no_other_account(make_place: MakePlace) -> None:
    place = make_place("contextual", "llamacloud")
    place.emulator.add_job("contextual", "extract", status="processing", hang=True)
    place.emulator.add_job("llamacloud")
    place.emulator.faults.on_request = lambda _: place.emulator.advance(20)
    ran = place.run("sync", "--follow", "0.1", "--deadline", "20")
    assert ran.code in (0, 1), ran.said
    rows = place.query("SELECT provider, is_terminal FROM docjobs.jobs ORDER BY 1")
    assert rows == [("contextual", False), ("llamacloud", True)]
