"""SIGINT and SIGTERM: the first ends a sync in order, the second ends the process."""

from __future__ import annotations

import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from dlt_docjobs.sync.request import RunRequest

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Turns the first SIGINT or SIGTERM into a request to stop; the second ends the process.

    dlt has handlers of its own while it extracts and loads, and forgets a signal that comes when
    its last job is done. So what arrives is read where Python itself writes it down.

    Attributes:
        signal: The first one that came.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._request: RunRequest | None = None
        self._count = 0
        self._lock = threading.RLock()
        self._inbox: socket.socket | None = None

    def watch(self, request: RunRequest) -> None:
        """From now on this is the run that a signal stops."""
        self._request = request
        self._pass_on()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handles the signals for the time of a sync."""
        self._inbox, outbox = socket.socketpair()
        self._inbox.setblocking(False)
        outbox.setblocking(False)
        wakeup = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in before:
            signal.signal(number, self._handle)
        over = threading.Event()
        thread = threading.Thread(target=self._listen, args=(over,), name="docjobs-signals")
        thread.daemon = True
        thread.start()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)
            self._read()
            over.set()
            outbox.close()
            thread.join()
            self._inbox.close()

    def _listen(self, over: threading.Event) -> None:
        inbox = self._inbox
        assert inbox is not None
        while not over.is_set():
            select.select([inbox], [], [])
            self._read()

    def _read(self) -> None:
        """Takes note of what has arrived."""
        with self._lock, suppress(BlockingIOError):
            assert self._inbox is not None
            for number in self._inbox.recv(64):
                if number in _SIGNALS:
                    self._count += 1
                    self.signal = self.signal or number
            self._pass_on()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._read()
        if self._count > 1:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _pass_on(self) -> None:
        if self.signal is not None and self._request is not None:
            self._request.stop_reason = signal.Signals(self.signal).name
