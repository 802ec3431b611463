"""What one sync is asked to do: its provider's settings, resolved, in the words of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from dlt_docjobs.model.vocabulary import JobKind, Provider
from dlt_docjobs.providers.base import ContentPolicy

Reload = Literal["failed", "skipped", "all"]


class UsageError(ValueError):
    """Wrong usage or configuration: exit code 2. The message says what to do."""


class NoJobsNamed(UsageError):
    """A provider without a list, and nobody has named a job: a warning in a sync of all."""


def refusal(what: str) -> UsageError:
    """The error for what would destroy the tables."""
    return UsageError(
        f"{what} is refused: all providers share the tables, so it would destroy the others' rows "
        "and a history that no provider can tell again; `docjobs reset PROVIDER` removes one "
        "account's rows"
    )


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
