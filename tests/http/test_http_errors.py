"""What a person reads when a request fails, and what they never read."""

from __future__ import annotations

import asyncio
import traceback
from decimal import Decimal

import httpx
import pytest
from http_support import JOB_PATH, KEY, NOON, OK, Script, fetch, fetch_json, make_client

from dlt_docjobs.http import (
    Answer,
    ApiError,
    BeingDeleted,
    Deleted,
    ErrorForm,
    Forbidden,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    ServerError,
    Throttled,
    Unauthorized,
    UnreadableBody,
    UnrecognisedAnswer,
    decode_json,
)


def failing(*answers: httpx.Response | Exception, **options: object) -> ApiError:
    client = make_client(Script(*answers), **options)  # type: ignore[arg-type]
    with pytest.raises(ApiError) as caught:
        asyncio.run(fetch(client, ("q", "in-the-query")))
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "fatal"),
    [
        (400, InvalidRequest, False),
        (401, Unauthorized, True),
        (402, PaymentRequired, True),
        (403, Forbidden, False),
        (404, NotFound, False),
        (405, InvalidRequest, False),
        (408, ServerError, False),
        (409, ServerError, False),
        (410, NotFound, False),
        (413, InvalidRequest, False),
        (414, InvalidRequest, False),
        (418, InvalidRequest, False),
        (422, InvalidRequest, False),
        (425, ServerError, False),
        (429, Throttled, False),
        (431, InvalidRequest, False),
        (500, ServerError, False),
        (503, ServerError, False),
        (599, ServerError, False),
    ],
)
def test_each_status_has_its_class(status: int, kind: type[ApiError], fatal: bool) -> None:
    error = failing(httpx.Response(status, json={"detail": "so it is"}))
    assert type(error) is kind
    assert error.is_fatal is fatal
    assert (error.status, error.endpoint, error.detail) == (status, JOB_PATH, "so it is")
    assert str(status) in str(error) and "so it is" in str(error) and JOB_PATH in str(error)
    assert error.hint and error.hint in str(error)
    assert "in-the-query" not in str(error) and "api.test" not in str(error)


KEYS = ErrorForm(frozenset({"detail", "code"}))
TEXTS = ErrorForm(frozenset({"detail"}), r"\b(job|task)\b")


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    ("form", "body"),
    [
        (KEYS, b'{"detail": "Not Found"}'),
        (KEYS, b'\xef\xbb\xbf {"code": 0, "detail": null}'),
        (KEYS, b'{"detail": [], "other": 1}'),
        (TEXTS, b'"Job 1 not found"'),
        (TEXTS, b"TASK not found\n"),
        (TEXTS, b'{"detail": "gone"}'),
        (ErrorForm(), b'{"anything": 1}'),
    ],
)
def test_a_404_in_the_api_s_own_form_is_believed(form: ErrorForm, body: bytes, status: int) -> None:
    script = Script(httpx.Response(status, content=body))
    with pytest.raises(NotFound):
        asyncio.run(fetch(make_client(script, error_form=form)))
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    ("form", "body", "said"),
    [
        (KEYS, b"<!doctype html><h1>404</h1>", "with an HTML page, which"),
        (KEYS, b"", "with an empty body, which"),
        (KEYS, b" \n", "with an empty body, which"),
        (KEYS, b"404 page not found\n", "with plain text, which"),
        (TEXTS, b"404 page not found\n", "with plain text, which"),
        (TEXTS, b"default backend - 404", "with plain text, which"),
        (TEXTS, b"<html>job not found</html>", "with an HTML page, which"),
        (KEYS, b'"Job 1 not found"', "with plain text, which"),
        (KEYS, b'{"detail": null, "code": null}', "with JSON of another form, which"),
        (KEYS, b'{"path": "/x", "status": 404}', "with JSON of another form, which"),
        (KEYS, b'[{"detail": "x"}]', "with JSON of another form, which"),
        (KEYS, b'{"detail": "cut o', "with plain text, which"),
        (KEYS, b"[" * 50_000, "with plain text, which"),
        (TEXTS, b"null", "with JSON of another form, which"),
        (ErrorForm(), b"{}", "with JSON of another form, which"),
        (ErrorForm(), b"job", "with plain text, which"),
    ],
)
def test_a_404_in_another_form_is_a_failed_request(
    form: ErrorForm, body: bytes, said: str, status: int
) -> None:
    script = Script(httpx.Response(status, content=body))
    client = make_client(script, error_form=form, max_retries=2)
    with pytest.raises(UnrecognisedAnswer) as caught:
        asyncio.run(fetch(client))
    error = caught.value
    assert not isinstance(error, NotFound) and not error.is_fatal
    assert f"{status} {said} is not the API's answer" in str(error)
    assert error.status == status and len(str(error)) < 400
    # as after a 503
    assert (client.counters.requests, client.counters.failures) == (3, 3)
    client = make_client(Script(httpx.Response(status, content=body), OK), error_form=form)
    assert asyncio.run(fetch(client)).status == 200


