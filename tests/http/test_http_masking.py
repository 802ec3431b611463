"""Our own key is taken out of whatever a provider sends, however it writes it."""

from __future__ import annotations

import asyncio
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from http_support import JOB, make_client
from hypothesis import given
from hypothesis import strategies as st

from dlt_docjobs.http import ApiError
from dlt_docjobs.http.masking import Mask

KEY = "llx-Zk3/9uVbQ+0wXr7=sT1mLpE8yCqHdN5aGfJ2iKoB"
MASK = Mask([KEY])


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"the key {KEY} is wrong", "the key [redacted] is wrong"),
        (f"Bearer {KEY}", "Bearer [redacted]"),
        (f"{KEY}{KEY}", "[redacted][redacted]"),
        (f"?key={quote(KEY, safe='')}&x=1", "?key=[redacted]&x=1"),
        (KEY.replace("/", "\\/"), "[redacted]"),
        (f"began with {KEY[:12]}…", "began with [redacted]…"),
        (f"began with {KEY[:20]}***", "began with [redacted]***"),
        (f"ends with ***{KEY[-12:]}.", "ends with ***[redacted]."),
        (f"inside: {KEY[7:30]}!", "inside: [redacted]!"),
        (f"{KEY[-25:]} without its prefix", "[redacted] without its prefix"),
        # what gives nothing away
        (f"{KEY[:8]}…{KEY[-4:]}", f"{KEY[:8]}…{KEY[-4:]}"),
        ("llx- is how keys begin", "llx- is how keys begin"),
        ("", ""),
    ],
)
def test_a_key_is_masked(said: str, left: str) -> None:
    assert MASK.text(said) == left


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "u", "us", "user:", "someone:"])
@pytest.mark.parametrize("after", ["", ":", ":x", ":xyz"])
def test_base64_of_a_key_is_masked_wherever_it_begins(
    encode: Callable[[bytes], bytes], before: str, after: str
) -> None:
    encoded = encode(f"{before}{KEY}{after}".encode()).decode()
    left = MASK.text(f"Basic {encoded}")
    assert "[redacted]" in left
    rest = left.removeprefix("Basic ").replace("[redacted]", "")
    # at both ends a character may hold bits of what stands beside it
    assert len(rest) <= len(encoded) - len(b64encode(KEY.encode())) + 6


@given(before=st.text(), after=st.text(), cut=st.integers(12, len(KEY)))
def test_what_stands_around_stays(before: str, after: str, cut: int) -> None:
    for part in (KEY, KEY[:cut], KEY[-cut:]):
        said = f"{before}\n{part}\n{after}"
        assert MASK.text(said) == f"{before}\n[redacted]\n{after}"


@given(text=st.text())
def test_a_text_without_the_key_is_the_same_object(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert MASK.data(data) is data


def test_short_secrets_are_not_sought() -> None:
    mask = Mask(["", "abc", "1234567"])
    assert not mask and mask.text("abc 1234567") == "abc 1234567"
    assert Mask(["12345678"]).text("x12345678x") == "x[redacted]x"


def test_no_answer_and_no_error_brings_the_key() -> None:
    body = f'{{"detail": "called with {KEY}"}}'

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.url.path == "/well" else 422, text=body)

    async def ask() -> str:
        async with make_client(answer, secrets=[KEY]) as client:
            answered, value = await client.get_json(["well"])
            assert value == {"detail": "called with [redacted]"}
            assert KEY.encode() not in answered.body
            with pytest.raises(ApiError) as refused:
                await client.get(JOB)
        return str(refused.value)

    assert "called with [redacted]" in asyncio.run(ask())
