"""A process that has imported everything and forks one sync after the other: none waits for it.

It reads an order a line, as JSON: `folder`, `env`, `args`, `plan`, `phase`, `log`. It answers with
a line when the process has begun (`pid`), and one when it has ended (`status`).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import httpcore  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401
import requests  # noqa: F401
import sqlglot.dialects.duckdb
import sqlglot.dialects.postgres  # noqa: F401
from chaos_points import Plan, Points
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

import dlt_docjobs.cli.commands
import dlt_docjobs.cli.sync
import dlt_docjobs.loading.resources
import dlt_docjobs.plugin
import dlt_docjobs.reader.reader
import dlt_docjobs.views.install
import dlt_docjobs.warehouse.migration
from dlt_docjobs.cli import main

# these syncs have little to read; they shall have a helper all the same
dlt_docjobs.reader.reader.HELPED_FROM = 1


def child(order: dict[str, Any]) -> int:
    """One `docjobs` in its folder, with its points marked."""
    folder = Path(order["folder"])
    os.chdir(folder)
    os.environ.update(order["env"])
    for name, number in (("out", 1), ("err", 2)):
        opened = os.open(folder / f"said.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
    Container()[PluggableRunContext].reload(str(folder))
    plan = Plan(*order["plan"]) if order["plan"] else None
    points = Points(Path(order["phase"]), plan, Path(order["log"]) if order["log"] else None)
    points.install()
    return main(order["args"])


def serve() -> None:
    """Takes orders until there are no more."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = child(order)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    print("ready", flush=True)
    serve()
