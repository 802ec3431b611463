"""Fetches results beside the plan, and takes what comes: rows, states and what can't be read."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from dlt_docjobs.http import (
    ApiError,
    BeingDeleted,
    DeadlineReached,
    Deleted,
    InvalidIdentifier,
    NotFound,
    ResponseTooLarge,
    UnreadableBody,
)
from dlt_docjobs.model.cleaning import clean_json, decode_json, to_json_text
from dlt_docjobs.model.records import ExtractionResult, JsonText
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import Extraction, JobAnswer, Rejection, Review
from dlt_docjobs.sync.ahead import ReadAhead
from dlt_docjobs.sync.context import RunContext
from dlt_docjobs.sync.job_rows import JobEntry
from dlt_docjobs.sync.observing import Observing
from dlt_docjobs.sync.outcome import defect
from dlt_docjobs.sync.progress import ListProgress
from dlt_docjobs.sync.rejections import payload_of
from dlt_docjobs.sync.result_rows import ResultRows
from dlt_docjobs.sync.reviewing import Reviewing
from dlt_docjobs.sync.settings import Wanted
from dlt_docjobs.tables import TABLES
from dlt_docjobs.tables.arrow import batch_of_rows
from dlt_docjobs.warehouse.state import RETRIED_OFTEN, JobRef

_NO_RESULT: Final = "it succeeded, but came without a result"


class Fetching:
    """The results of one package.

    Args:
        context: The run.
        wanted: Which tables to fill.
        observing: The package's jobs.
        rows: Takes the rows of results.
        ahead: Results that were asked for while the last package was loaded.
    """

    def __init__(
        self,
        context: RunContext,
        wanted: Wanted,
        observing: Observing,
        rows: ResultRows,
        ahead: ReadAhead,
    ) -> None:
        self._context = context
        self._wanted = wanted
        self._observing = observing
        self._job_rows = observing.job_rows
        self._rows = rows
        self._ahead = ahead
        self._reviewing = Reviewing(context, observing)
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(2 * context.settings.max_concurrency)
        # jobs that no run has seen, asked for at the moment
        self.new: set[JobRef] = set()

    async def start(self, entry: JobEntry) -> None:
        """Fetches the result of a job that is known, beside the plan."""
        entry.is_fetching = True
        await self._start(self.fetch(entry))

    async def start_new(self, ref: JobRef, progress: ListProgress) -> None:
        """Asks for a job that no run has seen, beside the plan."""
        self.new.add(ref)
        await self._start(self.fetch_new(ref, progress))

    async def start_asking_why(self, entry: JobEntry) -> None:
        """Asks why a job has failed, beside the plan, where its list does not say."""
        await self._start(self.ask_why(entry))

    async def start_looking_for_review(self, entry: JobEntry, stored: JsonText | None) -> None:
        """Asks what a person has made of a loaded result since, beside the plan.

        Args:
            entry: The job.
            stored: The review that the warehouse has.
        """
        await self._start(self.look_for_review(entry, stored))

    async def wait_for_one(self) -> None:
        """Waits until any fetch under way has ended."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def wait_for_all(self) -> None:
        """Waits until no fetch is under way, or the run has to stop."""
        while self._tasks and not self._context.must_stop:
            await asyncio.wait(self._tasks, timeout=0.1)

    async def finish(self) -> None:
        """Waits for fetches under way; a stop or the deadline leaves the rest pending."""
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=0.1)
            if self._context.must_stop and self._tasks:
                self._context.outcome.left_work = True
                for task in list(self._tasks):
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Lets a request run beside the plan, as soon as there is a place for it."""
        context = self._context
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            work.close()
            raise
        if context.must_stop:
            context.outcome.left_work = True
            self._places.release()
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._places.release()
        self._tasks.discard(task)
        self._context.results.ended += 1
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, Exception)
            self._context.outcome.fail(defect("a result", error), error)

    # -- one job ----------------------------------------------------------------------------

    async def fetch_new(self, ref: JobRef, progress: ListProgress) -> None:
        """Asks for a job that no run has seen, with its result where that is wanted."""
        try:
            await self._fetch_new(ref, progress)
        finally:
            self.new.discard(ref)

    async def _fetch_new(self, ref: JobRef, progress: ListProgress) -> None:
        kind, job_id = ref
        context = self._context
        wants_result = self._wanted.any_result(kind)
        problem: Exception | None = None
        try:
            try:
                ask = self._ahead.result if wants_result else context.api.status
                answer = await ask(kind, job_id)
            except (UnreadableRecord, ApiError) as error:
                is_fatal = isinstance(error, ApiError) and error.is_fatal
                is_same = context.provider.kinds[kind].status_has_result
                if is_fatal or not wants_result or is_same:
                    raise
                # the job may be known all the same, where it is asked for without its result
                problem = error
                answer = await context.api.status(kind, job_id)
        except NotFound as error:
            await self._observing.take_missing(context.not_found(kind, job_id, error))
        except (ApiError, InvalidIdentifier, UnreadableRecord) as error:
            self._observing.reject(context.not_answered(kind, job_id, error))
        else:
            progress.note(answer.observation.created_at)
            entry = await self.take_answer(answer)
            if entry is None or answer.has_result or not entry.is_due:
                return
            entry.is_fetching = True
            if problem is None or isinstance(problem, NotFound):
                self._result_absent(entry, problem)
            else:
                self._result_failed(entry, problem)

    async def take_answer(self, answer: JobAnswer) -> JobEntry | None:
        """Takes an answer about a named job, and its result if it holds one."""
        self._context.outcome.was_answered = True
        seen = answer.observation
        if self._observing.is_outside(seen):
            return None
        self._observing.count_listed(seen)
        entry = self._observing.observe(seen)
        if entry is not None and answer.has_result:
            await self._keep_result(entry, answer)
        return entry

    async def fetch(self, entry: JobEntry) -> None:
        """Fetches the result of a job that is known."""
        kind, job_id = entry.ref
        tier = entry.row.tier if entry.row else None
        try:
            is_retry = self._is_retried_daily(entry)
            answer = await self._ahead.result(kind, job_id, tier, is_retry=is_retry)
        except NotFound as error:
            if is_retry:
                # the job was there when its result was first missing: one request a day is enough
                self._result_absent(entry, error)
            else:
                await self._confirm_missing(entry, error)
        except (UnreadableRecord, InvalidIdentifier, ApiError) as error:
            self._result_failed(entry, error)
        else:
            self._context.outcome.was_answered = True
            await self._receive(entry, answer)
            row = entry.row
            if not answer.has_result and row and row.results_state == "pending":
                self._result_absent(entry, None)

    async def _receive(self, entry: JobEntry, answer: JobAnswer) -> None:
        """Takes an answer that was asked for its result."""
        entry.is_fetching = True
        try:
            self._observing.apply(entry, answer.observation)
        except ValueError as error:
            self._reject_answer(entry, error, answer)
            return
        self._observing.keep(entry)
        if answer.has_result:
            await self._keep_result(entry, answer)

    async def ask_why(self, entry: JobEntry) -> None:
        """Asks once for a job that a list has shown as failed; nobody may know it any more."""
        kind, job_id = entry.ref
        context = self._context
        try:
            answer = await context.api.status(kind, job_id)
        except NotFound:
            return
        except (ApiError, InvalidIdentifier, UnreadableRecord) as error:
            message = f"why {kind} job {job_id} failed could not be asked: {error}"
            context.outcome.fail(message, error)
            return
        # the reason is wanted, not another word for the same end that the list would take back
        said = entry.row.provider_status if entry.row else None
        if not self._observing.applies(entry, replace(answer.observation, provider_status=said)):
            return
        entry.explain()
        self._observing.keep(entry)

    async def look_for_review(self, entry: JobEntry, stored: JsonText | None) -> None:
        """Asks for the review of a loaded result; one that has changed brings the result again."""
        if await self._reviewing.has_changed(entry, stored) and not entry.is_fetching:
            await self.fetch(entry)
        self._reviewing.end(entry)

    # -- results ----------------------------------------------------------------------------

    async def _keep_result(self, entry: JobEntry, answer: JobAnswer) -> None:
        """Takes the result that an answer holds."""
        entry.is_fetching = True
        if not self._is_wanted(entry):
            if entry.row is not None and entry.row.results_state == "pending":
                self._job_rows.conclude(entry, "skipped")
            return
        try:
            review = await self._reviewing.of_result(entry)
        except DeadlineReached as error:
            # the result comes with its review at the next sync
            self._context.outcome.fail(str(error), error)
            return
        try:
            self._add_rows(entry, answer, review)
        except ValueError as error:
            self._reject_answer(entry, error, answer)
            return
        await self._rows.flush()

    def _is_wanted(self, entry: JobEntry) -> bool:
        """Whether a result that is there is to be loaded: not a second time without need."""
        assert entry.row is not None
        if not self._wanted.any_result(entry.ref[0]):
            return False
        if self._context.reviews.is_kept(entry.ref):
            return True
        if entry.row.results_state == "pending" or self._context.settings.reload is not None:
            return True
        was_asked = entry.row.results_state != "loaded" or entry.known.is_uncommitted
        return (
            was_asked and entry.row.results_state != "skipped"
        ) or self._context.window is not None

    def _add_rows(self, entry: JobEntry, answer: JobAnswer, review: Review | None) -> None:
        figures = self._context.figures
        counts: dict[str, int | None] = {}
        if answer.document is not None:
            document = answer.document
            rows = document.tables
            counts = {
                "failed_page_count": document.failed_page_count,
                "chunk_count": document.count("chunks"),
                "segment_count": document.count("segments"),
            }
            assert entry.row is not None
            if entry.row.page_count is None and document.count("pages"):
                # no answer has told it; where a list has, not every page need be in the result
                counts["page_count"] = document.count("pages")
        else:
            assert answer.extraction is not None
            extracted = self._extraction(entry, answer.extraction, review)
            table = TABLES["extraction_results"]
            rows = {table.name: batch_of_rows(table, [extracted])}
        self._rows.add(entry, rows, answer.size)
        if "chunks" in self._wanted.tables:
            figures.chunks += counts.get("chunk_count") or 0
        if "segments" in self._wanted.tables:
            figures.segments += counts.get("segment_count") or 0
        figures.results_loaded += 1
        self._context.looked.changes += 1
        whole = self._wanted.whole_result(entry.ref[0])
        self._job_rows.conclude(entry, "loaded" if whole else "skipped", **counts)

    def _extraction(
        self, entry: JobEntry, extraction: Extraction, review: Review | None
    ) -> ExtractionResult:
        assert entry.row is not None
        policy = self._context.settings.policy
        result, metadata = extraction.result, clean_json(extraction.field_metadata)
        if extraction.links:
            result = clean_json(result, links=extraction.links)
        if metadata is not None and not policy.include_content:
            metadata = self._context.api.without_content(metadata)
        return ExtractionResult(
            result=to_json_text(result) if policy.include_content else None,
            field_metadata=to_json_text(metadata) if metadata is not None else None,
            review=self._context.reviews.text(review),
            reviewed_at=review.decided_at if review is not None else None,
            schema_id=entry.row.schema_id,
            document_id=entry.row.document_id,
            loaded_at=self._context.clock.now(),
        )

    # -- results that do not come -----------------------------------------------------------

    async def _confirm_missing(self, entry: JobEntry, error: NotFound) -> None:
        """404 for a result: the job itself is asked before it is called expired."""
        kind, job_id = entry.ref
        context, told = self._context, (Deleted, BeingDeleted)
        try:
            if isinstance(error, told):
                # that is said of the job already
                raise error
            answer = await context.api.status(kind, job_id)
        except NotFound as absence:
            seen = context.not_found(kind, job_id, absence)
            listing = context.provider.kinds[kind].list
            if listing is None or not listing.outlives_jobs or isinstance(absence, told):
                await self._observing.take_missing(seen)
            elif self._job_rows.is_past(entry, seen):
                self._job_rows.conclude(entry, "expired")
            else:
                self._result_absent(entry, absence)
            return
        except (ApiError, UnreadableRecord) as other:
            self._stays_pending(kind, job_id, other)
            return
        context.outcome.was_answered = True
        context.missing.note_answer(entry.ref)
        await self._observing.know_progress([answer.observation])
        self._observing.applies(entry, answer.observation)
        if entry.row is not None and entry.row.results_state == "pending":
            self._result_absent(entry, error)

    def _result_absent(self, entry: JobEntry, error: NotFound | None) -> None:
        """A job that has succeeded has no result yet: null, absent, or 404."""
        kind, job_id = entry.ref
        context = self._context
        if self._may_still_come(entry):
            context.outcome.problems.append(
                f"the result of {kind} job {job_id} is not there yet and stays pending: "
                f"{error or _NO_RESULT}"
            )
            return
        if error is not None:
            # the job is remembered, its result no more
            self._job_rows.conclude(entry, "expired")
        else:
            payload = entry.row.payload if entry.row else None
            self._reject_result(entry, _NO_RESULT, decode_json(payload) if payload else None)

    def _may_still_come(self, entry: JobEntry) -> bool:
        """Whether a result that is missing or unreadable is to be asked for again.

        If so, the job is written once a day, so that the warehouse remembers when it was asked for.
        """
        if entry.row is None or entry.row.results_state != "pending":
            return False
        age = self._age(entry)
        if age >= self._context.settings.retry_results:
            return False
        entry.is_changed = entry.is_changed or age > RETRIED_OFTEN
        return True

    def _age(self, entry: JobEntry) -> timedelta:
        """For how long a job is known to have succeeded."""
        history = entry.history
        if history is None:
            return timedelta(0)
        return self._context.clock.now() - history.last.observed_at

    def _is_retried_daily(self, entry: JobEntry) -> bool:
        return self._age(entry) > RETRIED_OFTEN

    def _result_failed(self, entry: JobEntry, error: Exception) -> None:
        """A result did not come, or what came can't be read: the former may come another time."""
        if isinstance(error, (UnreadableBody, UnreadableRecord)):
            self._reject_result(entry, str(error), payload_of(error))
        elif isinstance(error, (ResponseTooLarge, InvalidIdentifier)):
            self._reject_result(entry, str(error), None, is_final=True)
        else:
            self._stays_pending(*entry.ref, error)

    def _stays_pending(self, kind: JobKind, job_id: str, error: Exception) -> None:
        message = f"the result of {kind} job {job_id} stays pending: {error}"
        self._context.outcome.fail(message, error)

    def _reject_answer(self, entry: JobEntry, error: ValueError, answer: JobAnswer) -> None:
        """Sets aside, as text, what nests too deep to be stored."""
        payload = answer.extraction.result if answer.extraction else answer.observation.payload
        self._reject_result(entry, str(error), payload)

    def _reject_result(
        self, entry: JobEntry, error: str, payload: Any, *, is_final: bool = False
    ) -> None:
        """Sets aside what came and can't be read; unless that is final, it is asked for again."""
        kind, job_id = entry.ref
        self._context.outcome.was_answered = True
        if not is_final and self._may_still_come(entry):
            self._context.outcome.problems.append(
                f"the result of {kind} job {job_id} can't be read and stays pending: {error}"
            )
        elif entry.row is not None and entry.row.results_state != "loaded":
            # a result that was loaded before stays loaded when it can't be read again
            self._job_rows.conclude(entry, "failed")
        endpoint = f"/{kind}/{job_id}/result"
        self._observing.reject([Rejection(endpoint, kind, job_id, error, payload)])
