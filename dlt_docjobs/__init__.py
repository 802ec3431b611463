"""Jobs of document-parsing services in a warehouse: status history, chunks and segments.

    pipeline = dlt.pipeline("docjobs_llamacloud", destination="duckdb", dataset_name="docjobs")
    dlt_docjobs.run(pipeline, llamacloud())
"""

from dlt_docjobs._version import __version__
from dlt_docjobs.sources import contextual, llamacloud, unsiloed
from dlt_docjobs.sync.destinations import install_defaults
from dlt_docjobs.sync.run import run

install_defaults()

__all__ = ["__version__", "contextual", "llamacloud", "run", "unsiloed"]
