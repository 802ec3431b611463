"""The one door to what dlt does not publish.

dlt documents pipelines, sources, destinations, configuration and `dlt.current`. What the connector
needs beyond that is here, one small function each, and nowhere else in the package: methods with
an underscore, classes of `dlt.common` that no page documents, texts of log messages. Any release of
dlt may change it. Each docstring says what the function is needed for and what to look at when it
breaks; all of it is in dlt 1.31.0. `tests/loading/test_dlt_internals.py` runs each function against
the installed dlt, in a test that bears the function's name.

Public types (`Pipeline`, `SqlClientBase`, exceptions) are imported where they are used.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

import dlt
from dlt.common.configuration.exceptions import DuplicateConfigProviderException
from dlt.common.configuration.inject import get_fun_last_config
from dlt.common.configuration.providers.doc import BaseDocProvider, CustomLoaderDocProvider
from dlt.common.configuration.specs.base_configuration import is_secret_hint
from dlt.common.configuration.utils import ResolvedValueTrace, get_resolved_traces
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.client import WithStagingDataset
from dlt.common.json import json
from dlt.common.runtime.anon_tracker import disable_anon_tracker
from dlt.common.runtime.run_context import switch_context
from dlt.common.schema import Schema
from dlt.common.storages.load_package import (
    PackageStorage,
    ParsedLoadJobFileName,
    TPackageJobState,
)
from dlt.common.versioned_state import (
    bump_state_version_if_modified,
    compress_state,
    decompress_state,
)
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline

LOGGER: Final = "dlt"
"""Name of dlt's logger."""

# -- configuration ------------------------------------------------------------------------------


# names of the providers that `register_defaults` has made
_ours: Final[set[str]] = set()


class _Defaults(CustomLoaderDocProvider):
    """A few values: of the hundreds that dlt asks for, most need no search."""

    def __init__(
        self, name: str, values: dict[str, Any], for_now: Callable[[str], Any | None]
    ) -> None:
        self._own_keys = frozenset(_leaves(values))
        self._for_now = for_now
        # of a provider that may hold secrets, dlt does not ask with each value whether it may
        super().__init__(name, lambda: values, supports_secrets=True, locations=[])

    def get_value(
        self, key: str, hint: type[Any], pipeline_name: Any, *sections: str
    ) -> tuple[Any | None, str]:
        """The value under a key in sections, and what dlt calls that key."""
        value = self._for_now(key)
        if value is not None:
            return value, key
        if key not in self._own_keys:
            return None, key
        return super().get_value(key, hint, pipeline_name, *sections)


def _leaves(values: Mapping[str, Any]) -> Iterable[str]:
    """The keys of single values: a section is never asked for as a whole."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield key


def register_defaults(
    name: str, values: dict[str, Any], for_now: Callable[[str], Any | None]
) -> bool:
    """Puts values behind every other place that dlt looks for configuration in.

    Needed because dlt has no public way to change the default of a setting for a process.
    `dlt.config.register_provider` is public; the class of the provider and `reset_config`, without
    which dlt keeps what it has read before, are not.

    If it breaks: `dlt/common/configuration/providers/doc.py` and `RunContextBase.reset_config` in
    `dlt/common/configuration/specs/pluggable_run_context.py`.

    Args:
        name: The provider's name; of two with the same name the first one stays.
        values: The defaults by section and key.
        for_now: Given a key, a value that comes before the defaults, or None.

    Returns:
        False where they are registered already.
    """
    _ours.add(name)
    try:
        dlt.config.register_provider(_Defaults(name, values, for_now))
    except DuplicateConfigProviderException:
        return False
    dlt.current.run_context().reset_config()
    return True


class Place(NamedTuple):
    """Where dlt found a value.

    Attributes:
        provider: dlt's name of what holds it: `Environment Variables`, `secrets.toml` and so on.
        sections: The sections that it stands under.
        file: The file, where it is one.
    """

    provider: str
    sections: tuple[str, ...]
    file: str


def places_of(function: Callable[..., Any]) -> dict[str, Place]:
    """Where the configured values of a source function's running call were found, by their names.

    What the caller gave, and what is left at its default, stands in none.

    Needed because dlt looks for a value of a source in places that are no place for one of ours (a
    variable `API_KEY`, say), and hands it in without a word of where it was.

    If it breaks: `set_fun_last_config` in `dlt/common/configuration/inject.py` and `log_traces` in
    `dlt/common/configuration/utils.py`.
    """
    config = get_fun_last_config(function)
    return {
        trace.key: _place(trace)
        for trace in get_resolved_traces().resolved_traces
        if trace.config is config
    }


def _place(trace: ResolvedValueTrace) -> Place:
    file = str(trace.provider_location or "")
    return Place(str(trace.provider_name), tuple(trace.sections), file)


class ResolvedValue(NamedTuple):
    """A value that dlt found in its configuration.

    Attributes:
        key: Its name.
        value: The value.
        is_secret: Whether dlt takes it for a secret.
        place: Where it stands.
    """

    key: str
    value: Any
    is_secret: bool
    place: Place


def resolved_values(destination: Destination[Any, Any]) -> list[ResolvedValue]:
    """What is configured for a destination.

    Needed because dlt resolves a destination's configuration, but keeps to itself where it found
    what.

    If it breaks: `log_traces` in `dlt/common/configuration/utils.py`.
    """
    traces = get_resolved_traces().resolved_traces
    before = len(traces)
    destination.configuration(destination.spec(), accept_partial=True)
    return [
        ResolvedValue(trace.key, trace.value, is_secret_hint(trace.hint), _place(trace))
        for trace in traces[before:]
        if trace.provider_name not in _ours
    ]


def configuration_files() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What dlt has read from each of its configuration files, by the provider's name.

    Needed because dlt only answers for a name that one asks for; which names there are, and that
    one of them is misspelt, it does not tell.

    If it breaks: `BaseDocProvider` in `dlt/common/configuration/providers/doc.py`.
    """
    for provider in dlt.config.config_providers:
        if isinstance(provider, BaseDocProvider) and not isinstance(provider, _Defaults):
            yield provider.name, provider._config_doc


