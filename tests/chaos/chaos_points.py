"""The moments at which a sync can be killed, marked in it from outside: the product knows nothing.

`install` wraps functions of the connector and of dlt, so that each passes a named point before or
after what it does. A point writes its name into a file, which outlives the process, and kills the
process where the plan says so.
"""

from __future__ import annotations

import functools
import inspect
import mmap
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dlt.common.storages.load_storage import LoadStorage
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
from dlt.destinations.impl.postgres.postgres import PostgresCsvCopyJob, PostgresParquetCopyJob
from dlt.destinations.insert_job_client import InsertValuesLoadJob
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlLoadJob
from dlt.extract.extract import Extract
from dlt.load.load import Load
from dlt.normalize.normalize import Normalize

from dlt_docjobs.loading import run as run_module
from dlt_docjobs.providers.contextual.api import ContextualApi
from dlt_docjobs.providers.landingai.api import LandingaiApi
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.reducto.api import ReductoApi
from dlt_docjobs.providers.unsiloed.api import UnsiloedApi
from dlt_docjobs.sync.package import Package
from dlt_docjobs.sync.result_rows import ResultRows
from dlt_docjobs.sync.session import Session

WIDTH = 80


class Plan(NamedTuple):
    """Where a process dies: the `nth` time that it passes a point, by a signal."""

    point: str
    nth: int
    signal: int


class Points:
    """Notes the points that a process passes.

    Args:
        file: Where the last point's name is written.
        plan: Where to die; None nowhere.
        log: Where all points are counted, a line each; None nowhere.
    """

    def __init__(self, file: Path, plan: Plan | None, log: Path | None) -> None:
        file.write_bytes(b" " * WIDTH)
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), WIDTH)
        self._plan = plan
        self._log = log.open("a", buffering=1) if log else None
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """The process is at this point."""
        with self._lock:
            self._counts[name] += 1
            count = self._counts[name]
            self._memory[:] = name.ljust(WIDTH)[:WIDTH].encode()
            if self._log:
                self._log.write(f"{name}\n")
        if self._plan and self._plan.point == name and self._plan.nth == count:
            os.kill(os.getpid(), self._plan.signal)

    # -- wrapping ---------------------------------------------------------------------------

    def around(self, owner: Any, method: str, name: Callable[..., str] | str) -> None:
        """Passes `before NAME` and `after NAME` whenever a method is called."""
        original = getattr(owner, method)

        def named(*args: Any) -> str:
            return name if isinstance(name, str) else name(*args)

        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def wrapped(*args: Any, **options: Any) -> Any:
                self.reach(f"before {named(*args)}")
                result = await original(*args, **options)
                self.reach(f"after {named(*args)}")
                return result

        else:

            @functools.wraps(original)
            def wrapped(*args: Any, **options: Any) -> Any:
                self.reach(f"before {named(*args)}")
                result = original(*args, **options)
                self.reach(f"after {named(*args)}")
                return result

        setattr(owner, method, wrapped)

    def install(self) -> None:
        """Marks a sync's whole way."""
        for api in (LlamaCloudApi, ContextualApi, UnsiloedApi, ReductoApi, LandingaiApi):
            for method, name in (
                ("list_page", "list"),
                ("poll", "re-poll"),
                ("status", "re-poll one"),
                ("result", "fetch"),
            ):
                self.around(api, method, name)
        self.around(ResultRows, "flush", "extract results")
        self.around(Package, "_job_batch", "extract jobs")
        self.around(Extract, "commit_packages", "extract commit")
        self.around(Normalize, "run", "normalise")
        self.around(Normalize, "spool_schema_files", "normalise files")
        self.around(LoadStorage, "commit_new_load_package", "normalise commit")
        self.around(Load, "initialize_package", "load migration")
        for job in (
            DuckDbCopyJob,
            PostgresCsvCopyJob,
            PostgresParquetCopyJob,
            InsertValuesLoadJob,
        ):
            self.around(job, "run", lambda job, *rest: f"load copy of {job.load_table_name}")
        self.around(SqlLoadJob, "run", lambda job, *rest: f"load merge of {job.load_table_name}")
        self.around(SqlJobClientBase, "complete_load", "state commit")
        self.around(LoadStorage, "complete_load_package", "state package")
        self.around(run_module, "forget_loaded_packages", "state forgetting")
        self.around(Session, "close", "end")


PHASES = ("list", "re-poll", "fetch", "extract", "normalise", "load", "state", "end")


def phase_of(point: str) -> str:
    """The part of a sync that a point lies in; `start` before the first one."""
    words = point.split()
    name = " ".join(words[1:])
    return next((phase for phase in PHASES if name.startswith(phase)), "start")
