"""What tests say that they prove: read from their markers, without running or importing them.

    @pytest.mark.proves("first sync", *DESTINATIONS)

says that the test runs a first sync on each of these destinations. A tuple that is named stands in
the same file, or in the one of `tests/` that it is imported from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_TESTS: Final = Path(__file__).resolve().parent.parent / "tests"


class Proof(NamedTuple):
    """That a test runs something on a destination."""

    what: str
    destination: str
    test: str


def proofs() -> list[Proof]:
    """Every proof of the suite.

    Raises:
        LookupError: A marker's destinations can't be read.
    """
    return [proof for path in sorted(_TESTS.rglob("test_*.py")) for proof in _in_file(path)]


def _in_file(path: Path) -> Iterator[Proof]:
    text = path.read_text("utf-8")
    if "mark.proves(" not in text:
        return
    tree = ast.parse(text)
    for function in tree.body:
        for mark in getattr(function, "decorator_list", ()):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proves":
                assert isinstance(function, ast.FunctionDef)
                what, *destinations = _texts(mark.args, tree)
                test = f"{path.relative_to(_TESTS.parent).as_posix()}::{function.name}"
                yield from (Proof(what, one, test) for one in destinations)


def _texts(nodes: list[ast.expr], tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name):
            found += _tuple(node.value.id, tree)
        elif isinstance(node, ast.Subscript):
            # KINDS[0]
            assert isinstance(node.value, ast.Name)
            found.append(_tuple(node.value.id, tree)[ast.literal_eval(node.slice)])
        else:
            found.append(str(ast.literal_eval(node)))
    return found


def _tuple(name: str, tree: ast.Module) -> list[str]:
    """A tuple of texts by its name."""
    for line in tree.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == name:
            assert isinstance(line.value, ast.Tuple)
            return _texts(line.value.elts, tree)
        if isinstance(line, ast.ImportFrom) and any(one.name == name for one in line.names):
            for path in _TESTS.rglob(f"{line.module}.py"):
                return _tuple(name, ast.parse(path.read_text("utf-8")))
    raise LookupError(f"{name} is no tuple of a test's file or of one that it imports it from")
