"""Assets, checks and a schedule for Dagster: `pip install 'dlt-docjobs[dagster]'`.

defs = docjobs_definitions("PROVIDER", destination="postgres", start="2026-01-01")
"""

from dlt_docjobs.dagster.definitions import docjobs_assets, docjobs_checks, docjobs_definitions
from dlt_docjobs.dagster.specs import DocjobsTranslator, TableData

__all__ = [
    "DocjobsTranslator",
    "TableData",
    "docjobs_assets",
    "docjobs_checks",
    "docjobs_definitions",
]
