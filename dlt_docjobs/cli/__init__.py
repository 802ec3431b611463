"""`docjobs`: arguments, exit codes, what a person reads."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from dlt_docjobs.cli.streams import OutputLost, output_lost, standard_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """The `docjobs` command.

    Args:
        arguments: Without the program's name; None takes `sys.argv`.

    Returns:
        The exit code: docs/contract.md#exit-codes.
    """
    from dlt_docjobs.cli.arguments import make_parser

    parser = make_parser()
    try:
        with standard_streams():
            try:
                code = execute(parser.parse_args(arguments))
            except SystemExit as ended:
                code = int(ended.code or 0)
            sys.stderr.flush()
            sys.stdout.flush()
    except OutputLost as lost:
        return output_lost(lost)
    except BrokenPipeError:
        # who reads has seen enough; Python must not flush what is left on its way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def execute(args: argparse.Namespace) -> int:
    """Runs a parsed command."""
    if not getattr(args, "run", None):
        args.parser.print_help()
        return 2
    from dlt_docjobs.cli.commands import run_command

    return run_command(args)
