"""An empty project with keys, in which tests configure what they like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest
from sources_support import KEY, Configure

from dlt_docjobs import dlt_internals


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in every provider's usual variable."""
    for name in ("LLAMA_CLOUD_API_KEY", "CONTEXTUAL_API_KEY", "UNSILOED_API_KEY"):
        monkeypatch.setenv(name, KEY)


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Writes `.dlt/config.toml`, or another file, of an empty project, and lets dlt read it."""
    # which would come first
    monkeypatch.delenv("DLT_PROJECT_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    before = dlt.current.run_context().run_dir

    def write(text: str = "", file: str = "config.toml") -> None:
        (tmp_path / ".dlt").mkdir(exist_ok=True)
        (tmp_path / ".dlt" / file).write_text(text, encoding="utf-8")
        dlt_internals.switch_folder(str(tmp_path))

    write()
    yield write
    monkeypatch.undo()
    dlt_internals.switch_folder(before)
