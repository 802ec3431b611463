"""A server that answers as Acme does, from the kit's jobs; large results lie on another host."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlt_docjobs.testing import FakeJob, FakeProvider

LISTED = {
    "queued": "WAITING",
    "running": "WORKING",
    "succeeded": "DONE",
    "failed": "ERROR",
    "cancelled": "STOPPED",
}
ASKED_FOR = {
    "queued": "Pending",
    "running": "Pending",
    "succeeded": "Completed",
    "failed": "Errored",
    "cancelled": "Stopped",
}
SIGNATURE = "sig-0c4be19a7d"


class AcmeServer(FakeProvider):
    """Acme's API on one port of loopback, its results on another."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets.append(SIGNATURE)
        self._servers: list[ThreadingHTTPServer] = []

    @property
    def base_url(self) -> str:
        return f"{self._url(0)}/v2"

    def _url(self, number: int) -> str:
        return f"http://127.0.0.1:{self._servers[number].server_port}"

    def start(self) -> None:
        for answer, is_elsewhere in ((self._answer, False), (self._file, True)):
            handler = _handler(self, answer, is_elsewhere)
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _answer(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, Any]:
        if headers.get("X-Acme-Key") != self.api_key:
            return 401, {"message": "who are you?"}
        parts = path.removeprefix("/v2/").split("/")
        if parts == ["jobs"]:
            size = int(query.get("limit", 20))
            jobs, following = self.page(self.served(), query.get("cursor"), size)
            rows = [self._row(job, LISTED) for job in jobs]
            return 200, {"jobs": [*rows, *self.odd_records], "next": following}
        jobs = [job for job in self.served() if parts[:2] == ["jobs", job.job_id]]
        if not jobs:
            return 404, {"message": "no such job"}
        row = self._row(jobs[0], ASKED_FOR)
        if len(parts) == 2:
            return 200, row
        if jobs[0].status != "succeeded":
            return 200, {"job": row}
        if jobs[0].is_elsewhere:
            url = f"{self._url(1)}/{jobs[0].job_id}.json?signature={SIGNATURE}"
            return 200, {"job": row, "result_url": url}
        return 200, {"job": row, **self._result(jobs[0])}

    def _file(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, Any]:
        job_id = path.strip("/").removesuffix(".json")
        if query.get("signature") != SIGNATURE or job_id not in self.jobs:
            return 403, {"message": "the link has run out"}
        return 200, self._result(self.jobs[job_id])

    def _row(self, job: FakeJob, words: dict[str, str]) -> dict[str, Any]:
        return {
            "id": job.job_id,
            "type": job.job_kind,
            "state": words.get(job.word, job.word),
            "created": job.created_at.isoformat(),
            "file": job.name,
            "failure": job.error,
            **self.odd_fields,
        }

    def _result(self, job: FakeJob) -> dict[str, Any]:
        texts = self.result_of(job)
        if job.job_kind != "parse":
            return {"value": {"texts": list(texts)}, "scores": {"texts": 0.9}}
        box = {"left": 0.1, "top": 0.1, "right": 0.9, "bottom": 0.2}
        kind = job.segment_word or "paragraph"
        return {
            "pages": [
                {"number": number, "elements": [{"kind": kind, "text": text, "box": box}]}
                for number, text in enumerate(texts, 1)
            ]
        }


def _handler(
    fake: AcmeServer, answer: Callable[..., tuple[int, Any]], is_elsewhere: bool
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qsl(url.query)
            fault = fake.arrived(
                self.command, url.path, query, self.headers.items(), is_elsewhere=is_elsewhere
            )
            if fault is not None:
                time.sleep(fault.delay)
            if fault is not None and fault.status is not None:
                self._send(fault.status, fault.body, dict(fault.headers))
                return
            status, value = answer(url.path, dict(query), self.headers)
            self._send(status, json.dumps(value).encode(), {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            headers = {"Content-Type": "application/json", **headers}
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                # who asked is gone: killed, or tired of waiting
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            return

    return Handler
