"""A world whose syncs are killed: an account that has moved on since its last sync, and copies.

The first sync of an account is loaded once; then its jobs go on, and new ones come. Each kill
starts from a copy of the warehouse and of the working directory as they were then, so that its
sync lists, polls, fetches and loads. Each is mended twice: with the working directory, and without.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import psycopg2
import psycopg2.extras
from chaos_points import Plan, phase_of
from conformance_bench import KINDS, RUNNING_WORD, asks_for_result

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.tables import RESULT_TABLES, TABLES
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables

DATASET = "docjobs"
MERGED = ("jobs", *RESULT_TABLES)
APPENDED = ("job_status_history", "job_progress", "rejected_records", "sync_runs")
PATIENCE = 120.0
KEYS = {
    "llamacloud": "LLAMA_CLOUD_API_KEY",
    "contextual": "CONTEXTUAL_API_KEY",
    "unsiloed": "UNSILOED_API_KEY",
    "reducto": "REDUCTO_API_KEY",
    "landingai": "VISION_AGENT_API_KEY",
}
# so small that every sync takes several pages and packages
SETTINGS = {"page_size": "4", "max_jobs_per_package": "6", "max_concurrency": "2"}


class Ran(NamedTuple):
    """How a process ended.

    Attributes:
        code: Its exit code; negative for the signal that killed it.
        phase: The part of the sync in which the signal was sent, or that it was last seen in.
        seconds: How long it took.
    """

    code: int
    phase: str
    seconds: float
    out: str
    err: str


class Zygote:
    """Starts syncs at once; see `chaos_zygote`."""

    def __init__(self) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("chaos_zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._buffer = b""
        assert self._line(PATIENCE) == b"ready"

    def _line(self, seconds: float) -> bytes | None:
        """The next line; None where it does not come in time."""
        stream = self._process.stdout
        assert stream is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                return None
            data = os.read(stream.fileno(), 4096)
            assert data, "the zygote has died"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def run(
        self,
        folder: Path,
        env: dict[str, str],
        args: list[str],
        *,
        plan: Plan | None = None,
        log: Path | None = None,
        kill: tuple[float, int] | None = None,
    ) -> Ran:
        """Runs `docjobs`, and kills it as planned, or from outside after so many seconds."""
        phase = folder / "phase"
        # that of the sync whose folder this is a copy of
        phase.unlink(missing_ok=True)
        order = {"folder": str(folder), "env": env, "args": args, "plan": plan}
        order |= {"phase": str(phase), "log": str(log) if log else None}
        assert self._process.stdin is not None
        started = time.monotonic()
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        first = self._line(PATIENCE)
        assert first is not None
        pid = json.loads(first)["pid"]
        last = None
        where = plan.point if plan is not None else ""
        if kill is not None:
            last = self._line(kill[0])
            if last is None:
                where = phase.read_text() if phase.exists() else " "
                # it may have ended just now
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, kill[1])
        last = last or self._line(PATIENCE)
        if last is None:
            os.kill(pid, signal.SIGKILL)
            self._line(PATIENCE)
            said = (folder / "said.err").read_text("utf-8", "replace")
            raise AssertionError(f"it did not end: {said[-2000:]}")
        where = where or (phase.read_text() if phase.exists() else "")
        return Ran(
            json.loads(last)["status"],
            phase_of(where),
            time.monotonic() - started,
            (folder / "said.out").read_text("utf-8", "replace"),
            (folder / "said.err").read_text("utf-8", "replace"),
        )

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()


# -- warehouses ---------------------------------------------------------------------------------


class DuckDb:
    """Warehouses that are files."""

    name = "duckdb"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, warehouse: str) -> Path:
        return self._folder / f"{warehouse}.duckdb"

    def env(self, warehouse: str) -> dict[str, str]:
        """The variables that lead a sync there."""
        return {"DESTINATION__DUCKDB__CREDENTIALS": str(self._file(warehouse))}

    def copy(self, one: str, other: str) -> None:
        """Copies a warehouse as it is, the log of its last transactions included."""
        for suffix in ("", ".wal"):
            source, target = (Path(f"{self._file(name)}{suffix}") for name in (one, other))
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copy(source, target)

    @contextmanager
    def cursor(self, warehouse: str) -> Iterator[Any]:
        """Reads a warehouse."""
        with duckdb.connect(str(self._file(warehouse))) as connection:
            connection.execute(f"SET schema = '{DATASET}'")
            yield connection


class Postgres:
    """Warehouses that are databases of a server.

    Args:
        server: Its address, without a database.
    """

    name = "postgres"

    def __init__(self, server: str) -> None:
        self._server = server

    def env(self, warehouse: str) -> dict[str, str]:
        """The variables that lead a sync there."""
        return {"DESTINATION__POSTGRES__CREDENTIALS": f"{self._server}/{warehouse}"}

    def _command(self, *statements: str) -> None:
        connection = psycopg2.connect(f"{self._server}/postgres")
        try:
            connection.autocommit = True
            for statement in statements:
                connection.cursor().execute(statement)
        finally:
            connection.close()

    def make(self, warehouse: str) -> None:
        """An empty one."""
        self._command(f"DROP DATABASE IF EXISTS {warehouse}", f"CREATE DATABASE {warehouse}")

    def copy(self, one: str, other: str) -> None:
        """Copies a database, once the last session of a dead process has left it."""
        self._command(f"DROP DATABASE IF EXISTS {other} WITH (FORCE)")
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._command(f"CREATE DATABASE {other} TEMPLATE {one}")
                return
            except psycopg2.errors.ObjectInUse:
                assert time.monotonic() < until
                time.sleep(0.05)

    @contextmanager
    def cursor(self, warehouse: str) -> Iterator[Any]:
        """Reads a warehouse; JSON as text."""
        connection = psycopg2.connect(
            f"{self._server}/{warehouse}", options=f"-c TimeZone=UTC -c search_path={DATASET}"
        )
        psycopg2.extras.register_default_jsonb(connection, loads=lambda text: text)
        try:
            yield connection.cursor()
        finally:
            connection.close()


def read(warehouses: Any, warehouse: str) -> tuple[Tables, set[str]]:
    """Every table, and the loads that are whole."""
    tables: Tables = {}
    with warehouses.cursor(warehouse) as cursor:
        for name, table in TABLES.items():
            cursor.execute(f"SELECT * FROM {name} ORDER BY {', '.join(table.key)}")
            columns = [column[0] for column in cursor.description]
            tables[name] = [
                {key: _utc(value) for key, value in zip(columns, row, strict=True)}
                for row in cursor.fetchall()
            ]
        cursor.execute("SELECT load_id FROM _dlt_loads WHERE status = 0")
        return tables, {row[0] for row in cursor.fetchall()}


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


# -- the world ----------------------------------------------------------------------------------


@dataclass
class Figures:
    """What was done, for the docs."""

    kills: Counter[str] = field(default_factory=Counter)
    completions: int = 0
    rows: int = 0
    uncommitted_rows: int = 0
    refetched: int = 0

    def __str__(self) -> str:
        """A line a kind of kill."""
        lines = [f"  {count:4} {name}" for name, count in sorted(self.kills.items())]
        return "\n".join(
            [
                f"{sum(self.kills.values())} kills, {self.completions} completions, {self.rows:,} "
                f"rows compared, none lost, none twice; {self.uncommitted_rows:,} of them came "
                f"from loads that a kill tore, {self.refetched:,} results were asked for twice",
                *lines,
            ]
        )


class World:
    """An account after its first sync, with more to load.

    Args:
        provider: Whose account.
        warehouses: Of which kind.
        folder: An empty one.
        zygote: Starts the syncs.
        figures: Where to count.
    """

    def __init__(
        self, provider: Provider, warehouses: Any, folder: Path, zygote: Zygote, figures: Figures
    ) -> None:
        self.provider = provider
        self.warehouses = warehouses
        self.folder = folder
        self.zygote = zygote
        self.figures = figures
        # as many of the provider's own, whatever its share
        jobs = {"landingai": 120}.get(provider, 54)
        self.emulator = Emulator(seed=11, jobs=jobs, history_days=2).start()
        self._add_old_open_jobs()
        if isinstance(warehouses, Postgres):
            warehouses.make("base")
        self._name_jobs()
        self._make_home("base")
        ran = self.sync("base")
        assert ran.code == 0, ran.err
        self.emulator.advance(seconds=5 * 3600)
        self._name_jobs()
        log = self.folder / "points.log"
        self._restore("base", "trial")
        ran = self.sync("trial", log=log)
        assert ran.code == 0, ran.err
        self.seconds = ran.seconds
        self.passed = Counter(log.read_text().splitlines())

    def _add_old_open_jobs(self) -> None:
        """Jobs that no list of the next sync shows, so that they are asked for again."""
        for kind in KINDS:
            for hours in (40, 41, 42):
                self.emulator.add_job(
                    self.provider,
                    kind,  # type: ignore[arg-type]
                    status=RUNNING_WORD[self.provider, kind],
                    created_at=datetime.now(timezone.utc) - timedelta(hours=hours),
                    hang=True,
                )

    def _name_jobs(self) -> None:
        jobs = self.emulator.jobs("unsiloed")
        rows = [json.dumps({"job_id": job.job_id, "job_kind": job.job_kind}) for job in jobs]
        (self.folder / "ids.jsonl").write_text("\n".join(rows))

    def _home(self, warehouse: str) -> Path:
        return self.folder / f"home_{warehouse}"

    def _make_home(self, warehouse: str) -> None:
        shutil.rmtree(self._home(warehouse), ignore_errors=True)
        self._home(warehouse).mkdir()

    def _restore(self, one: str, other: str) -> None:
        self.warehouses.copy(one, other)
        shutil.rmtree(self._home(other), ignore_errors=True)
        shutil.copytree(self._home(one), self._home(other))

    def sync(self, warehouse: str, **options: Any) -> Ran:
        """A sync of the account into a warehouse."""
        env = {
            "DLT_DATA_DIR": str(self._home(warehouse) / ".data"),
            KEYS[self.provider]: self.emulator.api_key,
            f"SOURCES__DOCJOBS__{self.provider.upper()}__BASE_URL": self.emulator.base_urls[
                self.provider
            ],
            **self.warehouses.env(warehouse),
        }
        for name, value in SETTINGS.items():
            env[f"SOURCES__DOCJOBS__{self.provider.upper()}__{name.upper()}"] = value
        args = ["sync", self.provider, "--destination", self.warehouses.name, "--json"]
        if self.provider == "unsiloed":
            args += ["--job-ids-file", str(self.folder / "ids.jsonl")]
        return self.zygote.run(self._home(warehouse), env, args, **options)

    def results_asked_for(self) -> Counter[str]:
        """How often each job's result was answered since the last look."""
        asked = Counter(
            record.path
            for record in self.emulator.requests
            if record.status == 200 and asks_for_result(record)
        )
        self.emulator.clear_requests()
        return asked

    def survive(self, name: str, **options: Any) -> Ran:
        """Kills a sync, completes it with and without its working directory, and compares.

        Args:
            name: What kind of kill it is, for the figures.
            options: As of `Zygote.run`.
        """
        number = options["plan"].signal if "plan" in options else options["kill"][1]
        self._restore("base", "killed")
        self.emulator.clear_requests()
        ran = self.sync("killed", **options)
        said = f"{options}: {ran.code} {ran.phase}\n{ran.err[-3000:]}"
        if number == signal.SIGTERM:
            # it does not listen yet, has ended in order, or was done and listens no more
            assert ran.code in (-signal.SIGTERM, 128 + signal.SIGTERM, 0), said
            assert ran.code != -signal.SIGTERM or ran.phase in ("start", "end"), said
            assert ran.code != 0 or "kill" in options, said
        else:
            assert ran.code in (-signal.SIGKILL, 0), said
        asked = self.results_asked_for()
        self.figures.kills[
            f"{self.warehouses.name}: {_called(number)} in {ran.phase} ({name})"
        ] += 1
        for is_kept in (True, False):
            self._restore("killed", "mended")
            if not is_kept:
                self._make_home("mended")
            self._complete(f"{said}\n(kept: {is_kept})")
            again = self.results_asked_for()
            if is_kept:
                twice = sum((asked & again).values())
                self.figures.refetched += twice
                # what was answered but not taken is what was under way
                bound = 4 * int(SETTINGS["max_concurrency"])
                assert number != signal.SIGTERM or twice <= bound, f"{twice} fetched again\n{said}"
        return ran

    def _complete(self, said: str) -> None:
        ran = self.sync("mended")
        assert ran.code == 0, f"{said}\n---\n{ran.err}"
        tables, loads = read(self.warehouses, "mended")
        try:
            self._compare(tables, loads)
        except AssertionError as error:
            raise AssertionError(f"{error}\nafter\n{said}") from None
        self.figures.completions += 1

    def _compare(self, tables: Tables, loads: set[str]) -> None:
        for name in MERGED:
            assert {row["_dlt_load_id"] for row in tables[name]} <= loads, f"{name} is still torn"
        # what is only ever added is true by itself, even if its load was never finished
        runs = {row["run_id"] for row in tables["sync_runs"]}
        for name in APPENDED:
            for row in tables[name]:
                if row["_dlt_load_id"] not in loads:
                    self.figures.uncommitted_rows += 1
                    row["_dlt_load_id"] = min(loads)
                if row["run_id"] not in runs:
                    row["run_id"] = min(runs)
        assert_sound(tables, loads)
        truth = [job for job in self.emulator.jobs(self.provider) if job.expired_at is None]
        assert_complete(tables, truth)
        assert_history_true(tables, truth)
        assert tables["rejected_records"] == []
        self.figures.rows += sum(map(len, tables.values()))

    def close(self) -> None:
        """Ends the emulator."""
        self.emulator.stop()

    # -- plans ------------------------------------------------------------------------------

    def plans(self, signals: tuple[int, ...]) -> list[Plan]:
        """Every point, before or after in turns, and after every table's merge or last copy."""
        found: list[Plan] = []
        names = sorted({point.split(" ", 1)[1] for point in self.passed})
        for place, name in enumerate(names):
            count = self.passed[f"after {name}"]
            if name in self.last_words:
                # where the process dies at once, and the other tables' merges stay undone
                plans = [Plan(f"after {name}", nth, signal.SIGKILL) for nth in sorted({1, count})]
                found += plans
                continue
            side = ("before", "after")[place % 2]
            nth = 1 if place % 4 < 2 else (count + 1) // 2
            found.append(Plan(f"{side} {name}", nth, signals[place // 2 % len(signals)]))
        return found

    @property
    def last_words(self) -> set[str]:
        """What brings each table's rows to their place: a merge, or a copy that none follows."""
        names = {point.split(" ", 1)[1] for point in self.passed}
        merges = {name for name in names if name.startswith("load merge of ")}
        copies = {name for name in names if name.startswith("load copy of ")}
        return merges | {name for name in copies if name.replace("copy", "merge", 1) not in merges}

    def moments(self, count: int, seed: int) -> list[tuple[float, int]]:
        """Random moments of a sync, and a signal for each."""
        chance = random.Random(seed)
        signals = (signal.SIGKILL, signal.SIGTERM)
        return [(chance.uniform(0.05, self.seconds), signals[n % 2]) for n in range(count)]


def _called(number: int) -> str:
    return signal.Signals(number).name


MakeWorld = Callable[[str, str], World]
