"""The Dockerfile and the compose file, as far as that goes without Docker.

Their commands, variables and user are taken out of them and tried in this environment: a home that
is not there, and a data directory that is a new one each time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import yaml
from pipelines_support import PIPELINES, ROOT

from dlt_docjobs.cli.arguments import make_parser
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.providers.registry import providers

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((PIPELINES / "compose.yaml").read_text("utf-8"))


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def test_every_line_of_the_dockerfile_is_an_instruction_or_a_comment() -> None:
    known = "FROM|COPY|RUN|USER|WORKDIR|ENV|ENTRYPOINT|CMD"
    odd = [
        line
        for line in DOCKERFILE.splitlines()
        if line and not re.match(rf"#|(?:{known}) \S", line)
    ]
    assert odd == []
    (image,) = instructions("FROM")
    assert re.fullmatch(r"python:3\.\d+-slim", image)


def test_the_image_holds_what_the_package_is_built_from_and_no_secret() -> None:
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert kept[0] == "*", "what is not named stays out, secrets.toml first of all"
    named = {line[1:] for line in kept if line.startswith("!")}
    assert all((ROOT / name).exists() for name in named)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    readme, licence = re.findall(r'^(?:readme|license-files) = \[?"([^"]+)"', project, re.MULTILINE)
    assert named >= {"dlt_docjobs", "pyproject.toml", readme, licence}


def test_it_does_not_run_as_root() -> None:
    users = instructions("USER")
    assert users
    assert users[-1] not in {"root", "0"}
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("ENTRYPOINT ")


def test_the_extra_that_it_installs_is_that_of_its_destination() -> None:
    extras = re.findall(r"'/src\[(.+?)\]'", DOCKERFILE)
    command = COMPOSE["services"]["sync"]["command"]
    assert extras == [make_parser().parse_args(command).destination]


def test_compose_names_each_providers_key_and_no_value() -> None:
    services = COMPOSE["services"]
    given = services["sync"]["environment"]
    for one in providers().values():
        assert given[one.key_variables[0]] == f"${{{one.key_variables[0]}:-}}"
    assert set(services["sync"]["depends_on"]) == {"warehouse"} < set(services)
    secrets = [value for name, value in given.items() if "PASSWORD" in name or "KEY" in name]
    assert all(value.startswith("${") for value in secrets)
    assert services["warehouse"]["environment"]["POSTGRES_PASSWORD"] in secrets
    assert services["sync"]["build"] == "..", "the Dockerfile's folder, from the compose file's"


def test_nothing_has_to_be_kept_from_one_run_to_the_next(tmp_path: Path) -> None:
    assert instructions("ENTRYPOINT") == ['["docjobs"]']
    variables = dict(pair.split("=", 1) for line in instructions("ENV") for pair in line.split())

    def ran(folder: str) -> dict[str, Any]:
        empty = tmp_path / folder
        empty.mkdir()
        env = {
            # a key that compose was not given is empty
            **{one.key_variables[0]: "" for one in providers().values()},
            **variables,
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "HOME": "/nonexistent",
            "DLT_DATA_DIR": str(empty / "data"),
            "DESTINATION__DUCKDB__CREDENTIALS": str(tmp_path / "warehouse.duckdb"),
            "SOURCES__DOCJOBS__LLAMACLOUD__BASE_URL": emulator.base_urls["llamacloud"],
            "LLAMA_CLOUD_API_KEY": emulator.api_key,
        }
        done = subprocess.run(
            [sys.executable, "-m", "dlt_docjobs.cli", "sync", "--json"],
            cwd=empty,
            env=env,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        (said,) = json.loads(done.stdout)["providers"]
        return dict(said)

    with Emulator(seed=4, jobs=12, history_days=3) as emulator:
        first = ran("first")
        second = ran("second")
    assert first["jobs_new"] > 0
    assert (second["jobs_new"], second["results_loaded"]) == (0, 0)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        rows = "SELECT count(*), count(DISTINCT (job_kind, job_id)) FROM docjobs.jobs"
        ((jobs, distinct),) = connection.execute(rows).fetchall()
    assert jobs == distinct == first["jobs_new"]
