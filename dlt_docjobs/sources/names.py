"""Names in the configuration: which are read, and what an error says of one that nobody reads.

dlt looks for the names that it knows and never says that another stands beside them. A section
that is misspelt would leave `include_content = false` unread, and every text would be stored.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from dlt_docjobs import dlt_internals
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.model.suggestions import suggest
from dlt_docjobs.providers.registry import provider_names, providers, split_name
from dlt_docjobs.sources.configuration import SourceConfiguration, keys_of

SOURCES: Final = "sources"
SECTION: Final = "docjobs"
ACCOUNT_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
# what dlt itself reads of a source: settings of its schema, and of each of its steps
_OF_DLT: Final = frozenset(
    {"max_table_nesting", "schema_contract", "root_key", "created_at"}
    | {"extract", "normalize", "load", "schema", "data_writer", "schema_name"}
)
_NEAR: Final = 0.85
_SEPARATORS: Final = re.compile(r"_+")


class _Problem(NamedTuple):
    """A name that nobody reads; of which source, where it is of one only."""

    text: str
    source_name: str | None = None


def refuse_unknown_names(source_name: str | None = None) -> None:
    """Refuses what stands in a configuration file or the environment and is read by nobody.

    Unknown keys and sections under `sources.docjobs`, and near misses of `sources` and `docjobs`
    themselves. Sections of other sources and of dlt are left alone.

    Args:
        source_name: The source whose own section is looked at too: an unknown key in another's
            stops that one only.

    Raises:
        UsageError: Names what was found, and what was probably meant.
    """
    for problem in _problems():
        if problem.source_name in (None, source_name):
            raise UsageError(problem.text)


def _problems() -> Iterator[_Problem]:
    for file, document in dlt_internals.configuration_files():
        for problem in _problems_of_file(document):
            yield problem._replace(text=f"{problem.text} ({file})")
    for variable in sorted(os.environ):
        for problem in _problems_of_variable(variable):
            yield problem._replace(text=f"{problem.text} (the variable {variable})")


def _problems_of_file(document: Mapping[str, Any]) -> Iterator[_Problem]:
    yield from _problems_of_sources(document.get(SOURCES), "")
    for name, value in document.items():
        if name == SOURCES or not isinstance(value, Mapping):
            continue
        if isinstance(value.get(SOURCES), Mapping):
            # a pipeline's own section
            yield from _problems_of_sources(value[SOURCES], f"{name}.")
        elif _means_docjobs(name) or (_is_near(name, SOURCES) and any(map(_means_docjobs, value))):
            yield _Problem(f"nobody reads [{name}]; did you mean [{SOURCES}.{SECTION}]?")


def _problems_of_sources(sources: Any, above: str) -> Iterator[_Problem]:
    """What is wrong in a section `sources`, which may stand in a pipeline's own section."""
    if not isinstance(sources, Mapping):
        return
    where = f"{above}{SOURCES}"
    for name, value in sources.items():
        if name == SECTION or not isinstance(value, Mapping):
            continue
        if _means_docjobs(name):
            yield _Problem(f"nobody reads [{where}.{name}]; did you mean [{SOURCES}.{SECTION}]?")
        elif name in provider_names():
            # dlt reads this short form too; it may be the section of somebody else's source
            known = _keys(name)
            for key in value:
                if known and key not in known and suggest(key, known):
                    yield _Problem(_unknown(key, f"{where}.{name}", known), name)
    own = sources.get(SECTION)
    if isinstance(own, Mapping):
        for name, value in own.items():
            keys = list(value) if isinstance(value, Mapping) else None
            yield from _problems_of_own(name, keys, f"{where}.{SECTION}")


def _problems_of_own(name: str, keys: Iterable[str] | None, where: str) -> Iterator[_Problem]:
    """What is wrong with a name right under `sources.docjobs`.

    Args:
        name: A section's name, or a key's.
        keys: The keys of the section; None where it is a key.
        where: The section that it stands in.
    """
    if keys is None:
        shared = _shared_keys()
        if name not in shared:
            yield _Problem(_unknown(name, where, shared))
        return
    if name in _OF_DLT:
        return
    parts = split_name(name)
    if parts is None or not ACCOUNT_NAME.fullmatch(parts[1]):
        names = provider_names()
        near = suggest(_squeezed(name), names) or suggest(name, names)
        listed = ", ".join(f"[{SOURCES}.{SECTION}.{one}]" for one in names)
        yield _Problem(f"nobody reads [{where}.{name}]{near or f': the sections are {listed}'}")
        return
    known = _keys(parts[0])
    for key in keys:
        if known and key not in known | _OF_DLT:
            yield _Problem(_unknown(key, f"{where}.{name}", known), name)


def _problems_of_variable(variable: str) -> Iterator[_Problem]:
    parts = variable.split("__")
    for place in range(min(2, len(parts) - 2)):
        # a pipeline's name may stand in front
        if parts[place : place + 2] == [SOURCES.upper(), SECTION.upper()]:
            name, *keys = [part.lower() for part in parts[place + 2 :]]
            yield from _problems_of_own(name, keys[:1] or None, f"{SOURCES}.{SECTION}")
            return
    words = _SEPARATORS.split(variable)
    is_own = len(parts) > 1 and _means_docjobs(parts[0])
    if is_own or (
        _is_near(words[0], SOURCES)
        and words[1:]
        and (_means_docjobs(words[1]) or _means_docjobs("".join(words[1:3])))
    ):
        begin = f"{SOURCES}__{SECTION}__".upper()
        yield _Problem(f"nobody reads it: names are in upper case and begin with {begin}")


def _keys(name: str) -> set[str]:
    """A provider's keys; none where it can't be used, which is said where it is asked for."""
    declared = providers().get(name)
    return {key.name for key in keys_of(declared)} if declared is not None else set()


def _shared_keys() -> set[str]:
    """What may stand right under `sources.docjobs`: dlt reads it there for every provider."""
    shared = set(SourceConfiguration.get_resolvable_fields())
    return shared.union(*map(_keys, provider_names()))


def _unknown(key: str, where: str, known: Iterable[str]) -> str:
    return f"unknown setting {key} under {where}{suggest(key, sorted(known))}"


def _means_docjobs(name: str) -> bool:
    """Whether a section's name is a near miss of `docjobs`, or `docjobs` in another place."""
    return _is_near(name, SECTION) or _squeezed(name) in ("dltdocjobs", "docjobsdlt")


def _is_near(name: str, wanted: str) -> bool:
    squeezed = _squeezed(name)
    if abs(len(squeezed) - len(wanted)) > 2:
        return False
    return difflib.SequenceMatcher(None, squeezed, wanted).ratio() >= _NEAR


def _squeezed(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
