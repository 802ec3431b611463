"""The arguments of every command. Imports nothing that `--help` has no need of."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from dlt_docjobs.model.suggestions import suggest
from dlt_docjobs.providers.registry import provider_names, providers

FOLLOW_SECONDS: Final = 10.0
SHELLS: Final = ("bash", "zsh", "fish")
# those of dlt_docjobs.views.render, which takes long to import
DIALECTS: Final = ("duckdb", "postgres", "snowflake", "bigquery", "databricks", "redshift")
_INVALID_CHOICE: Final = re.compile(
    r"invalid choice: '(?P<word>[^']*)' \(choose from (?P<choices>.*)\)"
)
_NUMBER: Final = re.compile(r"[-+]?(\d|\.\d|nan|inf).*", re.IGNORECASE)


class _Parser(argparse.ArgumentParser):
    """An argument parser that takes providers anywhere and suggests what a typo meant."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # an abbreviation that works today is ambiguous with tomorrow's option
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses everything: what is left over is an error here, not of the parent parser."""
        words = list(sys.argv[1:] if args is None else args)
        found, rest = super().parse_known_args(_with_values(words), namespace)
        if hasattr(found, "providers"):
            # argparse takes only the first group of positional words
            found.providers.extend(word for word in rest if not word.startswith("-"))
            rest = [word for word in rest if word.startswith("-")]
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, []

    def error(self, message: str) -> NoReturn:
        """Prints the error with a suggestion and ends with exit code 2."""
        self.exit(2, f"{self.prog}: {message}{self._suggestion(message)}\n")

    def _suggestion(self, message: str) -> str:
        choice = _INVALID_CHOICE.search(message)
        if choice:
            return suggest(choice["word"], re.findall(r"[\w-]+", choice["choices"]))
        kind, _, words = message.partition(": ")
        if kind != "unrecognized arguments":
            return ""
        options = [option for action in self._actions for option in action.option_strings]
        return suggest(words.split()[0].split("=")[0], options)


def _with_values(words: list[str]) -> list[str]:
    """Gives `--follow` its default where what comes next is no number but a provider."""
    result = list(words)
    for place, word in enumerate(words):
        if word == "--follow" and not _NUMBER.fullmatch(" ".join(words[place + 1 : place + 2])):
            result[place] = f"--follow={FOLLOW_SECONDS}"
    return result


def make_parser() -> argparse.ArgumentParser:
    """The parser of `docjobs`."""
    declared = providers().values()
    titles = _listed([one.title for one in declared], "and")
    variables = ", ".join(one.key_variables[0] for one in declared)
    parser = _Parser(
        prog="docjobs",
        description=f"Loads jobs of {titles} into a warehouse: jobs, status history, chunks and "
        "segments.",
        epilog=f"Keys: {variables}, or .dlt/secrets.toml.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    add_commands(parser)
    return parser


def _listed(names: Iterable[str], last: str) -> str:
    *others, end = names
    return f"{', '.join(others)} {last} {end}" if others else end


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> NoReturn:
        from dlt_docjobs._version import __version__

        print(f"docjobs {__version__}")
        parser.exit(0)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Adds the commands to a parser, `docjobs`'s own or `dlt docjobs`'s."""
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_sync(commands)
    _add_check(commands)
    _add_probe(commands)
    _add_config(commands)
    _add_status(commands)
    _add_rename(commands)
    _add_reset(commands)
    _add_forget(commands)
    _add_views(commands)
    _add_report(commands)
    _add_dbt(commands)
    _add_demo(commands)
    _add_emulate(commands)
    _add_completion(commands)


def _command(commands: Any, name: str, text: str, **options: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", **options
    )
    command.set_defaults(run=name)
    return command


def _add_destination(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--destination",
        metavar="NAME",
        default="duckdb",
        help="any dlt destination (default: duckdb, in warehouse.duckdb); credentials come from "
        "dlt's configuration",
    )
    command.add_argument(
        "--dataset", metavar="NAME", default="docjobs", help="dataset (default: docjobs)"
    )


def _add_providers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "providers",
        metavar="PROVIDER",
        nargs="*",
        help=f"{_listed(provider_names(), 'or')}, or PROVIDER:ACCOUNT; none: every one with a key",
    )


def _add_sync(commands: Any) -> None:
    command = _command(commands, "sync", "load what is new or changed")
    _add_providers(command)
    _add_destination(command)
    command.add_argument(
        "--since",
        metavar="T",
        help="backfill window: jobs created at or after this instant, or yesterday, 7d, 12h",
    )
    command.add_argument(
        "--until",
        metavar="T",
        help="backfill window: jobs created before this instant; the same words",
    )
    command.add_argument(
        "--no-results", action="store_true", help="jobs and history only: no result is fetched"
    )
    command.add_argument(
        "--reload",
        choices=("failed", "skipped", "incomplete", "all"),
        help="fetch these results again, in a window or for the ids of a file; without either, "
        "of all jobs known; incomplete: those of which rows are missing",
    )
    command.add_argument(
        "--believe-gone",
        action="store_true",
        help="believe that jobs are gone though many answer 404 at once",
    )
    command.add_argument(
        "--job-ids-file",
        metavar="F",
        help="only these jobs: text (an id a line), CSV or JSONL with job_id and job_kind",
    )
    command.add_argument(
        "--follow",
        metavar="SECONDS",
        nargs="?",
        const=FOLLOW_SECONDS,
        type=float,
        help="keep asking for open jobs until all have ended, every 10 s or as given",
    )
    command.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=float,
        help="stop starting work in time, load what is there, and end with 1",
    )
    command.add_argument(
        "--no-views",
        action="store_true",
        help="leave the analytics views alone; else they are created where missing or older",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--progress",
        choices=("log", "tqdm", "none"),
        default="log",
        help="how long work is shown on standard error: log, a line that lives on a terminal, else "
        "plain lines; tqdm, dlt's own bars; none (default: log)",
    )


