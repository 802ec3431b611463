"""A server of Reducto and LandingAI, written from their documentation alone, that answers oddly.

What it answers is what a test puts into it: rows of the list, and for each job what is answered at
each of its paths. A second host, at another port, has what lies behind URLs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "key-of-the-younger-server"

Query = dict[str, str]
Route = Callable[[Query], Any]


@dataclass
class Said:
    """An answer that is no plain JSON value with 200."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


def says(value: Any, status: int = 200) -> Said:
    return Said(json.dumps(value).encode(), status)


@dataclass
class Younger:
    """What is answered where, and what was asked for."""

    url: str = ""
    routes: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Query]] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def answer(self, path: str, query: Query, key: str | None) -> Said:
        self.asked.append((path, query))
        if path.startswith("/elsewhere/"):
            if key is not None:
                self.leaks.append(path)
        elif key != f"Bearer {KEY}":
            return says({"error": {"message": "who?", "code": 401}, "code": "unauthorized"}, 401)
        found = self.routes.get(path)
        if callable(found):
            found = found(query)
        if isinstance(found, Said):
            return found
        if found is None:
            told = {"message": "not found", "type": "error", "code": "NOT_FOUND"}
            return says({"error": told, "code": "not_found", "message": "no such job"}, 404)
        return says(found)


@contextmanager
def running() -> Iterator[Younger]:
    younger = Younger()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            said = younger.answer(parts.path, query, self.headers.get("authorization"))
            self.send_response(said.status)
            self.send_header("Content-Type", said.content_type)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    younger.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield younger
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
