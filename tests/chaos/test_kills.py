"""A sync that is killed, anywhere: a later one completes it, and nothing is lost or twice.

A handful of kills in the default run; `python -m pytest -m slow tests/chaos` for all of them.
"""

from __future__ import annotations

import itertools
import signal
import sys
from typing import Any

import pytest
from chaos_points import PHASES, Plan, phase_of
from chaos_support import MakeWorld

KILL, TERM = signal.SIGKILL, signal.SIGTERM
FEW = [
    Plan("before fetch", 2, TERM),
    # normalised, but its extracted twin is still there
    Plan("after normalise commit", 1, KILL),
    # copied into staging, but not noted as done: it is copied again
    Plan("after load copy of segments", 1, KILL),
    Plan("after load merge of jobs", 1, KILL),
]
SEEDS = {
    (provider, destination): place
    for place, (provider, destination) in enumerate(
        [
            *itertools.product(("llamacloud", "contextual", "unsiloed"), ("duckdb", "postgres")),
            ("reducto", "duckdb"),
            ("landingai", "duckdb"),
        ]
    )
}


def test_a_handful_of_kills(make_world: MakeWorld) -> None:
    world = make_world("llamacloud", "duckdb")
    for plan in FEW:
        ran = world.survive("at a point", plan=plan)
        assert ran.code in (-KILL, 128 + TERM), f"{plan} was never reached: {ran}"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("provider", "destination"), SEEDS)
def test_kills_everywhere(provider: str, destination: str, make_world: MakeWorld) -> None:
    world = make_world(provider, destination)
    plans = world.plans((KILL, TERM))
    moments = world.moments(max(len(plans), 62 - len(plans)), seed=SEEDS[provider, destination])
    kills: list[tuple[str, dict[str, Any]]] = [("at a point", {"plan": plan}) for plan in plans]
    kills += [("at random", {"kill": moment}) for moment in moments]
    phases, lost = set(), []
    for name, options in kills:
        try:
            phases.add(world.survive(name, **options).phase)
        except AssertionError as error:
            # one after the other, so that the figures are of all of them
            lost.append(str(error))
            print(error, file=sys.stderr)
    assert lost == []
    assert len(kills) >= 60
    final = {plan.point for plan in plans if plan.point.removeprefix("after ") in world.last_words}
    assert {point.split()[-1] for point in final} >= {"jobs", "job_status_history", "sync_runs"}
    assert len(final) >= 5
    assert phases >= {phase_of(point) for point in world.passed}
    assert {phase_of(point) for point in world.passed} >= set(PHASES) - {"list", "fetch"}
