"""This process as if it had been started elsewhere, with nobody's settings but a test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext


@contextmanager
def inside(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """This process as if it had been started in the folder, with these variables and no others."""
    before = Container()[PluggableRunContext].context.run_dir
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in set(os.environ) - set(env):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        # dlt made its logger and found its folders when it was imported
        Container()[PluggableRunContext].reload(str(folder))
        try:
            yield
        finally:
            patch.undo()
            Container()[PluggableRunContext].reload(before)
