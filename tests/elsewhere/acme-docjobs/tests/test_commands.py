"""Every command and Dagster know Acme, though nothing in dlt-docjobs does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from acme_server import AcmeServer

import dlt_docjobs
from dlt_docjobs.testing import Bench
from dlt_docjobs.testing.bench import bench_of
from dlt_docjobs.testing.parts import assert_good, stock
from dlt_docjobs.testing.process import inside


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_of("acme", AcmeServer(), tmp_path) as bench:
        stock(bench)
        yield bench


def day(**ago: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(**ago)).isoformat()


def test_the_commands(bench: Bench) -> None:
    code, said = bench.docjobs("check", "acme")
    assert code == 0, said
    assert "acme: the key is accepted" in said

    old = bench.fake.add_job("classify", created_at=datetime(2025, 3, 4, tzinfo=timezone.utc))
    code, said = bench.docjobs("sync", "acme", "--no-results")
    assert code == 0, said
    window = ("--since", "2025-03-01", "--until", "2025-04-01")
    code, said = bench.docjobs("sync", "acme", *window)
    assert code == 0, said
    (state,) = bench.warehouse.query("SELECT results_state FROM jobs WHERE job_id = ?", old.job_id)
    assert state == ("loaded",)
    code, said = bench.docjobs("sync", "acme", "--reload", "skipped")
    assert code == 0, said
    assert_good(bench)

    code, said = bench.docjobs("status")
    assert code == 0, said
    assert "acme" in said
    code, said = bench.docjobs("views")
    assert code == 0, said
    counted = bench.warehouse.query("SELECT provider, count(*) FROM job_timeline GROUP BY 1")
    assert counted == [("acme", len(bench.fake.jobs))]

    code, said = bench.docjobs("reset", "acme", "--yes")
    assert code == 0, said
    assert bench.warehouse.query("SELECT count(*) FROM jobs") == [(0,)]
    code, said = bench.docjobs("sync", "acme")
    assert code == 0, said
    assert_good(bench)


def test_the_report(bench: Bench) -> None:
    pytest.importorskip("altair", reason="pip install 'dlt-docjobs[report]'")
    bench.docjobs("sync", "acme")
    code, said = bench.docjobs("report", "--out", "report.html")
    assert code == 0, said
    assert "Acme" in (bench.folder / "report.html").read_text("utf-8")


def test_a_mistyped_setting_is_told(bench: Bench) -> None:
    code, said = bench.docjobs("sync", "acme", env={"SOURCES__DOCJOBS__ACME__WORKSPCE": "w"})
    assert code == 2
    assert "did you mean workspace" in said


def test_an_account_of_its_own(bench: Bench) -> None:
    account = {
        "SOURCES__DOCJOBS__ACME_EU__API_KEY": bench.fake.api_key,
        "SOURCES__DOCJOBS__ACME_EU__BASE_URL": bench.fake.base_url,
        "SOURCES__DOCJOBS__ACME_EU__WORKSPACE": "w-eu",
    }
    code, said = bench.docjobs("sync", "acme:eu", env=account)
    assert code == 0, said
    assert bench.warehouse.query("SELECT DISTINCT provider, account FROM jobs") == [("acme", "eu")]
    workspaces = {
        request.headers.get("x-acme-workspace")
        for request in bench.fake.requests
        if not request.is_elsewhere
    }
    assert workspaces == {"w-eu"}


def test_python() -> None:
    assert dlt_docjobs.source("acme", api_key="k").name == "acme"
    assert "acme" in dlt_docjobs.acme.__name__


def test_dagster(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    dg = pytest.importorskip("dagster", reason="pip install dagster")
    from dlt_docjobs.dagster import docjobs_assets

    env = {
        "DLT_DATA_DIR": str(bench.folder / "data"),
        "DESTINATION__DUCKDB__CREDENTIALS": str(bench.warehouse.file),
        "SOURCES__DOCJOBS__ACME__API_KEY": bench.fake.api_key,
        "SOURCES__DOCJOBS__ACME__BASE_URL": bench.fake.base_url,
    }
    with inside(bench.folder, env), dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(docjobs_assets("acme"), instance=instance)
    assert result.success
    assert_good(bench)
    with pytest.raises(dlt_docjobs.UsageError, match="no list that can be filtered"):
        docjobs_assets("acme", start="2026-01-01")
