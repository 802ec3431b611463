"""Cells of tables, where they are wanted: of every provider, and from switch to switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conformance_bench import PROVIDERS, SUCCESS_WORD, MakeBench, result_of
from conformance_destinations import DestinationBench

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.testing.warehouse import Tables, of_job

HTML = "<table><tr><th>Item<th>Qty</tr><tr><td>Bolts<td>12</tr></table>"
MARKDOWN = "| Item | Qty |\n| --- | --- |\n| Bolts | 12 |"
SOURCES = {"llamacloud": "rows", "contextual": "markdown"}


def with_table(provider: str, text: str = HTML) -> Any:
    """A result with one segment, a table."""
    result = result_of(provider, "parse", [MARKDOWN if provider == "contextual" else text])
    if provider == "llamacloud":
        item = result["items"]["pages"][0]["items"][0]
        item |= {"type": "table", "rows": [["Item", "Qty"], ["Bolts", 12]]}
        del item["value"]
    elif provider == "contextual":
        result["pages"][0]["blocks"][0]["type"] = "table"
    elif provider == "landingai":
        result["structure"]["children"][0]["children"][0]["type"] = "table"
    elif provider == "reducto":
        result["chunks"][0]["blocks"][0]["type"] = "Table"
    else:
        result["chunks"][0]["segments"][0]["segment_type"] = "Table"
    return result


def texts(tables: Tables, job_id: str) -> list[tuple[Any, ...]]:
    rows = of_job(tables, "table_cells", job_id)
    return [(row["row_index"], row["column_index"], row["text"]) for row in rows]


CELLS = [(0, 0, "Item"), (0, 1, "Qty"), (1, 0, "Bolts"), (1, 1, "12")]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_cells_alone_can_be_selected(provider: str, make_bench: MakeBench) -> None:
    bench = make_bench()
    status = SUCCESS_WORD[provider, "parse"]
    job = bench.emulator.add_job(provider, "parse", status=status, result=with_table(provider))
    run = bench.sync(provider, only=("jobs", "table_cells"), include_table_cells=True)
    assert (run.exit_code, run.error) == (0, None)
    tables = bench.tables()
    assert texts(tables, job.job_id) == CELLS
    (source,) = {row["source"] for row in tables["table_cells"]}
    assert source == SOURCES.get(provider, "html")
    assert not tables.get("segments")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_cells_follow_their_switch_and_their_result(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("postgres") if kind == "postgres" else ""
    with Emulator(jobs=0) as emulator:
        bench = DestinationBench(emulator, tmp_path, kind, address)

        def synced(**options: Any) -> list[tuple[Any, ...]]:
            run = bench.sync("unsiloed", **options)
            assert (run.exit_code, run.error) == (0, None)
            tables = bench.tables()
            assert "table_cells" in tables
            return texts(tables, job_id)

        job_id = emulator.add_job(
            "unsiloed", "parse", status="Succeeded", result=with_table("unsiloed")
        ).job_id
        assert synced() == []
        if kind == "duckdb":
            # what is loaded already stays as it is
            assert synced(include_table_cells=True) == []
        assert synced(include_table_cells=True, reload="all") == CELLS
        emulator.reprocess(job_id, result=with_table("unsiloed", "<td>one<td>&eacute;"))
        assert synced(include_table_cells=True, reload="all") == [(0, 0, "one"), (0, 1, "é")]
        if kind == "duckdb":
            assert synced(reload="all") == []
