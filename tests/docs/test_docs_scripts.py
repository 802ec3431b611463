"""Every Python script and every query on the pages is run, against the emulator."""

from __future__ import annotations

import duckdb
import pytest
from docs_support import IDS_FILE, Block, MakeProject, blocks, of_page

from dlt_docjobs.emulator import Emulator


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_scripts(block: Block, providers: Emulator, make_project: MakeProject) -> None:
    project = make_project(providers)
    project.python(block.text)
    if "dlt.pipeline(" not in block.text:
        return
    with duckdb.connect(str(project.folder / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM docjobs.jobs").fetchone() != (0,)


def test_queries(lively: Emulator, make_project: MakeProject) -> None:
    """Every query finds something in the jobs of three weeks."""
    project = make_project(lively)
    (project.folder / ".dlt").mkdir()
    ids = f'[sources.docjobs.unsiloed]\njob_ids_file = "{IDS_FILE}"\n'
    (project.folder / ".dlt" / "config.toml").write_text(ids)
    # the second sync goes without results, so that some are missing
    project.shell("docjobs sync")
    lively.advance(7200)
    project.shell("docjobs sync --no-results")
    assert len(of_page("README.md", "sql")) >= 3
    with duckdb.connect(str(project.folder / "warehouse.duckdb"), read_only=True) as connection:
        for block in blocks("sql"):
            rows = connection.execute(block.text).fetchall()
            assert rows, f"finds nothing:\n{block.text}"
