"""The `@dlt.source` of each provider, made from its declaration."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any

import dlt
from dlt.extract.reference import SourceFactory
from dlt.extract.source import DltSource

from dlt_docjobs.http import ApiClient, ErrorForm
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
        return ResolvedSource(declared, values).resources()

    make.__name__ = make.__qualname__ = name
    make.__doc__ = documentation_of(declared)
    make.__signature__ = signature_of(declared)  # type: ignore[attr-defined]
    made: SourceFactory[Any, DltSource] = dlt.source(
        make,
        name=name,
        section=settings.SECTION,
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
    captured: list[ResolvedSource] = []
    token = _captured.set(captured)
    try:
        make_source()
    finally:
        _captured.reset(token)
    return captured[0]


class ResolvedSource:
    """The arguments of one source, checked when the source is made: no request is sent.

    Args:
        provider: What the provider declares of itself.
        values: The source function's arguments by name.
    """

    def __init__(self, provider: Provider, values: dict[str, Any]) -> None:
        install_defaults()
        self.provider = provider
        self.name = dlt.current.source_schema().name
        self.values = values
        settings.refuse_unknown_keys(self.name, values)
        http = settings.http_settings(values)
        key, url = values["api_key"], values["base_url"]
        self.connection = settings.connection(provider, self.name, key, url, http)
        targets = targets_of(values["job_ids"], values["job_ids_file"])
        self.start_date = settings.start_of(values["start_date"])
        # not configured, so dlt leaves it out where the caller does
        created_at = values.setdefault("created_at", None)
        if created_at is not None and created_at.end_value is None and created_at.initial_value:
            self.start_date = settings.start_of(created_at.initial_value)
        self.settings = settings.sync_settings(
            provider, self.name, values, targets, self.start_date
        )

    def resources(self) -> JobResources:
        """The source's resources."""
        captured = _captured.get()
        if captured is not None:
            captured.append(self)
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

    def make_api(self) -> ProviderApi:
        """The provider's API over a new HTTP client."""
        values, provider = self.values, self.provider
        size = values["page_size"]
        if size < 1:
            raise UsageError(f"page_size is at least 1, not {size!r}")
        own = {name: values[name] for name in own_keys(provider)}
        client = ApiClient(
            self.connection.base_url,
            headers=provider.key_headers(self.connection.api_key, self.connection.base_url, own),
            settings=self.connection.http,
            region_hint=provider.key_hint,
            error_form=ErrorForm(provider.error_keys, provider.error_text),
            result_hosts=provider.result_hosts,
        )
        return provider.api_class()(client, self.settings.policy, size, own)
