"""Nothing that an account says comes into a report, but plain words where an enum is documented.

Every answer is rewritten on its way: a canary stands in every string, then in every key, in
headers and in errors. None of them may come through, whatever path an answer takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from probe_support import ask

from dlt_docjobs.emulator import Emulator, Faults
from dlt_docjobs.probe import Findings, as_json, as_markdown
from dlt_docjobs.providers.registry import providers

# a plain word, and one that could be an id, a name or a date
CANARIES = ("Kanarienvogel", "canary 7f3a.example")
_KEEP = re.compile(
    r"(id|job_id|status|type|segment_type|.*_at|created|next_.*|.*cursor|.*token)", re.IGNORECASE
)

Rewrite = Callable[[Any], Any]


def everywhere(value: Any) -> Any:
    """A canary in place of every string, of dates, ids and words too."""
    if isinstance(value, dict):
        return {key: everywhere(part) for key, part in value.items()}
    if isinstance(value, list):
        return [everywhere(part) for part in value]
    return CANARIES[1] if isinstance(value, str) else value


def in_texts(value: Any) -> Any:
    """A canary in every string but those without which a job is no job: the probe goes on."""
    if isinstance(value, list):
        return [in_texts(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{CANARIES[0]} {CANARIES[1]}"
        if isinstance(part, str) and not _KEEP.fullmatch(key)
        else in_texts(part)
        for key, part in value.items()
    }


def in_words(value: Any) -> Any:
    """A text in place of every word that an enum is documented for."""
    if isinstance(value, list):
        return [in_words(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: CANARIES[1]
        if isinstance(part, str) and key in ("status", "type", "segment_type")
        else in_words(part)
        for key, part in value.items()
    }


def in_keys(value: Any) -> Any:
    """A canary as a key beside those of every object; at the top of one record only."""
    seen: list[bool] = []

    def walk(part: Any, depth: int) -> Any:
        if isinstance(part, list):
            return [walk(one, depth) for one in part]
        if not isinstance(part, dict):
            return part
        mine = {key: walk(one, depth + 1) for key, one in part.items()}
        if depth == 1 and seen:
            return mine
        seen.extend([True] if depth == 1 else [])
        return {**mine, CANARIES[0]: 1, CANARIES[1]: "x", f"next_token {CANARIES[1]}": "y"}

    return walk(value, 0)


class _Canaries(httpx.AsyncBaseTransport):
    """The network, with every answer rewritten."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.changed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # a connection for each request: each is opened and closed in one loop
        async with httpx.AsyncHTTPTransport(verify=False) as network:
            response = await network.handle_async_request(request)
            body = await response.aread()
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-encoding", "content-length")
        }
        # the kind of body stays, and what else tells who or where is the canary's
        headers |= {"x-request-id": CANARIES[0], "x-ratelimit-limit": CANARIES[0]}
        headers |= {"x-ratelimit-policy": CANARIES[0], "server": CANARIES[0]}
        try:
            value = self.rewrite(json.loads(body))
        except ValueError:
            value = CANARIES[1]
        self.changed += 1
        return httpx.Response(
            response.status_code,
            headers=headers,
            stream=httpx.ByteStream(json.dumps(value).encode()),
        )


def both_forms(found: Findings) -> str:
    day = date(2026, 1, 1)
    return as_markdown([found], day) + json.dumps(as_json([found], day, 0), ensure_ascii=False)


REWRITES = (everywhere, in_texts, in_words, in_keys)
# each rewriting of two providers' answers, and slowly of all
QUICK = {("llamacloud", 1), ("llamacloud", 3), ("contextual", 0), ("contextual", 2)} | {
    *(("unsiloed", 1), ("unsiloed", 2), ("reducto", 1), ("reducto", 3)),
    *(("landingai", 0), ("landingai", 3)),
}
CASES = [
    pytest.param(
        name,
        rewrite,
        id=f"{name}-{rewrite.__name__}",
        marks=[] if (name, at) in QUICK else [pytest.mark.slow],
    )
    for name in sorted(providers())
    for at, rewrite in enumerate(REWRITES)
]


@pytest.mark.parametrize(("name", "rewrite"), CASES)
def test_no_canary_comes_through(emulator: Emulator, name: str, rewrite: Rewrite) -> None:
    emulator.faults = Faults(list_carries_results=True, data_points=True, page_size_max=100)
    transport = _Canaries(rewrite)
    found = ask(emulator, name, transport)
    assert transport.changed == found.requests > 2
    text = both_forms(found)
    for canary in CANARIES:
        for part in (canary, *canary.split()):
            assert part.lower() not in text.lower(), part
    assert emulator.api_key not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize("name", sorted(providers()))
def test_no_string_of_any_answer_comes_through(emulator: Emulator, name: str) -> None:
    """Of what the emulator itself says: no id, name, date, text or token."""
    said: set[str] = set()

    def gather(value: Any) -> Any:
        if isinstance(value, dict):
            for part in value.values():
                gather(part)
        elif isinstance(value, list):
            for part in value:
                gather(part)
        elif isinstance(value, str) and (" " in value or re.search(r"\d", value)):
            said.add(value)
        return value

    text = both_forms(ask(emulator, name, _Canaries(gather)))
    assert len(said) > 20
    # a text as short as a number of the report's own proves nothing
    found = [value for value in said if len(value) > 4 and value in text]
    assert not found


def test_a_word_that_the_connector_does_not_know_is_written_where_an_enum_is(
    emulator: Emulator,
) -> None:
    """Else the canaries would be kept out by a report that says nothing."""
    (job, *_) = emulator.jobs("llamacloud", "parse")
    emulator.faults = Faults(
        unknown_fields=True, unknown_segment_type=True, status_overrides={job.job_id: "ON_HOLD"}
    )
    text = both_forms(ask(emulator, "llamacloud"))
    for word in ("`x_added_later`", "`Hologram`"):
        assert word in text
