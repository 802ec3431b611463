"""One run of a sync: its stream of items, from which one package after the other takes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from dlt_docjobs._version import __version__
from dlt_docjobs.model.outcomes import EXIT_DONE
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sync.ahead import ReadAhead
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.items import Item
from dlt_docjobs.sync.plan import Plan
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.settings import SyncSettings, Window
from dlt_docjobs.warehouse.state import WarehouseState

_LOG = logging.getLogger(__name__)


class Session:
    """One run.

    Args:
        settings: What the sync is asked to do.
        api: The provider, over a client that is not yet connected.
        request: What the caller wants.
        progress: How far earlier runs have listed.
        window: A backfill window, None for the usual sync.

    Attributes:
        context: What the parts of the run share.
        ahead: Results that are asked for while a package is loaded.
        carried: Items that a full package has left to the next one.
        done: Whether the plan has come to its end.
        is_loading: Whether a package is being loaded at the moment.
    """

    def __init__(
        self,
        settings: SyncSettings,
        api: ProviderApi,
        request: RunRequest,
        progress: Progress,
        window: Window | None = None,
    ) -> None:
        self.context = context = RunContext(settings, api, request, progress, window)
        self.request = request
        self.started_at = request.clock.now()
        self.finished_at = self.started_at
        self.done = False
        self.is_loading = False
        self.carried: list[Item] = []
        self.broken_off_runs: list[SyncRun] | None = None
        self.ahead = ReadAhead(api, settings.max_concurrency, lambda: context.must_stop)
        self._reported = request.clock.monotonic()
        self._items: AsyncIterator[Item] | None = None
        api.client.deadline = request.deadline
        if request.on_wait is not None:
            api.client.on_wait = request.on_wait

    # -- the stream -------------------------------------------------------------------------

    async def next_item(self) -> Item | None:
        """The next item of the plan; None at its end, or when the run has to stop."""
        context = self.context
        if context.must_stop:
            return None
        if self.carried:
            return self.carried.pop(0)
        if self._items is None:
            await context.api.client.__aenter__()
            context.api.reader.open()
            self._items = Plan(context).items().__aiter__()
        try:
            return await self._items.__anext__()
        except StopAsyncIteration:
            self.done = not context.must_stop
            return None

    def attach(self, state: WarehouseState) -> None:
        """A package begins: reads come from this connection."""
        context = self.context
        self.is_loading = False
        self.broken_off_runs = self._find_broken_off(state)
        context.warehouse.attach(state)
        opened = context.warehouse.open_jobs
        context.looked.open_refs = {job.ref for job in opened if not job.is_given_up}
        pending = state.jobs_in_states("pending")
        for refs in (context.looked.open_refs, pending, state.uncommitted_jobs):
            context.looked.watch(refs)
        context.figures.open_jobs = len(opened)
        context.figures.pending_results = len(pending)
        context.progress.next_package()

    def _find_broken_off(self, state: WarehouseState) -> list[SyncRun]:
        """Runs whose rows go with the first package; of a backfill's, others may be under way."""
        if self.context.window is not None or self.broken_off_runs is not None:
            return []
        return state.broken_off_runs()

    def detach(self) -> None:
        """A package has ended: its connection is closed."""
        self.context.warehouse.detach()
        self.is_loading = True

    def report(self) -> None:
        """Tells whoever watches how far the run is, once a second at most."""
        now = self.request.clock.monotonic()
        if self.request.on_progress is not None and now - self._reported >= 1:
            self._reported = now
            self.request.on_progress(self)

    # -- the outcome ------------------------------------------------------------------------

    @property
    def cut_short_by(self) -> str | None:
        """What came before the plan's end, the deadline or a signal; None where nothing did."""
        request = self.request
        was_stopped = request.is_late or request.stop_reason is not None
        if self.context.outcome.left_work or (was_stopped and not self.done):
            return request.stop_reason or "the deadline"
        return None

    @property
    def exit_code(self) -> int:
        """As of the command line, for what is known so far."""
        rejected = self.context.figures.rejected
        return self.context.outcome.exit_code(rejected, self.cut_short_by is not None)

    def row(self) -> SyncRun:
        """The run's row, as far as it has come."""
        context = self.context
        figures, counters = context.figures, context.api.counters
        return SyncRun(
            run_id=self.request.run_id,
            provider=context.provider.name,
            account=context.settings.account,
            ok=self.exit_code == EXIT_DONE,
            exit_code=self.exit_code,
            error=context.outcome.error(figures.rejected, self.cut_short_by),
            jobs_listed=figures.jobs_listed,
            jobs_new=figures.jobs_new,
            jobs_changed=figures.jobs_changed,
            status_events=figures.status_events,
            results_loaded=figures.results_loaded,
            chunks=figures.chunks,
            segments=figures.segments,
            rejected=figures.rejected,
            requests=counters.requests,
            retries=counters.retries,
            throttled=counters.throttled,
            cursor=context.kept_progress.cursor,
            open_jobs=figures.open_jobs,
            pending_results=figures.pending_results,
            missing_jobs=figures.missing_jobs,
            doubted_since=context.missing.doubted_since,
            duration_seconds=round((self.finished_at - self.started_at).total_seconds(), 3),
            started_at=self.started_at,
            finished_at=self.finished_at,
            version=__version__,
        )

    async def close(self) -> None:
        """Ends the run: closes what reads answers, and the connections."""
        self._tell_of_foreign_jobs()
        self._tell_of_other_jobs()
        await self.ahead.close()
        await self.context.api.reader.close()
        items = self._items
        if items is not None:
            await items.aclose()  # type: ignore[attr-defined]
            await self.context.api.client.__aexit__(None, None, None)

    def _tell_of_foreign_jobs(self) -> None:
        context = self.context
        if not context.foreign.count:
            return
        provider, account = context.provider.name, context.settings.account
        owners = sorted(context.foreign.owners)
        _LOG.warning(
            "%s job(s) that %s:%s has met were loaded by %s first, and are left as they are (a "
            "renamed section? two keys of one project?); to give them this account's name: %s",
            f"{context.foreign.count:,}",
            provider,
            account,
            " and ".join(f"{provider}:{owner}" for owner in owners),
            "; ".join(
                f"docjobs rename {provider}:{owner} {provider}:{account}" for owner in owners
            ),
        )

    def _tell_of_other_jobs(self) -> None:
        counts = self.context.others.counts
        if counts:
            _LOG.warning(
                "%s job(s) of %s are left out, for they are no %s jobs: %s",
                f"{counts.total():,}",
                self.context.provider.title,
                " or ".join(self.context.provider.kinds),
                ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items())),
            )
