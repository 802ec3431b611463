"""What texts and JSON lose before they are stored, and what they must not lose."""

from __future__ import annotations

import json
import math
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_docjobs.model import exact_json
from dlt_docjobs.model.cleaning import (
    MAX_DEPTH,
    REDACTED,
    clean_json,
    clean_text,
    hashed_name,
    is_clean,
    strip_query,
    to_json_text,
    to_json_texts,
    without_content,
)
from dlt_docjobs.model.secret_names import names_secret

S3 = "https://b.s3.amazonaws.com/a%20b/c.png"
AMZ = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3"
    "&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=SECRET0123"
)


# --- characters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("a\0b\0", "ab"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\0\ude00", "😀"),
        ("é\ud83d\ud83d\ude00!", "é\ufffd😀!"),
        ("\ud83d", "\ufffd"),
        ("\ufeff\u2028\x07\U0010ffff", "\ufeff\u2028\x07\U0010ffff"),
    ],
)
def test_what_no_warehouse_holds_is_replaced(given_text: str, expected: str) -> None:
    assert clean_text(given_text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Is a = b? Yes, 100% & more.",
        "naïve 日本語 😀",
        f"![x]({S3}?page=2&q=token#frag) <a href='https://x/?a=1&amp;b=2'>",
        "https://youtube.com/watch?v=dQw4w9WgXcQ&list=PL0123456789012345678901234",
        "https://x/y?tokenizer=1&max_tokens=5&design=2&sign=leo&signal=3&key=name&monkey=1",
        "https://x/y?signature&token https://x/Signature=1",
        "int a=b?token=c:d;token=4; while(x&token==2)",
        "what?token= whatever",
        "and/or a=b?token=c&sig=d",
        "y=a/b;token=next();sig=2",
        "&quot;https://x/y&quot;token=z",
        "X-Amz-Signature=abc stands in the manual, and so does sig=1",
        "Signed? https://x/y?z=1 (token: a=b)",
        r'{"url": "https:\/\/x\/y?a=1\u0026b=2"}',
    ],
)
def test_all_else_is_the_same_object(text: str) -> None:
    assert clean_text(text) is text


# --- signed URLs --------------------------------------------------------------------------------

AROUND = [
    "{}?{}",
    "see {}?{} and on",
    "![x]({}?{}) text",
    '[x]({}?{} "title?")',
    "<{}?{}>",
    '<img src="{}?{}" alt="a?b=c">',
    "<img src='{}?{}'/>",
    "`{}?{}`",
    "**{}?{}**",
    "| {}?{}| cell |",
    '{{"u":"{}?{}","n":1}}',
    '{{\\"u\\":\\"{}?{}\\",\\"n\\":1}}',
    "（{}?{}）。",
    "{}?{}, https://x.test/?kept=1",
    "{}?{},https://x.test/?kept=1",
    "&lt;img src=&quot;{}?{}&quot; alt=&quot;kept&quot;&gt;",
    "why?({}?{})\n",
    "[why?]({}?{}).",
    "line\t{}?{}\r\nline",
]


@pytest.mark.parametrize(
    "query",
    [
        AMZ,
        AMZ.lower(),
        AMZ.upper(),
        "response-content-type=a&" + AMZ + "&x-id=GetObject",
        "X-Goog-Algorithm=GOOG4&X-Goog-Signature=SECRET",
        "GoogleAccessId=a@b.iam&Expires=1&Signature=SECRET%3D",
        "AWSAccessKeyId=AKIA&Expires=1&Signature=SECRET",
        "sv=2020-08-04&se=2026-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=SECRET%3D",
        "sig=SECRET&se=1",
        "Policy=P&Signature=SECRET__&Key-Pair-Id=K",
        "token=SECRET",
        "a=1&access_token=SECRET&b=2",
        "accessToken=SECRET",
        "api_key=SECRET",
        "apikey=SECRET",
        "X-API-Key=SECRET",
        "client_secret=SECRET",
        "hmac=SECRET",
        "jwt=SECRET.a.b",
        "x-oss-signature=SECRET&OSSAccessKeyId=a",
        "q-sign-algorithm=sha1&q-signature=SECRET",
        "hdn_token=SECRET",
        "key=AIzaSyD-0123456789_SECRET",
        "file=a(1)(b).png&sig=SECRET",
        "filter[]=1&filter[a]=2&sig=SECRET",
        "redirect=https://other.test/x?y=1&sig=SECRET",
        "sig=SECRET#page=3",
        "a=1;sig=SECRET",
        "sig=",
    ],
)
def test_a_signed_url_loses_its_query_wherever_it_stands(query: str) -> None:
    for around in AROUND:
        assert clean_text(around.format(S3, query)) == around.replace("?{}", "").format(S3)


