"""The outermost layer: records requests, refuses or spoils answers, and delivers them."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from dlt_docjobs.emulator.apis.answers import Answer, refuse
from dlt_docjobs.emulator.clock import Clock
from dlt_docjobs.emulator.encoding import encode
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.truth import RequestRecord
from dlt_docjobs.emulator.vocabulary import PROVIDERS

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_HTML: Final = "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"
_SMALLEST_GZIP: Final = 500
_PIECES: Final = 10


class _Reply:
    """An answer as bytes."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @classmethod
    def of(cls, answer: Answer) -> _Reply:
        headers = {"content-type": answer.media_type, **answer.headers}
        return cls(answer.status, headers, encode(answer))


class Front:
    """An ASGI application around the providers' one."""

    def __init__(self, app: App, clock: Clock, seed: int, faults: Callable[[], Faults]) -> None:
        """Asks `faults` anew at every request."""
        self.requests: list[RequestRecord] = []
        self.stopping = False
        self._app = app
        self._clock = clock
        self._faults = faults
        self._rng = random.Random(f"{seed}:faults")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answers a request."""
        provider, _, rest = scope["path"].lstrip("/").partition("/")
        if provider not in PROVIDERS:
            await self._app(scope, receive, send)
            return
        faults = self._faults()
        hit = self._hits(faults, scope["path"])
        if hit and faults.latency_seconds:
            await self._sleep(faults.latency_seconds)
        if hit and self._draw(faults, faults.reset_fraction):
            self._record(faults, provider, rest, scope, 0)
            await _reset(send)
            return
        refusal = self._refusal(faults, provider, rest, scope) if hit else None
        if refusal is not None:
            reply = _Reply.of(refusal)
        else:
            reply = await self._ask(scope, receive)
            if hit:
                self._spoil(faults, reply)
        self._record(faults, provider, rest, scope, reply.status)
        accepts = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1")
        self._compress(faults, hit, reply, "gzip" in accepts)
        # Noted before too: a client that has the answer may move the clock before we go on here.
        self._clock.note_answer()
        try:
            await self._deliver(faults, hit, reply, send)
        finally:
            self._clock.note_answer()

    def _hits(self, faults: Faults, path: str) -> bool:
        return faults.path_pattern is None or bool(re.search(faults.path_pattern, path))

    def _draw(self, faults: Faults, fraction: float) -> bool:
        """Whether a fault strikes now; counts the budget down where it does."""
        if fraction <= 0 or faults.budget == 0 or self._rng.random() >= fraction:
            return False
        if faults.budget is not None:
            faults.budget -= 1
        return True

    def _refusal(
        self, faults: Faults, provider: str, rest: str, scope: MutableMapping[str, Any]
    ) -> Answer | None:
        parse = rest.startswith("parse/")
        if faults.refuse_status and self._draw(faults, 1.0):
            return refuse(provider, faults.refuse_status, parse=parse)
        if faults.billing_limit and self._draw(faults, 1.0):
            return refuse(provider, 429, "Usage limit exceeded", parse=parse)
        if self._draw(faults, faults.rate_limit_fraction):
            return self._later(faults, refuse(provider, 429, parse=parse))
        if self._draw(faults, faults.error_fraction):
            choice = faults.error_status
            status = choice if isinstance(choice, int) else self._rng.choice(choice)
            return self._later(faults, refuse(provider, status, parse=parse))
        if faults.redirect and self._draw(faults, 1.0):
            target = faults.redirect
            if target == "loop":
                query = scope["query_string"].decode("latin-1")
                target = scope["path"] + (f"?{query}" if query else "")
            return Answer("", 302, "text/plain", {"location": target})
        if self._draw(faults, faults.html_fraction):
            return Answer(_HTML, 200, "text/html; charset=utf-8")
        return None

    def _later(self, faults: Faults, answer: Answer) -> Answer:
        """Adds `Retry-After`, where faults want one."""
        value = faults.retry_after
        if value in ("date", "past"):
            seconds = 1 if value == "date" else -3600
            value = _http_date(self._now(faults) + timedelta(seconds=seconds))
        elif value == "absurd":
            value = "999999999"
        if value is not None:
            answer.headers["retry-after"] = value
        return answer

    async def _ask(self, scope: MutableMapping[str, Any], receive: Receive) -> _Reply:
        """What the API itself answers."""
        reply = _Reply(500, {}, b"")

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in message["headers"]
                }
            else:
                reply.body += message.get("body", b"")

        await self._app(scope, receive, collect)
        return reply

    def _spoil(self, faults: Faults, reply: _Reply) -> None:
        if faults.huge_body_mb and reply.body.startswith(b"{") and reply.status == 200:
            padding = b'{"padding":"' + b"x" * (faults.huge_body_mb << 20) + b'",'
            reply.body = padding + reply.body[1:]
        if self._draw(faults, faults.truncate_fraction):
            reply.body = reply.body[: len(reply.body) // 2]
        if self._draw(faults, faults.empty_body_fraction):
            reply.body = b""
        if faults.wrong_content_type:
            reply.headers["content-type"] = "text/plain; charset=utf-8"

    def _compress(self, faults: Faults, hit: bool, reply: _Reply, accepted: bool) -> None:
        if hit and self._draw(faults, faults.broken_gzip_fraction):
            packed = bytearray(gzip.compress(reply.body, 1, mtime=0))
            packed[10:] = bytes(byte ^ 0x5A for byte in packed[10:])
            reply.body, reply.headers["content-encoding"] = bytes(packed), "gzip"
        elif accepted and len(reply.body) >= _SMALLEST_GZIP:
            reply.body = gzip.compress(reply.body, 1, mtime=0)
            reply.headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}

    async def _deliver(self, faults: Faults, hit: bool, reply: _Reply, send: Send) -> None:
        cut = hit and self._draw(faults, faults.cut_fraction)
        headers = (
            faults.limit_headers
            | reply.headers
            | {
                "content-length": str(len(reply.body)),
                "date": _http_date(self._now(faults)),
            }
        )
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        if cut:
            half = reply.body[: len(reply.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await self._sleep(0.02)
            await _reset(send)
            return
        if hit and faults.slow_body_seconds:
            step = max(1, -(-len(reply.body) // _PIECES))
            for start in range(0, len(reply.body), step):
                piece = reply.body[start : start + step]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await self._sleep(faults.slow_body_seconds / _PIECES)
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": reply.body})

    def _record(
        self,
        faults: Faults,
        provider: str,
        rest: str,
        scope: MutableMapping[str, Any],
        status: int,
    ) -> None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        path = f"/{rest}"
        at = self._clock.read()
        record = RequestRecord(provider, scope["method"], path, query, status, at)
        self.requests.append(record)
        if faults.on_request is not None:
            faults.on_request(record)

    def _now(self, faults: Faults) -> datetime:
        return self._clock.read() + timedelta(seconds=faults.clock_skew_seconds)

    async def _sleep(self, seconds: float) -> None:
        """Sleeps in slices, so that a stop does not have to wait."""
        slices = max(1, round(seconds / 0.05))
        for _ in range(slices):
            if self.stopping:
                return
            await asyncio.sleep(seconds / slices)


def _http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


async def _reset(send: Send) -> None:
    """Resets the connection, as a crashed server or a firewall does."""
    # ASGI has no word for it. Uvicorn's `send` belongs to the object that holds the transport.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("connections can only be reset under uvicorn")
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    # The loss has to reach uvicorn before it looks for an answer that was never given.
    await asyncio.sleep(0.01)
