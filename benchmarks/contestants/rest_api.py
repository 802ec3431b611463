"""dlt's generic `rest_api` source, as its documentation shows a list and a request for each entry.

Nested lists become tables, as far as ours do: jobs, chunks and segments; the OCR elements stay
JSON in their segment.
"""

from __future__ import annotations

from benchmarks.contestants.task import Task, read_task, report
from benchmarks.jobs import API_KEY


def main(task: Task) -> None:
    """Loads all jobs."""
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": task.base_url,
                "auth": {
                    "type": "api_key",
                    "name": "api-key",
                    "api_key": API_KEY,
                    "location": "header",
                },
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "next_page_token",
                    "cursor_param": "page_token",
                },
            },
            "resource_defaults": {"primary_key": "job_id", "write_disposition": "merge"},
            "resources": [
                {
                    "name": "jobs",
                    "endpoint": {
                        "path": "parse",
                        "params": {"page_size": 100},
                        "data_selector": "items",
                    },
                },
                {
                    "name": "documents",
                    "max_table_nesting": 2,
                    "endpoint": {
                        "path": "parse/{resources.jobs.job_id}",
                        "params": {"include_chunks": "true", "include_url": "true"},
                        "data_selector": "$",
                        "paginator": "single_page",
                    },
                },
            ],
        }
    )
    pipeline = dlt.pipeline(
        "rest_api", destination=dlt.destinations.duckdb(task.warehouse), dataset_name="docjobs"
    )
    if task.parquet:
        pipeline.run(source, loader_file_format="parquet")
    else:
        pipeline.run(source)


if __name__ == "__main__":
    main(read_task())
    report()
