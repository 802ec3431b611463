"""What lakes ask for: dlt reads buckets and DuckLake through the DuckDB that is installed here."""

from __future__ import annotations

from typing import Any, Final

import duckdb
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.destination import AnyDestination
from dlt.version import __version__ as dlt_version
from packaging.specifiers import SpecifierSet

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.warehouse.kind import kind_of

# dlt 1.31 calls `fetchone` of what DuckDB's `sql` returns, when it leaves a DuckLake and when it
# names a bucket's credentials; DuckDB 2.0 took it away. DuckLake's extension begins with 1.3.
_DUCKLAKE: Final = ">=1.3,<2"
_BUCKET: Final = "<2"
_CATALOG: Final = (
    "DuckDB lets a process open a DuckLake once whose catalog is a file of DuckDB, and a sync has "
    "several connections: keep the catalog in PostgreSQL, or on one machine in SQLite"
)


def require_lake(destination: AnyDestination) -> None:
    """Refuses a lake that can't be read from here, before anything is asked of anybody.

    Nothing is connected to; other destinations pass.

    Raises:
        UsageError: Another version of DuckDB is needed, or another catalog.
    """
    kind = kind_of(destination)
    if kind == "ducklake":
        _require(_DUCKLAKE, "DuckLake")
        catalog = getattr(_config(destination).credentials, "catalog", None)
        if catalog is not None and catalog.drivername == "duckdb":
            raise UsageError(_CATALOG)
    elif kind == "filesystem" and not _is(_BUCKET):
        config = _config(destination)
        if config.bucket_url and not config.is_local_filesystem:
            _require(_BUCKET, "a bucket")


def _config(destination: AnyDestination) -> Any:
    config = destination.spec()
    if kind_of(destination) == "filesystem":
        # where the bucket is: its own credentials would ask for packages of the provider's
        config.credentials = CredentialsConfiguration()
        config.credentials.__is_resolved__ = True
    return destination.configuration(config, accept_partial=True)


def _require(versions: str, what: str) -> None:
    if not _is(versions):
        raise UsageError(
            f"dlt {dlt_version} reads {what} with DuckDB {versions}, and {duckdb.__version__} is "
            f"installed: pip install 'duckdb{versions}'"
        )


def _is(versions: str) -> bool:
    # a version that is not released yet counts as the one that it will be
    return SpecifierSet(versions).contains(duckdb.__version__, prereleases=True)
