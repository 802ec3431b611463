"""PostgreSQL's advisory lock: held by a session, gone with it."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.sync.lock import SyncLocked

# the server notices within two minutes that a machine has vanished with its connection
_KEEPALIVE: Final = (
    "SET tcp_keepalives_idle = 60",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 6",
)
_TAKE: Final = "SELECT pg_try_advisory_lock(%s)"
_IS_HELD: Final = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND pid = pg_backend_pid() AND ((classid::bigint << 32) | objid::bigint) = %s"
)


class AdvisoryLock:
    """The lock of a pipeline and dataset, on a connection of its own.

    Behind a pooler that lends a connection for one transaction only it cannot be held, which
    `renew` notices.

    Args:
        pipeline: A pipeline with a PostgreSQL destination.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._name = pipeline.pipeline_name
        self._client: SqlClientBase[Any] = pipeline.sql_client()
        text = f"docjobs\x1f{self._client.dataset_name}\x1f{self._name}"
        digest = hashlib.sha256(text.encode()).digest()
        self._key = int.from_bytes(digest[:8], "big", signed=True)

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
