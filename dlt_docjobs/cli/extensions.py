"""An extension of DuckDB that is not here and could not be downloaded, and the way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import duckdb

# as DuckDB says it, however deep in what dlt makes of it
_MISSING: Final = re.compile(
    r'Failed to (?:download|install local) extension "(?P<tried>\w+)"'
    r'|Extension "[^"]*?(?P<looked>\w+)\.duckdb_extension" not found'
)
_WHY: Final = re.compile(r"\(ERROR ([^()]+)\)")


def extension_fault(said: str) -> str | None:
    """Which extension of DuckDB is missing, in a sentence; None where an error says of none.

    Args:
        said: The error's text.
    """
    found = _MISSING.search(said)
    if found is None:
        return None
    why = _WHY.search(said)
    tried = " and could not be downloaded" if found["tried"] else ""
    because = f" ({why[1]})" if why else ""
    with duckdb.connect() as connection:
        (platform,) = connection.execute("PRAGMA platform").fetchone() or ("",)
    folder = Path("~/.duckdb/extensions", f"v{duckdb.__version__}", platform)
    return (
        f"DuckDB's extension {found['tried'] or found['looked']} is not here{tried}{because}. "
        f"DuckDB {duckdb.__version__} looks for it in {folder}: without a network, put it there; "
        "docs/destinations.md says how"
    )
