"""The keys for the live tests, which the tests' own environment is without."""

from __future__ import annotations

import os

from dlt_docjobs.providers.declaration import Provider


def key_of(declared: Provider) -> str | None:
    """A provider's key, by any of the names that its users know; see `_isolate`."""
    found = (value_of(name) for name in declared.key_variables)
    return next((key for key in found if key), None)


def value_of(variable: str) -> str | None:
    """What a variable of the user's holds."""
    return os.environ.get(f"DOCJOBS_LIVE_{variable}") or os.environ.get(variable) or None
