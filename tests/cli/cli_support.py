"""A folder in which `docjobs` is run as a user runs it: nothing but files and variables."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from process_support import inside

from dlt_docjobs.cli import main
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.tables import TABLES

KEYS = {
    "llamacloud": "LLAMA_CLOUD_API_KEY",
    "contextual": "CONTEXTUAL_API_KEY",
    "unsiloed": "UNSILOED_API_KEY",
}
DOCJOBS = (sys.executable, "-m", "dlt_docjobs.cli")
DLT = (str(Path(sys.executable).parent / "dlt"),)
PATIENCE = 60.0


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        return json.loads(self.out)

    def provider(self, name: str) -> dict[str, Any]:
        """A provider's entry of `--json`."""
        (found,) = [entry for entry in self.json["providers"] if entry["provider"] == name]
        return dict(found)


class Place:
    """An empty folder, its environment, and the providers that it points at.

    Args:
        folder: Where commands run.
        emulator: The providers.
        providers: Those whose key is set.
    """

    def __init__(
        self, folder: Path, emulator: Emulator, providers: Sequence[str] = tuple(KEYS)
    ) -> None:
        self.folder = folder
        self.emulator = emulator
        self.env = {"DLT_DATA_DIR": str(folder / ".data")}
        for provider, url in emulator.base_urls.items():
            self.env[setting(provider, "base_url")] = url
        for provider in providers:
            self.env[KEYS[provider]] = emulator.api_key

    # -- running ----------------------------------------------------------------------------

    def environment(self, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The process environment of a command."""
        merged: dict[str, str | None] = {**os.environ, **self.env, **(env or {})}
        merged.pop("DLT_PROJECT_DIR", None)
        return {name: value for name, value in merged.items() if value is not None}

    def start(
        self,
        *args: str,
        env: Mapping[str, str | None] | None = None,
        program: Sequence[str] = DOCJOBS,
    ) -> subprocess.Popen[str]:
        """Starts a process and returns at once."""
        return subprocess.Popen(
            [*program, *args],
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def spawn(self, *args: str, **options: Any) -> Ran:
        """Runs a process to its end."""
        return ended(self.start(*args, **options))

    def run(self, *args: str, env: Mapping[str, str | None] | None = None) -> Ran:
        """Runs a command in this process: faster, and the same but for signals."""
        out, err = io.StringIO(), io.StringIO()
        with self.inside(env), redirect_stdout(out), redirect_stderr(err):
            # dlt made its logger when it was imported
            Container()[PluggableRunContext].reload(str(self.folder))
            code = main(list(args))
        return Ran(code, out.getvalue(), err.getvalue())

    @contextmanager
    def inside(self, env: Mapping[str, str | None] | None = None) -> Iterator[None]:
        """This process in the folder and its environment, as if it had been started there."""
        with inside(self.folder, self.environment(env)):
            yield

    # -- files and rows ---------------------------------------------------------------------

    def write(self, name: str, text: str) -> str:
        """Writes a file; returns its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    def ids_file(self, name: str = "ids.txt") -> str:
        """A file with the ids of all of Unsiloed's jobs."""
        jobs = self.emulator.jobs("unsiloed")
        lines = [json.dumps({"job_id": job.job_id, "job_kind": job.job_kind}) for job in jobs]
        return self.write(name, "\n".join(lines))

    def query(self, sql: str, file: str = "warehouse.duckdb") -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.folder / file), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def count(self, table: str, where: str = "true") -> int:
        """Rows of a table."""
        return int(self.query(f"SELECT count(*) FROM docjobs.{table} WHERE {where}")[0][0])

    def snapshot(self) -> dict[str, int]:
        """Rows of every table but `sync_runs`."""
        return {name: self.count(name) for name in TABLES if name != "sync_runs"}

    def assert_no_duplicates(self) -> None:
        """No key stands twice in any table."""
        for name, table in TABLES.items():
            keys = ", ".join(table.key)
            twice = f"SELECT {keys} FROM docjobs.{name} GROUP BY {keys} HAVING count(*) > 1"
            assert self.query(twice) == [], name

    def assert_everything_loaded(self, provider: Provider) -> None:
        """Every job that the provider has is there, and the result of each that has one."""
        truth = {(job.job_kind, job.job_id) for job in self.emulator.jobs(provider)}
        known = self.query(f"SELECT job_kind, job_id FROM docjobs.jobs WHERE provider='{provider}'")
        assert set(known) == truth
        left = f"provider = '{provider}' AND status = 'succeeded' AND results_state <> 'loaded'"
        assert self.count("jobs", left) == 0
        self.assert_no_duplicates()


def setting(provider: str, key: str) -> str:
    """The environment variable of a provider's setting."""
    return f"SOURCES__DOCJOBS__{provider}__{key}".upper()


def ended(process: subprocess.Popen[str]) -> Ran:
    """Waits for a process; kills it where it does not end."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end\n{out}\n{err}") from None
    return Ran(process.returncode, out, err)


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Waits for something to happen while a process runs."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if process is not None and process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f"it ended with {process.returncode} before:\n{out}\n{err}")
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


MakePlace = Callable[..., Place]
