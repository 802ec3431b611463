"""What the caller of a run wants beyond its settings, and where it can watch."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dlt_docjobs.http import Clock, SystemClock, Wait
from dlt_docjobs.locks import LockKind

if TYPE_CHECKING:
    from dlt_docjobs.sync.session import Session


@dataclass
class RunRequest:
    """What the caller of a run wants beyond the settings, and where it can watch.

    Attributes:
        run_id: The run's id.
        deadline: When to stop starting work, on the clock's monotonic scale.
        follow: Seconds between polls of open jobs; None does not follow.
        clock: Injected in tests.
        on_progress: Called with the session now and then.
        on_wait: Called before each pause that the HTTP client makes and that is worth telling.
        stop_reason: Set by a signal handler: the run ends as soon as it can.
        on_gate_wait: Called once if the run has to wait for partitions of a backfill; where it is
            None, the log says so.
        holds_gate: Whether the caller has the account's gate (`locks.gate`), as partitions do.
        lock: Which lock to hold in the destination (`locks.destination`); None for its own.
    """

    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    deadline: float | None = None
    follow: float | None = None
    clock: Clock = field(default_factory=SystemClock)
    on_progress: Callable[[Session], None] | None = None
    on_wait: Callable[[Wait], None] | None = None
    on_gate_wait: Callable[[], None] | None = None
    holds_gate: bool = False
    stop_reason: str | None = None
    lock: LockKind | None = None

    @property
    def is_late(self) -> bool:
        """Whether the deadline has come."""
        return self.deadline is not None and self.clock.monotonic() >= self.deadline
