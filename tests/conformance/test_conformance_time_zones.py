"""Any date that a provider may say is read back, whatever the server's own time zone is.

PostgreSQL gives an instant in the session's time zone, and psycopg2 fails where the year is not
one of Python's: the first day of the year 1 is one of the year before it in New York, and the last
one of 9999 belongs to 10000 on Kiritimati.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conformance_bench import KINDS
from conformance_destinations import DestinationBench

from dlt_docjobs import create_views
from dlt_docjobs.emulator import Emulator
from dlt_docjobs.report.facts import read_facts
from dlt_docjobs.warehouse.accounts import account_status, remove_account

# it dates all of its jobs, and keeps them
PROVIDER = "llamacloud"
FIRST = datetime(1, 1, 1, tzinfo=timezone.utc)
LAST = datetime(9999, 12, 31, 20, tzinfo=timezone.utc)


@pytest.fixture(params=["America/New_York", "Pacific/Kiritimati", "Etc/UTC"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, postgres: str) -> Iterator[Any]:
    """A warehouse in PostgreSQL whose sessions have another time zone, and jobs of all times."""
    execute(postgres, "DROP SCHEMA IF EXISTS docjobs CASCADE")
    database = postgres.rpartition("/")[2]
    execute(postgres, f"ALTER DATABASE {database} SET timezone TO '{request.param}'")
    with Emulator(jobs=0) as emulator:
        for kind in KINDS:
            emulator.add_job(PROVIDER, kind, status="COMPLETED", created_at=FIRST, pages=1)
            for created_at in (FIRST, LAST):
                emulator.add_job(PROVIDER, kind, hang=True, created_at=created_at)
        yield DestinationBench(emulator, tmp_path, "postgres", postgres)


def execute(address: str, statement: str) -> None:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    connection.cursor().execute(statement)
    connection.close()


def test_jobs_of_the_first_and_the_last_day_break_no_later_read(bench: DestinationBench) -> None:
    runs = [bench.sync(PROVIDER) for _ in range(2)]
    # another machine, which has to read all that it knows
    bench.forget_working_directory()
    runs.append(bench.sync(PROVIDER))
    assert [run.error for run in runs] == [None, None, None]
    assert [run.jobs_new for run in runs] == [6, 0, 0]

    pipeline = bench.pipeline(PROVIDER)
    assert pipeline.destination is not None
    with pipeline.sql_client() as client:
        found = client.execute_sql("SELECT DISTINCT created_at FROM jobs ORDER BY 1") or []
    # what lies in the future is no date of a creation
    assert [created_at for (created_at,) in found] == [FIRST, None]
    (status,) = account_status(pipeline.destination, "docjobs")
    assert (status["jobs"], status["open_jobs"]) == (6, 4)
    create_views(pipeline)
    with pipeline.sql_client() as client:
        assert read_facts(client, "postgres", "postgres", 30).jobs == 6
    assert remove_account(pipeline, PROVIDER, "default") == 6
