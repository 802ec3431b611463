"""`docjobs sync`."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import dlt
from dlt.pipeline.pipeline import Pipeline

from dlt_docjobs._version import __version__
from dlt_docjobs.accounts.destinations import make_destination
from dlt_docjobs.accounts.pipelines import Account, chosen_accounts, make_pipeline
from dlt_docjobs.cli import output
from dlt_docjobs.cli.errors import explain, is_no_jobs_named, signal_of
from dlt_docjobs.cli.instants import option_instant
from dlt_docjobs.cli.interrupt import Interrupt
from dlt_docjobs.cli.progress import ProgressView
from dlt_docjobs.loading.failures import record_failure
from dlt_docjobs.loading.run import run
from dlt_docjobs.locks.gate import takes_turns
from dlt_docjobs.locks.local import SyncLocked
from dlt_docjobs.model.outcomes import (
    EXIT_BUSY,
    EXIT_DONE,
    EXIT_PARTIAL,
    EXIT_REFUSED,
    EXIT_USAGE,
    UsageError,
)
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import UTC
from dlt_docjobs.sources.job_ids import read_job_ids
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session

_WORST_FIRST: Final = (EXIT_USAGE, EXIT_REFUSED, EXIT_BUSY, EXIT_PARTIAL)
_SUMMED: Final = (
    *("jobs_listed", "jobs_new", "jobs_changed", "status_events", "results_loaded", "chunks"),
    *("segments", "rejected", "requests", "retries", "throttled", "duration_seconds"),
)
_LOADED: Final = (EXIT_DONE, EXIT_PARTIAL)


@dataclass
class _Begun:
    """What of an account's sync was there before it ended, however it ended."""

    pipeline: Pipeline | None = None
    session: Session | None = None


class Synced(NamedTuple):
    """How an account's sync ended.

    Attributes:
        row: The run's row.
        open_jobs: Jobs that have not ended and are still asked for.
        pipeline: The account's pipeline; None where it could not be made.
    """

    row: SyncRun
    open_jobs: int
    pipeline: Pipeline | None

    @property
    def is_followed(self) -> bool:
        """Whether asking again may bring something."""
        return self.open_jobs > 0 and self.row.exit_code in _LOADED


def sync(args: argparse.Namespace) -> int:
    """Loads what is new or changed, one provider after the other."""
    _check(args)
    chosen = chosen_accounts(args.providers)
    _check_job_ids(args, chosen)
    make_destination(args.destination, args.dataset)
    interrupt = Interrupt()
    synced: dict[Account, Synced] = {}
    deadline = None if args.deadline is None else time.monotonic() + args.deadline
    with interrupt.installed():
        follows_several = args.follow is not None and len(chosen) > 1
        follow = None if follows_several else args.follow
        for account in chosen:
            if interrupt.signal is not None:
                break
            synced[account] = _sync_account(account, args, interrupt, deadline, follow)
            if error := synced[account].row.error:
                print(f"docjobs sync: {account}: {error}", file=sys.stderr, flush=True)
        if follows_several:
            _follow(synced, args, interrupt, deadline)
    rows = [one.row for one in synced.values()]
    if not args.json and rows:
        output.print_runs(rows)
    code = _exit_code(rows, interrupt)
    if interrupt.signal is None and any(row.exit_code in _LOADED for row in rows):
        _renew_views(args, synced.values())
    if args.json:
        print(json.dumps(output.as_json(rows, code)), flush=True)
    return code


def _follow(
    synced: dict[Account, Synced],
    args: argparse.Namespace,
    interrupt: Interrupt,
    deadline: float | None,
) -> None:
    """Syncs the accounts that have open jobs again and again, until all of these have ended."""
    while True:
        followed = [account for account, one in synced.items() if one.is_followed]
        if not followed or not _pause(args.follow, interrupt, deadline):
            return
        for account in followed:
            if interrupt.signal is not None:
                return
            before = synced[account].row
            row, open_jobs, pipeline = _sync_account(account, args, interrupt, deadline, None)
            if row.error and row.error != before.error:
                print(f"docjobs sync: {account}: {row.error}", file=sys.stderr, flush=True)
            synced[account] = Synced(_together(before, row), open_jobs, pipeline)


