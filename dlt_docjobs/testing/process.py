"""This process as if it had been started elsewhere, with nobody's settings but a test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dlt
import pytest

from dlt_docjobs import dlt_internals


@contextmanager
def inside(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """This process as if it had been started in the folder, with these variables and no others."""
    before = dlt.current.run_context().run_dir
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in set(os.environ) - set(env):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        # dlt made its logger and found its folders when it was imported
        dlt_internals.switch_folder(str(folder))
        try:
            yield
        finally:
            patch.undo()
            dlt_internals.switch_folder(before)
