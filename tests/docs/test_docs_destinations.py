"""What docs/destinations.md says is what dlt says and reads; nothing is connected to."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import dlt
import generate
import pytest
import tomlkit
from dlt.common.destination import Destination
from docs_support import ROOT, Block, MakeProject, of_page, read
from proofs import proofs

from dlt_docjobs import UsageError
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.tables import TABLES
from dlt_docjobs.warehouse.merging import merging_of

PAGE = "docs/destinations.md"
NAMES = {
    *("postgres", "snowflake", "bigquery", "databricks", "redshift", "clickhouse"),
    *("motherduck", "filesystem", "ducklake", "sqlalchemy"),
}


def configured(block: Block) -> str:
    (name,) = tomlkit.parse(block.text).unwrap()["destination"]
    return str(name)


BLOCKS = of_page(PAGE, "toml")


def test_every_warehouse_has_a_configuration() -> None:
    assert {configured(block) for block in BLOCKS} == NAMES


# how the table calls dlt's destinations, where it is not their own name
CALLED = {"sqlserver": "mssql", "postgresql": "postgres", "afunction": "destination"}
HOW = {"delete-insert": "replaced", "upsert": "replaced row by row", None: "appended"}
UNITS = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}


def rows() -> dict[tuple[str, str | None], list[str]]:
    """The table's cells by destination and table format."""
    table = read(PAGE).split("| --- |", 1)[1].split("\n\n", 1)[0]
    found: dict[tuple[str, str | None], list[str]] = {}
    for line in table.splitlines()[1:]:
        first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        named = re.fullmatch(r"filesystem, (?:`table_format = \"(\w+)\"`|plain files)", first)
        if named:
            found["filesystem", named[1]] = cells
            continue
        for name in first.lower().replace(" ", "").split(","):
            found[CALLED.get(name, name), None] = cells
    return found


ROWS = rows()


def destination(name: str) -> Any:
    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    return Destination.from_reference(name)


def json_type(of: Any, table_format: str | None) -> str:
    """Where a JSON column ends up, in the table's words."""
    if "filesystem" in of.destination_type:
        return "text"
    columns = merging_of(of, table_format).hints(TABLES["jobs"])["columns"]
    schema: Any = {"name": "jobs", "columns": columns, "x-insert-api": "copy_into"}
    found = str(of.capabilities().get_type_mapper().to_destination_type(columns["payload"], schema))
    word = found.split("(")[0].lower()
    return {"json": "JSON", "jsonb": "jsonb"}.get(word, "text")


def test_every_destination_is_in_the_table() -> None:
    assert {name for name, _ in ROWS} == set(dlt.destinations.__all__) - {"dummy"}
    assert {of for name, of in ROWS if name == "filesystem"} == {None, "delta", "iceberg"}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_table_says_what_dlt_does(row: tuple[str, str | None]) -> None:
    name, table_format = row
    how, json, longest = ROWS[row]
    of = destination(name)
    try:
        merging = merging_of(of, table_format)
    except UsageError:
        assert (how, json, longest) == ("refused", "", "")
        return
    assert re.split("[;,]", how)[0] == HOW[merging.replaces]
    assert ("results of new jobs are appended" in how) == merging.appends
    # DuckDB has MERGE from 1.4, whatever is installed here
    assert ("inserted" in how) == (name == "motherduck")
    assert merging.inserts is None or merging.appends or "inserted" in how
    if name == "sqlalchemy":
        pytest.importorskip("sqlalchemy", reason="dlt knows its types only where it is installed")
    assert json == json_type(of, table_format)
    limit = of.capabilities().max_text_data_type_length
    if name == "filesystem" or limit > UNITS["GB"] ** 2:
        assert longest == "no limit"
        return
    number, unit = longest.split()
    assert abs(int(number) * UNITS[unit] - limit) <= 1, limit


@pytest.mark.slow
def test_a_proof_is_of_a_test_that_is_run_on_that_destination() -> None:
    """The other way round the suite refuses to run: see `_refuse_false_proof`."""
    found = proofs()
    files = sorted({proof.test.partition("::")[0] for proof in found})
    collected = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"),
            *("-m", "slow or not slow", *files),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    of_test: dict[str, list[str]] = {}
    for line in collected.splitlines():
        test, _, parameters = line.partition("[")
        of_test.setdefault(test, []).append(parameters)
    for proof in found:
        assert any(
            not parameters or proof.destination in re.split(r"[\W]", parameters)
            for parameters in of_test[proof.test]
        ), proof


def test_what_no_test_has_run_is_said_nowhere_to_work() -> None:
    titles = [line.split("|")[1].strip() for line in generate.proven().splitlines()[2:]]
    assert titles == list(generate.TRIED.values())
    assert {proof.destination for proof in proofs()} == set(generate.TRIED)


def test_whose_times_lose_something_is_said() -> None:
    coarse = {
        name
        for name, _ in ROWS
        if (destination(name).capabilities().timestamp_precision or 6) < 6
        and ROWS[name, None][0] != "refused"
    }
    assert coarse == {"athena", "dremio"}
    assert "Athena and Dremio" in read(PAGE)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_keys_are_those_that_dlt_reads(block: Block) -> None:
    settings = tomlkit.parse(block.text).unwrap()["destination"][configured(block)]
    spec = Destination.from_reference(configured(block)).spec
    known = set(spec.get_resolvable_fields())
    assert set(settings) <= known, set(settings) - known
    credentials = settings.get("credentials")
    if isinstance(credentials, dict):
        kind = spec.get_resolvable_fields()["credentials"]
        arms = getattr(kind, "__args__", None) or (kind,)
        fields = [
            set(arm.get_resolvable_fields())
            for arm in arms
            if hasattr(arm, "get_resolvable_fields")
        ]
        assert any(set(credentials) <= of_arm for of_arm in fields), credentials


# what dlt makes of it, in a process that reads the file as any other does
RESOLVE = """
from dlt.common.destination import Destination

of = Destination.from_reference({name!r})
found = of.configuration(of.spec()._bind_dataset_name("docjobs"))
values = {{**dict(found), "credentials": dict(found.credentials or {{}})}}

def plain(value):
    if hasattr(value, "keys"):
        return {{key: plain(value[key]) for key in value.keys()}}
    return str(value)

print(plain(values))
"""


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_dlt_reads_it(block: Block, providers: Emulator, make_project: MakeProject) -> None:
    project = make_project(providers)
    name = re.match(r"# (\.dlt/\w+\.toml)\n", block.text)
    assert name is not None
    file = project.folder / name[1]
    file.parent.mkdir()
    file.write_text(block.text)
    found = ast.literal_eval(
        project.python(RESOLVE.format(name=configured(block))).splitlines()[-1]
    )
    assert_holds(found, tomlkit.parse(block.text).unwrap()["destination"][configured(block)])


def assert_holds(found: Any, said: Any) -> None:
    """What was read holds what the block says; an address comes back in its parts."""
    for key, value in said.items():
        if isinstance(value, dict):
            assert_holds(found[key], value)
        elif isinstance(found[key], dict):
            parts = urlsplit(value)
            assert found[key]["host"] == str(parts.hostname), key
            assert found[key]["database"].strip("/") == parts.path.strip("/"), key
        else:
            assert found[key].strip() == str(value), key


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_first_line_names_the_file(block: Block) -> None:
    assert re.match(r"# \.dlt/(secrets|config)\.toml\n", block.text)
