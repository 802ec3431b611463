"""A dbt project that installs the package, as a user has one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import yaml
from views_support import Warehouse

from dlt_docjobs.dbt import make_package, write_files

DBT = Path(sys.executable).with_name("dbt")
PATIENCE = 1500.0
SCHEMA = "analytics"


class Ran(NamedTuple):
    """What a dbt command did."""

    code: int
    said: str
    statuses: dict[str, str]
    """Of each model and test, its status by its name."""

    def with_status(self, *statuses: str) -> set[str]:
        """The names of those that have one of these."""
        return {name for name, status in self.statuses.items() if status in statuses}


class Project:
    """A project beside the package, and a warehouse as its target.

    Args:
        folder: An empty one.
        warehouse: Where the tables are.
        address: Of PostgreSQL, where that is the warehouse.
    """

    def __init__(self, folder: Path, warehouse: Warehouse, address: str = "") -> None:
        self.folder = folder
        self.warehouse = warehouse
        dialect = "postgres" if address else "duckdb"
        # whatever it is written for, the variable says where the tables are
        write_files(folder / "package", make_package(dialect, "docjobs"))
        self.schema = SCHEMA if warehouse.dataset == "docjobs" else f"{SCHEMA}_{warehouse.dataset}"
        self._write(
            "dbt_project.yml",
            name="shop",
            version="1.0",
            profile="shop",
            vars={"docjobs": {"docjobs_schema": warehouse.dataset}},
        )
        self._write("packages.yml", packages=[{"local": "package"}])
        targets = {
            name: {**self._connection(address), "schema": schema, "threads": 1}
            for name, schema in (("mine", self.schema), ("theirs", warehouse.dataset))
        }
        self._write("profiles.yml", shop={"target": "mine", "outputs": targets})
        assert self.dbt("deps").code == 0

    def _write(self, file: str, **content: Any) -> None:
        (self.folder / file).write_text(yaml.safe_dump(content, sort_keys=False))

    def _connection(self, address: str) -> dict[str, Any]:
        if not address:
            return {"type": "duckdb", "path": str(self.warehouse.folder / "warehouse.duckdb")}
        parts = urlsplit(address)
        return {
            "type": "postgres",
            "host": unquote(str(parts.netloc.rpartition("@")[2])),
            "port": 5432,
            "user": parts.username,
            "password": parts.password,
            "dbname": parts.path.lstrip("/"),
        }

    def dbt(self, *args: str) -> Ran:
        """Runs a command of dbt to its end."""
        results = self.folder / "target" / "run_results.json"
        results.unlink(missing_ok=True)
        ran = subprocess.run(
            [str(DBT), "--no-use-colors", *args],
            cwd=self.folder,
            env={**os.environ, "DO_NOT_TRACK": "1", "DBT_PROFILES_DIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        statuses = {}
        if results.exists():
            for result in json.loads(results.read_text())["results"]:
                statuses[result["unique_id"].split(".")[2]] = result["status"]
        return Ran(ran.returncode, ran.stdout + ran.stderr, statuses)
