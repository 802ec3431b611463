"""Against real sockets on loopback: what mocks cannot break truly."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from http_support import JOB, fetch, fetch_json, make_client, plain, serving

from dlt_docjobs.http import (
    ApiError,
    Forbidden,
    ServerError,
    Unreachable,
    UnrecognisedAnswer,
)


def over_the_wire(*answers: bytes | None, asks: object = fetch_json, **settings: object) -> object:
    """Asks a server that gives these answers in turn (None: a reset), closing after each."""
    left = list(answers)

    async def run() -> object:
        async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer is None:
                writer.transport.abort()
                return
            writer.write(answer)
            await writer.drain()
            writer.close()

        async with serving(handle) as base_url:
            client = make_client(
                handle, base_url=base_url, transport=httpx.AsyncHTTPTransport(), **settings
            )  # type: ignore[arg-type]
            return await asks(client)  # type: ignore[operator]

    return asyncio.run(run())


GOOD = plain(b'{"a": 1}')
CUT_OFF = plain(b'{"a": 1}').replace(b"Length: 8", b"Length: 800")
CUT_CHUNKS = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n'
NOT_HTTP = b"SSH-2.0-OpenSSH_9.7\r\n\r\n"
BROKEN_GZIP = plain(gzip.compress(b'{"a": 1}', mtime=0)[:-4], "200 OK", "Content-Encoding: gzip")


@pytest.mark.parametrize("trouble", [None, CUT_OFF, CUT_CHUNKS, NOT_HTTP, BROKEN_GZIP])
def test_a_broken_answer_is_asked_for_again(trouble: bytes | None) -> None:
    assert over_the_wire(trouble, GOOD) == {"a": 1}
    with pytest.raises(ServerError):
        over_the_wire(trouble, max_retries=1)


def test_gzip_over_the_wire() -> None:
    body = gzip.compress(b"[" + b"1," * 300_000 + b"1]", mtime=0)
    assert len(over_the_wire(plain(body, "200 OK", "Content-Encoding: gzip"))) == 300_001  # type: ignore[arg-type]


def test_silence_ends_with_the_timeout() -> None:
    async def run() -> None:
        async def silent(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(plain(b"x" * 100)[:-50])
            await writer.drain()
            await asyncio.sleep(5)

        async with serving(silent) as base_url:
            client = make_client(
                silent,
                base_url=base_url,
                transport=httpx.AsyncHTTPTransport(),
                timeout_seconds=0.5,
                max_retries=1,
            )
            began = time.monotonic()
            with pytest.raises(Unreachable, match="in time"):
                await fetch(client)
            assert client.counters.requests == 2
            # one timeout each, and not the five that an answer has in all
            assert time.monotonic() - began < 4

    asyncio.run(run())


def test_a_connection_is_waited_for_one_timeout() -> None:
    async def run() -> None:
        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # nobody answers the handshake
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
            writer.transport.abort()

        server = await asyncio.start_server(never, "127.0.0.1", 0)
        base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transport = httpx.AsyncHTTPTransport(verify=False)
        client = make_client(
            never, base_url=base_url, transport=transport, timeout_seconds=0.5, max_retries=0
        )
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no connection in time"):
            await fetch(client)
        assert time.monotonic() - began < 2
        server.close()

    asyncio.run(run())


async def trickling(
    status: str, pieces: Iterable[bytes], pause: float, **options: Any
) -> tuple[Any, float]:
    """Asks once a server that sends head and body piece by piece; how it ended, and when."""

    async def trickle(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n".encode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    is_result = options.pop("is_result", False)
    async with serving(trickle) as base_url:
        client = make_client(
            trickle,
            base_url=base_url,
            transport=httpx.AsyncHTTPTransport(),
            max_retries=0,
            **options,
        )
        began = time.monotonic()
        ended: Any
        async with client:
            try:
                ended = await client.get(JOB, is_result=is_result)
            except ApiError as error:
                ended = error
        return ended, time.monotonic() - began


def body_of(pieces: int) -> list[bytes]:
    return [b"Content-Length: %d\r\n\r\n" % pieces, *[b"x"] * pieces]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(body_of(10_000), id="body"),
        pytest.param([b"x: y\r\n"] * 10_000, id="headers"),
    ],
)
def test_an_answer_that_trickles_has_five_timeouts(pieces: list[bytes]) -> None:
    ended, took = asyncio.run(trickling("200 OK", pieces, 0.05, timeout_seconds=0.3))
    assert isinstance(ended, Unreachable) and "no answer in time" in str(ended)
    assert not ended.is_fatal, "other answers may come faster"
    assert 1.5 <= took < 5


def test_a_result_that_trickles_has_sixty_timeouts() -> None:
    pieces = body_of(60)
    ended, took = asyncio.run(
        trickling("200 OK", pieces, 0.05, timeout_seconds=0.3, is_result=True)
    )
    assert ended.body == b"x" * 60
    # longer than any other answer has
    assert took > 1.5
    ended, took = asyncio.run(
        trickling("200 OK", body_of(10_000), 0.01, timeout_seconds=0.05, is_result=True)
    )
    assert isinstance(ended, Unreachable)
    # on a busy machine the time between two bytes may be over first
    assert took < 10


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("500 Oops", ServerError),
        ("403 No", Forbidden),
        ("404 No", UnrecognisedAnswer),
    ],
)
def test_an_error_that_trickles_is_the_error_all_the_same(
    status: str, kind: type[ApiError]
) -> None:
    pieces = body_of(10_000)
    pieces[1:1] = [b'{"detail": "so it']
    ended, took = asyncio.run(trickling(status, pieces, 0.05, timeout_seconds=0.3))
    assert type(ended) is kind
    assert str(ended.status) == status[:3]
    # one timeout
    assert took < 1.5


def test_an_error_s_body_gets_no_time_beyond_the_answer_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlt_docjobs.http.client._ANSWER_TIMEOUTS", 1)
    # the head takes two thirds of the time, and the body would take one timeout more
    pieces = [b"x: y\r\n"] * 20 + body_of(10_000)
    ended, took = asyncio.run(trickling("500 Oops", pieces, 0.05, timeout_seconds=1.5))
    assert isinstance(ended, (ServerError, Unreachable))
    assert took < 2.2


def test_nobody_there() -> None:
    async def run() -> None:
        async def nothing(head: bytes, writer: asyncio.StreamWriter) -> None: ...

        async with serving(nothing) as base_url:
            pass
        client = make_client(
            nothing, base_url=base_url, transport=httpx.AsyncHTTPTransport(), max_retries=1
        )
        # in the words of whoever tried
        said = r"connection failed \(.*(attempts|refused|errno).*\)"
        with pytest.raises(Unreachable, match=said) as caught:
            await fetch(client)
        assert caught.value.is_fatal
        assert "127.0.0.1" not in caught.value.endpoint

    asyncio.run(run())


_SCRIPT = """
import asyncio, logging, sys, warnings
from dlt_docjobs.http import ApiClient, HttpSettings