def test_a_proxy_s_403_stays_what_it_is() -> None:
    error = failing(httpx.Response(403, text="<html>no"), error_form=KEYS)
    assert isinstance(error, Forbidden)


@pytest.mark.parametrize("status", [200, 203, 206, 299])
def test_every_2xx_is_an_answer(status: int) -> None:
    client = make_client(Script(httpx.Response(status, json=[1])))
    assert asyncio.run(fetch_json(client)) == [1]


def test_a_401_tells_of_regions() -> None:
    error = failing(httpx.Response(401), region_hint="keys of the EU need another base_url")
    assert "keys of the EU need another base_url" in str(error)
    error = failing(httpx.Response(403), region_hint="keys of the EU need another base_url")
    assert "EU" not in str(error)


@pytest.mark.parametrize("body", [b"Usage limit exceeded", b'{"detail": "USAGE LIMIT EXCEEDED."}'])
def test_a_billing_cap_is_not_waited_for(body: bytes) -> None:
    script = Script(httpx.Response(429, content=body))
    with pytest.raises(PaymentRequired) as caught:
        asyncio.run(fetch(make_client(script)))
    assert len(script.requests) == 1
    assert caught.value.status == 429 and caught.value.is_fatal


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"detail": "Result not found."}', "Result not found."),
        (
            b'{"detail": [{"loc": ["query", "page_size"], "msg": "too big", "type": "t",'
            b' "input": "INPUT"}, {"loc": ["query", 0], "msg": "bad", "type": "t"}]}',
            "query.page_size: too big; query.0: bad",
        ),
        (b'{"detail": {"message": "no credits", "left": 0}}', "no credits"),
        (b'{"error": {"code": 3, "message": "denied"}}', "denied"),
        (b'{"message": "hello"}', "hello"),
        (b'"Job x not found"', "Job x not found"),
        (b"Rate limit\r\n exceeded\x00\x1b[31m", "Rate limit exceeded [31m"),
        (b"<!DOCTYPE html><html><body>secret page</body></html>", "an HTML page"),
        (b"\n <HTML>secret page", "an HTML page"),
        (b"", ""),
        (b'{"detail": null}', ""),
        (b'{"detail": ', ""),
        (b"[" * 5000, ""),
        (b'[[[[[[[["deep"]]]]]]]]', ""),
        (b"42", ""),
        (b"\xff\xfe\x00", "\ufffd\ufffd"),
        (b'{"detail": "\\ud800"}', ""),
        (
            b'{"detail": "see https://s3.test/a?X-Amz-Signature=abc now"}',
            "see https://s3.test/a now",
        ),
        (b"x" * 500, "x" * 199 + "…"),
    ],
)
def test_an_error_body_is_read_defensively(body: bytes, detail: str) -> None:
    error = failing(httpx.Response(400, content=body))
    assert error.detail == detail
    str(error).encode()


def test_a_key_that_the_provider_repeats_is_masked() -> None:
    error = failing(httpx.Response(401, json={"detail": f"Unknown key {KEY}!"}))
    assert error.detail == "Unknown key [redacted]!"
    # As Contextual wants it inside Snowflake
    headers = {"Authorization": f'Snowflake Token="{KEY}"'}
    error = failing(httpx.Response(401, text=f"Who is {KEY}?"), headers=headers)
    assert error.detail == "Who is [redacted]?"


def test_an_error_body_is_read_in_part_only() -> None:
    async def endless() -> object:
        while True:
            yield b"word " * 1000

    error = failing(httpx.Response(400, content=endless()))  # type: ignore[arg-type]
    assert error.detail.startswith("word word") and len(error.detail) == 200


