"""The pages' code blocks, and a folder in which they are run as a reader would run them."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from process_support import inside

from dlt_docjobs.cli import main
from dlt_docjobs.emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    *(path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("docs/**/*.md"))),
)
KEYS = {
    "llamacloud": "LLAMA_CLOUD_API_KEY",
    "contextual": "CONTEXTUAL_API_KEY",
    "unsiloed": "UNSILOED_API_KEY",
    "reducto": "REDUCTO_API_KEY",
}
# its blocks are parts of a package, which tests/elsewhere installs and runs
GUIDE = "docs/adding-a-provider.md"
IDS_FILE = "unsiloed_ids.csv"
PATIENCE = 400.0

_FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_SECRET = re.compile(r"(?:llx-|key-)?…")


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        """Names it in a test's id."""
        return f"{self.page}-{self.number}"


def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text("utf-8")


def anchors(text: str) -> set[str]:
    """What a link can lead to on a page: its headings, as a browser names them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(*languages: str) -> list[Block]:
    """The code blocks of all pages in these languages; of all of them if none is named."""
    return [
        Block(page, number, match["language"], match["text"])
        for page in PAGES
        if page != GUIDE
        for number, match in enumerate(_FENCE.finditer(read(page)), 1)
        if not languages or match["language"] in languages
    ]


def of_page(page: str, language: str) -> list[Block]:
    """The code blocks of one page in a language."""
    return [block for block in blocks(language) if block.page == page]


def filled_in(text: str, emulator: Emulator, postgres: str = "") -> str:
    """A block with what a reader has to fill in: keys, and the address of a database."""
    text = re.sub(r"postgresql://[^\s\"]+", lambda _: postgres, text)
    return _SECRET.sub(emulator.api_key, text)


class Project:
    """A reader's folder: `docjobs` in a venv of its own, the providers' keys, a file of ids.

    Args:
        folder: An empty one.
        emulator: The providers.
    """

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.emulator = emulator
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        program = programs / "docjobs"
        # whatever is installed, it is the checkout's code that the documentation speaks of
        program.write_text(
            f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec '{sys.executable}' -m dlt_docjobs.cli \"$@\"\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.env = {
            "PATH": f"{programs}:{os.defpath}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "DLT_DATA_DIR": str(folder / ".data"),
        }
        for provider, url in emulator.base_urls.items():
            self.env[f"SOURCES__DOCJOBS__{provider.upper()}__BASE_URL"] = url
        named = [f"{job.job_id},{job.job_kind}" for job in emulator.jobs("unsiloed")]
        (folder / IDS_FILE).write_text("\n".join(["job_id,job_kind", *named]) + "\n")

    @property
    def keys(self) -> dict[str, str]:
        """The providers' keys, as variables."""
        return dict.fromkeys(KEYS.values(), self.emulator.api_key)

    def shell(self, script: str, env: Mapping[str, str] | None = None) -> str:
        """Runs a script that has to end well; returns what it printed."""
        return self._run(["bash", "-eu", "-o", "pipefail", "-c", script], env, script)

    def docjobs(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        """Runs a command that has to end well, in this process; returns what it printed.

        For what is read and said. How a reader starts it is tried by `shell`.
        """
        out, err = io.StringIO(), io.StringIO()
        wanted = {**self.env, **(self.keys if env is None else env)}
        with inside(self.folder, wanted), redirect_stdout(out), redirect_stderr(err):
            code = main(list(args))
        assert code == 0, f"{args}\n--- ended with {code}:\n{out.getvalue()}\n---\n{err.getvalue()}"
        return out.getvalue()

    def python(self, script: str, env: Mapping[str, str] | None = None) -> str:
        """Runs a Python script that has to end well; returns what it printed."""
        env = {"PYTHONPATH": str(ROOT), **(self.keys if env is None else env)}
        return self._run([sys.executable, "-c", script], env, script)

    def _run(self, command: list[str], env: Mapping[str, str] | None, script: str) -> str:
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.env, **(self.keys if env is None else env)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert ran.returncode == 0, f"{script}\n--- ended with {ran.returncode}:\n{ran.stdout}" + (
            f"\n---\n{ran.stderr}"
        )
        return ran.stdout


MakeProject = Callable[[Emulator], Project]
