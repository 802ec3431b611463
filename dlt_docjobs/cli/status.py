"""`docjobs status`."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from typing import Any

from dlt_docjobs.cli.pipelines import is_missing, make_destination
from dlt_docjobs.model.times import UTC, format_instant, parse_instant
from dlt_docjobs.model.vocabulary import PROVIDERS
from dlt_docjobs.sync.session import EXIT_PARTIAL
from dlt_docjobs.sync.warehouse import account_status


def status(args: argparse.Namespace) -> int:
    """Cursor, open jobs, pending results and last run of each account, from the destination."""
    destination = make_destination(args.destination, args.dataset)
    accounts = [] if is_missing(destination) else account_status(destination, args.dataset)
    if args.json:
        print(json.dumps({"accounts": [_json(account) for account in accounts]}))
        return 0
    if not accounts:
        print(f"nothing has been synced into {args.dataset} yet: run `docjobs sync`")
        return 0
    for account in sorted(accounts, key=lambda one: PROVIDERS.index(one["provider"])):
        _print(account)
    return 0


def _json(account: dict[str, Any]) -> dict[str, Any]:
    return {
        key: format_instant(value) if isinstance(value, datetime) else value
        for key, value in account.items()
    }


def _print(account: dict[str, Any]) -> None:
    name = account["provider"]
    if account["account"] != "default":
        name += f":{account['account']}"
    run_at = parse_instant(account["last_run_at"])
    outcome = "ok"
    if not account["last_run_ok"]:
        word = "in part" if account["last_run_exit_code"] == EXIT_PARTIAL else "failed"
        outcome = f"{word}: {account['last_run_error']}"
    cursor = account["cursor"]
    print(name)
    print(f"  last run         {_ago(run_at)} ({outcome})")
    print(f"  cursor           {format_instant(cursor) if cursor else 'none yet'}")
    print(f"  jobs             {account['jobs']:,}")
    given_up = f" ({account['given_up_jobs']:,} given up)" if account["given_up_jobs"] else ""
    print(f"  open jobs        {account['open_jobs']:,}{given_up}")
    print(f"  pending results  {account['pending_results']:,}")


def _ago(instant: datetime | None) -> str:
    if instant is None:
        return "never"
    seconds = (datetime.now(UTC) - instant).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"
