"""docs/adding-a-provider.md shows what lies in acme-docjobs, and can be followed."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from acme_server import AcmeServer
from elsewhere_support import HERE, ROOT, Installed

from dlt_docjobs.model.vocabulary import Vocabulary
from dlt_docjobs.providers.declaration import JobList, Kind, Provider
from dlt_docjobs.providers.protocol import ProviderApi

PACKAGE = HERE / "acme-docjobs"
PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LEFT_OUT = re.compile(r"^ *# …\n", re.MULTILINE)
# done by the fixture, and by test_elsewhere.py
DONE_ELSEWHERE = {"pip install -e '.[test]'", "pytest"}


def of(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def sources() -> list[str]:
    return [path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))]


def is_shown(block: str, source: str) -> bool:
    """Whether the parts of a block stand in a file, one behind the other and line for line."""
    at = 0
    for part in LEFT_OUT.split(block):
        found = re.compile(r"(?m)^" + re.escape(part)).search(source, at)
        if found is None:
            return False
        at = found.end()
    return True


@pytest.mark.parametrize("block", of("python"), ids=lambda text: text.strip().split("\n")[0][:40])
def test_code_is_a_part_of_the_package(block: str) -> None:
    assert any(is_shown(block, source) for source in sources()), block


def test_nothing_but_code_that_is_shown_would_do() -> None:
    (source,) = (text for text in sources() if "class AcmeApi" in text)
    block = next(text for text in of("python") if "async def status" in text)
    assert is_shown(block, source)
    assert not is_shown(block.replace("get_json", "get"), source)


def test_settings_are_those_of_the_package() -> None:
    (block,) = of("toml")
    assert (PACKAGE / "pyproject.toml").read_text("utf-8").startswith(block)


def test_the_files_are_those_of_the_package() -> None:
    (tree,) = of("text")
    folder = Path()
    for line in tree.splitlines()[1:]:
        name = line.split()[0]
        folder = Path(name) if line.startswith("  ") and name.endswith("/") else folder
        path = folder if name.endswith("/") else (folder if line[3] == " " else Path()) / name
        assert (PACKAGE / path).exists(), path


def test_no_language_is_left_untested() -> None:
    assert {language for language, _ in BLOCKS} == {"python", "toml", "text", "sh"}


@pytest.mark.slow
def test_commands_can_be_followed(installed: Installed, tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="pip install -e '.[report]'")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docjobs").write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -m dlt_docjobs.cli \"$@\"\n"
    )
    (programs / "docjobs").chmod(0o755)
    lines = [line for block in of("sh") for line in block.splitlines()]
    assert set(lines) >= DONE_ELSEWHERE
    script = "\n".join(line for line in lines if line not in DONE_ELSEWHERE)
    with AcmeServer() as server:
        server.add_job("parse")
        server.add_job("extract", is_elsewhere=True)
        env = {
            **installed.env,
            "PATH": f"{programs}:{os.defpath}",
            "DLT_DATA_DIR": str(tmp_path / "data"),
            "DLT_PROJECT_DIR": str(tmp_path),
            "SOURCES__DOCJOBS__ACME__BASE_URL": server.base_url,
        }
        ran = subprocess.run(
            ["bash", "-eu", "-c", script.replace("=…", f"={server.api_key}")],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "report.html").exists()


# -- what has to be said ------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [Provider, Kind, JobList, Vocabulary])
def test_every_field_is_explained(declared: Any) -> None:
    header = f"| field of `{declared.__name__}` | says |\n"
    table = PAGE.split(header)[1].split("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(explained) == sorted(field.name for field in fields(declared))


def test_every_attribute_and_method_of_the_api_is_explained() -> None:
    settings = {"provider", "read_answer", "document_keys", "name_keys", "link_keys"}
    settings |= {"document_parts"}
    methods = {
        name
        for name, value in vars(ProviderApi).items()
        if inspect.iscoroutinefunction(value) and not name.startswith("_")
    }
    for name in settings | {"wrappers"} | methods:
        assert re.search(rf"\b{name}\b", PAGE), name
