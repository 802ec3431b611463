"""Providers of packages of their own have everything that a built-in one has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from acme_server import AcmeServer
from elsewhere_support import PATIENCE, ROOT, Installed


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_acme_passes_its_own_tests_and_the_kit(installed: Installed) -> None:
    said = installed.pytest("acme")
    assert re.search(r"\d{2,} passed", said)
    assert "failed" not in said


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_every_form_of_a_declaration_passes_the_kit(installed: Installed) -> None:
    said = installed.pytest("forms")
    assert re.search(r"\d{2,} passed", said)


@pytest.mark.slow
def test_docjobs_finds_what_is_installed(installed: Installed, tmp_path: Path) -> None:
    with AcmeServer() as server:
        for kind in ("parse", "classify"):
            server.add_job(kind)
        env = {
            "ACME_API_KEY": server.api_key,
            "SOURCES__DOCJOBS__ACME__BASE_URL": server.base_url,
            "DLT_DATA_DIR": str(tmp_path / "data"),
            "DLT_PROJECT_DIR": str(tmp_path),
        }
        assert "Acme" in installed.docjobs("--help", cwd=tmp_path)
        said = installed.docjobs("check", cwd=tmp_path, env=env)
        assert "acme: the key is accepted" in said
        said = installed.docjobs("probe", "acme", "--json", cwd=tmp_path, env=env)
        (probed,) = json.loads(said)["accounts"]
        said = installed.docjobs("sync", "--json", "--progress", "none", cwd=tmp_path, env=env)
    (row,) = json.loads(said)["providers"]
    assert (row["provider"], row["jobs_new"], row["results_loaded"]) == ("acme", 2, 2)
    assert (tmp_path / "warehouse.duckdb").exists()
    found = {one["name"]: one for one in probed["answers"]}
    assert found["failure"]["answer"] == "it has the field"
    assert found["result-parse"]["outcome"] == found["missing-parse"]["outcome"] == "shown"
    assert probed["requests"] <= 40


def test_no_line_of_the_package_knows_of_it() -> None:
    for path in (ROOT / "dlt_docjobs").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert b"acme" not in path.read_bytes().lower(), path
