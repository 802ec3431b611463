"""The `@dlt.source` of each provider, made from its declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any

import dlt
from dlt.extract.reference import SourceFactory
from dlt.extract.source import DltSource

from dlt_docjobs import dlt_internals
from dlt_docjobs.dlt_internals import Place
from dlt_docjobs.http import ApiClient, HttpSettings, Watch
from dlt_docjobs.loading.job_source import JobResources, JobSource
from dlt_docjobs.loading.resources import EPOCH, build_resources
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.sources import settings
from dlt_docjobs.sources.configuration import (
    configuration_of,
    documentation_of,
    own_keys,
    signature_of,
)
from dlt_docjobs.sources.job_ids import targets_of
from dlt_docjobs.sources.names import SECTION, refuse_unknown_names
from dlt_docjobs.sources.origins import is_believed, origin_of
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse.connection import install_defaults

_captured: ContextVar[list[ResolvedSource] | None] = ContextVar("docjobs_captured", default=None)


def source(name: str, **arguments: Any) -> DltSource:
    """The source of a provider, built-in or registered by an installed package.

    Args:
        name: The provider's name.
        arguments: The source's own, such as `api_key`; what is left out comes from dlt's
            configuration.

    Raises:
        UsageError: There is no such provider, or a setting is missing or makes no sense.
    """
    return factory(name)(**arguments)


@cache
def factory(name: str) -> SourceFactory[Any, DltSource]:
    """The source function of a provider.

    Raises:
        UsageError: There is no such provider.
    """
    declared = registered(name)

    def make(**values: Any) -> JobResources:
        resolved = ResolvedSource(declared, values, dlt_internals.places_of(make))
        captured = _captured.get()
        if captured is not None:
            captured.append(resolved)
        return resolved.check().resources()

    make.__name__ = make.__qualname__ = name
    make.__doc__ = documentation_of(declared)
    make.__signature__ = signature_of(declared)  # type: ignore[attr-defined]
    made: SourceFactory[Any, DltSource] = dlt.source(
        make,
        name=name,
        section=SECTION,
        max_table_nesting=0,
        spec=configuration_of(declared),
        _impl_cls=JobSource,
    )
    return made


def resolve(make_source: Callable[[], Any]) -> ResolvedSource:
    """The checked configuration of a source, for those who want no resources.

    Args:
        make_source: Calls the source function, so that dlt resolves its arguments.
    """
    found, error = look_at(make_source)
    if error is not None or found is None:
        raise error or RuntimeError("the source function was not called")
    return found


def look_at(make_source: Callable[[], Any]) -> tuple[ResolvedSource | None, Exception | None]:
    """The configuration of a source, and what is wrong with it: there is one or the other, or both.

    Args:
        make_source: See `resolve`.
    """
    captured: list[ResolvedSource] = []
    token = _captured.set(captured)
    error: Exception | None = None
    try:
        make_source()
    except Exception as raised:
        error = raised
    finally:
        _captured.reset(token)
    return (captured[0] if captured else None), error


class ResolvedSource:
    """The arguments of one source, as configured. Whoever uses them checks them first.

    Attributes:
        values: The source function's arguments by name.
        origins: Where those come from that neither the caller gave nor the default is.

    Args:
        provider: What the provider declares of itself.
        values: The source function's arguments by name, as dlt found them.
        places: Where it found them.
    """

    connection: settings.Connection
    settings: SyncSettings

    def __init__(
        self, provider: Provider, values: dict[str, Any], places: Mapping[str, Place]
    ) -> None:
        self.provider = provider
        self.name = dlt.current.source_schema().name
        self.values = values
        self.origins: dict[str, str] = {}
        for key, place in places.items():
            if is_believed(key, place):
                self.origins[key] = origin_of(key, place)
            else:
                values[key] = getattr(configuration_of(provider), key)
        # not configured, so dlt leaves it out where the caller does
        values.setdefault("created_at", None)

    def check(self) -> ResolvedSource:
        """Checks everything; no request is sent.

        Raises:
            UsageError: A setting is missing or makes no sense, or a name is read by nobody.
        """
        install_defaults()
        values = self.values
        refuse_unknown_names(self.name)
        http = settings.http_settings(values)
        key, url = values["api_key"], values["base_url"]
        self.connection = settings.connection(self.provider, self.name, key, url, http)
        targets = targets_of(values["job_ids"], values["job_ids_file"])
        self.start_date = settings.start_of(values["start_date"])
        created_at = values["created_at"]
        if created_at is not None and created_at.end_value is None and created_at.initial_value:
            self.start_date = settings.start_of(created_at.initial_value)
        self.settings = settings.sync_settings(
            self.provider, self.name, values, targets, self.start_date
        )
        return self

    def resources(self) -> JobResources:
        """The source's resources."""
        return build_resources(
            self.make_api,
            self.settings,
            self._incremental(),
            self.values["fetch_results"],
            settings.table_format_of(self.values["table_format"]),
        )

    def _incremental(self) -> Any:
        created_at = self.values["created_at"]
        if created_at is not None:
            return created_at
        start: datetime = self.start_date or EPOCH
        return dlt.sources.incremental("created_at", initial_value=start)

    def make_api(
        self, *, watch: Watch | None = None, http: HttpSettings | None = None
    ) -> ProviderApi:
        """The provider's API over a new HTTP client.

        Args:
            watch: Looks on at every request.
            http: Limits in place of the configured ones.
        """
        values, provider = self.values, self.provider
        size = values["page_size"]
        if size < 1:
            raise UsageError(f"page_size is at least 1, not {size!r}")
        own = {name: values[name] for name in own_keys(provider)}
        client = ApiClient(
            self.connection.base_url,
            headers=provider.key_headers(self.connection.api_key, self.connection.base_url, own),
            settings=http or self.connection.http,
            watch=watch,
            secrets=[self.connection.api_key],
            region_hint=provider.key_hint,
            error_form=provider.error_form,
            result_hosts=provider.result_hosts,
            optional=[one.endpoint for one in provider.lists if one.is_optional],
        )
        return provider.api_class()(client, self.settings.policy, size, own)
