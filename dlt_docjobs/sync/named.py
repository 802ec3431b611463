"""The jobs that the user names: which of them are due, and which nobody has asked for yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from dlt_docjobs.model.times import UTC, shifted
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import JobPage, Rejection
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.items import Answered, Barrier, FetchNew, Item, Observed
from dlt_docjobs.sync.polling import Polling
from dlt_docjobs.sync.rejections import unknown_id_rejection
from dlt_docjobs.sync.settings import Window
from dlt_docjobs.warehouse.state import JobRef

_UNKNOWN_ID_FOR: Final = timedelta(hours=24)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED_AT_ONCE: Final = 2000

# by kind: jobs that have ended are asked for again if they were created since
_Since = Mapping[JobKind, datetime | None]


class NamedJobs:
    """The jobs that the user of one run names.

    Args:
        context: The run.
        polling: Asks for them.
    """

    def __init__(self, context: RunContext, polling: Polling) -> None:
        self._context = context
        self._settings = context.settings
        self._polling = polling

    @property
    def kinds(self) -> list[JobKind]:
        """The kinds that no list shows, as far as they are wanted."""
        unlisted = self._context.provider.unlisted
        return [kind for kind in self._settings.kinds if kind in unlisted]

    async def refs(self) -> list[JobRef]:
        """The user's ids with the kinds that they are known under, or that they look like."""
        named = list(self._settings.targets or ())
        kinds = await self._context.warehouse.read(
            lambda state: state.job_kinds(job_id for job_id, kind in named if kind is None)
        )
        refs: list[JobRef] = []
        for job_id, kind in named:
            if kind is not None:
                refs.append((kind, job_id))
                continue
            guess = self._context.provider.kind_of(job_id)
            refs.extend((known, job_id) for known in sorted(kinds.get(job_id, {guess})))
        return [ref for ref in refs if ref[0] in self._settings.kinds]

    def rejected(self) -> JobPage:
        """The user's ids of kinds that the provider does not have."""
        provider = self._context.provider
        return JobPage(
            [],
            [
                Rejection(
                    f"/{kind}/{job_id}", kind, job_id, f"{provider.title} has no {kind} jobs", None
                )
                for job_id, kind in self._settings.targets or ()
                if kind is not None and kind not in provider.kinds
            ],
        )

    async def read(self) -> AsyncIterator[Item]:
        """The named jobs that are due: new ones, and those that are open or within the lag."""
        context, progress = self._context, self._context.progress.kinds
        since: dict[JobKind, datetime | None] = {}
        for kind in self.kinds:
            progress[kind].drop_future(context.clock.now())
            cursor = progress[kind].cursor
            since[kind] = shifted(cursor, -self._settings.lag) if cursor else None
            progress[kind].begin(Window(None, None), False)
        began = context.clock.now()
        async for new, due in self._due_jobs(since):
            if new:
                context.results.known += len(new)
                yield FetchNew(new, progress)
            async for item in self._polling.poll(due, is_listed=True):
                seen = item.page.observations if isinstance(item, Observed) else []
                if isinstance(item, Answered):
                    seen = [item.answer.observation]
                for one in seen:
                    progress[one.job_kind].note(one.created_at)
                yield item
        yield Barrier()
        if context.must_stop:
            return
        for kind in self.kinds:
            progress[kind].note(await self._newest(kind))
            progress[kind].finish(context.clocks.earlier(began))

    async def read_window(self, since: datetime | None) -> AsyncIterator[Item]:
        """The named jobs, and those that are known from an instant on."""
        refs = [ref for ref in self._targets() if ref[0] in self.kinds]
        for kind in self.kinds:
            known = await self._known_since(kind, since or _BEGINNING)
            refs.extend((kind, job_id) for job_id in known)
        async for item in self._polling.poll(list(dict.fromkeys(refs)), is_listed=True):
            yield item

    async def _due_jobs(self, since: _Since) -> AsyncIterator[tuple[list[JobRef], list[JobRef]]]:
        """New jobs and those to be asked for again, so many named ones at a time."""
        is_forgotten = self._context.warehouse.is_forgotten
        targets = dict.fromkeys(
            ref for ref in self._targets() if ref[0] in self.kinds and not is_forgotten(ref[1])
        )
        for kind in self.kinds:
            # as many as are named may have ended long ago: they cost no look at their rows
            settled = await self._settled(kind, since[kind]) if targets else ()
            for job_id in settled:
                targets.pop((kind, job_id), None)
        refs = list(targets)
        for start in range(0, len(refs), _NAMED_AT_ONCE):
            yield await self._due(refs[start : start + _NAMED_AT_ONCE], since)

    async def _due(self, refs: list[JobRef], since: _Since) -> tuple[list[JobRef], list[JobRef]]:
        context = self._context
        new: list[JobRef] = []
        due: list[JobRef] = []
        for kind in self.kinds:
            ids = [job_id for of_kind, job_id in refs if of_kind == kind]
            known = await context.warehouse.lookup(kind, ids)
            bound = since[kind]
            for job_id in ids:
                if (kind, job_id) in context.looked.observed:
                    continue
                found = known.get(job_id)
                if context.leave((kind, job_id), found):
                    continue
                if found is None:
                    new.append((kind, job_id))
                elif found.row is None or found.history is None:
                    due.append((kind, job_id))
                elif found.history.is_open:
                    if found.row.given_up_at is None:
                        due.append((kind, job_id))
                elif bound and found.row.created_at and found.row.created_at >= bound:
                    due.append((kind, job_id))
        marks = {ref: unknown_id_rejection(self._settings, ref) for ref in new}
        rejected = await context.warehouse.read(lambda state: state.rejections(marks.values()))
        limit = context.clock.now() - _UNKNOWN_ID_FOR
        # the provider did not know these: it is asked for a day, whether it does by now
        due += [ref for ref in new if rejected.get(marks[ref], _BEGINNING) >= limit]
        return [ref for ref in new if marks[ref] not in rejected], due

    def _targets(self) -> Iterable[JobRef]:
        for job_id, kind in self._settings.targets or ():
            yield (kind or self._context.provider.kind_of(job_id), job_id)

    async def _settled(self, kind: JobKind, before: datetime | None) -> Iterable[str]:
        return await self._context.warehouse.read(lambda state: state.settled(kind, before))

    async def _newest(self, kind: JobKind) -> datetime | None:
        return await self._context.warehouse.read(lambda state: state.newest_job(kind))

    async def _known_since(self, kind: JobKind, since: datetime) -> list[str]:
        return await self._context.warehouse.read(lambda state: state.recent_jobs(kind, since))
