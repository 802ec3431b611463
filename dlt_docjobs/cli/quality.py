"""`docjobs check --quality`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import dlt
from dlt.common.schema import Schema

from dlt_docjobs.accounts.destinations import is_missing, make_destination
from dlt_docjobs.accounts.pipelines import Account, parse_account
from dlt_docjobs.model.outcomes import EXIT_DONE, EXIT_PARTIAL, UsageError
from dlt_docjobs.views import RecentShare, dialect_of, recent_shares
from dlt_docjobs.warehouse.accounts import account_status
from dlt_docjobs.warehouse.connection import install_defaults


def check_quality(args: argparse.Namespace) -> int:
    """Says of each account in the warehouse what has changed on its newest two days.

    Returns:
        1 where something has changed.
    """
    install_defaults()
    named = [parse_account(text) for text in args.providers]
    destination = make_destination(args.destination, args.dataset)
    dialect = dialect_of(destination)
    rows = [] if is_missing(destination) else account_status(destination, args.dataset)
    known = [Account(row["provider"], row["account"]) for row in rows]
    missing = [account for account in named or () if account not in known]
    if missing or not known:
        whose = "".join(f" of {account}" for account in missing[:1])
        raise UsageError(
            f"nothing{whose} has been synced into {args.dataset} yet: run `docjobs sync` first"
        )
    with dlt.dataset(
        destination, args.dataset, schema=Schema("docjobs_check")
    ).sql_client as client:
        shares = recent_shares(client, dialect)
    code = EXIT_DONE
    for account in named or known:
        own = [share for share in shares if (share.provider, share.account) == account]
        changed = [share for share in own if share.is_changed]
        print(f"{account}: {_summary(own, changed)}", flush=True)
        for share in changed:
            print(f"  {share}", flush=True)
            code = EXIT_PARTIAL
    return code


def _summary(shares: Sequence[RecentShare], changed: Sequence[RecentShare]) -> str:
    if not shares:
        return (
            "the newest two days have too few results to compare, or too few days are before them"
        )
    days = " and ".join(sorted({str(share.day) for share in shares}))
    many = f"{len(changed)} of {len(shares)} shares" if changed else f"none of {len(shares)} shares"
    has = "have" if len(changed) > 1 else "has"
    return f"{many} {has} changed on {days}"
