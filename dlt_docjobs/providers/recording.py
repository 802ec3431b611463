"""The requests that `docjobs probe` sends: how many are left, and what came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dlt_docjobs.http import ApiError

REQUESTS: Final = 40
"""How many requests an account is asked, all questions together."""


class BudgetSpent(ApiError):
    """No request is left, for this question or for all of them."""


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """One answer, as it came.

    Attributes:
        status: Its HTTP status.
        headers: Its headers, names in lower case.
        body: Its body, of an error the beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def value(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        value = self.value()
        return value if isinstance(value, dict) else {}

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The objects in an array of the body."""
        rows = self.fields().get(key)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


@dataclass(slots=True)
class Recorder:
    """Counts requests, lets no more than the budget through, and keeps what came.

    Attributes:
        sent: Requests so far.
        limit: At how many the question that is asked now has to stop.
        exchanges: The answers to that question.
        headers: Those of all answers.
    """

    sent: int = 0
    limit: int = REQUESTS
    exchanges: list[Exchange] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def begin(self, most: int) -> None:
        """A question begins, which may send so many requests."""
        self.exchanges = []
        self.limit = min(REQUESTS, self.sent + most)

    def allow(self, more: int) -> None:
        """The question may send some more, for an answer that is kept for others."""
        self.limit = min(REQUESTS, self.limit + more)

    def sending(self, endpoint: str) -> None:
        """See `http.Watch.sending`."""
        if self.sent >= self.limit:
            raise BudgetSpent(endpoint, "no request is left for this question")
        self.sent += 1

    def received(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """See `http.Watch.received`."""
        kept = {name.lower(): value for name, value in headers.items()}
        self.headers.append(kept)
        self.exchanges.append(Exchange(status, kept, body))
