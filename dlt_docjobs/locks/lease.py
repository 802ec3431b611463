"""A lease: rows in a table of its own that say who is at work, and when it was last alive.

Warehouses promise little: no unique keys, no locks that are held, some no UPDATE worth the name.
So only INSERT, SELECT and DELETE are used, each by itself, and only that a SELECT sees what was
committed before it. Whoever wants the lease looks that there is no other, writes a row, and looks
again: of two that come at once the later look sees both rows, so at most one goes on. Who sees
another takes its own row back, and tries again after a random pause. The later look also has to see
the own row: a lease that cannot be read keeps nobody out.

Rows are dated by the clock of the machine that writes them: clocks may differ by some minutes, not
by nine.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.http import Clock
from dlt_docjobs.locks.local import SyncLocked
from dlt_docjobs.model.outcomes import EXIT_REFUSED, SyncFailed
from dlt_docjobs.warehouse import sql
from dlt_docjobs.warehouse.migration import create_table
from dlt_docjobs.warehouse.sql import LEASES

RENEWED_SECONDS: Final = 60.0
VOID_SECONDS: Final = 600

_TRIES: Final = 6


class Lease:
    """The lease of a pipeline in its dataset.

    Args:
        pipeline: A pipeline with an SQL destination.
        clock: Dates the rows.
        pause: Waits so many seconds; for tests.
    """

    def __init__(
        self, pipeline: Pipeline, clock: Clock, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._pipeline = pipeline
        self._client: SqlClientBase[Any] = pipeline.sql_client()
        self._clock = clock
        self._pause = pause
        self._name = pipeline.pipeline_name
        self._holder = uuid.uuid4().hex
        self._who = f"process {os.getpid()} on {socket.gethostname()}"

    def acquire(self) -> None:
        """Takes the lease.

        Raises:
            SyncLocked: Another sync has it.
            SyncFailed: What is written there is not what is read.
            DatabaseException: The destination refused to make the table, or a statement.
        """
        with self._client:
            self._make_table()
            for attempt in range(_TRIES):
                self._clear_void()
                rivals = self._rivals()
                if rivals:
                    break
                self._write(self._now())
                rivals = self._rivals()
                if not rivals and self._is_there():
                    return
                if not rivals:
                    raise self._unreadable("a row was written into it and is not there")
                self._withdraw()
                self._pause(random.uniform(0.1, 0.5) * (attempt + 1))
        raise SyncLocked(
            f"another sync of {self._name} into {self._client.dataset_name} is running "
            f"({rivals[0]} holds its lease in {LEASES}); this one did nothing. A lease that "
            f"nobody renews is void after {VOID_SECONDS // 60} minutes"
        )

    def renew(self) -> None:
        """Writes a new row and removes the old ones.

        Raises:
            SyncLocked: Another sync has the lease, or its rows are gone.
        """
        now = self._now()
        with self._client:
            is_mine = self._is_there()
            if is_mine:
                self._write(now)
            rivals = self._rivals()
            if is_mine and not rivals:
                self._run(
                    "DELETE FROM {leases} WHERE holder = %s AND renewed_at < %s",
                    *(self._holder, now),
                )
                return
            self._withdraw()
        what = (
            f"the lease of {self._name} is lost, another sync has taken it ({rivals[0]})"
            if rivals
            else f"the lease of {self._name} is gone from {LEASES}: another sync may have come and "
            "gone, or somebody has removed it"
        )
        raise SyncLocked(
            f"{what}; this one stopped, and what it had not loaded yet is asked for again: nothing "
            f"is lost. A lease that nobody renews is void after {VOID_SECONDS // 60} minutes"
        )

    def release(self) -> None:
        """Removes the rows; where that fails, they are void after ten minutes."""
        with contextlib.suppress(Exception), self._client:
            self._withdraw()

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _make_table(self) -> None:
        client = self._client
        if not client.has_dataset():
            try:
                client.create_dataset()
            except DatabaseException:
                # unless another sync was faster
                if not client.has_dataset():
                    raise
        if sql.has_table(client, LEASES):
            return
        try:
            create_table(self._pipeline, LEASES)
        except DatabaseException:
            if not sql.has_table(client, LEASES):
                raise
        if not sql.has_table(client, LEASES):
            raise self._unreadable("it was created and is not there")

    def _unreadable(self, what: str) -> SyncFailed:
        return SyncFailed(
            f"the destination keeps no lease: of {LEASES} in {self._client.dataset_name}, {what} "
            "for whoever looks next. Without one, two syncs could load at once; this one did "
            "nothing",
            EXIT_REFUSED,
        )

    def _is_there(self) -> bool:
        """Whether a row of its own can be read."""
        return bool(self._rows("SELECT 1 FROM {leases} WHERE holder = %s", self._holder))

    def _clear_void(self) -> None:
        # also what the clock of a machine far ahead wrote: it would block for ever
        self._run(
            "DELETE FROM {leases} WHERE pipeline_name = %s"
            " AND (renewed_at < %s OR renewed_at > %s)",
            *(self._name, self._now() - VOID_SECONDS, self._now() + VOID_SECONDS),
        )

    def _rivals(self) -> list[str]:
        rows = self._rows(
            "SELECT who FROM {leases} WHERE pipeline_name = %s AND holder <> %s"
            " AND renewed_at >= %s ORDER BY renewed_at",
            *(self._name, self._holder, self._now() - VOID_SECONDS),
        )
        return [row[0] for row in rows]

    def _write(self, now: int) -> None:
        self._run(
            "INSERT INTO {leases} (pipeline_name, holder, who, renewed_at) VALUES (%s, %s, %s, %s)",
            *(self._name, self._holder, self._who, now),
        )

    def _withdraw(self) -> None:
        self._run("DELETE FROM {leases} WHERE holder = %s", self._holder)

    def _rows(self, text: str, *values: Any) -> list[Any]:
        return sql.execute(self._client, text, *values)

    def _run(self, text: str, *values: Any) -> None:
        sql.execute(self._client, text, *values)
