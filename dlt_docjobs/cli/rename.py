"""`docjobs rename`."""

from __future__ import annotations

import argparse
import sys

from dlt_docjobs import dlt_internals
from dlt_docjobs.accounts.destinations import is_missing, make_destination, refuse_files
from dlt_docjobs.accounts.pipelines import (
    Account,
    configured_accounts,
    make_pipeline,
    parse_account,
)
from dlt_docjobs.cli.erase import confirmed, nobody_else_loads
from dlt_docjobs.loading.failures import write_kept_failures
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.sources.names import SECTION
from dlt_docjobs.warehouse.accounts import known_accounts, rename_account


def rename(args: argparse.Namespace) -> int:
    """Gives an account's rows and cursor another name, after asking."""
    old, new = parse_account(args.old), parse_account(args.new)
    if old.provider != new.provider or old == new:
        raise UsageError(f"an account of {old.provider} gets another name, not {new}")
    destination = make_destination(args.destination, args.dataset)
    refuse_files(destination, args.dataset, "")
    known = [] if is_missing(destination) else known_accounts(destination, args.dataset)
    if (old.provider, old.name) not in known:
        raise UsageError(f"there is nothing of {old} in {args.dataset}")
    question = f"Rename every row of {old} in {args.dataset} to {new}?"
    if not confirmed(args, question, f"rename changes every row of {old}"):
        print("nothing was renamed")
        return 0
    pipeline = make_pipeline(old, args.destination, args.dataset)
    other = make_pipeline(new, args.destination, args.dataset)
    with nobody_else_loads(pipeline, old), nobody_else_loads(other, new):
        # what waits for its load would bring the old name back; it is asked for again
        dlt_internals.drop_pending_packages(pipeline)
        write_kept_failures(pipeline, old.source_name)
        jobs = rename_account(pipeline, old.provider, old.naming, new.naming)
        # what is remembered here is of other names
        pipeline.drop()
        other.drop()
    print(f"{old} is {new} now: {jobs:,} jobs and the cursor")
    _tell_of_configuration(old, new)
    return 0


def _tell_of_configuration(old: Account, new: Account) -> None:
    """Says what is still to be done where the configuration has the old name."""
    configured = configured_accounts()
    if new not in configured or new.key() is None:
        print(
            f"docjobs rename: no key is configured for {new}: put it under "
            f"[sources.{SECTION}.{new.source_name}] in .dlt/secrets.toml",
            file=sys.stderr,
        )
    if old in configured and old.key() is not None:
        print(
            f"docjobs rename: {old} has a key still: a sync of it meets the same jobs, and leaves "
            "them as they are",
            file=sys.stderr,
        )