@pytest.mark.parametrize(
    "url",
    [
        "http://h/a",
        "s3://bucket/a",
        "gs://bucket/a",
        "//h/a",
        "/files/a.png",
        "images/a.png",
        "https://h:8080/a",
        r"https:\/\/h\/a",
        "https%3A%2F%2Fh%2Fa",
        "https://münchen.test/ä",
    ],
)
def test_whatever_its_scheme_and_escaping(url: str) -> None:
    assert clean_text(f"x {url}?a=1&token=SECRET y") == f"x {url} y"


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        # HTML, once and twice escaped
        ('<a href="https://h/a?x=1&amp;X-Amz-Date=2&amp;b=3">', '<a href="https://h/a">'),
        ("https://h/a?x=1&amp;amp;sig=SECRET&amp;amp;b=3 z", "https://h/a z"),
        ("https://h/a?x=1&#38;sig=SECRET&#x26;b=3 z", "https://h/a z"),
        # JSON in a text, once and twice
        (r'"https:\/\/h\/a?x=1\u0026sig=SECRET\u0026b=3"', r'"https:\/\/h\/a"'),
        (r"\"https:\\/\\/h\\/a?x=1\\u0026sig=SECRET\"", r"\"https:\\/\\/h\\/a\""),
        (r'"https://h/a\u003fsig\u003dSECRET\u0026b=3"', '"https://h/a"'),
        # percent-encoded, once and twice
        ("u https%3A%2F%2Fh%2Fa%3Fx%3D1%26sig%3DSECRET%26b%3D2 z", "u https%3A%2F%2Fh%2Fa z"),
        ("https%253A%252F%252Fh%252Fa%253Fsig%253DSECRET z", "https%253A%252F%252Fh%252Fa z"),
        ("https://v?u=https%3A%2F%2Fh%3Fsig%3DSECRET&p=2 z", "https://v z"),
        # Markdown's escapes
        (r"https://h/a?access\_token=SECRET\&b=1) z", "https://h/a) z"),
        # fragments and other places
        ("https://h/#access_token=SECRET&b=2 z", "https://h/ z"),
        ("https://h/a?x=1#access_token=SECRET z", "https://h/a z"),
        ("https://h/a&sig=SECRET z", "https://h/a z"),
        ("https://h/a?name=x)y&X-Amz-Signature=SECRET z", "https://h/a?name=x)y z"),
        ("&X-Amz-Signature=SECRET&b=1 z", " z"),
        ("x?X-Amz-Signature=SECRET z", "x z"),
        # two in a row, and punctuation
        (f"{S3}?sig=1 {S3}?x=2 {S3}?sig=3", f"{S3} {S3}?x=2 {S3}"),
        (f"It is {S3}?sig=1. Or: {S3}?sig=2!", f"It is {S3}. Or: {S3}!"),
        # cleaning of characters comes first
        ("https://h/a?si\0g=SECRET z", "https://h/a z"),
    ],
)
def test_signatures_in_disguise(given_text: str, expected: str) -> None:
    assert clean_text(given_text) == expected


@pytest.mark.slow  # it compares times, and the machine may be busy
@pytest.mark.parametrize(
    "unit",
    ["?", "&", "&amp;", "&amp;amp;", "?a(", "&token=", "?token=", "/;token=", ")/&X-Amz-a=", "(",
     "%26", "\\", "&a-b-c-d-e-f", "&" + "a" * 30, "https://x/y?sig=abc ", "a?b=c ", "\\u0026"],
)  # fmt: skip
def test_the_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        best = math.inf
        for _ in range(3):
            begun = time.perf_counter()
            clean_text(text)
            best = min(best, time.perf_counter() - begun)
        return best

    # Eight times the text; were it quadratic, 64 times the time
    small, large = seconds(10_000), seconds(80_000)
    assert large < max(25 * small, 0.02)


