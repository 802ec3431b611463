"""The jobs of one package: what is known of each, and what the run's answers make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import RejectedRecord
from dlt_docjobs.model.times import middle
from dlt_docjobs.model.vocabulary import EXPIRED, SUCCEEDED, JobKind
from dlt_docjobs.providers.protocol import Rejection
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.job_rows import (
    JobEntry,
    JobRows,
    needs_last_progress,
    stands_for_progress,
)
from dlt_docjobs.sync.rejections import rejected_record, unknown_id
from dlt_docjobs.sync.settings import Wanted, reloaded_states
from dlt_docjobs.tables import RESULT_TABLES, TABLES
from dlt_docjobs.tables.arrow import RowBuffer
from dlt_docjobs.warehouse.state import JobRef, KnownJob


class Observing:
    """The jobs of one package.

    Job rows are kept until the package ends, so that a job that appears twice, or changes while
    it is fetched, is one row with all its events.

    Attributes:
        rejected_bytes: Of payloads that could not be read.

    Args:
        context: The run.
        wanted: Which tables to fill.
    """

    def __init__(self, context: RunContext, wanted: Wanted) -> None:
        self.job_rows = JobRows(context.api, context.settings)
        self._context = context
        self._settings = context.settings
        self._wanted = wanted
        self._entries: dict[JobRef, JobEntry] = {}
        self._known: dict[JobRef, KnownJob] = {}
        self._rejections: dict[str, RejectedRecord] = {}
        self.rejected_bytes = 0

    def __len__(self) -> int:
        """How many jobs the package has."""
        return len(self._entries)

    # -- what is known ----------------------------------------------------------------------

    async def know(self, kind: JobKind, job_ids: Iterable[str]) -> None:
        """Looks up what the warehouse knows, once a job and package."""
        if len(self._known) > 4 * self._settings.max_jobs_per_package:
            self._known.clear()
        missing = [
            job_id
            for job_id in job_ids
            if (kind, job_id) not in self._entries and (kind, job_id) not in self._known
        ]
        found = await self._context.warehouse.lookup(kind, missing)
        self._known.update(((kind, job_id), known) for job_id, known in found.items())

    async def know_all(self, refs: Iterable[JobRef]) -> None:
        """Looks up what the warehouse knows of jobs of several kinds."""
        by_kind: dict[JobKind, list[str]] = {}
        for kind, job_id in refs:
            by_kind.setdefault(kind, []).append(job_id)
        for kind, job_ids in by_kind.items():
            await self.know(kind, job_ids)

    async def know_progress(self, seen: Iterable[JobObservation]) -> None:
        """Looks up the last progress of jobs whose row does not say whether it has changed."""
        refs = [
            one.ref
            for one in seen
            if (known := self._known.get(one.ref)) is not None
            and ((entry := self._entries.get(one.ref)) is None or entry.last_progress is None)
            and needs_last_progress(known, one)
        ]
        if not refs:
            return
        last = await self._context.warehouse.read(lambda state: state.last_progress(refs))
        for ref, row in last.items():
            self.entry(ref).last_progress = row

    def is_known(self, ref: JobRef) -> bool:
        """Whether the package or the warehouse has a job."""
        return ref in self._known or ref in self._entries

    def leave(self, ref: JobRef) -> bool:
        """Whether a job belongs to another account: then it is counted, and left as it is."""
        return self._context.leave(ref, self._known.get(ref))

    def is_deleted(self, ref: JobRef) -> bool:
        """Whether the provider has said that a job was deleted: a list's row may outlive it."""
        entry = self._entries.get(ref) or self._known.get(ref)
        return entry is not None and entry.history is not None and entry.history.is_deleted

    def has(self, ref: JobRef) -> bool:
        """Whether the package has a job."""
        return ref in self._entries

    def tier_of(self, ref: JobRef) -> str | None:
        """The tier of a job of the package, where it is known."""
        entry = self._entries.get(ref)
        return entry.row.tier if entry is not None and entry.row is not None else None

    def entry(self, ref: JobRef) -> JobEntry:
        """The package's entry of a job, made from what is known where there is none."""
        entry = self._entries.get(ref)
        if entry is None:
            entry = self._entries[ref] = self.job_rows.entry(ref, self._known.get(ref))
        return entry

    def created(self, seen: JobObservation) -> datetime | None:
        """When an observed job was created, as far as it or the warehouse says."""
        if seen.created_at is not None:
            return seen.created_at
        known = self._known.get(seen.ref)
        if known is not None and known.row is not None and known.row.created_at is not None:
            return known.row.created_at
        if seen.created_at_latest is not None and seen.created_at_earliest is not None:
            return middle(seen.created_at_earliest, seen.created_at_latest)
        return seen.created_at_latest

    def is_outside(self, seen: JobObservation) -> bool:
        """Whether a listed job lies outside what was asked for, however the server filters."""
        if seen.job_kind not in self._settings.kinds:
            return True
        created = self.created(seen)
        window = self._context.window
        if window is not None:
            if created is None:
                return True
            early = window.since is not None and created < window.since
            return early or (window.until is not None and created >= window.until)
        start = self._settings.start_date
        known = self._known.get(seen.ref)
        is_known = known is not None and known.owner is None
        return start is not None and created is not None and created < start and not is_known

    def count_listed(self, seen: JobObservation) -> None:
        """Counts a listed job, once however often the lists repeat it."""
        if self._context.looked.is_first_listing(seen.ref):
            self._context.figures.jobs_listed += 1

    # -- what is learnt ---------------------------------------------------------------------

    def observe(self, seen: JobObservation) -> JobEntry | None:
        """Applies an observation; None where it changes nothing that has to be written."""
        looked = self._context.looked
        ref = seen.ref
        entry = self._entries.get(ref) or self.job_rows.entry(ref, self._known.get(ref))
        if not self.applies(entry, seen):
            return None
        looked.note(ref)
        if ref in looked.asked_for_usage:
            # at most once a day: the row's last_observed_at is the memory of it
            entry.is_changed = True
        self._decide_result(entry)
        if not entry.must_write and not entry.wants_result:
            return None
        self.keep(entry)
        return entry

    def applies(self, entry: JobEntry, seen: JobObservation) -> bool:
        """Applies an observation to an entry; one that can't be stored goes aside, and False."""
        try:
            self.apply(entry, seen)
        except Exception as error:
            endpoint = f"/{seen.job_kind}/{seen.job_id}"
            is_told = isinstance(error, ValueError)
            text = str(error) if is_told else f"{type(error).__name__} while it was handled"
            self.reject([Rejection(endpoint, *seen.ref, text, seen.payload)])
            return False
        return True

    def apply(self, entry: JobEntry, seen: JobObservation) -> None:
        """Applies an observation to an entry.

        Raises:
            ValueError: The answer holds JSON that nests too deep to be stored.
        """
        row = entry.row
        if (
            entry.last_progress is None
            and row is not None
            and seen.has_progress
            and not needs_last_progress(entry.known, seen)
        ):
            # the row says the same as the answer: there is nothing to look up
            entry.last_progress = stands_for_progress(row)
        self.job_rows.observe(entry, seen)

    def keep(self, entry: JobEntry) -> None:
        """Makes an entry part of the package."""
        self._entries[entry.ref] = entry
        self.note(entry)

    def note(self, entry: JobEntry) -> None:
        """Remembers whether a job is open, and that something has changed."""
        looked = self._context.looked
        if entry.events:
            looked.changes += 1
        if entry.is_open and entry.row is not None and entry.row.given_up_at is None:
            looked.open_refs.add(entry.ref)
        else:
            looked.open_refs.discard(entry.ref)

    async def take_missing(self, seen: JobObservation) -> None:
        """Takes a 404 for a job."""
        ref = seen.ref
        if self._context.warehouse.is_forgotten(seen.job_id):
            return
        await self.know(seen.job_kind, [seen.job_id])
        if self.leave(ref):
            return
        self._context.looked.note(ref)
        known, entry = self._known.get(ref), self._entries.get(ref)
        history = entry.history if entry is not None else known.history if known else None
        is_expired = history is not None and history.last.status == EXPIRED
        if entry is None and history is None:
            self.reject([unknown_id(ref)])
        elif is_expired and not (known is not None and known.is_uncommitted):
            # nothing new: a job that the user names is asked for all the same
            return
        elif seen.is_deleted or self.job_rows.is_forgotten_by_provider(self.entry(ref), seen):
            self._expire(ref, seen)
        else:
            self._context.missing.hold(seen)

    async def conclude_missing(self, has_room: Callable[[], bool]) -> bool:
        """Believes the 404s of the run, or none of them; False where some are left to do.

        Args:
            has_room: Whether the package may have another job.
        """
        context = self._context
        missing = context.missing
        if missing.is_doubtful:
            since = await context.warehouse.read(lambda state: state.doubted_since())
            missing.doubted_since = since or context.clock.now()
            context.outcome.problems.append(
                f"{missing.drop()} known jobs answer 404 at once, more than half of those asked "
                "for. None is taken for gone and the cursor stays: is the key another project's, "
                "base_url another region's, or is there an outage? See docjobs status"
            )
            return True
        while has_room() and (seen := missing.take()) is not None:
            await self.know(seen.job_kind, [seen.job_id])
            entry = self.entry(seen.ref)
            if missing.is_believed or self.job_rows.is_confirmed(entry, seen):
                self._expire(seen.ref, seen)
            else:
                self.job_rows.miss(entry, seen)
                context.figures.missing_jobs += 1
                context.outcome.problems.append(
                    f"{seen.job_kind} job {seen.job_id} answers 404; a later sync that meets it "
                    "again calls it expired"
                )
        return not missing.count

    def _expire(self, ref: JobRef, seen: JobObservation) -> None:
        entry = self.entry(ref)
        self.job_rows.expire(entry, seen)
        self.note(entry)

    def reject(self, rejections: Iterable[Rejection]) -> None:
        """Sets aside what can't be read."""
        context = self._context
        for rejection in rejections:
            if context.warehouse.is_forgotten(rejection.job_id):
                continue
            record = rejected_record(
                self._settings,
                rejection,
                context.api.without_content,
                context.api.name_keys,
                context.api.link_keys,
                context.clock.now(),
                context.request.run_id,
            )
            if self._rejections.setdefault(record.rejection_id, record) is record:
                self.rejected_bytes += len(record.payload or "")

    def _decide_result(self, entry: JobEntry) -> None:
        """Decides whether the entry's result is to be fetched in this run."""
        assert entry.row is not None
        kind = entry.ref[0]
        state = entry.row.results_state
        wanted = self._wanted.any_result(kind)
        if state == "pending" and not wanted:
            self.job_rows.conclude(entry, "skipped")
        elif not wanted or entry.is_fetching:
            entry.wants_result = False
        elif self._is_named(kind):
            entry.wants_result = entry.row.status == SUCCEEDED
        elif self._settings.reload is not None:
            entry.wants_result = state in reloaded_states(self._settings.reload)
        elif self._context.window is not None:
            whole = self._wanted.whole_result(kind)
            entry.wants_result = state == "pending" or (state == "skipped" and whole)
        elif entry.ref in self._context.looked.resting and not entry.events:
            entry.wants_result = False

    def _is_named(self, kind: JobKind) -> bool:
        """Whether a reload names its jobs: it then wants them, whatever was concluded before.

        Where no list shows the jobs, ids are where they come from, and pick none of them out.
        """
        reload, is_unlisted = self._settings.reload, kind in self._context.provider.unlisted
        if reload is None or self._settings.targets is None:
            return False
        return reload == "all" or not is_unlisted

    # -- what is written --------------------------------------------------------------------

    async def buffers(self) -> dict[str, RowBuffer]:
        """The rows of jobs, events, progress and rejections; counts them."""
        context, figures = self._context, self._context.figures
        run = context.request.run_id
        buffers = {name: RowBuffer(TABLES[name]) for name in TABLES if name not in RESULT_TABLES}
        for entry in self._entries.values():
            key = context.key(entry.ref)
            if entry.row is None:
                continue
            figures.status_events += len(entry.events)
            if entry.is_new:
                figures.jobs_new += 1
            elif entry.is_changed:
                figures.jobs_changed += 1
            if entry.must_write:
                buffers["jobs"].add([entry.row], key, run)
            buffers["job_status_history"].add(entry.events, key, run)
            buffers["job_progress"].add(entry.progress, key, run)
            was_open = entry.known.history is not None and entry.known.history.is_open
            figures.open_jobs += int(entry.is_open) - int(was_open)
            old = entry.known.row
            was_pending = old is not None and old.results_state == "pending"
            figures.pending_results += int(entry.row.results_state == "pending") - int(was_pending)
        await self._add_rejections(buffers["rejected_records"])
        return buffers

    async def _add_rejections(self, buffer: RowBuffer) -> None:
        """New rejections only: a second sight of the same adds no row and does not count."""
        context = self._context
        ids = list(self._rejections)
        seen = await context.warehouse.read(lambda state: state.rejections(ids)) if ids else {}
        for identifier, record in self._rejections.items():
            if identifier not in seen:
                context.figures.rejected += 1
                buffer.add([record])
