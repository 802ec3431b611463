"""The helper: a process that reads answers, one after the other, and knows nothing else.

Python decodes in one thread at a time, so a second processor is of no use to the sync itself. The
helper keeps nothing, and ends when the sync does: its input ends then, however the sync ended.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import pyarrow as pa

START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from dlt_docjobs.reader.helper import main; main()"
)
"""What its Python is started with: the sync's own `sys.path` is the first line of its input."""

OBJECTS_PER_COLLECTION: Final = 20_000
"""After how many new objects Python looks for cyclic garbage: a few answers' rows."""

# the most that Linux gives to a user who asks
_PIPE_BYTES: Final = 2**20


def main() -> None:
    """Reads until there is nothing more to read."""
    # an interruption at the terminal is the sync's affair
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    source = sys.stdin.buffer
    # with PYTHONUNBUFFERED the one that is there may write less than it is given
    with open(sys.stdout.fileno(), "wb", closefd=False) as sink:
        # whatever a library prints is no answer
        sys.stdout = sys.stderr
        # before anything imports pyarrow
        hide_from_pyarrow()
        for stream in (source, sink):
            _widen(stream.fileno())
        _serve(source, sink)


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    from dlt_docjobs.reader.pipe import LENGTH, NOTHING, Order, answer

    order = Order.decode(source.readline())
    read_answer = getattr(import_module(order.module), order.name)

    def send(pieces: Sequence[bytes | pa.Buffer]) -> None:
        sink.write(LENGTH.pack(sum(map(len, pieces))))
        sink.writelines(pieces)
        sink.flush()

    send([NOTHING])
    while len(front := source.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(front)
        body = source.read(size)
        if len(body) == size:
            send(answer(read_answer, body, order.policy))


def _widen(pipe: int) -> None:
    """Lets a pipe hold several answers, so that neither end has to wait for the other's turn."""
    if sys.platform == "linux":
        import fcntl

        # the system allows a user only so much
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def hide_from_pyarrow() -> None:
    """Makes NumPy and pandas look as if they were not installed: pyarrow would import them.

    Neither is of any use here; pandas takes half a second, and more memory than all the rest.
    """
    sys.meta_path.insert(0, _Hidden())


class _Hidden(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Finds nothing, and keeps others from finding it."""
        if fullname in ("numpy", "pandas"):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
