"""Every Python script and every query on the pages is run, against the emulator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import duckdb
import psycopg2
import pytest
from docs_support import IDS_FILE, Block, MakeProject, blocks, of_page, read

from dlt_docjobs.emulator import Emulator


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_scripts(block: Block, providers: Emulator, make_project: MakeProject) -> None:
    for module in re.findall(r"^(?:from|import) (dagster\w*)", block.text, re.MULTILINE):
        pytest.importorskip(module, reason="pip install -e '.[dagster]' dagster-dlt")
    project = make_project(providers)
    project.python(block.text)
    if "dlt.pipeline(" not in block.text or "@dlt_assets" in block.text:
        return
    with duckdb.connect(str(project.folder / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM docjobs.jobs").fetchone() != (0,)


DESTINATIONS = ("duckdb", "postgres")
Ask = Callable[[str], list[Any]]


@pytest.fixture(scope="module", params=DESTINATIONS)
def ask(
    request: pytest.FixtureRequest, lively: Emulator, make_project: MakeProject, postgres: str
) -> Iterator[Ask]:
    """How to ask a warehouse of each kind with the jobs of three weeks."""
    project = make_project(lively)
    (project.folder / ".dlt").mkdir()
    ids = f'[sources.docjobs.unsiloed]\njob_ids_file = "{IDS_FILE}"\n'
    (project.folder / ".dlt" / "config.toml").write_text(ids)
    env = {**project.keys, "DESTINATION__POSTGRES__CREDENTIALS": postgres}
    options: tuple[str, ...]
    for options in ((), ("--no-results",)):
        # the second sync goes without results, so that some are missing
        project.docjobs("sync", "--destination", request.param, *options, env=env)
        lively.advance(7200)
    if request.param == "duckdb":
        file = project.folder / "warehouse.duckdb"
        with duckdb.connect(str(file), read_only=True) as of_duckdb:
            yield lambda sql: of_duckdb.execute(sql).fetchall()
        return
    with closing(psycopg2.connect(postgres)) as of_postgres, of_postgres.cursor() as cursor:

        def ask_postgres(sql: str) -> list[Any]:
            cursor.execute(sql)
            return cursor.fetchall()

        of_postgres.autocommit = True
        yield ask_postgres


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_queries(block: Block, ask: Ask) -> None:
    """Every query finds something in the jobs of three weeks, as it stands on the page."""
    assert ask(block.text), f"finds nothing:\n{block.text}"


def recipe(destination: str) -> str:
    """How docs/views.md#search has a destination search."""
    found = re.search(
        rf"<!-- search: {destination} -->\n\n```text\n(.*?)```", read("docs/views.md"), re.DOTALL
    )
    assert found is not None
    return found[1]


@pytest.mark.parametrize("ask", ["postgres"], indirect=True)
def test_words_are_searched_in_postgres(ask: Ask) -> None:
    rows = ask(recipe("postgres"))
    assert rows and all("<b>liable</b>" in row[3] for row in rows)


@pytest.mark.parametrize("ask", ["duckdb"], indirect=True)
def test_words_are_searched_with_duckdbs_index(ask: Ask) -> None:
    with duckdb.connect() as connection:
        try:
            connection.execute("INSTALL fts")
        except duckdb.Error as error:
            pytest.skip(f"DuckDB's extension fts can't be had here: {error}")
        ((file,),) = ask("SELECT path FROM duckdb_databases() WHERE path LIKE '%warehouse.duckdb'")
        text = recipe("duckdb")
        assert "'warehouse.duckdb'" in text
        # one by one, as DuckDB's own shell does: the PRAGMA wants the table before it is read
        for statement in text.replace("warehouse.duckdb", file).strip().split(";\n"):
            connection.execute(statement)
        rows = connection.fetchall()
    scores = [row[0] for row in rows]
    assert scores and scores == sorted(scores, reverse=True)


def test_the_readme_has_a_query_for_each_of_its_ten_questions() -> None:
    asked = re.findall(r"<summary>(\d+)\. .+</summary>\n\n```sql\nSELECT", read("README.md"))
    assert asked == [str(number) for number in range(1, 11)]
    assert len(of_page("README.md", "sql")) == 10