def _pause(seconds: float, interrupt: Interrupt, deadline: float | None) -> bool:
    """Waits; False where a signal or the deadline comes before the time is over."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if interrupt.signal is not None or (deadline is not None and until > deadline):
            return False
        time.sleep(min(left, 0.2))
    return interrupt.signal is None


def _together(before: SyncRun, row: SyncRun) -> SyncRun:
    """What two runs of an account have done, and how it stands after the second one."""
    sums = {name: getattr(before, name) + getattr(row, name) for name in _SUMMED}
    return row._replace(
        **sums,
        ok=before.ok and row.ok,
        exit_code=_worst([before, row]),
        error=row.error or before.error,
        started_at=before.started_at,
    )


def _renew_views(args: argparse.Namespace, synced: Iterable[Synced]) -> None:
    """Creates views that are missing or older; what was loaded stays loaded if that fails."""
    if args.no_views:
        return
    try:
        from dlt_docjobs.views import install_views, note_views

        destination = make_destination(args.destination, args.dataset)
        outcome = install_views(destination, args.dataset, only_if_needed=True)
        if outcome.is_refused:
            print(f"docjobs sync: no views: {outcome.reason}", file=sys.stderr, flush=True)
        pipelines = [one.pipeline for one in synced if one.row.exit_code in _LOADED]
        for pipeline in pipelines if outcome.are_there else ():
            if pipeline is not None:
                note_views(pipeline, only_if_missing=not outcome.created)
    except Exception as error:
        message = explain(error).message
        print(
            f"docjobs sync: warning: the data is loaded, but the views are not up to date: "
            f"{message}",
            file=sys.stderr,
            flush=True,
        )


def _exit_code(rows: Sequence[SyncRun], interrupt: Interrupt) -> int:
    if interrupt.signal is not None:
        return 128 + interrupt.signal
    return _worst(rows)


def _worst(rows: Sequence[SyncRun]) -> int:
    codes = {row.exit_code for row in rows}
    return next((code for code in _WORST_FIRST if code in codes), EXIT_DONE)


def _check(args: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    for name in ("since", "until"):
        setattr(args, name, option_instant(f"--{name}", getattr(args, name), now))
    if args.since and args.until and args.since >= args.until:
        raise UsageError("--since lies before --until: a window needs some width")
    if args.since and args.since >= now:
        raise UsageError("--since lies in the future: no job has been created since")
    for name in ("follow", "deadline"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"--{name} is a number of seconds above 0")
    if args.reload is not None and args.no_results:
        raise UsageError("--reload fetches results and --no-results fetches none: choose one")


def _check_job_ids(args: argparse.Namespace, chosen: Sequence[Account]) -> None:
    if args.job_ids_file is None:
        return
    list(read_job_ids(Path(args.job_ids_file)))
    if len(chosen) > 1:
        names = ", ".join(str(account) for account in chosen)
        raise UsageError(f"--job-ids-file names jobs of one provider: say which ({names})")
    is_window = args.since is not None or args.until is not None
    if is_window and not chosen[0].declared.unlisted:
        raise UsageError("--job-ids-file and --since or --until each say which jobs: choose one")


def _source_arguments(args: argparse.Namespace) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if args.since is not None or args.until is not None:
        # dlt takes a range for a window only if it has both ends
        arguments["created_at"] = dlt.sources.incremental(
            "created_at",
            initial_value=args.since or datetime(1970, 1, 1, tzinfo=UTC),
            end_value=args.until or datetime.now(UTC),
        )
    if args.job_ids_file is not None:
        arguments["job_ids_file"] = args.job_ids_file
    if args.reload is not None:
        arguments["reload"] = args.reload
    if args.believe_gone:
        arguments["believe_gone"] = True
    if args.no_results:
        arguments["fetch_results"] = False
    return arguments


def _sync_account(
    account: Account,
    args: argparse.Namespace,
    interrupt: Interrupt,
    deadline: float | None,
    follow: float | None,
) -> Synced:
    begun = _Begun()
    row = _run_account(
        account, args, interrupt, RunRequest(deadline=deadline, follow=follow), begun
    )
    looked = begun.session.context.looked if begun.session is not None else None
    return Synced(row, len(looked.open_refs) if looked is not None else 0, begun.pipeline)


def _run_account(
    account: Account,
    args: argparse.Namespace,
    interrupt: Interrupt,
    request: RunRequest,
    begun: _Begun,
) -> SyncRun:
    started_at = datetime.now(UTC)
    view = ProgressView(str(account)) if args.progress == "log" else None
    if view is not None:
        view.watch(request)
        request.on_gate_wait = lambda: _tell_of_wait(account)
    interrupt.watch(request)
    pipeline = source = None
    is_unanswered = False

    def began(session: Session) -> None:
        begun.session = session
        if view is not None:
            view.begin(session)

    try:
        progress = "tqdm" if args.progress == "tqdm" else None
        pipeline = make_pipeline(account, args.destination, args.dataset, progress)
        begun.pipeline = pipeline
        source = account.source(**_source_arguments(args))
        with view or nullcontext():
            return run(pipeline, source, request=request, on_session=began)
    except (Exception, KeyboardInterrupt) as error:
        number = signal_of(error)
        if isinstance(error, KeyboardInterrupt):
            number = signal.SIGINT
        if number is not None:
            interrupt.signal = interrupt.signal or number
        if interrupt.signal is not None:
            name = signal.Signals(interrupt.signal).name
            message = f"{name} came; what was fetched is loaded, or the next sync loads it first"
            code = EXIT_PARTIAL
        else:
            working_dir = account.working_dir if pipeline is None else Path(pipeline.working_dir)
            message, code, is_unanswered = explain(error, working_dir)
        if is_no_jobs_named(error) and not args.providers:
            print(f"docjobs sync: warning: {message}", file=sys.stderr, flush=True)
            return _row(account, request, started_at, None, EXIT_DONE, begun.session)
        row = _row(account, request, started_at, message, code, begun.session)
        if pipeline is not None and code != EXIT_USAGE and not isinstance(error, SyncLocked):
            # the turn in a lake is over by now: the next run writes the row in its own
            is_late = source is not None and takes_turns(pipeline, source)
            try_now = not is_unanswered and not is_late
            record_failure(pipeline, account.source_name, row, try_now=try_now)
        return row


def _tell_of_wait(account: Account) -> None:
    print(
        f"docjobs sync: {account}: waiting for partitions of a backfill to end",
        file=sys.stderr,
        flush=True,
    )


def _row(
    account: Account,
    request: RunRequest,
    started_at: datetime,
    message: str | None,
    code: int,
    session: Session | None,
) -> SyncRun:
    """The row of a run that did not come to its end by itself."""
    now = datetime.now(UTC)
    if session is None:
        return SyncRun.unfinished(
            request.run_id,
            account.provider,
            account.name,
            exit_code=code,
            error=message,
            started_at=started_at,
            finished_at=now,
            version=__version__,
        )
    return session.row()._replace(
        ok=code == EXIT_DONE,
        exit_code=code,
        error=message,
        finished_at=now,
        duration_seconds=round((now - started_at).total_seconds(), 3),
    )
