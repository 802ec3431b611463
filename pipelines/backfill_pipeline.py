"""Loads jobs of the past, window by window, without touching the cursor of the usual sync.

A window can be loaded again without harm: what is there already is not fetched a second time.
"""

from datetime import datetime, timedelta, timezone

import dlt
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs import llamacloud


def make_pipeline() -> Pipeline:
    """The pipeline of the usual sync."""
    return dlt.pipeline(
        "docjobs_llamacloud",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="docjobs",
    )


def load_window(since: datetime, until: datetime, reload: str | None = None) -> None:
    """The jobs with since <= created_at < until."""
    window = dlt.sources.incremental("created_at", initial_value=since, end_value=until)
    row = dlt_docjobs.run(make_pipeline(), llamacloud(created_at=window, reload=reload))
    print(f"{since:%Y-%m-%d} to {until:%Y-%m-%d}: {row.jobs_new} new, {row.results_loaded} results")


def load_last_weeks(weeks: int = 4) -> None:
    """A window a week, the oldest first: its results are forgotten soonest."""
    now = datetime.now(timezone.utc)
    for ago in range(weeks, 0, -1):
        since = now - timedelta(weeks=ago)
        load_window(since, since + timedelta(weeks=1))


def load_one_package() -> None:
    """At most 100 jobs of the last week; call it again to go on."""
    until = datetime.now(timezone.utc)
    window = dlt.sources.incremental(
        "created_at", initial_value=until - timedelta(weeks=1), end_value=until
    )
    print(make_pipeline().run(llamacloud(created_at=window, max_jobs_per_package=100)))


def fetch_failed_results_again() -> None:
    """Results that came but could not be read, of the last 30 days."""
    until = datetime.now(timezone.utc)
    load_window(until - timedelta(days=30), until, reload="failed")


if __name__ == "__main__":
    load_last_weeks()
    # load_one_package()
    # fetch_failed_results_again()
