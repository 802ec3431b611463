"""The configurations on docs/destinations.md are those that dlt reads; nothing is connected to."""

from __future__ import annotations

import re

import dlt
import pytest
import tomlkit
from dlt.common.destination import Destination
from docs_support import Block, of_page, read

PAGE = "docs/destinations.md"
NAMES = {
    *("postgres", "snowflake", "bigquery", "databricks", "redshift", "clickhouse"),
    *("motherduck", "filesystem", "ducklake"),
}


def configured(block: Block) -> str:
    (name,) = tomlkit.parse(block.text).unwrap()["destination"]
    return str(name)


BLOCKS = of_page(PAGE, "toml")


def test_every_warehouse_has_a_configuration() -> None:
    assert {configured(block) for block in BLOCKS} == NAMES


def test_every_destination_is_in_the_table() -> None:
    text = read(PAGE).lower().replace(" ", "")
    others = {"mssql": "sqlserver", "sqlalchemy": "sqlalchemy", "destination": "afunction"}
    for name in set(dlt.destinations.__all__) - {"dummy"}:
        assert others.get(name, {"postgres": "postgresql"}.get(name, name)) in text, name


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


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_first_line_names_the_file(block: Block) -> None:
    assert re.match(r"# \.dlt/(secrets|config)\.toml\n", block.text)
