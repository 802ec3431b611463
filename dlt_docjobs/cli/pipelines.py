"""Which accounts a command is about, and the pipelines and destinations that go with them."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import dlt
from dlt.common.destination import AnyDestination
from dlt.extract.source import DltSource, SourceFactory
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.model.vocabulary import PROVIDERS, Provider
from dlt_docjobs.sources import contextual, llamacloud, unsiloed
from dlt_docjobs.sources.config import KEY_VARIABLES, SECTION, account_of, find_key
from dlt_docjobs.sync.destinations import install_defaults
from dlt_docjobs.sync.settings import UsageError

_SOURCES: Final[dict[Provider, SourceFactory[Any, DltSource]]] = {
    "llamacloud": llamacloud,
    "contextual": contextual,
    "unsiloed": unsiloed,
}
_DUCKDB_FILE: Final = "warehouse.duckdb"
_MEMORY_LIMIT: Final = "1GB"


class Account(NamedTuple):
    """One account of one provider: `llamacloud`, or `llamacloud:eu`."""

    provider: Provider
    name: str = "default"

    @property
    def source_name(self) -> str:
        """Name of the source, of its configuration section and of its schema."""
        return self.provider if self.name == "default" else f"{self.provider}_{self.name}"

    @property
    def pipeline_name(self) -> str:
        """Name of the pipeline, which holds the cursor."""
        return f"docjobs_{self.source_name}"

    def __str__(self) -> str:
        """As on the command line."""
        return self.provider if self.name == "default" else f"{self.provider}:{self.name}"

    def source(self, **arguments: Any) -> DltSource:
        """The source, with configuration from the account's own section."""
        factory = _SOURCES[self.provider]
        if self.name != "default":
            factory = factory.clone(name=self.source_name)
        return factory(**arguments)

    def has_key(self) -> bool:
        """Whether a key is configured."""
        configured = dlt.secrets.get(f"sources.{SECTION}.{self.source_name}.api_key", str)
        return bool(find_key(self.provider, configured))


def parse_account(text: str) -> Account:
    """Reads `PROVIDER[:ACCOUNT]`.

    Raises:
        UsageError: There is no such provider.
    """
    provider, _, name = text.partition(":")
    if provider not in PROVIDERS:
        close = difflib.get_close_matches(provider, PROVIDERS, 1, 0.5)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"unknown provider {provider!r}: {', '.join(PROVIDERS)}{hint}")
    known = cast(Provider, provider)
    return Account(known, account_of(known, f"{provider}_{name}") if name else "default")


def chosen_accounts(texts: list[str]) -> list[Account]:
    """The accounts named, or every provider with a key.

    Raises:
        UsageError: None is named and no key is configured.
    """
    install_defaults()
    if texts:
        return list(dict.fromkeys(parse_account(text) for text in texts))
    found = [Account(provider) for provider in PROVIDERS if Account(provider).has_key()]
    if not found:
        variables = ", ".join(names[0] for names in KEY_VARIABLES.values())
        raise UsageError(
            f"no API key is configured: set one of {variables}, or api_key under "
            "[sources.docjobs.PROVIDER] in .dlt/secrets.toml; `docjobs demo` needs none"
        )
    return found


def make_destination(name: str, dataset: str) -> AnyDestination:
    """The destination of a command.

    DuckDB gets its file (`warehouse.duckdb` unless configured) and a memory limit, since its own
    default is most of the machine (PERF_NOTES 5).

    Raises:
        UsageError: The DuckDB file bears the dataset's name.
    """
    if name != "duckdb":
        return dlt.destinations.__dict__[name]() if name in dlt.destinations.__dict__ else _named(name)
    configured = dlt.secrets.get("destination.duckdb.credentials")
    if configured is not None and not isinstance(configured, str):
        return dlt.destinations.duckdb()
    path = configured or os.environ.get("DESTINATION__DUCKDB__CREDENTIALS") or _DUCKDB_FILE
    file = path.removeprefix("duckdb:///").split("?")[0]
    if Path(file).stem.lower() == dataset.lower():
        raise UsageError(
            f"the DuckDB file {file} bears the dataset's name, {dataset}: DuckDB then can't tell "
            "the two apart; rename the file, or choose another --dataset"
        )
    if path.startswith(("md:", ":memory:")):
        return dlt.destinations.duckdb()
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(path)
    limit = dlt.config.get("destination.duckdb.memory_limit", str) or _MEMORY_LIMIT
    credentials.global_config = {"memory_limit": limit}
    return dlt.destinations.duckdb(credentials)


def _named(name: str) -> AnyDestination:
    from dlt.common.destination.reference import Destination

    return Destination.from_reference(name)


def make_pipeline(
    account: Account, destination: str, dataset: str, progress: Any = None
) -> Pipeline:
    """The account's pipeline."""
    install_defaults()
    options: dict[str, Any] = {"progress": progress} if progress is not None else {}
    return dlt.pipeline(
        account.pipeline_name,
        destination=make_destination(destination, dataset),
        dataset_name=dataset,
        **options,
    )
