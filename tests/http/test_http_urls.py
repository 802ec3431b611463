"""Where requests go: base URLs, paths, query strings."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import httpx
import pytest
from http_support import KEY, OK, Script, fetch, make_client, plain, serving

from dlt_docjobs.http import (
    ApiError,
    InvalidBaseUrl,
    InvalidIdentifier,
    InvalidRequest,
    UnrecognisedAnswer,
    UnsendableRequest,
    normalise_base_url,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.cloud.llamaindex.ai", "https://api.cloud.llamaindex.ai"),
        ("api.cloud.eu.llamaindex.ai", "https://api.cloud.eu.llamaindex.ai"),
        ("api.contextual.ai/v1/", "https://api.contextual.ai/v1"),
        ("HTTPS://API.Contextual.AI/v1//", "https://api.contextual.ai/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("localhost:8080", "https://localhost:8080"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("  https://api.test\n", "https://api.test"),
        ("//api.test/v1", "https://api.test/v1"),
        ("https://api.test:443", "https://api.test"),
        ("https://api.test/proxy/Case", "https://api.test/proxy/Case"),
    ],
)
def test_a_base_url_is_normalised(given: str, expected: str) -> None:
    assert normalise_base_url(given) == expected
    assert normalise_base_url(expected) == expected


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("api test", "spaces"),
        ("https://api.test/a\tb", "spaces"),
        ("https://api.test/\x07", "control"),
        ("ftp://api.test", "https://"),
        ("file:///etc/passwd", "https://"),
        ("mailto:a.b", "https://"),
        ("https://", "host"),
        ("https:///v1", "host"),
        ("https://api.test:99999", "port"),
        ("https://api.test:0", "host"),
        ("https://user:hunter2@api.test", "user name"),
        ("hunter2@api.test", "user name"),
        ("https://api.test?hunter2=1", "query"),
        ("https://api.test/#hunter2", "fragment"),
        ("https://api.test\\@evil.test", "backslash"),
        ("https://api.test/../v1", ".."),
        ("https://api.test/é", "ASCII"),
        ("https://ap!i.test", "host"),
    ],
)
def test_what_is_no_base_url_is_refused_without_being_repeated(given: str, says: str) -> None:
    with pytest.raises(InvalidBaseUrl, match="base_url") as caught:
        normalise_base_url(given)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def asked(segments: tuple[str, ...], *params: tuple[str, str]) -> str:
    script = Script(OK)

    async def ask() -> None:
        async with make_client(script, base_url="https://api.test/v1") as client:
            await client.get(segments, params)

    asyncio.run(ask())
    (request,) = script.requests
    assert request.method == "GET"
    return request.url.raw_path.decode()


def test_segments_and_parameters_are_quoted() -> None:
    path = asked(("parse", "a b?c#d%2Fé".replace("é", "~")), ("t", "2026-01-01T00:00:00+00:00"))
    assert path == "/v1/parse/a%20b%3Fc%23d%252F~?t=2026-01-01T00%3A00%3A00%2B00%3A00"


def test_a_parameter_may_stand_repeatedly_and_keeps_its_order() -> None:
    path = asked(("p",), ("job_ids", "b"), ("expand", "x &y=z+"), ("job_ids", "a"), ("e", "ü"))
    assert path == "/v1/p?job_ids=b&expand=x%20%26y%3Dz%2B&job_ids=a&e=%C3%BC"


@pytest.mark.parametrize(
    "segment",
    ["", " ", ".", "..", "a/b", "a\\b", "/", "a\nb", "a\x00", "jöb", "a\u200bb", "\x7f"],
)
def test_a_segment_that_could_lead_elsewhere_is_refused(segment: str) -> None:
    script = Script(OK)

    async def ask() -> None:
        async with make_client(script) as client:
            await client.get(("parse", segment))

    with pytest.raises(InvalidIdentifier):
        asyncio.run(ask())
    assert script.requests == []


def refused(segments: tuple[str, ...], *params: tuple[str, str], **options: Any) -> Exception:
    """What is raised for a request of which nothing is sent."""
    script = Script(OK)

    async def ask() -> None:
        async with make_client(script, **options) as client:
            await client.get_json(segments, params)

    with pytest.raises((ApiError, InvalidIdentifier)) as caught:
        asyncio.run(ask())
    assert script.requests == []
    return caught.value


def test_an_id_that_is_too_long_for_a_url_is_none() -> None:
    for params in ((), (("page_token", "x" * 70_000),)):
        error = refused(("parse", "x" * 70_000), *params)
        assert isinstance(error, InvalidIdentifier)
        assert "70,000 characters" in str(error) and len(str(error)) < 200


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("x" * 70_000, "page_token has 70,000 characters"),
        # three bytes each, of three characters each
        ("\u20ac" * 8_000, "page_token has 8,000 characters"),
        ("secret\ud800", "no valid Unicode"),
    ],
)
def test_a_token_that_no_url_can_carry_costs_its_request_alone(token: str, said: str) -> None:
    error = refused(("parse",), ("page_size", "5"), ("page_token", token))
    assert isinstance(error, UnsendableRequest) and not isinstance(error, InvalidRequest)
    assert not error.is_fatal and error.status is None
    assert error.endpoint == "/parse"
    assert said in str(error) and token[:6] not in str(error)
    assert len(str(error)) < 200


def test_an_id_and_a_token_that_are_too_long_together_are_the_token_s_fault() -> None:
    error = refused(
        ("parse", "x" * 40_000), ("page_token", "y" * 40_000), base_url="http://a.test/v1"
    )
    assert isinstance(error, UnsendableRequest)


def test_what_fits_just_so_is_sent() -> None:
    room = 65536 - len("https://api.test/v1/p?t=")
    assert len(asked(("p",), ("t", "x" * room))) == len("/v1/p?t=") + room


@pytest.mark.parametrize("headers", [{"api-key": f" {KEY}"}, {"api key": KEY}])
def test_headers_that_http_does_not_allow_are_told_at_once_without_being_repeated(
    headers: dict[str, str],
) -> None:
    async def run() -> ApiError:
        async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(plain(b"{}"))

        async with serving(handle) as url:
            client = make_client(
                handle, base_url=url, headers=headers, transport=httpx.AsyncHTTPTransport()
            )
            with pytest.raises(ApiError) as caught:
                await fetch(client)
            assert client.counters.retries == 0
            return caught.value

    error = asyncio.run(run())
    assert isinstance(error, UnsendableRequest) and not error.is_fatal
    shown = "".join(traceback.format_exception(error)) + repr(error.__context__)
    assert KEY not in shown


def test_the_headers_of_every_request() -> None:
    script = Script(OK)
    asyncio.run(make_client_and_ask(script))
    headers = script.requests[0].headers
    assert headers["authorization"].startswith("Bearer llx-")
    assert headers["accept"] == "application/json"
    assert headers["accept-encoding"] == "gzip"
    assert headers["host"] == "api.test"


def test_every_request_is_a_get_without_a_body() -> None:
    script = Script(httpx.Response(307, headers={"location": "/v1/parse"}), OK)
    asyncio.run(make_client_and_ask(script))
    assert [(request.method, request.content) for request in script.requests] == [("GET", b"")] * 2


async def make_client_and_ask(script: Script) -> None:
    async with make_client(script) as client:
        await client.get(("parse",))


def test_cookies_are_not_sent_back() -> None:
    script = Script(httpx.Response(200, headers={"set-cookie": "a=b; Path=/"}, json={}))

    async def ask() -> None:
        async with make_client(script) as client:
            await client.get(("parse",))
            await client.get(("parse",))

    asyncio.run(ask())
    assert "cookie" not in script.requests[1].headers


def test_a_foreign_404_is_asked_for_again_unless_the_endpoint_is_optional() -> None:
    async def ask(optional: tuple[str, ...]) -> int:
        page = httpx.Response(404, html="<html><body>nothing here</body></html>")
        script = Script(*[page] * 3)
        async with make_client(script, optional=optional, max_retries=2) as client:
            with pytest.raises(UnrecognisedAnswer) as caught:
                await client.get(("classify",))
        assert caught.value.status == 404
        return len(script.requests)

    assert asyncio.run(ask(())) == 3
    assert asyncio.run(ask(("/classify",))) == 1
