"""Results on other hosts: without the key, only where they may lie, never within one's network."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from http_support import KEY, OK, Script, VirtualClock, make_client, plain, serving

from dlt_docjobs.http import (
    Answer,
    ApiClient,
    ApiError,
    DeadlineReached,
    Forbidden,
    HostRefused,
    NotFound,
    RedirectRefused,
    RequestCounters,
    ResponseTooLarge,
    ServerError,
    Throttled,
    UnreadableBody,
    decode_json,
)

HOSTS = ("results.test", "*.store.test")
URL = "https://results.test/a/b.json?X-Amz-Signature=hunter2"
PUBLIC = "93.184.215.14"


class Names:
    """A resolver: what each name stands for, a list for each time that it is asked."""

    def __init__(self, **names: Sequence[Sequence[str]]) -> None:
        self.names = {name.replace("_", "."): list(answers) for name, answers in names.items()}
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        answers = self.names.get(host, [[PUBLIC]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def decoded(answer: Answer) -> Any:
    return decode_json(answer)


def make(script: Script, names: Names | None = None, **options: Any) -> ApiClient:
    options.setdefault("result_hosts", HOSTS)
    return make_client(script, resolve=names or Names(), **options)


async def get(client: ApiClient, url: str = URL) -> tuple[Answer, Any]:
    async with client:
        return await client.get_elsewhere(url, decoded)


def to(location: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"location": location})


# -- what is sent -------------------------------------------------------------------------------


def test_neither_the_key_nor_any_header_of_the_client_goes_along() -> None:
    script = Script(OK)
    headers = {"X-Key": KEY, "X-Project": "p-1"}
    answer, value = asyncio.run(get(make(script, headers=headers)))
    assert value == {"ok": True}
    (request,) = script.requests
    assert set(request.headers) == {"host", "accept", "accept-encoding", "user-agent"}
    assert KEY not in str(request.headers.raw)
    assert answer.endpoint == "https://results.test/…"


def test_the_address_that_was_checked_is_connected_to_under_the_hosts_name() -> None:
    script, names = Script(OK), Names(results_test=[[PUBLIC], ["127.0.0.1"]])
    asyncio.run(get(make(script, names)))
    (request,) = script.requests
    # a resolver that answers otherwise a moment later is not asked again
    assert names.asked == [("results.test", 443)]
    assert request.url.host == PUBLIC
    assert request.url.raw_path == b"/a/b.json?X-Amz-Signature=hunter2"
    assert request.headers["host"] == "results.test"
    assert request.extensions["sni_hostname"] == "results.test"


def test_a_repeat_looks_anew() -> None:
    script = Script(httpx.Response(503), OK)
    names = Names(results_test=[[PUBLIC], ["10.0.0.1"]])
    with pytest.raises(HostRefused):
        asyncio.run(get(make(script, names)))
    assert len(script.requests) == 1


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    script = Script(httpx.ConnectError("refused"), OK)
    names = Names(results_test=[["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC]])
    client = make(script, names, max_retries=0)
    assert asyncio.run(get(client))[1] == {"ok": True}
    hosts = [request.url.host for request in script.requests]
    assert hosts == ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", PUBLIC]
    assert client.counters == RequestCounters(requests=1)


# -- where it may go ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://RESULTS.test./x",
        "https://results.test:8443/x",
        "https://a.store.test/x",
        "https://a.b.store.test/x#fragment",
        "https://api.test/results/1",
        "https://93.184.215.14/x",
    ],
)
def test_hosts_that_are_declared_and_the_apis_own_are_asked(url: str) -> None:
    script = Script(OK)
    hosts = (*HOSTS, "93.184.215.14")
    assert asyncio.run(get(make(script, result_hosts=hosts), url))[1] == {"ok": True}
    assert "fragment" not in str(script.requests[0].url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/x",
        "https://results.test.evil.test/x",
        "https://evilresults.test/x",
        "https://store.test/x",
        "https://evilstore.test/x",
        "https://sub.api.test/x",
        "https://results.test@evil.test/x",
        "https://user:hunter2@results.test/x",
        "http://results.test/x",
        "http://api.test/x",
        "ftp://results.test/x",
        "file:///etc/passwd",
        "//results.test/x",
        "/x",
        "results.test/x",
        "",
        "https://",
        "https://results.test:99999/x",
        "https://results.test/\x00",
        "https://[::1/x",
    ],
)
def test_nothing_else_is_asked(url: str) -> None:
    script, names = Script(OK), Names()
    client = make(script, names)
    with pytest.raises(HostRefused) as caught:
        asyncio.run(get(client, url))
    assert script.requests == [] and names.asked == []
    assert "hunter2" not in str(caught.value) and not caught.value.is_fatal


@pytest.mark.parametrize(
    "url",
    ["https://files.example.com/x", "https://a.b.c:443/x", "https://93.184.215.14/x"],
)
def test_any_public_host_is_asked_where_nobody_says_which(url: str) -> None:
    script = Script(OK)
    asyncio.run(get(make(script, result_hosts=("*",)), url))
    (request,) = script.requests
    assert KEY not in str(request.headers.raw)


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example.com/x",
        "https://files.example.com:8443/x",
        "https://files.example.com:22/x",
        "https://user:hunter2@files.example.com/x",
        "https://intranet/x",
        "https://localhost/x",
        "https://api.localhost/x",
        "https://wiki.corp/x",
        "https://metadata.google.internal/x",
        "https://printer.local/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
    ],
)
def test_any_host_is_none_of_a_private_network(url: str) -> None:
    script = Script(OK)
    with pytest.raises(HostRefused) as caught:
        asyncio.run(get(make(script, result_hosts=("*",)), url))
    assert script.requests == [] and "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    ["https://inside.example.com/y", "http://files.example.com/y", "https://router.lan/y"],
)
def test_any_host_redirects_to_a_public_one_only(target: str) -> None:
    script, names = Script(to(target), OK), Names(inside_example_com=[["10.0.0.1"]])
    with pytest.raises((HostRefused, RedirectRefused)):
        asyncio.run(get(make(script, names, result_hosts=("*",)), "https://files.example.com/x"))
    assert len(script.requests) == 1


def test_any_host_has_a_public_address() -> None:
    script, names = Script(OK), Names(files_example_com=[[PUBLIC, "10.0.0.1"]])
    with pytest.raises(HostRefused, match="no public address"):
        asyncio.run(get(make(script, names, result_hosts=("*",)), "https://files.example.com/x"))
    assert script.requests == []


PRIVATE = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
    *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_stands_for_a_private_address_is_not_asked(address: str) -> None:
    script = Script(OK)
    for addresses in ([address], [PUBLIC, address]):
        with pytest.raises(HostRefused, match="no public address"):
            asyncio.run(get(make(script, Names(results_test=[addresses]))))
    assert script.requests == []


@pytest.mark.parametrize("address", ["64:ff9b::5db8:d70e", "2606:2800:21f:cb07::1"])
def test_public_addresses_of_ipv6_are_asked(address: str) -> None:
    script = Script(OK)
    asyncio.run(get(make(script, Names(results_test=[[address]]))))
    assert script.requests[0].url.host == address


def test_an_api_in_ones_own_network_may_keep_its_results_there() -> None:
    script = Script(to("https://api.internal/other"), OK)
    names = Names(api_internal=[["10.0.0.5"]])
    client = make(script, names, base_url="https://api.internal/v1")
    assert asyncio.run(get(client, "https://api.internal/r"))[1] == {"ok": True}
    assert [request.url.host for request in script.requests] == ["10.0.0.5"] * 2


# -- redirects ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    ["https://eu.store.test/x?sig=1", "https://api.test/y", "/c/d.json", "//results.test/z"],
)
def test_a_redirect_among_those_hosts_is_followed(location: str) -> None:
    script, names = Script(to(location, 307), OK), Names()
    client = make(script, names)
    assert asyncio.run(get(client))[1] == {"ok": True}
    assert KEY not in str([request.headers.raw for request in script.requests])
    assert len(names.asked) == 2, "each step is looked up for itself"
    assert client.counters == RequestCounters(requests=2)


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.test/?X-Amz-Signature=hunter2",
        "http://results.test/x",
        "https://user:hunter2@results.test/x",
        *(f"https://{name}/x" for name in ("127.0.0.1", "10.0.0.1", "169.254.169.254")),
        *(f"https://{name}/x" for name in ("[::1]", "[::ffff:127.0.0.1]", "2130706433")),
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("start", [URL, "https://api.test/results/1"])
def test_a_redirect_to_anywhere_else_is_refused(location: str, start: str) -> None:
    script = Script(to(location), OK)
    with pytest.raises(RedirectRefused) as caught:
        asyncio.run(get(make(script), start))
    assert len(script.requests) == 1
    assert "hunter2" not in str(caught.value) and not caught.value.is_fatal


@pytest.mark.parametrize("address", PRIVATE)
def test_a_redirect_into_a_private_network_is_refused_under_any_name(address: str) -> None:
    script = Script(to("https://a.store.test/x"), OK)
    with pytest.raises(HostRefused):
        asyncio.run(get(make(script, Names(a_store_test=[[address]]))))
    assert len(script.requests) == 1


def test_a_redirect_to_an_api_in_ones_own_network_is_refused() -> None:
    script = Script(to("https://api.internal/admin"), OK)
    names = Names(api_internal=[["10.0.0.5"]])
    with pytest.raises(HostRefused):
        asyncio.run(get(make(script, names, base_url="https://api.internal/v1")))
    assert len(script.requests) == 1


def test_a_chain_and_a_circle_end() -> None:
    chain = Script(*(to(f"/{n}") for n in range(9)))
    with pytest.raises(RedirectRefused, match="more than 5"):
        asyncio.run(get(make(chain)))
    assert len(chain.requests) == 6
    circle = Script(to("/x"), to(URL))
    with pytest.raises(RedirectRefused, match="circle"):
        asyncio.run(get(make(circle)))
    nowhere = Script(httpx.Response(302))
    with pytest.raises(RedirectRefused, match="nowhere"):
        asyncio.run(get(make(nowhere)))


# -- limits, repeats and errors -----------------------------------------------------------------


def test_limits_repeats_and_pace_are_those_of_every_request() -> None:
    clock = VirtualClock()
    script = Script(
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(500),
        httpx.ReadTimeout("late"),
        httpx.Response(200, text="<html>"),
        OK,
    )
    client = make(script, clock=clock)
    assert asyncio.run(get(client))[1] == {"ok": True}
    assert client.counters == RequestCounters(requests=5, retries=4, throttled=1, failures=4)
    assert 7 in clock.slept


def test_a_large_body_is_refused() -> None:
    client = make(Script(httpx.Response(200, content=b"x" * 3000)), max_response_mb=0.001)
    with pytest.raises(ResponseTooLarge):
        asyncio.run(get(client))


def test_the_deadline_holds() -> None:
    client = make(Script(OK))
    client.deadline = 0
    with pytest.raises(DeadlineReached):
        asyncio.run(get(client))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Forbidden) for status in (400, 401, 402, 403, 405)),
        *((status, NotFound) for status in (404, 410)),
        *((status, ServerError) for status in (409, 500, 503)),
        (429, Throttled),
    ],
)
def test_what_such_a_host_says_never_stands_for_the_provider(
    status: int, kind: type[ApiError]
) -> None:
    body = "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>hunter2 usage limit exceeded"
    client = make(Script(httpx.Response(status, text=body)), max_retries=0)
    with pytest.raises(kind) as caught:
        asyncio.run(get(client))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.is_fatal, caught.value.detail) == (status, False, "")


@pytest.mark.parametrize("failure", [httpx.ConnectError("refused"), httpx.ConnectTimeout("late")])
def test_a_host_that_cannot_be_reached_never_ends_the_run(failure: Exception) -> None:
    with pytest.raises(ServerError, match="The provider itself answers"):
        asyncio.run(get(make(Script(failure), max_retries=0)))


def test_a_name_that_nobody_knows_never_ends_the_run() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    client = make_client(Script(OK), resolve=unknown, result_hosts=HOSTS, max_retries=1)
    with pytest.raises(ServerError, match="Name or service not known"):
        asyncio.run(get(client))
    assert client.counters == RequestCounters(requests=2, retries=1, failures=2)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, text="signature=hunter2"),
        httpx.Response(500, text="hunter2"),
        httpx.Response(200, text="no JSON"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        to("https://evil.test/?Signature=hunter2"),
    ],
)
def test_the_url_stands_in_no_error_and_no_log(
    answer: httpx.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[Any] = []
    with caplog.at_level(logging.DEBUG), pytest.raises(ApiError) as caught:
        asyncio.run(get(make(Script(answer), waits=waits, max_retries=2)))
    error = caught.value
    shown = f"{error!r} {error} {error.args} {error.endpoint} {waits} {caplog.text}"
    shown += "".join(traceback.format_exception_only(error))
    for secret in ("hunter2", "Signature", "b.json", KEY):
        assert secret not in shown
    chained = error.__cause__ or error.__context__
    assert chained is None or "hunter2" not in repr(vars(chained))


def test_an_unreadable_body_is_kept() -> None:
    with pytest.raises(UnreadableBody) as caught:
        asyncio.run(get(make(Script(httpx.Response(200, text="no JSON")))))
    assert caught.value.body == b"no JSON"


# -- over the wire ------------------------------------------------------------------------------


async def read_from(body: bytes, base_url: str | None = None) -> tuple[Any, list[bytes]]:
    heard: list[bytes] = []

    async def store(head: bytes, writer: asyncio.StreamWriter) -> None:
        heard.append(head)
        writer.write(plain(body))

    async with serving(store) as other:
        client = make_client(
            store,
            base_url=base_url or "http://127.0.0.1:9/v1",
            headers={"X-Key": KEY},
            is_networked=True,
        )
        async with client:
            value = (await client.get_elsewhere(f"{other}/r?sig=hunter2", decoded))[1]
    return value, heard


def test_a_tests_own_server_on_loopback_is_asked_over_http() -> None:
    value, heard = asyncio.run(read_from(b'{"ok": 1}'))
    assert value == {"ok": 1}
    (head,) = heard
    assert head.startswith(b"GET /r?sig=hunter2 HTTP/1.1\r\n")
    assert KEY.encode() not in head and b"x-key" not in head.lower()


@pytest.mark.parametrize("base_url", ["https://api.test", "http://10.0.0.5", "http://api.internal"])
def test_no_other_api_leads_to_loopback(base_url: str) -> None:
    with pytest.raises(HostRefused):
        asyncio.run(read_from(b"{}", base_url))


def test_a_proxy_looks_names_up_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    async def proxy(head: bytes, writer: asyncio.StreamWriter) -> None:
        heard.append(head)
        writer.write(plain(b"no", "403 Forbidden", "Connection: close"))

    async def run() -> None:
        async with serving(proxy) as address:
            monkeypatch.setenv("HTTPS_PROXY", address)
            client = make_client(
                proxy, resolve=Names(), result_hosts=HOSTS, is_networked=True, max_retries=0
            )
            with pytest.raises(ServerError):
                await get(client)

    asyncio.run(run())
    assert heard[0].startswith(b"CONNECT results.test:443 ")
    assert b"hunter2" not in heard[0] and KEY.encode() not in heard[0]
