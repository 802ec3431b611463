"""From a parsed command to the function that does it, and from what went wrong to an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Final

from dlt_docjobs.cli.streams import OutputLost

COMMANDS: Final = {
    "sync": "dlt_docjobs.cli.sync",
    "check": "dlt_docjobs.cli.check",
    "probe": "dlt_docjobs.cli.probe",
    "config": "dlt_docjobs.cli.config",
    "status": "dlt_docjobs.cli.status",
    "rename": "dlt_docjobs.cli.rename",
    "reset": "dlt_docjobs.cli.erase",
    "forget": "dlt_docjobs.cli.erase",
    "views": "dlt_docjobs.cli.views",
    "report": "dlt_docjobs.cli.report",
    "dbt": "dlt_docjobs.cli.dbt",
    "demo": "dlt_docjobs.cli.demo",
    "emulate": "dlt_docjobs.cli.emulate",
    "completion": "dlt_docjobs.cli.completion",
}


def run_command(args: argparse.Namespace) -> int:
    """Runs the command; what went wrong is a sentence, not a traceback."""
    from dlt_docjobs.loading.private import private_files

    try:
        command = getattr(importlib.import_module(COMMANDS[args.run]), args.run)
        with private_files():
            return int(command(args))
    except KeyboardInterrupt:
        return 130
    except (BrokenPipeError, OutputLost):
        # not the command's failure: `main` ends quietly
        raise
    except Exception as error:
        from dlt_docjobs.cli.errors import explain

        explained = explain(error)
        print(f"docjobs {args.run}: {explained.message}", file=sys.stderr)
        return explained.exit_code
