"""Writes the generated parts of README.md, the pages in docs/ and .dlt/config.toml from the code.

    python docs/generate.py           rewrites what is out of date
    python docs/generate.py --check   rewrites nothing and ends with 1 if anything is out of date

A part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`; NAME is a key of
`PARTS`. What is around the parts is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from proofs import proofs

from dlt_docjobs.cli.arguments import make_parser
from dlt_docjobs.model.vocabulary import is_terminal
from dlt_docjobs.providers import registry
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.sources import configuration as sources
from dlt_docjobs.sources.configuration import Key
from dlt_docjobs.tables import JOB_KEY, TABLES, Table
from dlt_docjobs.views import VIEWS, View

ROOT: Final = Path(__file__).resolve().parent.parent
CONFIG_FILE: Final = ROOT / ".dlt" / "config.toml"
PAGES: Final = (
    "README.md",
    *(path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("docs/**/*.md"))),
)
PROVIDERS: Final[dict[str, Provider]] = {
    name: registry.provider(name)
    for name in ("llamacloud", "contextual", "unsiloed", "reducto", "landingai")
}
NAMES: Final = {name: declared.title for name, declared in PROVIDERS.items()}
# arguments of one call; as configuration they would hold for every sync
OF_ONE_CALL: Final = ("created_at", *sources.OF_ONE_CALL)
# what the commented keys without a default show
EXAMPLES: Final[dict[str, str]] = {
    "job_kinds": '"parse, extract"',
    "job_ids": '["7d6c9a4e-0000-0000-0000-000000000001"]',
    "job_ids_file": '"unsiloed_ids.csv"',
    "organization_id": '"00000000-0000-0000-0000-000000000000"',
    "project_id": '"00000000-0000-0000-0000-000000000000"',
    "requests_per_second": "10",
    "retention_days": "90",
    "start_date": '"2026-01-31"',
    "table_format": '"delta"',
}

_PART: Final = re.compile(
    r"<!-- generated: (?P<name>[a-z-]+) -->\n.*?<!-- /generated -->", re.DOTALL
)


# -- Markdown -----------------------------------------------------------------------------------


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# -- tables -------------------------------------------------------------------------------------


def tables_overview() -> str:
    """Every table with its meaning and its key."""
    rows = (
        (f"[`{table.name}`](docs/tables.md#{table.name})", table.description, _code(table.key))
        for table in TABLES.values()
    )
    return _table(("table", "a row is", "key"), rows)


def entities() -> str:
    """The tables and what joins them, as a diagram: their keys, and which belongs to which."""
    lines = ["```mermaid", "erDiagram"]
    for name, table in TABLES.items():
        is_part = "segment_index" in table.key and name != "segments"
        parent = "segments" if is_part else "jobs"
        if table.is_job_level and name != "jobs":
            many = "o|" if table.key == JOB_KEY else "o{"
            lines.append(f"    {parent} ||--{many} {name} : has")
    lines += [
        "    jobs |o--o{ rejected_records : names",
        "    sync_runs ||--o{ jobs : wrote",
        "    sync_runs ||--o{ rejected_records : wrote",
    ]
    for name, table in TABLES.items():
        types = {column.name: column.type for column in table.columns}
        lines.append(f"    {name} {{")
        lines += [f"        {types[key]} {key} PK" for key in table.key]
        lines.append("    }")
    return "\n".join([*lines, "```"])


def tables() -> str:
    """Every table with its columns."""
    return "\n\n".join(_of_table(table) for table in TABLES.values())


def _of_table(table: Table) -> str:
    rows = (
        (f"`{column.name}`", column.type, "yes" if column.nullable else "", column.description)
        for column in table.columns
    )
    how = f"Key: {_code(table.key)}."
    if table.replaced_by != table.key:
        how += f" A load replaces all rows of {_code(table.replaced_by)} at once."
    columns = _table(("column", "type", "null", "meaning"), rows)
    return f"### {table.name}\n\n{table.description}\n\n{how}\n\n{columns}"


def views() -> str:
    """Every view with its columns."""
    return "\n\n".join(_of_view(view) for view in VIEWS.values())


def _of_view(view: View) -> str:
    columns = _table(
        ("column", "meaning"), ((f"`{name}`", description) for name, description in view.columns)
    )
    text = "\n\n".join(filter(None, (view.description, view.notes)))
    source = f"[{view.name}.sql](../dlt_docjobs/views/sql/{view.name}.sql)"
    return f"### {view.name}\n\n{text}\n\n{source}\n\n{columns}"


def statuses() -> str:
    """The canonical statuses and the providers' words for them."""
    words = {name: declared.vocabulary.statuses for name, declared in PROVIDERS.items()}
    canonical = dict.fromkeys(status for of in words.values() for status in of.values())
    rows = [
        (
            f"`{status}`",
            *(_words(of, status) for of in words.values()),
            "yes" if is_terminal(status) else "no",
        )
        for status in canonical
    ]
    return _table(("status", *NAMES.values(), "terminal"), rows)


