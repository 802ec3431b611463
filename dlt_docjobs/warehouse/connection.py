"""What a run asks of dlt's pipeline and destination, wherever it is run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final, cast

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import DuplicateConfigProviderException
from dlt.common.configuration.providers.doc import CustomLoaderDocProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.data_types import TDataType
from dlt.common.destination import AnyDestination
from dlt.common.runtime.anon_tracker import disable_anon_tracker
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

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


def _keys(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield key
        if isinstance(value, dict):
            yield from _keys(value)


class _Defaults(CustomLoaderDocProvider):
    """Holds the few values above: of the hundreds that dlt asks for, most need no search."""

    _own: Final = frozenset(_keys(_DEFAULTS))

    def get_value(
        self, key: str, hint: type[Any], pipeline_name: Any, *sections: str
    ) -> tuple[Any | None, str]:
        """The value under a key in sections, and what dlt calls that key."""
        if key == _RETRIES and _ends_at_first_failure.get():
            return 1, key
        if key not in self._own:
            return None, key
        return super().get_value(key, hint, pipeline_name, *sections)


class _ExpectedHints(logging.Filter):
    """Drops dlt's warning that JSON travels as text in Arrow, which is how it is meant."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "several column hints were different" not in str(record.msg)


def install_defaults() -> None:
    """Puts our defaults behind every other place that dlt looks for configuration in."""
    context = Container()[PluggableRunContext].context
    with contextlib.suppress(DuplicateConfigProviderException):
        dlt.config.register_provider(
            # of one that holds secrets dlt need not ask whether it may
            _Defaults(_PROVIDER, lambda: _DEFAULTS, supports_secrets=True, locations=[])
        )
        # what dlt has read so far it read without them: its telemetry has started by now
        context.reset_config()
        if not dlt.config.get("runtime.dlthub_telemetry", bool):
            disable_anon_tracker()
    logger = logging.getLogger("dlt")
    if not any(isinstance(item, _ExpectedHints) for item in logger.filters):
        logger.addFilter(_ExpectedHints())


def prepare(pipeline: Pipeline) -> None:
    """Gives a pipeline its own staging dataset, and its merges their transactions.

    Two pipelines that merge at once through a shared one mix their rows, without an error.
    """
    install_defaults()
    destination = pipeline.destination
    if destination is None:
        return
    _merge_in_transactions(destination)
    if "staging_dataset_name_layout" not in destination.config_params:
        destination.config_params["staging_dataset_name_layout"] = (
            f"%s_staging_{pipeline.pipeline_name}"
        )


def _merge_in_transactions(destination: AnyDestination) -> None:
    """Makes a merge's DELETE and INSERT one, where the destination can.

    dlt 1.31 leaves open whether DuckDB, PostgreSQL and their like have transactions, and then uses
    none: a process that died between the two would lose what it had deleted.
    """
    if "supports_transactions" in destination.caps_params:
        return
    capabilities = destination.capabilities()
    if capabilities.supports_transactions is None and capabilities.supports_ddl_transactions:
        destination.caps_params["supports_transactions"] = True


@contextlib.contextmanager
def connect(pipeline: Pipeline) -> Iterator[SqlClientBase[Any] | None]:
    """A connection to the pipeline's dataset; None where there is no dataset yet."""
    prepare(pipeline)
    with pipeline.sql_client() as client:
        yield client if client.has_dataset() else None


@contextlib.contextmanager
def kept_open(pipeline: Pipeline) -> Iterator[SqlClientBase[Any] | None]:
    """Keeps DuckDB's file open meanwhile: each step of dlt opens it, and closing it costs more.

    Yields:
        What keeps it open; None for other destinations, of which nothing is kept.
    """
    destination = pipeline.destination
    if destination is None or destination.destination_type.rpartition(".")[2] != "duckdb":
        yield None
        return
    with pipeline.sql_client() as client, counted(client):
        yield client


def create_table(
    pipeline: Pipeline, client: SqlClientBase[Any], name: str, columns: Mapping[str, TDataType]
) -> None:
    """Creates a table that is no part of any source's schema, in the destination's own words.

    Args:
        pipeline: The pipeline, for its destination.
        client: A connected client of its dataset.
        name: The table's name.
        columns: Each column's name and type, as dlt calls it.
    """
    fields = [TColumnSchema(name=key, data_type=of) for key, of in columns.items()]
    schema = Schema("docjobs")
    schema.update_table(new_table(name, columns=fields))
    writer = cast(SqlJobClientBase, pipeline._get_destination_clients(schema)[0])
    for statement in writer._get_table_update_sql(name, fields, False):
        client.execute_sql(statement)


def forget_loaded_packages(pipeline: Pipeline) -> None:
    """Removes what dlt keeps of packages that are loaded, unless the user wants them kept."""
    if not dlt.config.get("load.delete_completed_jobs", bool):
        return
    storage = pipeline._get_load_storage()
    for load_id in storage.list_loaded_packages():
        storage.delete_loaded_package(load_id)
