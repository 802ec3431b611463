"""One run of a pipeline: pending packages first, then as many packages as the sync takes."""

from __future__ import annotations

import gc
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from dlt.destinations.sql_client import SqlClientBase
from dlt.extract.source import DltSource
from dlt.load.exceptions import LoadClientJobRetry
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.loading.engine import Engine
from dlt_docjobs.loading.failures import write_kept_failures
from dlt_docjobs.loading.job_source import JobSource
from dlt_docjobs.loading.pending import drop_misplaced_packages, mend_broken_packages
from dlt_docjobs.loading.private import close_working_directory, private_files
from dlt_docjobs.locks.destination import Held, lock_kind, warehouse_lock
from dlt_docjobs.locks.gate import SYNC_WAITS, alone, lake_turn, shared
from dlt_docjobs.locks.local import SyncLocked, pipeline_lock, turn
from dlt_docjobs.model.outcomes import UsageError, refusal
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.reader.helper import OBJECTS_PER_COLLECTION
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session
from dlt_docjobs.warehouse.connection import (
    first_failure_ends_load,
    forget_loaded_packages,
    kept_open,
    prepare,
)
from dlt_docjobs.warehouse.memory_limit import lift_soft_limit, release_memory

# as often as dlt tries by itself
_LOAD_ATTEMPTS: Final = 5
_PAUSE_SECONDS: Final = 0.5
_LOG = logging.getLogger(__name__)


@dataclass
class RunHandle:
    """What ties the packages of one run together.

    Attributes:
        session: What the run asks and has learnt, once it has begun.
        engine: Runs what is asynchronous in it.
        is_managed: Whether `run` loops over packages; if not, one `pipeline.run` is the run.
        client: A connection that is open as long as the run, where there is one.
        lock: The run's lock in the destination.
    """

    request: RunRequest = field(default_factory=RunRequest)
    session: Session | None = None
    engine: Engine = field(default_factory=Engine)
    is_managed: bool = False
    on_session: Callable[[Session], None] | None = None
    client: SqlClientBase[Any] | None = None
    lock: Held = field(default_factory=Held)

    def take_turn(self, account: str, *, shared: bool) -> None:
        """Waits until nobody else loads the account, where the destination can tell.

        Args:
            account: The source's name.
            shared: Whether other backfill windows may be loaded beside.

        Raises:
            SyncLocked: Ten minutes were not enough, or the run has to stop.
        """
        request = self.request
        self.lock.take_turn(
            account, shared, lambda: request.is_late or request.stop_reason is not None
        )

    def begin(self, session: Session) -> Session:
        """The run's session has begun."""
        self.session = session
        if self.on_session is not None:
            self.on_session(session)
        return session

    def close(self) -> None:
        """Ends the run: closes the session, the threads and the event loop."""
        session, self.session = self.session, None
        if session is None:
            return
        try:
            if not self.engine.is_closed:
                self.engine.close(session.close())
        finally:
            session.context.warehouse.close()


_current: ContextVar[RunHandle | None] = ContextVar("docjobs_run", default=None)


def current_run() -> RunHandle | None:
    """The run that the extraction at hand belongs to; None for a plain `pipeline.run`."""
    return _current.get()


@contextmanager
def _rarer_collections() -> Iterator[None]:
    """Lets Python look for cyclic garbage less often: rows by the million are none.

    With its default of 700 new objects, a tenth of a sync's time goes into looking through them.
    """
    before = gc.get_threshold()
    if 0 < before[0] < OBJECTS_PER_COLLECTION:
        gc.set_threshold(OBJECTS_PER_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _as_current(handle: RunHandle) -> Iterator[None]:
    token = _current.set(handle)
    try:
        yield
    finally:
        _current.reset(token)


def run(
    pipeline: Pipeline,
    source: DltSource,
    *,
    request: RunRequest | None = None,
    on_session: Callable[[Session], None] | None = None,
    **run_options: Any,
) -> SyncRun:
    """Finishes pending packages, then loads everything new or changed.

    Args:
        pipeline: A dlt pipeline with a destination.
        source: One of this package's sources.
        request: Deadline, following and progress; None for none of them.
        on_session: Called with the run's session once it has begun.
        run_options: Passed to `pipeline.run`.

    Returns:
        The row that the run left in `sync_runs`.

    Raises:
        UsageError: The configuration is wrong.
        SyncLocked: Another sync of the same pipeline is running, or took over from this one.
        PipelineStepFailed: dlt could not extract or load; what was extracted stays pending.
    """
    if run_options.get("refresh"):
        # dlt ignores it where the schema is new, and so would nobody be told
        raise refusal(f"refresh={run_options['refresh']!r}")
    handle = RunHandle(request or RunRequest(), is_managed=True, on_session=on_session)

    def stop(reason: str) -> None:
        handle.request.stop_reason = handle.request.stop_reason or reason

    with (
        private_files(),
        _gate(pipeline, source, handle.request),
        pipeline_lock(pipeline),
        _rarer_collections(),
        _as_current(handle),
    ):
        try:
            prepare(pipeline)
            close_working_directory(pipeline)
            kind = handle.request.lock or lock_kind(pipeline)
            if kind == "lease":
                # dlt has to notice that a dataset is gone before the lease makes a new one
                pipeline.sync_destination()
            with (
                dlt_internals.resolved_once(pipeline),
                warehouse_lock(
                    pipeline, kind=kind, clock=handle.request.clock, on_lost=stop
                ) as handle.lock,
                kept_open(pipeline) as handle.client,
            ):
                return _run_packages(pipeline, source, handle, run_options)
        except PipelineStepFailed as error:
            # what is the caller's to mend, or to wait for, must not hide in what dlt says
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, (UsageError, SyncLocked)):
                cause = cause.__cause__
            if cause is not None:
                raise cause from None
            raise
        finally:
            handle.close()