_PARTS = st.sampled_from("?&;#=()[]'\" \n,.:</|*\\haé\0\ud83d\ude00") | st.sampled_from(
    """
    https:// // &amp; &quot; %25 %3F %26 %3D \\u0026 \\u003d \\/ X-Amz-Signature token sig key
    access_token SECRET x-goog-a sig= &token= ?X-Amz-Date=1
    """.strip().split()
)
_TEXTS = st.lists(_PARTS, max_size=25).map("".join) | st.text(
    st.characters(codec=None, exclude_categories=())
)


@given(_TEXTS)
def test_cleaning_is_idempotent_and_storable(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert clean_text(cleaned) is cleaned
    assert len(cleaned.replace(REDACTED, "")) <= len(text)


@given(_TEXTS)
def test_no_store_signature_survives(text: str) -> None:
    cleaned = clean_text(text)
    assert not re.search(r"[?&]x-(amz|goog)-[a-z]+=", cleaned, re.IGNORECASE)


@given(st.text(max_size=30).map(lambda text: re.sub("[\0=%\\\\&]", "", text)))
def test_a_text_without_anything_suspicious_is_kept(text: str) -> None:
    assert clean_text(text) is text


@given(st.lists(_TEXTS.map(lambda text: text.encode("utf-8", "ignore").decode()), max_size=4))
def test_what_is_clean_together_is_clean_one_by_one(texts: list[str]) -> None:
    if is_clean("".join(texts).encode()):
        assert all(clean_text(text) is text for text in texts)


@pytest.mark.parametrize("equals", ["=", "%3D", "%253d", "\\u003d", "&equals;", "&amp;#x3D;"])
def test_a_signature_among_many_texts_is_noticed(equals: str) -> None:
    text = f"https://h/a.png?X-Amz-Signature{equals}SECRET"
    assert clean_text(text) != text and not is_clean(f"before {text} behind".encode())


@pytest.mark.parametrize(
    "text", ["100 % & more", "R&D, 3 % \\ 5", "%3F &lt; \\u0026 #61;", "naïve 日本"]
)
def test_signs_that_sign_nothing_are_no_reason_to_look_closer(text: str) -> None:
    assert is_clean(text.encode())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        ("https://h/a.png", "https://h/a.png"),
        ("https://h/a.png?x=1&y=2#f", "https://h/a.png"),
        (f"{S3}?{AMZ}", S3),
        ("https://h/#/a?b", "https://h/"),
        (" https://h/a\0?x ", "https://h/a"),
        ("data:image/png;base64,SECRET", "data:image/png"),
        ("DATA:text/plain,SECRET", "DATA:text/plain"),
        ("images/a.png?x", "images/a.png"),
        ("", ""),
    ],
)
def test_an_image_url_never_has_a_query(url: str | None, expected: str | None) -> None:
    assert strip_query(url) == expected


# --- JSON ---------------------------------------------------------------------------------------


def test_texts_and_keys_are_cleaned_at_every_depth() -> None:
    value = {"a\0": ["x\0", {"b\ud800": f"{S3}?sig=1"}, ("t\0",)], "n": None, "i": 1, "t": True}
    assert clean_json(value) == {
        "a": ["x", {"b\ufffd": S3}, ["t"]],
        "n": None,
        "i": 1,
        "t": True,
    }


def test_no_key_swallows_another() -> None:
    value = {"a\0": 1, "a": 2, "a\0\0": 3, "a_": 4}
    cleaned = clean_json(value)
    assert cleaned["a"] == 2 and cleaned["a_"] == 4
    assert sorted(cleaned.values()) == [1, 2, 3, 4]


def test_what_json_has_no_number_for_becomes_a_string() -> None:
    assert clean_json([math.nan, math.inf, -math.inf, 1.5]) == [
        "NaN",
        "Infinity",
        "-Infinity",
        1.5,
    ]


