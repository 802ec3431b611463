"""What databases behind SQLAlchemy need, and dlt's capabilities do not say: SQLite, MySQL, MariaDB.

dlt's destination `sqlalchemy` is whatever its connection string names, so what it can do is known
only once its configuration is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from dlt.common.destination import AnyDestination
from dlt.common.destination.capabilities import DestinationCapabilitiesContext

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.warehouse.kind import kind_of

_EXTRA: Final = "pip install 'dlt-docjobs[{}]'"
_PYMYSQL: Final = (
    f"the database's driver is missing ({{}}): {_EXTRA.format('mysql')}, and begin the connection "
    "string with mysql+pymysql://"
)


def is_sqlalchemy(destination: AnyDestination) -> bool:
    """Whether a connection string says which database it is."""
    return kind_of(destination) == "sqlalchemy"


def require_sqlalchemy() -> None:
    """Raises `UsageError` where SQLAlchemy is not installed."""
    if find_spec("sqlalchemy") is None:
        raise UsageError(f"SQLAlchemy is not installed: {_EXTRA.format('sqlalchemy')}")


def capabilities_of(destination: AnyDestination) -> DestinationCapabilitiesContext:
    """What a destination can do; behind SQLAlchemy, what the configured database can.

    Nothing is connected to.

    Raises:
        UsageError: The database is none that could keep our tables, or its packages are missing.
    """
    if not is_sqlalchemy(destination):
        return destination.capabilities()
    require_sqlalchemy()
    from sqlalchemy.exc import ArgumentError

    try:
        config: Any = destination.configuration(destination.spec(), accept_partial=True)
        credentials = config.credentials
        if credentials is None or not credentials.drivername:
            return destination.capabilities()
        if credentials.is_memory_database(credentials.database, credentials.query):
            raise UsageError(
                "what SQLite holds in memory is gone when the connection ends, and a sync has "
                "several: name a file, as in sqlite:///warehouse.db"
            )
        return destination.capabilities(config)
    except ModuleNotFoundError as error:
        if error.name in ("MySQLdb", "pymysql"):
            raise UsageError(_PYMYSQL.format(error.name)) from None
        raise UsageError(f"a package of the database is missing: {error.name}") from None
    except ArgumentError as error:
        raise UsageError(
            f"the connection string of {destination.destination_name}: {error}"
        ) from None


def own_capabilities(destination: AnyDestination) -> Mapping[str, Any]:
    """What of a database's capabilities has to be other than dlt takes it to be.

    SQLite has one writer at a time, and dlt's twenty loaders would wait for each other until one
    gives up. MySQL's `TEXT` ends at 64 KB, and its usual collations take two ids for one that
    differ by case.
    """
    if not is_sqlalchemy(destination):
        return {}
    dialect = capabilities_of(destination).sqlglot_dialect
    if dialect == "sqlite":
        return {"loader_parallelism_strategy": "sequential"}
    return {"type_mapper": _long_texts()} if dialect == "mysql" else {}


@lru_cache(maxsize=1)
def _long_texts() -> type[Any]:
    """dlt's types for MySQL, with texts of any length that are compared byte by byte."""
    from dlt.destinations.impl.sqlalchemy.type_mapper import MysqlVariantTypeMapper
    from sqlalchemy.dialects.mysql import LONGTEXT

    class LongTexts(MysqlVariantTypeMapper):
        """Maps a text without a length to `LONGTEXT`."""

        def db_type_from_text_type(self, column: Any, table: Any) -> Any:
            """The type of a column of texts."""
            if column.get("precision") is None and not column.get("unique"):
                return LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")
            return super().db_type_from_text_type(column, table)

    return LongTexts
