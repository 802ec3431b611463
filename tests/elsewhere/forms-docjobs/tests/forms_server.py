"""The service, in the form that a declaration gives it."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlt_docjobs.providers.declaration import Provider
from dlt_docjobs.testing import FakeJob, FakeProvider

WORDS = {"queued": "new", "running": "busy", "succeeded": "good", "failed": "bad"}


class FormsServer(FakeProvider):
    """One port of loopback."""

    def __init__(self, form: Provider) -> None:
        super().__init__()
        self._form = form
        self._is_dated = all(listing.is_dated for listing in form.lists)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/api"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,)).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, Any]:
        if headers.get("Authorization") != f"Bearer {self.api_key}":
            return 401, {"detail": "unknown key"}
        parts = path.removeprefix("/api/").split("/")
        if parts[0] == "some":
            wanted = query.get("ids", "").split(",")
            found = [job for job in self.served() if job.job_id in wanted]
            return 200, {"jobs": [self._row(job) for job in found]}
        if parts[0] != "job":
            return 200, self._list("/" + "/".join(parts), query)
        jobs = [job for job in self.served() if job.job_id == parts[1]]
        if not jobs:
            return 404, {"detail": "unknown job"}
        row = self._row(jobs[0])
        has_result = parts[2:] or self._form.kinds[jobs[0].job_kind].status_has_result
        if has_result and jobs[0].status == "succeeded":
            row |= self._result(jobs[0])
        return 200, row

    def _list(self, endpoint: str, query: dict[str, str]) -> dict[str, Any]:
        (listing,) = (one for one in self._form.lists if one.endpoint == endpoint)
        kinds = self._form.lists[listing]
        jobs = [job for job in self.served() if job.job_kind in kinds]
        if "since" in query:
            since = datetime.fromisoformat(query["since"].replace("Z", "+00:00"))
            jobs = [job for job in jobs if job.created_at >= since]
        if "until" in query:
            until = datetime.fromisoformat(query["until"].replace("Z", "+00:00"))
            jobs = [job for job in jobs if job.created_at <= until]
        if listing.newest_first:
            jobs.sort(key=lambda job: job.created_at, reverse=True)
        shown, following = self.page(jobs, query.get("cursor"), int(query.get("limit", 10)))
        return {"jobs": [*map(self._row, shown), *self.odd_records], "next": following}

    def _row(self, job: FakeJob) -> dict[str, Any]:
        row = {
            "id": job.job_id,
            "kind": job.job_kind,
            "status": WORDS.get(job.word, job.word),
            "name": job.name,
            "error": job.error,
            **self.odd_fields,
        }
        return row | ({"created": job.created_at.isoformat()} if self._is_dated else {})

    def _result(self, job: FakeJob) -> dict[str, Any]:
        texts = self.result_of(job)
        if job.job_kind == "parse":
            word = job.segment_word or "text"
            return {"pages": [{"type": word, "text": text} for text in texts]}
        return {"value": list(texts)}


def _handler(fake: FormsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qsl(url.query)
            fault = fake.arrived(self.command, url.path, query, self.headers.items())
            if fault is not None:
                time.sleep(fault.delay)
            if fault is None or fault.status is None:
                status, value = fake.answer(url.path, dict(query), self.headers)
                self._send(status, json.dumps(value).encode(), {})
            else:
                self._send(fault.status, fault.body, dict(fault.headers))

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            return

    return Handler
