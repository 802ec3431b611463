"""Flows for Prefect: the sync, and a window of time to load (again).

    pip install prefect
    python prefect_flow.py

serves both: the sync every 15 minutes, the window when you ask for it. Beside it lie
`.dlt/config.toml` and `.dlt/secrets.toml`, as for any pipeline of dlt.

Both load into the same tables, and a job that two of them load at the same moment stands there
twice. So no two run at once where this is served (`limit=1`); on more machines than one, give both
deployments a concurrency limit of 1.
"""

from datetime import datetime

import dlt
from dlt.pipeline.pipeline import Pipeline
from prefect import flow, get_run_logger, serve, task

import dlt_docjobs
from dlt_docjobs import llamacloud


def make_pipeline(name: str = "docjobs_llamacloud") -> Pipeline:
    """A worker in a container keeps nothing: name a server or a bucket as the destination there."""
    return dlt.pipeline(name, destination="duckdb", dataset_name="docjobs")


@task(retries=3, retry_delay_seconds=[30, 120, 600])
def load(since: datetime | None = None, until: datetime | None = None) -> dict[str, int]:
    """Loads what is new or changed; with bounds, the jobs created in since ≤ `created_at` < until.

    A try that is repeated goes on where the last one ended. A window has a pipeline of its own and
    no cursor.
    """
    if since is None:
        row = dlt_docjobs.run(make_pipeline(), llamacloud())
    else:
        window = dlt.sources.incremental("created_at", initial_value=since, end_value=until)
        row = dlt_docjobs.run(
            make_pipeline("docjobs_llamacloud_window"), llamacloud(created_at=window)
        )
    if row.exit_code > 1:
        raise RuntimeError(row.error)
    if not row.ok:
        # what is missing is asked for again by the next sync: no reason to fail
        get_run_logger().warning(row.error)
    figures = ("jobs_new", "jobs_changed", "results_loaded", "open_jobs", "pending_results")
    return {name: getattr(row, name) for name in figures}


@flow(name="docjobs_sync")
def sync() -> dict[str, int]:
    """The usual sync."""
    found: dict[str, int] = load()
    return found


@flow(name="docjobs_window")
def load_window(since: datetime, until: datetime) -> dict[str, int]:
    """The jobs of a window; since ≤ `created_at` < until."""
    found: dict[str, int] = load(since, until)
    return found


if __name__ == "__main__":
    serve(
        sync.to_deployment("docjobs_sync", cron="*/15 * * * *"),
        load_window.to_deployment("docjobs_window"),
        limit=1,
    )
