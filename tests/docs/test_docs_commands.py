"""Every command on the pages is run, against the emulator."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from docs_support import ROOT, Block, MakeProject, blocks, filled_in, of_page

from dlt_docjobs.emulator import Emulator

PassingTime = Callable[[Emulator], AbstractContextManager[None]]

# installing is what .ci/run and the first two blocks themselves are for
_INSTALLS = re.compile(r"(python3? -m venv|pip install|-m pytest)")


def without_installing(script: str) -> str:
    lines = []
    for line in script.splitlines():
        parts = [part for part in line.split(" && ") if not _INSTALLS.search(part)]
        lines.append(" && ".join(parts))
    return "\n".join(line for line in lines if line)


RUN = [block for block in blocks("sh") if without_installing(block.text)]


# a block has up to eight commands, each for every account
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", RUN, ids=str)
def test_commands(
    block: Block,
    providers: Emulator,
    make_project: MakeProject,
    request: pytest.FixtureRequest,
    passing_time: PassingTime,
) -> None:
    project = make_project(providers)
    finished = next(job for job in providers.jobs("llamacloud") if job.is_terminal)
    (project.folder / "erase.txt").write_text(finished.job_id + "\n")
    account = {
        "SOURCES__DOCJOBS__LLAMACLOUD_EU__API_KEY": providers.api_key,
        "SOURCES__DOCJOBS__LLAMACLOUD_EU__BASE_URL": providers.base_urls["llamacloud"],
    }
    postgres = request.getfixturevalue("postgres") if "postgres" in block.text else ""
    script = without_installing(filled_in(block.text, providers, postgres))
    if "docjobs rename" in block.text:
        project.docjobs("sync", "llamacloud")
    with passing_time(providers):
        project.shell(script, {**project.keys, **account})


def test_the_status_on_the_page_looks_like_the_real_one(
    providers: Emulator, make_project: MakeProject
) -> None:
    project = make_project(providers)
    project.docjobs("sync", "llamacloud")
    said = project.docjobs("status")
    shown = next(block.text for block in of_page("README.md", "text"))
    head, row, place = shown.splitlines()
    *_, real_head, real_row, real_place = said.splitlines()
    assert place.partition("/warehouse")[2] == real_place.partition("/warehouse")[2]
    assert re.split(" {2,}", head) == re.split(" {2,}", real_head)
    assert re.sub(r"\d+", "0", " ".join(row.split())) == re.sub(
        r"\d+", "0", " ".join(real_row.split())
    )


@pytest.mark.slow
# the second one is the whole test suite
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [0, 1])
def test_the_first_two_commands_in_a_fresh_clone(number: int, tmp_path: Path) -> None:
    """Needs a network; run with `-m slow`. The clone holds what is committed."""
    command = blocks("sh")[number].text
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=clone, check=True)
