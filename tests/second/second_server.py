"""A second emulator of the three providers, written from their documentation alone.

It says of every job what a test has scripted, question by question, and else the plain truth. It
shares nothing with `dlt_docjobs.emulator`, so that a mistake made there is not made here.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

KEY = "key-of-the-second-emulator"
RAW = {
    b'"@digits@"': b"7" * 5000,
    b'"@deep@"': b"[" * 10_000 + b"]" * 10_000,
    b'"@lone@"': b'"\\ud800"',
}
"""What `json.dumps` can't or won't write, and the words that stand for it."""

RESULT_KEYS = {"llamacloud": "extract_result", "contextual": "results", "unsiloed": "result"}

Flow = Literal["whole", "cut", "reset", "trickle", "endless", "slow head", "silent"]
Question = Literal["row", "status", "result"]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, and how its bytes flow."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    flow: Flow = "whole"
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Answer | dict[str, Any] | None
"""An answer; keys that differ from the truth (`...` leaves one out); or the truth."""


def says(value: Any, status: int = 200, flow: Flow = "whole") -> Answer:
    body = json.dumps(value).encode()
    for word, raw in RAW.items():
        body = body.replace(word, raw)
    return Answer(body, status, flow=flow)


def not_found(provider: str) -> Answer:
    """A 404 in the words of the API itself."""
    if provider == "unsiloed":
        return Answer(b'"Job 1 not found"', 404, "text/plain; charset=utf-8")
    return says({"detail": "Job not found"}, 404)


def html(status: int = 200) -> Answer:
    return Answer(b"<html><h1>Down for maintenance</h1></html>", status, "text/html")


def broken_gzip(value: Any) -> Answer:
    packed = gzip.compress(json.dumps(value).encode() * 50)
    return Answer(packed[: len(packed) // 2], headers={"Content-Encoding": "gzip"})


@dataclass
class Job:
    """A job, and what the server answers about it; the last answer of a script stays.

    `fields` stand in every answer that describes the job, in place of what is true.
    """

    provider: str
    id: str
    uploaded: datetime
    status: str
    kind: str = "parse"
    listed: bool = True
    gone: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    script: dict[Question, list[Reply]] = field(default_factory=dict)

    def next(self, question: Question) -> Reply:
        replies = self.script.get(question) or [None]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    @property
    def has_succeeded(self) -> bool:
        return self.status.lower() in ("completed", "succeeded")


def row_of(job: Job) -> dict[str, Any]:
    """The row of a list, which is also what a status answer holds."""
    return {**_true_row(job), **job.fields}


def _true_row(job: Job) -> dict[str, Any]:
    at = job.uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    name = f"{job.id}.pdf"
    if job.provider == "llamacloud":
        times = {"created_at": at, "updated_at": at}
        own = (
            {"file_input": "dfl-1"} if job.kind == "extract" else {"name": name, "tier": "agentic"}
        )
        return {"id": job.id, "project_id": "prj-1", "status": job.status, **times, **own}
    if job.provider == "contextual" and job.kind == "parse":
        return {"id": job.id, "status": job.status, "file_name": name}
    if job.provider == "contextual":
        progress = {"completion_percentage": 100, "current_step": "done"}
        common = {
            "progress": progress,
            "current_activity": "",
            "schema_id": "s",
            "document_id": "d",
        }
        return {"job_id": job.id, "status": job.status, "created_at": at, **common}
    common = {"job_id": job.id, "status": job.status, "created_at": at, "metadata": {}}
    started = None if job.status in ("Starting", "Queued") else at
    ended = at if job.status in ("Succeeded", "Failed") else None
    return {**common, "file_name": name, "started_at": started, "finished_at": ended}


def result_of(job: Job) -> dict[str, Any]:
    """A whole result: one page with one segment, whose text is the job's id."""
    row, text = row_of(job), f"text of {job.id[:40]}"
    if job.kind == "extract":
        return {**row, RESULT_KEYS[job.provider]: {"text": text}}
    if job.provider == "llamacloud":
        item = {"type": "text", "value": text, "md": text, "bbox": None}
        page = {"page_number": 1, "page_width": 600, "page_height": 800, "success": True}
        job_part = {**row, "usage": {"credits": 3}}
        return {"job": job_part, "items": {"pages": [{**page, "items": [item]}]}}
    if job.provider == "contextual":
        box = {"x0": 0.1, "y0": 0.1, "x1": 0.5, "y1": 0.2}
        block = {"id": "b1", "type": "text", "bounding_box": box, "markdown": text}
        pages = [{"index": 0, "markdown": text, "blocks": [block]}]
        return {"file_name": row["file_name"], "status": job.status, "pages": pages}
    size = {"page_number": 1, "page_width": 600, "page_height": 800}
    box = {"left": 60, "top": 80, "width": 300, "height": 80}
    texts = {"content": text, "markdown": text, "html": text}
    segment = {"segment_id": "s1", "segment_type": "Text", **texts, **size, "bbox": box}
    chunk = {"chunk_id": "c1", "chunk_length": 3, "embed": text, "segments": [segment]}
    return {**row, "total_chunks": 1, "page_count": 1, "chunks": [chunk], "credit_used": 1}


