"""What orchestrators are told in `pipelines/`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from pipelines_support import PIPELINES, Scripts

from dlt_docjobs.cli.arguments import make_parser


def test_airflows_callable_loads_its_interval(scripts: Scripts) -> None:
    end = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=4)
    start = end - timedelta(days=5)
    env = {"DLT_INTERVAL_START": start.isoformat(), "DLT_INTERVAL_END": end.isoformat()}
    env["DESTINATION__DUCKDB__CREDENTIALS"] = "warehouse.duckdb"
    scripts.run("-c", "import airflow_dag; airflow_dag.load_interval()", **env)
    jobs = scripts.emulator.jobs("llamacloud")
    inside = {
        job.job_id for job in jobs if job.expired_at is None and start <= job.created_at < end
    }
    assert scripts.known("llamacloud") == inside
    assert inside
    # beside it, the usual sync goes its own way
    scripts.call("airflow_dag", "load_new_and_changed", **env)
    assert scripts.known("llamacloud") == scripts.true("llamacloud")


def test_airflow_reads_the_dags() -> None:
    pytest.importorskip("airflow", reason="airflow is not installed")
    import importlib.util

    spec = importlib.util.spec_from_file_location("airflow_dag", PIPELINES / "airflow_dag.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    by_interval, sync = module.dags
    assert (by_interval.dag_id, sync.dag_id) == ("docjobs_by_interval", "docjobs_sync")
    # Airflow 3 runs a bare "@daily" without an interval, and nothing would be loaded
    now = datetime(2026, 3, 5, 7, tzinfo=timezone.utc)
    interval = by_interval.timetable.infer_manual_data_interval(run_after=now)
    assert (interval.start, interval.end) == (now.replace(day=4, hour=0), now.replace(hour=0))
    # of two loads of a job at once each would write its row
    assert {task.pool for dag in module.dags for task in dag.tasks} == {module.POOL}


@pytest.mark.timeout(900)
def test_airflow_runs_both_dags(scripts: Scripts) -> None:
    pytest.importorskip("airflow", reason="airflow is not installed; `.ci/airflow` runs this")
    home = scripts.folder / "airflow"
    env = {"AIRFLOW_HOME": str(home), "HOME": str(scripts.folder)}
    env["AIRFLOW__CORE__DAGS_FOLDER"] = str(scripts.folder)
    env["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    # dlt gives each task a folder of its own, which is gone afterwards
    env["DESTINATION__DUCKDB__CREDENTIALS"] = str(scripts.folder / "warehouse.duckdb")
    airflow = ("-m", "airflow")
    scripts.run(*airflow, "db", "migrate", **env)
    scripts.run(*airflow, "pools", "set", "docjobs", "1", "one load at a time", **env)
    now = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = now - timedelta(days=5), now - timedelta(days=4)
    # a run by hand has the last interval that is over by its date
    scripts.run(*airflow, "dags", "test", "docjobs_by_interval", end.isoformat(), **env)
    inside = {
        job.job_id
        for job in scripts.emulator.jobs("llamacloud")
        if job.expired_at is None and start <= job.created_at < end
    }
    assert scripts.known("llamacloud") == inside
    assert inside
    scripts.run(*airflow, "dags", "test", "docjobs_sync", now.isoformat(), **env)
    assert scripts.known("llamacloud") == scripts.true("llamacloud")


PREFECT = """
import datetime, sys
import prefect_flow

# a retry after no time at all
prefect_flow.load.retry_delay_seconds = [0]
print("found", prefect_flow.sync())
since, until = map(datetime.datetime.fromisoformat, sys.argv[1:])
print("found", prefect_flow.load_window(since, until))
"""


def test_prefect_runs_both_flows_and_tries_again(scripts: Scripts) -> None:
    pytest.importorskip("prefect", reason="prefect is not installed; `.ci/prefect` runs this")
    end = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=4)
    start = end - timedelta(days=5)
    env = {"PREFECT_HOME": str(scripts.folder / "prefect"), "HOME": str(scripts.folder)}
    # its server takes long to start where others want the processors too
    env["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
    env["SOURCES__DOCJOBS__LLAMACLOUD__MAX_RETRIES"] = "0"
    env["DESTINATION__DUCKDB__CREDENTIALS"] = "warehouse.duckdb"
    # the first try gets no list at all, the second all four
    faults = scripts.emulator.faults
    faults.error_fraction, faults.error_status, faults.budget = 1.0, 503, 4
    said = scripts.run("-c", PREFECT, start.isoformat(), end.isoformat(), **env)
    assert scripts.known("llamacloud") == scripts.true("llamacloud")
    runs = scripts.rows("SELECT ok, exit_code, jobs_new FROM docjobs.sync_runs ORDER BY started_at")
    assert [code for _, code, _ in runs] == [3, 0, 0], said
    assert [new for *_, new in runs] == [0, len(scripts.true("llamacloud")), 0]


def test_the_workflow_runs_a_command_that_there_is() -> None:
    text = (PIPELINES / "github_action.yml").read_text("utf-8")
    (command,) = re.findall(r"- run: docjobs (.*)$", text, re.MULTILINE)
    args = make_parser().parse_args(command.split())
    minutes = re.search(r"timeout-minutes: (\d+)", text)
    assert minutes is not None
    # it ends by itself, with what it has loaded, before it is ended
    assert args.deadline <= int(minutes[1]) * 60 - 300
    (cron,) = re.findall(r'- cron: "(.*)"', text)
    assert len(cron.split()) == 5
    assert "\t" not in text
