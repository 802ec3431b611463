"""Streams that are closed, or that nothing can be written to: said as what it is."""

from __future__ import annotations

import subprocess

import pytest
from cli_support import DOCJOBS, MakePlace, Place


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    made = make_place("llamacloud")
    made.emulator.add_job("llamacloud", "parse")
    assert made.run("sync").code in (0, 1)
    return made


def shell(place: Place, command: str) -> tuple[int, str]:
    """A command of `docjobs` with redirections, as a shell runs it; what it said of errors."""
    ran = subprocess.run(
        ["sh", "-c", f"exec {' '.join(DOCJOBS)} {command}"],
        cwd=place.folder,
        env=place.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["sync llamacloud --json", "status", "sync --help"])
def test_an_output_that_is_full_is_no_full_disk(place: Place, command: str) -> None:
    code, said = shell(place, f"{command} > /dev/full")
    assert code == 1
    assert "standard output can't be written (No space left on device)" in said
    assert "disk is full" not in said and "Traceback" not in said and "Exception" not in said


@pytest.mark.parametrize("command", ["sync llamacloud", "status"])
def test_a_closed_output_is_silence_and_no_error(place: Place, command: str) -> None:
    assert shell(place, f"{command} --json >&-") == (0, "")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", ">&- 2>&-"])
def test_a_command_needs_no_errors_to_be_read(place: Place, streams: str) -> None:
    assert shell(place, f"status {streams}") == (0, "")