def stop_telemetry() -> None:
    """Ends dlt's telemetry in this process.

    Needed because dlt starts it when it is imported, which is before any default of ours can say
    otherwise.

    If it breaks: `dlt/common/runtime/anon_tracker.py`, and `dlt/common/runtime/init.py`, which
    starts it.
    """
    disable_anon_tracker()


def switch_folder(folder: str) -> None:
    """Lets dlt take another folder for the project: its configuration, its working directories.

    Needed by `docjobs demo`, which must not read the configuration of the folder that it is run in,
    and by tests that run commands in a folder of their own.

    If it breaks: `switch_context` in `dlt/common/runtime/run_context.py`.
    """
    switch_context(folder)


# -- messages -----------------------------------------------------------------------------------


def warns_of_text_for_json(record: logging.LogRecord) -> bool:
    """Whether a record of dlt's log says that a JSON column arrives as text in Arrow.

    Needed because that is how JSON is meant to arrive, and the warning comes with every batch.

    If it breaks: `ArrowExtractor` in `dlt/extract/extractors.py`.
    """
    return "several column hints were different" in str(record.msg)


def warns_of_another_destination(record: logging.LogRecord) -> bool:
    """Whether a record of dlt's log says that the pipeline had another destination before.

    Needed because that is what `--destination` asks for, and what lies in the working directory is
    compared with the destination before each run.

    If it breaks: `_state_to_props` in `dlt/pipeline/pipeline.py`.
    """
    return "in state differs from destination" in record.getMessage()


def quiet_merges() -> None:
    """Drops a warning of SQLAlchemy's about the statements that dlt merges with.

    Needed because they are dlt's, and right: the warning is of how dlt has them written.

    If it breaks: `gen_merge_sql` in `dlt/destinations/impl/sqlalchemy/merge_job.py`.
    """
    warnings.filterwarnings("ignore", "implicitly coercing SELECT object to scalar subquery")


# -- destinations -------------------------------------------------------------------------------

# copies that `use_own_destination` has made: for which pipeline, and of what
_copies: Final[WeakKeyDictionary[AnyDestination, tuple[str, AnyDestination]]] = WeakKeyDictionary()


