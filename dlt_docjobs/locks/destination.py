"""One sync of a pipeline at a time, whichever machine it runs on: a lock in the destination.

| destination | lock |
| --- | --- |
| DuckDB | none of ours: DuckDB lets one process have the file |
| PostgreSQL | an advisory lock of a session of its own |
| SQLite | a lock of the operating system, on a file beside the database |
| other SQL destinations | a lease: a row that is renewed each minute, void after ten |
| plain files, and what else cannot delete a row | none |

A dead process blocks nobody: a session's lock goes with its connection, and a lease runs out.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.http import Clock, SystemClock
from dlt_docjobs.locks import LockKind
from dlt_docjobs.locks.advisory import AdvisoryLock
from dlt_docjobs.locks.beside import FileLock
from dlt_docjobs.locks.lease import RENEWED_SECONDS, Lease
from dlt_docjobs.locks.local import SyncLocked, wait_until
from dlt_docjobs.warehouse.connection import prepare
from dlt_docjobs.warehouse.kind import kind_of

_LOG = logging.getLogger(__name__)
# DuckDB has a lock of its own; Athena's tables take no DELETE unless they are Iceberg's
_WITHOUT: Final = frozenset({"duckdb", "athena", "dummy"})
_PATIENCE: Final = 10.0


class Hold(Protocol):
    """A lock in a destination."""

    def acquire(self) -> None:
        """Takes it, or raises `SyncLocked`."""

    def renew(self) -> None:
        """Shows that its holder lives; raises `SyncLocked` where it is lost."""

    def release(self) -> None:
        """Gives it back; never raises."""


@dataclass(frozen=True)
class Held:
    """What the holder of a lock can do with it.

    Attributes:
        confirm: Raises `SyncLocked` where the lock is lost by now.
        take_turn: Waits until nobody else loads the account, where the destination can tell
            (PostgreSQL), and keeps it so. Takes the source's name, whether the turn is shared with
            other backfill windows, and whether it is waited no longer; then raises `SyncLocked`.
        end_turn: Lets others load the account.
    """

    confirm: Callable[[], None] = lambda: None
    take_turn: Callable[[str, bool, Callable[[], bool]], None] = lambda *_: None
    end_turn: Callable[[], None] = lambda: None


def lock_kind(pipeline: Pipeline) -> LockKind:
    """Which lock the pipeline's destination has."""
    name = kind_of(pipeline.destination)
    if name in _WITHOUT:
        return "none"
    if name == "postgres":
        return "advisory"
    client = pipeline.destination_client()
    if not isinstance(client, SqlJobClientBase):
        return "none"
    return "file" if client.capabilities.sqlglot_dialect == "sqlite" else "lease"


@contextlib.contextmanager
def warehouse_lock(
    pipeline: Pipeline,
    *,
    kind: LockKind | None = None,
    clock: Clock | None = None,
    on_lost: Callable[[str], None] | None = None,
    renewed_seconds: float = RENEWED_SECONDS,
) -> Iterator[Held]:
    """Holds the lock in the destination, and keeps it alive meanwhile.

    Args:
        pipeline: A pipeline with a destination.
        kind: None for the destination's own.
        clock: Tells a lease's age; None for the machine's.
        on_lost: Called, in another thread, as soon as it is known that the lock is lost.
        renewed_seconds: How often the holder shows that it lives.

    Yields:
        What can be done with it.

    Raises:
        SyncLocked: Another sync holds it.
    """
    prepare(pipeline)
    hold = _hold(pipeline, kind or lock_kind(pipeline), clock or SystemClock())
    if hold is None:
        yield Held()
        return
    hold.acquire()
    keeper = _Keeper(hold, on_lost or (lambda message: None), renewed_seconds)
    try:
        yield Held(keeper.confirm, keeper.take_turn, keeper.end_turn)
    finally:
        keeper.stop()
        hold.release()


def _hold(pipeline: Pipeline, kind: LockKind, clock: Clock) -> Hold | None:
    if kind == "none":
        return None
    if kind == "lease":
        return Lease(pipeline, clock)
    return AdvisoryLock(pipeline) if kind == "advisory" else FileLock(pipeline)


class _Keeper:
    """Renews a lock from a thread of its own, and when it is asked to."""

    def __init__(self, hold: Hold, on_lost: Callable[[str], None], seconds: float) -> None:
        self._hold = hold
        self._on_lost = on_lost
        self._seconds = seconds
        self._lost: str | None = None
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="docjobs-lock", daemon=True)
        self._thread.start()

    def confirm(self) -> None:
        """Raises `SyncLocked` where the lock is lost.

        A destination that does not answer is no proof of that: what follows will tell.
        """
        with self._turn:
            if self._lost is None:
                try:
                    self._hold.renew()
                except SyncLocked as error:
                    self._lost = str(error)
                except Exception as error:
                    _LOG.warning("the lock could not be renewed: %s", type(error).__name__)
            if self._lost is not None:
                raise SyncLocked(self._lost)

    def take_turn(self, account: str, shared: bool, is_over: Callable[[], bool]) -> None:
        """Waits for the account's turn, where the destination has turns."""
        hold = self._hold
        if not isinstance(hold, AdvisoryLock):
            return

        def is_ours() -> bool:
            # the keeper's thread uses the same connection
            with self._turn:
                return hold.try_turn(account, shared=shared)

        def tell() -> None:
            _LOG.warning("another pipeline is loading %s: waiting for its end", account)

        if not wait_until(is_ours, is_over=is_over, on_wait=tell):
            raise SyncLocked(
                f"another pipeline is loading {account} into the same dataset; what this one "
                "had not loaded yet is asked for again: run it again"
            )

    def end_turn(self) -> None:
        """Gives the account's turn back."""
        if isinstance(self._hold, AdvisoryLock):
            with self._turn:
                self._hold.end_turn()

    def stop(self) -> None:
        """Renews no more."""
        self._over.set()
        # a destination that hangs must not hold up the end of the run
        self._thread.join(_PATIENCE)

    def _keep(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                self.confirm()
            except SyncLocked as error:
                self._on_lost(str(error))
                return
