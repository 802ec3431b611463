"""Bodies: decompressed truly, counted while they come, never held beyond the limit."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from http_support import NOON, Script, VirtualClock, fetch, fetch_json, make_client

from dlt_docjobs.http import ResponseTooLarge, ServerError
from dlt_docjobs.http.answers import clock_offset

GZIP = {"content-encoding": "gzip"}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def gzipped(*parts: bytes) -> httpx.Response:
    return httpx.Response(200, headers=GZIP, content=pieces(*parts))


def streaming(body: bytes, size: int = 7) -> httpx.Response:
    return gzipped(*(body[at : at + size] for at in range(0, len(body), size)))


def test_gzip_is_undone_even_in_small_pieces_and_several_members() -> None:
    text = bytes(range(256)) * 5000
    assert asyncio.run(fetch(make_client(lambda _: streaming(gzip.compress(text))))).body == text
    members = gzip.compress(b"one ") + gzip.compress(text) + gzip.compress(b" three")
    for size in (1, 5, 1000, 10**6):
        client = make_client(lambda _, size=size: streaming(members, size))
        assert asyncio.run(fetch(client)).body == b"one " + text + b" three"
    client = make_client(lambda _: streaming(gzip.compress(b"padded") + b"\0" * 20))
    assert asyncio.run(fetch(client)).body == b"padded"


def test_a_large_compressed_body_is_whole() -> None:
    # Compresses so well that output is left over when the input has been taken
    text = b"a" * (5 * 2**20 + 3)
    client = make_client(lambda _: gzipped(gzip.compress(text)))
    assert asyncio.run(fetch(client)).body == text


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"hello" * 100, mtime=0)[:-1],
        gzip.compress(b"hello" * 100, mtime=0)[:20],
        b"this is no gzip",
        gzip.compress(b"hello" * 100, mtime=0)[:-8] + b"\0" * 8,
    ],
)
def test_a_broken_compressed_body_is_asked_for_again(body: bytes) -> None:
    good = lambda _: gzipped(gzip.compress(b"[1]"))  # noqa: E731
    client = make_client(Script(lambda _: gzipped(body), good))
    assert asyncio.run(fetch_json(client)) == [1]
    with pytest.raises(ServerError, match="compressed body") as caught:
        asyncio.run(fetch(make_client(lambda _: gzipped(body), max_retries=1)))
    assert caught.value.status == 200


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate"])
def test_an_encoding_that_was_not_asked_for_is_refused(coding: str) -> None:
    answer = lambda _: httpx.Response(  # noqa: E731
        200, headers={"content-encoding": coding}, content=pieces(gzip.compress(b"{}"))
    )
    with pytest.raises(ServerError, match="not asked for"):
        asyncio.run(fetch(make_client(answer, max_retries=0)))


def test_an_empty_body_may_call_itself_compressed() -> None:
    assert asyncio.run(fetch(make_client(lambda _: gzipped()))).body == b""


def test_too_large_a_body_is_refused_without_being_read() -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 2**16
            yield b"x" * 2**16

    script = Script(lambda _: httpx.Response(200, content=endless()))
    client = make_client(script, max_response_mb=1)
    with pytest.raises(ResponseTooLarge, match="max_response_mb") as caught:
        asyncio.run(fetch(client))
    assert "1 MB" in str(caught.value) and not caught.value.is_fatal
    assert len(script.requests) == 1, "it would be as large again"
    assert given <= 2**20 + 2**16
    assert client.counters.failures == 1


def test_the_limit_itself_is_allowed() -> None:
    body = b"x" * 2**20
    answer = lambda _: httpx.Response(200, content=pieces(body))  # noqa: E731
    assert len(asyncio.run(fetch(make_client(answer, max_response_mb=1))).body) == 2**20
    longer = lambda _: httpx.Response(200, content=pieces(body, b"x"))  # noqa: E731
    with pytest.raises(ResponseTooLarge):
        asyncio.run(fetch(make_client(longer, max_response_mb=1)))


def test_an_announced_size_is_enough_to_refuse() -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    answer = lambda _: httpx.Response(  # noqa: E731
        200, headers={"content-length": str(2**21)}, content=never()
    )
    with pytest.raises(ResponseTooLarge):
        asyncio.run(fetch(make_client(answer, max_response_mb=1)))


def test_a_decompression_bomb_stays_small() -> None:
    bomb = gzip.compress(b"\0" * (200 * 2**20), compresslevel=1)
    client = make_client(lambda _: gzipped(bomb), max_response_mb=4)
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLarge):
            asyncio.run(fetch(client))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * 2**20


def test_the_time_that_a_body_took_is_told_by_the_clock() -> None:
    clock = VirtualClock()

    async def steady() -> AsyncIterator[bytes]:
        for _ in range(100):
            clock.seconds += 5
            yield b"x" * 10_000

    client = make_client(lambda _: httpx.Response(200, content=steady()), clock)
    answer = asyncio.run(fetch(client))
    assert len(answer.body) == 1_000_000
    assert answer.received_at - answer.sent_at == timedelta(seconds=500)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("date", "age", "took", "offset"),
    [
        ("Sun, 22 Nov 2026 12:00:00 GMT", None, 0, 0),
        # Nothing is told, which is not the same as no difference
        (None, None, 0, None),
        ("", None, 0, None),
        ("yesterday", None, 0, None),
        ("Sun, 22 Nov 2026 12:00:02 GMT", None, 0, 0),
        ("Sun, 22 Nov 2026 12:00:10 GMT", None, 0, 10),
        # Answered at the end of a long request: nothing is proved
        ("Sun, 22 Nov 2026 12:00:10 GMT", None, 10, 0),
        ("Sun, 22 Nov 2026 12:00:10 GMT", None, 4, 6),
        # Behind: the header may hide most of a second, and the request's length does not matter
        ("Sun, 22 Nov 2026 11:59:50 GMT", None, 0, -9),
        ("Sun, 22 Nov 2026 11:59:50 GMT", None, 30, -9),
        ("Sun, 22 Nov 2026 11:59:58 GMT", None, 0, 0),
        # A cache says how old its answer is
        ("Sun, 22 Nov 2026 11:50:00 GMT", "600", 0, 0),
        ("Sun, 22 Nov 2026 11:50:00 GMT", "lots", 0, -599),
        ("Sun, 22 Nov 2026 11:50:00 GMT", "9" * 400, 0, None),
    ],
)
def test_the_clock_offset_is_what_the_date_header_proves(
    date: str | None, age: str | None, took: float, offset: float | None
) -> None:
    expected = None if offset is None else seconds(offset)
    assert clock_offset(date, age, NOON, NOON + seconds(took)) == expected


def test_an_answer_knows_its_times_and_its_origin() -> None:
    headers = {"date": "Sun, 22 Nov 2026 13:00:00 GMT", "content-type": "application/json"}
    client = make_client(lambda _: httpx.Response(203, headers=headers, content=b"{}"))
    answer = asyncio.run(fetch(client))
    assert (answer.status, answer.content_type) == (203, "application/json")
    assert answer.sent_at == answer.received_at == NOON
    assert answer.clock_offset == seconds(3600)
    assert answer.endpoint == "/api/v2/parse/pjb-1"
