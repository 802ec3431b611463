"""The resources that every source carries, all fed by one run of the engine.

One hidden resource, `observations`, drives the run and yields batches of Arrow tables; each table
is a transformer that picks its own. dlt evaluates the hidden resource once, whichever tables are
selected, and the run asks only for what the selected tables need.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, Final

import dlt
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract.resource import DltResource
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.loading.job_source import JobResource, JobResources
from dlt_docjobs.loading.pending import note_base
from dlt_docjobs.loading.run import RunHandle, current_run
from dlt_docjobs.locks.destination import warehouse_lock
from dlt_docjobs.locks.local import pipeline_lock
from dlt_docjobs.model.outcomes import EXIT_REFUSED, NoJobsNamed, SyncFailed, refusal
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sync.package import Package
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.result_rows import Batch
from dlt_docjobs.sync.session import Session
from dlt_docjobs.sync.settings import SyncSettings, Wanted, Window
from dlt_docjobs.tables import RESULT_TABLES, TABLES, Table
from dlt_docjobs.warehouse.connection import connect
from dlt_docjobs.warehouse.indexes import create_indexes
from dlt_docjobs.warehouse.merging import Merging, merging_of
from dlt_docjobs.warehouse.migration import mend_tables
from dlt_docjobs.warehouse.state import Owner, WarehouseState

_LOG = logging.getLogger(__name__)
# what the resources say of themselves before a pipeline runs them
_DEFAULT: Final = Merging("delete-insert")

OBSERVATIONS: Final = "observations"
EPOCH: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)

ApiFactory = Callable[[], ProviderApi]


class _Tables:
    """A batch on its way through dlt's pipe: opaque to dlt, a mapping of tables to us."""

    __slots__ = ("merging", "replaces", "tables")

    def __init__(self, tables: Batch, merging: Merging, replaces: bool) -> None:
        self.tables = tables
        self.merging = merging
        self.replaces = replaces


def build_resources(
    make_api: ApiFactory,
    settings: SyncSettings,
    created_at: Any,
    fetch_results: bool,
    table_format: str | None = None,
) -> JobResources:
    """The resources of one source.

    Args:
        make_api: Makes the provider's API over a new HTTP client.
        settings: What the sync is asked to do.
        created_at: The incremental: a range and the place of the cursor, never a filter.
        fetch_results: False fills no result table, but they exist.
        table_format: Of the destination's tables, where the user wants another than its own.
    """

    def observations(
        created_at: dlt.sources.incremental[datetime] = created_at,
    ) -> Iterator[_Tables]:
        # rows below the cursor and rows without a date are news too: dlt must not drop them
        created_at.advance(None)  # type: ignore[arg-type]
        pipeline = dlt.current.pipeline()
        _refuse_to_destroy(pipeline)
        handle = current_run() or RunHandle()
        state = dlt.current.resource_state(OBSERVATIONS)
        selected = _selected_tables()
        merging = _merging(pipeline, selected)
        if handle.is_managed:
            merging = merging.alone()
        source_name = dlt.current.source().name
        locks = contextlib.ExitStack()
        try:
            if not handle.is_managed:
                # of a plain `pipeline.run` only the extraction is ours to guard
                locks.enter_context(pipeline_lock(pipeline))
                handle.lock = locks.enter_context(warehouse_lock(pipeline))
            handle.take_turn(source_name, shared=created_at.end_value is not None)
            with _connected(pipeline, handle) as client:
                restored: list[str] = []
                if client is not None and handle.session is None:
                    restored = mend_tables(pipeline, client)
                indexed = create_indexes(client) if client is not None else ()
                state_there = WarehouseState(
                    client,
                    settings.provider.name,
                    settings.account,
                    has_old_rows=merging.replaces is None,
                    has_lost_results=bool(restored),
                    indexed=indexed,
                )
                state_there.open(wants_history="job_status_history" in selected)
                note_base(pipeline, client, source_name, settings)
                missing = [name for name in selected if not state_there.has_table(name)]
                if missing:
                    empty = {name: TABLES[name].arrow_schema.empty_table() for name in missing}
                    yield _Tables(empty, merging, replaces=True)
                session = handle.session
                if session is None:
                    if merging.limit is not None:
                        _LOG.warning("%s: %s", pipeline.destination.destination_name, merging.limit)
                    session = handle.begin(_new_session(handle, state_there, pipeline, created_at))
                tables = selected if fetch_results else selected - set(RESULT_TABLES)
                wanted = Wanted(frozenset(tables), settings.policy.empty_tables)
                session.attach(state_there)
                batches = _BatchQueue()
                package = Package(
                    session,
                    wanted,
                    batches,
                    replaces=merging.inserts is None,
                    by_row=merging.by_row,
                    reads_ahead=handle.is_managed,
                )
                try:
                    yield from _drive(handle, package, batches, wanted, merging)
                finally:
                    session.detach()
            # what is written now could meet what another sync has written meanwhile
            handle.lock.confirm()
            if session.context.window is None:
                state["progress"] = session.context.kept_progress.dump()
                if (cursor := session.context.kept_progress.cursor) is not None:
                    created_at.advance(cursor)
            fatal = session.context.outcome.fatal
            if not handle.is_managed and fatal is not None:
                # nobody would see the refusal in a table that says ok
                raise SyncFailed(fatal, EXIT_REFUSED)
        finally:
            locks.close()
            if not handle.is_managed:
                handle.close()

    def _new_session(
        handle: RunHandle, known: WarehouseState, pipeline: Pipeline, created_at: Any
    ) -> Session:
        window = None
        if created_at.end_value is not None:
            window = Window(
                parse_instant(created_at.start_value), parse_instant(created_at.end_value)
            )
        if not settings_have_jobs(settings, known):
            name = settings.provider.name
            raise NoJobsNamed(
                f"{name} publishes no list of jobs, and none is known yet: name them with "
                f"job_ids or job_ids_file under [sources.docjobs.{name}], or with --job-ids-file"
            )
        progress = _committed_progress(known, pipeline)
        return Session(settings, make_api(), handle.request, progress, window)

    root = dlt.resource(observations, name=OBSERVATIONS, selected=False)
    default = _DEFAULT._replace(table_format=table_format)
    resources = JobResources(_leaf(root, table, default) for table in TABLES.values())
    resources.settings = settings
    is_scheduled = created_at.allow_external_schedulers and dlt.current.interval() is not None
    resources.is_window = created_at.end_value is not None or is_scheduled
    return resources


