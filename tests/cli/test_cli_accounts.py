"""Two accounts of one provider, side by side in one warehouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli_support import MakePlace, Place, setting

from dlt_docjobs.emulator import Emulator

DEFAULT, EU = "llamacloud", "llamacloud:eu"


@pytest.fixture
def place(make_place: MakePlace) -> Iterator[Place]:
    """The default account at one emulator, the account `eu` at another."""
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    place.emulator.add_job("llamacloud", status="RUNNING", hang=True)
    with Emulator(jobs=0, seed=8) as eu:
        eu.add_job("llamacloud", status="COMPLETED", pages=2)
        place.env[setting("llamacloud_eu", "api_key")] = eu.api_key
        place.env[setting("llamacloud_eu", "base_url")] = eu.base_urls["llamacloud"]
        yield place


def by_account(place: Place, sql: str) -> dict[str, object]:
    return dict(place.query(sql))


@pytest.mark.slow
def test_each_has_its_rows_its_cursor_and_its_figures(place: Place) -> None:
    ran = place.run("sync", "--json")
    assert ran.code == 0
    figures = {one["account"]: one for one in ran.json["providers"]}
    assert {name: one["jobs_new"] for name, one in figures.items()} == {"default": 2, "eu": 1}
    assert {name: one["open_jobs"] for name, one in figures.items()} == {"default": 1, "eu": 0}
    counts = "SELECT account, count(*) FROM docjobs.{} GROUP BY account"
    assert by_account(place, counts.format("jobs")) == {"default": 2, "eu": 1}
    assert by_account(place, counts.format("pages")) == {"default": 1, "eu": 2}
    assert by_account(place, counts.format("sync_runs")) == {"default": 1, "eu": 1}
    assert figures["default"]["cursor"] != figures["eu"]["cursor"]
    states = place.query("SELECT DISTINCT pipeline_name FROM docjobs._dlt_pipeline_state")
    assert set(states) == {("docjobs_llamacloud",), ("docjobs_llamacloud_eu",)}
    again = place.run("sync", "--json")
    assert {one["jobs_new"] + one["results_loaded"] for one in again.json["providers"]} == {0}
    place.assert_no_duplicates()


def test_one_that_fails_does_not_stop_the_other(place: Place) -> None:
    bad = {setting("llamacloud_eu", "api_key"): "another"}
    ran = place.run("sync", "--json", env=bad)
    found = {one["account"]: (one["exit_code"], one["jobs_new"]) for one in ran.json["providers"]}
    assert (ran.code, found) == (3, {"default": (0, 2), "eu": (3, 0)})
    assert "llamacloud:eu" in ran.err
    # and it goes on where it would have begun
    assert place.run("sync", EU, "--json").json["providers"][0]["jobs_new"] == 1


@pytest.mark.parametrize("command", ["sync", "check"])
def test_an_account_that_nobody_configured_is_no_other_name_of_the_default(
    place: Place, command: str
) -> None:
    ran = place.run(command, "llamacloud:us")
    assert (ran.code, place.emulator.requests) == (2, [])
    assert "nothing is configured for llamacloud:us" in ran.err
    assert "[sources.docjobs.llamacloud_us]" in ran.err
    assert "did you mean llamacloud:eu?" in ran.err


@pytest.mark.slow
def test_check_and_status_list_both(place: Place) -> None:
    checked = place.run("check")
    assert checked.code == 0
    assert DEFAULT in checked.said and EU in checked.said
    bad = place.run("check", env={setting("llamacloud_eu", "api_key"): "another"})
    assert bad.code == 3
    place.run("sync")
    status = place.run("status", "--json").json
    found = {one["account"]: one for one in status["accounts"]}
    assert {name: one["jobs"] for name, one in found.items()} == {"default": 2, "eu": 1}
    assert {name: one["open_jobs"] for name, one in found.items()} == {"default": 1, "eu": 0}
    assert EU in place.run("status").out


@pytest.mark.slow
def test_a_reset_of_one_leaves_the_other(place: Place) -> None:
    place.run("sync")
    assert place.run("reset", EU, "--yes").code == 0
    counts = "SELECT account, count(*) FROM docjobs.jobs GROUP BY account"
    assert by_account(place, counts) == {"default": 2}
    figures = {
        one["account"]: one["jobs_new"] for one in place.run("sync", "--json").json["providers"]
    }
    assert figures == {"default": 0, "eu": 1}
