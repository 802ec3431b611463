"""What one sync is asked to do: its provider's settings, resolved, in the words of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.protocol import ContentPolicy
from dlt_docjobs.tables import RESULT_TABLES

Reload = Literal["failed", "skipped", "incomplete", "all"]


def reloaded_states(reload: str) -> tuple[str, ...]:
    """The states of results that are fetched; pending ones are at every sync."""
    return ("pending", *(("loaded", "failed", "skipped") if reload == "all" else (reload,)))


class Window(NamedTuple):
    """Creation times: since ≤ created_at < until; None is unbounded."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """Settings of one provider's account, beside those of its HTTP client.

    Attributes:
        provider: What the provider declares of itself.
        account: The name under which the account is configured.
        kinds: The kinds of jobs that are wanted, of those that the provider has.
        start_date: Lower bound of the first sync; None lists without one.
        lag: How far behind the cursor every sync lists again.
        gone_after: How much later a second 404 confirms the first; zero believes the first.
        retry_results: How long a result that is missing or unreadable is asked for again.
        believe_gone: Whether many jobs that answer 404 at once are believed to be gone.
        poll_open: Age at which an open job is asked for once more, then left.
        retention_days: As configured; None leaves it to what the provider says of itself.
        created_at_resolution: How narrow a bounded creation is made.
        targets: (job id, kind) that the user names; kind None where the ids leave it open.
            None where no source of ids was configured, which is not the same as an empty one.
        reload: Which results to fetch again.
    """

    provider: Provider
    account: str = "default"
    kinds: tuple[JobKind, ...] = ()
    start_date: datetime | None = None
    lag: timedelta = timedelta(hours=1)
    max_jobs_per_package: int = 5000
    max_concurrency: int = 16
    policy: ContentPolicy = field(default_factory=ContentPolicy)
    gone_after: timedelta = timedelta(minutes=10)
    retry_results: timedelta = timedelta(days=7)
    believe_gone: bool = False
    poll_open: timedelta = timedelta(days=32)
    retention_days: float | None = None
    created_at_resolution: timedelta = timedelta(days=1)
    targets: Iterable[tuple[str, JobKind | None]] | None = None
    reload: Reload | None = None

    def __post_init__(self) -> None:
        """All kinds that the provider has, where none are named."""
        if not self.kinds:
            object.__setattr__(self, "kinds", tuple(self.provider.kinds))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tables the run is to fill.

    Attributes:
        tables: The selected ones.
        empty: Of all tables those that stay empty, whatever is selected.
    """

    tables: frozenset[str]
    empty: frozenset[str] = frozenset()

    def any_result(self, kind: JobKind) -> bool:
        """Whether any table needs results of this kind: if not, none is requested."""
        return bool(self._of(kind) & self.tables)

    def whole_result(self, kind: JobKind) -> bool:
        """Whether every table that a result fills is wanted."""
        return self._of(kind) <= self.tables

    def _of(self, kind: JobKind) -> frozenset[str]:
        if kind != "parse":
            return frozenset({"extraction_results"})
        return frozenset(RESULT_TABLES) - {"extraction_results"} - self.empty
