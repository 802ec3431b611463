"""`docjobs reset` and `docjobs forget`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import dlt

from dlt_docjobs.cli.pipelines import (
    Account,
    is_missing,
    make_destination,
    make_pipeline,
    parse_account,
)
from dlt_docjobs.model.vocabulary import PROVIDERS
from dlt_docjobs.sources.config import read_job_ids
from dlt_docjobs.sync.destinations import prepare
from dlt_docjobs.sync.lock import pipeline_lock
from dlt_docjobs.sync.settings import UsageError
from dlt_docjobs.sync.warehouse import account_status, forget_jobs, remove_account


def reset(args: argparse.Namespace) -> int:
    """Removes an account's rows and cursor from the warehouse, after asking."""
    account = parse_account(args.provider)
    if not args.yes:
        if not sys.stdin.isatty():
            raise UsageError(f"reset removes every row of {account}: add --yes to mean it")
        answer = input(f"Remove every row of {account} from {args.dataset}? Type yes: ")
        if answer.strip().lower() != "yes":
            print("nothing was removed")
            return 0
    pipeline = make_pipeline(account, args.destination, args.dataset)
    with pipeline_lock(pipeline):
        removed = remove_account(pipeline, account.provider, account.name)
        # what is pending or remembered here would bring the rows back
        pipeline.drop()
    print(f"{account}: {removed:,} jobs removed; the next sync starts anew")
    return 0


def forget(args: argparse.Namespace) -> int:
    """Erases jobs from every table, and keeps them from being loaded again."""
    targets = list(dict.fromkeys(read_job_ids(Path(args.job_ids_file))))
    if not targets:
        print("the file names no job; nothing was erased")
        return 0
    destination = make_destination(args.destination, args.dataset)
    known = [] if is_missing(destination) else account_status(destination, args.dataset)
    accounts = {Account(entry["provider"], entry["account"]) for entry in known}
    accounts |= {Account(provider) for provider in PROVIDERS}
    erased = 0
    for account in sorted(accounts):
        folder = Path(dlt.current.run_context().get_data_entity("pipelines"))
        has_folder = (folder / account.pipeline_name).exists()
        is_known = any((entry["provider"], entry["account"]) == tuple(account) for entry in known)
        if not has_folder and not is_known:
            continue
        pipeline = make_pipeline(account, args.destination, args.dataset)
        prepare(pipeline)
        with pipeline_lock(pipeline):
            # a package that waits for its load would bring the rows back
            while pipeline.has_pending_data:
                pipeline.run()
            erased += forget_jobs(pipeline, account.provider, account.name, targets)
    print(f"{len(targets):,} named, {erased:,} jobs erased from every table")
    return 0