warnings.simplefilter("error")
logging.basicConfig(level=logging.DEBUG)

async def main():
    heads, now, most = [], 0, 0

    async def connected(reader, writer):
        nonlocal now, most
        try:
            while True:
                heads.append(await reader.readuntil(b"\\r\\n\\r\\n"))
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.05)
                now -= 1
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", int(sys.argv[2]))
    url = sys.argv[1] or "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    settings = HttpSettings(max_concurrency=20)
    async with ApiClient(url, headers={"api-key": "k"}, settings=settings) as client:
        await asyncio.gather(*(client.get(["a", str(n)]) for n in range(60)))
    server.close()
    assert len(heads) == 60 and most == 20, (len(heads), most)
    assert all(b"authorization" not in head.lower() for head in heads), heads[0]
    assert all(b"\\r\\napi-key: k\\r\\n" in head for head in heads)
    print(heads[0].split(b" ")[1].decode().rpartition("/")[0])

asyncio.run(main())
"""


def in_a_process(base_url: str, port: int, **environment: str) -> str:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, base_url, str(port)],
        env={"PYTHONPATH": f"{root}", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "httpx" not in done.stderr and "httpcore" not in done.stderr, "logged"
    return done.stdout.strip()


def test_many_slots_share_several_clients_and_a_netrc_adds_no_credentials(tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password hunter2\n")
    netrc.chmod(0o600)
    assert in_a_process("", 0, NETRC=str(netrc), HOME=str(tmp_path)) == "/a"


def test_a_proxy_of_the_environment_is_used(unused_port: int, tmp_path: Path) -> None:
    proxy = f"http://127.0.0.1:{unused_port}"
    asked = in_a_process(
        "http://api.invalid/v1",
        unused_port,
        HTTP_PROXY=proxy,
        http_proxy=proxy,
        HOME=str(tmp_path),
    )
    assert asked == "http://api.invalid/v1/a"


@pytest.fixture
def unused_port() -> int:
    async def find() -> int:
        async with serving(lambda head, writer: asyncio.sleep(0)) as url:
            return int(url.rpartition(":")[2])

    return asyncio.run(find())


def test_connections_are_kept_and_used_again() -> None:
    ports = set()

    async def run() -> None:
        async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
            ports.add(writer.get_extra_info("peername")[1])
            writer.write(GOOD)

        async with serving(handle) as base_url:
            transport = httpx.AsyncHTTPTransport()
            async with make_client(handle, base_url=base_url, transport=transport) as client:
                for _ in range(10):
                    await client.get_json(JOB)

    asyncio.run(run())
    assert len(ports) == 1
