"""What costs less than it seems to: a process of its own, and the end of many emulators.

A process reads dlt, DuckDB and Arrow first, which takes longer than most commands. Where
a test is of what is done, and not of how a process starts or ends, it need not be one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.testing.process import inside

__all__ = ["inside", "repeated", "stop_together"]


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
