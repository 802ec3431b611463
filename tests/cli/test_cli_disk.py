"""A disk that is full, read-only or holds something else: a sentence, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_support import DOCJOBS, MakePlace, Place, Ran, ended, setting

WORKING_DIR = ".data/pipelines/docjobs_llamacloud"


@pytest.fixture(scope="module")
def synced(make_place: MakePlace) -> Place:
    """A folder after its first sync, and a job that came since."""
    place = make_place("llamacloud")
    for _ in range(3):
        place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    assert place.run("sync").code == 0
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    return place


@pytest.fixture
def place(synced: Place, tmp_path: Path) -> Place:
    """A copy of it, with the warehouse where the copy's environment says."""
    shutil.copytree(synced.folder, tmp_path, dirs_exist_ok=True)
    copy = Place(tmp_path, synced.emulator, ("llamacloud",))
    copy.env["DESTINATION__DUCKDB__CREDENTIALS"] = str(tmp_path / "warehouse.duckdb")
    return copy


def no_traceback(said: str) -> bool:
    return "Traceback" not in said and "unexpected" not in said


# -- the working directory ---------------------------------------------------------------------


def cut(folder: Path, name: str) -> None:
    (path,) = folder.glob(name)
    path.write_text(path.read_text()[:-40])


def replace(folder: Path, name: str, text: str) -> None:
    for path in folder.rglob(name):
        path.write_text(text)


def newer(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | {"_state_engine_version": 99}))


