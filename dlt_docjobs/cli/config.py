"""`docjobs config`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from dlt.common.destination import Destination

from dlt_docjobs import dlt_internals
from dlt_docjobs.accounts.destinations import make_destination, place_of
from dlt_docjobs.accounts.pipelines import Account, chosen_accounts, left_out
from dlt_docjobs.cli import terminal
from dlt_docjobs.cli.errors import explain
from dlt_docjobs.model.outcomes import EXIT_DONE, EXIT_USAGE
from dlt_docjobs.sources.configuration import keys_of
from dlt_docjobs.sources.origins import origin_of
from dlt_docjobs.sources.source import ResolvedSource, look_at

_MASKED: Final = "********"
_DEFAULT: Final = "default"
# what one call means, and no configuration should
_OF_ONE_CALL: Final = frozenset({"reload", "believe_gone", "fetch_results"})
_USER_INFO: Final = re.compile(r"(?<=://)[^/\s@]+@")


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
    shown = [_account(account) for account in accounts]
    destination = _destination(args.destination, args.dataset)
    missing = [] if args.providers else left_out()
    if args.json:
        print(json.dumps(_json(shown, destination, missing, args.dataset)))
    else:
        _print(shown, destination, missing)
    return EXIT_USAGE if any(one.problem for one in (*shown, destination)) else EXIT_DONE


def _account(account: Account) -> _Shown:
    found, error = look_at(account.source)
    problem = explain(error).message if error is not None else None
    return _Shown(str(account), list(_values(account, found)) if found else [], problem)


def _values(account: Account, found: ResolvedSource) -> Iterator[_Value]:
    for key in keys_of(account.declared):
        value, origin = found.values[key.name], found.origins.get(key.name, _DEFAULT)
        if key.name == "api_key":
            in_force = account.key()
            value = _MASKED if in_force else None
            origin = in_force.origin if in_force else "nowhere"
        elif origin == _DEFAULT and key.name in _OF_ONE_CALL:
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
            values.append(_Value(found.key, _masked(found), origin))
        if database := place_of(made):
            origins = [one.origin for one in values if one.name in ("credentials", "database")]
            values = [one for one in values if one.name not in ("credentials", "database")]
            values.insert(0, _Value("credentials", database, (origins or [_DEFAULT])[0]))
    except Exception as error:
        problem = explain(error).message
    return _Shown(name, values, problem)


def _masked(found: dlt_internals.ResolvedValue) -> Any:
    """A destination's value without what is secret in it."""
    if isinstance(found.value, str) and "://" in found.value:
        # a connection string: whom it names is of use, and its password is not
        return re.sub(r"\?.*", "", _USER_INFO.sub(_user, found.value), flags=re.DOTALL)
    return _MASKED if found.is_secret or isinstance(found.value, Mapping) else _plain(found.value)


def _user(info: re.Match[str]) -> str:
    return f"{info[0][:-1].partition(':')[0]}:{_MASKED}@" if ":" in info[0] else info[0]


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _USER_INFO.sub("", value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return f"{len(value):,} given"
    return str(value)


def _json(
    shown: list[_Shown], destination: _Shown, missing: list[Account], dataset: str
) -> dict[str, Any]:
    def plain(one: _Shown) -> dict[str, Any]:
        settings = [{"name": v.name, "value": v.value, "from": v.origin} for v in one.values]
        return {"problem": one.problem, "settings": settings}

    return {
        "accounts": [{"account": one.name, **plain(one)} for one in shown],
        "left_out": [str(account) for account in missing],
        "destination": {"name": destination.name, "dataset": dataset, **plain(destination)},
    }


def _print(shown: list[_Shown], destination: _Shown, missing: list[Account]) -> None:
    console = terminal.console(sys.stdout)
    for one in (*shown, destination):
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