class Server:
    """The three APIs on one port, with hooks for what is no single job's.

    `list_reply` answers in place of a list's page (provider, kind, offset), `token` is what a page
    names as the next, `after_page` runs when a page was made, `down` answers everything.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.strays: list[Any] = []
        self.list_reply: Callable[[str, str, int], Reply] = lambda provider, kind, offset: None
        self.down: Answer | None = None
        self.token: Callable[[str], Any] = lambda token: token
        self.page_size = 1000
        self.after_page: Callable[[], None] = lambda: None
        self.date: Callable[[], str | None] = lambda: format_datetime(
            datetime.now(timezone.utc), usegmt=True
        )
        self.asked: list[str] = []
        self.url = ""
        self._offsets: dict[str, int] = {}

    def base_url(self, provider: str) -> str:
        return f"{self.url}/v1" if provider == "contextual" else self.url

    # -- what is answered ------------------------------------------------------------------------

    def answer(self, target: str, headers: Mapping[str, str]) -> Answer:
        self.asked.append(target)
        if self.down:
            return self.down
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        match steps:
            case ["api", "v2", "parse" | "extract" as kind, *rest]:
                provider = "llamacloud"
            case ["v1", "parse" | "extract" as kind, "jobs", *rest]:
                provider = "contextual"
            case ["parse" | "extract" as kind, *rest] if rest:
                provider = "unsiloed"
            case _:
                return says({"detail": "Not Found"}, 404)
        wanted = KEY if provider == "unsiloed" else f"Bearer {KEY}"
        if headers.get("api-key" if provider == "unsiloed" else "authorization") != wanted:
            return says({"detail": "Invalid API key"}, 401)
        if not rest:
            return self._list(provider, kind, query)
        found = [j for j in self.jobs if (j.provider, j.kind, j.id) == (provider, kind, rest[0])]
        if not found or found[0].gone:
            return not_found(provider)
        return self._one(found[0], rest[1:], query)

    def _one(self, job: Job, rest: list[str], query: dict[str, list[str]]) -> Answer:
        match job.provider, job.kind:
            case "contextual", _:
                of_result = rest == ["results"]
            case "llamacloud", "parse":
                of_result = bool({*",".join(query.get("expand", [])).split(",")} - {"", "usage"})
            case "unsiloed", "parse":
                of_result = query.get("include_chunks") != ["false"]
            case _:
                of_result = job.has_succeeded
        of_result = of_result and job.has_succeeded
        if of_result:
            truth = result_of(job)
        elif (job.provider, job.kind) == ("llamacloud", "parse"):
            truth = {"job": {**row_of(job), "usage": {"credits": 3}}}
        elif (job.provider, job.kind) == ("contextual", "parse"):
            truth = {"status": job.status, "file_name": row_of(job)["file_name"]}
        else:
            truth = row_of(job)
        reply = job.next("result" if of_result else "status")
        return _merged(truth, _as_asked(reply, query) if isinstance(reply, dict) else reply)

    def _list(self, provider: str, kind: str, query: dict[str, list[str]]) -> Answer:
        jobs = [j for j in self.jobs if (j.provider, j.kind) == (provider, kind)]
        jobs = [j for j in jobs if j.listed and not j.gone and _is_meant(j, query)]
        jobs.sort(key=lambda job: job.uploaded, reverse=True)
        llama = provider == "llamacloud"
        token = query.get("page_token" if llama else "cursor", [""])[0]
        if token and token not in self._offsets:
            return says({"detail": "Invalid page token"}, 422)
        start = self._offsets.get(token, 0)
        size = int(query.get("page_size" if llama else "limit", ["100"])[0])
        end = start + min(size, self.page_size)
        rows = [_keys(row_of(job), job.next("row")) for job in jobs[start:end]]
        strays = [] if start or "job_ids" in query or kind != "parse" else self.strays
        body: dict[str, Any] = {"items" if llama else "jobs": [*strays, *rows]}
        if not llama:
            body["total_jobs" if kind == "parse" else "total_count"] = len(jobs)
        if end < len(jobs):
            sent = self.token(str(end))
            self._offsets.setdefault(str(sent), end)
            body["next_page_token" if llama else "next_cursor"] = sent
        self.after_page()
        return _merged(body, self.list_reply(provider, kind, start))

    # -- how it is served ------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                lower = {name.lower(): value for name, value in headers.items()}
                answer = self.answer(head[0].split(" ")[1], lower)
                await self._send(answer, writer)
                if answer.flow != "whole":
                    break
        with suppress(ConnectionError, RuntimeError):
            writer.close()

    async def _send(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        lines = {"Content-Type": answer.content_type, **answer.headers}
        if answer.flow in ("whole", "cut", "reset"):
            lines["Content-Length"] = str(len(answer.body))
        date = self.date()
        if date is not None:
            lines.setdefault("Date", date)
        head = f"HTTP/1.1 {answer.status} Said\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        body = answer.body if answer.flow == "whole" else answer.body[: len(answer.body) // 2]
        if answer.flow in ("slow head", "silent"):
            writer.write(
                head.encode("latin-1") + b"X-Slow: " if answer.flow == "slow head" else b""
            )
        else:
            writer.write(head.encode("latin-1") + b"\r\n" + body)
        await writer.drain()
        if answer.flow == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        piece = {"trickle": b" ", "slow head": b"x", "endless": b" " * 65_536, "silent": b""}
        while answer.flow in piece:
            writer.write(piece[answer.flow])
            await writer.drain()
            await asyncio.sleep(0.02 if answer.flow == "endless" else 0.1)


def _is_meant(job: Job, query: dict[str, list[str]]) -> bool:
    """Whether the filters of a list let a job through; both bounds are inclusive."""
    if "job_ids" in query and job.id not in ",".join(query["job_ids"]).split(","):
        return False
    if "status" in query and query["status"] != [job.status]:
        return False
    after = query.get("created_at_on_or_after") or query.get("uploaded_after")
    before = query.get("created_at_on_or_before")
    if after and job.uploaded < _instant(after[0]):
        return False
    return not before or job.uploaded <= _instant(before[0])


def _as_asked(reply: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
    """Leaves out of a scripted result what the request did not ask for."""
    wanted = ",".join([*query.get("expand", []), *query.get("output_types", [])]).split(",")
    left_out = {"items", "text", "markdown", "metadata"} - {*wanted}
    if "expand" in query:
        return _without(reply, left_out)
    if "output_types" in query and isinstance(reply.get("pages"), list):
        kept = {"blocks": "blocks-per-page", "markdown": "markdown-per-page"}
        gone = {key for key, word in kept.items() if word not in wanted}
        pages = [
            _without(page, gone) if isinstance(page, dict) else page for page in reply["pages"]
        ]
        return {**reply, "pages": pages}
    return reply


def _without(value: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: kept for key, kept in value.items() if key not in keys}


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def _keys(truth: dict[str, Any], reply: Reply) -> dict[str, Any]:
    changed = reply if isinstance(reply, dict) else {}
    return {key: value for key, value in {**truth, **changed}.items() if value is not ...}


def _merged(truth: dict[str, Any], reply: Reply) -> Answer:
    if isinstance(reply, Answer):
        flows = reply.flow in ("cut", "reset") and not reply.body
        return replace(reply, body=json.dumps(truth).encode()) if flows else reply
    return says(_keys(truth, reply))


@contextmanager
def running() -> Iterator[Server]:
    """Serves on loopback, in a thread, until the block ends."""
    server, loop, ready = Server(), asyncio.new_event_loop(), threading.Event()

    async def start() -> asyncio.Server:
        listening = await asyncio.start_server(server._serve, "127.0.0.1", 0, limit=2**20)
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        ready.set()
        return listening

    async def end() -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def serve() -> None:
        listening = loop.run_until_complete(start())
        loop.run_forever()
        listening.close()
        loop.run_until_complete(end())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