BROKEN: dict[str, Callable[[Path], None]] = {
    "state cut off": lambda folder: cut(folder, "state.json"),
    "state empty": lambda folder: replace(folder, "state.json", ""),
    "state of another program": lambda folder: replace(folder, "state.json", '{"a": 1}'),
    "state that is a list": lambda folder: replace(folder, "state.json", "[]"),
    "state of a newer dlt": newer,
    "schema cut off": lambda folder: cut(folder, "schemas/*.json"),
    "packages of a newer dlt": lambda folder: replace(folder, ".version", "9.9.9"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_working_directory_says_so_and_its_removal_loses_nothing(
    case: str, place: Place
) -> None:
    folder = place.folder / WORKING_DIR
    BROKEN[case](folder)
    ran = place.run("sync")
    assert ran.code == 3
    assert f"the working directory {folder} can't be used" in ran.err
    assert "remove it and run this again; nothing is lost" in ran.err
    assert no_traceback(ran.said)
    shutil.rmtree(folder)
    assert place.run("sync").code == 0
    place.assert_everything_loaded("llamacloud")


def older(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | {"_state_engine_version": 1}))


HARMLESS: dict[str, Callable[[Path], None]] = {
    "state of an older dlt": older,
    "no state": lambda folder: (folder / "state.json").unlink(),
    "a trace that is none": lambda folder: replace(folder, "trace.pickle", "oops"),
    "no packages": lambda folder: shutil.rmtree(folder / "load"),
    "nothing at all": shutil.rmtree,
    "a base that is none": lambda folder: replace(folder, "docjobs_base", "oops"),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_the_warehouse_knows_better_does_no_harm(case: str, place: Place) -> None:
    HARMLESS[case](place.folder / WORKING_DIR)
    ran = place.run("sync", "--json")
    assert ran.code == 0, ran.said
    assert ran.provider("llamacloud")["results_loaded"] == 1
    place.assert_everything_loaded("llamacloud")


def test_a_file_in_the_place_of_the_working_directory_is_named(place: Place) -> None:
    folder = place.folder / WORKING_DIR
    shutil.rmtree(folder)
    folder.write_text("mine")
    ran = place.run("sync")
    assert (ran.code, f"{folder}" in ran.err, "is in the way" in ran.err) == (3, True, True)
    folder.unlink()
    assert place.run("sync").code == 0


@pytest.mark.slow
def test_a_file_that_is_no_database_is_named(place: Place) -> None:
    file = place.folder / "warehouse.duckdb"
    file.write_bytes(b"something else " * 999)
    ran = place.run("sync")
    assert (ran.code, f"{file} is not a whole DuckDB database" in ran.err) == (3, True), ran.err
    assert no_traceback(ran.said)
    file.unlink()
    assert place.run("sync").code == 0
    place.assert_everything_loaded("llamacloud")


# -- a disk that takes no more -----------------------------------------------------------------


def limited(place: Place, largest: int) -> Ran:
    """A sync that can't write a file beyond a size: to it the disk is full."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return ended(
        subprocess.Popen(
            [*DOCJOBS, "sync"],
            cwd=place.folder,
            env=place.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no limits on Windows")
@pytest.mark.parametrize(
    "largest",
    [
        pytest.param(20_000, id="at once", marks=pytest.mark.slow),
        pytest.param(400_000, id="in the warehouse"),
    ],
)
def test_a_full_disk_says_so_and_the_next_sync_loads_everything(
    largest: int, make_place: MakePlace
) -> None:
    place = make_place("llamacloud")
    for _ in range(10):
        place.emulator.add_job("llamacloud", status="COMPLETED", pages=9)
    ran = limited(place, largest)
    said = ran.err.splitlines()[-1]
    assert (ran.code, "the disk is full" in said, "nothing is lost" in said) == (3, True, True), (
        said
    )
    assert place.run("sync").code == 0
    place.assert_everything_loaded("llamacloud")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no limits on Windows")
def test_a_database_that_a_full_disk_left_unmade_is_named(make_place: MakePlace) -> None:
    place = make_place("llamacloud")
    place.emulator.add_job("llamacloud", status="COMPLETED", pages=1)
    assert limited(place, 6_000).code == 3
    ran = place.run("sync")
    file = place.folder / "warehouse.duckdb"
    assert (ran.code, f"{file} is not a whole DuckDB database" in ran.err) == (3, True), ran.err
    file.unlink()
    assert place.run("sync").code == 0
    place.assert_everything_loaded("llamacloud")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB, where the machine lets tests have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("no tmpfs here")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting takes a right that the tests don't have here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, capture_output=True)


@pytest.mark.slow
def test_a_disk_that_is_full_and_one_that_is_read_only(
    small_disk: Path, make_place: MakePlace
) -> None:
    place = make_place("llamacloud")
    for _ in range(6):
        place.emulator.add_job("llamacloud", status="COMPLETED", pages=9)
    place.env["DLT_DATA_DIR"] = str(small_disk / "data")
    place.env["DESTINATION__DUCKDB__CREDENTIALS"] = str(small_disk / "warehouse.duckdb")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3_950_000))
    ran = place.spawn("sync")
    assert (ran.code, "the disk is full" in ran.err.splitlines()[-1]) == (3, True), ran.err
    ballast.unlink()
    read_only = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(read_only, check=True, capture_output=True)
    ran = place.spawn("sync")
    said = ran.err.splitlines()[-1]
    assert (ran.code, "can't be written (Read-only file system)" in said) == (3, True), ran.err
    assert "DLT_DATA_DIR" in said and no_traceback(said)
    again = ["mount", "-o", "remount,rw,size=64m", str(small_disk)]
    subprocess.run(again, check=True, capture_output=True)
    assert place.spawn("sync", "--json").code == 0


# -- what stays behind -------------------------------------------------------------------------


def weight(folder: Path) -> tuple[int, int]:
    """Files, and bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def grow(make_place: MakePlace, syncs: int) -> None:
    place = make_place("contextual", "unsiloed")
    place.env[setting("unsiloed", "job_ids_file")] = str(place.folder / "ids.txt")
    weights = []
    for _ in range(syncs):
        place.emulator.add_job("contextual", status="completed", pages=1)
        place.emulator.add_job("unsiloed", status="Succeeded", pages=1)
        place.ids_file()
        assert place.run("sync").code == 0
        weights.append(weight(place.folder / ".data"))
    files, size = weights[1]
    assert weights[-1][0] <= files
    # the last trace's numbers have more digits, and no more
    assert weights[-1][1] <= size + 2_048


@pytest.mark.slow
def test_the_working_directory_does_not_grow(make_place: MakePlace) -> None:
    grow(make_place, 5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_working_directory_does_not_grow_with_200_syncs(make_place: MakePlace) -> None:
    grow(make_place, 200)
