"""The commands around a sync where there are only files: plain ones, Delta and Iceberg tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dlt
import pytest
from cli_support import KEYS, MakePlace, Place, ended, setting
from conformance_destinations import install_extensions

from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.views import VIEWS

KINDS = ("files", "delta", "iceberg")
TO = ("--destination", "filesystem")
FOUND = {"jobs": 4, "open_jobs": 1, "pending_results": 1, "results_at_risk": 1}


class Lake(Place):
    """A folder whose warehouse is `lake` beside it."""

    @property
    def lake(self) -> Path:
        """The dataset's files."""
        return self.folder / "lake" / "docjobs"

    def standing(self) -> dict[str, dict[str, Any]]:
        """What `docjobs status` says of each account."""
        accounts = self.run("status", *TO, "--json").json["accounts"]
        return {account["provider"]: account for account in accounts}

    def known(self) -> set[str]:
        """Ids of the jobs in the files."""
        with self.inside():
            dataset = dlt.dataset(make_destination("filesystem", "docjobs"), "docjobs")
            with dataset.sql_client as client:
                jobs = client.make_qualified_table_name("jobs")
                return {row[0] for row in client.execute_sql(f"SELECT job_id FROM {jobs}") or []}


@pytest.fixture(scope="module", params=KINDS)
def lake(
    request: pytest.FixtureRequest, make_place: MakePlace, tmp_path_factory: pytest.TempPathFactory
) -> Lake:
    """Two accounts, synced once; one result could not be fetched."""
    kind = request.param
    place = make_place("llamacloud", "unsiloed")
    home = tmp_path_factory.mktemp("home")
    install_extensions(kind, home)
    lake = Lake(place.folder, place.emulator, ("llamacloud", "unsiloed"))
    lake.env["HOME"] = str(home)
    lake.env[setting("llamacloud", "max_retries")] = "0"
    table_format = "" if kind == "files" else f'table_format = "{kind}"'
    bucket = (place.folder / "lake").as_uri()
    lake.write(
        ".dlt/config.toml",
        f'[sources.docjobs]\n{table_format}\n[destination.filesystem]\nbucket_url = "{bucket}"\n',
    )
    add = lake.emulator.add_job
    for job_id in ("pjb-good", "pjb-late", "pjb-gone"):
        add("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    add("llamacloud", job_id="pjb-open", status="RUNNING", hang=True)
    add("unsiloed", job_id="uns-1", status="Succeeded", pages=1)
    lake.env[setting("unsiloed", "job_ids_file")] = lake.write("named.txt", "uns-1")
    said = lake.run("check", *TO)
    assert "filesystem: connected; dataset docjobs is empty" in said.out
    lake.emulator.faults.broken_results = {"pjb-late": 500}
    assert lake.run("sync", *TO).code == 1
    lake.emulator.faults.broken_results = {}
    return lake


@pytest.mark.proves("status", *KINDS)
@pytest.mark.proves("check", *KINDS)
def test_status_and_check_read_the_files(lake: Lake) -> None:
    found = lake.standing()
    assert {name: found["llamacloud"][name] for name in FOUND} == FOUND
    assert {name: found["unsiloed"][name] for name in ("jobs", "open_jobs")} == {
        "jobs": 1,
        "open_jobs": 0,
    }
    assert found["llamacloud"]["cursor"] is not None
    assert "filesystem: connected; dataset docjobs has data" in lake.run("check", *TO).out


@pytest.mark.parametrize("command", ["views", "report"])
def test_there_are_no_views(lake: Lake, command: str) -> None:
    ran = lake.run(command, *TO)
    assert (ran.code, ran.out) == (2, "")
    assert "filesystem keeps files or documents and has no views" in ran.err


def test_reset_and_forget_say_what_to_do_instead(lake: Lake) -> None:
    before = lake.standing()
    names = lake.write("gone.txt", "pjb-gone")
    for command in (["reset", "llamacloud", "--yes"], ["forget", "--job-ids-file", names]):
        ran = lake.run(*command, *TO)
        assert (ran.code, ran.out) == (2, "")
        assert "keeps files, and no row of a file can be deleted or changed from here" in ran.err
        assert "delete the folder of the dataset docjobs" in ran.err
    assert "have the providers delete these jobs" in ran.err
    assert lake.standing() == before


@pytest.mark.slow
def test_what_is_said_there_starts_anew_and_erases(lake: Lake) -> None:
    lake.emulator.expire("pjb-gone")
    shutil.rmtree(lake.lake)
    assert lake.standing() == {}
    ran = lake.run("sync", *TO, "--json")
    assert {name: ran.provider(name)["jobs_new"] for name in ("llamacloud", "unsiloed")} == {
        "llamacloud": 3,
        "unsiloed": 1,
    }


@pytest.mark.slow
def test_two_accounts_at_once(lake: Lake) -> None:
    for _ in range(3):
        lake.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
        lake.emulator.add_job("contextual", status="completed", pages=1)
    providers = ("llamacloud", "contextual")
    key = {KEYS["contextual"]: lake.emulator.api_key}
    running = [lake.start("sync", name, *TO, "--json", env={**key}) for name in providers]
    for process in running:
        ran = ended(process)
        assert (ran.code, ran.json["providers"][0]["jobs_new"]) == (0, 3), ran.said
    alive = [job.job_id for job in lake.emulator.jobs() if job.expired_at is None]
    assert lake.known() == set(alive)


@pytest.mark.slow
def test_status_counts_a_job_once_however_often_it_was_written(lake: Lake) -> None:
    lake.emulator.set_status("pjb-open", "COMPLETED")
    assert lake.run("sync", *TO).code == 0
    found = lake.standing()["llamacloud"]
    numbers = {name: found[name] for name in FOUND}
    assert numbers == {"jobs": 6, "open_jobs": 0, "pending_results": 0, "results_at_risk": 0}


@pytest.mark.proves("status", "ducklake")
@pytest.mark.proves("views", "ducklake")
@pytest.mark.proves("forget", "ducklake")
@pytest.mark.proves("reset", "ducklake")
def test_ducklake_is_a_database(make_place: MakePlace, tmp_path: Path) -> None:
    install_extensions("ducklake", tmp_path)
    place = make_place("llamacloud")
    to = ("--destination", "ducklake")
    credentials = "DESTINATION__DUCKLAKE__CREDENTIALS"
    place.env["HOME"] = str(tmp_path)
    place.env[f"{credentials}__DUCKLAKE_NAME"] = "lake"
    place.env[f"{credentials}__CATALOG"] = f"duckdb:///{place.folder / 'catalog.duckdb'}"
    place.env[f"{credentials}__STORAGE"] = (place.folder / "lake").as_uri()
    for job_id in ("pjb-kept", "pjb-gone"):
        place.emulator.add_job("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    assert place.run("sync", *to, "--progress", "none").err == ""
    ran = place.run("views", *to)
    assert (ran.code, ran.err, f"{len(VIEWS)} views in docjobs" in ran.out) == (0, "", True)
    ran = place.run("forget", "--job-ids-file", place.write("gone.txt", "pjb-gone"), *to)
    assert (ran.code, ran.out) == (0, "1 named, 1 erased from every table\n")
    assert place.run("sync", *to, "--json").provider("llamacloud")["jobs_new"] == 0
    assert place.run("status", *to, "--json").json["accounts"][0]["jobs"] == 1
    assert "1 jobs removed" in place.run("reset", "llamacloud", "--yes", *to).out
    assert place.run("status", *to, "--json").json["accounts"] == []