def segment_types() -> str:
    """The canonical segment types and the providers' words for them."""
    words = {name: declared.vocabulary.segment_types for name, declared in PROVIDERS.items()}
    canonical = dict.fromkeys(kind for of in words.values() for kind in of.values())
    rows = [
        (f"`{kind}`", *(_words(of, kind) for of in words.values())) for kind in sorted(canonical)
    ]
    return _table(("segment_type", *NAMES.values()), rows)


def _words(vocabulary: Mapping[str, str], canonical: str) -> str:
    return ", ".join(word for word, meaning in vocabulary.items() if meaning == canonical)


# -- configuration ------------------------------------------------------------------------------


def keys_of(name: str, of_one_call: bool = False) -> dict[str, Key]:
    """The configuration keys of a source."""
    return {
        key.name: key
        for key in sources.arguments_of(PROVIDERS[name])
        if (key.name in OF_ONE_CALL) == of_one_call
    }


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _merged(of_one_call: bool = False) -> list[tuple[str, dict[str, Key]]]:
    """Every key with the providers that take it, in the order of the signatures."""
    found: dict[str, dict[str, Key]] = {}
    for provider in PROVIDERS:
        for key in keys_of(provider, of_one_call).values():
            found.setdefault(key.name, {})[provider] = key
    return list(found.items())


def _by_provider(of: dict[str, Key], say: Callable[[Key], str]) -> str:
    """What all say alike once, else each text with those that say it."""
    said: dict[str, list[str]] = {}
    for provider, key in of.items():
        said.setdefault(say(key), []).append(NAMES[provider])
    if len(said) == 1:
        return next(iter(said))
    return "<br>".join(f"{', '.join(names)}: {text}" for text, names in said.items())


def _key_rows(keys: Iterable[tuple[str, dict[str, Key]]]) -> Iterator[tuple[str, ...]]:
    for name, of in keys:
        default = _by_provider(of, lambda key: _default(key.default))
        yield f"`{name}`", default, _by_provider(of, lambda key: key.description)


def common_keys() -> str:
    """The keys that every provider takes."""
    common = [item for item in _merged() if len(item[1]) == len(PROVIDERS)]
    return _table(("key", "default", "meaning"), _key_rows(common))


def own_keys() -> str:
    """The keys that only some providers take."""
    rows = []
    for name, of in _merged():
        if len(of) < len(PROVIDERS):
            ((key, default, meaning),) = _key_rows([(name, of)])
            rows.append((", ".join(NAMES[provider] for provider in of), key, default, meaning))
    return _table(("provider", "key", "default", "meaning"), rows)


def one_call() -> str:
    """The arguments of one call of a source function."""
    return _table(("argument", "default", "meaning"), _key_rows(_merged(of_one_call=True)))


def key_variables() -> str:
    """Where each provider's key may stand."""
    rows = (
        (
            declared.title,
            f"`sources.docjobs.{name}.api_key`",
            f"`SOURCES__DOCJOBS__{name.upper()}__API_KEY`",
            _code(declared.key_variables),
        )
        for name, declared in PROVIDERS.items()
    )
    return _table(("provider", "secrets.toml", "environment", "else"), rows)


def config_file() -> str:
    """The commented defaults of all providers: `.dlt/config.toml`."""
    lines = [
        "# Configuration of dlt-docjobs. Every key is optional. What is commented out is the",
        "# default or, where there is none, an example. API keys belong into secrets.toml: see",
        "# example.secrets.toml. Written by docs/generate.py from the declarations.",
        "",
        "[runtime]",
        "# dlt's anonymous usage statistics; docjobs itself turns them off wherever it runs",
        "dlthub_telemetry = false",
    ]
    for provider in PROVIDERS:
        lines += ["", f"[sources.docjobs.{provider}]"]
        for key in keys_of(provider).values():
            if key.name == "api_key":
                continue
            lines.append(f"# {key.description}")
            lines.append(f"# {key.name} = {_toml(key)}")
    return "\n".join(lines) + "\n"


