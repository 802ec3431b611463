"""`docjobs status`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import dlt
from dlt.common.destination import AnyDestination
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException

from dlt_docjobs.accounts.destinations import is_missing, make_destination, place_of
from dlt_docjobs.cli import terminal
from dlt_docjobs.model.outcomes import EXIT_PARTIAL, UsageError
from dlt_docjobs.model.times import UTC, format_instant
from dlt_docjobs.warehouse.accounts import account_status

# the table's columns of figures, and the keys of `account_status` that they show
_FIGURES: Final = {
    "jobs": "jobs",
    "open": "open_jobs",
    "given up": "given_up_jobs",
    "pending": "pending_results",
    "at risk": "results_at_risk",
}
_TROUBLE: Final = ("given up", "pending", "at risk")


def status(args: argparse.Namespace) -> int:
    """What is open, pending and at risk in each account, and how fresh it is."""
    destination = make_destination(args.destination, args.dataset)
    accounts = [] if is_missing(destination) else _accounts(destination, args.dataset)
    where = place_of(destination)
    if args.json:
        print(
            json.dumps(
                {
                    "destination": where,
                    "dataset": args.dataset,
                    "accounts": [_json(account) for account in accounts],
                }
            )
        )
        return 0
    if not accounts:
        print(f"nothing has been synced into {args.dataset} yet: run `docjobs sync` ({where})")
        return 0
    console = terminal.console(sys.stdout)
    head = ("account", *_FIGURES, "last sync", "cursor (UTC)")
    rows = [_row(account) for account in accounts]
    terminal.show(console, terminal.table(console, head, rows, _FIGURES, "last sync"))
    for account in accounts:
        for note in _notes(account):
            name = terminal.text(_name(account), "bold")
            terminal.show(console, name + terminal.text(f": {note}"))
    terminal.show(console, terminal.text(f"{where}, dataset {args.dataset}", "dim"))
    return 0


def _accounts(destination: AnyDestination, dataset: str) -> list[dict[str, Any]]:
    """How each account stands.

    Raises:
        UsageError: The tables are of an older version and lack what is asked for.
    """
    try:
        return account_status(destination, dataset)
    except DatabaseException:
        # takes a while to import, and is of use only here
        from dlt_docjobs.views.lookup import lacking_columns

        with dlt.dataset(destination, dataset, schema=Schema("any")).sql_client as client:
            lacking = lacking_columns(client)
        if lacking is None:
            raise
        raise UsageError(lacking) from None


def _json(account: dict[str, Any]) -> dict[str, Any]:
    return {
        key: format_instant(value) if isinstance(value, datetime) else value
        for key, value in account.items()
    }


def _name(account: dict[str, Any]) -> str:
    name = str(account["provider"])
    return name if account["account"] == "default" else f"{name}:{account['account']}"


def _row(account: dict[str, Any]) -> list[terminal.Cell]:
    figures = [
        terminal.figure(account[key], is_trouble=label in _TROUBLE)
        for label, key in _FIGURES.items()
    ]
    cursor = account["cursor"]
    listed = cursor.strftime("%Y-%m-%d %H:%M:%S") if cursor else "none yet"
    outcome, style = "ok", "green"
    if not account["last_run_ok"]:
        is_partial = account["last_run_exit_code"] == EXIT_PARTIAL
        outcome, style = ("in part", "yellow") if is_partial else ("failed", "red")
    last = (f"{_ago(account['last_run_at'])}, {outcome}", style)
    return [(_name(account), ""), *figures, last, (listed, "")]


def _notes(account: dict[str, Any]) -> Iterator[str]:
    """What the table has no room for, and what to do about it."""
    if not account["last_run_ok"]:
        yield f"the last sync said: {account['last_run_error']}"
        whole = account["last_ok_run_at"]
        yield f"the last one that did everything: {_ago(whole)}"
    if account["results_at_risk"]:
        number = account["results_at_risk"]
        results = "1 result is" if number == 1 else f"{number:,} results are"
        expiry = account["results_expire_at"]
        until = f"; the first is kept until {expiry:%Y-%m-%d %H:%M} UTC" if expiry else ""
        yield (
            f"{results} not loaded{until}. `docjobs sync` fetches what is pending, "
            "`docjobs sync --reload failed` or `skipped` the rest"
        )
    if account["missing_jobs"]:
        yield (
            f"{account['missing_jobs']:,} missing since {account['missing_since']:%Y-%m-%d %H:%M} "
            "UTC: they answer 404, and a later sync that meets it again calls them expired"
        )
    if account["retried_results"]:
        yield (
            f"{account['retried_results']:,} results are asked for again each day, the first since "
            f"{account['retried_since']:%Y-%m-%d %H:%M} UTC"
        )
    if doubted := account["doubted_since"]:
        yield f"most known jobs answer 404 since {doubted:%Y-%m-%d %H:%M} UTC: it is not believed"
        if datetime.now(UTC) - doubted > timedelta(days=1):
            yield (
                "if they are gone indeed, and it is neither the key nor base_url: `docjobs sync "
                f"{_name(account)} --believe-gone`"
            )
    if account["given_up_jobs"]:
        yield f"{account['given_up_jobs']:,} open too long to be asked for any more (given up)"


def _ago(instant: datetime | None) -> str:
    if instant is None:
        return "never"
    seconds = (datetime.now(UTC) - instant).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"