_SECRET = """
    key token secret password authorization signature api_key apiKey x-api-key X-API-Key APIKey
    apikey access_token accessToken refresh_token auth_token webhook_secret client_secret
    clientSecret webhook_headers webhookHeaders http_proxy https_proxy HTTP_PROXY proxy proxy_url
    raw_parameters rawParameters Authorization authorization_header aws_secret_access_key
    AWSAccessKeyId access_key_id private_key azure_openai_key vendor_multimodal_api_key passwd
    user_password credentials cookie basic_auth hmac_signature secrets api_keys access_tokens
    request_headers token_value secret_value api_key_2 SESSION_TOKEN signing_key jwt bearer
"""
_HARMLESS = """
    tokenizer max_tokens maxTokens key_value keyValue total_tokens per_key_attribution keyboard
    monkey extraction_key_order tokens keys keywords token_count tokens_used headers page_headers
    header column_headers signature_type author authored secretary password_protected proxied
    primary_key sort_key object_key json_key turkey hockey webhook_url webhook_events parameters
    key_id status id name signatures design value token_type keyed 键 _ 123
"""
SECRET_KEYS = _SECRET.split()
HARMLESS_KEYS = [*_HARMLESS.split(), ""]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_the_value_of_a_secret_key_is_redacted(key: str) -> None:
    for value in ("SECRET", ["SECRET"], {"a": "SECRET"}, 123456):
        cleaned = clean_json({"config": [{key: value, "kept": 1}]}, redact_secrets=True)
        assert cleaned == {"config": [{key: REDACTED, "kept": 1}]}
    assert clean_json({key: None}, redact_secrets=True) == {key: None}
    assert clean_json({key: "SECRET"}) == {key: "SECRET"}


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_the_value_of_any_other_key_is_kept(key: str) -> None:
    assert not names_secret(key)
    assert clean_json({key: "x"}, redact_secrets=True) == {key: "x"}


def test_headers_are_secret_within_a_webhook() -> None:
    value = {
        "webhook_configurations": [
            {"webhook_url": "https://h/", "headers": {"X-Any": "SECRET"}, "webhook_headers": {}}
        ],
        "headers": ["first column"],
    }
    assert clean_json(value, redact_secrets=True) == {
        "webhook_configurations": [
            {"webhook_url": "https://h/", "headers": REDACTED, "webhook_headers": REDACTED}
        ],
        "headers": ["first column"],
    }


def test_a_schema_may_ask_for_a_signature() -> None:
    schema = {
        "type": "object",
        "properties": {
            "signature": {"type": "string", "description": "who signed"},
            "token": "SECRET",
            "key": {"any": "SECRET"},
        },
        "signature": {"type": "SECRET"},
    }
    cleaned = clean_json(schema, redact_secrets=True)
    assert cleaned["properties"]["signature"] == {"type": "string", "description": "who signed"}
    assert "SECRET" not in json.dumps(cleaned)


def nested(depth: int, kind: str) -> Any:
    value: Any = "x\0"
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    return value


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_depth_has_a_limit_and_crashes_nothing(kind: str) -> None:
    fine = nested(MAX_DEPTH, kind)
    assert to_json_text(fine).count("x") == 1
    assert without_content(fine, frozenset()) == json.loads(to_json_text(fine).replace('"x"', "2"))
    for depth in (MAX_DEPTH + 1, 10_000):
        value = nested(depth, kind)
        for function in (clean_json, to_json_text, lambda v: without_content(v, frozenset())):
            with pytest.raises(ValueError, match="nested too deeply"):
                function(value)


def test_a_stack_that_is_deep_already_crashes_nothing_either() -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        else:
            clean_json(nested(MAX_DEPTH, "list"))

    with pytest.raises(ValueError, match="nested too deeply"):
        deeper(700)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1.0, 2.5, -0.0]}, '{"b":1,"a":[1.0,2.5,-0.0]}'),
        (18446744073709551616, "18446744073709551616"),
        (-(10**40), "-1" + "0" * 40),
        ("é\u2028😀\0", '"é\u2028😀"'),
        ([math.nan, math.inf], '["NaN","Infinity"]'),
        (None, "null"),
        ("\ud800", '"\ufffd"'),
    ],
)
def test_json_text_is_compact_and_exact(value: Any, text: str) -> None:
    assert to_json_text(value) == text


def test_json_text_keeps_the_order_of_keys_unless_asked() -> None:
    one, other = {"b": {"d": 1, "c": 2}, "a": 3}, {"a": 3, "b": {"c": 2, "d": 1}}
    assert to_json_text(one) == '{"b":{"d":1,"c":2},"a":3}'
    assert to_json_text(one, sort_keys=True) == to_json_text(other, sort_keys=True)


def test_json_text_redacts_on_request() -> None:
    assert to_json_text({"api_key": "x"}, redact_secrets=True) == '{"api_key":"[redacted]"}'


