"""The providers that are installed: entry points in the group `dlt_docjobs.providers`.

The built-in ones are registered in the same way, in this package's own metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.suggestions import suggest
from dlt_docjobs.providers.declaration import Provider

GROUP: Final = "dlt_docjobs.providers"

_LOG = logging.getLogger(__name__)


@cache
def _registered() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=_place)}


def _place(point: EntryPoint) -> tuple[bool, str, str]:
    # the last of several of one name counts: nobody takes the place of a built-in one by accident
    is_own = point.value.startswith("dlt_docjobs.")
    return (is_own, point.name, point.value)


@cache
def provider_names() -> tuple[str, ...]:
    """The names of all providers, in alphabetical order. Imports none of them."""
    return tuple(sorted(_registered()))


@cache
def provider(name: str) -> Provider:
    """A provider's declaration.

    Raises:
        UsageError: There is none of that name, or its package can't be imported.
    """
    point = _registered().get(name)
    if point is None:
        names = provider_names()
        listed = f"it is {', '.join(names[:-1])} or {names[-1]}" if names else "none is installed"
        raise UsageError(f"unknown provider {name!r}: {listed}{suggest(name, names)}")
    try:
        found = point.load()
    except Exception as error:
        raise UsageError(
            f"the provider {name} can't be used: {point.value} can't be imported "
            f"({type(error).__name__}: {error})"
        ) from error
    if not isinstance(found, Provider) or found.name != name:
        raise UsageError(
            f"the provider {name} can't be used: {point.value} is no declaration of that name"
        )
    return found


@cache
def providers() -> Mapping[str, Provider]:
    """All providers by name. One that can't be used is left out, with a warning."""
    found: dict[str, Provider] = {}
    for name in provider_names():
        try:
            found[name] = provider(name)
        except UsageError as error:
            _LOG.warning("%s", error)
    return found


def title_of(name: str) -> str:
    """What a provider calls itself; its name where it is not installed (any more)."""
    found = providers().get(name)
    return found.title if found is not None else name


def split_name(source_name: str) -> tuple[str, str] | None:
    """The provider and the account behind a source's name, written `NAME_ACCOUNT` or `NAME`.

    Returns:
        None where no provider's name stands in front. Of several the longest counts.
    """
    for name in sorted(provider_names(), key=len, reverse=True):
        if source_name == name:
            return name, "default"
        if source_name.startswith(f"{name}_"):
            return name, source_name[len(name) + 1 :]
    return None