def use_own_destination(
    pipeline: Pipeline,
    config: Mapping[str, Any],
    capabilities: Callable[[AnyDestination], Mapping[str, Any]],
) -> None:
    """Gives a pipeline a copy of its destination, with settings of its own.

    Needed because two of our settings go with a pipeline, and dlt keeps them in the destination,
    which is the user's and may serve several pipelines. Configuration is no way: capabilities are
    not resolved from it at all. `staging_dataset_name_layout` is, and may stand below a pipeline's
    name, but a client that is made where dlt has not noted the pipeline's name would be given
    another staging dataset than the load, and rows would be removed from the wrong one. Setting
    `Pipeline.destination` is public; what a destination keeps its arguments in is not.

    If it breaks: `Destination.__init__`, `capabilities` and `configuration` in
    `dlt/common/destination/reference.py`.

    Args:
        pipeline: A pipeline; without a destination nothing is done.
        config: Fields of the destination's configuration, where the user has set none.
        capabilities: Given the destination, the same of its capabilities.
    """
    destination = pipeline.destination
    if destination is None:
        return
    made_for, original = _copies.get(destination, ("", destination))
    if made_for == pipeline.pipeline_name:
        return
    own = copy.copy(original)
    own.config_params = {**config, **original.config_params}
    own.caps_params = {**capabilities(original), **original.caps_params}
    _copies[own] = (pipeline.pipeline_name, original)
    pipeline.destination = own


@contextmanager
def resolved_once(pipeline: Pipeline) -> Iterator[None]:
    """Lets a destination resolve what its capabilities depend on once while a block runs.

    Needed because dlt asks for a destination's capabilities some fifteen times a run, and searches
    every place of configuration for each field of the destination with each of them: a third of the
    time of a sync that has nothing to load. Where connections are made, all is resolved as ever.

    If it breaks: `Destination.capabilities` in `dlt/common/destination/reference.py`; it alone
    resolves partially with credentials at hand.

    Args:
        pipeline: A pipeline that `use_own_destination` was called with.
    """
    destination = pipeline.destination
    if destination is None:
        yield
        return
    resolve = destination.configuration
    kept: list[Any] = []

    def configuration(initial_config: Any, accept_partial: bool = False) -> Any:
        if not accept_partial or initial_config is None or initial_config.credentials is None:
            return resolve(initial_config, accept_partial=accept_partial)
        if not kept:
            kept.append(resolve(initial_config, accept_partial=True))
        return kept[0]

    vars(destination)["configuration"] = configuration
    try:
        yield
    finally:
        vars(destination).pop("configuration", None)


def given_credentials(destination: Destination[Any, Any]) -> Any:
    """The credentials that a destination was made with; None where dlt looks for them itself.

    Needed because DuckDB's memory limit is lifted while a run goes on, and dlt reads it from this
    object for each step.

    If it breaks: `config_params` in `dlt/common/destination/reference.py`.
    """
    return destination.config_params.get("credentials")


def update_tables(
    pipeline: Pipeline, schema: Schema, tables: Iterable[str], staging_tables: Iterable[str] = ()
) -> None:
    """Creates tables of a schema in the destination, or adds the columns that they lack.

    dlt's `update_stored_schema` does it, in the destination's own words, and notes the schema in
    `_dlt_version`. Needed is `_get_destination_clients`: the public `destination_client` only
    takes schemas that are part of the pipeline, and would load them with it.

    If it breaks: `_get_destination_clients` in `dlt/pipeline/pipeline.py`, `update_stored_schema`
    in `dlt/destinations/job_client_impl.py`.

    Args:
        pipeline: A pipeline whose destination speaks SQL.
        schema: Describes the tables; its own name is noted.
        tables: Which of them, in the dataset, which is there.
        staging_tables: Which of them in the staging dataset, which is there if one is named.
    """
    # a schema counts as changed until it was stored once
    schema = Schema.from_dict(schema.to_dict())  # type: ignore[arg-type]
    with pipeline._get_destination_clients(schema)[0] as client:
        assert isinstance(client, SqlJobClientBase)
        if staging_tables:
            assert isinstance(client, WithStagingDataset)
            with client.with_staging_dataset():
                _update_tables(client, staging_tables)
        if tables:
            _update_tables(client, tables)


def _update_tables(client: SqlJobClientBase, tables: Iterable[str]) -> None:
    # forced: that the schema is noted says nothing about tables that were removed since
    client.update_stored_schema([*tables, client.schema.version_table_name], force=True)


def stored_schema(pipeline: Pipeline, name: str) -> Schema | None:
    """The newest schema of a name that loads have noted in the destination; None where none has.

    Needed because dlt believes every table of it to be there. `get_stored_schema` of a job client
    is public, and needs a client, which `destination_client` only gives for schemas that the
    working directory has.

    If it breaks: `_get_schemas_from_destination` in `dlt/pipeline/pipeline.py`, which goes the same
    way.

    Args:
        pipeline: A pipeline whose destination speaks SQL.
        name: The schema's name.
    """
    with pipeline._get_destination_clients(Schema(name))[0] as client:
        assert isinstance(client, SqlJobClientBase)
        stored = client.get_stored_schema(name)
    return Schema.from_dict(json.loads(stored.schema)) if stored is not None else None


