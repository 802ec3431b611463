"""What is asked again, how often, and after how long."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from http_support import NOON, OK, Script, VirtualClock, fetch, fetch_json, make_client

from dlt_docjobs.http import (
    ApiError,
    DeadlineReached,
    RequestCounters,
    ServerError,
    Throttled,
    Unreachable,
    Wait,
)

RETRIED = [408, 409, 425, 500, 501, 502, 503, 504, 520, 599]
REFUSED = [400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451]


@pytest.mark.parametrize("status", RETRIED)
def test_a_passing_trouble_is_repeated_until_it_passes(status: int) -> None:
    script = Script(httpx.Response(status), httpx.Response(status), OK)
    client = make_client(script)
    assert asyncio.run(fetch(client)).status == 200
    assert client.counters == RequestCounters(requests=3, retries=2, throttled=0, failures=2)


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal_is_final(status: int) -> None:
    script = Script(httpx.Response(status, json={"detail": "no"}), OK)
    client = make_client(script)
    with pytest.raises(ApiError):
        asyncio.run(fetch(client))
    failures = 0 if status in (404, 410) else 1
    assert client.counters == RequestCounters(1, 0, 0, failures)


@pytest.mark.parametrize("max_retries", [0, 1, 5])
def test_retries_are_bounded(max_retries: int) -> None:
    script = Script(httpx.Response(503))
    with pytest.raises(ServerError, match="503"):
        asyncio.run(fetch(make_client(script, max_retries=max_retries)))
    assert len(script.requests) == max_retries + 1


@pytest.mark.parametrize(
    ("trouble", "kind", "fatal"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), Unreachable, True),
        (httpx.ConnectTimeout(""), Unreachable, True),
        (httpx.ProxyError("407 Proxy Authentication Required"), Unreachable, True),
        (httpx.ReadTimeout(""), Unreachable, False),
        (httpx.ReadError("reset"), ServerError, False),
        (httpx.RemoteProtocolError("Server disconnected"), ServerError, False),
        (OSError("broken pipe"), ServerError, False),
    ],
)
def test_network_troubles_are_repeated(
    trouble: Exception, kind: type[ApiError], fatal: bool
) -> None:
    script = Script(trouble, OK)
    assert asyncio.run(fetch(make_client(script))).status == 200
    script = Script(trouble)
    client = make_client(script, max_retries=2)
    with pytest.raises(kind) as caught:
        asyncio.run(fetch(client))
    assert len(script.requests) == client.counters.failures == 3
    assert caught.value.is_fatal is fatal
    # Not chained: httpx's exceptions hold the request, and that its headers
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_backoff_doubles_up_to_eight_seconds_with_full_jitter() -> None:
    clock = VirtualClock()
    with pytest.raises(ServerError):
        asyncio.run(fetch(make_client(Script(httpx.Response(500)), clock, max_retries=7)))
    assert clock.slept == [0.5, 1, 2, 4, 8, 8, 8]

    clock, draws = VirtualClock(), iter([0.0, 0.25, 0.5])
    client = make_client(
        Script(httpx.Response(500)), clock, max_retries=3, random=lambda: next(draws)
    )
    with pytest.raises(ServerError):
        asyncio.run(fetch(client))
    assert clock.slept == [0, 0.25, 1]


def http_date(seconds: float) -> str:
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": http_date(20)}, 20),
        # The provider's own clock counts, where it shows it
        ({"retry-after": http_date(3620), "date": http_date(3600)}, 20),
        ({"retry-after": "86400"}, 300),
        ({"retry-after": http_date(1e6)}, 300),
        ({"retry-after": "0"}, 0.5),
        ({"retry-after": "-3"}, 0.5),
        ({"retry-after": http_date(-60)}, 0.5),
        ({"retry-after": "soon"}, 0.5),
        ({"retry-after": "inf"}, 0.5),
        ({"retry-after": "nan"}, 0.5),
        ({"retry-after": ""}, 0.5),
        ({}, 0.5),
    ],
)
def test_retry_after_is_honoured_where_it_makes_sense(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    clock = VirtualClock()
    client = make_client(Script(httpx.Response(status, headers=headers), OK), clock)
    asyncio.run(fetch(client))
    assert clock.slept[0] == pytest.approx(seconds)
    assert clock.seconds - 1000 >= seconds


def test_waiting_out_429s_uses_up_no_retries() -> None:
    storm = [httpx.Response(429)] * 15
    client = make_client(Script(*storm, httpx.Response(500), OK), max_retries=1)
    assert asyncio.run(fetch(client)).status == 200
    assert client.counters == RequestCounters(17, 16, 15, 16)


def test_even_a_storm_of_429s_ends() -> None:
    clock = VirtualClock()
    script = Script(httpx.Response(429))
    with pytest.raises(Throttled):
        asyncio.run(fetch(make_client(script, clock, max_retries=0, random=lambda: 0.0)))
    assert len(script.requests) == 20
    # Long enough for a window of a minute, however the dice fall
    assert clock.seconds - 1000 > 60


@pytest.mark.parametrize("status", [503, 429])
def test_no_wait_crosses_the_deadline(status: int) -> None:
    clock = VirtualClock()
    script = Script(httpx.Response(status, headers={"retry-after": "30"}), OK)
    client = make_client(script, clock)
    client.deadline = clock.seconds + 29
    with pytest.raises(DeadlineReached):
        asyncio.run(fetch(client))
    assert clock.slept == [] and len(script.requests) == 1

    clock = VirtualClock()
    client = make_client(Script(*script.answers), clock)
    client.deadline = clock.seconds + 31
    assert asyncio.run(fetch(client)).status == 200


def test_no_request_starts_after_the_deadline() -> None:
    clock = VirtualClock()
    script = Script(OK)
    client = make_client(script, clock)
    client.deadline = clock.seconds
    with pytest.raises(DeadlineReached) as caught:
        asyncio.run(fetch(client))
    assert script.requests == [] and not caught.value.is_fatal
    assert client.counters == RequestCounters()


def test_waits_are_told() -> None:
    waits: list[Wait] = []
    script = Script(httpx.Response(503), httpx.Response(429, headers={"retry-after": "11.2"}), OK)
    asyncio.run(fetch(make_client(script, waits=waits)))
    assert [(wait.seconds, wait.pauses_all) for wait in waits] == [(0.5, False), (11.2, True)]
    assert str(waits[1]) == "429: resuming in 12 s"
    assert "503" in waits[0].reason


def test_the_backoff_of_an_unreadable_body_keeps_to_the_deadline() -> None:
    clock = VirtualClock()
    client = make_client(Script(httpx.Response(200, text="<html>")), clock)
    client.deadline = clock.seconds + 0.1
    with pytest.raises(DeadlineReached):
        asyncio.run(fetch_json(client))


def test_a_client_outside_of_its_block_says_so() -> None:
    client = make_client(Script(OK))
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(client.get(("a",)))
