"""`docjobs config`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from dlt.common.destination import Destination

from dlt_docjobs import dlt_internals
from dlt_docjobs.accounts.destinations import (
    MASKED,
    duckdb_file,
    make_destination,
    shown,
    without_password,
)
from dlt_docjobs.accounts.pipelines import Account, chosen_accounts, left_out
from dlt_docjobs.cli import terminal
from dlt_docjobs.cli.errors import explain
from dlt_docjobs.model.outcomes import EXIT_DONE, EXIT_USAGE
from dlt_docjobs.sources.configuration import OF_ONE_CALL, keys_of
from dlt_docjobs.sources.origins import origin_of
from dlt_docjobs.sources.source import ResolvedSource, look_at

_DEFAULT: Final = "default"


class _Value(NamedTuple):
    """A setting that is in force."""

    name: str
    value: Any
    origin: str


class _Shown(NamedTuple):
    """The settings of an account or a destination, and what is wrong with them."""

    name: str
    values: list[_Value]
    problem: str | None = None


def config(args: argparse.Namespace) -> int:
    """What is in force for each account and the destination, and where each value comes from."""
    accounts = chosen_accounts(args.providers, needs_key=False)
    of_accounts = [_account(account) for account in accounts]
    destination = _destination(args.destination, args.dataset)
    missing = [] if args.providers else left_out()
    if args.json:
        print(json.dumps(_json(of_accounts, destination, missing, args.dataset)))
    else:
        _print(of_accounts, destination, missing)
    return EXIT_USAGE if any(one.problem for one in (*of_accounts, destination)) else EXIT_DONE


def _account(account: Account) -> _Shown:
    found, error = look_at(account.source)
    problem = explain(error).message if error is not None else None
    return _Shown(str(account), list(_values(account, found)) if found else [], problem)


def _values(account: Account, found: ResolvedSource) -> Iterator[_Value]:
    for key in keys_of(account.declared):
        value, origin = found.values[key.name], found.origins.get(key.name, _DEFAULT)
        if key.name == "api_key":
            in_force = account.key()
            value = MASKED if in_force else None
            origin = in_force.origin if in_force else "nowhere"
        elif origin == _DEFAULT and key.name in OF_ONE_CALL:
            continue
        yield _Value(key.name, _plain(value), origin)


def _destination(name: str, dataset: str) -> _Shown:
    values: list[_Value] = []
    problem = None
    try:
        made = make_destination(name, dataset)
        given = Destination.from_reference(name)
        assert given is not None
        for found in dlt_internals.resolved_values(given):
            origin = origin_of(found.key, found.place)
            values.append(_Value(found.key, _plain(shown(found)), origin))
        if database := duckdb_file(made):
            origins = [one.origin for one in values if one.name in ("credentials", "database")]
            values = [one for one in values if one.name not in ("credentials", "database")]
            values.insert(0, _Value("credentials", database, (origins or [_DEFAULT])[0]))
    except Exception as error:
        problem = explain(error).message
    return _Shown(name, values, problem)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return without_password(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return f"{len(value):,} given"
    return str(value)


def _json(
    accounts: list[_Shown], destination: _Shown, missing: list[Account], dataset: str
) -> dict[str, Any]:
    def plain(one: _Shown) -> dict[str, Any]:
        settings = [{"name": v.name, "value": v.value, "from": v.origin} for v in one.values]
        return {"problem": one.problem, "settings": settings}

    return {
        "accounts": [{"account": one.name, **plain(one)} for one in accounts],
        "left_out": [str(account) for account in missing],
        "destination": {"name": destination.name, "dataset": dataset, **plain(destination)},
    }


def _print(accounts: list[_Shown], destination: _Shown, missing: list[Account]) -> None:
    console = terminal.console(sys.stdout)
    for one in (*accounts, destination):
        terminal.show(console, terminal.text(one.name, "bold"))
        rows = [
            [
                (value.name, ""),
                ("none" if value.value is None else _said(value.value), ""),
                (value.origin, "dim" if value.origin == _DEFAULT else ""),
            ]
            for value in one.values
        ]
        if rows:
            head = ("setting", "value", "from")
            terminal.show(console, terminal.table(console, head, rows, (), "value"), "  ")
        if one.problem:
            terminal.show(console, terminal.text(f"  {one.problem}", "yellow"))
        print()
    for account in missing:
        print(f"{account}: left out: {_want(account)}")


def _said(value: Any) -> str:
    # as in a TOML file
    return str(value).lower() if isinstance(value, bool) else str(value)


def _want(account: Account) -> str:
    return f"no key in {account.declared.key_variables[0]}, nor in .dlt/secrets.toml"