def information_schema(
    client: SqlClientBase[Any],
    what: Literal["TABLES", "COLUMNS"],
    column: str,
    names: Sequence[str],
) -> list[tuple[str, str]]:
    """Reads one column of the information schema about some tables and views.

    Needed because only dlt knows how each destination folds names and where it keeps that schema.
    `get_storage_tables` of a job client is public, but tells no kinds, and needs a schema.

    If it breaks: `get_storage_tables` in `dlt/destinations/job_client_impl.py`, which goes the same
    way.

    Args:
        client: A connection to the dataset.
        what: Which table of the information schema.
        column: Which column of that.
        names: The tables and views, as this package names them.

    Returns:
        A name and a value for each row about one of them.
    """
    if client.capabilities.sqlglot_dialect == "sqlite":
        return _sqlite_schema(client, what, names)
    catalog, schema, folded = client._get_information_schema_components(*names)
    marks = ", ".join(["%s"] * len(folded))
    query = (
        f"SELECT table_name, {column} FROM {client._qualify_info_schema_table_name(what)} WHERE "
    )
    values: list[str] = []
    if catalog is not None:
        query += "table_catalog = %s AND "
        values.append(catalog)
    query += f"table_schema = %s AND table_name IN ({marks})"
    bare = dict(zip(folded, names, strict=True))
    rows = client.execute_sql(query, *values, schema, *folded) or []
    return [(bare[name], value) for name, value in rows]


def _sqlite_schema(
    client: SqlClientBase[Any], what: Literal["TABLES", "COLUMNS"], names: Sequence[str]
) -> list[tuple[str, str]]:
    """What the information schema would say, from the list that SQLite keeps instead."""
    marks = ", ".join(["%s"] * len(names))
    source = f"{client.make_qualified_table_name('sqlite_master')} AS m"
    if what == "TABLES":
        query, values = f"SELECT m.name, m.type FROM {source}", []
    else:
        query = f"SELECT m.name, c.name FROM {source} JOIN pragma_table_info(m.name, %s) AS c"
        values = [str(client.dataset_name)]
    rows = client.execute_sql(f"{query} WHERE m.name IN ({marks})", *values, *names) or []
    return [(name, value) for name, value in rows]


# -- packages that wait -------------------------------------------------------------------------


def drop_pending_packages(pipeline: Pipeline) -> None:
    """Removes all packages that wait to be normalised or loaded.

    Needed because the public `abort_packages` leaves a record in the destination, and takes the
    next `run` to end.

    If it breaks: `_delete_pending_packages` in `dlt/pipeline/pipeline.py`.
    """
    pipeline._delete_pending_packages()


def drop_extracted_package(pipeline: Pipeline, load_id: str) -> None:
    """Removes an extracted package, and leaves the normalised one of the same id.

    Needed because dlt, of which the process died between the two steps, would normalise it again
    and find its place taken. No public method names one of the two.

    If it breaks: `_get_normalize_storage` in `dlt/pipeline/pipeline.py`.
    """
    pipeline._get_normalize_storage().extracted_packages.delete_package(load_id)


def drop_loaded_packages(pipeline: Pipeline) -> None:
    """Removes what dlt keeps of packages that are loaded.

    Needed because dlt removes their files and keeps their folders, one a package for ever.

    If it breaks: `_get_load_storage` in `dlt/pipeline/pipeline.py`.
    """
    storage = pipeline._get_load_storage()
    for load_id in storage.list_loaded_packages():
        storage.delete_loaded_package(load_id)


def interrupted_copies(pipeline: Pipeline, load_id: str) -> list[ParsedLoadJobFileName]:
    """Files of a normalised package that dlt has begun to copy, and does not know to have arrived.

    Needed because dlt copies them again, on top of what may have arrived. `get_load_package_info`
    is public, and tells which were begun; it does not tell those that dlt has put back.

    If it breaks: `list_retried_new_jobs` in `dlt/common/storages/load_package.py`.
    """
    return [
        ParsedLoadJobFileName.parse(file)
        for file, _ in _packages(pipeline).list_retried_new_jobs(load_id)
    ]


