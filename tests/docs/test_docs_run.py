"""Every command, script, query and setting on the pages is run, against the emulator."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pytest
import tomlkit
from docs_support import IDS_FILE, ROOT, Block, Project, blocks, filled_in, read

from dlt_docjobs.emulator import Emulator

MakeProject = Callable[[Emulator], Project]
PassingTime = Callable[[Emulator], AbstractContextManager[None]]

# installing is what .ci/run and the first two blocks themselves are for
_INSTALLS = re.compile(r"(python3? -m venv|pip install|-m pytest)")


def without_installing(script: str) -> str:
    lines = []
    for line in script.splitlines():
        parts = [part for part in line.split(" && ") if not _INSTALLS.search(part)]
        lines.append(" && ".join(parts))
    return "\n".join(line for line in lines if line)


def of_page(page: str, language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page == page]


RUN = [block for block in blocks("sh") if without_installing(block.text)]


@pytest.mark.parametrize("block", RUN, ids=str)
def test_commands(
    block: Block,
    providers: Emulator,
    make_project: MakeProject,
    request: pytest.FixtureRequest,
    passing_time: PassingTime,
) -> None:
    project = make_project(providers)
    finished = next(job for job in providers.jobs("llamacloud") if job.is_terminal)
    (project.folder / "erase.txt").write_text(finished.job_id + "\n")
    account = {
        "SOURCES__DOCJOBS__LLAMACLOUD_EU__API_KEY": providers.api_key,
        "SOURCES__DOCJOBS__LLAMACLOUD_EU__BASE_URL": providers.base_urls["llamacloud"],
    }
    postgres = request.getfixturevalue("postgres") if "postgres" in block.text else ""
    script = without_installing(filled_in(block.text, providers, postgres))
    with passing_time(providers):
        project.shell(script, {**project.keys, **account})


def test_the_status_on_the_page_looks_like_the_real_one(
    providers: Emulator, make_project: MakeProject
) -> None:
    project = make_project(providers)
    said = project.shell("docjobs sync llamacloud; docjobs status")
    shown = next(block.text for block in of_page("README.md", "text"))

    def labels(text: str) -> list[str]:
        return re.findall(r"^  ([a-z ]+?)  ", text, re.MULTILINE)

    assert labels(shown) == labels(said)
    assert labels(shown)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_scripts(block: Block, providers: Emulator, make_project: MakeProject) -> None:
    project = make_project(providers)
    project.python(block.text)
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


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings(
    block: Block,
    providers: Emulator,
    make_project: MakeProject,
    request: pytest.FixtureRequest,
) -> None:
    project = make_project(providers)
    postgres = request.getfixturevalue("postgres") if "postgres" in block.text else ""
    name = re.match(r"# (\.dlt/(?:secrets|config)\.toml)\n", block.text)
    assert name is not None, "the first line names the file"
    file = project.folder / name[1]
    file.parent.mkdir()
    file.write_text(filled_in(block.text, providers, postgres))
    settings = tomlkit.parse(file.read_text()).unwrap()
    # the page's own addresses are the real ones; nobody is asked for these
    urls = dict(project.env)
    for provider, url in providers.base_urls.items():
        urls[f"SOURCES__DOCJOBS__{provider.upper()}_EU__BASE_URL"] = url
    for source in settings.get("sources", {}).get("docjobs", {}):
        said = project.shell(f"docjobs check {source.replace('_', ':')}", urls)
        assert "the key is accepted" in said
    for destination, of_destination in settings.get("destination", {}).items():
        said = project.shell(f"docjobs sync contextual --destination {destination}")
        assert "contextual" in said
        credentials = of_destination["credentials"]
        if destination == "duckdb":
            named = credentials if isinstance(credentials, str) else credentials["database"]
            assert (project.folder / named).exists()


def test_the_commented_configuration_is_accepted(
    providers: Emulator, make_project: MakeProject
) -> None:
    """Every key of .dlt/config.toml, with the comment signs taken away."""
    project = make_project(providers)
    text = re.sub(r"^# (\w+ = )", r"\1", read(".dlt/config.toml"), flags=re.MULTILINE)
    for name in ("project_id", "organization_id"):
        text = re.sub(f'(?m)^{name} = "[0-9-]+"', f'{name} = "{getattr(providers, name)}"', text)
    (project.folder / ".dlt").mkdir()
    (project.folder / ".dlt" / "config.toml").write_text(text)
    said = project.shell("docjobs check", {**project.env, **project.keys})
    assert said.count("the key is accepted") == 3
    settings = tomlkit.parse(text).unwrap()["sources"]["docjobs"]
    assert len(settings["llamacloud"]) > 20


def test_the_example_of_secrets_is_accepted(
    providers: Emulator, make_project: MakeProject, postgres: str
) -> None:
    project = make_project(providers)
    lines = read(".dlt/example.secrets.toml").splitlines()
    text = "\n".join(line[2:] for line in lines if re.match(r"# (\[|\w+ = )", line))
    (project.folder / ".dlt").mkdir()
    (project.folder / ".dlt" / "secrets.toml").write_text(filled_in(text, providers, postgres))
    url = {"SOURCES__DOCJOBS__LLAMACLOUD_EU__BASE_URL": providers.base_urls["llamacloud"]}
    said = project.shell("docjobs check --destination postgres", url)
    assert said.count("the key is accepted") == 4
    assert "postgres: connected" in said


# where the providers are, and a working directory of the test's own
_KEPT = ("SOURCES__", "DLT_DATA_DIR", "HOME")


def crontabs() -> dict[str, str]:
    pages = {block.page: block.text for block in blocks("cron")}
    return {**pages, "pipelines/crontab.example": read("pipelines/crontab.example")}


@pytest.mark.parametrize("name", crontabs())
def test_cron_lines(name: str, providers: Emulator, make_project: MakeProject) -> None:
    project = make_project(providers)
    (project.folder / ".dlt").mkdir()
    (project.folder / ".dlt" / "secrets.toml").write_text(
        f'[sources.docjobs.llamacloud]\napi_key = "{providers.api_key}"\n'
    )
    lines = [line for line in crontabs()[name].splitlines() if line and not line.startswith("# ")]
    commands = [line.split(maxsplit=5)[5] for line in lines]
    assert commands
    for command in commands:
        assert "%" not in command, "cron takes % for the end of the line"
        # as cron runs it: by sh, with next to no variables
        command = command.replace("/srv/docjobs", str(project.folder))
        kept = "".join(f" {k}={v}" for k, v in project.env.items() if k.startswith(_KEPT))
        project.shell(f"env -i PATH=/usr/bin:/bin{kept} sh -c '{command}'")
    assert (project.folder / "sync.log").exists()
    assert (project.folder / "warehouse.duckdb").exists()


def test_units_of_systemd_are_whole() -> None:
    for name, section in (("docjobs-sync.service", "Service"), ("docjobs-sync.timer", "Timer")):
        text = read(f"pipelines/{name}")
        assert f"[{section}]" in text
        for line in text.splitlines():
            assert not line or line[0] in "[#" or re.match(r"[A-Z][A-Za-z]+=\S", line), line
    (command,) = re.findall(r"^ExecStart=/srv/docjobs/(.*)$", read_unit("service"), re.MULTILINE)
    cron = read("pipelines/crontab.example")
    assert command in cron


def read_unit(kind: str) -> str:
    return (ROOT / "pipelines" / f"docjobs-sync.{kind}").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_the_first_two_commands_in_a_fresh_clone(number: int, tmp_path: Path) -> None:
    """Needs a network; run with `-m slow`. The clone holds what is committed."""
    import subprocess

    command = blocks("sh")[number].text
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=clone, check=True)
