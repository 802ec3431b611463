"""One load package: takes from the run's plan until it is full, fetches results, makes Arrow.

Job rows are kept until the package ends, so that a job that appears twice, or changes while it
is fetched, is one row with all its events; there are at most `max_jobs_per_package`. Results go
out in batches as they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, Final

from dlt_docjobs.http import ApiError, InvalidIdentifier, NotFound, ResponseTooLarge, UnreadableBody
from dlt_docjobs.model.cleaning import clean_json, to_json_text
from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.model.records import ExtractionResult
from dlt_docjobs.model.times import middle
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import Extraction, JobAnswer, JobPage, Rejection
from dlt_docjobs.sync.ledger import (
    JobEntry,
    Ledger,
    needs_last_progress,
    stands_for_progress,
)
from dlt_docjobs.sync.plan import Answered, Cut, Fetch, Gone, Item, Look, Seen, Settle
from dlt_docjobs.sync.progress import KindProgress
from dlt_docjobs.sync.rejections import payload_of, rejected_record, rejection_id, unknown_id
from dlt_docjobs.sync.result_rows import Batch, Emit, ResultRows
from dlt_docjobs.sync.session import Session, Wanted
from dlt_docjobs.tables import RESULT_TABLES, TABLES
from dlt_docjobs.tables.arrow import RowBuffer, batch_of_rows
from dlt_docjobs.warehouse.state import JobRef, KnownJob

_RESULT_FORGOTTEN_SECONDS: Final = 24 * 3600
_NO_RESULT: Final = "it succeeded, but came without a result"


class Package:
    """Fills one load package of a session.

    Args:
        session: The run.
        wanted: Which tables to fill.
        emit: Takes a batch of Arrow tables; waits while the writer is behind.
        replaces: False where new results may be inserted without looking for earlier ones.
        by_row: Whether rows that go have to be named one by one (tables that only upsert).
        reads_ahead: Whether another package of the run follows, if this one is full.
    """

    def __init__(
        self,
        session: Session,
        wanted: Wanted,
        emit: Emit,
        *,
        replaces: bool = True,
        by_row: bool = False,
        reads_ahead: bool = False,
    ) -> None:
        self._session = session
        self._settings = session.settings
        self._api = session.api
        self._wanted = wanted
        self.emit = emit
        self._ledger = Ledger(session.api, session.settings)
        self._entries: dict[JobRef, JobEntry] = {}
        self._known: dict[JobRef, KnownJob] = {}
        self._rejections: dict[str, Rejection] = {}
        self._results = ResultRows(session, wanted, emit, replaces=replaces, by_row=by_row)
        self._reads_ahead = reads_ahead
        self._fetches: set[asyncio.Task[None]] = set()
        self._looking: set[JobRef] = set()
        self._places = asyncio.Semaphore(2 * session.settings.max_concurrency)

    async def run(self) -> None:
        """Takes items until the package is full or the plan ends, then writes what it knows."""
        session = self._session
        session.ahead.end()
        was_stopped = session.must_stop
        work = self._take_what_came() if was_stopped else self._take_items()
        taking = asyncio.create_task(work)
        try:
            while not taking.done():
                await asyncio.wait({taking}, timeout=0.1)
                if session.must_stop and not was_stopped and taking.cancel():
                    # an answer that does not come must not hold up the end of the run
                    session.left_work = True
                    await asyncio.wait({taking})
            if not taking.cancelled():
                taking.result()
        except ApiError as error:
            # what came before the refusal is kept
            session.fail(str(error), error)
        await self._finish_fetches()
        if self._reads_ahead and self._is_full:
            session.ahead.begin(self._next_results())
        last_word = await self._results.finish()
        session.finished_at = session.clock.now()
        await self.emit(await self._job_batch() | last_word)

    @property
    def replaces(self) -> bool:
        """Whether any result in the package, so far, takes the place of an earlier one."""
        return self._results.replaces

    def _next_results(self) -> Iterator[tuple[JobRef, str | None]]:
        """The results that the next package will ask for first, with the tiers of their jobs."""
        for item in self._session.carried:
            if isinstance(item, Look):
                for ref in item.refs:
                    if self._wanted.any_result(ref[0]) and ref not in self._entries:
                        yield ref, None
            elif isinstance(item, Fetch) and (entry := self._entries.get(item.ref)) is not None:
                yield item.ref, entry.row.tier if entry.row else None

    # -- items ------------------------------------------------------------------------------

    async def _take_items(self) -> None:
        session = self._session
        while not self._is_full:
            item = await session.next_item()
            if item is None or isinstance(item, Cut):
                return
            await self._take(item)
            session.report()

    async def _take_what_came(self) -> None:
        """A run that stops asks for nothing more, but loses no result that it has read ahead."""
        session = self._session
        for item in session.carried:
            if isinstance(item, Look):
                for kind, job_id in filter(session.ahead.has_come, item.refs):
                    await self._know(kind, [job_id])
                    await self._look((kind, job_id), item.progress[kind])
            elif isinstance(item, Fetch) and session.ahead.has_come(item.ref):
                kind, job_id = item.ref
                await self._know(kind, [job_id])
                entry = self._entry(item.ref)
                if entry.row is not None:
                    await self._fetch(entry)
        await session.ahead.close()

    @property
    def _is_full(self) -> bool:
        return self._results.is_full or len(self._entries) >= self._settings.max_jobs_per_package

    async def _take(self, item: Item) -> None:
        if isinstance(item, Seen):
            await self._take_page(item)
        elif isinstance(item, Answered):
            seen = item.answer.observation
            if not self._is_forgotten(seen.job_id):
                await self._know(seen.job_kind, [seen.job_id])
                await self._take_answer(item.answer)
        elif isinstance(item, Look):
            await self._take_look(item)
        elif isinstance(item, Settle):
            while self._looking:
                await asyncio.wait(self._fetches, return_when=asyncio.FIRST_COMPLETED)
        elif isinstance(item, Gone):
            await self._take_gone(item.observation)
        elif isinstance(item, Fetch):
            kind, job_id = item.ref
            await self._know(kind, [job_id])
            entry = self._entry(item.ref)
            if entry.row is not None and not entry.is_fetching:
                await self._start_fetch(entry)
            else:
                self._session.results_ended += 1

    async def _take_page(self, item: Seen) -> None:
        session = self._session
        self._reject(one for one in item.page.rejections if not self._is_forgotten(one.job_id))
        seen = [one for one in item.page.observations if not self._is_forgotten(one.job_id)]
        for kind in self._settings.kinds:
            await self._know(kind, [one.job_id for one in seen if one.job_kind == kind])
        await self._know_progress(seen)
        due: list[JobEntry] = []
        for place, one in enumerate(seen):
            if self._is_full:
                rest = JobPage(seen[place:], [])
                session.carried.insert(0, Seen(rest, item.is_list, item.progress))
                break
            if item.is_list and self._is_outside(one):
                continue
            if item.is_list:
                session.count_listed(one)
            if item.progress is not None:
                item.progress.saw(self._created(one))
            entry = self._observe(one)
            if entry is not None and self._is_due(entry):
                due.append(entry)
        # the whole page is known before a fetch makes it wait: a stop then loses none of it
        session.results_known += len(due)
        while due and not self._results.is_full:
            entry = due.pop(0)
            if self._is_due(entry):
                await self._start_fetch(entry)
            else:
                session.results_ended += 1
        session.carried[:0] = [Fetch(entry.ref) for entry in due if self._is_due(entry)]

    async def _take_answer(self, answer: JobAnswer) -> JobEntry | None:
        """Takes an answer about a named job, and its result if it holds one."""
        self._session.note_answer()
        seen = answer.observation
        if self._is_outside(seen):
            return None
        self._session.count_listed(seen)
        entry = self._observe(seen)
        if entry is not None and answer.has_result:
            await self._keep_result(entry, answer)
        return entry

    async def _take_look(self, item: Look) -> None:
        """Asks for jobs that no run has seen, as many at a time as the package has room for."""
        for kind in self._settings.kinds:
            await self._know(kind, [job_id for of_kind, job_id in item.refs if of_kind == kind])
        most = self._settings.max_jobs_per_package
        for place, ref in enumerate(item.refs):
            while len(self._entries) + len(self._looking) >= most and self._looking:
                await asyncio.wait(self._fetches, return_when=asyncio.FIRST_COMPLETED)
            if self._is_full:
                self._session.carried.insert(0, Look(item.refs[place:], item.progress))
                return
            # named twice: an earlier package of this run has it, or this one
            if ref not in self._known and ref not in self._entries and ref not in self._looking:
                self._looking.add(ref)
                await self._start(self._look(ref, item.progress[ref[0]]))
            else:
                self._session.results_ended += 1

    def _is_forgotten(self, job_id: str | None) -> bool:
        return job_id is not None and self._session.is_forgotten(job_id)

    async def _take_gone(self, seen: JobObservation) -> None:
        ref = (seen.job_kind, seen.job_id)
        if self._is_forgotten(seen.job_id):
            return
        await self._know(seen.job_kind, [seen.job_id])
        self._session.saw(ref)
        known = self._known.get(ref)
        if ref not in self._entries and (known is None or known.history is None):
            self._reject([unknown_id(ref)])
            return
        entry = self._entry(ref)
        self._ledger.expire(entry, seen)
        self._note(entry)

    def _observe(self, seen: JobObservation) -> JobEntry | None:
        """Applies an observation; None where it changes nothing that has to be written."""
        session = self._session
        ref = (seen.job_kind, seen.job_id)
        entry = self._entries.get(ref) or self._ledger.entry(ref, self._known.get(ref))
        try:
            self._apply(entry, seen)
        except ValueError as error:
            endpoint = f"/{seen.job_kind}/{seen.job_id}"
            self._reject([Rejection(endpoint, *ref, str(error), seen.payload)])
            return None
        session.saw(ref)
        if ref in session.asked_for_usage:
            # at most once a day: the row's last_observed_at is the memory of it
            entry.is_changed = True
        self._want(entry)
        if not entry.must_write and not entry.wants_result:
            return None
        self._entries[ref] = entry
        self._note(entry)
        return entry

    def _apply(self, entry: JobEntry, seen: JobObservation) -> None:
        row = entry.row
        if (
            entry.last_progress is None
            and row is not None
            and seen.has_progress
            and not needs_last_progress(entry.known, seen)
        ):
            # the row says the same as the answer: there is nothing to look up
            entry.last_progress = stands_for_progress(row)
        self._ledger.observe(entry, seen)

    def _want(self, entry: JobEntry) -> None:
        """Decides whether the entry's result is to be fetched in this run."""
        assert entry.row is not None
        kind = entry.ref[0]
        state = entry.row.results_state
        wanted = self._wanted.any_result(kind)
        if state == "pending" and not wanted:
            self._ledger.conclude(entry, "skipped")
        elif not wanted or entry.is_fetching:
            entry.wants_result = False
        elif self._settings.reload is not None:
            reload = {"failed": ("failed",), "skipped": ("skipped",)}.get(
                self._settings.reload, ("loaded", "failed", "skipped")
            )
            entry.wants_result = state in ("pending", *reload)
        elif self._session.window is not None:
            whole = self._wanted.whole_result(kind)
            entry.wants_result = state == "pending" or (state == "skipped" and whole)

    def _is_due(self, entry: JobEntry) -> bool:
        return entry.wants_result and not entry.is_fetching

    def _note(self, entry: JobEntry) -> None:
        session = self._session
        if entry.events:
            session.changes += 1
        if entry.is_open and entry.row is not None and entry.row.given_up_at is None:
            session.open_refs.add(entry.ref)
        else:
            session.open_refs.discard(entry.ref)

    def _entry(self, ref: JobRef) -> JobEntry:
        entry = self._entries.get(ref)
        if entry is None:
            entry = self._entries[ref] = self._ledger.entry(ref, self._known.get(ref))
        return entry

    async def _know(self, kind: JobKind, job_ids: Iterable[str]) -> None:
        """Looks up what the warehouse knows, once a job and package."""
        if len(self._known) > 4 * self._settings.max_jobs_per_package:
            self._known.clear()
        missing = [
            job_id
            for job_id in job_ids
            if (kind, job_id) not in self._entries and (kind, job_id) not in self._known
        ]
        found = await self._session.lookup(kind, missing)
        self._known.update(((kind, job_id), known) for job_id, known in found.items())

    async def _know_progress(self, seen: Iterable[JobObservation]) -> None:
        refs = [
            (one.job_kind, one.job_id)
            for one in seen
            if (known := self._known.get((one.job_kind, one.job_id))) is not None
            and (
                (entry := self._entries.get((one.job_kind, one.job_id))) is None
                or entry.last_progress is None
            )
            and needs_last_progress(known, one)
        ]
        if not refs:
            return
        last = await self._session.read(lambda memory: memory.last_progress(refs))
        for ref, row in last.items():
            self._entry(ref).last_progress = row

    def _created(self, seen: JobObservation) -> Any:
        if seen.created_at is not None:
            return seen.created_at
        known = self._known.get((seen.job_kind, seen.job_id))
        if known is not None and known.row is not None and known.row.created_at is not None:
            return known.row.created_at
        if seen.created_at_latest is not None and seen.created_at_earliest is not None:
            return middle(seen.created_at_earliest, seen.created_at_latest)
        return seen.created_at_latest

    def _is_outside(self, seen: JobObservation) -> bool:
        """Whether a listed job lies outside what was asked for, however the server filters."""
        created = self._created(seen)
        window = self._session.window
        if window is not None:
            if created is None:
                return True
            early = window.since is not None and created < window.since
            return early or (window.until is not None and created >= window.until)
        start = self._settings.start_date
        is_known = (seen.job_kind, seen.job_id) in self._known
        return start is not None and created is not None and created < start and not is_known

    # -- results ----------------------------------------------------------------------------

    async def _start_fetch(self, entry: JobEntry) -> None:
        entry.is_fetching = True
        await self._start(self._fetch(entry))

    async def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Lets a request run beside the plan, as soon as there is a place for it."""
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            work.close()
            raise
        if self._session.must_stop:
            self._session.left_work = True
            self._places.release()
            work.close()
            return
        task = asyncio.create_task(work)
        self._fetches.add(task)
        task.add_done_callback(self._fetch_ended)

    def _fetch_ended(self, task: asyncio.Task[None]) -> None:
        self._places.release()
        self._fetches.discard(task)
        self._session.results_ended += 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self._session.problems.append(str(error))
            self._session.fatal = self._session.fatal or f"a result could not be handled: {error!r}"

    async def _finish_fetches(self) -> None:
        """Waits for fetches under way; a stop or the deadline leaves the rest pending."""
        while self._fetches:
            await asyncio.wait(self._fetches, timeout=0.1)
            if self._session.must_stop and self._fetches:
                self._session.left_work = True
                for task in list(self._fetches):
                    task.cancel()
                await asyncio.gather(*self._fetches, return_exceptions=True)

    async def _look(self, ref: JobRef, progress: KindProgress) -> None:
        try:
            await self._look_at(ref, progress)
        finally:
            self._looking.discard(ref)

    async def _look_at(self, ref: JobRef, progress: KindProgress) -> None:
        """Asks for a job that no run has seen, with its result where that is wanted."""
        kind, job_id = ref
        session = self._session
        wants_result = self._wanted.any_result(kind)
        problem: Exception | None = None
        try:
            try:
                ask = session.ahead.result if wants_result else self._api.status
                answer = await ask(kind, job_id)
            except (UnreadableRecord, ApiError) as error:
                is_fatal = isinstance(error, ApiError) and error.is_fatal
                if is_fatal or not wants_result or self._api.status_has_result(kind):
                    raise
                # the job may be known all the same, where it is asked for without its result
                problem = error
                answer = await self._api.status(kind, job_id)
        except NotFound as error:
            await self._take_gone(session.empty_observation(kind, job_id, error))
        except (InvalidIdentifier, UnreadableRecord, UnreadableBody) as error:
            payload = payload_of(error)
            self._reject([Rejection(f"/{kind}/{job_id}", kind, job_id, str(error), payload)])
        except ApiError as error:
            session.fail(f"{kind} job {job_id} could not be asked for: {error}", error)
        else:
            progress.saw(answer.observation.created_at)
            entry = await self._take_answer(answer)
            if entry is None or answer.has_result or not self._is_due(entry):
                return
            entry.is_fetching = True
            if isinstance(problem, NotFound):
                self._result_gone(entry, problem)
            else:
                payload = answer.observation.payload
                self._result_failed(entry, problem or UnreadableRecord(_NO_RESULT, payload))

    async def _fetch(self, entry: JobEntry) -> None:
        """Fetches the result of a job that is known."""
        kind, job_id = entry.ref
        session = self._session
        tier = entry.row.tier if entry.row else None
        try:
            answer = await session.ahead.result(kind, job_id, tier)
        except NotFound as error:
            await self._confirm_gone(entry, error)
        except (UnreadableRecord, InvalidIdentifier, ApiError) as error:
            self._result_failed(entry, error)
        else:
            session.note_answer()
            await self._receive(entry, answer)
            row = entry.row
            if not answer.has_result and row and row.results_state == "pending":
                self._reject_result(entry, _NO_RESULT, answer.observation.payload)

    def _result_failed(self, entry: JobEntry, error: Exception) -> None:
        """A result did not come, or what came can't be read: the former may come another time."""
        kind, job_id = entry.ref
        if isinstance(error, ApiError) and not isinstance(
            error, (UnreadableBody, ResponseTooLarge)
        ):
            message = f"the result of {kind} job {job_id} stays pending: {error}"
            self._session.fail(message, error)
        else:
            self._reject_result(entry, str(error), payload_of(error))

    async def _receive(self, entry: JobEntry, answer: JobAnswer) -> None:
        """Takes an answer that was asked for its result."""
        entry.is_fetching = True
        try:
            self._apply(entry, answer.observation)
        except ValueError as error:
            self._reject_answer(entry, error, answer)
            return
        self._entries[entry.ref] = entry
        self._note(entry)
        if answer.has_result:
            await self._keep_result(entry, answer)

    async def _keep_result(self, entry: JobEntry, answer: JobAnswer) -> None:
        """Takes the result that an answer holds."""
        entry.is_fetching = True
        if not self._is_wanted(entry):
            if entry.row is not None and entry.row.results_state == "pending":
                self._ledger.conclude(entry, "skipped")
            return
        try:
            self._add_rows(entry, answer)
        except ValueError as error:
            self._reject_answer(entry, error, answer)
            return
        await self._results.flush()

    def _reject_answer(self, entry: JobEntry, error: ValueError, answer: JobAnswer) -> None:
        """Sets aside, as text, what nests too deep to be stored."""
        payload = answer.extraction.result if answer.extraction else answer.observation.payload
        self._reject_result(entry, str(error), payload)

    def _is_wanted(self, entry: JobEntry) -> bool:
        """Whether a result that is there is to be loaded: not a second time without need."""
        assert entry.row is not None
        if not self._wanted.any_result(entry.ref[0]):
            return False
        if entry.row.results_state == "pending" or self._settings.reload is not None:
            return True
        was_asked = entry.row.results_state != "loaded" or entry.known.is_uncommitted
        return (
            was_asked and entry.row.results_state != "skipped"
        ) or self._session.window is not None

    def _add_rows(self, entry: JobEntry, answer: JobAnswer) -> None:
        session, figures = self._session, self._session.figures
        counts: dict[str, int | None] = {}
        if answer.document is not None:
            document = answer.document
            rows = document.tables
            counts = {
                "failed_page_count": document.failed_page_count,
                "chunk_count": document.count("chunks"),
                "segment_count": document.count("segments"),
            }
        else:
            assert answer.extraction is not None
            extracted = self._extraction(entry, answer.extraction)
            table = TABLES["extraction_results"]
            rows = {table.name: batch_of_rows(table, [extracted])}
        self._results.add(entry, rows, answer.size)
        if "chunks" in self._wanted.tables:
            figures.chunks += counts.get("chunk_count") or 0
        if "segments" in self._wanted.tables:
            figures.segments += counts.get("segment_count") or 0
        figures.results_loaded += 1
        session.changes += 1
        whole = self._wanted.whole_result(entry.ref[0])
        self._ledger.conclude(entry, "loaded" if whole else "skipped", **counts)

    def _extraction(self, entry: JobEntry, extraction: Extraction) -> ExtractionResult:
        assert entry.row is not None
        policy = self._settings.policy
        metadata = clean_json(extraction.field_metadata)
        if metadata is not None and not policy.include_content:
            metadata = self._api.without_content(metadata)
        return ExtractionResult(
            result=to_json_text(extraction.result) if policy.include_content else None,
            field_metadata=to_json_text(metadata) if metadata is not None else None,
            schema_id=entry.row.schema_id,
            document_id=entry.row.document_id,
            loaded_at=self._session.clock.now(),
        )

    async def _confirm_gone(self, entry: JobEntry, error: NotFound) -> None:
        """404 for a result: the job itself is asked before it is called expired."""
        kind, job_id = entry.ref
        session = self._session
        try:
            answer = await self._api.status(kind, job_id)
        except NotFound:
            self._ledger.expire(entry, session.empty_observation(kind, job_id))
            self._note(entry)
            return
        except (ApiError, UnreadableRecord) as other:
            session.fail(f"the result of {kind} job {job_id} stays pending: {other}", other)
            return
        session.note_answer()
        await self._know_progress([answer.observation])
        self._apply(entry, answer.observation)
        if entry.row is not None and entry.row.results_state == "pending":
            self._result_gone(entry, error)

    def _result_gone(self, entry: JobEntry, error: NotFound) -> None:
        """404 for the result of a job that is there."""
        kind, job_id = entry.ref
        session = self._session
        assert entry.history is not None
        ended = entry.history.last.occurred_at_latest
        if (session.clock.now() - ended).total_seconds() > _RESULT_FORGOTTEN_SECONDS:
            # the job is remembered, its result no more
            self._ledger.conclude(entry, "expired")
        else:
            session.fail(f"the result of {kind} job {job_id} stays pending: {error}", error)

    def _reject_result(self, entry: JobEntry, error: str, payload: Any) -> None:
        kind, job_id = entry.ref
        self._session.note_answer()
        if entry.row is not None and entry.row.results_state != "loaded":
            # a result that was loaded before stays loaded when it can't be read again
            self._ledger.conclude(entry, "failed")
        endpoint = f"/{kind}/{job_id}/result"
        self._reject([Rejection(endpoint, kind, job_id, error, payload)])

    def _reject(self, rejections: Iterable[Rejection]) -> None:
        for rejection in rejections:
            self._rejections[rejection_id(self._settings, rejection)] = rejection

    # -- writing ----------------------------------------------------------------------------

    async def _job_batch(self) -> Batch:
        """The rows of jobs, events, progress and rejections, with the run's own row."""
        session, figures = self._session, self._session.figures
        run = session.run_id
        buffers = {name: RowBuffer(TABLES[name]) for name in TABLES if name not in RESULT_TABLES}
        for entry in self._entries.values():
            key = session.key(entry.ref)
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
        buffers["sync_runs"].add([*(session.broken_off_runs or ()), session.row()])
        # an empty table would cost dlt a file, a load job and a merge
        return {name: buffer.flush() for name, buffer in buffers.items() if len(buffer)}

    async def _add_rejections(self, buffer: RowBuffer) -> None:
        """New rejections only: a second sight of the same adds no row and does not count."""
        session = self._session
        ids = list(self._rejections)
        seen = await session.read(lambda memory: memory.rejections(ids)) if ids else {}
        for identifier, rejection in self._rejections.items():
            if identifier in seen:
                continue
            session.figures.rejected += 1
            buffer.add(
                [
                    rejected_record(
                        self._settings,
                        rejection,
                        self._api.without_content,
                        self._api.name_keys,
                        session.clock.now(),
                        session.run_id,
                    )
                ]
            )
