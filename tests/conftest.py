"""What every test stands on: an environment without anybody's keys, settings and folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_PREFIXES = ("SOURCES__", "DESTINATION__", "CREDENTIALS", "RUNTIME__", "DLT_", "EXTRACT__")
_PREFIXES += ("NORMALIZE__", "LOAD__", "LLAMA_", "CONTEXTUAL_", "UNSILOED_", "HTTP_PROXY")


def _isolate() -> Path:
    """Hides the user's own configuration. dlt reads it when it is imported: so this comes first."""
    for name in [name for name in os.environ if name.upper().startswith(_PREFIXES)]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="docjobs-tests-"))
    os.environ["DLT_DATA_DIR"] = str(home / "data")
    os.environ["DLT_PROJECT_DIR"] = str(home)
    return home


_HOME = _isolate()


@pytest.fixture(scope="session", autouse=True)
def isolated() -> Iterator[Path]:
    """The empty folder that dlt takes for its project and its data."""
    yield _HOME
    shutil.rmtree(_HOME, ignore_errors=True)
