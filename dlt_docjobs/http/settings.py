"""How the client behaves, and what it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Limits of one client: the configuration keys of the same names.

    Attributes:
        max_concurrency: Requests in flight at once.
        requests_per_second: A ceiling; None for none. A 429 slows the client down either way.
        max_retries: Repeats of one request after errors. Waiting out a 429 is not counted here.
        timeout_seconds: For connecting, and for every silence while reading. Five times that is
            for a whole answer, sixty times for one that is asked for a job's result.
        max_response_mb: A larger body, counted in MiB after decompression, is refused.
    """

    max_concurrency: int = 16
    requests_per_second: float | None = None
    max_retries: int = 5
    timeout_seconds: float = 60
    max_response_mb: float = 512

    def __post_init__(self) -> None:
        """Refuses values with which nothing could ever be sent or received."""
        if self.max_concurrency < 1:
            raise ValueError("max_concurrency must be at least 1")
        if self.max_retries < 0:
            raise ValueError("max_retries must be 0 or more")
        for name in ("requests_per_second", "timeout_seconds", "max_response_mb"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a positive number")

    @property
    def max_response_bytes(self) -> int:
        """`max_response_mb` in bytes."""
        return int(self.max_response_mb * 2**20)


@dataclass(slots=True)
class RequestCounters:
    """What was sent so far; may be shared by several clients.

    Attributes:
        requests: Every HTTP request sent, repeats and followed redirects included.
        retries: Those of them that repeat one that brought nothing usable.
        throttled: Answers with status 429.
        failures: Requests that brought nothing usable: no answer, an error status other than
            404 and 410 (which say something of a job), an unreadable or refused body.
    """

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    failures: int = 0