_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS
    | st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01"])
)  # fmt: skip
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_TEXTS | st.sampled_from(SECRET_KEYS), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_cleaned_json_is_valid_and_stays_as_it_is(value: Any, redact: bool) -> None:
    cleaned = clean_json(value, redact_secrets=redact)
    assert clean_json(cleaned, redact_secrets=redact) == cleaned
    text = to_json_text(value, redact_secrets=redact)
    text.encode()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse) == cleaned
    assert to_json_text(value, redact_secrets=redact) == text


# --- without content ----------------------------------------------------------------------------


def test_every_text_becomes_its_length_unless_its_key_is_documented() -> None:
    value = {
        "id": "pjb-1",
        "status": "COMPLETED",
        "markdown": "SECRET text",
        "ids": ["a", ["b"], {"x": "SECRET"}],
        "user": {"birthday": "1980-02-03", "id": "kept", "n": 5, "f": 1.5, "ok": True, "no": None},
        "created": "2026-01-01T10:00:00.123456789+00:00",
        "naive": "2026-01-01 10:00",
        "texts": ["ab", "", "2026-01-01T10:00:00Z and SECRET"],
    }
    assert without_content(value, frozenset({"id", "status", "ids"})) == {
        "id": "pjb-1",
        "status": "COMPLETED",
        "markdown": 11,
        "ids": ["a", ["b"], {"x": 6}],
        "user": {"birthday": 10, "id": "kept", "n": 5, "f": 1.5, "ok": True, "no": None},
        "created": "2026-01-01T10:00:00.123456789+00:00",
        "naive": "2026-01-01 10:00",
        "texts": [2, 0, 31],
    }
    assert without_content("SECRET", frozenset()) == 6


@given(_JSON)
def test_no_text_survives_without_content(value: Any) -> None:
    def texts(part: Any) -> list[str]:
        if isinstance(part, dict):
            return [text for entry in part.values() for text in texts(entry)]
        if isinstance(part, list):
            return [text for entry in part for text in texts(entry)]
        return [part] if isinstance(part, str) else []

    shape = without_content(value, frozenset({"kept"}))
    assert set(texts(shape)) <= {"2026-01-01T00:00:00Z"}


def test_a_hashed_name_says_nothing_and_is_stable() -> None:
    hashed = hashed_name("Müller contract.pdf")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", hashed)
    assert hashed == hashed_name("Müller contract.pdf") != hashed_name("Müller contract2.pdf")
    assert hashed_name("abc") == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert hashed_name("a\ud800\0") == hashed_name("a\ufffd")
    assert hashed_name(f"{S3}?sig=1") == hashed_name(f"{S3}?sig=2")


# --- many values at once ------------------------------------------------------------------------


def wrapped(depth: int) -> Any:
    value: Any = 1
    for place in range(depth):
        value = {"a": value} if place % 2 else [value]
    return value


ODD = (
    *(None, {"a": math.nan}, [-math.inf], {"a": None}, exact_json.decode(b"[1.50]")),
    *("a\0b", "\ud83d", {"k\0": 1}, f"{S3}?{AMZ}", {f"{S3}?{AMZ}": 1}, 'say "so"', "a\nb"),
    *("user:pass@host", "https://user:pass@host/x", "\u2028", "&amp;sig=1", 10**30, 2.5e-9),
    *(
        wrapped(MAX_DEPTH),
        wrapped(MAX_DEPTH - 1),
        [wrapped(3)] * MAX_DEPTH,
        "]" * 600,
        {"]": "[" * 9},
    ),
    *(
        {"cells": [{"at": [1, 2]}] * MAX_DEPTH},
        ["[", wrapped(MAX_DEPTH), "["],
        wrapped(MAX_DEPTH + 1),
    ),
)


@given(st.lists(st.sampled_from(ODD) | st.recursive(st.text(), st.lists), max_size=6))
def test_many_at_once_become_what_each_becomes(values: list[Any]) -> None:
    for value, text in zip(values, to_json_texts(values), strict=True):
        assert text is None or text == to_json_text(value)


def test_most_are_made_at_once() -> None:
    plain = [{"range": {"start": 1, "end": 2}}, [wrapped(3)] * MAX_DEPTH, "a/b: 5 % of [x] & é"]
    assert to_json_texts(plain) == [to_json_text(value) for value in plain]
    assert to_json_texts([plain[0], f"{S3}?{AMZ}"])[0] == to_json_text(plain[0])
