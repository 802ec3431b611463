"""Answers of every endpoint as the providers shape them, mutated, and whole syncs over them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
from hypothesis import strategies as st
from sync_support import BASE, EVERYTHING, StillClock, Warehouse, run

from dlt_docjobs.emulator import Emulator
from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.http import ApiClient, HttpSettings
from dlt_docjobs.providers.protocol import ContentPolicy
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.sync.progress import Progress
from dlt_docjobs.sync.request import RunRequest
from dlt_docjobs.sync.session import Session
from dlt_docjobs.tables import TABLES

# bounds and tokens differ from run to run; what is asked for does not
_VOLATILE = re.compile(
    r"created_at|uploaded|token|cursor|page_size|pageSize|^page$|limit|job_ids|^X-Amz"
)
# where results lie that are not in an answer, in place of the emulator's own address
STORE = "https://results.s3.amazonaws.com"
# keys under which the providers say what decides: values that wander between them find more
KEYS = sorted(
    {"id", "job_id", "status", "created_at", "updated_at", "started_at", "finished_at", "items"}
    | {"jobs", "next_page_token", "next_cursor", "total_size", "job", "error_message", "message"}
    | {"pages", "chunks", "page_count", "total_chunks", "result", "results", "extract_result"}
    | {"metadata", "usage", "credits", "progress", "tier", "configuration", "brand_new", "type"}
    | {"file_name", "name", "value", "md", "rows", "bbox", "page_number", "segments", "ocr"}
    | {"has_more", "data", "response_type", "url", "output_url", "error", "structure", "children"}
    | {"grounding", "atomic_grounding", "range", "box", "page", "blocks", "content", "markdown"}
)
HUGE = [2**63 - 1, 2**63, -(2**64), 10**400, 1e308]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 400),
    st.sampled_from(HUGE),
    st.floats(),
    st.sampled_from(
        ["", "COMPLETED", "failed", "Processing", "review", "nonsense", "\x00", "../x"]
    ),
    st.sampled_from(["2026-11-01T00:00:00Z", "9999-12-31T23:59:59", "0001-01-01", "1e9", "NaN"]),
    st.text(max_size=5),
    st.text(st.characters(categories=["Cs", "Lu"]), max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.sampled_from(["replace", "replace", "add", "remove", "repeat", "nest", "rename"]),
        st.sampled_from(KEYS),
        VALUES,
    ),
    min_size=1,
    max_size=5,
)
# what no JSON encoder would write
SPOILINGS = st.sampled_from(
    [*["none"] * 12, "cut", "duplicate keys", "byte order mark", "latin-1", "trailing", "deep"]
)


class Mutation(NamedTuple):
    """What is done to one answer."""

    edits: list[tuple[int, str, str, Any]]
    spoiling: str


MUTATION = st.builds(Mutation, MUTATIONS, SPOILINGS)


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an answer, as its container and its key or index."""
    if not isinstance(value, (dict, list)):
        return
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        yield from nodes(value[key])


def mutated(body: Any, edits: list[tuple[int, str, str, Any]]) -> Any:
    """The answer with some places changed."""
    body = json.loads(json.dumps(body))
    for where, action, key, drawn in edits:
        places = list(nodes(body))
        if not places:
            break
        # the same edits are made in many answers, and more than once in one
        value = copy.deepcopy(drawn)
        container, at = places[where % len(places)]
        if action == "replace":
            container[at] = value
        elif action == "add" and isinstance(container[at], dict):
            container[at][key] = value
        elif action == "add" and isinstance(container[at], list):
            container[at].append(value)
        elif action == "repeat" and isinstance(container, list):
            container.append(json.loads(json.dumps(container[at])))
        elif action == "nest":
            for _ in range(70 if isinstance(value, str) else 3):
                container[at] = {key: container[at]}
        elif action == "rename" and isinstance(container, dict):
            container[key] = container.pop(at)
        elif action == "remove":
            del container[at]
    return body


