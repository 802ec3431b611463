"""Jobs of document-parsing services in a warehouse: status history, chunks and segments.

    pipeline = dlt.pipeline("docjobs_llamacloud", destination="duckdb", dataset_name="docjobs")
    dlt_docjobs.run(pipeline, llamacloud())

The public names are imported when they are first used: `docjobs --help` has no need of dlt. The
source of each provider that is installed is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.extract.reference import SourceFactory
    from dlt.extract.source import DltSource

    from dlt_docjobs._version import __version__
    from dlt_docjobs.loading.run import run
    from dlt_docjobs.locks.local import SyncLocked
    from dlt_docjobs.model.outcomes import SyncFailed, UsageError
    from dlt_docjobs.sources.source import source
    from dlt_docjobs.sync.request import RunRequest
    from dlt_docjobs.views import create_views

    contextual: SourceFactory[Any, DltSource]
    landingai: SourceFactory[Any, DltSource]
    llamacloud: SourceFactory[Any, DltSource]
    reducto: SourceFactory[Any, DltSource]
    unsiloed: SourceFactory[Any, DltSource]

_HOMES = {
    "RunRequest": "dlt_docjobs.sync.request",
    "SyncFailed": "dlt_docjobs.model.outcomes",
    "SyncLocked": "dlt_docjobs.locks.local",
    "UsageError": "dlt_docjobs.model.outcomes",
    "__version__": "dlt_docjobs._version",
    "create_views": "dlt_docjobs.views",
    "run": "dlt_docjobs.loading.run",
    "source": "dlt_docjobs.sources.source",
}

__all__ = [
    "RunRequest",
    "SyncFailed",
    "SyncLocked",
    "UsageError",
    "__version__",
    "contextual",
    "create_views",
    "landingai",
    "llamacloud",
    "reducto",
    "run",
    "source",
    "unsiloed",
]


def __getattr__(name: str) -> Any:
    """Imports a public name from where it lives; a provider's is made from its declaration."""
    import importlib

    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        from dlt_docjobs.providers.registry import provider_names

        if name not in provider_names():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from dlt_docjobs.sources.source import factory

        value = factory(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
