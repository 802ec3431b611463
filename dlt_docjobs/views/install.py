"""Creates the views in a destination, and does next to nothing where they are there already.

A view of its own, `docjobs_views`, says what made the others: the version, a fingerprint of their
text, and their names. It is how a sync sees with two small queries that nothing is to do, and how
this package tells its own views from those of the user, which it never touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import dlt
from dlt.common.destination import AnyDestination
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException, DatabaseTerminalException
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.pipeline import Pipeline
from packaging.version import InvalidVersion, Version

from dlt_docjobs import dlt_internals
from dlt_docjobs._version import __version__
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.tables import TABLES
from dlt_docjobs.views import sqlite
from dlt_docjobs.views.catalog import VIEWS, fingerprint
from dlt_docjobs.views.in_schema import note_views
from dlt_docjobs.views.lookup import lacking_columns
from dlt_docjobs.views.render import (
    ENGINES,
    create_statements,
    drop_statement,
    replace_view,
    table_comments,
    text_literal,
    view_comments,
)
from dlt_docjobs.warehouse.connection import prepare
from dlt_docjobs.warehouse.engines import capabilities_of
from dlt_docjobs.warehouse.kind import kind_of

MARKER: Final = "docjobs_views"
_UNFINISHED: Final = "unfinished"
_LOADS: Final = "_dlt_loads"
# CREATE OR REPLACE only adds columns there; both can undo what they have dropped
_KEEP_COLUMNS: Final = ("postgres", "redshift")
# it speaks DuckDB's dialect, and takes comments on a view but none on its columns
_BARE_VIEW_COLUMNS: Final = "ducklake"
# shorter than PostgreSQL waits before it looks for a deadlock, and picks a victim: never a load
_LOCK_TIMEOUT: Final = "900ms"


class ViewsRefused(UsageError):
    """The views can't be created, and the message says why."""


class Outcome(NamedTuple):
    """What became of a request to create the views."""

    created: tuple[str, ...]
    """Names of the views that were created or replaced; none where nothing was to do."""
    reason: str | None = None
    """Why nothing was to do."""
    are_there: bool = True
    """Whether the dataset has the views now."""
    is_refused: bool = False
    """Whether it is a database for which the views are not written."""


class _Found(NamedTuple):
    """What is in the dataset."""

    kinds: dict[str, str]
    """Name to `VIEW` or `BASE TABLE`, of the names that matter here."""
    version: str
    fingerprint: str
    own: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Whether no view is missing."""
        return all(self.kinds.get(name) == "VIEW" for name in VIEWS)


def create_views(pipeline: Pipeline) -> list[str]:
    """Creates or replaces the analytics views, and comments on tables and columns.

    `pipeline.dataset()` offers them then, as it does the tables.

    Args:
        pipeline: A pipeline that has run at least once.

    Returns:
        The names of the views.

    Raises:
        ViewsRefused: The destination has no views, the tables are not there yet or lack columns,
            or something of the user's bears the name of a view.
        DatabaseException: The destination refused.
    """
    prepare(pipeline)
    destination = pipeline.destination
    if destination is None:
        raise ViewsRefused(f"the pipeline {pipeline.pipeline_name} has no destination")
    created = install_views(destination, pipeline.dataset_name).created
    note_views(pipeline)
    return list(created)


def install_views(
    destination: AnyDestination, dataset_name: str, *, only_if_needed: bool = False
) -> Outcome:
    """Creates or replaces the views in a dataset.

    Args:
        destination: Where.
        dataset_name: The dataset, as the pipeline names it.
        only_if_needed: Do nothing where they are of this version or a newer one, or where the
            destination can't have them: so a sync asks.

    Raises:
        ViewsRefused: As `create_views` says; of a destination without views not with
            `only_if_needed`.
        DatabaseException: The destination refused.
    """
    try:
        dialect = dialect_of(destination)
    except ViewsRefused as refused:
        if only_if_needed:
            is_database = issubclass(destination.client_class, SqlJobClientBase)
            return Outcome((), str(refused), are_there=False, is_refused=is_database)
        raise
    # an empty schema keeps dlt from reading the stored one
    dataset = dlt.dataset(destination, dataset_name, schema=Schema("docjobs_views"))
    with dataset.sql_client as client:
        takes_columns = kind_of(destination) != _BARE_VIEW_COLUMNS
        installer = _Installer(client, dialect, only_if_needed, takes_columns)
        return installer.run()


def dialect_of(destination: AnyDestination) -> str:
    """The dialect in which the views stand on a destination.

    Raises:
        ViewsRefused: It can't have them.
    """
    dialect = _dialect(destination)
    if dialect is None or dialect not in ENGINES:
        raise ViewsRefused(_why_not(destination.destination_name, dialect))
    too_old = sqlite.why_too_old() if dialect == sqlite.DIALECT else None
    if too_old is not None:
        raise ViewsRefused(too_old)
    return dialect


def _dialect(destination: AnyDestination) -> str | None:
    """The destination's dialect of SQL; None where it has no views."""
    if not issubclass(destination.client_class, SqlJobClientBase):
        return None
    return capabilities_of(destination).sqlglot_dialect


def _why_not(name: str, dialect: str | None) -> str:
    if dialect is None:
        return (
            f"the destination {name} keeps files or documents and has no views: query its files "
            "with DuckDB, or load into a SQL destination"
        )
    return (
        f"the views are written for {', '.join(ENGINES[:-1])} and {ENGINES[-1]}, not for "
        f"{dialect}, which the destination {name} speaks; the tables are there all the same"
    )


