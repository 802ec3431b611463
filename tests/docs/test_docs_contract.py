"""docs/contract.md promises what is there, and plans what is not; code points to what exists."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
from at_night import REPEATED
from docs_support import ROOT, anchors, read

import dlt_docjobs
from dlt_docjobs.cli import output
from dlt_docjobs.cli.arguments import make_parser
from dlt_docjobs.emulator.vocabulary import PROVIDERS
from dlt_docjobs.model import outcomes
from dlt_docjobs.model.vocabulary import (
    CANONICAL_SEGMENT_TYPES,
    EXPIRED,
    UNKNOWN,
)
from dlt_docjobs.providers.registry import provider as provider_of
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS

PAGE = "docs/contract.md"
APIS = ("llamacloud", "contextual", "unsiloed", "landingai")


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = heading.count("#")
    found = re.search(
        rf"^{re.escape(heading)}\n(?P<text>.*?)(?=^#{{1,{level}}} |\Z)", read(PAGE), re.M | re.S
    )
    assert found is not None, heading
    return found["text"]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def first_cells(text: str) -> list[str]:
    """The code in the first column of the tables in a text."""
    return [word for row in re.findall(r"^\| (.*?) \|", text, re.M) for word in code(row)]


# -- what is promised ---------------------------------------------------------------------------


def test_every_table_is_promised() -> None:
    assert set(re.findall(r"^### (\w+)$", section("## Tables"), re.M)) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_promised_columns_are_there(name: str) -> None:
    columns = re.search(r"^Columns: (.*?)\.$", section(f"### {name}"), re.M | re.S)
    assert columns is not None
    there = [column.name for column in TABLES[name].columns]
    # a column that is not promised may be added, and goes again
    promised = code(columns[1])
    assert promised == [column for column in there if column in promised]
    for column in TABLES[name].key:
        assert f"`{column}`" in section(f"### {name}") or "the job's" in section(f"### {name}")


def keys_of(provider: str) -> set[str]:
    return set(inspect.signature(getattr(dlt_docjobs, provider)).parameters)


def test_promised_keys_are_there() -> None:
    promised = first_cells(section("## Configuration"))
    assert "lag_seconds" in promised
    for key in promised:
        assert any(key in keys_of(provider) for provider in PROVIDERS), key


def test_promised_commands_and_options_are_there() -> None:
    text = section("## Command line")
    for command in first_cells(text):
        assert make_parser().format_help().count(f"    {command.removeprefix('docjobs ')}"), command
    spelled = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for option in re.findall(r"`(--[a-z-]+)", text):
        assert option in spelled, option


def test_exit_codes_are_those_of_the_code() -> None:
    listed = re.findall(r"^\| (\d+(?:, \d+)?) \|", section("### Exit codes"), re.M)
    codes = {value for name, value in vars(outcomes).items() if name.startswith("EXIT_")}
    assert {int(one) for text in listed for one in text.split(", ")} == codes | {130, 143}


def test_json_has_the_promised_fields() -> None:
    fields = code(section("### JSON output"))
    first = fields.index("provider")
    assert tuple(fields[first : first + len(output.JSON_FIELDS)]) == output.JSON_FIELDS


def test_the_canonical_words_are_those_of_the_code() -> None:
    statuses = {
        word for name in PROVIDERS for word in provider_of(name).vocabulary.statuses.values()
    }
    assert set(first_cells(section("## Canonical status"))) == statuses | {EXPIRED, UNKNOWN}
    listed = section("## Canonical segment type").strip().split("\n\n")[0]
    assert set(code(listed)) == CANONICAL_SEGMENT_TYPES


def test_every_view_is_promised_with_its_columns() -> None:
    text = section("## Views")
    assert first_cells(text) == list(VIEWS)
    for name, words in re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M):
        columns = {column.name for column in VIEWS[name].columns}
        assert {word for word in code(words) if "…" not in word} <= columns


# -- what is planned ----------------------------------------------------------------------------


def planned(what: str) -> list[str]:
    """The names of a kind that are planned; none where the kind is not in the list any more."""
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (`.*) \|$", section("## Planned"), re.M))
    known = {"commands", "configuration keys", "tables", "columns", "views"}
    assert what in known >= set(rows)
    return code(rows.get(what, ""))


def test_nothing_that_is_planned_is_there() -> None:
    """What has been built moves up, into the section that it belongs to."""
    assert not set(planned("tables")) & set(TABLES)
    assert not set(planned("views")) & set(VIEWS)
    assert not set(planned("configuration keys")) & set().union(*map(keys_of, PROVIDERS))
    for name in planned("columns"):
        table, column = name.split(".")
        assert column not in {one.name for one in TABLES[table].columns}, name
    for words in planned("commands"):
        with pytest.raises(SystemExit):
            make_parser().parse_args(words.split())


def test_planned_names_are_explained() -> None:
    text = section("## Planned").split("\n### ", 1)[1]
    for row in re.findall(r"^\| .* \| (.*) \|$", section("## Planned").split("\n### ")[0], re.M):
        for name in code(row):
            assert re.search(rf"`[^`]*{re.escape(name)}", text), name


# -- what is known of the providers -------------------------------------------------------------


@pytest.mark.parametrize("provider", APIS)
def test_facts_are_numbered_and_have_their_sources(provider: str) -> None:
    text = read(f"docs/providers/{provider}.md")
    facts = re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^#|^- |\Z)", text, re.M | re.S)
    assert [int(number) for number, _ in facts] == list(range(1, len(facts) + 1))
    sources = re.findall(r"^\| ([A-Z]{2}) \|", text, re.M)
    for number, fact in facts:
        assert re.search(rf"\b(?:{'|'.join(sources)})\b", fact), number
    for key in sources:
        assert any(re.search(rf"\b{key}\b", fact) for _, fact in facts), key


# -- who points to these pages ------------------------------------------------------------------

_REFERENCE = re.compile(r"\b(?P<page>(?:README|docs/[\w/]+)\.md)(?:#(?P<anchor>[\w-]*\w))?")
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("dlt_docjobs", "tests", "benchmarks", "pipelines")
    for path in (ROOT / folder).rglob("*.py")
)


def test_what_code_points_to_exists() -> None:
    for name in SOURCES:
        for found in _REFERENCE.finditer(Path(ROOT, name).read_text("utf-8")):
            page, anchor = found["page"], found["anchor"]
            assert (ROOT / page).exists(), (name, page)
            assert anchor is None or anchor in anchors(read(page)), (name, found[0])


def test_files_that_the_pages_name_exist() -> None:
    for page in sorted((ROOT / "docs").glob("*.md")):
        for name in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", page.read_text("utf-8")):
            folders = (ROOT, ROOT / "dlt_docjobs", ROOT / "tests" / "elsewhere" / "acme-docjobs")
            assert any((folder / name).exists() for folder in folders), (page, name)


def by_time_of_day() -> tuple[set[str], set[str]]:
    """The names of all tests, and of those of which none runs but at night."""
    by_day, by_night = set(), set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        left = REPEATED.get(path.relative_to(ROOT / "tests").as_posix(), ())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                marks = [ast.unparse(mark) for mark in node.decorator_list]
                is_left = any(part in node.name for part in left)
                at_night = is_left or "pytest.mark.slow" in marks
                (by_night if at_night else by_day).add(node.name)
    return by_day | by_night, by_night - by_day


def test_guards_and_the_tests_that_watch_them_exist() -> None:
    table = read("docs/robustness.md").partition("## Guards")[2]
    rows = re.findall(r"^\| (.+?) \| `(\S+\.py)` \| `(test_\w+)`(, at night)? \|$", table, re.M)
    assert len(rows) > 100 and len({row[0] for row in rows}) == len(rows)
    every, at_night = by_time_of_day()
    for guard, file, test, when in rows:
        assert (ROOT / "dlt_docjobs" / file).exists(), (guard, file)
        assert test in every, (guard, test)
        assert (test in at_night) == bool(when), (guard, test)
