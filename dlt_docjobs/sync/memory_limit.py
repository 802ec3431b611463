"""How much memory DuckDB gets: little, and all it wants where a package can't be loaded with it.

DuckDB's own default is most of the machine, and it takes what it gets. But it also fails where
less would not do: twenty texts of 10 MB each need more than 512 MB. A package that did would fail
again at every run, and nothing behind it would ever be loaded.
"""

from __future__ import annotations

import logging
from typing import Final

from dlt.destinations.impl.duckdb.configuration import DuckDbBaseCredentials
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

SOFT_LIMIT: Final = "256MB"
"""`memory_limit` of DuckDB where the user has set none. Any other value is the user's own."""

_DEFAULT_OF_DUCKDB: Final = "80%"
_SIGN: Final = "Out of Memory Error"
_LOG = logging.getLogger(__name__)


def lift_soft_limit(pipeline: Pipeline, error: PipelineStepFailed) -> bool:
    """Gives DuckDB its own default, if a load failed because of our limit.

    Args:
        pipeline: The pipeline.
        error: What its load ended with.

    Returns:
        Whether it is worth while to load again.
    """
    destination = pipeline.destination
    credentials = destination.config_params.get("credentials") if destination else None
    if (
        error.step != "load"
        or _SIGN not in str(error.__cause__ or error)
        or not isinstance(credentials, DuckDbBaseCredentials)
        or (credentials.global_config or {}).get("memory_limit") != SOFT_LIMIT
    ):
        return False
    _LOG.warning(
        "DuckDB could not load the package with %s; it is loaded again with as much memory as "
        "DuckDB takes by itself",
        SOFT_LIMIT,
    )
    # dlt reads it anew for each step
    credentials.global_config = {
        **(credentials.global_config or {}),
        "memory_limit": _DEFAULT_OF_DUCKDB,
    }
    return True
