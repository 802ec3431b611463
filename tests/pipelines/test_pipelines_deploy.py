"""`dlt deploy … github-action` on our scripts, with a stand-in for dlt's templates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipelines_support import KEYS, Scripts

for package in ("pipdeptree", "cron_descriptor", "git"):
    pytest.importorskip(package, reason="pip install 'dlt[cli]'")

SCRIPTS = {
    "llamacloud_pipeline": "llamacloud",
    "contextual_pipeline": "contextual",
    "unsiloed_pipeline": "unsiloed",
    "backfill_pipeline": "llamacloud",
}
# what dlt asks of a template: these triggers, and a last step that it replaces
TEMPLATE = """
name: template
"on":
  schedule: []
  push: {branches: [main]}
  workflow_dispatch:
jobs:
  run_pipeline:
    runs-on: ubuntu-latest
    steps:
      - run: pip install -r requirements_github_action.txt
      - run: python pipeline.py
"""


class Repository:
    """A repository with our scripts, an origin on GitHub, and keys in `.dlt/secrets.toml`."""

    def __init__(self, scripts: Scripts, folder: Path) -> None:
        self.scripts = scripts
        self.template = folder / "template" / "github-action"
        self.template.mkdir(parents=True)
        (self.template / "run_pipeline_workflow.yml").write_text(TEMPLATE)
        (self.template / "requirements_blacklist.txt").write_text("pip\n")
        for key in KEYS:
            del scripts.env[key]
        tables = "\n".join(
            f'[sources.docjobs.{name}]\napi_key = "{scripts.emulator.api_key}"\n'
            for name in ("llamacloud", "contextual", "unsiloed")
        )
        (scripts.folder / ".dlt").mkdir()
        (scripts.folder / ".dlt" / "secrets.toml").write_text(tables)
        origin = "https://github.com/example/jobs.git"
        for command in (["init", "-q"], ["remote", "add", "origin", origin]):
            subprocess.run(["git", *command], cwd=scripts.folder, check=True)

    def deploy(self, script: str, code: int = 0) -> str:
        """What `dlt deploy` says."""
        return self.scripts.run(
            str(Path(sys.executable).parent / "dlt"),
            *("--non-interactive", "deploy", f"{script}.py", "github-action"),
            *("--schedule", "*/15 * * * *", "--location", str(self.template.parent)),
            code=code,
        )

    def workflow(self, provider: str) -> Any:
        """What it wrote."""
        folder = self.scripts.folder / ".github" / "workflows"
        return yaml.safe_load((folder / f"run_docjobs_{provider}_workflow.yml").read_text())


@pytest.fixture
def repository(scripts: Scripts, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(scripts, tmp_path_factory.mktemp("deploy"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_that_was_run_once_is_deployed(script: str, repository: Repository) -> None:
    provider = SCRIPTS[script]
    repository.scripts.run(f"{script}.py")
    repository.deploy(script)
    workflow = repository.workflow(provider)
    assert workflow["on"]["schedule"] == [{"cron": "*/15 * * * *"}]
    assert workflow["jobs"]["run_pipeline"]["steps"][-1]["run"] == f"python '{script}.py'"
    key = f"SOURCES__DOCJOBS__{provider.upper()}__API_KEY"
    assert workflow["env"][key] == f"${{{{ secrets.{key} }}}}"
    assert repository.scripts.emulator.api_key not in str(workflow)
    assert "dlt" in (repository.scripts.folder / "requirements_github_action.txt").read_text()


def test_a_key_in_the_providers_own_variable_is_not_seen(repository: Repository) -> None:
    scripts = repository.scripts
    (scripts.folder / ".dlt" / "secrets.toml").write_text("")
    scripts.run("llamacloud_pipeline.py", LLAMA_CLOUD_API_KEY=scripts.emulator.api_key)
    repository.deploy("llamacloud_pipeline")
    assert "API_KEY" not in str(repository.workflow("llamacloud"))


def test_a_script_that_was_never_run_is_refused(repository: Repository) -> None:
    said = repository.deploy("llamacloud_pipeline", code=253)
    assert "You must run the pipeline locally successfully at least once" in said


def test_a_script_of_several_pipelines_is_refused(repository: Repository) -> None:
    repository.scripts.run("all_providers_pipeline.py")
    said = repository.deploy("all_providers_pipeline", code=255)
    assert "does not seem to run the pipeline" in said
