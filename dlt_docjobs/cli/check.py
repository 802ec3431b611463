"""`docjobs check`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from dlt_docjobs.accounts.pipelines import Account, chosen_accounts, make_pipeline
from dlt_docjobs.cli.errors import explain
from dlt_docjobs.providers.protocol import ProviderApi
from dlt_docjobs.sources.source import resolve
from dlt_docjobs.warehouse.accounts import account_status
from dlt_docjobs.warehouse.connection import connect


def check(args: argparse.Namespace) -> int:
    """One cheap authenticated request to each provider and a connection to the destination."""
    accounts = chosen_accounts(args.providers)
    codes = [_check_provider(account) for account in accounts]
    codes.append(_check_destination(accounts[0], args))
    return next((code for code in (2, 3, 75) if code in codes), 0)


def _check_provider(account: Account) -> int:
    try:
        arguments: dict[str, Any] = {"job_ids": []} if account.declared.unlisted else {}
        config = resolve(lambda: account.source(**arguments))
        asyncio.run(_ask(config.make_api()))
    except Exception as error:
        return _failed(str(account), error)
    print(f"{account}: the key is accepted", flush=True)
    return 0


async def _ask(api: ProviderApi) -> None:
    async with api.client:
        await api.check()


def _check_destination(account: Account, args: argparse.Namespace) -> int:
    try:
        pipeline = make_pipeline(account, args.destination, args.dataset)
        with connect(pipeline) as client:
            is_there = client is not None
        # where there are only files a dataset is always there
        is_filled = is_there and account_status(pipeline.destination, args.dataset)
        state = "has data" if is_filled else "is empty: the first sync fills it"
    except Exception as error:
        return _failed(args.destination, error)
    print(f"{args.destination}: connected; dataset {args.dataset} {state}", flush=True)
    return 0


def _failed(name: str, error: Exception) -> int:
    explained = explain(error)
    print(f"{name}: {explained.message}", file=sys.stderr, flush=True)
    return explained.exit_code
