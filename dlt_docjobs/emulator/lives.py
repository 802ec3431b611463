"""The lives that jobs lead at each provider: which statuses, for how long, with what end."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from dlt_docjobs.emulator.jobs import Combination

LONGEST_LIFE: Final = 3300.0
"""Seconds from creation to end at most, so that an hour finishes every job that can finish."""

_REDUCTO: Final[tuple[Combination, ...]] = (
    ("reducto", "parse"),
    ("reducto", "extract"),
    ("reducto", "classify"),
    ("reducto", "split"),
)

FIRST_STATUS: Final[dict[Combination, str]] = {
    ("llamacloud", "parse"): "PENDING",
    ("llamacloud", "extract"): "PENDING",
    ("llamacloud", "classify"): "PENDING",
    ("llamacloud", "split"): "pending",
    ("contextual", "parse"): "pending",
    ("contextual", "extract"): "pending",
    ("unsiloed", "parse"): "Starting",
    ("unsiloed", "extract"): "queued",
    ("unsiloed", "classify"): "queued",
    ("unsiloed", "split"): "queued",
    **dict.fromkeys(_REDUCTO, "Pending"),
    ("landingai", "parse"): "pending",
    ("landingai", "extract"): "pending",
}

RUNNING_STATUS: Final[dict[Combination, str]] = {
    ("llamacloud", "parse"): "RUNNING",
    ("llamacloud", "extract"): "RUNNING",
    ("llamacloud", "classify"): "RUNNING",
    ("llamacloud", "split"): "processing",
    ("contextual", "parse"): "processing",
    ("contextual", "extract"): "processing",
    ("unsiloed", "parse"): "Processing",
    ("unsiloed", "extract"): "processing",
    ("unsiloed", "classify"): "processing",
    ("unsiloed", "split"): "processing",
    **dict.fromkeys(_REDUCTO, "InProgress"),
    ("landingai", "parse"): "processing",
    ("landingai", "extract"): "processing",
}

ENDINGS: Final[dict[Combination, tuple[tuple[str, float], ...]]] = {
    ("llamacloud", "parse"): (("COMPLETED", 0.86), ("FAILED", 0.1), ("CANCELLED", 0.04)),
    ("llamacloud", "extract"): (("COMPLETED", 0.86), ("FAILED", 0.1), ("CANCELLED", 0.04)),
    ("llamacloud", "classify"): (("COMPLETED", 0.86), ("FAILED", 0.1), ("CANCELLED", 0.04)),
    ("llamacloud", "split"): (("completed", 0.86), ("failed", 0.1), ("cancelled", 0.04)),
    ("contextual", "parse"): (("completed", 0.86), ("failed", 0.1), ("cancelled", 0.04)),
    ("contextual", "extract"): (("completed", 0.86), ("failed", 0.1), ("cancelled", 0.04)),
    ("unsiloed", "parse"): (("Succeeded", 0.86), ("Failed", 0.1), ("Cancelled", 0.04)),
    ("unsiloed", "extract"): (("completed", 0.7), ("review", 0.18), ("failed", 0.12)),
    ("unsiloed", "classify"): (("completed", 0.9), ("failed", 0.1)),
    ("unsiloed", "split"): (("completed", 0.9), ("failed", 0.1)),
    **dict.fromkeys(_REDUCTO, (("Completed", 0.86), ("Failed", 0.1), ("Cancelled", 0.04))),
    ("landingai", "parse"): (("completed", 0.86), ("failed", 0.1), ("cancelled", 0.04)),
    ("landingai", "extract"): (("completed", 0.86), ("failed", 0.1), ("cancelled", 0.04)),
}

ERRORS: Final = (
    "The document is password protected",
    "Unsupported file type: application/x-dosexec",
    "Processing timeout: the job took too long to complete",
    "Internal processing error",
    "The file is empty or damaged (no pages found)",
    "Page failure ratio 0.31 exceeds the allowed 0.05",
)


class Life(NamedTuple):
    """Statuses with the seconds from creation at which each begins; the last is for good."""

    steps: list[tuple[float, str]]
    failure: str


def _lognormal(rng: random.Random, median: float, most: float) -> float:
    return min(most, median * rng.lognormvariate(0.0, 0.8))


def _ending(rng: random.Random, combination: Combination) -> str:
    statuses, weights = zip(*ENDINGS[combination], strict=True)
    ending: str = rng.choices(statuses, weights)[0]
    return ending


def draw_life(rng: random.Random, combination: Combination, pages: int) -> Life:
    """A life that ends."""
    provider, kind = combination
    ending = _ending(rng, combination)
    running = RUNNING_STATUS[combination]
    statuses = [FIRST_STATUS[combination]]
    if provider == "unsiloed" and kind == "parse":
        path = rng.random()
        if path < 0.25:
            statuses = ["AwaitingUpload", "Queued"]
        elif path < 0.5:
            statuses.append("Queued")
    elif combination == ("llamacloud", "extract") and rng.random() < 0.2:
        statuses.append("THROTTLED")
    if ending.lower() != "cancelled" or rng.random() < 0.5:
        statuses.append(running)
        # Contextual's retries may happen more than once.
        while provider == "contextual" and rng.random() < 0.15:
            statuses += ["retrying", running]
        if provider == "reducto" and ending == "Completed" and rng.random() < 0.3:
            statuses.append("Completing")
    at, steps = 0.0, []
    for status in statuses:
        steps.append((at, status))
        median = 25.0 * pages**0.7 if status == running else 15.0
        at += max(0.05, _lognormal(rng, median, 900.0))
    steps.append((at, ending))
    scale = min(1.0, LONGEST_LIFE / at)
    return Life([(at * scale, status) for at, status in steps], rng.choice(ERRORS))


def draw_hanging_life(rng: random.Random, combination: Combination) -> Life:
    """A life that never ends: an upload that never comes, or a run that nobody finishes."""
    if combination == ("unsiloed", "parse"):
        return Life([(0.0, "AwaitingUpload")], rng.choice(ERRORS))
    queued = _lognormal(rng, 15.0, 900.0)
    steps = [(0.0, FIRST_STATUS[combination]), (queued, RUNNING_STATUS[combination])]
    return Life(steps, rng.choice(ERRORS))


def path_to(combination: Combination, provider_status: str) -> list[str]:
    """The statuses that a job passes on the plainest way to a status, that status last."""
    first, running = FIRST_STATUS[combination], RUNNING_STATUS[combination]
    if provider_status in (first, "AwaitingUpload", "Idle"):
        return [provider_status]
    if provider_status in (running, "THROTTLED", "Queued"):
        return [first, provider_status]
    return [first, running, provider_status]