def _toml(key: Key) -> str:
    if key.default is None:
        return f"{EXAMPLES[key.name]}  # no default"
    if isinstance(key.default, bool):
        return str(key.default).lower()
    return f'"{key.default}"' if isinstance(key.default, str) else f"{key.default}"


# -- command line -------------------------------------------------------------------------------


def commands_of() -> dict[str, argparse.ArgumentParser]:
    """Every command's parser."""
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise LookupError("docjobs has no commands")


def commands_overview() -> str:
    """Every command in a line."""
    rows = (
        (f"[`docjobs {name}`](docs/cli.md#docjobs-{name})", parser.description or "")
        for name, parser in commands_of().items()
    )
    return _table(("command", "does"), rows)


def commands() -> str:
    """Every command with its arguments."""
    return "\n\n".join(_of_command(name, parser) for name, parser in commands_of().items())


def _of_command(name: str, parser: argparse.ArgumentParser) -> str:
    actions = [action for action in parser._actions if action.dest != "help"]
    synopsis = " ".join([f"docjobs {name}", *map(_synopsis, actions)])
    rows = [(f"`{_argument(action)}`", action.help or "") for action in actions]
    text = f"### docjobs {name}\n\n{parser.description}\n\n```text\n{synopsis}\n```"
    return f"{text}\n\n{_table(('argument', 'meaning'), rows)}" if rows else text


def _synopsis(action: argparse.Action) -> str:
    words = _argument(action)
    if not action.option_strings and action.nargs == "*":
        return f"[{words} ...]"
    return words if action.required else f"[{words}]"


def _argument(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest)
    option = action.option_strings[-1]
    if action.nargs == 0:
        return option
    value = "|".join(map(str, action.choices)) if action.choices else str(action.metavar)
    return f"{option} [{value}]" if action.nargs == "?" else f"{option} {value}"


# -- destinations -------------------------------------------------------------------------------

# what tests prove, in the order of the table, and how it calls the destinations of the tests
PROVEN: Final = (
    *("check", "first sync", "repeat", "late change", "another machine", "kill", "status"),
    *("views", "report", "forget", "reset", "rename"),
)
TRIED: Final = {
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "sqlite": "SQLite",
    "mysql": "MySQL (MariaDB)",
    "ducklake_postgres": "DuckLake, catalog in PostgreSQL",
    "ducklake": "DuckLake, catalog in SQLite",
    "delta": '`table_format = "delta"`',
    "iceberg": '`table_format = "iceberg"`',
    "files": "plain files",
    "s3_delta": 'S3, `table_format = "delta"`',
    "s3_iceberg": 'S3, `table_format = "iceberg"`',
    "s3_files": "S3, plain files",
    "s3_ducklake": "S3, DuckLake, catalog in PostgreSQL",
}


def proven() -> str:
    """What a test has run on which destination."""
    found = {(proof.what, proof.destination) for proof in proofs()}
    if unknown := {one for one in found if one[0] not in PROVEN or one[1] not in TRIED}:
        raise LookupError(f"tests prove what the table has no place for: {unknown}")
    rows = (
        (title, *("yes" if (what, name) in found else "" for what in PROVEN))
        for name, title in TRIED.items()
    )
    return _table(("", *PROVEN), rows)


# -- files --------------------------------------------------------------------------------------

PARTS: Final[dict[str, Callable[[], str]]] = {
    "tables-overview": tables_overview,
    "entities": entities,
    "tables": tables,
    "views": views,
    "statuses": statuses,
    "segment-types": segment_types,
    "common-keys": common_keys,
    "own-keys": own_keys,
    "one-call": one_call,
    "key-variables": key_variables,
    "proven": proven,
    "commands-overview": commands_overview,
    "commands": commands,
}


def renewed(text: str) -> str:
    """A page with its generated parts as the code has them now."""

    def part(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- generated: {name} -->\n\n{PARTS[name]()}\n\n<!-- /generated -->"

    return _PART.sub(part, text)


def outdated() -> dict[Path, str]:
    """The files that are out of date, with what they should hold."""
    wanted = {ROOT / page: renewed((ROOT / page).read_text("utf-8")) for page in PAGES}
    wanted[CONFIG_FILE] = config_file()
    return {
        path: text
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    }


def main() -> int:
    """Rewrites what is out of date, or only says so."""
    parser = argparse.ArgumentParser(description="Writes the documentation's generated parts.")
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    check = parser.parse_args().check
    found = outdated()
    for path, text in found.items():
        print(f"{path.relative_to(ROOT)} {'is out of date' if check else 'was rewritten'}")
        if not check:
            path.write_text(text, "utf-8")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
