"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Sizes:
    """Numbers of jobs.

    Attributes:
        main: The first sync.
        rivals: What rivals are tried with; the largest that fits counts.
        providers: The first sync of each provider that has a list.
        large: What the first sync is compared with for flatness.
        synced: Jobs that are really synced into a warehouse that is then multiplied.
        history: Jobs in the warehouse of a sync that finds nothing new.
        growth: Jobs in the warehouses onto which new ones are synced.
        new: How many new ones.
    """

    main: int
    rivals: tuple[int, ...]
    providers: int
    large: int
    synced: int
    history: int
    growth: tuple[int, ...]
    new: int

    @property
    def total(self) -> int:
        """Jobs that exist in all."""
        return max(self.main, self.large, self.history, *self.growth) + self.new


FULL: Final = Sizes(2000, (100, 400, 2000), 300, 20_000, 2000, 20_000, (2000, 20_000, 60_000), 200)
QUICK: Final = Sizes(200, (100,), 100, 600, 100, 1000, (100, 500, 1000), 20)
