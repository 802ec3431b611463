"""Packages of providers, as they are when they are installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from elsewhere_support import PACKAGES, Installed, install

# their tests run where they are installed
collect_ignore = [f"{name}-docjobs" for name in PACKAGES]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """All packages, built and unpacked into a folder."""
    pytest.importorskip("hatchling", reason="pip install -e '.[test]'")
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    return install(folder)
