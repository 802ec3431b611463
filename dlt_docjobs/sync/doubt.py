"""404s of one run: what is believed of them, and what is not.

A single 404 is believed once a later sync confirms it. Where most of the known jobs that a run
asks for answer 404, the likelier cause is the run's own: a key of another project, another
region, an outage. Then none of them is believed, and the run moves no cursor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from dlt_docjobs.model.observation import JobObservation
from dlt_docjobs.warehouse.state import JobRef

_FEW: Final = 5
_REMEMBERED: Final = 200_000


class MissingJobs:
    """The known jobs that a run has asked for, and those of them that answered 404.

    Attributes:
        taken: Jobs that answered 404 in this run and were taken for missing.
        is_believed: Whether many at once are believed, as the user wants it.
        doubted_since: Since when runs doubt that so many jobs are gone; None where none does.
    """

    def __init__(self, *, is_believed: bool) -> None:
        self.taken: set[JobRef] = set()
        self.is_believed = is_believed
        self.doubted_since: datetime | None = None
        self._answered: set[int] = set()
        self._held: dict[JobRef, JobObservation] = {}

    def note_answer(self, ref: JobRef) -> None:
        """A known job that was asked for is there."""
        if len(self._answered) < _REMEMBERED:
            self._answered.add(hash(ref))
        self._held.pop(ref, None)

    def hold(self, seen: JobObservation) -> None:
        """A known job answered 404: nothing is concluded before the run has asked for the rest."""
        if seen.ref not in self.taken:
            self._held.setdefault(seen.ref, seen)

    @property
    def count(self) -> int:
        """How many 404s wait to be believed or not."""
        return len(self._held)

    @property
    def is_doubtful(self) -> bool:
        """Whether so many jobs are missing that something else is the likelier cause."""
        missing = len(self._held) + len(self.taken)
        asked = len(self._answered) + missing
        return not self.is_believed and missing >= _FEW and 2 * missing > asked

    def take(self) -> JobObservation | None:
        """The next 404 that is to be believed; None where there is none."""
        if not self._held:
            return None
        ref, seen = next(iter(self._held.items()))
        del self._held[ref]
        self.taken.add(ref)
        return seen

    def drop(self) -> int:
        """Forgets those that wait, and says how many they were: the next sync asks again."""
        count = len(self._held)
        self._held.clear()
        return count
