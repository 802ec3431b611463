"""The configuration of a source, as dlt resolves it: what all have, and what a provider adds.

It stands under `sources.docjobs.<provider>`. Documentation, the source's signature and the check
for unknown keys come from here.
"""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, Optional, get_args

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from dlt_docjobs.providers.declaration import Provider, Setting
from dlt_docjobs.tables import TABLES

# dlt reads these hints at run time, and takes no `X | None` on Python 3.10
# ruff: noqa: UP045

OF_ONE_CALL: Final = ("reload", "believe_gone", "fetch_results")
"""Keys that one call means; as configuration they would hold for every sync."""


@configspec
class SourceConfiguration(BaseConfiguration):
    """What every source has."""

    api_key: Annotated[Optional[TSecretStrValue], "Key of the account"] = None
    base_url: Annotated[
        Optional[str], "Region, proxy or test server; a host without a scheme means https."
    ] = None
    start_date: Annotated[
        Optional[str],
        "Lower bound of the very first sync; none by default, so that jobs without a date are "
        "found.",
    ] = None
    lag_seconds: Annotated[float, "How far behind the cursor every sync lists again."] = 3600
    page_size: Annotated[int, "Jobs a list page; where the server refuses it, its own default."] = (
        100
    )
    max_jobs_per_package: Annotated[
        int, "Jobs in one load package at most; large results end it earlier."
    ] = 5000
    max_concurrency: Annotated[int, "Requests in flight."] = 16
    max_response_mb: Annotated[
        float, "A larger answer is refused, and the job's result is `failed`."
    ] = 512
    requests_per_second: Annotated[
        Optional[float], "A ceiling; 429 is honoured without it too."
    ] = None
    max_retries: Annotated[int, "Retries of one request."] = 5
    timeout_seconds: Annotated[float, "Time one request may take."] = 60
    include_content: Annotated[bool, "False stores no document text."] = True
    include_names: Annotated[bool, "False stores a hash in place of `document_name`."] = True
    include_ocr: Annotated[bool, "False stores no rows in `segment_ocr`; the counts stay."] = True
    include_table_cells: Annotated[
        bool,
        "True stores a row in `table_cells` for each cell of a table, of results loaded from then "
        "on.",
    ] = False
    job_kinds: Annotated[
        Optional[Any], "Kinds of jobs to load, a list or a text with commas; by default all."
    ] = None
    include_extract: Annotated[bool, "False leaves extract jobs out."] = True
    gone_after_seconds: Annotated[
        float,
        "A 404 for a known job is believed once a later sync, at least so much later, confirms "
        "it; 0 believes the first.",
    ] = 600
    retry_results_days: Annotated[
        float, "How long a result that is missing or unreadable is asked for again."
    ] = 7
    poll_open_days: Annotated[
        float, "Age at which an open job is asked for once more, then left."
    ] = 32
    retention_days: Annotated[
        Optional[float], "How long results stay; by default what the provider says."
    ] = None
    table_format: Annotated[
        Optional[str], "`delta` or `iceberg`, on destinations that keep files; else their own."
    ] = None
    job_ids: Annotated[Optional[Any], "Syncs these jobs only."] = None
    job_ids_file: Annotated[Optional[str], "The same, from a file."] = None
    reload: Annotated[
        Optional[str], "`failed`, `skipped`, `incomplete` or `all`: fetches these results again."
    ] = None
    believe_gone: Annotated[
        bool, "True believes that jobs are gone though many answer 404 at once."
    ] = False
    fetch_results: Annotated[bool, "False requests no results; new ones become `skipped`."] = True


class Key(NamedTuple):
    """A configuration key of a source, or another argument of it."""

    name: str
    hint: Any
    default: Any
    description: str


@cache
def configuration_of(provider: Provider) -> type[SourceConfiguration]:
    """The configuration of a provider's source."""
    common = {field.name for field in fields(SourceConfiguration)}
    hints: dict[str, Any] = {}
    namespace: dict[str, Any] = {"__module__": __name__, "__annotations__": hints}
    for setting in _overridden(provider):
        hint = SourceConfiguration.__annotations__.get(setting.name)
        if setting.name not in common:
            of = setting.type if setting.default is not None else Optional[setting.type]
            hint = Annotated[of, setting.description]
        elif setting.description:
            hint = Annotated[get_args(hint)[0], setting.description]
        hints[setting.name] = hint
        namespace[setting.name] = setting.default
    name = f"{provider.name.title().replace('_', '')}Configuration"
    return configspec(type(name, (SourceConfiguration,), namespace))


def _overridden(provider: Provider) -> Iterator[Setting]:
    variable = provider.key_variables[0]
    yield Setting("api_key", None, f"Key of the account; falls back to `{variable}`.")
    yield Setting("base_url", provider.base_url)
    if provider.unlisted:
        yield Setting(
            "job_ids",
            None,
            "The jobs to follow: an iterable of ids (or of mappings with `job_id` and "
            "`job_kind`), or a dlt resource that yields them.",
        )
        yield Setting("job_ids_file", None, "A file of them: text with an id a line, CSV or JSONL.")
    yield from provider.settings


def own_keys(provider: Provider) -> list[str]:
    """The keys that only this provider has: its API is given what they are set to."""
    common = SourceConfiguration.get_resolvable_fields()
    return [setting.name for setting in provider.settings if setting.name not in common]


def keys_of(provider: Provider) -> list[Key]:
    """Every key of a provider's source, in the order of its documentation."""
    spec = configuration_of(provider)
    keys: list[Key] = []
    for name, hint in spec.get_resolvable_fields().items():
        of, description = get_args(hint)[:2]
        keys.append(Key(name, of, getattr(spec, name), description))
    return keys


def arguments_of(provider: Provider) -> list[Key]:
    """Every argument of a provider's source: its keys, and what only one call can mean."""
    incremental = Optional[dlt.sources.incremental[datetime]]
    window = (
        "A range with an `end_value` is a backfill window: it is loaded and the cursor stays where "
        "it is."
    )
    return [*keys_of(provider), Key("created_at", incremental, None, window)]


def signature_of(provider: Provider) -> inspect.Signature:
    """The signature of a provider's source."""
    return inspect.Signature(
        [
            inspect.Parameter(
                argument.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=argument.default,
                annotation=argument.hint,
            )
            for argument in arguments_of(provider)
        ]
    )


def documentation_of(provider: Provider) -> str:
    """The docstring of a provider's source."""
    kinds = [*provider.kinds]
    shown = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    named = " The user names them: it publishes no list." if not provider.lists else ""
    tables = ", ".join(f"`{name}`" for name in TABLES)
    arguments = "\n".join(f"    {key.name}: {key.description}" for key in arguments_of(provider))
    return f"""Jobs of {provider.title}: {shown}.{named}

Args:
{arguments}

Returns:
    The resources {tables}.

Raises:
    UsageError: A setting is missing or makes no sense.
"""
