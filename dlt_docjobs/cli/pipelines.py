"""Which accounts a command is about, and the pipelines and destinations that go with them."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import dlt
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.impl.duckdb.exceptions import InvalidInMemoryDuckdbCredentials
from dlt.extract.reference import SourceFactory
from dlt.extract.source import DltSource
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.cli.arguments import suggest
from dlt_docjobs.model.vocabulary import PROVIDERS, Provider
from dlt_docjobs.sources import contextual, llamacloud, unsiloed
from dlt_docjobs.sources.config import KEY_VARIABLES, SECTION, account_of, find_key
from dlt_docjobs.sync.destinations import install_defaults
from dlt_docjobs.sync.outcomes import UsageError

_SOURCES: Final[dict[Provider, SourceFactory[Any, DltSource]]] = {
    "llamacloud": llamacloud,
    "contextual": contextual,
    "unsiloed": unsiloed,
}
_DUCKDB_FILE: Final = "warehouse.duckdb"
_MEMORY_LIMIT: Final = "512MB"
_MEMORY_SETTING: Final = re.compile(r"\s*(memory_limit|max_memory)\b", re.IGNORECASE)


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

    @property
    def working_dir(self) -> Path:
        """Where the pipeline works, whether it has done so yet or not."""
        return Path(dlt.current.run_context().get_data_entity("pipelines")) / self.pipeline_name

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
        if self.name != "default":
            # the usual variable's key is the default account's
            return bool(configured)
        return bool(find_key(self.provider, configured))


def parse_account(text: str) -> Account:
    """Reads `PROVIDER[:ACCOUNT]`.

    Raises:
        UsageError: There is no such provider.
    """
    provider, _, name = text.partition(":")
    if provider not in PROVIDERS:
        names = f"{', '.join(PROVIDERS[:-1])} or {PROVIDERS[-1]}"
        raise UsageError(
            f"unknown provider {provider!r}: it is {names}{suggest(provider, PROVIDERS)}"
        )
    known: Provider = next(one for one in PROVIDERS if one == provider)
    return Account(known, account_of(known, f"{provider}_{name}") if name else "default")


def chosen_accounts(texts: list[str]) -> list[Account]:
    """The accounts named, or every provider with a key.

    Raises:
        UsageError: None is named and no key is configured.
    """
    install_defaults()
    if texts:
        return list(dict.fromkeys(parse_account(text) for text in texts))
    found = [account for account in configured_accounts() if account.has_key()]
    if not found:
        variables = ", ".join(names[0] for names in KEY_VARIABLES.values())
        raise UsageError(
            f"no API key is configured: set one of {variables}, or api_key under "
            "[sources.docjobs.PROVIDER] in .dlt/secrets.toml; `docjobs demo` needs none"
        )
    return found


def configured_accounts() -> list[Account]:
    """Every provider, and behind each the accounts that have a section of their own."""
    sections: set[str] = set()
    for source in dlt.config.config_providers:
        value, _ = source.get_value(SECTION, dict, "", "sources")
        sections.update(value or {})
    prefix = f"SOURCES__{SECTION}__".upper()
    for variable in os.environ:
        if variable.startswith(prefix):
            sections.add(variable.removeprefix(prefix).split("__")[0].lower())
    found: list[Account] = []
    for provider in PROVIDERS:
        found.append(Account(provider))
        names = (name.partition("_") for name in sorted(sections))
        found += [Account(provider, name) for of, _, name in names if of == provider and name]
    return found


def make_destination(name: str, dataset: str) -> AnyDestination:
    """The destination of a command.

    DuckDB gets its file (`warehouse.duckdb` unless configured) and a memory limit, since its own
    default is most of the machine.

    Raises:
        UsageError: There is no such destination, the dataset's name is none, or a DuckDB file
            bears it.
    """
    normalised = NamingConvention().normalize_identifier(dataset) if dataset else "docjobs"
    if normalised != dataset:
        raise UsageError(
            f"--dataset is lower-case letters, digits and _: {normalised}, say, not {dataset!r}"
        )
    try:
        destination = Destination.from_reference(name)
    except UnknownDestinationModule:
        raise UsageError(
            f"there is no destination {name!r}: it is one of dlt's, such as duckdb, postgres or "
            f"snowflake, or one whose [destination.NAME] has a destination_type"
            f"{suggest(name, dlt.destinations.__all__)}"
        ) from None
    if not isinstance(destination, dlt.destinations.duckdb):
        return cast(AnyDestination, destination)
    credentials = _duckdb_credentials(destination)
    _refuse_ambiguous_name(credentials.database, dataset)
    return cast(
        AnyDestination,
        dlt.destinations.duckdb(credentials, destination_name=destination.configured_name),
    )


def is_missing(destination: AnyDestination) -> bool:
    """Whether it is a DuckDB file that is not there: to look into it would make an empty one."""
    if not isinstance(destination, dlt.destinations.duckdb):
        return False
    file = destination.config_params["credentials"].database
    return not (Path(dlt.current.run_context().local_dir) / file).exists()


def _duckdb_credentials(destination: dlt.destinations.duckdb) -> DuckDbCredentials:
    """What is configured for DuckDB, in whatever form, completed."""
    sections = ("destination", destination.destination_name, "credentials")
    try:
        credentials = resolve_configuration(
            DuckDbCredentials(), sections=sections, accept_partial=True
        )
    except InvalidInMemoryDuckdbCredentials:
        raise UsageError(
            "what DuckDB holds in memory is gone when the command ends: name a file"
        ) from None
    if credentials.database and credentials.database.startswith("{"):
        # dlt takes a table in an environment variable for a file's name
        table = json.loads(credentials.database)
        credentials = DuckDbCredentials()
        credentials.update(table)
    if credentials.database == ":pipeline:":
        raise UsageError(
            "the providers share a dataset, so DuckDB's file can't be `:pipeline:`, one for each: "
            "name a file"
        )
    credentials.database = credentials.database or _DUCKDB_FILE
    settings = credentials.global_config or {}
    own = [*settings, *(credentials.local_config or {}), *(credentials.pragmas or [])]
    if not any(_MEMORY_SETTING.match(setting) for setting in own):
        credentials.global_config = {**settings, "memory_limit": _MEMORY_LIMIT}
    return credentials


def _refuse_ambiguous_name(file: str, dataset: str) -> None:
    # DuckDB's name for a database: its file's, up to the first dot behind a leading one
    catalog = Path(file).name.lstrip(".").split(".")[0]
    if catalog.lower() == dataset.lower():
        raise UsageError(
            f"the DuckDB file {file} bears the dataset's name, {dataset}: DuckDB then can't tell "
            "the two apart; rename the file, or choose another --dataset"
        )


_NAMES: Final = re.compile(r"`[^`]*`|\"[^\"]*\"")


class _News(logging.Filter):
    """Lets each of dlt's warnings through once: it repeats some for every table and package."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record says something new."""
        message = _NAMES.sub("…", record.getMessage())
        # another --destination than the last time is what the user asked for, and is seen to
        if "in state differs from destination" in message:
            return False
        is_new = record.levelno != logging.WARNING or message not in self._seen
        self._seen.add(message)
        return is_new


_news: Final = _News()


def make_pipeline(
    account: Account, destination: str, dataset: str, progress: Any = None
) -> Pipeline:
    """The account's pipeline."""
    install_defaults()
    logging.getLogger("dlt").addFilter(_news)
    options: dict[str, Any] = {"progress": progress} if progress is not None else {}
    pipeline: Pipeline = dlt.pipeline(
        account.pipeline_name,
        destination=make_destination(destination, dataset),
        dataset_name=dataset,
        **options,
    )
    return pipeline
