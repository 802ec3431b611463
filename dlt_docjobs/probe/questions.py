"""All questions to an account, made from what a provider declares, and in which order they go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from dlt_docjobs.probe import kinds, lists
from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.providers.probing import Probe, Question, plain_words

_LIMIT_HEADER: Final = re.compile(r"(x-)?rate-?limit[a-z-]*|retry-after|[a-z-]*quota[a-z-]*")


def questions_of(provider: Provider) -> tuple[Question, ...]:
    """All questions to an account of a provider, in the order in which a report has them."""
    of_lists = [
        Question(
            f"{name}-{_slug(one.endpoint)}",
            f"`{one.endpoint}`: {text}",
            partial(ask, one),
            most,
        )
        for one in provider.lists
        for name, text, most, ask in lists.OF_LISTS
        if lists.fits(name, one)
    ]
    of_kinds = [
        Question(f"{name}-{kind}", f"{kind} jobs: {text}", partial(ask, kind), most)
        for kind in provider.kinds
        for name, text, most, ask in kinds.OF_KINDS
        if kinds.fits(name, kind, provider)
    ]
    return (*provider.questions(), *of_lists, *of_kinds, *_OF_ALL_ANSWERS)


def in_turn(questions: Sequence[Question]) -> list[Question]:
    """In which order they are asked, so that the requests go round.

    What needs the fewest requests comes first, of all kinds and lists before what needs more; what
    all answers tell comes last.
    """
    late = [one for one in questions if one in _OF_ALL_ANSWERS]
    return sorted((one for one in questions if one not in late), key=lambda one: one.most) + late


def _slug(endpoint: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", endpoint.lower()).strip("-")


# -- of the account -----------------------------------------------------------------------------


async def _clock(probe: Probe) -> str:
    if not probe.offsets:
        return "no answer had a `Date` header that can be read"
    most = max(probe.offsets, key=abs)
    if not most:
        return "within 2 seconds of this machine's"
    where = "ahead of" if most > 0 else "behind"
    return f"{abs(most):.0f} seconds {where} this machine's"


async def _limits(probe: Probe) -> str:
    found: dict[str, str] = {}
    for headers in probe.recorder.headers:
        for name, value in headers.items():
            if _LIMIT_HEADER.fullmatch(name):
                # what is left and until when tells of this account only
                is_limit = name.endswith("limit") or "-limit-" in name
                number = value if is_limit and re.fullmatch(r"\d{1,7}", value) else ""
                found.setdefault(name, number)
    if not found:
        return f"none in {len(probe.recorder.headers)} answers"
    said = [
        f"{plain_words([name])} = {number}" if number else plain_words([name])
        for name, number in sorted(found.items())
    ]
    return ", ".join(said)


_OF_ALL_ANSWERS: Final = (
    Question("clock", "How does the provider's clock stand?", _clock, 0),
    Question("limits", "Which headers tell of limits?", _limits, 0),
)
