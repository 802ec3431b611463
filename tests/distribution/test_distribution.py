"""What is uploaded works without the repository: the wheel for users, the sdist for packagers."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomlkit
import yaml

from dlt_docjobs._version import __version__

ROOT = Path(__file__).parents[2]
PYPROJECT: Any = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


class Built(NamedTuple):
    """The two files of a release."""

    wheel: Path
    sdist: Path


def run(*command: str | Path, folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Runs a command; fails with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tracked() -> list[str]:
    """The repository's files."""
    if not (ROOT / ".git").exists():
        pytest.skip("no repository: a release is built from one")
    names = run("git", "ls-files", folder=ROOT).splitlines()
    return [name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A wheel and an sdist of the repository as it is."""
    tracked()
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, folder=ROOT)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    package = {name for name in tracked() if name.startswith("dlt_docjobs/")}
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (described,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        about = Parser().parsestr(archive.read(described).decode())
    assert names == package
    assert about["Version"] == __version__ == PYPROJECT["version"]
    assert about["Description-Content-Type"] == "text/markdown"
    assert about["License-Expression"] == "Apache-2.0"
    assert set(about.get_all("Provides-Extra", ())) == set(PYPROJECT["optional-dependencies"])


@pytest.mark.slow
def test_the_sdist_holds_the_repository(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    assert names - {"PKG-INFO"} == set(tracked())


@pytest.mark.slow
def test_the_wheel_runs_the_demo_where_there_is_nothing_else(built: Built, tmp_path: Path) -> None:
    """Needs a network, for what the wheel depends on."""
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", venv, folder=tmp_path)
    bin_folder = venv / "bin"
    run(bin_folder / "pip", "install", "-q", f"{built.wheel}[demo]", folder=tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")}
    said = run(bin_folder / "docjobs", "demo", folder=empty, env=env)
    assert "docjobs_demo.duckdb" in said
    assert (empty / "docjobs_demo.html").stat().st_size > 100_000
    where = run(
        bin_folder / "python", "-c", "import dlt_docjobs; print(dlt_docjobs.__file__)", folder=empty
    )
    assert Path(where.strip()).is_relative_to(venv)


@pytest.mark.slow
def test_the_tests_of_the_sdist_run(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        # older ones of Python 3.10 do not know it, newer ones warn without
        safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **safely)
    (folder,) = tmp_path.iterdir()
    # the rest of them takes as long as the suite does, and stands on the same files
    parts = ("tests/model", "tests/tables", "tests/docs/test_docs_complete.py")
    run(sys.executable, "-m", "pytest", "-q", "--collect-only", folder=folder)
    run(sys.executable, "-m", "pytest", "-q", "-k", "not the_checkout_is", *parts, folder=folder)


def test_the_changelog_has_a_place_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert "Unreleased" in headings or __version__ in headings
    assert len(headings) == len(set(headings))


@pytest.mark.parametrize("name", ["test.yml", "publish.yml"])
def test_workflows_run_what_is_there(name: str) -> None:
    """Their syntax, and that each script they name is one."""
    path = ROOT / ".github" / "workflows" / name
    # YAML 1.1 takes the key `on` for a truth
    workflow = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert {"name", "on", "permissions", "jobs"} <= set(workflow)
    for job in workflow["jobs"].values():
        assert job["runs-on"] and int(job["timeout-minutes"]) > 0
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert "@" in step.get("uses", "@")
            for script in re.findall(r"\.ci/[\w-]+", step.get("run", "")):
                assert (ROOT / script).is_file(), script
    for needed in [job["needs"] for job in workflow["jobs"].values() if "needs" in job]:
        assert needed in workflow["jobs"]


def test_every_supported_python_is_tried_and_named() -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    tried = yaml.safe_load(text)["jobs"]["test"]["strategy"]["matrix"]["python"]
    named = [
        word.rpartition(" ")[2]
        for word in PYPROJECT["classifiers"]
        if re.search(r"Python :: 3\.\d+$", word)
    ]
    assert tried == named
    assert PYPROJECT["requires-python"] == f">={named[0]}"
