"""Loads the parse and extract jobs of Contextual AI into DuckDB.

Set CONTEXTUAL_API_KEY, or api_key under [sources.docjobs.contextual] in .dlt/secrets.toml.
Contextual AI forgets parse jobs after 30 days: schedule this.
"""

import dlt
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs import contextual


def make_pipeline() -> Pipeline:
    """The pipeline that `docjobs sync contextual` uses, so that both go on from one cursor."""
    return dlt.pipeline(
        "docjobs_contextual",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="docjobs",
    )


def load_new_and_changed() -> None:
    """Everything that is new or has changed since the last run."""
    row = dlt_docjobs.run(make_pipeline(), contextual())
    print(f"{row.jobs_new} new jobs, {row.results_loaded} results, {row.open_jobs} open")


def load_with_hourly_dates() -> None:
    """Brackets the creation of parse jobs to an hour; a first run sends more list requests."""
    dlt_docjobs.run(make_pipeline(), contextual(created_at_resolution_seconds=3600))


def load_parse_jobs_only() -> None:
    """Leaves extract jobs out: their list takes no filter and is read whole every time."""
    dlt_docjobs.run(make_pipeline(), contextual(include_extract=False))


def load_one_package() -> None:
    """At most 100 jobs; call it again to go on."""
    print(make_pipeline().run(contextual(max_jobs_per_package=100)))


def load_until_all_have_ended() -> None:
    """Asks for open jobs every 10 seconds until all have ended, for 5 minutes at most."""
    clock = dlt_docjobs.RunRequest().clock
    request = dlt_docjobs.RunRequest(follow=10.0, deadline=clock.monotonic() + 300)
    dlt_docjobs.run(make_pipeline(), contextual(), request=request)


if __name__ == "__main__":
    load_new_and_changed()
    # load_with_hourly_dates()
    # load_parse_jobs_only()
    # load_one_package()
    # load_until_all_have_ended()