class _Installer:
    """One creation over one connection."""

    def __init__(
        self,
        client: SqlClientBase[Any],
        dialect: str,
        only_if_needed: bool,
        has_column_comments: bool,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._only_if_needed = only_if_needed
        self._has_column_comments = has_column_comments
        self._is_transactional = client.capabilities.supports_ddl_transactions

    def run(self) -> Outcome:
        """Creates what is missing or old.

        In place, since a view that is dropped loses the rights that were granted on it; anew only
        where the destination can't put other columns in a view's place.
        """
        found = self._look()
        if not any(name in found.kinds for name in TABLES):
            if self._only_if_needed:
                return Outcome((), "nothing is loaded yet", are_there=False)
            name = self._client.dataset_name
            raise ViewsRefused(f"nothing has been synced into {name} yet: run `docjobs sync` first")
        if self._only_if_needed and not self._is_needed(found):
            return Outcome((), "the views are there")
        try:
            return self._create(anew=False)
        except DatabaseException:
            if self._only_if_needed and not self._is_needed(self._look()):
                return Outcome((), "another sync created the views")
            if self._dialect not in _KEEP_COLUMNS:
                raise
        return self._create(anew=True)

    def _create(self, anew: bool) -> Outcome:
        if not self._is_transactional:
            return self._create_at_once(anew)
        with self._client.begin_transaction():
            if self._dialect == "postgres":
                # one at a time: PostgreSQL fails those that replace the same view at once
                key = self._client.fully_qualified_dataset_name()
                self._client.execute_sql(
                    f"SELECT pg_advisory_xact_lock(hashtext({text_literal(key, 'postgres')}), 7)"
                )
                self._client.execute_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            elif self._dialect == sqlite.DIALECT:
                # Python's driver begins none before it drops and creates
                self._client.execute_sql("BEGIN IMMEDIATE")
            return self._create_at_once(anew)

    def _create_at_once(self, anew: bool) -> Outcome:
        found = self._look()
        if self._only_if_needed and not self._is_needed(found):
            return Outcome((), "another sync created the views")
        self._refuse_what_is_not_ours(found)
        self._refuse_missing_tables(found)
        lacking = lacking_columns(self._client)
        if lacking is not None:
            raise ViewsRefused(lacking)
        # where each statement counts at once, what is cut off in between is still known as ours
        statements = self._marker_statements(_UNFINISHED)
        if anew:
            ours = [name for name in reversed(VIEWS) if name in found.own and name in found.kinds]
            statements += [drop_statement(name, self._dialect, self._path) for name in ours]
        for view in VIEWS.values():
            statements += create_statements(view, self._dialect, self._path)
            comments = view_comments(view, self._dialect, self._path)
            statements += comments if self._has_column_comments else comments[:1]
        statements += table_comments(TABLES, self._dialect, self._path)
        statements += self._marker_statements(fingerprint())
        self._execute(statements)
        return Outcome(tuple(VIEWS))

    def _marker_statements(self, mark: str) -> list[str]:
        values = {"version": __version__, "fingerprint": mark, "views": " ".join((*VIEWS, MARKER))}
        columns = ", ".join(
            f"{text_literal(value, self._dialect)} AS {name}" for name, value in values.items()
        )
        return replace_view(MARKER, f"SELECT {columns}", self._dialect, self._path)

    # -- what is there ----------------------------------------------------------------------

    def _look(self) -> _Found:
        names = (*VIEWS, MARKER, *TABLES, _LOADS)
        rows = dlt_internals.information_schema(self._client, "TABLES", "table_type", names)
        kinds = {name: "VIEW" if "VIEW" in kind.upper() else kind for name, kind in rows}
        if kinds.get(MARKER) != "VIEW":
            return _Found(kinds, "", "", frozenset())
        marker = self._client.make_qualified_table_name(MARKER)
        try:
            found = self._client.execute_sql(f"SELECT version, fingerprint, views FROM {marker}")
        except (DestinationUndefinedEntity, DatabaseTerminalException):
            # gone by now, or a view of the user's
            return _Found(kinds, "", "", frozenset())
        version, mark, own = (found or [("", "", "")])[0]
        return _Found(kinds, version, mark, frozenset(own.split()))

    def _is_needed(self, found: _Found) -> bool:
        """Whether views are missing, older, or of this version but other text."""
        if not found.is_whole or found.fingerprint == _UNFINISHED:
            # whoever has a newer version may have other views, but not fewer
            return True
        if found.version == __version__:
            return found.fingerprint != fingerprint()
        return _version(found.version) < _version(__version__)

    def _refuse_what_is_not_ours(self, found: _Found) -> None:
        # a marker that names itself is ours
        theirs = [
            f"{'a view' if found.kinds[name] == 'VIEW' else 'a table'} {name}"
            for name in (*VIEWS, MARKER)
            if name in found.kinds and not (found.kinds[name] == "VIEW" and name in found.own)
        ]
        if theirs:
            raise ViewsRefused(
                f"the dataset holds {', '.join(theirs)} that dlt-docjobs did not make, and that "
                "stays as it is; rename or remove it, then run `docjobs views`"
            )

    def _refuse_missing_tables(self, found: _Found) -> None:
        missing = [name for name in (*TABLES, _LOADS) if name not in found.kinds]
        if missing:
            raise ViewsRefused(
                f"the views need tables that are not there yet: {', '.join(missing)}; a sync of "
                "all resources makes them"
            )

    # -- statements -------------------------------------------------------------------------

    def _path(self, name: str) -> Sequence[str]:
        return self._client.make_qualified_table_name_path(name, quote=False)

    def _execute(self, statements: Sequence[str]) -> None:
        self._client.execute_many(statements)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        # of nobody's making: older than everything
        return Version("0")
