"""`docjobs sync`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

import dlt

from dlt_docjobs.cli import output
from dlt_docjobs.cli.errors import explain, signal_of
from dlt_docjobs.cli.pipelines import Account, chosen_accounts, make_destination, make_pipeline
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.model.times import UTC, parse_instant
from dlt_docjobs.sync.failures import record_failure
from dlt_docjobs.sync.run import run
from dlt_docjobs.sync.session import (
    EXIT_BUSY,
    EXIT_DONE,
    EXIT_PARTIAL,
    EXIT_REFUSED,
    EXIT_USAGE,
    RunRequest,
    Session,
)
from dlt_docjobs.sync.settings import UsageError

_WORST_FIRST: Final = (EXIT_USAGE, EXIT_REFUSED, EXIT_BUSY, EXIT_PARTIAL)


class Interrupt:
    """Turns the first SIGINT or SIGTERM into a request to stop; the second ends the process."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.request: RunRequest | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handles the signals for the time of a sync."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = number
        if self.request is not None:
            self.request.stop_reason = signal.Signals(number).name


def sync(args: argparse.Namespace) -> int:
    """Loads what is new or changed, one provider after the other."""
    _check(args)
    chosen = chosen_accounts(args.providers)
    make_destination(args.destination, args.dataset)
    interrupt = Interrupt()
    rows: list[SyncRun] = []
    deadline = None if args.deadline is None else time.monotonic() + args.deadline
    with interrupt.installed():
        for account in chosen:
            if interrupt.signal is not None:
                break
            rows.append(_sync_account(account, args, interrupt, deadline, bool(args.providers)))
    codes = [row.exit_code for row in rows]
    code = next((worst for worst in _WORST_FIRST if worst in codes), EXIT_DONE)
    if interrupt.signal is not None:
        code = 128 + interrupt.signal
    if args.json:
        print(json.dumps(output.as_json(rows, code)))
    else:
        output.print_summary(rows, code)
    return code


def _check(args: argparse.Namespace) -> None:
    for name in ("since", "until"):
        text = getattr(args, name)
        try:
            setattr(args, name, parse_instant(text))
        except ValueError:
            raise UsageError(
                f"--{name} is a date such as 2026-01-31 or 2026-01-31T12:00:00Z, not {text!r}"
            ) from None
    if args.since and args.until and args.since >= args.until:
        raise UsageError("--since lies before --until: a window needs some width")
    for name in ("follow", "deadline"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name} is a number of seconds above 0")
    if args.job_ids_file is not None:
        from dlt_docjobs.sources.config import read_job_ids

        list(read_job_ids(Path(args.job_ids_file)))


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
    if args.no_results:
        arguments["fetch_results"] = False
    return arguments


def _sync_account(
    account: Account,
    args: argparse.Namespace,
    interrupt: Interrupt,
    deadline: float | None,
    is_named: bool,
) -> SyncRun:
    started_at = datetime.now(UTC)
    request = RunRequest(deadline=deadline, follow=args.follow)
    if args.progress == "log":
        request.on_progress = output.ProgressLog(str(account))
    interrupt.request = request
    pipeline = None
    sessions: list[Session] = []
    try:
        progress = "tqdm" if args.progress == "tqdm" else None
        pipeline = make_pipeline(account, args.destination, args.dataset, progress)
        source = account.source(**_source_arguments(args))
        return run(pipeline, source, request=request, on_session=sessions.append)
    except (Exception, KeyboardInterrupt) as error:
        number = signal_of(error)
        if number is not None:
            interrupt.signal = interrupt.signal or number
        explained = explain(error)
        if interrupt.signal is not None:
            message, code = "interrupted; what was fetched is loaded or pending", EXIT_PARTIAL
        elif explained is not None:
            message, code = explained
            if code == EXIT_USAGE and not is_named and "no list of jobs" in message:
                # in a sync of all providers this is a warning
                print(f"docjobs: warning: {message}", file=sys.stderr)
                code = EXIT_DONE
        elif os.environ.get("DOCJOBS_DEBUG"):
            raise
        else:
            name = type(error).__name__
            message = f"{name}: {str(error).splitlines()[0] if str(error) else name}"
            code = EXIT_REFUSED
        row = _failed_row(account, request, started_at, message, code, sessions)
        if pipeline is not None and code in (EXIT_REFUSED, EXIT_PARTIAL):
            record_failure(pipeline, account.source_name, row)
        return row


def _failed_row(
    account: Account,
    request: RunRequest,
    started_at: datetime,
    message: str,
    code: int,
    sessions: list[Session],
) -> SyncRun:
    now = datetime.now(UTC)
    if sessions:
        row = sessions[0].row()
    else:
        numbers = dict.fromkeys((*("jobs_listed", "jobs_new", "jobs_changed", "status_events", "results_loaded"), *("chunks", "segments", "rejected", "requests", "retries", "throttled"), *("open_jobs", "pending_results")), 0)
        from dlt_docjobs._version import __version__

        row = SyncRun(
            run_id=request.run_id,
            provider=account.provider,
            account=account.name,
            ok=False,
            exit_code=code,
            error=message,
            cursor=None,
            duration_seconds=0.0,
            started_at=started_at,
            finished_at=now,
            version=__version__,
            **numbers,
        )
    seconds = round((now - started_at).total_seconds(), 3)
    return row._replace(
        ok=code == EXIT_DONE,
        exit_code=code,
        error=message,
        finished_at=now,
        duration_seconds=seconds,
    )
