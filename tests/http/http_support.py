"""A clock that never waits, a client made for tests, and small servers on loopback."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

from dlt_docjobs.http import ApiClient, ErrorForm, HttpSettings, Wait
from dlt_docjobs.http.elsewhere import Resolve, resolve

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
KEY = "llx-secret-key-0123456789"
JOB = ("api", "v2", "parse", "pjb-1")
JOB_PATH = "/api/v2/parse/pjb-1"


class VirtualClock:
    """Moves on to the next sleeper's time as soon as nothing else is left to do."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._driver: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds - 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._order), woken))
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive())
        await woken

    async def _drive(self) -> None:
        while self._sleepers:
            for _ in range(50):
                await asyncio.sleep(0)
            until, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.seconds = max(self.seconds, until)
                woken.set_result(None)


class Script:
    """A transport that gives the scripted answers in turn, the last one again and again."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[..., httpx.Response]):
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            # A fresh one each time: httpx closes what it has read
            return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)
        return answer(request)


OK = httpx.Response(200, json={"ok": True})


def make_client(
    handler: Callable[..., Any],
    clock: VirtualClock | None = None,
    *,
    base_url: str = "https://api.test",
    waits: list[Wait] | None = None,
    random: Callable[[], float] = lambda: 1.0,
    region_hint: str = "",
    error_form: ErrorForm | None = None,
    headers: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    result_hosts: Sequence[str] = (),
    optional: Sequence[str] = (),
    resolve: Resolve = resolve,
    is_networked: bool = False,
    secrets: Sequence[str] = (),
    **settings: Any,
) -> ApiClient:
    """A client over a handler, or over the network; by default the jitter is at its longest."""
    return ApiClient(
        base_url,
        headers=headers or {"Authorization": f"Bearer {KEY}"},
        settings=HttpSettings(**settings),
        secrets=secrets,
        transport=None if is_networked else transport or httpx.MockTransport(handler),
        clock=clock or VirtualClock(),
        on_wait=None if waits is None else waits.append,
        region_hint=region_hint,
        error_form=error_form or ErrorForm(),
        result_hosts=result_hosts,
        optional=optional,
        resolve=resolve,
        random=random,
    )


async def fetch(client: ApiClient, *params: tuple[str, str]) -> Any:
    async with client:
        return await client.get(JOB, params)


async def fetch_json(client: ApiClient) -> Any:
    async with client:
        return (await client.get_json(JOB))[1]


@asynccontextmanager
async def serving(
    handle: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server on loopback: `handle` gets each request's head and the writer. Yields its URL."""

    tasks: list[asyncio.Task[None]] = []

    def started(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(connected(reader, writer)))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                await handle(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(started, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def plain(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP answer as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
