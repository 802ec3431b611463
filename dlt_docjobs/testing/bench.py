"""A bench: one fake server, one warehouse, and the syncs between them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.extract.source import DltSource
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.cli import main
from dlt_docjobs.loading.run import run
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.providers.registry import providers
from dlt_docjobs.sources.source import source as make_source
from dlt_docjobs.testing.fake import FakeJob, FakeProvider
from dlt_docjobs.testing.process import inside
from dlt_docjobs.testing.warehouse import DATASET, Tables, Warehouse

_PREFIXES: Final = (
    *("SOURCES__", "DESTINATION__", "CREDENTIALS", "RUNTIME__", "DLT_", "EXTRACT__"),
    *("NORMALIZE__", "LOAD__", "SCHEMA__", "DATA_WRITER__"),
)


class Bench:
    """What a test of a provider works with.

    Args:
        name: The provider's name.
        fake: Its server, started.
        folder: An empty one.

    Attributes:
        provider: What it declares of itself.
        warehouse: What the syncs have left.
    """

    def __init__(self, name: str, fake: FakeProvider, folder: Path) -> None:
        self.provider: Provider = registered(name)
        self.fake = fake
        self.folder = folder
        self.warehouse = Warehouse(folder / "warehouse.duckdb")

    def pipeline(self) -> Pipeline:
        """The provider's pipeline, made anew as by a new process."""
        made: Pipeline = dlt.pipeline(
            f"docjobs_{self.provider.name}",
            destination=dlt.destinations.duckdb(str(self.warehouse.file)),
            dataset_name=DATASET,
        )
        return made

    def source(self, **arguments: Any) -> DltSource:
        """The provider's source over the server; jobs that no list shows are all named."""
        arguments.setdefault("api_key", self.fake.api_key)
        arguments.setdefault("base_url", self.fake.base_url)
        # errors are on purpose here: waiting them out would only cost time
        arguments.setdefault("max_retries", 0)
        if self.provider.unlisted:
            arguments.setdefault("job_ids", self.named(self.provider.unlisted))
        return make_source(self.provider.name, **arguments)

    def named(self, kinds: Iterable[str]) -> list[dict[str, str]]:
        """All jobs of some kinds, as a user names them."""
        wanted = set(kinds)
        return [
            {"job_id": job.job_id, "job_kind": job.job_kind}
            for job in self.fake.jobs.values()
            if job.job_kind in wanted
        ]

    def sync(self, *, only: Sequence[str] = (), **arguments: Any) -> SyncRun:
        """Runs a whole sync; what the server notes are then this sync's requests.

        Args:
            only: The resources to select, all of them where empty.
            arguments: The source's own.
        """
        source = self.source(**arguments)
        if only:
            source = source.with_resources(*only)
        self.fake.clear_notes()
        return run(self.pipeline(), source)

    def forget_working_directory(self) -> None:
        """As on another machine."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def tables(self) -> Tables:
        """Every table of the warehouse whole."""
        return self.warehouse.tables()

    def truth(self) -> list[FakeJob]:
        """The jobs that the server knows."""
        return self.fake.served()

    def docjobs(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Runs `docjobs` in this process, with this bench's server and warehouse.

        Returns:
            Its exit code, and all that it has printed.
        """
        said = io.StringIO()
        wanted = {**os.environ, **self._settings(), **(env or {})}
        with inside(self.folder, wanted), redirect_stdout(said), redirect_stderr(said):
            code = main(list(arguments))
        return code, said.getvalue()

    def start_docjobs(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts `docjobs` in a process of its own; it prints to nowhere."""
        path = os.pathsep.join(entry for entry in sys.path if entry)
        return subprocess.Popen(
            [sys.executable, "-m", "dlt_docjobs.cli", *arguments],
            cwd=self.folder,
            env={**os.environ, **self._settings(), "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _settings(self) -> dict[str, str]:
        prefix = f"SOURCES__DOCJOBS__{self.provider.name.upper()}__"
        settings = {
            f"{prefix}API_KEY": self.fake.api_key,
            f"{prefix}BASE_URL": self.fake.base_url,
            "DESTINATION__DUCKDB__CREDENTIALS": str(self.warehouse.file),
        }
        if self.provider.unlisted:
            ids = self.folder / "job_ids.csv"
            rows = [f"{one['job_id']},{one['job_kind']}" for one in self.named(self.provider.kinds)]
            ids.write_text("\n".join(["job_id,job_kind", *rows]) + "\n", encoding="utf-8")
            settings[f"{prefix}JOB_IDS_FILE"] = str(ids)
        return settings


@contextmanager
def bench_of(name: str, fake: FakeProvider, folder: Path) -> Iterator[Bench]:
    """A bench in an empty folder, with nobody's settings but its own, for as long as it is used."""
    variables = {variable for one in providers().values() for variable in one.key_variables}
    kept = {
        variable: value
        for variable, value in os.environ.items()
        if variable not in variables
        and not variable.upper().startswith(_PREFIXES)
        and not variable.upper().endswith("_PROXY")
    }
    env = {**kept, "DLT_DATA_DIR": str(folder / "data"), "DLT_PROJECT_DIR": str(folder)}
    with inside(folder, env), fake:
        yield Bench(name, fake, folder)
