"""Which accounts a command is about, and the pipelines that go with them."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import dlt
from dlt.extract.reference import SourceFactory
from dlt.extract.source import DltSource
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.locks.local import free_directory
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.suggestions import suggest
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.registry import provider, provider_names, providers, split_name
from dlt_docjobs.sources.names import SECTION, refuse_unknown_names
from dlt_docjobs.sources.origins import Found, configured_key, usual_key
from dlt_docjobs.sources.settings import account_of
from dlt_docjobs.sources.source import factory
from dlt_docjobs.warehouse.accounts import Naming
from dlt_docjobs.warehouse.connection import install_defaults


class Account(NamedTuple):
    """One account of one provider: `PROVIDER`, or `PROVIDER:ACCOUNT`."""

    provider: str
    name: str = "default"

    @property
    def declared(self) -> Provider:
        """What the provider declares of itself."""
        return provider(self.provider)

    @property
    def source_name(self) -> str:
        """Name of the source, of its configuration section and of its schema."""
        return self.provider if self.name == "default" else f"{self.provider}_{self.name}"

    @property
    def pipeline_name(self) -> str:
        """Name of the pipeline, which holds the cursor."""
        return f"docjobs_{self.source_name}"

    @property
    def naming(self) -> Naming:
        """All its names."""
        return Naming(self.name, self.source_name, self.pipeline_name)

    @property
    def working_dir(self) -> Path:
        """Where the pipeline works, whether it has done so yet or not."""
        return Path(dlt.current.run_context().get_data_entity("pipelines")) / self.pipeline_name

    def __str__(self) -> str:
        """As on the command line."""
        return self.provider if self.name == "default" else f"{self.provider}:{self.name}"

    def source(self, **arguments: Any) -> DltSource:
        """The source, with configuration from the account's own section."""
        make: SourceFactory[Any, DltSource] = factory(self.provider)
        if self.name != "default":
            make = make.clone(name=self.source_name)
        return make(**arguments)

    def key(self) -> Found | None:
        """The key that its requests would carry, if nobody gives another."""
        return configured_key(self.source_name) or usual_key(self.declared, self.source_name)

    def unused_keys(self) -> list[Found]:
        """Other keys of the account that are set, and come behind that one."""
        in_force = self.key()
        usual = usual_key(self.declared, self.source_name)
        is_other = in_force is not None and usual is not None and usual.value != in_force.value
        return [usual] if usual is not None and is_other else []


def parse_account(text: str) -> Account:
    """Reads `PROVIDER[:ACCOUNT]`.

    Raises:
        UsageError: There is no such provider.
    """
    of, _, name = text.partition(":")
    known = provider(of).name
    return Account(known, account_of(known, f"{known}_{name}") if name else "default")


def chosen_accounts(texts: list[str], *, needs_key: bool = True) -> list[Account]:
    """The accounts named, or every provider with a key.

    Args:
        texts: The names, as `parse_account` reads them.
        needs_key: Whether it is an error that no key is configured at all.

    Raises:
        UsageError: None is named and no key is configured, one is named of which nothing is, or
            the configuration has names that nobody reads.
    """
    install_defaults()
    refuse_unknown_names()
    known = configured_accounts()
    if texts:
        named = list(dict.fromkeys(parse_account(text) for text in texts))
        for account in named:
            if account not in known:
                # the usual variable's key would load the default account's jobs under this name
                raise UsageError(
                    f"nothing is configured for {account}: put its key under "
                    f"[sources.{SECTION}.{account.source_name}] in .dlt/secrets.toml"
                    f"{suggest(str(account), map(str, known))}"
                )
        return named
    found = [account for account in known if account.key() is not None]
    if not found and needs_key:
        variables = ", ".join(one.key_variables[0] for one in providers().values())
        raise UsageError(
            f"no API key is configured: set one of {variables}, or api_key under "
            "[sources.docjobs.PROVIDER] in .dlt/secrets.toml; `docjobs demo` needs none"
        )
    return found


def left_out() -> list[Account]:
    """What is not synced where nobody is named, for want of a key."""
    return [account for account in configured_accounts() if account.key() is None]


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
    found = {Account(name) for name in provider_names()}
    found.update(Account(*parts) for name in sections if (parts := split_name(name)) is not None)
    return sorted(found, key=lambda one: (one.provider, one.name != "default", one.name))


_NAMES: Final = re.compile(r"`[^`]*`|\"[^\"]*\"")


class _News(logging.Filter):
    """Lets each of dlt's warnings through once: it repeats some for every table and package."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record says something new."""
        if dlt_internals.warns_of_another_destination(record):
            return False
        message = _NAMES.sub("…", record.getMessage())
        is_new = record.levelno != logging.WARNING or message not in self._seen
        self._seen.add(message)
        return is_new


_news: Final = _News()


def make_pipeline(
    account: Account, destination: str, dataset: str, progress: Any = None
) -> Pipeline:
    """The account's pipeline, in its usual directory, or beside another warehouse's sync."""
    install_defaults()
    logging.getLogger(dlt_internals.LOGGER).addFilter(_news)
    options: dict[str, Any] = {"progress": progress} if progress is not None else {}

    def made() -> Pipeline:
        pipeline: Pipeline = dlt.pipeline(
            account.pipeline_name,
            destination=make_destination(destination, dataset),
            dataset_name=dataset,
            **options,
        )
        return pipeline

    pipeline = made()
    if (folder := free_directory(pipeline)) is not None:
        options["pipelines_dir"] = str(folder)
        pipeline = made()
    return pipeline
