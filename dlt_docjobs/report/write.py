"""From a destination to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import dlt
from dlt.common.destination import AnyDestination
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.report.facts import Facts, read_facts
from dlt_docjobs.views import ViewsRefused, dialect_of, install_views
from dlt_docjobs.views.lookup import lacking_columns

DAYS: Final = 90
_PACKAGES: Final = ("altair", "jinja2", "vl_convert")


class ReportRefused(UsageError):
    """The report can't be written, and the message says why."""


class Written(NamedTuple):
    """A report that was written."""

    path: Path
    size: int
    """Bytes."""
    warning: str | None
    """Why the views could not be brought up to date, where they could not."""


def write_report(
    destination: AnyDestination,
    dataset_name: str,
    path: Path,
    *,
    days: int = DAYS,
    include_text: bool = True,
) -> Written:
    """Writes the page of charts over a dataset's views.

    Args:
        destination: A SQL destination.
        dataset_name: The dataset.
        path: The file to write; replaced whole once the page is ready.
        days: How many days the charts by day show at most, up to the newest job's.
        include_text: Whether excerpts of segments that need a review stand on the page.

    Raises:
        ReportRefused: The extra `report` is not installed, there is nothing to report on, an older
            version made the tables, or the file can't be written.
        ViewsRefused: The destination has no views.
        DatabaseException: The destination refused.
    """
    check_extra()
    dialect = dialect_of(destination)
    warning = _renew_views(destination, dataset_name)
    try:
        facts = _ask(destination, dialect, dataset_name, days)
    except DatabaseException as error:
        reason = warning or _lacking(destination, dataset_name)
        if reason is None:
            raise
        raise ReportRefused(reason) from error
    from dlt_docjobs.report.page import make_page

    text = make_page(facts, include_text=include_text).encode("utf-8")
    draft = path.with_name(f"{path.name}.part")
    try:
        draft.write_bytes(text)
        draft.replace(path)
    except OSError as error:
        raise ReportRefused(f"{path} can't be written ({error.strerror})") from None
    return Written(path, len(text), warning)


def check_extra() -> None:
    """Looks for the packages of the extra `report`.

    Raises:
        ReportRefused: One of them is missing.
    """
    from importlib.util import find_spec

    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ReportRefused(
            "the report needs the extra `report`: pip install 'dlt-docjobs[report]' "
            f"(missing: {', '.join(missing)})"
        )


def _renew_views(destination: AnyDestination, dataset_name: str) -> str | None:
    """Creates views that are missing or older; who may only read goes on with what is there."""
    try:
        outcome = install_views(destination, dataset_name, only_if_needed=True)
    except (DatabaseException, ViewsRefused) as error:
        return f"the views could not be brought up to date: {error}"
    if outcome.reason == "nothing is loaded yet":
        raise ReportRefused(
            f"nothing has been synced into {dataset_name} yet: run `docjobs sync` first"
        )
    return None


def _ask(destination: AnyDestination, dialect: str, dataset_name: str, days: int) -> Facts:
    with _client(destination, dataset_name) as client:
        return read_facts(client, dialect, destination.destination_name, days)


def _lacking(destination: AnyDestination, dataset_name: str) -> str | None:
    """Why the views can't be asked, should it be that columns beneath them are gone."""
    with _client(destination, dataset_name) as client:
        return lacking_columns(client)


def _client(destination: AnyDestination, dataset_name: str) -> SqlClientBase[Any]:
    # an empty schema keeps dlt from reading the stored one
    return dlt.dataset(destination, dataset_name, schema=Schema("docjobs_report")).sql_client
