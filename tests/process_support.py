"""What costs less than it seems to: a process of its own, and the end of many emulators.

A process reads dlt, DuckDB and Arrow first, which takes longer than most commands. Where
a test is of what is done, and not of how a process starts or ends, it need not be one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from dlt_docjobs.emulator import Emulator


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


@contextmanager
def repeated(act: Callable[[], None], every: float) -> Iterator[None]:
    """Does something again and again in a thread, with pauses of so many seconds, until the end."""
    over = threading.Event()

    def act_on() -> None:
        while not over.wait(every):
            act()

    thread = threading.Thread(target=act_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def stop_together(emulators: Sequence[Emulator]) -> None:
    """Stops emulators at once: each one's server looks only now and then whether it should end."""
    if emulators:
        with ThreadPoolExecutor(len(emulators)) as pool:
            list(pool.map(Emulator.stop, emulators))
