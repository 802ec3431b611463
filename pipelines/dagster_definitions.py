"""Definitions for Dagster: `dagster dev -f dagster_definitions.py`; needs `.[dagster,postgres]`.

Credentials of the destination and the provider's key come from dlt's configuration. Set the limit
of the pool `docjobs_llamacloud` to `workers`, so that no more partitions run at once:

    dagster instance concurrency set docjobs_llamacloud 4
"""

from dlt_docjobs.dagster import docjobs_definitions

defs = docjobs_definitions(
    "llamacloud",
    destination="postgres",
    start="2026-01-01",
    workers=4,
    # of the account; the workers share it
    requests_per_second=20,
    cron="*/15 * * * *",
)
