"""What one sync is asked to do: its provider's settings, resolved, in the words of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from dlt_docjobs.model.vocabulary import JobKind, Provider
from dlt_docjobs.providers.protocol import ContentPolicy

Reload = Literal["failed", "skipped", "all"]


class Window(NamedTuple):
    """Creation times: since ≤ created_at < until; None is unbounded."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """Settings of one provider's account (contract 3), beside those of its HTTP client.

    Attributes:
        start_date: Lower bound of the first sync; None lists without one.
        lag: How far behind the cursor every sync lists again.
        poll_open: Age at which an open job is asked for once more, then left.
        retention_days: As configured; None leaves it to what the provider says of itself.
        created_at_resolution: How narrow a bounded creation is made.
        targets: (job id, kind) that the user names; kind None where the ids leave it open.
            None where no source of ids was configured, which is not the same as an empty one.
        reload: Which results to fetch again.
    """

    provider: Provider
    account: str = "default"
    kinds: tuple[JobKind, ...] = ("parse", "extract")
    start_date: datetime | None = None
    lag: timedelta = timedelta(hours=1)
    max_jobs_per_package: int = 5000
    max_concurrency: int = 16
    policy: ContentPolicy = field(default_factory=ContentPolicy)
    poll_open: timedelta = timedelta(days=32)
    retention_days: float | None = None
    created_at_resolution: timedelta = timedelta(days=1)
    include_state_transitions: bool = False
    targets: Iterable[tuple[str, JobKind | None]] | None = None
    reload: Reload | None = None
