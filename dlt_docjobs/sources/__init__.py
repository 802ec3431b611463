"""One thin `@dlt.source` a provider."""

from dlt_docjobs.sources.contextual import contextual
from dlt_docjobs.sources.llamacloud import llamacloud
from dlt_docjobs.sources.unsiloed import unsiloed

__all__ = ["contextual", "llamacloud", "unsiloed"]
