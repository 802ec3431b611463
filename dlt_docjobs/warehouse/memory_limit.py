"""How much memory DuckDB gets: little, and all it wants where a package can't be loaded with it.

DuckDB's own default is most of the machine, and it takes what it gets. But it also fails where
less would not do: twenty texts of 10 MB each need more than 512 MB. A package that did would fail
again at every run, and nothing behind it would ever be loaded.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.configuration import DuckDbBaseCredentials
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals

SOFT_LIMIT: Final = "256MB"
"""`memory_limit` of DuckDB where the user has set none. Any other value is the user's own."""

_DEFAULT_OF_DUCKDB: Final = "80%"
_NEXT_TO_NOTHING: Final = "16MB"
_SIGN: Final = "Out of Memory Error"
_LOG = logging.getLogger(__name__)
# runs of this process that keep a DuckDB file open
_runs: Final[Counter[str]] = Counter()
_guard: Final = threading.Lock()


@contextlib.contextmanager
def counted(client: SqlClientBase[Any]) -> Iterator[None]:
    """Counts a run that keeps a DuckDB file open."""
    file = _file(client)
    with _guard:
        _runs[file] += 1
    try:
        yield
    finally:
        with _guard:
            _runs[file] -= 1


def release_memory(pipeline: Pipeline, client: SqlClientBase[Any]) -> None:
    """Lets DuckDB forget what it keeps of blocks that it has read and written.

    It keeps them up to its limit, and between packages they are only in the way of the next one's
    rows. No other way is known than to lower the limit for a moment. So nothing is done where the
    limit is not configured, and could not be set again; nor where another run of this process uses
    the same database, which might have need of it then.

    Args:
        pipeline: The pipeline.
        client: What keeps its file open.
    """
    credentials = _credentials(pipeline)
    limit = _limit(credentials) if credentials else None
    with _guard:
        if limit is None or _runs[_file(client)] > 1:
            return
        try:
            # what is in use stays, and is an error
            with contextlib.suppress(DatabaseException):
                client.execute_sql(f"SET memory_limit = '{_NEXT_TO_NOTHING}'")
        finally:
            client.execute_sql(f"SET memory_limit = '{limit}'")


def lift_soft_limit(pipeline: Pipeline, error: PipelineStepFailed) -> bool:
    """Gives DuckDB its own default, if a load failed because of our limit.

    Args:
        pipeline: The pipeline.
        error: What its load ended with.

    Returns:
        Whether it is worth while to load again.
    """
    credentials = _credentials(pipeline)
    if (
        error.step != "load"
        or _SIGN not in str(error.__cause__ or error)
        or credentials is None
        or _limit(credentials) != SOFT_LIMIT
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


def _credentials(pipeline: Pipeline) -> DuckDbBaseCredentials | None:
    """The credentials that the pipeline was given; None where dlt looks for them."""
    destination = pipeline.destination
    credentials = dlt_internals.given_credentials(destination) if destination else None
    return credentials if isinstance(credentials, DuckDbBaseCredentials) else None


def _limit(credentials: DuckDbBaseCredentials) -> str | None:
    return (credentials.global_config or {}).get("memory_limit")


def _file(client: SqlClientBase[Any]) -> str:
    credentials: Any = client.credentials
    return str(credentials.database)
