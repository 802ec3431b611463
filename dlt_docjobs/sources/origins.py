"""Where the values of a source's configuration come from, and which places are no place for one.

dlt looks for a value ever more generally, up to a variable that bears nothing but its name. That
`API_KEY`, `BASE_URL` or `PROJECT_ID` in somebody's environment is meant for a provider is unlikely,
and to believe it would send a key to where it does not belong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import dlt
from dlt.common.typing import TSecretStrValue

from dlt_docjobs.dlt_internals import Place
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.protocol import POLICY_KEYS
from dlt_docjobs.sources.names import SECTION, SOURCES

_ENVIRONMENT: Final = "Environment Variables"
# what says where requests go, with what, and for which jobs
_IDENTITY: Final = frozenset(
    {"api_key", "base_url", "auth_header", "project_id", "organization_id"}
    | {"job_ids", "job_ids_file"}
)
# a setting of privacy is believed wherever dlt finds it
_PRIVACY: Final = frozenset(POLICY_KEYS)


class Found(NamedTuple):
    """A configured value, and where it stands."""

    value: Any
    origin: str


def is_believed(key: str, place: Place) -> bool:
    """Whether a value of a source may stand where dlt found it."""
    if len(place.sections) > 1 or key in _PRIVACY:
        return True
    return bool(place.sections) and key not in _IDENTITY


def origin_of(key: str, place: Place) -> str:
    """Where a value stands, in words that lead a user to it."""
    if place.provider == _ENVIRONMENT:
        name = "__".join((*place.sections, key)).upper()
        # a pipeline's own stands in front, which dlt leaves out
        scoped = [one for one in os.environ if one.endswith(f"__{name}")]
        return name if name in os.environ or not scoped else scoped[0]
    section = f" [{'.'.join(place.sections)}]" if place.sections else ""
    return f"{place.file or place.provider}{section}"


def usual_key(provider: Provider, source_name: str) -> Found | None:
    """The key in the provider's usual environment variable, which is the default account's."""
    if source_name != provider.name:
        return None
    for name in provider.key_variables:
        if value := os.environ.get(name, "").strip():
            return Found(value, name)
    return None


def configured_key(source_name: str) -> Found | None:
    """The API key that is configured for a source; None where there is none.

    It is looked for as dlt does, but for places that are no place for a key, and leaves no trace in
    dlt's own record of what it has resolved.
    """
    for holder in dlt.config.config_providers:
        for sections in _places(source_name):
            value, _ = holder.get_value("api_key", TSecretStrValue, "", *sections)
            if value:
                file = holder.get_value_location("api_key", None, *sections)
                place = Place(holder.name, sections, file)
                return Found(str(value).strip(), origin_of("api_key", place))
    return None


def _places(source_name: str) -> Iterator[tuple[str, ...]]:
    yield (SOURCES, SECTION, source_name)
    yield (SOURCES, SECTION)
    yield (SOURCES, source_name)
