"""An extension of DuckDB that is missing: said with its name, the reason and the place for it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from dlt.destinations.exceptions import DatabaseTerminalException

from dlt_docjobs.cli.errors import explain

# where nobody listens, and a folder without a file
NOWHERE = "http://127.0.0.1:9"
SETTINGS = {
    "refused": {"custom_extension_repository": NOWHERE},
    "no such file": {"custom_extension_repository": "/nowhere"},
    "not tried": {"autoinstall_known_extensions": False},
}
READS = {
    "httpfs": "SELECT * FROM read_parquet('s3://lake/jobs.parquet')",
    "delta": "SELECT * FROM delta_scan('lake')",
    "ducklake": "ATTACH 'ducklake:postgres:host=localhost'",
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("case", SETTINGS)
def test_the_extension_and_where_it_belongs_are_said(
    case: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with duckdb.connect(config=SETTINGS[case]) as connection:
        (platform,) = connection.execute("PRAGMA platform").fetchone() or ("",)
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(READS[name])
    explained = explain(DatabaseTerminalException(caught.value))
    tried = "" if case == "not tried" else " and could not be downloaded"
    assert explained.message.startswith(f"DuckDB's extension {name} is not here{tried}")
    assert f"~/.duckdb/extensions/v{duckdb.__version__}/{platform}: " in explained.message
    assert (explained.exit_code, explained.is_of_destination) == (3, True)
    if case == "refused":
        assert "(Could not establish connection)" in explained.message


def test_other_errors_of_duckdb_keep_their_words() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("SELECT * FROM nothing")
    assert "nothing does not exist" in explain(DatabaseTerminalException(caught.value)).message
