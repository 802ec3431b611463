"""The commands around a sync where there are only files: plain ones, Delta and Iceberg tables.

In a folder, and in a bucket of an S3 API.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dlt
import pytest
from cli_support import KEYS, MakePlace, Place, ended, setting
from conformance_destinations import BUCKETS, install_extensions
from s3_support import BUCKET, CREDENTIALS, files

from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.views import VIEWS

KINDS = ("files", "delta", "iceberg", *BUCKETS)
DUCKLAKES = ("ducklake", "s3_ducklake")
TO = ("--destination", "filesystem")
FOUND = {"jobs": 4, "open_jobs": 1, "pending_results": 1, "results_at_risk": 1}


class Lake(Place):
    """A folder whose warehouse is `lake` beside it, or in a bucket."""

    # of the S3 API; none where the lake is a folder
    address = ""

    def delete(self) -> None:
        """Deletes the dataset's files."""
        if self.address:
            files(self.address).rm(f"{self.bucket}/docjobs", recursive=True)
        else:
            shutil.rmtree(self.folder / "lake" / "docjobs")

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
    layout = kind.removeprefix("s3_")
    table_format = "" if layout == "files" else f'table_format = "{layout}"'
    bucket = (place.folder / "lake").as_uri()
    if kind in BUCKETS:
        bucket = f"s3://{BUCKET}/{kind}"
        lake.address = request.getfixturevalue("s3")
        written = "\n".join(
            f'{name} = "{value}"'
            for name, value in {**CREDENTIALS, "endpoint_url": lake.address}.items()
        )
        lake.write(".dlt/secrets.toml", f"[destination.filesystem.credentials]\n{written}\n")
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
    lake.delete()
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


# DuckLake reads the whole catalog for each statement, which takes its time in PostgreSQL
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", DUCKLAKES)
@pytest.mark.proves("check", *DUCKLAKES)
@pytest.mark.proves("first sync", *DUCKLAKES)
@pytest.mark.proves("repeat", *DUCKLAKES)
@pytest.mark.proves("another machine", *DUCKLAKES)
@pytest.mark.proves("status", *DUCKLAKES)
@pytest.mark.proves("views", *DUCKLAKES)
@pytest.mark.proves("forget", *DUCKLAKES)
@pytest.mark.proves("reset", *DUCKLAKES)
def test_ducklake_is_a_database(
    kind: str, make_place: MakePlace, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    install_extensions(kind, tmp_path)
    place = make_place("llamacloud")
    place.env["HOME"] = str(tmp_path)
    place.env.update(_ducklake(kind, place, request))
    to = ("--destination", "ducklake")
    for job_id in ("pjb-kept", "pjb-gone"):
        place.emulator.add_job("llamacloud", job_id=job_id, status="COMPLETED", pages=1)
    assert "ducklake: connected; dataset docjobs is empty" in place.run("check", *to).out
    assert place.run("sync", *to, "--progress", "none").err == ""
    ran = place.run("views", *to)
    assert (ran.code, ran.err, f"{len(VIEWS)} views in docjobs" in ran.out) == (0, "", True)
    ran = place.run("forget", "--job-ids-file", place.write("gone.txt", "pjb-gone"), *to)
    assert (ran.code, ran.out) == (0, "1 named, 1 erased from every table\n")
    # as on another machine
    shutil.rmtree(place.folder / ".data")
    assert place.run("sync", *to, "--json").provider("llamacloud")["jobs_new"] == 0
    assert place.run("status", *to, "--json").json["accounts"][0]["jobs"] == 1
    assert "1 jobs removed" in place.run("reset", "llamacloud", "--yes", *to).out
    assert place.run("status", *to, "--json").json["accounts"] == []


def _ducklake(kind: str, place: Place, request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables of a lake: its catalog, and where its files lie."""
    credentials = {
        "DUCKLAKE_NAME": "lake",
        "CATALOG": f"sqlite:///{place.folder / 'catalog.sqlite'}",
        "STORAGE": (place.folder / "lake").as_uri(),
    }
    if kind != "ducklake":
        credentials["CATALOG"] = request.getfixturevalue("postgres")
    if kind == "s3_ducklake":
        del credentials["STORAGE"]
        credentials["STORAGE__BUCKET_URL"] = f"s3://{BUCKET}/ducklake"
        keys = {**CREDENTIALS, "endpoint_url": request.getfixturevalue("s3")}
        for name, value in keys.items():
            credentials[f"STORAGE__CREDENTIALS__{name.upper()}"] = value
    return {f"DESTINATION__DUCKLAKE__CREDENTIALS__{key}": one for key, one in credentials.items()}
