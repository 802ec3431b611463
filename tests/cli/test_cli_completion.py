"""`docjobs completion`: the scripts, and what the shells make of them."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import MakePlace, Place

from dlt_docjobs.cli.arguments import SHELLS
from dlt_docjobs.cli.commands import COMMANDS

PATIENCE = 20.0
# what is typed, and what becomes of it
TYPED = {
    "docjobs rep": "docjobs report ",
    "docjobs db": "docjobs dbt ",
    "docjobs sync ll": "docjobs sync llamacloud ",
    "docjobs sync llamacloud con": "docjobs sync llamacloud contextual ",
    "docjobs sync --rel": "docjobs sync --reload ",
    "docjobs sync --reload sk": "docjobs sync --reload skipped ",
    "docjobs report --no": "docjobs report --no-text ",
    "docjobs reset uns": "docjobs reset unsiloed ",
    "docjobs forget --job-ids-file era": "docjobs forget --job-ids-file erase.txt ",
}


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    """A folder with a file in it, and each shell's script."""
    place = make_place()
    place.write("erase.txt", "pjb-1")
    for shell in SHELLS:
        ran = place.run("completion", shell)
        assert (ran.code, ran.err) == (0, "")
        place.write(f"{shell}/_docjobs", ran.out)
    return place


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command_and_the_providers(shell: str, place: Place) -> None:
    script = (place.folder / shell / "_docjobs").read_text("utf-8")
    assert all(command in script for command in COMMANDS)
    assert "job-ids-file" in script
    assert "llamacloud" in script


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed(shell: str, place: Place) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine (Debian package `{shell}`), so nothing was typed")
    assert COMPLETED_BY[shell](list(TYPED), place.folder) == TYPED


def by_bash(lines: list[str], folder: Path) -> dict[str, str]:
    """The lines after bash's completion function has seen them."""
    found = {}
    for line in lines:
        words = line.split()
        ask = (
            f"source bash/_docjobs\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
            f"COMP_LINE='{line}'; COMP_POINT={len(line)}; COMP_TYPE=9\n"
            # there is no line to have options
            "compopt() { :; }\n"
            "$(complete -p docjobs | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
            f" docjobs '{words[-1]}' '{words[-2]}'\n"
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        found[line] = _with_the_only(_output(["bash", "-c", ask], folder), line)
    return found


def by_fish(lines: list[str], folder: Path) -> dict[str, str]:
    """The lines with what fish, which finds the script by itself, would put there."""
    # it completes only what can be run
    program = folder / "bin" / "docjobs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    completions = folder / "config" / "fish" / "completions"
    completions.mkdir(parents=True)
    shutil.copy(folder / "fish" / "_docjobs", completions / "docjobs.fish")
    env = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
    }
    found = {}
    for line in lines:
        said = _output(["fish", "-c", f"complete -C '{line}'"], folder, **env)
        # a description stands behind a tab
        answers = "\n".join(answer.split("\t")[0] for answer in said.splitlines())
        found[line] = _with_the_only(answers, line)
    return found


def by_zsh(lines: list[str], folder: Path) -> dict[str, str]:
    """The lines on a terminal after Tab."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ |= {"HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb"}
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        # Ctrl-X shows what stands on the line, and empties it
        setup = (
            "PS1=; fpath=($PWD/zsh $fpath); autoload -Uz compinit; compinit -u -D;"
            ' show() { print -r -- "[[[$BUFFER]]]"; BUFFER= }; zle -N show; bindkey "^X" show;'
            " print rea''dy\n"
        )
        os.write(terminal, setup.encode())
        _read(terminal, "ready")
        found = {}
        for line in lines:
            os.write(terminal, f"{line}\t\x18".encode())
            found[line] = _read(terminal, r"\[\[\[(.*?)\]\]\]")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return found


COMPLETED_BY: dict[str, Callable[[list[str], Path], dict[str, str]]] = {
    "bash": by_bash,
    "fish": by_fish,
    "zsh": by_zsh,
}


def _output(command: list[str], folder: Path, **env: str) -> str:
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _with_the_only(answers: str, typed: str) -> str:
    """The line with the only answer in the place of its last word."""
    (answer,) = answers.split()
    return f"{typed.rsplit(' ', 1)[0]} {answer} "


def _read(terminal: int, pattern: str) -> str:
    """Reads until something is there; returns its group, or all of it."""
    deadline = time.monotonic() + PATIENCE
    text = ""
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 1 << 16).decode("utf-8", "replace")
        found = re.search(pattern, text)
        if found:
            return found[found.re.groups]
    raise AssertionError(f"waited in vain for {pattern}: {text!r}")
