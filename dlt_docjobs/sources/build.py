"""From a source function's arguments to its resources."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import dlt
from dlt.extract.resource import DltResource

from dlt_docjobs.http import ApiClient
from dlt_docjobs.loading.resources import EPOCH, build_resources
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sources import config
from dlt_docjobs.warehouse.connection import install_defaults

_captured: ContextVar[list[SourceConfig] | None] = ContextVar("docjobs_captured", default=None)


def resolved_config(make_source: Callable[[], Any]) -> SourceConfig:
    """The checked configuration of a source, for those who want no resources.

    Args:
        make_source: Calls the source function, so that dlt resolves its arguments.
    """
    captured: list[SourceConfig] = []
    token = _captured.set(captured)
    try:
        make_source()
    finally:
        _captured.reset(token)
    return captured[0]


class SourceConfig:
    """The arguments of one source, checked when the source is made: no request is sent.

    Args:
        api: The provider's API.
        values: The source function's arguments by name.
    """

    def __init__(self, api: type[ProviderApi], values: dict[str, Any]) -> None:
        install_defaults()
        self._api = api
        self.provider = provider = api.provider
        self.name = dlt.current.source_schema().name
        self.values = values
        config.refuse_unknown_keys(self.name, values)
        http = config.http_settings(values)
        key, url = values["api_key"], values["base_url"]
        self.connection = config.connection(provider, self.name, key, url, http)
        targets = config.targets_of(values["job_ids"], values["job_ids_file"])
        self.start_date = config.start_of(values["start_date"])
        created_at = values["created_at"]
        if created_at is not None and created_at.end_value is None and created_at.initial_value:
            self.start_date = config.start_of(created_at.initial_value)
        self.settings = config.sync_settings(provider, self.name, values, targets, self.start_date)

    def resources(self) -> list[DltResource]:
        """The source's resources."""
        captured = _captured.get()
        if captured is not None:
            captured.append(self)
        return build_resources(
            self.make_api,
            self.settings,
            self._incremental(),
            self.values["fetch_results"],
            config.table_format_of(self.values["table_format"]),
        )

    def _incremental(self) -> Any:
        created_at = self.values["created_at"]
        if created_at is not None:
            return created_at
        start: datetime = self.start_date or EPOCH
        return dlt.sources.incremental("created_at", initial_value=start)

    def make_api(self) -> ProviderApi:
        """The provider's API over a new HTTP client."""
        values, policy = self.values, self.settings.policy
        size = values["page_size"]
        if size < 1:
            raise UsageError(f"page_size is at least 1, not {size!r}")
        # scopes of LlamaCloud, whose other two have none
        scope = {name: values[name] for name in ("project_id", "organization_id") if name in values}
        return self._api(self._client(self._headers()), policy, size, **scope)

    def _headers(self) -> dict[str, str]:
        header = self.values.get("auth_header", "authorization")
        return (
            self._bearer()
            if header.lower() == "authorization"
            else {header: self.connection.api_key}
        )

    def _bearer(self) -> dict[str, str]:
        key = self.connection.api_key
        if self.provider == "contextual" and "snowflakecomputing.app" in self.connection.base_url:
            # Contextual inside Snowflake (PROVIDERS 2.1)
            return {"Authorization": f'Snowflake Token="{key}"'}
        return {"Authorization": f"Bearer {key}"}

    def _client(self, headers: dict[str, str]) -> ApiClient:
        return ApiClient(
            self.connection.base_url,
            headers=headers,
            settings=self.connection.http,
            region_hint=self._api.region_hint,
        )
