"""What `docjobs` says of itself, and to those who mistype."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from dlt_docjobs._version import __version__
from dlt_docjobs.cli import main
from dlt_docjobs.cli.arguments import make_parser
from dlt_docjobs.cli.commands import COMMANDS


def parse(*args: str) -> int:
    """The exit code of a command line that does not get as far as a command."""
    return main(list(args))


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("--help") == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^    {command}\s", said, re.MULTILINE) for command in COMMANDS)
    assert "LLAMA_CLOUD_API_KEY" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(command, "--help") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"usage: docjobs {command}")
    assert said.err == ""


def test_no_command_prints_the_help_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse() == 2
    assert capsys.readouterr().out.startswith("usage: docjobs")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("--version") == 0
    assert capsys.readouterr().out == f"docjobs {__version__}\n"


@pytest.mark.parametrize("module", ["dlt_docjobs", "dlt_docjobs.cli"])
def test_the_modules_run_too(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"docjobs {__version__}\n", "")


def test_help_does_not_wait_for_dlt() -> None:
    code = (
        "import sys\n"
        "from dlt_docjobs.cli import main\n"
        "main(['--help']); main(['sync', '--help']); main(['snyc'])\n"
        "slow = {'altair', 'dlt', 'duckdb', 'httpx', 'pyarrow', 'shtab'} & set(sys.modules)\n"
        "sys.exit(str(slow) if slow else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["snyc"], "did you mean sync?"),
        (["sync", "--destinaton", "duckdb"], "did you mean --destination?"),
        (["sync", "--dest", "duckdb"], "did you mean --destination?"),
        (["sync", "--jobs-ids-file=x"], "did you mean --job-ids-file?"),
        (["sync", "--reload", "skiped"], "did you mean skipped?"),
        (["sync", "--progress", "bar"], "'log', 'tqdm', 'none'"),
        (["sync", "--deadline", "soon"], "--deadline: invalid float value: 'soon'"),
        (["sync", "--deadline"], "--deadline: expected one argument"),
        (["report", "--day", "7"], "did you mean --days?"),
        (["completion", "fsh"], "did you mean fish?"),
        (["forget"], "required: --job-ids-file"),
        (["reset"], "required: PROVIDER[:ACCOUNT]"),
        (["status", "llamacloud", "--jsn"], "unrecognized arguments: llamacloud --jsn"),
    ],
)
def test_a_mistyped_command_line_is_2_and_says_what_was_meant(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse(*args) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_providers_stand_anywhere() -> None:
    args = make_parser().parse_args(["sync", "llamacloud", "--json", "contextual"])
    assert (args.providers, args.json) == (["llamacloud", "contextual"], True)


@pytest.mark.parametrize(
    ("words", "follow", "providers"),
    [
        (["--follow"], 10.0, []),
        (["--follow", "3.5"], 3.5, []),
        (["--follow=2"], 2.0, []),
        (["--follow", "llamacloud"], 10.0, ["llamacloud"]),
        (["llamacloud", "--follow"], 10.0, ["llamacloud"]),
        (["--follow", "--json"], 10.0, []),
        ([], None, []),
    ],
)
def test_follow_takes_no_provider_for_its_seconds(
    words: list[str], follow: float | None, providers: list[str]
) -> None:
    args = make_parser().parse_args(["sync", *words])
    assert (args.follow, args.providers) == (follow, providers)