def copies_of_table(
    pipeline: Pipeline, load_id: str, table: str
) -> list[tuple[TPackageJobState, ParsedLoadJobFileName]]:
    """The files of a table in a normalised package, each with how far it has come.

    Needed as `interrupted_copies` is.

    If it breaks: `list_job_with_states_for_table` in `dlt/common/storages/load_package.py`.
    """
    return list(_packages(pipeline).list_job_with_states_for_table(load_id, table))


def copy_anew(
    pipeline: Pipeline, load_id: str, state: TPackageJobState, copied: ParsedLoadJobFileName
) -> None:
    """Lets dlt take a file of a normalised package for one that it has not begun to copy.

    Needed because what was copied is removed from the destination, and dlt has no way back from
    `completed_jobs`.

    If it breaks: `_move_job` and `clear_pending_transition` in
    `dlt/common/storages/load_package.py`.
    """
    packages = _packages(pipeline)
    packages.clear_pending_transition(load_id, copied.file_name())
    packages._move_job(load_id, state, "new_jobs", copied.file_name())


def package_schema(pipeline: Pipeline, load_id: str) -> Schema:
    """The schema that a normalised package is loaded with.

    Needed because the pipeline's own schema may have moved on since.

    If it breaks: `load_schema` in `dlt/common/storages/load_package.py`.
    """
    return _packages(pipeline).load_schema(load_id)


def _packages(pipeline: Pipeline) -> PackageStorage:
    return pipeline._get_load_storage().normalized_packages


# -- extraction ---------------------------------------------------------------------------------


def refresh_mode(pipeline: Pipeline) -> str | None:
    """Which `refresh` the extraction at hand was asked for, if any.

    Needed because a load then drops tables that other accounts share. `Pipeline.refresh` is public
    and tells what the pipeline was made with; what `pipeline.run` was given stands in the package's
    state, which `dlt.current` publishes without saying what its keys are.

    If it breaks: `refresh_source` in `dlt/pipeline/helpers.py`.
    """
    state: Mapping[str, Any] = dlt.current.load_package_state()["state"]
    mode: str | None = state.get("refresh") or pipeline.refresh
    return mode


def stored_resource_state(stored: str, source: str, resource: str) -> Mapping[str, Any]:
    """A resource's state, out of a pipeline's state as it stands in `_dlt_pipeline_state`.

    Needed because `dlt.current.resource_state` is the working directory's copy, which outlives a
    warehouse that was deleted or restored.

    If it breaks: `dlt/common/versioned_state.py`, and `TSourceState` in
    `dlt/common/pipeline.py` for the keys.

    Args:
        stored: The column `state`.
        source: The source's name.
        resource: The resource's name.

    Returns:
        The state; empty where there is none.
    """
    state: Mapping[str, Any] = decompress_state(stored)
    resources = state.get("sources", {}).get(source, {}).get("resources", {})
    found: Mapping[str, Any] = resources.get(resource, {})
    return found


def renamed_state(stored: str, pipeline_name: str, source: str, new_source: str) -> tuple[str, str]:
    """A pipeline's state, as it stands in `_dlt_pipeline_state`, for a pipeline of another name.

    Needed because an account's cursor is in the state of a pipeline that bears its name, and dlt
    gives none a new one.

    If it breaks: `dlt/common/versioned_state.py`, `TPipelineState` in `dlt/common/pipeline.py` for
    the keys, and `_sync_destination` in `dlt/pipeline/pipeline.py`, which reads it back.

    Args:
        stored: The column `state`.
        pipeline_name: The new pipeline's name.
        source: The source's name.
        new_source: The name that its state gets.

    Returns:
        The columns `state` and `version_hash`.
    """
    state: dict[str, Any] = decompress_state(stored)
    state["pipeline_name"] = pipeline_name
    # the schema of the new name is made by its first sync
    state["schema_names"] = []
    state["default_schema_name"] = None
    sources = state.get("sources", {})
    if source in sources:
        sources[new_source] = sources.pop(source)
    _, version_hash, _ = bump_state_version_if_modified(state, exclude_attrs=["_local"])  # type: ignore[arg-type]
    return compress_state(state), version_hash  # type: ignore[arg-type]


# -- dlt's command line -------------------------------------------------------------------------


def confirms_all() -> bool:
    """Whether `dlt` was called with `--yes`.

    Needed because dlt takes `--yes` for itself wherever it stands, so that `dlt docjobs … --yes`
    does not show it to the command.

    If it breaks: `dlt/_workspace/cli/echo.py`.
    """
    # takes a second to import, and is there already where `dlt` was called
    from dlt._workspace.cli import echo

    return bool(echo.ALWAYS_CONFIRM)
