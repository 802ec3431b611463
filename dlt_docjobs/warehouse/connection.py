"""What a run asks of dlt's pipeline and destination, wherever it is run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import dlt
from dlt.common.destination import AnyDestination
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.warehouse.engines import is_sqlalchemy, own_capabilities
from dlt_docjobs.warehouse.kind import kind_of
from dlt_docjobs.warehouse.lakes import require_lake
from dlt_docjobs.warehouse.memory_limit import counted

_PROVIDER: Final = "dlt_docjobs defaults"
_RETRIES: Final = "raise_on_max_retries"
_DEFAULTS: Final[dict[str, Any]] = {
    # promised (docs/contract.md#guarantees): no telemetry, and no working directory that grows
    "runtime": {"dlthub_telemetry": False},
    "load": {"delete_completed_jobs": True},
    # every row carries its load's id: it says whether the row is part of a whole load
    "normalize": {"parquet_normalizer": {"add_dlt_load_id": True}},
    # round robin would hold back twenty batches, each with all of its tables
    "sources": {"docjobs": {"extract": {"next_item_mode": "fifo"}}},
    # PostgreSQL's default is the server's, in which the first or the last day of all years that
    # Python has belongs to a year that it has not
    "destination": {"credentials": {"session_timezone": "UTC"}},
}

# dlt copies again by itself, on top of what may have arrived: a run lets it end, and mends first
_ends_at_first_failure: ContextVar[bool] = ContextVar(
    "docjobs_ends_at_first_failure", default=False
)


@contextlib.contextmanager
def first_failure_ends_load() -> Iterator[None]:
    """A copy that fails ends dlt's load meanwhile, with `LoadClientJobRetry`; it stays pending."""
    token = _ends_at_first_failure.set(True)
    try:
        yield
    finally:
        _ends_at_first_failure.reset(token)


def _for_now(key: str) -> int | None:
    """A setting that holds for a while only."""
    return 1 if key == _RETRIES and _ends_at_first_failure.get() else None


class _ExpectedHints(logging.Filter):
    """Drops dlt's warning that JSON travels as text in Arrow, which is how it is meant."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not dlt_internals.warns_of_text_for_json(record)


def install_defaults() -> None:
    """Puts our defaults behind every other place that dlt looks for configuration in."""
    is_new = dlt_internals.register_defaults(_PROVIDER, _DEFAULTS, _for_now)
    if is_new and not dlt.config.get("runtime.dlthub_telemetry", bool):
        # dlt has started it by now, without them
        dlt_internals.stop_telemetry()
    logger = logging.getLogger(dlt_internals.LOGGER)
    if not any(isinstance(item, _ExpectedHints) for item in logger.filters):
        logger.addFilter(_ExpectedHints())


def prepare(pipeline: Pipeline) -> None:
    """Gives a pipeline its own staging dataset, and its merges their transactions.

    Two pipelines that merge at once through a shared staging dataset mix their rows. The
    destination that the user made stays as it is: the pipeline gets a copy of it.

    Raises:
        UsageError: The database is none that could keep our tables, its packages are missing, or
            another version of DuckDB has to read it.
    """
    install_defaults()
    if pipeline.destination is not None and is_sqlalchemy(pipeline.destination):
        dlt_internals.quiet_merges()
    layout = f"%s_staging_{pipeline.pipeline_name}"
    dlt_internals.use_own_destination(
        pipeline, {"staging_dataset_name_layout": layout}, _capabilities
    )


def _capabilities(destination: AnyDestination) -> Mapping[str, Any]:
    # here it is asked once a pipeline, though every connection prepares
    require_lake(destination)
    return {**_with_transactions(destination), **own_capabilities(destination)}


def _with_transactions(destination: AnyDestination) -> Mapping[str, Any]:
    """Makes a merge's DELETE and INSERT one, where the destination can.

    dlt 1.31 leaves open whether DuckDB, PostgreSQL and their like have transactions, and then uses
    none: a process that died between the two would lose what it had deleted.
    """
    capabilities = destination.capabilities()
    if capabilities.supports_transactions is None and capabilities.supports_ddl_transactions:
        return {"supports_transactions": True}
    return {}


@contextlib.contextmanager
def connect(pipeline: Pipeline) -> Iterator[SqlClientBase[Any] | None]:
    """A connection to the pipeline's dataset; None where there is no dataset yet."""
    prepare(pipeline)
    with pipeline.sql_client() as client:
        _keep_digits(client)
        yield client if client.has_dataset() else None


def _keep_digits(client: SqlClientBase[Any]) -> None:
    """Lets JSON come as text: psycopg2 would make floats of its numbers, and lose digits."""
    if type(client.native_connection).__module__.startswith("psycopg2"):
        from psycopg2 import extras

        extras.register_default_json(client.native_connection, loads=str)
        extras.register_default_jsonb(client.native_connection, loads=str)


@contextlib.contextmanager
def kept_open(pipeline: Pipeline) -> Iterator[SqlClientBase[Any] | None]:
    """Keeps DuckDB's file open meanwhile: each step of dlt opens it, and closing it costs more.

    Yields:
        What keeps it open; None for other destinations, of which nothing is kept.
    """
    if kind_of(pipeline.destination) != "duckdb":
        yield None
        return
    with pipeline.sql_client() as client, counted(client):
        yield client


def forget_loaded_packages(pipeline: Pipeline) -> None:
    """Removes what dlt keeps of packages that are loaded, unless the user wants them kept."""
    if dlt.config.get("load.delete_completed_jobs", bool):
        dlt_internals.drop_loaded_packages(pipeline)
