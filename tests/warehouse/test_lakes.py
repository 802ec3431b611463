"""Lakes that can't be read from here are refused before anything is asked of anybody."""

from __future__ import annotations

from pathlib import Path

import dlt
import duckdb
import pytest
from packaging.version import Version

from dlt_docjobs import UsageError
from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.warehouse.connection import prepare

BUCKET = "DESTINATION__FILESYSTEM__BUCKET_URL"


def refusal(
    monkeypatch: pytest.MonkeyPatch, folder: Path, version: str, name: str, bucket: str = ""
) -> str:
    """What a command and a run say with a DuckDB of that version; empty where both go on."""
    monkeypatch.setattr(duckdb, "__version__", version)
    monkeypatch.setenv(BUCKET, bucket)
    pipeline = dlt.pipeline("lake", destination=name, pipelines_dir=str(folder))
    said = []
    for start in (lambda: make_destination(name, "docjobs"), lambda: prepare(pipeline)):
        try:
            start()
        except UsageError as error:
            said.append(str(error))
    assert len(said) in (0, 2) and len(set(said)) < 2
    return said[0] if said else ""


@pytest.mark.parametrize("version", ["1.2.2", "2.0.0-dev12", "2.0.1"])
def test_ducklake_needs_a_version_that_its_extension_and_dlt_know(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    said = refusal(monkeypatch, tmp_path, version, "ducklake")
    assert f"reads DuckLake with DuckDB >=1.3,<2, and {version} is installed" in said
    assert "pip install 'duckdb>=1.3,<2'" in said


@pytest.mark.parametrize("version", ["1.3.0", "1.5.5"])
def test_ducklake_goes_on_with_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    assert refusal(monkeypatch, tmp_path, version, "ducklake") == ""


@pytest.mark.parametrize("driver", ["duckdb", "sqlite", "postgresql"])
def test_ducklake_needs_a_catalog_that_takes_several_connections(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: str
) -> None:
    place = "ada:none@localhost/x" if driver == "postgresql" else f"{tmp_path}/x"
    catalog = f"{driver}://{place}" if driver == "postgresql" else f"{driver}:///{place}"
    monkeypatch.setenv("DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG", catalog)
    said = refusal(monkeypatch, tmp_path, "1.5.5", "ducklake")
    assert ("keep the catalog in PostgreSQL" in said) == (driver == "duckdb")


def test_duckdb_still_opens_a_file_once_in_a_process(tmp_path: Path) -> None:
    """Where this fails, a catalog in DuckDB's file need not be refused any longer."""
    if Version(duckdb.__version__) < Version("1.5"):
        pytest.skip("not known of DuckDB before 1.5")
    attach = f"ATTACH '{tmp_path / 'catalog.duckdb'}' AS catalog"
    with duckdb.connect() as one, duckdb.connect() as other:
        one.execute(attach)
        with pytest.raises(duckdb.Error, match="already attached"):
            other.execute(attach)


def test_a_bucket_needs_a_duckdb_before_2_and_a_folder_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path.as_uri()
    said = refusal(monkeypatch, tmp_path, "2.0.1", "filesystem", "s3://lake/docjobs")
    assert "reads a bucket with DuckDB <2, and 2.0.1 is installed" in said
    assert refusal(monkeypatch, tmp_path, "1.5.5", "filesystem", "s3://lake/docjobs") == ""
    assert refusal(monkeypatch, tmp_path, "2.0.1", "filesystem", folder) == ""


@pytest.mark.parametrize("name", ["duckdb", "motherduck", "snowflake"])
def test_databases_are_asked_for_no_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    assert refusal(monkeypatch, tmp_path, "2.0.1", name) == ""


def test_dlt_still_can_not_read_them_with_duckdb_2() -> None:
    """Where this fails, dlt or DuckDB has mended it: the bounds can go."""
    if Version(duckdb.__version__) < Version("2"):
        pytest.skip("DuckDB 1.x can")
    with duckdb.connect() as connection, pytest.raises(AttributeError, match="fetchone"):
        connection.sql("SELECT current_setting('secret_directory')").fetchone()
