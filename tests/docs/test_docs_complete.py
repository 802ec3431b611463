"""The pages say everything, and nothing that is out of date."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import dlt
import pytest
import tomlkit
from docs_support import PAGES, ROOT, anchors, blocks, read
from packaging.requirements import Requirement

import dlt_docjobs
from dlt_docjobs.cli import output
from dlt_docjobs.cli.arguments import make_parser
from dlt_docjobs.emulator.vocabulary import PROVIDERS
from dlt_docjobs.model import outcomes
from dlt_docjobs.model.vocabulary import CANONICAL_SEGMENT_TYPES, EXPIRED, UNKNOWN
from dlt_docjobs.providers.registry import provider as provider_of
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import VIEWS

MINE = (
    *PAGES,
    *("CHANGELOG.md", "pyproject.toml", ".ci/run", ".ci/lowest", ".ci/lowest.txt"),
    *(".dlt/config.toml", ".dlt/example.secrets.toml", ".gitignore", "docs/generate.py"),
    *(f"pipelines/{path.name}" for path in sorted((ROOT / "pipelines").glob("*.*"))),
)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = load_generator()


def project_settings() -> dict[str, Any]:
    return dict(tomlkit.parse(read("pyproject.toml")).unwrap())


# -- what is generated --------------------------------------------------------------------------


def test_generated_parts_are_current() -> None:
    stale = [str(path.relative_to(ROOT)) for path in generate.outdated()]
    assert not stale, f"run `python docs/generate.py`: {', '.join(stale)}"


def test_every_part_stands_on_a_page() -> None:
    text = "".join(read(page) for page in PAGES)
    missing = [name for name in generate.PARTS if f"<!-- generated: {name} -->" not in text]
    assert not missing


def test_the_check_finds_a_stale_page() -> None:
    page = "# Tables\n\n<!-- generated: statuses -->\nold\n<!-- /generated -->\n"
    renewed = generate.renewed(page)
    assert "old" not in renewed
    assert "| `queued` |" in renewed
    assert generate.renewed(renewed) == renewed


# -- what has to be said ------------------------------------------------------------------------


def test_every_command_and_option_is_documented() -> None:
    text = read("docs/cli.md")
    for name, parser in generate.commands_of().items():
        section = text.split(f"### docjobs {name}\n")[1].split("\n### ")[0]
        for action in parser._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or option in section, (name, option)
        assert f"docjobs {name}" in read("README.md")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_and_column_is_documented(name: str) -> None:
    section = read("docs/tables.md").split(f"### {name}\n")[1].split("\n### ")[0]
    for column in TABLES[name].columns:
        assert f"| `{column.name}` | {column.type} |" in section
    assert f"[`{name}`]" in read("README.md")


@pytest.mark.parametrize("provider", generate.PROVIDERS)
def test_every_configuration_key_is_documented(provider: str) -> None:
    text = read("docs/configuration.md")
    for key in (*generate.keys_of(provider), *generate.keys_of(provider, of_one_call=True)):
        assert f"`{key}`" in text
    settings = tomlkit.parse(read(".dlt/config.toml").replace("\n# ", "\n#")).unwrap()
    assert set(settings["sources"]["docjobs"]) == set(generate.PROVIDERS)


def test_every_view_and_column_is_documented() -> None:
    text = read("docs/views.md")
    for view in VIEWS.values():
        section = text.split(f"### {view.name}\n")[1].split("\n### ")[0]
        assert view.description in section
        for column in view.columns:
            assert f"| `{column.name}` |" in section, (view.name, column.name)


def test_every_status_and_segment_type_is_documented() -> None:
    text = read("docs/tables.md")
    words = {word for name in PROVIDERS for word in provider_of(name).vocabulary.statuses.values()}
    for word in {*words, EXPIRED, UNKNOWN, *CANONICAL_SEGMENT_TYPES}:
        assert f"`{word}`" in text


def test_every_public_name_is_documented() -> None:
    text = "".join(read(page) for page in PAGES) + "".join(
        path.read_text("utf-8") for path in (ROOT / "pipelines").glob("*.py")
    )
    for name in set(dlt_docjobs.__all__) - {"__version__", "SyncFailed"}:
        assert name in text


def test_exit_codes_are_those_of_the_code() -> None:
    codes = {value for name, value in vars(outcomes).items() if name.startswith("EXIT_")}
    listed = re.findall(r"^\| (\d+(?:, \d+)?) \|", read("docs/cli.md"), re.MULTILINE)
    found = {int(code) for text in listed for code in text.split(", ")}
    assert found == codes | {130, 143}


def test_the_json_example_has_the_fields_of_json() -> None:
    (example,) = (json.loads(block.text) for block in blocks("json"))
    (row,) = example["providers"]
    assert list(row) == list(output.JSON_FIELDS)


def test_every_folder_of_the_package_is_in_the_drawing() -> None:
    drawn = set(re.findall(r"^\| `(\w+)/` \|", read("docs/architecture.md"), re.MULTILINE))
    folders = {path.parent.name for path in (ROOT / "dlt_docjobs").glob("*/__init__.py")}
    assert drawn == folders


def test_what_dlts_dashboard_needs_is_named() -> None:
    """It can't be started here: it asks for packages that this one's tests do without."""
    runner = Path(dlt.__file__).parent / "_workspace" / "helpers" / "dashboard" / "runner.py"
    listed = re.search(r'"Workspace Dashboard",\s*(\[[^\]]+\])', runner.read_text("utf-8"))
    assert listed is not None
    needed = set(re.findall(r'"([^"]+)"', listed[1])) - {"pyarrow"}
    (install,) = re.findall(r"`pip install ('dlt\[hub\].*?)`", read("docs/report.md"))
    assert needed <= set(install.split())


# -- what must not be said ----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_are_commands(page: str) -> None:
    for command in re.findall(r"`(?:dlt )?docjobs ([a-z][^`…]*)`", read(page)):
        words = [word for word in command.split() if not re.fullmatch(r"[A-Z:_]{3,}", word)]
        if words[0] in ("reset", "rename", "forget", "dbt", "completion") and len(words) == 1:
            continue
        make_parser().parse_args(words)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", read(page)):
        path, _, anchor = target.partition("#")
        linked = (folder / path).resolve() if path else ROOT / page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text("utf-8")), target


@pytest.mark.parametrize("name", MINE)
def test_no_file_names_a_registry_or_a_machine(name: str) -> None:
    hosts = ("py" + "pi.org", "python" + "hosted", "conda" + ".org")
    folders = (str(ROOT), "/" + "tmp/", "/" + "root/", "/" + "home/")
    text = read(name)
    assert [word for word in (*hosts, *folders) if word in text] == []


def test_prose_is_plain() -> None:
    for page in PAGES:
        text = read(page).replace("robustness.md", "")
        assert not re.search("[\U0001f300-\U0001faff\u2600-\u27bf]", text), page
        assert not re.search(r"\b(seamless|blazing|powerful|robust|leverage)\w*", text, re.I), page


# -- the first two commands ---------------------------------------------------------------------


def test_the_first_two_blocks_are_a_line_each() -> None:
    first, second = blocks()[:2]
    for block in (first, second):
        assert block.page == "README.md"
        assert block.text.count("\n") == 1
        assert block.text.startswith("python3 -m venv ")
    assert "docjobs demo" in first.text
    assert "pytest" in second.text


def test_ci_runs_the_second_block() -> None:
    script = re.search(r"^command=\$\((.*)\)$", read(".ci/run"), re.MULTILINE)
    assert script is not None
    ran = subprocess.run(
        ["bash", "-c", script[1]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == blocks()[1].text


def test_the_checkout_is_what_is_tested(tmp_path: Path) -> None:
    """Also by tests that start processes: an installed copy would be another program."""
    assert Path(dlt_docjobs.__file__).is_relative_to(ROOT)
    script = "import dlt_docjobs; print(dlt_docjobs.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()).is_relative_to(ROOT), (
        "processes that tests start would run an installed copy of dlt_docjobs: install the "
        "checkout with `pip install -e '.[test]'`"
    )


# -- versions -----------------------------------------------------------------------------------


def test_the_lowest_versions_are_those_that_were_proven() -> None:
    project = project_settings()["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    for name in ("completion", "emulator", "mysql", "postgres", "report", "sqlalchemy", "test"):
        requirements += map(Requirement, project["optional-dependencies"][name])
    lowest = {
        requirement.name: next(
            spec.version for spec in requirement.specifier if spec.operator in (">=", "~=", "==")
        )
        for requirement in requirements
        if requirement.name != project["name"]
    }
    proven = dict(
        line.split("==")
        for line in read(".ci/lowest.txt").splitlines()
        if line and not line.startswith("#")
    )
    assert proven == lowest


def test_the_changelog_knows_this_version() -> None:
    assert f"## [{project_settings()['project']['version']}]" in read("CHANGELOG.md")
