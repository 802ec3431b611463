"""Builds the packages, and runs what a user of them runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ("acme", "forms")
PATIENCE = 1700

# where the server is that the package's own tests use
sys.path.append(str(HERE / "acme-docjobs" / "tests"))

_BUILD = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"


class Installed:
    """The packages beside this one, in a folder that is on Python's path.

    Args:
        folder: Holds them.
        sources: Holds a copy of each package's own folder.
    """

    def __init__(self, folder: Path, sources: Path) -> None:
        self.folder = folder
        self.sources = sources

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process that has them, without a trace of these tests' own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return {**kept, "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)])}

    def pytest(self, package: str, *arguments: str) -> str:
        """Runs a package's own tests, which have to pass; returns what pytest printed."""
        folder = self.sources / package
        options = ("-q", "-p", "no:cacheprovider", "-rs", "--rootdir", str(folder))
        command = [sys.executable, "-m", "pytest", *options, *arguments, "tests"]
        return _ran(command, folder, self.env)

    def docjobs(self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
        """Runs `docjobs`, which has to end well; returns what it printed."""
        command = [sys.executable, "-m", "dlt_docjobs.cli", *arguments]
        return _ran(command, cwd, {**self.env, **(env or {})})


def install(folder: Path) -> Installed:
    """Builds each package's wheel, as pip would, and unpacks it."""
    target, wheels, sources = folder / "site", folder / "wheels", folder / "sources"
    for name in PACKAGES:
        package = sources / name
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(HERE / f"{name}-docjobs", package, ignore=ignored)
        wheels.mkdir(exist_ok=True)
        _ran([sys.executable, "-c", _BUILD, str(wheels)], package, dict(os.environ))
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    return Installed(target, sources)


def _ran(command: list[str], cwd: Path, env: Mapping[str, str]) -> str:
    ran = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, f"{command} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout
