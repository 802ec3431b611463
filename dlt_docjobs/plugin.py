"""`dlt docjobs …`: the command line as a dlt command plugin."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from dlt.common.configuration import plugins


@plugins.hookimpl(specname="plug_cli")
@plugins.only_host("dlt")
def plug_cli_docjobs(host: str) -> Any:
    """Adds the `docjobs` command to `dlt`."""
    return DocjobsCommand


class DocjobsCommand:
    """The same commands as `docjobs …`."""

    command = "docjobs"
    help_string = "Load jobs of document-parsing services into a warehouse"
    description = "Document-parsing services: jobs, status history, chunks and segments"
    docs_url: str | None = None
    parent: str | None = None
    compose = "replace"

    def configure_parser(self, parser: argparse.ArgumentParser) -> None:
        """Adds the subcommands."""
        from dlt_docjobs.cli.arguments import add_commands

        add_commands(parser)

    def execute(self, args: argparse.Namespace) -> None:
        """Runs a subcommand and ends with its exit code."""
        from dlt_docjobs import dlt_internals
        from dlt_docjobs.cli import execute

        if dlt_internals.confirms_all():
            args.yes = True
        sys.exit(execute(args))