@contextlib.contextmanager
def _connected(pipeline: Pipeline, handle: RunHandle) -> Iterator[SqlClientBase[Any] | None]:
    """A connection to the dataset, the run's own if it has one; None where there is no dataset."""
    if handle.client is None:
        with connect(pipeline) as client:
            yield client
    else:
        yield handle.client if handle.client.has_dataset() else None


def settings_have_jobs(settings: SyncSettings, known: WarehouseState) -> bool:
    """Whether there is anything that a sync could ask for."""
    return bool(settings.provider.lists) or settings.targets is not None or not known.is_empty


def _leaf(root: DltResource, table: Table, default: Merging) -> DltResource:
    def pick(batch: _Tables) -> Any:
        rows = batch.tables.get(table.name)
        if rows is None:
            return None
        hints = batch.merging.hints(table, replaces=batch.replaces)
        return dlt.mark.with_hints(rows, dlt.mark.make_hints(**hints))

    pick.__name__ = pick.__qualname__ = table.name
    pick.__doc__ = table.description
    hints = default.hints(table)
    # `_impl_cls` is in none of its signatures, and in its documentation
    resource: DltResource = dlt.transformer(  # type: ignore[call-overload]
        pick, data_from=root, name=table.name, _impl_cls=JobResource, **hints
    )
    resource.apply_hints(additional_table_hints={"description": table.description})
    return resource


def _merging(pipeline: Pipeline, selected: set[str]) -> Merging:
    """How the pipeline's destination takes rows; the table format may be `pipeline.run`'s."""
    source = dlt.current.source()
    formats = {source.resources[name].table_format for name in selected}
    assert pipeline.destination is not None
    return merging_of(pipeline.destination, next((str(one) for one in formats if one), None))


def _selected_tables() -> set[str]:
    """The tables that the caller selected (`with_resources`)."""
    source = dlt.current.source()
    return {name for name in source.resources.selected if name in TABLES}


def _refuse_to_destroy(pipeline: Pipeline) -> None:
    """Refuses dlt's `refresh` and `replace`: a run that fails here has changed nothing yet."""
    source = dlt.current.source()
    dispositions = [source.resources[name].write_disposition for name in _selected_tables()]
    words = [one.get("disposition") if isinstance(one, dict) else one for one in dispositions]
    refresh = dlt_internals.refresh_mode(pipeline)
    if refresh:
        raise refusal(f"refresh={refresh!r}")
    if "replace" in words:
        raise refusal("write_disposition='replace'")


def _committed_progress(known: WarehouseState, pipeline: Pipeline) -> Progress:
    """How far the lists were read, as the warehouse has it.

    The working directory's own copy outlives a warehouse that was deleted, restored or exchanged;
    so where the destination holds no committed state, no job or no event, the lists start anew.
    So they do where jobs that were another account's may be free by now.
    """
    stored = known.stored_state(pipeline.pipeline_name)
    if stored is None or known.has_lost_history or not known.has_committed_jobs():
        return Progress.fresh()
    source_name = dlt.current.source().name
    state = dlt_internals.stored_resource_state(stored, source_name, OBSERVATIONS)
    progress = Progress.load(state.get("progress"))
    if all(known.is_owner(Owner(*beside)) for beside in progress.beside.items()):
        return progress
    return Progress.fresh()


class _BatchQueue:
    """Hands batches from the engine's thread to dlt's, a few at a time."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=2)

    async def __call__(self, batch: Batch | BaseException | None) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.waiting.put, batch)


def _drive(
    handle: RunHandle, package: Package, batches: _BatchQueue, wanted: Wanted, merging: Merging
) -> Iterator[_Tables]:
    """Runs a package in a thread of its own and yields its batches as they come."""
    waiting = batches.waiting
    handle.engine.start(_fill(package, batches))
    ended = False
    try:
        while True:
            try:
                # short waits let Python run signal handlers
                item = waiting.get(timeout=0.2)
            except queue.Empty:
                handle.engine.check()
                continue
            ended = item is None or isinstance(item, BaseException)
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            tables = {name: table for name, table in item.items() if name in wanted.tables}
            if tables:
                yield _Tables(tables, merging, package.replaces)
    finally:
        if not ended:
            handle.request.stop_reason = handle.request.stop_reason or "abandoned"
            item = {}
            while isinstance(item, dict) and handle.engine.is_alive:
                with contextlib.suppress(queue.Empty):
                    item = waiting.get(timeout=0.2)


async def _fill(package: Package, batches: _BatchQueue) -> None:
    """Runs a package; the last thing that comes out is None, or why there is nothing more."""
    try:
        await package.run()
    except BaseException as error:
        await batches(error)
    else:
        await batches(None)
