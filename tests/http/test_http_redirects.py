"""A redirect is followed only where the key may go."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from http_support import KEY, OK, Script, fetch, make_client, plain, serving

from dlt_docjobs.http import RedirectRefused, RequestCounters


def to(location: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/other?x=1", "https://api.test/other?x=1", "https://API.test:443/other?x=1#f"]
)
def test_a_redirect_within_the_origin_is_followed(location: str, status: int) -> None:
    script = Script(to(location, status), OK)
    client = make_client(script)
    answer = asyncio.run(fetch(client))
    assert script.requests[1].url == "https://api.test/other?x=1"
    assert script.requests[1].method == "GET"
    assert KEY in script.requests[1].headers["authorization"]
    assert client.counters == RequestCounters(requests=2)
    assert answer.endpoint == "/api/v2/parse/pjb-1"


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.test/",
        "http://api.test/",
        "https://api.test:8443/",
        "https://api.test.evil.test/",
        "//evil.test/",
        "https://user:pass@api.test/x",
        "ftp://api.test/",
        "",
    ],
)
def test_any_other_is_refused(location: str) -> None:
    script = Script(to(location), OK)
    with pytest.raises(RedirectRefused) as caught:
        asyncio.run(fetch(make_client(script)))
    assert len(script.requests) == 1
    assert "pass" not in str(caught.value) and caught.value.status == 302


def test_a_chain_and_a_circle_end() -> None:
    chain = Script(*(to(f"/{n}") for n in range(9)))
    with pytest.raises(RedirectRefused, match="more than 3"):
        asyncio.run(fetch(make_client(chain)))
    assert len(chain.requests) == 4
    chain = Script(to("/1"), to("/2"), to("/3"), OK)
    assert asyncio.run(fetch(make_client(chain))).status == 200
    circle = Script(to("/a"), to("/b"), to("/a"))
    with pytest.raises(RedirectRefused, match="circle"):
        asyncio.run(fetch(make_client(circle)))
    assert len(circle.requests) == 3


def test_a_304_is_no_answer() -> None:
    with pytest.raises(Exception, match="304"):
        asyncio.run(fetch(make_client(Script(httpx.Response(304)))))


def test_the_key_never_reaches_another_host() -> None:
    heard: list[bytes] = []

    async def run() -> None:
        async def evil(head: bytes, writer: asyncio.StreamWriter) -> None:
            heard.append(head)
            writer.write(plain(b"{}"))

        async with serving(evil) as other:

            async def honest(head: bytes, writer: asyncio.StreamWriter) -> None:
                writer.write(plain(b"", "307 Go", f"Location: {other}/steal?X-Amz-Signature=s"))

            async with serving(honest) as base_url:
                transport = httpx.AsyncHTTPTransport()
                client = make_client(evil, base_url=base_url, transport=transport)
                with pytest.raises(RedirectRefused, match="another origin") as caught:
                    await fetch(client)
                assert "Signature" not in str(caught.value)

    asyncio.run(run())
    assert heard == []
