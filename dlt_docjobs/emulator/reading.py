"""How well a provider's model reads: what a silent change of it does to every result."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Model:
    """A model behind a provider's parse jobs.

    Attributes:
        certainty: Factor of every confidence.
        lost: Share of the pages of which it reads nothing: they fail, or are empty where the
            provider has no failed pages.
        flattened: Share of the tables, lists and pictures that it takes for plain text.
    """

    certainty: float = 1.0
    lost: float = 0.0
    flattened: float = 0.0

    def lost_pages(self, rng: random.Random, count: int) -> frozenset[int]:
        """1-based numbers of the pages of which it reads nothing."""
        if not self.lost:
            return frozenset()
        return frozenset(page for page in range(1, count + 1) if rng.random() < self.lost)

    def flattens(self, rng: random.Random) -> bool:
        """Whether it takes a table, list or picture for text; no chance is drawn unless it may."""
        return self.flattened > 0 and rng.random() < self.flattened

    def rate(self, score: float) -> float:
        """A confidence as it states it."""
        return round(score * self.certainty, 4)


USUAL: Final = Model()
CHANGED: Final = Model(certainty=0.6, lost=0.4, flattened=0.8)
