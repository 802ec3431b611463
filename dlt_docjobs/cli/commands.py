"""From a parsed command to the function that does it, and from what went wrong to an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys

from dlt_docjobs.cli.errors import explain

_HOMES = {
    "sync": "dlt_docjobs.cli.sync",
    "check": "dlt_docjobs.cli.check",
    "status": "dlt_docjobs.cli.status",
    "reset": "dlt_docjobs.cli.erase",
    "forget": "dlt_docjobs.cli.erase",
    "demo": "dlt_docjobs.cli.demo",
    "emulate": "dlt_docjobs.cli.emulate",
}


def run_command(args: argparse.Namespace) -> int:
    """Runs the command; an error that a user can mend is a sentence, not a traceback."""
    try:
        command = getattr(importlib.import_module(_HOMES[args.run]), args.run)
        return int(command(args))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        explained = explain(error)
        if explained is None:
            raise
        print(f"docjobs {args.run}: {explained.message}", file=sys.stderr)
        return explained.exit_code
