"""The destination of a command: DuckDB in a file beside, unless it is told otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import dlt
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.impl.duckdb.exceptions import InvalidInMemoryDuckdbCredentials
from dlt.destinations.job_client_impl import SqlJobClientBase

from dlt_docjobs import dlt_internals
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.secret_names import names_secret
from dlt_docjobs.model.suggestions import suggest
from dlt_docjobs.warehouse.engines import capabilities_of, require_sqlalchemy
from dlt_docjobs.warehouse.lakes import require_lake
from dlt_docjobs.warehouse.memory_limit import SOFT_LIMIT
from dlt_docjobs.warehouse.merging import merging_of

MASKED: Final = "********"
# greedy: a password may hold slashes and at signs itself
_PASSWORD_IN_URL: Final = re.compile(r"(://[^\s:/@]*:)\S+@")
_DUCKDB_FILE: Final = "warehouse.duckdb"
# what people call destinations that dlt has under another name, and how each is written there
_DATABASES: Final = {
    "sqlite": "sqlite:///warehouse.db",
    **dict.fromkeys(("mysql", "mariadb"), "mysql+pymysql://USER:PASSWORD@HOST:3306/DATABASE"),
}
_BUCKETS: Final = {
    **dict.fromkeys(("s3", "aws"), "s3://BUCKET/FOLDER"),
    **dict.fromkeys(("gs", "gcs"), "gs://BUCKET/FOLDER"),
    **dict.fromkeys(("az", "azure", "abfss"), "az://CONTAINER/FOLDER"),
    **dict.fromkeys(("file", "files", "parquet"), "file:///FOLDER"),
}
_MEMORY_SETTING: Final = re.compile(r"\s*(memory_limit|max_memory)\b", re.IGNORECASE)


def make_destination(name: str, dataset: str) -> AnyDestination:
    """The destination of a command.

    DuckDB gets its file (`warehouse.duckdb` unless configured) and a memory limit, since its own
    default is most of the machine.

    Raises:
        UsageError: There is no such destination, the dataset's name is none, a DuckDB file bears
            it, or another version of DuckDB has to read it.
    """
    check_dataset(dataset)
    try:
        destination = Destination.from_reference(name)
    except UnknownDestinationModule:
        raise UsageError(f"there is no destination {name!r}: {_way_to(name)}") from None
    if isinstance(destination, dlt.destinations.sqlalchemy):
        return _through_sqlalchemy(destination)
    if not isinstance(destination, dlt.destinations.duckdb):
        made = cast(AnyDestination, destination)
        # refuses what can't keep our tables
        merging_of(made)
        require_lake(made)
        return made
    credentials = _duckdb_credentials(destination)
    _refuse_ambiguous_name(credentials.database, dataset)
    credentials.database = _in_this_folder(credentials.database)
    return cast(
        AnyDestination,
        dlt.destinations.duckdb(credentials, destination_name=destination.configured_name),
    )


def _way_to(name: str) -> str:
    """What to say instead of a name that dlt has no destination for."""
    if (url := _DATABASES.get(name.lower())) is not None:
        return (
            f"say --destination sqlalchemy, and in DESTINATION__SQLALCHEMY__CREDENTIALS (or as "
            f"credentials under [destination.sqlalchemy] in .dlt/secrets.toml) {url}"
        )
    if (url := _BUCKETS.get(name.lower())) is not None:
        return (
            f"say --destination filesystem, and in DESTINATION__FILESYSTEM__BUCKET_URL (or as "
            f"bucket_url under [destination.filesystem] in .dlt/config.toml) {url}"
        )
    return (
        "it is one of dlt's, such as duckdb, postgres or snowflake, or one whose "
        f"[destination.NAME] has a destination_type{suggest(name, dlt.destinations.__all__)}"
    )


def _through_sqlalchemy(destination: dlt.destinations.sqlalchemy) -> AnyDestination:
    """A database that a connection string names; SQLite's file is one of the current folder.

    Raises:
        UsageError: Packages are missing, or the database can't keep our tables.
    """
    require_sqlalchemy()
    from dlt.destinations.impl.sqlalchemy.configuration import SqlalchemyCredentials

    sections = ("destination", destination.destination_name, "credentials")
    credentials = resolve_configuration(
        SqlalchemyCredentials(), sections=sections, accept_partial=True
    )
    made = cast(AnyDestination, destination)
    if (credentials.drivername or "").partition("+")[0] == "sqlite":
        if not credentials.database:
            raise UsageError(
                "the providers share a dataset, so SQLite needs a file's name: "
                "sqlite:///warehouse.db, say"
            )
        credentials.database = _in_this_folder(credentials.database)
        made = cast(
            AnyDestination,
            dlt.destinations.sqlalchemy(credentials, destination_name=destination.configured_name),
        )
    capabilities_of(made)
    return made


def check_dataset(name: str) -> None:
    """Refuses what can't be a dataset's name.

    Raises:
        UsageError: It is none.
    """
    normalised = NamingConvention().normalize_identifier(name) if name else "docjobs"
    if normalised != name:
        raise UsageError(
            f"--dataset is lower-case letters, digits and _: {normalised}, say, not {name!r}"
        )


def duckdb_file(destination: AnyDestination) -> str | None:
    """DuckDB's file; None for other destinations."""
    if not isinstance(destination, dlt.destinations.duckdb):
        return None
    return str(dlt_internals.given_credentials(destination).database)


