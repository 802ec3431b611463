"""What a run asks of dlt's pipeline and destination, wherever it is run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any, Final

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import DuplicateConfigProviderException
from dlt.common.configuration.providers.doc import CustomLoaderDocProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.anon_tracker import disable_anon_tracker
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

_PROVIDER: Final = "dlt_docjobs defaults"
_DEFAULTS: Final[dict[str, Any]] = {
    # no telemetry is sent, and loaded packages are not kept (contract 6.6)
    "runtime": {"dlthub_telemetry": False},
    "load": {"delete_completed_jobs": True},
    # every row carries its load's id: it says whether the row is part of a whole load
    "normalize": {"parquet_normalizer": {"add_dlt_load_id": True}},
    # round robin would hold back twenty batches, each with all of its tables
    "sources": {"docjobs": {"extract": {"next_item_mode": "fifo"}}},
}


class _ExpectedHints(logging.Filter):
    """Drops dlt's warning that JSON travels as text in Arrow, which is how it is meant."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "several column hints were different" not in str(record.msg)


def install_defaults() -> None:
    """Puts our defaults behind every other place that dlt looks for configuration in."""
    context = Container()[PluggableRunContext].context
    with contextlib.suppress(DuplicateConfigProviderException):
        dlt.config.register_provider(
            CustomLoaderDocProvider(
                _PROVIDER, lambda: _DEFAULTS, supports_secrets=False, locations=[]
            )
        )
        # what dlt has read so far it read without them: its telemetry has started by now
        context.reset_config()
        if not dlt.config.get("runtime.dlthub_telemetry", bool):
            disable_anon_tracker()
    logger = logging.getLogger("dlt")
    if not any(isinstance(item, _ExpectedHints) for item in logger.filters):
        logger.addFilter(_ExpectedHints())


def prepare(pipeline: Pipeline) -> None:
    """Gives a pipeline its own staging dataset.

    Two pipelines that merge at once through a shared one mix their rows (DLT_NOTES 6).
    """
    install_defaults()
    destination = pipeline.destination
    if destination is not None and "staging_dataset_name_layout" not in destination.config_params:
        destination.config_params["staging_dataset_name_layout"] = (
            f"%s_staging_{pipeline.pipeline_name}"
        )


@contextlib.contextmanager
def connect(pipeline: Pipeline) -> Iterator[SqlClientBase[Any] | None]:
    """A connection to the pipeline's dataset; None where there is no dataset yet."""
    prepare(pipeline)
    with pipeline.sql_client() as client:
        yield client if client.has_dataset() else None


def forget_loaded_packages(pipeline: Pipeline) -> None:
    """Removes what dlt keeps of packages that are loaded, unless the user wants them kept."""
    if not dlt.config.get("load.delete_completed_jobs", bool):
        return
    storage = pipeline._get_load_storage()
    for load_id in storage.list_loaded_packages():
        storage.delete_loaded_package(load_id)
