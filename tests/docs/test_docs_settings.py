"""Every setting on the pages, and what cron and systemd are told, works."""

from __future__ import annotations

import re

import pytest
import tomlkit
from docs_support import ROOT, Block, MakeProject, blocks, filled_in, read

from dlt_docjobs.emulator import Emulator

SETTINGS = [block for block in blocks("toml") if block.page != "docs/destinations.md"]


@pytest.mark.slow
@pytest.mark.parametrize("block", SETTINGS, ids=str)
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
        said = project.docjobs("check", source.replace("_", ":"), env=urls)
        assert "the key is accepted" in said
    for destination, of_destination in settings.get("destination", {}).items():
        said = project.docjobs("sync", "contextual", "--destination", destination)
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
    said = project.docjobs("check")
    assert said.count("the key is accepted") == 4
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
    said = project.docjobs("check", "--destination", "postgres", env=url)
    assert said.count("the key is accepted") == 6
    assert "postgres: connected" in said


# where the providers are, and a working directory of the test's own
_KEPT = ("SOURCES__", "DLT_DATA_DIR", "HOME")


def crontabs() -> dict[str, str]:
    pages = {block.page: block.text for block in blocks("cron")}
    return {**pages, "pipelines/crontab.example": read("pipelines/crontab.example")}


@pytest.mark.slow
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
