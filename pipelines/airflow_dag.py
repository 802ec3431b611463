"""A DAG for Airflow: each run loads the jobs that were created in its data interval.

Copy it into Airflow's `dags` folder, with `.dlt/config.toml` and `.dlt/secrets.toml` beside it. A
run that is repeated, or a catch-up over months, changes nothing that is there. It does not follow
jobs that end after their interval: run `docjobs sync` beside it, or `load_new_and_changed` below,
which looks at what is new or changed and knows no intervals.

Both load into the same tables, and a job that two tasks load at the same moment stands there twice.
So they share a pool with one place:

    airflow pools set docjobs 1 "one load at a time"
"""

from datetime import datetime, timezone
from importlib.util import find_spec

import dlt
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs import llamacloud

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
POOL = "docjobs"


def make_pipeline(name: str = "docjobs_llamacloud") -> Pipeline:
    """Airflow's workers keep nothing: name a server or a bucket as the destination."""
    return dlt.pipeline(name, destination="duckdb", dataset_name="docjobs")


def load_interval() -> None:
    """The jobs created in the task's data interval, by a pipeline that has no cursor."""
    created_at = dlt.sources.incremental(
        "created_at", initial_value=START, allow_external_schedulers=True
    )
    row = dlt_docjobs.run(
        make_pipeline("docjobs_llamacloud_interval"), llamacloud(created_at=created_at)
    )
    print(f"{row.jobs_new} new jobs, {row.results_loaded} results")
    if not row.ok:
        raise RuntimeError(row.error)


def load_new_and_changed() -> None:
    """Everything new or changed since the last run, whatever the interval."""
    row = dlt_docjobs.run(make_pipeline(), llamacloud())
    print(f"{row.jobs_new} new jobs, {row.open_jobs} open")
    if not row.ok:
        raise RuntimeError(row.error)


# without Airflow the two functions can still be called
if find_spec("airflow") is not None:
    from airflow.sdk import dag, task
    from airflow.timetables.interval import CronDataIntervalTimetable
    from dlt.helpers.airflow_helper import PipelineTasksGroup

    # a bare "@daily" has no interval in Airflow 3: begin and end are the same moment
    daily = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")

    @dag(schedule=daily, start_date=START, catchup=True, max_active_runs=1)
    def docjobs_by_interval() -> None:
        """A window a day."""
        task(load_interval, retries=3, pool=POOL)()

    @dag(schedule="@hourly", start_date=START, catchup=False, max_active_runs=1)
    def docjobs_sync() -> None:
        """dlt's own group of tasks: one bounded package a run, data folder and retries by dlt."""
        with PipelineTasksGroup("docjobs", wipe_local_data=True) as group:
            group.add_run(make_pipeline(), llamacloud, retries=3, pool=POOL)

    dags = [docjobs_by_interval(), docjobs_sync()]
