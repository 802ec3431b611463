"""No key, query string or body in a repr, a log or a traceback."""

from __future__ import annotations

import asyncio
import logging
import traceback

import httpx
import pytest
from http_support import JOB, KEY, OK, Script, make_client, plain, serving

import dlt_docjobs.http
from dlt_docjobs.http import ApiClient, ApiError, HttpSettings, quiet_http_logs


def test_no_repr_shows_a_header() -> None:
    client = make_client(Script(OK))
    for shown in (repr(client), str(client), repr(client.settings)):
        assert KEY not in shown
    assert "authorization" in repr(client) and "https://api.test" in repr(client)


@pytest.mark.parametrize("value", [f"{KEY}\n", f"{KEY}\r\nx: y", f"{KEY}é", f"{KEY}\x00"])
def test_a_header_that_cannot_be_sent_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(ValueError, match="header api-key") as caught:
        ApiClient("https://api.test", headers={"api-key": value}, settings=HttpSettings())
    assert KEY not in str(caught.value)


def test_nothing_of_a_request_is_logged_even_at_debug(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody turns everything on, the children by name
    names = ["httpx", "httpcore", "httpcore.connection", "httpcore.http11"]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        # whoever opens a client silences them, and nobody has before
        monkeypatch.setattr(logger, "filters", [])
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)

    async def run() -> None:
        async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(plain(b"{}", "200 OK", "Set-Cookie: hunter2=1"))

        async with serving(handle) as base_url:
            transport = httpx.AsyncHTTPTransport()
            async with make_client(handle, base_url=base_url, transport=transport) as client:
                for logger in loggers:
                    logger.setLevel(logging.DEBUG)
                await client.get(JOB, [("token", "hunter2")])

    try:
        with caplog.at_level(logging.DEBUG):
            asyncio.run(run())
            logging.getLogger("httpx").warning("a warning still comes through")
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
    told = [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]
    assert [record.getMessage() for record in told] == ["a warning still comes through"]
    assert "hunter2" not in caplog.text and KEY not in caplog.text


def test_the_level_silences_without_asking_the_filter(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    quiet_http_logs()
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.DEBUG)
    assert len(logging.getLogger("httpx").filters) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text=f"boom {KEY}"),
        httpx.ConnectError("refused"),
        httpx.Response(302, headers={"location": "https://evil.test/?Signature=hunter2"}),
        httpx.Response(422, json={"detail": [{"loc": ["q"], "msg": "bad", "input": "hunter2"}]}),
    ],
)
def test_no_traceback_shows_a_secret(answer: httpx.Response | Exception) -> None:
    async def run() -> None:
        async with make_client(Script(answer), max_retries=0) as client:
            await client.get(JOB, [("token", "hunter2")])

    with pytest.raises(ApiError) as caught:
        asyncio.run(run())
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    shown += repr(caught.value.args) + repr(vars(caught.value))
    assert "hunter2" not in shown.replace('[("token", "hunter2")]', "")
    assert KEY not in shown


def test_the_room_has_one_door() -> None:
    names = dlt_docjobs.http.__all__
    assert sorted(names) == sorted(set(names))
    assert all(hasattr(dlt_docjobs.http, name) for name in names)
    classes = [getattr(dlt_docjobs.http, name) for name in names]
    errors = {c for c in classes if isinstance(c, type) and issubclass(c, ApiError)}
    # other rooms may have errors of their own, as a probe its spent budget
    room = dlt_docjobs.http.__name__
    own = {c for c in ApiError.__subclasses__() if c.__module__.startswith(room)}
    assert errors >= {ApiError} | own
