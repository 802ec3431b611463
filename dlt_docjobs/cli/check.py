"""`docjobs check`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from dlt_docjobs.accounts.destinations import database_file, make_destination, place_of
from dlt_docjobs.accounts.pipelines import Account, chosen_accounts, left_out
from dlt_docjobs.cli.errors import explain
from dlt_docjobs.cli.quality import check_quality
from dlt_docjobs.loading.rehearsal import rehearse
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sources.source import resolve
from dlt_docjobs.warehouse.accounts import account_status


def check(args: argparse.Namespace) -> int:
    """One cheap authenticated request to each provider, and a first sync's rehearsal.

    With `--quality` the warehouse's results instead.
    """
    if args.quality:
        return check_quality(args)
    accounts = chosen_accounts(args.providers)
    codes = [_check_provider(account) for account in accounts]
    if not args.providers and (missing := left_out()):
        names = ", ".join(f"{one} ({one.declared.key_variables[0]})" for one in missing)
        print(f"left out, for want of a key: {names}", flush=True)
    codes.append(_check_destination(args))
    return next((code for code in (2, 3, 75) if code in codes), 0)


def _check_provider(account: Account) -> int:
    key = account.key()
    origin = f"; it comes from {key.origin}" if key is not None else ""
    url = ""
    try:
        arguments: dict[str, Any] = {"job_ids": []} if account.declared.unlisted else {}
        config = resolve(lambda: account.source(**arguments))
        url = config.connection.base_url
        asyncio.run(_ask(config.make_api()))
    except Exception as error:
        about = f" (asked: {url}; the key comes from {key.origin})" if key and url else ""
        code = _failed(str(account), error, about)
    else:
        print(f"{account}: the key is accepted at {url}{origin}", flush=True)
        code = 0
    for other in account.unused_keys():
        print(f"{account}: {other.origin} holds another key, which is not used", flush=True)
    return code


async def _ask(api: ProviderApi) -> None:
    async with api.client:
        await api.check()


def _check_destination(args: argparse.Namespace) -> int:
    try:
        destination = make_destination(args.destination, args.dataset)
        file = database_file(destination)
        new_file = file if file is not None and not Path(file).exists() else None
        try:
            rehearse(destination, args.dataset)
            is_filled = account_status(destination, args.dataset)
        finally:
            if new_file is not None:
                # as it was before: whoever looks next must not find an empty warehouse
                Path(new_file).unlink(missing_ok=True)
        state = "has data" if is_filled else "is empty: the first sync fills it"
    except Exception as error:
        return _failed(args.destination, error)
    print(
        f"{args.destination}: connected; dataset {args.dataset} {state}. A scratch dataset was "
        f"made, locked, filled, merged into, read and dropped ({place_of(destination)})",
        flush=True,
    )
    return 0


def _failed(name: str, error: Exception, about: str = "") -> int:
    explained = explain(error)
    print(f"{name}: {explained.message}{about}", file=sys.stderr, flush=True)
    return explained.exit_code
