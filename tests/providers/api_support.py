"""A provider's module over a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx

from dlt_docjobs.http import ApiClient, HttpSettings
from dlt_docjobs.providers.protocol import ContentPolicy

T = TypeVar("T")
KEY = "secret-key-0123456789"
NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


class Ticking:
    """Each look at it is a second later; a sleep takes no time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        self.seconds += 1
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        self.seconds += 1
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


Query = list[tuple[str, str]]


class Server:
    """Answers with what a function says: a body, a status, or both; notes what was asked."""

    def __init__(self, answer: Callable[[str, Query], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Query]] = []
        self.headers: list[httpx.Headers] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.partition(b"?")[0].decode()
        query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        self.asked.append((path, query))
        self.headers.append(request.headers)
        assert request.method == "GET"
        said = self.answer(path, query)
        if isinstance(said, int):
            return httpx.Response(said, json={"detail": "refused"})
        if isinstance(said, httpx.Response):
            return said
        return httpx.Response(200, json=said)

    @property
    def queries(self) -> list[Query]:
        return [query for _, query in self.asked]


def always(body: Any) -> Server:
    return Server(lambda path, query: body)


def in_turn(*bodies: Any) -> Server:
    """One after the other; one question more is an error."""
    waiting = list(bodies)
    return Server(lambda path, query: waiting.pop(0))


def ask(
    kind: Callable[..., Any],
    server: Server,
    question: Callable[[Any], Awaitable[T]],
    *,
    base_url: str = "https://api.test",
    headers: dict[str, str] | None = None,
    policy: ContentPolicy | None = None,
    page_size: int | None = 100,
    **settings: Any,
) -> T:
    """Asks a provider's module one thing; `settings` are the provider's own."""

    async def talk() -> T:
        client = ApiClient(
            base_url,
            headers={"Authorization": f"Bearer {KEY}"} if headers is None else headers,
            settings=HttpSettings(max_retries=1),
            transport=httpx.MockTransport(server),
            clock=Ticking(),
        )
        async with client:
            return await question(kind(client, policy or ContentPolicy(), page_size, settings))

    return asyncio.run(talk())
