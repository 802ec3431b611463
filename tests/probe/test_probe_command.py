"""`docjobs probe` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dlt_docjobs.emulator import Emulator, Faults

sys.path.append(str(Path(__file__).resolve().parents[1] / "cli"))

from cli_support import Place

SECOND = {
    "SOURCES__DOCJOBS__CONTEXTUAL_NORDWIND__API_KEY": "emulator-key",
    "DOCJOBS_TEST_NOTHING": "",
}


@pytest.fixture
def place(emulator: Emulator, tmp_path: Path) -> Place:
    return Place(tmp_path, emulator, ("contextual",))


def test_a_report_goes_to_a_file_and_names_nobody(place: Place) -> None:
    env = SECOND | {
        "SOURCES__DOCJOBS__CONTEXTUAL_NORDWIND__BASE_URL": place.emulator.base_urls["contextual"]
    }
    ran = place.run("probe", "--out", "found.md", env=env)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "found.md: read it, then hand it on\n"
    text = (place.folder / "found.md").read_text("utf-8")
    assert text.count("## Account ") == 2
    assert "nordwind" not in text.lower()
    assert place.emulator.api_key not in text
    for job in place.emulator.jobs("contextual"):
        assert job.job_id not in text


def test_without_a_file_it_is_printed(place: Place) -> None:
    ran = place.run("probe", "contextual")
    assert ran.code == 0
    assert ran.out.startswith("# What docjobs probe found\n")


def test_json_is_one_object(place: Place) -> None:
    ran = place.run("probe", "contextual", "--json")
    assert ran.json["exit_code"] == 0
    (account,) = ran.json["accounts"]
    assert account["provider"] == "contextual"
    assert account["requests"] == sum(one["requests"] for one in account["answers"]) + 1
    assert {one["outcome"] for one in account["answers"]} == {"shown"}


def test_a_refused_key_is_3_and_stops_no_other_account(place: Place) -> None:
    env = {
        "SOURCES__DOCJOBS__CONTEXTUAL_EU__API_KEY": "another-key",
        "SOURCES__DOCJOBS__CONTEXTUAL_EU__BASE_URL": place.emulator.base_urls["contextual"],
    }
    ran = place.run("probe", "--json", env=env)
    assert ran.code == ran.json["exit_code"] == 3
    assert len(ran.json["accounts"]) == 1
    assert "401" in ran.err
    assert "another-key" not in ran.said


def test_an_answer_that_fails_is_no_failure_of_the_command(place: Place) -> None:
    place.emulator.faults = Faults(path_pattern="/extract/jobs", refuse_status=403)
    ran = place.run("probe", "contextual", "--json")
    assert ran.code == 0
    assert "failed" in {one["outcome"] for one in json.loads(ran.out)["accounts"][0]["answers"]}


def test_no_key_is_an_error_of_usage(emulator: Emulator, tmp_path: Path) -> None:
    place = Place(tmp_path, emulator, ("contextual",))
    del place.env["CONTEXTUAL_API_KEY"]
    assert place.run("probe").code == 2


def test_nothing_is_left_in_the_folder(place: Place) -> None:
    place.run("probe", "contextual")
    assert not (place.folder / "warehouse.duckdb").exists()
