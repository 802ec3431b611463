"""PostgreSQL's advisory locks: held by a session, gone with it.

One keeps a pipeline to itself for a whole run. The other, an account's, is held for a package: what
it has read of the account's jobs must not change until it is loaded, whoever loads beside it.
Backfill windows, of which each has jobs of its own, share it.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.locks.local import SyncLocked

# the server notices within two minutes that a machine has vanished with its connection
_KEEPALIVE: Final = (
    "SET tcp_keepalives_idle = 60",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 6",
)
_TAKE: Final = "SELECT pg_try_advisory_lock(%s)"
_TAKE_SHARED: Final = "SELECT pg_try_advisory_lock_shared(%s)"
_GIVE_BACK: Final = "SELECT pg_advisory_unlock(%s)"
_GIVE_SHARED_BACK: Final = "SELECT pg_advisory_unlock_shared(%s)"
_IS_HELD: Final = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND pid = pg_backend_pid() AND ((classid::bigint << 32) | objid::bigint) = %s"
)


class AdvisoryLock:
    """The locks of a pipeline and of accounts in a dataset, on a connection of their own.

    Behind a pooler that lends a connection for one transaction only it cannot be held, which
    `renew` notices.

    Args:
        pipeline: A pipeline with a PostgreSQL destination.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._name = pipeline.pipeline_name
        self._client: SqlClientBase[Any] = pipeline.sql_client()
        self._key = self._key_of("docjobs", self._name)
        self._turn: tuple[str, int] | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            SyncLocked: Another session has it.
        """
        self._client.open_connection()
        for statement in _KEEPALIVE:
            self._client.execute_sql(statement)
        rows = self._client.execute_sql(_TAKE, self._key) or [(False,)]
        if not rows[0][0]:
            self._client.close_connection()
            raise SyncLocked(
                f"another sync of {self._name} into {self._client.dataset_name} is running, on "
                "this machine or another (it holds the advisory lock in PostgreSQL); this one did "
                "nothing"
            )

    def try_turn(self, account: str, *, shared: bool) -> bool:
        """Takes the account's lock, if it is free.

        Args:
            account: The source's name.
            shared: Whether others may hold it who share it too.
        """
        key = self._key_of("docjobs account", account)
        rows = self._client.execute_sql(_TAKE_SHARED if shared else _TAKE, key) or [(False,)]
        if rows[0][0]:
            self._turn = (_GIVE_SHARED_BACK if shared else _GIVE_BACK, key)
        return bool(rows[0][0])

    def end_turn(self) -> None:
        """Gives the account's lock back; never raises: a lost connection has given it back."""
        if self._turn is not None:
            statement, key = self._turn
            self._turn = None
            with contextlib.suppress(Exception):
                self._client.execute_sql(statement, key)

    def renew(self) -> None:
        """Looks whether the lock is still held, which also keeps the connection from idling.

        Raises:
            SyncLocked: It is not.
        """
        try:
            rows = self._client.execute_sql(_IS_HELD, self._key)
        except Exception:
            rows = None
        if not rows or not rows[0][0]:
            raise SyncLocked(
                f"the connection that held the lock of {self._name} in PostgreSQL is gone, so "
                "another sync may have begun; this one stopped, and what it had not loaded yet is "
                "asked for again: run it again (behind a pooler the sync needs session mode)"
            )

    def release(self) -> None:
        """Closes the connection, and the lock is gone with it."""
        with contextlib.suppress(Exception):
            self._client.close_connection()

    def _key_of(self, kind: str, name: str) -> int:
        text = f"{kind}\x1f{self._client.dataset_name}\x1f{name}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
