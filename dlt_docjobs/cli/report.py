"""`docjobs report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dlt_docjobs.accounts.destinations import is_missing, make_destination
from dlt_docjobs.report import ReportRefused, write_report
from dlt_docjobs.warehouse.connection import install_defaults


def report(args: argparse.Namespace) -> int:
    """Writes one self-contained page of charts over the views, and says where."""
    if args.days < 1:
        raise ReportRefused(f"--days is 1 or more, not {args.days}")
    install_defaults()
    destination = make_destination(args.destination, args.dataset)
    if is_missing(destination):
        raise ReportRefused(
            f"nothing has been synced into {args.dataset} yet: run `docjobs sync` first"
        )
    written = write_report(
        destination,
        args.dataset,
        Path(args.out),
        days=args.days,
        include_text=not args.no_text,
    )
    if written.warning is not None:
        print(f"docjobs report: warning: {written.warning}", file=sys.stderr, flush=True)
    size = f"{written.size / 1_000_000:.1f} MB"
    if written.size < 100_000:
        # a page without charts
        size = f"{written.size / 1_000:.0f} kB"
    print(f"{written.path} ({size}): open it in a browser")
    return 0
