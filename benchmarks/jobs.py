"""The jobs that the server knows: a number a job, and what follows from it.

Ids are random to whoever looks at them, because databases are quicker with keys that ascend, and
real ids don't. Jobs come a minute apart; which of them exist is a range of numbers.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, Literal

Provider = Literal["unsiloed", "llamacloud", "reducto", "landingai"]
PROVIDERS: Final[tuple[Provider, ...]] = ("unsiloed", "llamacloud", "reducto", "landingai")

SPACING: Final = timedelta(minutes=1)
SEGMENTS: Final = 150
CHUNKS: Final = 15
TEMPLATES: Final = 50
API_KEY: Final = "benchmark-key"


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the jobs were created: `epoch` is the creation of job 0."""

    epoch: datetime

    @classmethod
    def ending_now(cls, jobs: int) -> Calendar:
        """One in which the last of so many jobs was created two hours ago."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        return cls(now - timedelta(hours=2) - jobs * SPACING)

    def created_at(self, number: int) -> datetime:
        """When a job was created."""
        return self.epoch + number * SPACING

    def instants(self, number: int) -> tuple[datetime, datetime, datetime]:
        """When a job was created, began to be processed, and succeeded."""
        created = self.created_at(number)
        return created, created + timedelta(seconds=3), created + timedelta(seconds=41)


def job_id(provider: Provider, number: int) -> str:
    """A job's id, in the provider's form."""
    digest = hashlib.md5(f"{provider}:{number}".encode(), usedforsecurity=False).digest()
    text = str(uuid.UUID(bytes=digest, version=4))
    if provider == "landingai":
        return f"parse-{digest.hex()[:26]}"
    return f"pjb-{text}" if provider == "llamacloud" else text
