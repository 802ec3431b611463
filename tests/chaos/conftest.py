"""Worlds whose syncs are killed, and what was done to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from chaos_support import DuckDb, Figures, MakeWorld, Postgres, World, Zygote

FIGURES = Figures()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """What syncs are forked from."""
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="module")
def make_world(
    tmp_path_factory: pytest.TempPathFactory, zygote: Zygote, request: pytest.FixtureRequest
) -> Iterator[MakeWorld]:
    """Makes the world of a provider and a destination."""
    with ExitStack() as stack:

        def make(provider: str, destination: str) -> World:
            folder = tmp_path_factory.mktemp("world")
            if destination == "duckdb":
                warehouses = DuckDb(folder)
            else:
                warehouses = Postgres(request.getfixturevalue("postgres_server"))
            world = World(provider, warehouses, folder, zygote, FIGURES)  # type: ignore[arg-type]
            stack.callback(world.close)
            return world

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the docs."""
    if FIGURES.kills:
        terminalreporter.section("kills")
        terminalreporter.write_line(str(FIGURES))
