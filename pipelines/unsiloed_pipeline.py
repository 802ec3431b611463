"""Loads the parse and extract jobs of Unsiloed AI into DuckDB.

Set UNSILOED_API_KEY, or api_key under [sources.docjobs.unsiloed] in .dlt/secrets.toml. Unsiloed AI
publishes no list of jobs: keep the ids where you submit documents, and name them here.
"""

from collections.abc import Iterator

import dlt
import duckdb
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs import unsiloed


def make_pipeline() -> Pipeline:
    """The pipeline that `docjobs sync unsiloed` uses, so that both go on from one cursor."""
    return dlt.pipeline(
        "docjobs_unsiloed",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="docjobs",
    )


def load_ids_from_file() -> None:
    """The ids stand in a file: text with an id a line, CSV or JSONL."""
    row = dlt_docjobs.run(make_pipeline(), unsiloed(job_ids_file="unsiloed_ids.csv"))
    print(f"{row.jobs_new} new jobs, {row.results_loaded} results, {row.open_jobs} open")


def load_ids_from_table() -> None:
    """The ids stand in a table of yours: any dlt resource that yields them will do."""
    dlt_docjobs.run(make_pipeline(), unsiloed(job_ids=submitted_jobs()))


@dlt.resource
def submitted_jobs() -> Iterator[list[dict[str, str]]]:
    """Ids and kinds out of the database in which your submitter records them."""
    with duckdb.connect("submitter.duckdb", read_only=True) as connection:
        rows = connection.execute("SELECT job_id, job_kind FROM submissions").fetchall()
    yield [{"job_id": job_id, "job_kind": job_kind} for job_id, job_kind in rows]


def follow_known_jobs() -> None:
    """No new ids: the jobs that had not ended are asked for again."""
    dlt_docjobs.run(make_pipeline(), unsiloed(job_ids=[]))


def load_one_package() -> None:
    """At most 100 jobs; call it again to go on."""
    source = unsiloed(job_ids_file="unsiloed_ids.csv", max_jobs_per_package=100)
    print(make_pipeline().run(source))


if __name__ == "__main__":
    load_ids_from_file()
    # load_ids_from_table()
    # follow_known_jobs()
    # load_one_package()