def unreadable(text: bytes, how: str) -> bytes:
    """The JSON text with what makes it invalid, or odd."""
    if how == "cut":
        return text[: len(text) * 2 // 3]
    if how == "duplicate keys" and text.startswith(b"{"):
        return b'{"status":"nonsense","items":null,"jobs":7,' + text[1:]
    if how == "byte order mark":
        return b"\xef\xbb\xbf" + text
    if how == "latin-1":
        return text.replace(b"e", b"\xe9", 1)
    if how == "trailing":
        return text + b"<!-- proxy -->"
    if how == "deep" and text.startswith(b"{"):
        return b'{"brand_new":' + b"[" * 5000 + b"]" * 5000 + b"," + text[1:]
    return text


def key_of(path: str, query: Sequence[tuple[str, str]]) -> str:
    """What is asked for, whenever it is asked."""
    kept = sorted(f"{name}={value}" for name, value in query if not _VOLATILE.search(name))
    bulk = "#bulk" if any(name == "job_ids" for name, _ in query) else ""
    return f"{path}?{'&'.join(kept)}{bulk}"


def bound_of(query: Sequence[tuple[str, str]]) -> str:
    """The lower bound that a list was asked with; an empty text where there was none."""
    return next((value for name, value in query if name == "uploaded_after"), "")


class Recorded(NamedTuple):
    """An answer, and the bound that its list was asked with."""

    bound: str
    status: int
    body: bytes


@dataclass
class Account:
    """A provider's account as it answered once: every question that a sync asks has an answer."""

    provider: Provider
    targets: list[tuple[str, Any]]
    answers: dict[str, list[Recorded]] = field(default_factory=dict)

    @classmethod
    def recorded(cls, provider: Provider, emulator: Emulator) -> Account:
        """Answers to two whole syncs, as the emulator gives them."""
        jobs = emulator.jobs(provider)
        account = cls(provider, [(job.job_id, job.job_kind) for job in jobs])
        base = emulator.base_urls[provider]
        origin = base.removesuffix(f"/{provider}")
        header = {"authorization": f"Bearer {emulator.api_key}"}
        if provider == "unsiloed":
            header = {"api-key": emulator.api_key}

        def answer(request: httpx.Request) -> httpx.Response:
            url, key = str(request.url).replace("https://api.test", base), header
            if request.url.host == _ADDRESS:
                url, key = str(request.url).replace(f"https://{_ADDRESS}", origin), {}
            sent = httpx.get(url, headers=key)
            body = sent.content
            for store in (origin, origin.replace("127.0.0.1", "localhost")):
                body = body.replace(store.encode(), STORE.encode())
            path, query = _parts(request)
            account.answers.setdefault(key_of(path, query), []).append(
                Recorded(bound_of(query), sent.status_code, body)
            )
            return httpx.Response(sent.status_code, content=body)

        warehouse, progress = Warehouse(), Progress.fresh()
        for _ in range(2):
            # the second one asks for the open jobs again
            session, progress = account.sync(httpx.MockTransport(answer), warehouse, progress)
            assert session.exit_code == 0, session.row().error
        return account

    def sync(
        self,
        transport: httpx.MockTransport,
        warehouse: Warehouse,
        progress: Progress,
        policy: ContentPolicy | None = None,
    ) -> tuple[Session, Progress]:
        """A whole sync over a transport, some days after what the answers tell of."""
        clock = StillClock((datetime.now(timezone.utc) - BASE).total_seconds() + 4 * 86400)
        client = ApiClient(
            "https://api.test",
            headers={},
            settings=HttpSettings(max_retries=0),
            transport=transport,
            clock=clock,
            result_hosts=registered(self.provider).result_hosts,
            resolve=_resolve,
        )
        api = registered(self.provider).api_class()(client, policy or ContentPolicy(), 100)
        settings: dict[str, Any] = {"policy": policy or ContentPolicy()}
        if self.provider == "unsiloed":
            settings["targets"] = self.targets
        request = RunRequest(clock=clock)
        return run(api, warehouse, progress, wanted=EVERYTHING, request=request, **settings)


_ADDRESS = "93.184.216.34"


async def _resolve(host: str, port: int) -> Sequence[str]:
    return [_ADDRESS]


def _parts(request: httpx.Request) -> tuple[str, list[tuple[str, str]]]:
    path = request.url.raw_path.partition(b"?")[0].decode()
    return path, parse_qsl(request.url.query.decode(), keep_blank_values=True)


class Served:
    """Answers as recorded, some of them mutated: always the same one in the same way.

    Attributes:
        mutated: How many answers were sent mutated.
        bodies: What was sent with 200, by what was asked for.
    """

    def __init__(self, account: Account, mutations: list[Mutation]) -> None:
        self._account = account
        self._mutations = mutations
        self.mutated = 0
        self.bodies: dict[str, bytes] = {}
        self._next: dict[str, int] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = _parts(request)
        key = key_of(path, query)
        answers = self._account.answers.get(key)
        if answers is None:
            return httpx.Response(404, json={"detail": "Not found"})
        # no fewer jobs than were asked for: the last answer that began no later
        bound = bound_of(query)
        fitting = [answer for answer in answers if answer.bound <= bound]
        if not bound or not fitting:
            place = min(self._next.get(key, 0), len(answers) - 1)
            self._next[key] = place + 1
            fitting = [answers[place]] if not bound else sorted(answers)[:1]
        _, status, body = max(fitting, key=lambda answer: answer.bound)
        if self._mutations and status == 200:
            keys = sorted(self._account.answers)
            mutation = self._mutations[keys.index(key) % len(self._mutations)]
            text = json.dumps(mutated(json.loads(body), mutation.edits)).encode()
            body = unreadable(text, mutation.spoiling)
            self.mutated += 1
            self.bodies[key] = body
        return httpx.Response(status, content=body, headers={"content-type": "application/json"})


class Harm(NamedTuple):
    """What is done to one job, and to the headers of every answer.

    Attributes:
        mutation: Done to the job's row in lists, and to whatever it answers itself.
        job_id: Stands in place of its id in lists; None leaves it.
        token: Where the next page is said to be, on a list's last page; None leaves it.
        headers: Of every answer.
        own_headers: Of the job's own answers.
    """

    mutation: Mutation
    job_id: Any
    token: Any
    headers: list[tuple[str, str]]
    own_headers: list[tuple[str, str]]


_ODD_TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "..", "a/b", "a?b#c", "%00", "x" * 70_000, "\x7f", "é", "-1", "null"]
    ),
    st.text(max_size=8),
)
_ODD_DATES = st.sampled_from(
    [
        *("", "now", "0", "2026-11-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 -9999"),
        *("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"),
        "Sat, 30 Feb 2026 00:00:00 GMT",
    ]
)
_ODD_HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just("date"), _ODD_DATES),
        st.tuples(st.just("content-type"), st.sampled_from(["", "text/html", "a/b; charset=x"])),
        st.tuples(st.just("retry-after"), st.sampled_from(["", "soon", "-1", "1e9", "0"])),
        st.tuples(st.sampled_from(["link", "etag", "x-brand-new"]), st.just("<>; x=" + "y" * 9000)),
    ),
    max_size=3,
)
_OWN_HEADERS = st.lists(
    st.tuples(
        st.just("content-encoding"), st.sampled_from(["gzip", "br", "deflate", "nonsense", ""])
    ),
    max_size=1,
)
HARM = st.builds(
    Harm,
    MUTATION,
    st.none() | _ODD_TEXTS | VALUES,
    st.none() | _ODD_TEXTS | VALUES,
    _ODD_HEADERS,
    _OWN_HEADERS,
)


