"""A folder in which the scripts of `pipelines/` are run as by a user who copied them."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
from process_support import inside

from dlt_docjobs.emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = ROOT / "pipelines"
KEYS = ("LLAMA_CLOUD_API_KEY", "CONTEXTUAL_API_KEY", "UNSILOED_API_KEY")


class Scripts:
    """A folder with a copy of every script in `pipelines/`, as a user has who copied them.

    Args:
        folder: An empty one.
        emulator: The providers.
    """

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.emulator = emulator
        self.env = {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "DLT_DATA_DIR": str(folder / ".data"),
            **dict.fromkeys(KEYS, emulator.api_key),
        }
        for provider, url in emulator.base_urls.items():
            self.env[f"SOURCES__DOCJOBS__{provider.upper()}__BASE_URL"] = url
        for script in PIPELINES.glob("*.py"):
            shutil.copy(script, folder)
        jobs = [(job.job_id, job.job_kind) for job in emulator.jobs("unsiloed")]
        lines = ["job_id,job_kind", *(",".join(job) for job in jobs)]
        (folder / "unsiloed_ids.csv").write_text("\n".join(lines) + "\n")
        with duckdb.connect(str(folder / "submitter.duckdb")) as connection:
            connection.execute("CREATE TABLE submissions (job_id VARCHAR, job_kind VARCHAR)")
            for job in jobs:
                connection.execute("INSERT INTO submissions VALUES (?, ?)", job)

    def run(self, *arguments: str, code: int = 0, **env: str) -> str:
        """Runs Python with these arguments; returns what it printed."""
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ran.returncode == code, f"{ran.stdout}\n---\n{ran.stderr}"
        return ran.stdout + ran.stderr

    def call(self, module: str, *functions: str, **env: str) -> None:
        """Runs functions of a script, one after the other, in this process: far faster."""
        with inside(self.folder, {**self.env, **env}):
            script = runpy.run_path(str(self.folder / f"{module}.py"), run_name=module)
            for name in functions:
                script[name]()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds in the warehouse."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def known(self, provider: str) -> set[str]:
        """Ids of the provider's jobs in the warehouse."""
        rows = self.rows(f"SELECT job_id FROM docjobs.jobs WHERE provider = '{provider}'")
        return {row[0] for row in rows}

    def true(self, provider: str) -> set[str]:
        """Ids of the provider's jobs that it still knows."""
        return {job.job_id for job in self.emulator.jobs(provider) if job.expired_at is None}  # type: ignore[arg-type]