def test_an_error_body_that_breaks_leaves_the_status() -> None:
    async def broken() -> object:
        yield b"so f"
        raise httpx.ReadError("reset")

    error = failing(httpx.Response(403, content=broken()))  # type: ignore[arg-type]
    assert isinstance(error, Forbidden) and error.detail == "so f"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>SECRETTEXT</html>", "HTML"),
        (b'{"a": "SECRETTEXT', "not valid JSON"),
        (b"", "empty"),
        (b'{"a": "SECRETTEXT\xff"}', "UTF-8"),
        (b"[" * 200_000, "nested"),
    ],
)
def test_an_unreadable_body_is_asked_for_again_twice_and_kept_aside(
    content: bytes, reason: str
) -> None:
    script = Script(httpx.Response(200, content=content))
    client = make_client(script)
    with pytest.raises(UnreadableBody, match=reason) as caught:
        asyncio.run(fetch_json(client))
    error = caught.value
    assert len(script.requests) == 3
    assert (client.counters.requests, client.counters.retries) == (3, 2)
    assert client.counters.failures == 3
    assert error.body == content and error.status == 200 and not error.is_fatal
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert "SECRETTEXT" not in shown
    assert error.__context__ is None or "SECRETTEXT" not in repr(vars(error.__context__))


def test_a_body_that_becomes_readable_is_taken() -> None:
    script = Script(httpx.Response(200, text="<html>"), httpx.Response(200, json=[1]))
    client = make_client(script)
    assert asyncio.run(fetch_json(client)) == [1]
    assert (client.counters.requests, client.counters.failures) == (2, 1)


def answer(body: bytes) -> Answer:
    return Answer(200, body, "application/json", NOON, NOON, NOON - NOON, "/p")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b"18446744073709551616", 18446744073709551616),
        (b"-123456789012345678901234567890", -123456789012345678901234567890),
        (b'"\\ud800"', "\ud800"),
        (b'"\\ud83d\\ude00 \\u0000"', "😀 \0"),
        (b"[Infinity, -Infinity, 1e400]", [float("inf"), float("-inf"), Decimal("1e400")]),
        (b"\xef\xbb\xbf{}", {}),
        (b" null ", None),
    ],
)
def test_json_is_read_as_leniently_as_it_can_be(body: bytes, value: object) -> None:
    assert decode_json(answer(body)) == value


def test_nan_is_read() -> None:
    (value,) = decode_json(answer(b"[NaN]"))
    assert value != value


@pytest.mark.parametrize("body", [b"{} {}", b"[1,]", b"{'a': 1}", b"nul"])
def test_half_json_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        decode_json(answer(body))


def test_an_answer_does_not_show_its_body() -> None:
    shown = repr(answer(b"SECRETTEXT"))
    assert "SECRETTEXT" not in shown and "10 bytes" in shown and "/p" in shown


# -- deleted jobs -------------------------------------------------------------------------------

WORDS = ErrorForm(
    frozenset({"error"}), deleted=frozenset({"GONE_FOR_GOOD"}), deleting=frozenset({"GOING"})
)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (410, b'{"error": {"name": "GONE_FOR_GOOD"}}', Deleted),
        (404, b'{"other": [{"deep": "GONE_FOR_GOOD"}]}', Deleted),
        (404, b"GONE_FOR_GOOD, said the API", Deleted),
        (410, b'{"error": "gone"}', Deleted),
        (409, b'{"error": {"code": "GOING"}}', BeingDeleted),
        (404, b'{"error": "gone"}', NotFound),
        (404, b'{"error": "NOT_GOING, ONGOING"}', NotFound),
        (403, b'{"error": "no"}', Forbidden),
    ],
)
def test_an_api_s_own_words_say_that_a_job_was_deleted(
    status: int, body: bytes, kind: type[ApiError]
) -> None:
    script = Script(httpx.Response(status, content=body))
    with pytest.raises(kind) as caught:
        asyncio.run(fetch(make_client(script, error_form=WORDS, max_retries=3)))
    assert type(caught.value) is kind and not caught.value.is_fatal
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, b'{"error": "busy"}'),
        (410, b"<html>GONE_FOR_GOOD</html>"),
        (410, b""),
        (503, b'{"error": "GOING"}'),
        (429, b'{"error": "GOING"}'),
    ],
)
def test_what_is_no_word_of_the_api_s_is_asked_again(status: int, body: bytes) -> None:
    script = Script(httpx.Response(status, content=body), OK)
    asyncio.run(fetch(make_client(script, error_form=WORDS)))
    assert len(script.requests) == 2