class Harmed(Served):
    """Answers as recorded, but for those of one job and for headers."""

    def __init__(self, account: Account, victim: str, harm: Harm) -> None:
        super().__init__(account, [])
        self._victim, self._harm = victim, harm

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer, harm = super().__call__(request), self._harm
        body, headers = answer.content, list(harm.headers)
        if self._victim in request.url.path:
            text = json.dumps(mutated(answer.json(), harm.mutation.edits)).encode()
            body = unreadable(text, harm.mutation.spoiling)
            headers += harm.own_headers
        elif answer.status_code == 200:
            body = self._list(answer.json())
        names = {name for name, _ in headers}
        if "content-type" not in names:
            headers.append(("content-type", "application/json"))
        sent = [(name.encode(), value.encode()) for name, value in headers]
        # as a stream, so that what can't be decoded is found out when it is read
        return httpx.Response(
            answer.status_code, headers=sent, stream=httpx.ByteStream(body), request=request
        )

    def _list(self, body: Any) -> bytes:
        for name in ("items", "jobs"):
            rows = body.get(name) if isinstance(body, dict) else None
            for place, row in enumerate(rows if isinstance(rows, list) else []):
                key = "job_id" if "job_id" in row else "id"
                if row[key] == self._victim:
                    odd = mutated(row, self._harm.mutation.edits)
                    if self._harm.job_id is not None and isinstance(odd, dict):
                        odd[key] = self._harm.job_id
                    rows[place] = odd
                    self.mutated += 1
        for token in ("next_page_token", "next_cursor", "has_more"):
            if token in body and not body[token] and self._harm.token is not None:
                body[token] = self._harm.token
        return json.dumps(body).encode()


def texts(warehouse: Warehouse) -> str:
    """Everything that a warehouse holds, as one text."""
    found: list[str] = []
    for row in warehouse.jobs.values():
        found += [value for value in row if isinstance(value, str)]
    for of_jobs in warehouse.rows.values():
        for rows in of_jobs.values():
            found += [value for row in rows for value in row.values() if isinstance(value, str)]
    for row in warehouse.rejected.values():
        found += [value for value in row.values() if isinstance(value, str)]
    for steps in warehouse.progress.values():
        found += [value for step in steps for value in step if isinstance(value, str)]
    return "\n".join(found)


def assert_storable(warehouse: Warehouse) -> None:
    """Every JSON column holds JSON, and no text holds what a warehouse refuses."""
    json_columns = {
        name: {column.name for column in table.columns if column.type == "json"}
        for name, table in TABLES.items()
    }

    def check(table: str, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if isinstance(value, str):
                assert "\x00" not in value
                value.encode()
                if name in json_columns[table]:
                    json.loads(value, parse_constant=_no_constant)

    for job in warehouse.jobs.values():
        check("jobs", job._asdict())
    for steps in warehouse.progress.values():
        for step in steps:
            check("job_progress", step._asdict())
    for name, of_jobs in warehouse.rows.items():
        for rows in of_jobs.values():
            for row in rows:
                check(name, row)
    for row in warehouse.rejected.values():
        check("rejected_records", row)


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")