@contextmanager
def _gate(pipeline: Pipeline, source: DltSource, request: RunRequest) -> Iterator[None]:
    """The run's place beside partitions of a backfill, and beside who else loads into a lake."""
    if request.holds_gate:
        yield
        return

    def left() -> float:
        if request.deadline is None:
            return SYNC_WAITS
        # the rest is for the run's work, and for the accounts that come after it
        return min(SYNC_WAITS, (request.deadline - request.clock.monotonic()) / 2)

    def is_over() -> bool:
        return request.stop_reason is not None

    def tell() -> None:
        _LOG.warning("waiting for partitions of a backfill of %s to end", source.name)

    if isinstance(source, JobSource) and source.is_window:
        place = shared(pipeline, source.name, wait_seconds=left())
    else:
        place = alone(
            pipeline,
            source.name,
            wait_seconds=left(),
            is_over=is_over,
            on_wait=request.on_gate_wait or tell,
        )
    with place, lake_turn(pipeline, source, wait_seconds=left(), is_over=is_over):
        yield


def _run_packages(
    pipeline: Pipeline, source: DltSource, handle: RunHandle, run_options: dict[str, Any]
) -> SyncRun:
    settings = source.settings if isinstance(source, JobSource) else None
    drop_misplaced_packages(pipeline, source.name, settings)
    mend_broken_packages(pipeline)
    while pipeline.has_pending_data:
        # nobody knows any more whether it is a window's
        handle.take_turn(source.name, shared=False)
        with _turn(handle, source):
            _run_package(pipeline, None, handle, run_options)
    write_kept_failures(pipeline, source.name)
    while True:
        with _turn(handle, source):
            _run_package(pipeline, source, handle, run_options)
        forget_loaded_packages(pipeline)
        handle.lock.confirm()
        session = handle.session
        assert session is not None
        if session.done or (session.context.must_stop and not session.ahead.holds_any):
            return session.row()
        # a package and its rows hold each other, and Python would not look for a long time
        gc.collect()
        if handle.client is not None:
            release_memory(pipeline, handle.client)


@contextmanager
def _turn(handle: RunHandle, source: DltSource) -> Iterator[None]:
    """The time in which a package is made and loaded: nobody else loads the account meanwhile.

    On DuckDB that is other threads, from the beginning. On PostgreSQL it is any other pipeline,
    from when the source, which knows whether it is a window, has taken the turn that ends here.
    """
    client: Any = handle.client
    with nullcontext() if client is None else turn(client.credentials.database, source.name):
        try:
            yield
        finally:
            handle.lock.end_turn()


def _run_package(
    pipeline: Pipeline,
    source: DltSource | None,
    handle: RunHandle,
    run_options: dict[str, Any],
) -> None:
    """Makes and loads a package, or loads one that waits where there is no source."""
    for attempt in itertools.count(1):
        try:
            with first_failure_ends_load():
                pipeline.run(source, **run_options)
            return
        except PipelineStepFailed as error:
            if not lift_soft_limit(pipeline, error):
                has_time = attempt < _LOAD_ATTEMPTS and handle.request.stop_reason is None
                if not has_time or not isinstance(error.exception, LoadClientJobRetry):
                    raise
                _LOG.warning("a load failed and is tried again: %s", _kind(error))
                time.sleep(attempt * _PAUSE_SECONDS)
            try:
                # what failed may have arrived all the same
                mend_broken_packages(pipeline)
            except Exception:
                # the destination is gone: what it said at first tells more, and all of it waits
                raise error from None
        # what was extracted waits: it is only loaded again
        source = None


def _kind(error: PipelineStepFailed) -> str:
    cause = error.exception.__cause__ or error.exception
    return type(cause).__name__
