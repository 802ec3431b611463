"""`docjobs reset` and `docjobs forget`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import dlt
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs.accounts.destinations import is_missing, make_destination, refuse_files
from dlt_docjobs.accounts.pipelines import Account, make_pipeline, parse_account
from dlt_docjobs.loading.failures import write_kept_failures
from dlt_docjobs.loading.pending import drop_misplaced_packages, mend_broken_packages
from dlt_docjobs.locks.destination import warehouse_lock
from dlt_docjobs.locks.gate import alone
from dlt_docjobs.locks.local import pipeline_lock
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.providers.registry import provider_names
from dlt_docjobs.sources.job_ids import read_job_ids
from dlt_docjobs.warehouse.accounts import (
    account_status,
    forget_jobs,
    jobs_made_from,
    remove_account,
)
from dlt_docjobs.warehouse.connection import prepare


def reset(args: argparse.Namespace) -> int:
    """Removes an account's rows and cursor from the warehouse, after asking."""
    account = parse_account(args.provider)
    destination = make_destination(args.destination, args.dataset)
    refuse_files(destination, args.dataset, "")
    is_empty = is_missing(destination)
    if not args.yes:
        if not sys.stdin.isatty():
            raise UsageError(f"reset removes every row of {account}: add --yes to mean it")
        answer = input(f"Remove every row of {account} from {args.dataset}? Type yes: ")
        if answer.strip().lower() != "yes":
            print("nothing was removed")
            return 0
    pipeline = make_pipeline(account, args.destination, args.dataset)
    with (
        alone(pipeline, account.source_name, wait_seconds=0),
        pipeline_lock(pipeline),
        _other_machines_kept_out(pipeline, is_empty),
    ):
        removed = 0 if is_empty else remove_account(pipeline, account.provider, account.name)
        # what is pending or remembered here would bring the rows back
        pipeline.drop()
    print(f"{account}: {removed:,} jobs removed; the next sync starts anew")
    return 0


def _other_machines_kept_out(
    pipeline: Pipeline, is_empty: bool
) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if is_empty else warehouse_lock(pipeline)


def forget(args: argparse.Namespace) -> int:
    """Erases jobs from every table, and keeps them from being loaded again."""
    refuse_files(
        make_destination(args.destination, args.dataset),
        args.dataset,
        "have the providers delete these jobs, then ",
    )
    targets = list(dict.fromkeys(read_job_ids(Path(args.job_ids_file))))
    if not targets:
        print("the file names no job; nothing was erased")
        return 0
    erased, left = 0, []
    for account in _accounts(args):
        pipeline = make_pipeline(account, args.destination, args.dataset)
        prepare(pipeline)
        with (
            alone(pipeline, account.source_name, wait_seconds=0),
            pipeline_lock(pipeline),
            warehouse_lock(pipeline),
        ):
            # what waits for its load would bring the rows back
            drop_misplaced_packages(pipeline, account.source_name)
            mend_broken_packages(pipeline)
            while pipeline.has_pending_data:
                pipeline.run()
            write_kept_failures(pipeline, account.source_name)
            scope = (account.provider, account.name)
            left += jobs_made_from(pipeline, *scope, [job_id for job_id, _ in targets])
            erased += forget_jobs(pipeline, *scope, targets)
    print(f"{len(targets):,} named, {erased:,} erased from every table")
    if left:
        shown = ", ".join(left[:20]) + (" …" if len(left) > 20 else "")
        print(
            f"docjobs forget: {len(left):,} extract job(s) of the same documents stay, since the "
            f"file does not name them: {shown}",
            file=sys.stderr,
        )
    return 0


def _accounts(args: argparse.Namespace) -> list[Account]:
    """Those that the warehouse knows, and those with a working directory here."""
    destination = make_destination(args.destination, args.dataset)
    if is_missing(destination):
        return []
    known = account_status(destination, args.dataset)
    accounts = {Account(entry["provider"], entry["account"]) for entry in known}
    folder = Path(dlt.current.run_context().get_data_entity("pipelines"))
    accounts |= {
        account
        for account in map(Account, provider_names())
        if (folder / account.pipeline_name).exists()
    }
    return sorted(accounts)