def database_file(destination: AnyDestination) -> str | None:
    """DuckDB's or SQLite's file; None for other destinations.

    SQLite's datasets are files of their own, beside it.
    """
    is_sqlite = isinstance(destination, dlt.destinations.sqlalchemy)
    given = dlt_internals.given_credentials(destination) if is_sqlite else None
    return str(given.database) if given is not None else duckdb_file(destination)


def place_of(destination: AnyDestination) -> str:
    """Where a destination is, as far as its configuration says, without what is secret: for people.

    Raises:
        Exception: The configuration can't be read.
    """
    if (file := database_file(destination)) is not None:
        return file
    found = {one.key: one for one in dlt_internals.resolved_values(destination)}
    for key in ("credentials", "bucket_url", "host", "project_id"):
        if key in found and isinstance(found[key].value, str):
            return f"{destination.destination_name} at {shown(found[key])}"
    return str(destination.destination_name)


def shown(found: dlt_internals.ResolvedValue) -> Any:
    """A configured value without what is secret in it."""
    if isinstance(found.value, str) and "://" in found.value:
        # whom a connection string names is of use; its password is not, nor are its options
        return without_password(found.value).partition("?")[0]
    is_secret = found.is_secret or isinstance(found.value, Mapping) or names_secret(found.key)
    return MASKED if is_secret else found.value


def without_password(text: str) -> str:
    """A text whose URLs name users, and no passwords."""
    return _PASSWORD_IN_URL.sub(rf"\1{MASKED}@", text)


def is_missing(destination: AnyDestination) -> bool:
    """Whether it is a DuckDB file that is not there: to look into it would make an empty one."""
    file = duckdb_file(destination)
    return file is not None and not Path(file).exists()


def refuse_files(destination: AnyDestination, dataset: str, instead: str) -> None:
    """Refuses to delete or change rows where there are only files, with or without a table format.

    Args:
        destination: Where.
        dataset: The dataset.
        instead: What leads to the same, up to the sync that follows.

    Raises:
        UsageError: It keeps files.
    """
    if issubclass(destination.client_class, SqlJobClientBase):
        return
    raise UsageError(
        f"the destination {destination.destination_name} keeps files, and no row of a file can be "
        f"deleted or changed from here. Instead, {instead}delete the folder of the dataset "
        f"{dataset}, with all accounts in it; the next sync loads what the providers still have"
    )


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
        credentials.global_config = {**settings, "memory_limit": SOFT_LIMIT}
    return credentials


def _in_this_folder(file: str) -> str:
    """A file's place, from the current folder on.

    dlt takes the folder in which the pipeline ran first: a sync from another one would fill that
    one's warehouse, while every other command looks for it here.
    """
    if ":" in file or Path(file).is_absolute():
        return file
    return str(Path(dlt.current.run_context().local_dir).absolute() / file)


def _refuse_ambiguous_name(file: str, dataset: str) -> None:
    # DuckDB's name for a database: its file's, up to the first dot behind a leading one
    catalog = Path(file).name.lstrip(".").split(".")[0]
    if catalog.lower() == dataset.lower():
        raise UsageError(
            f"the DuckDB file {file} bears the dataset's name, {dataset}: DuckDB then can't tell "
            "the two apart; rename the file, or choose another --dataset"
        )
