"""`docjobs reset` and `docjobs forget`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs import dlt_internals
from dlt_docjobs.accounts.destinations import is_missing, make_destination, refuse_files
from dlt_docjobs.accounts.pipelines import (
    Account,
    configured_accounts,
    make_pipeline,
    parse_account,
)
from dlt_docjobs.loading.failures import write_kept_failures
from dlt_docjobs.locks.destination import warehouse_lock
from dlt_docjobs.locks.gate import alone
from dlt_docjobs.locks.local import pipeline_lock
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.sources.job_ids import read_job_ids
from dlt_docjobs.warehouse.accounts import (
    forget_jobs,
    jobs_made_from,
    known_accounts,
    remove_account,
)
from dlt_docjobs.warehouse.connection import prepare


def reset(args: argparse.Namespace) -> int:
    """Removes an account's rows and cursor from the warehouse, after asking."""
    account = parse_account(args.provider)
    destination = make_destination(args.destination, args.dataset)
    refuse_files(destination, args.dataset, "")
    is_empty = is_missing(destination)
    question = f"Remove every row of {account} from {args.dataset}?"
    if not confirmed(args, question, f"reset removes every row of {account}"):
        print("nothing was removed")
        return 0
    pipeline = make_pipeline(account, args.destination, args.dataset)
    with nobody_else_loads(pipeline, account, is_missing=is_empty):
        removed = 0 if is_empty else remove_account(pipeline, account.provider, account.name)
        # what is pending or remembered here would bring the rows back
        pipeline.drop()
    print(f"{account}: {removed:,} jobs removed; the next sync starts anew")
    return 0


def confirmed(args: argparse.Namespace, question: str, otherwise: str) -> bool:
    """Whether the user means it: by `--yes`, or as the answer to a question.

    Args:
        args: Of the command.
        question: What is asked.
        otherwise: What the command does, where nobody can be asked.

    Raises:
        UsageError: Nobody can be asked.
    """
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"{otherwise}: add --yes to mean it")
    return input(f"{question} Type yes: ").strip().lower() == "yes"


@contextmanager
def nobody_else_loads(
    pipeline: Pipeline, account: Account, *, is_missing: bool = False
) -> Iterator[None]:
    """Keeps out whoever loads the account, on this machine or, as far as can be, on others.

    Args:
        pipeline: The account's pipeline.
        account: The account.
        is_missing: Whether there is no warehouse that others could load into.

    Raises:
        SyncLocked: Somebody is loading it.
    """
    with alone(pipeline, account.source_name, wait_seconds=0), pipeline_lock(pipeline):
        if is_missing:
            yield
            return
        with warehouse_lock(pipeline) as held:
            # partitions have pipelines of their own, and other machines
            held.take_turn(account.source_name, False, lambda: True)
            try:
                yield
            finally:
                held.end_turn()


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
        with nobody_else_loads(pipeline, account):
            # what waits for its load would bring the rows back; it is asked for again
            dlt_internals.drop_pending_packages(pipeline)
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
    """Those that the warehouse knows, that have a working directory here, or a key.

    An account whose first package waits on another machine has left no row yet.
    """
    destination = make_destination(args.destination, args.dataset)
    if is_missing(destination):
        return []
    accounts = {Account(*found) for found in known_accounts(destination, args.dataset)}
    folder = Path(dlt.current.run_context().get_data_entity("pipelines"))
    accounts |= {
        account
        for account in configured_accounts()
        if account.key() is not None or (folder / account.pipeline_name).exists()
    }
    return sorted(accounts)
