"""Secrets in JSON, in JSON in texts, and in what could not be parsed: one rule, one result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_docjobs.model.cleaning import clean_json
from dlt_docjobs.model.secret_names import REDACTED, is_pair, names_secret
from dlt_docjobs.model.secret_texts import redact_text

ANSWER: dict[str, Any] = {
    "id": "kept",
    "webhook_configurations": [{"url": "https://h.test/}", "headers": {"X-Any": 'a"SECRET'}}],
    "api_key_v2": 'SECRET"x',
    "token": 123456,
    "config": {"raw_parameters": {"a": ["SECRET"]}, "http_proxy": "SECRET", "dsn": "SECRET"},
    "headers": [
        {"name": "Authorization", "value": "SECRET"},
        {"value": "SECRET", "name": "X-Api-Key"},
        {"name": "Accept", "value": "kept"},
    ],
    "pairs": [["X-Api-Key", "SECRET"], ["Accept", "kept"]],
    "line": "Authorization: Bearer SECRET\r\nAccept: kept",
    "form": "a=1&api_key=SECRET&b=kept",
    "properties": {"signature": {"type": "string", "description": "kept"}, "token": "SECRET"},
    "has_signature": True,
    "after": "kept",
}


def test_parsed_or_not_the_same_is_redacted() -> None:
    text = redact_text(json.dumps(ANSWER))
    assert json.loads(text) == clean_json(ANSWER, redact_secrets=True)
    assert "SECRET" not in text and text.count("kept") == json.dumps(ANSWER).count("kept")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_json_in_a_text_is_redacted_however_often_it_is_escaped(times: int) -> None:
    text = json.dumps(ANSWER)
    for _ in range(times):
        text = json.dumps({"inner": text, "kept": 1})
    redacted = redact_text(text)
    assert "SECRET" not in redacted
    for _ in range(times):
        assert json.loads(redacted)["kept"] == 1
        redacted = json.loads(redacted)["inner"]
    assert json.loads(redacted) == clean_json(ANSWER, redact_secrets=True)


def test_what_is_cut_off_anywhere_shows_no_secret() -> None:
    for text in (json.dumps(ANSWER), json.dumps({"inner": json.dumps(ANSWER)})):
        for end in range(len(text)):
            assert "SECRET" not in redact_text(text[:end])


@pytest.mark.parametrize("depth", [600, 5_000])
def test_depth_hides_nothing(depth: int) -> None:
    opened, closed = '{"a":[' * depth, "]}" * depth
    inner = '{"password":{"x":["SECRET"]},"n":1}'
    assert redact_text(opened + inner + closed) == (
        opened + '{"password":"[redacted]","n":1}' + closed
    )
    assert "SECRET" not in redact_text(opened + '{"api_key": "SECRET')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Basic abc def", "Authorization: [redacted]"),
        ("password: hunter2", "password: [redacted]"),
        ("see token=abc, it is wrong", "see token=[redacted], it is wrong"),
        ("{'api_key': 'sk', 'a': 'b'}", "{'api_key': '[redacted]', 'a': 'b'}"),
        ("Server=x;Password=y;Port=1", "Server=x;Password=[redacted];Port=1"),
        ('5" pipe {"api_key": "x"} "', '5" pipe {"api_key": "[redacted]"} "'),
        (r'"api\u005fkey":"x"', r'"api\u005fkey":"[redacted]"'),
        ('curl -H "X-Api-Key: x" http://h', 'curl -H "X-Api-Key: [redacted]" http://h'),
        ('["--api-key","sk-1"]', '["--api-key","[redacted]"]'),
        ('{"value":"x","name":"Authori', '{"value":"[redacted]","name":"Authori'),
        ("refused: Bearer abcdef0123456789xyz", "refused: Bearer [redacted]"),
    ],
)
def test_headers_forms_and_settings_in_a_text(text: str, expected: str) -> None:
    assert redact_text(text) == expected
    assert redact_text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Token: unexpected end of input",
        "The key: look at page 3, then sign.",
        "https://h.test/y?key=name&b=1",
        '{"required":["token","name"],"max_tokens":5,"a":"token"}',
        '{"token":true,"key":null,"password":',
        '{"properties":{"signature":{"type":"string"}}}',
        "",
    ],
)
def test_all_else_is_the_same_object(text: str) -> None:
    assert redact_text(text) is text


def test_pairs_in_lists_and_objects() -> None:
    value = {
        "h": [{"key": "x-auth-token", "value": {"a": "SECRET"}}, {"k": "token", "v": "SECRET"}],
        "flat": ["Authorization", "Bearer SECRET", "Accept", "kept"],
        "required": ["password", "email"],
        "note": '{"password": "SECRET"} kept',
    }
    cleaned = clean_json(value, redact_secrets=True)
    assert "SECRET" not in json.dumps(cleaned)
    assert cleaned["flat"] == ["Authorization", REDACTED, "Accept", "kept"]
    assert cleaned["required"] == ["password", "email"] and cleaned["note"].endswith(" kept")
    assert clean_json(value) == value


def test_a_list_of_names_is_no_pair_unless_it_is_in_a_list() -> None:
    assert not is_pair("password", "email", listed=False)
    assert is_pair("password", "email", listed=True)
    assert not is_pair("the password", "x1", listed=True)


@pytest.mark.parametrize(
    "name",
    [
        "api_key_v2",
        "api_key_prod",
        "token_1",
        "secretV2",
        "password2",
        "old_password_hash",
        "dsn",
        "sentry_dsn",
        "conn_str",
        "connection_string",
        "connectionString",
        "database_url",
        "DATABASE_URL",
        "jdbc_url",
        "APIKEYv2",
        "api-key-v10",
        "x-api-key-v2",
        "api_key_openai",
        "client_secret_old",
        "secret_key_base",
        "raw_parameters_v2",
        "accessTokenV3",
        "webhook_headers_v2",
        "http_proxy_2",
        "mongo_uri",
        "private_key_pem",
        "dbPassword",
        "page_token",
        "sasToken",
    ],
)
def test_what_stands_beside_the_telling_word_hides_nothing(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "token_limit",
        "tokens_per_page",
        "tokens_v2",
        "secret_name",
        "api_key_name",
        "password_required",
        "url",
        "base_url",
        "signature_detected",
        "signature_text",
        "key_points",
        "key_version",
        "model_version",
        "auth_method",
        "connection_id",
        "database_id",
        "cookie_policy",
        "tokenizer_version",
        "password_length",
        "api_key_count",
    ],
)
def test_what_is_known_of_a_secret_is_none(name: str) -> None:
    assert not names_secret(name)


_PARTS = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\\",
        '"',
        "'",
        "=",
        "&",
        "\n",
        '"token"',
        '"name"',
        "key",
        '"value"',
        "Authorization",
        '"a"',
        "1",
        "true",
        '\\"',
        '\\\\\\"',
        "webhook",
        "headers",
    ]
)


@given(st.lists(_PARTS, max_size=30).map("".join) | st.text(max_size=40))
def test_nothing_breaks_it_and_twice_is_once(text: str) -> None:
    redacted = redact_text(text)
    assert redact_text(redacted) == redacted


@given(st.recursive(st.none() | st.integers() | st.text("ab\\\"{}[]:,\n'", max_size=8),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["a", "b c", "api_key", "n"]), inner),
                    max_leaves=12))  # fmt: skip
def test_whole_json_stays_json_and_loses_what_the_walk_takes(value: Any) -> None:
    redacted = json.loads(redact_text(json.dumps(value)))
    walked = clean_json(value, redact_secrets=True)
    assert _without_texts(redacted) == _without_texts(walked)


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_texts(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_texts(entry) for entry in value]
    return value if value == REDACTED or not isinstance(value, str) else len(value) >= 0
