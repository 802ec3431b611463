"""A relay in front of the emulator that plants markers wherever an answer has room for them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import httpx

from dlt_docjobs.emulator import Emulator

TEXT = "Confidential7391"
SIGNATURE = "5ca1ab1e5ca1ab1e"
SIGNED = f"https://bucket.s3.amazonaws.com/a.pdf?X-Amz-Signature={SIGNATURE}&X-Amz-Date=1"


class Relay:
    """Passes requests on, and spoils the answers.

    Attributes:
        spoil: Pattern of a path to how its answers are spoiled, the first that fits: `html`,
            `cut`, `refused`, `boom`, `echo`.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.spoil: dict[str, str] = {}
        self.seen: list[tuple[str, str]] = []

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        self.seen.append((method, path))
        kept = {
            name: value
            for name, value in headers.items()
            if name.lower() in ("authorization", "api-key", "accept")
        }
        got = httpx.get(self.emulator.origin + path, headers=kept, timeout=30)
        how = next(
            (how for wanted, how in self.spoil.items() if re.search(wanted, path.split("?")[0])), ""
        )
        key = " ".join(kept.values())
        kind = got.headers.get("content-type", "")
        if how == "html":
            return 200, "text/html", f"<html><body>{TEXT} {key} {SIGNED}</body></html>".encode()
        if how == "cut":
            body = json.dumps({"text": TEXT, "url": SIGNED, "key": key, "more": [1, 2]})
            return 200, "application/json", body[:-6].encode()
        if how == "refused":
            detail = [{"loc": ["query", "x"], "msg": "bad", "input": TEXT, "ctx": {"key": key}}]
            return 422, "application/json", json.dumps({"detail": detail, "see": SIGNED}).encode()
        if how == "boom":
            said = {"message": f"{key} failed at {SIGNED}", "document": TEXT}
            return 500, "application/json", json.dumps(said).encode()
        if how == "echo":
            return 401, "application/json", json.dumps({"detail": f"bad key {key}"}).encode()
        body = got.content
        if got.status_code == 200 and body.startswith(b"{"):
            word = key.split()[-1]
            said = [f"asked with {key}", quote(word, safe=""), f"x/{word}?y", word.upper().lower()]
            grown = {**got.json(), "x_debug": {"text": TEXT, "url": SIGNED, "api_key": key}}
            grown["x_note"] = {"said": said, word: [[word]]}
            body = json.dumps(grown).encode()
        return got.status_code, kind, body

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The relay's origin, as long as the block lasts."""
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def _reply(self) -> None:
                status, kind, body = relay.answer(self.command, self.path, dict(self.headers))
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("x-debug", f"{TEXT} {SIGNED}")
                self.send_header("set-cookie", f"session={TEXT}")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _reply

            def log_message(self, *args: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
