"""The server, in a process of its own: a bare asyncio protocol, as thin as it can be.

It serves GET with keep-alive and nothing else. A contestant must never wait for it, so there is no
framework: docs/performance.md has the figures against uvicorn.

    python -m benchmarks.server EPOCH

prints its address and serves until its standard input is closed. Beside the providers' paths it
has `/bench/open` (which jobs exist, latency, compression; forgets what was counted) and
`/bench/counts`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from benchmarks.answers import Answers
from benchmarks.jobs import Calendar

_REASONS = {200: b"OK", 404: b"Not Found"}
_SEND_BUFFER = 2**20


class Service:
    """What all connections share: the answers, the latency, and what was counted."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.latency = 0.0
        self.requests = 0
        self.bytes = 0
        self.first_request: float | None = None
        self._opened: tuple[Any, ...] = ()

    def reply(self, target: str, accepts_gzip: bool) -> tuple[bytes, float]:
        """A whole answer as bytes, and the seconds to wait before it is sent."""
        path, _, query = target.partition("?")
        if path.startswith("/bench/"):
            return _encoded(200, self._control(path, dict(parse_qsl(query))), False), 0.0
        if self.first_request is None:
            self.first_request = time.monotonic()
        self.requests += 1
        answer = _encoded(*self.answers.get(path, query, accepts_gzip))
        self.bytes += len(answer)
        return answer, self.latency

    def _control(self, path: str, params: dict[str, str]) -> bytes:
        if path == "/bench/open":
            self.latency = float(params["latency"])
            jobs = range(int(params["first"]), int(params["last"]))
            wanted = (params["provider"], jobs, params["gzip"] == "1")
            if wanted != self._opened:
                self.answers.open(*wanted)  # type: ignore[arg-type]
                self._opened = wanted
            self.requests = self.bytes = 0
            self.first_request = None
        counts = {
            "requests": self.requests,
            "bytes": self.bytes,
            "first_request": self.first_request,
        }
        return json.dumps(counts).encode()


class Connection(asyncio.Protocol):
    """One connection of one client."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Makes room in the socket for whole answers."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Answers every request that has come whole."""
        self._received += data
        while True:
            head, mark, rest = self._received.partition(b"\r\n\r\n")
            if not mark:
                return
            self._received = rest
            target = head.split(b" ", 2)[1].decode("ascii")
            accepts = b"gzip" in _header(head, b"accept-encoding")
            answer, wait = self._service.reply(target, accepts)
            if wait:
                asyncio.get_running_loop().call_later(wait, self._send, answer)
            else:
                self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


def _header(head: bytes, name: bytes) -> bytes:
    _, mark, rest = head.lower().partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0] if mark else b""


def _encoded(status: int, body: bytes, packed: bool) -> bytes:
    encoding = b"content-encoding: gzip\r\n" if packed else b""
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
    return head % (status, _REASONS[status], encoding, len(body)) + body


async def serve(epoch: datetime) -> None:
    """Serves until standard input is closed, so that the server never outlives its parent."""
    service = Service(Answers(Calendar(epoch)))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=512)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve(datetime.fromisoformat(sys.argv[1])))