def _add_check(commands: Any) -> None:
    command = _command(
        commands,
        "check",
        "one cheap request to each provider, and a first sync's rehearsal at the destination",
    )
    _add_providers(command)
    _add_destination(command)
    command.add_argument(
        "--quality",
        action="store_true",
        help="ask only the warehouse, whether the quality of results has changed on the newest two "
        "days of an account; ends with 1 where it has",
    )


def _add_probe(commands: Any) -> None:
    command = _command(
        commands,
        "probe",
        "ask each account, read-only and in at most 40 requests, what no documentation says",
    )
    _add_providers(command)
    command.add_argument(
        "--out",
        metavar="FILE",
        help="write the report, in Markdown, to a file; it can be handed on",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _add_config(commands: Any) -> None:
    command = _command(
        commands,
        "config",
        "what is in force for each account and the destination, and where each value comes from",
    )
    _add_providers(command)
    _add_destination(command)
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _add_status(commands: Any) -> None:
    command = _command(
        commands, "status", "what is open, pending and at risk, and how fresh it is, by account"
    )
    _add_destination(command)
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _add_rename(commands: Any) -> None:
    command = _command(
        commands, "rename", "give an account's rows and cursor another name, after asking"
    )
    command.add_argument("old", metavar="PROVIDER:OLD", help="the account as the warehouse has it")
    command.add_argument("new", metavar="PROVIDER:NEW", help="as its section is named by now")
    _add_destination(command)
    command.add_argument("--yes", action="store_true", help="don't ask")


def _add_reset(commands: Any) -> None:
    command = _command(
        commands, "reset", "remove an account's rows and cursor from the warehouse, after asking"
    )
    command.add_argument("provider", metavar="PROVIDER[:ACCOUNT]")
    _add_destination(command)
    command.add_argument("--yes", action="store_true", help="don't ask")


def _add_forget(commands: Any) -> None:
    command = _command(commands, "forget", "erase jobs from every table, and never load them again")
    command.add_argument("--job-ids-file", metavar="F", required=True, help="the jobs to erase")
    _add_destination(command)


def _add_views(commands: Any) -> None:
    command = _command(
        commands, "views", "create or replace the analytics views, and comment on all columns"
    )
    _add_destination(command)


def _add_report(commands: Any) -> None:
    command = _command(
        commands, "report", "write one HTML page of figures and charts over the views"
    )
    command.add_argument(
        "--out", metavar="FILE", default="report.html", help="file (default: report.html)"
    )
    command.add_argument(
        "--days",
        metavar="N",
        type=int,
        default=90,
        help="how many days the charts by day show, up to the newest job's (default: 90)",
    )
    command.add_argument(
        "--no-text", action="store_true", help="leave out excerpts of the documents' text"
    )
    _add_destination(command)


def _add_dbt(commands: Any) -> None:
    command = _command(
        commands,
        "dbt",
        "write a dbt package over the tables: sources with tests, the views as models",
    )
    command.add_argument(
        "folder", metavar="DIR", help="an empty or new one, or one that it has written"
    )
    _add_destination(command)
    command.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="dialect of SQL of the models (default: the destination's; to name it asks for no "
        "driver)",
    )


def _add_demo(commands: Any) -> None:
    command = _command(
        commands,
        "demo",
        "run the emulator, syncs, views and a report in a fresh DuckDB file; no key, no network",
    )
    _add_seed(command)


def _add_emulate(commands: Any) -> None:
    command = _command(
        commands, "emulate", "serve the providers' APIs on loopback, for trying and testing"
    )
    command.add_argument(
        "--port", metavar="N", type=int, default=8765, help="0 for any free one (default: 8765)"
    )
    _add_seed(command)
    command.add_argument(
        "--jobs", metavar="N", type=int, default=300, help="how many (default: 300)"
    )
    command.add_argument(
        "--model-changes",
        metavar="T",
        help="from then on (a date, an instant, yesterday, 7d or 12h) every provider parses with a "
        "worse model, and says nothing of it; see docjobs check --quality",
    )


def _add_completion(commands: Any) -> None:
    command = _command(commands, "completion", "print a script that completes words in a shell")
    command.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def _add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed", metavar="N", type=int, default=7, help="which jobs are made up (default: 7)"
    )
