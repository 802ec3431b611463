"""Loads the parse and extract jobs of LlamaCloud into DuckDB.

Set LLAMA_CLOUD_API_KEY, or api_key under [sources.docjobs.llamacloud] in .dlt/secrets.toml.
"""

import dlt
from dlt.pipeline.pipeline import Pipeline

import dlt_docjobs
from dlt_docjobs import llamacloud


def make_pipeline() -> Pipeline:
    """The pipeline that `docjobs sync llamacloud` uses, so that both go on from one cursor."""
    return dlt.pipeline(
        "docjobs_llamacloud",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="docjobs",
    )


def load_new_and_changed() -> None:
    """Everything that is new or has changed since the last run."""
    row = dlt_docjobs.run(make_pipeline(), llamacloud())
    print(f"{row.jobs_new} new jobs, {row.results_loaded} results, {row.open_jobs} open")


def load_without_results() -> None:
    """Jobs and their history only: no result is requested."""
    source = llamacloud().with_resources("jobs", "job_status_history")
    dlt_docjobs.run(make_pipeline(), source)


def load_without_document_text() -> None:
    """Everything but the text of documents, and hashes in place of their names."""
    dlt_docjobs.run(make_pipeline(), llamacloud(include_content=False, include_names=False))


def load_skipped_results() -> None:
    """The results that `load_without_results` left out."""
    dlt_docjobs.run(make_pipeline(), llamacloud(reload="skipped"))


def load_one_package() -> None:
    """At most 100 jobs; call it again to go on."""
    print(make_pipeline().run(llamacloud(max_jobs_per_package=100)))


if __name__ == "__main__":
    load_new_and_changed()
    # load_without_results()
    # load_without_document_text()
    # load_skipped_results()
    # load_one_package()
