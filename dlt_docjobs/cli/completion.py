"""`docjobs completion`."""

from __future__ import annotations

import argparse

from dlt_docjobs.cli.arguments import make_parser
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.providers.registry import provider_names

_FILES = ("--job-ids-file", "--out")


def completion(args: argparse.Namespace) -> int:
    """Prints a script that completes commands and options in a shell."""
    try:
        import shtab
    except ImportError:
        raise UsageError(
            "completion needs the extra `completion`: pip install 'dlt-docjobs[completion]'"
        ) from None
    parser = make_parser()
    for command in _commands(parser):
        for action in command._actions:
            if action.dest in ("provider", "providers", "old", "new"):
                action.choices = provider_names()
            elif set(action.option_strings) & set(_FILES):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.dest == "folder":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    script = shtab.complete(parser, args.shell)
    if args.shell == "zsh":
        # shtab lets zsh complete the first of several words only
        script = script.replace('"(*)::', '"*:')
    print(script)
    return 0


def _commands(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action.choices.values())
    return []
