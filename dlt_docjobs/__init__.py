"""Jobs of document-parsing services in a warehouse: status history, chunks and segments.

    pipeline = dlt.pipeline("docjobs_llamacloud", destination="duckdb", dataset_name="docjobs")
    dlt_docjobs.run(pipeline, llamacloud())

The public names are imported when they are first used: `docjobs --help` has no need of dlt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt_docjobs._version import __version__
    from dlt_docjobs.loading.run import run
    from dlt_docjobs.locks.local import SyncLocked
    from dlt_docjobs.model.outcomes import SyncFailed, UsageError
    from dlt_docjobs.sources.contextual import contextual
    from dlt_docjobs.sources.llamacloud import llamacloud
    from dlt_docjobs.sources.unsiloed import unsiloed
    from dlt_docjobs.sync.session import RunRequest
    from dlt_docjobs.views import create_views

_HOMES = {
    "RunRequest": "dlt_docjobs.sync.session",
    "SyncFailed": "dlt_docjobs.model.outcomes",
    "SyncLocked": "dlt_docjobs.locks.local",
    "UsageError": "dlt_docjobs.model.outcomes",
    "__version__": "dlt_docjobs._version",
    "contextual": "dlt_docjobs.sources.contextual",
    "create_views": "dlt_docjobs.views",
    "llamacloud": "dlt_docjobs.sources.llamacloud",
    "run": "dlt_docjobs.loading.run",
    "unsiloed": "dlt_docjobs.sources.unsiloed",
}

__all__ = [
    "RunRequest",
    "SyncFailed",
    "SyncLocked",
    "UsageError",
    "__version__",
    "contextual",
    "create_views",
    "llamacloud",
    "run",
    "unsiloed",
]


def __getattr__(name: str) -> Any:
    """Imports a public name from where it lives."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
