"""Which names are those of secrets, and which pairs of a name and a value hold one.

One rule for keys of JSON, names in pairs, lines of headers and fields of forms, whether what they
stand in could be parsed or not.
"""

from __future__ import annotations

import functools
import re
from typing import Final

REDACTED: Final = "[redacted]"
"""What stands for a secret that is taken out."""

_VERSION = re.compile(r"[vV](?=[0-9])")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# The words that end a key which names a secret: `client_secret`, `HTTP_PROXY`, `xApiToken`
_SECRET_WORD = re.compile(
    r"secrets?|token|passwords?|passwd|pwd|passphrase|passcode|authorization|auth|signature"
    r"|credentials?|creds?|prox(?:y|ies)|cookies?|jwt|bearer|hmac|dsn|pat"
    r"|[a-z]*(?:apikeys?|password|passwd|secretkey|accesskey|privatekey|signingkey|authkey"
    r"|accesstoken|authtoken|refreshtoken|sessiontoken|clientsecret|webhooksecret)"
    r"|webhookheaders|rawparameters|https?proxy|proxyurl|conn(?:ection)?str(?:ing)?|userinfo"
)
# `tokens` and `keys` are counted and listed more often than they are secrets
_SECRET_PLURAL = re.compile(r"tokens|keys")
_SECRET_QUALIFIER = re.compile(
    r"access|api|auth|bearer|refresh|security|secret|private|session|signing|encryption"
)
# What stands before `key` where it opens nothing
_HARMLESS_KEY = re.compile(
    r"primary|foreign|sort|partition|group|cache|object|json|field|natural|unique|lookup|map"
    r"|dictionary|order|extraction|answer"
)
# What may stand after the telling word: `authorization_header`, `proxy_url`, `access_key_id`
_TOLD_BEFORE: Final = {
    "header": re.compile(r"authorization|auth|token|key|signature|secret"),
    "value": re.compile(r"secret|token|password|passphrase"),
    "hash": re.compile(r"secret|token|password"),
    "id": re.compile(r"key"),
} | dict.fromkeys(("url", "uri", "server", "host", "address", "settings"), re.compile("proxy"))
# What may follow any telling word: which one of several it is, where it holds, how it is written
_AFFIX = re.compile(
    r"v|old|new|prev|previous|current|next|former|backup|bak|legacy|temp|tmp"
    r"|prod|production|dev|development|test|testing|staging|live|sandbox|demo|local|qa|uat"
    r"|main|default|secondary|alt|alternative|fallback|copy|eu|us|global|internal|external"
    r"|private|plain|plaintext|clear|raw|encrypted|enc|encoded|base|hex|pem|string|str"
    r"|admin|root|[a-e]"
)
# A telling phrase that is a secret's whatever follows, but for what is known of a secret: its
# count, kind or age
_SECRET_PHRASE = re.compile(
    r"(?:api|access|secret|private|signing|encryption|subscription|auth) keys?"
    r"|(?:access|auth|refresh|session|bearer|api|security) token|client secret|webhook secret"
    r"|secret|password|passwd|passphrase|apikey|accesskey|secretkey|authorization|credentials?"
    r"|raw parameters|dsn|connection string"
)
_ABOUT_SECRET = re.compile(
    r"count|counts|number|type|types|kind|name|names|label|labels|id|ids|used|uses|usage|limit"
    r"|limits|required|require|requires|protected|protection|enabled|disabled|valid|invalid|set"
    r"|present|missing|exists|status|state|is|has|was|length|size|min|max|policy|policies|rotation"
    r"|rotated|created|updated|expires|expiry|expired|expiration|expire|at|on|date|time|ttl|age"
    r"|level|mode|method|scheme|format|algorithm|position|index|page|location|field|fields|column"
    r"|columns|detected|error|errors|message|hint|scope|scopes|permissions|attribution|order|rate"
    r"|cost|value|values|manager|managers|store|source|provider|quota|budget|masked|verified"
    r"|version|versions|description|title|endpoint|url|uri|path|file|changed|reset"
)
# What leads to a database has a password in it
_DATABASE = re.compile(
    r"database|db|jdbc|odbc|sql|redis|mongo|mongodb|postgres|postgresql|mysql|mariadb|mssql|oracle"
    r"|sqlalchemy|broker|amqp|rabbitmq|celery|warehouse|snowflake|clickhouse|conn|connection|sentry"
)
_LONGEST_KEY: Final = 100
_HEADER_OWNER = re.compile(r"webhook|https?|request|custom|auth|callback")

# In a JSON schema the keys of `properties` name fields of a document, not settings
SCHEMA_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
SCHEMA_WORDS: Final = frozenset({"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"})

# A pair: `{"name": "Authorization", "value": "…"}`
PAIR_NAMES: Final = frozenset(
    {
        "name",
        "key",
        "k",
        "header",
        "headername",
        "param",
        "paramname",
        "parameter",
        "variable",
        "option",
    }
)
PAIR_VALUES: Final = frozenset(
    {
        "value",
        "val",
        "v",
        "content",
        "headervalue",
        "paramvalue",
        "values",
        "default",
        "stringvalue",
    }
)
_FIELD_NAME = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)*")


def names_secret(key: str, *, in_webhook: bool = False) -> bool:
    """Whether a key names a secret: `api_key`, `x-api-key`, `webhookHeaders`, `http_proxy`.

    The last word decides, so that `tokenizer`, `max_tokens`, `key_value` or `monkey` do not; but
    for words that only say which secret it is, as in `api_key_v2` or `token_prod`.

    Args:
        key: A key of a setting.
        in_webhook: Whether it stands in the settings of a webhook, whose `headers` are secret.
    """
    # The same few keys stand in every answer; a key of megabytes is not worth remembering
    judge = _names_secret if len(key) <= _LONGEST_KEY else _names_secret.__wrapped__
    return judge(key, in_webhook)


@functools.lru_cache(maxsize=1024)
def _names_secret(key: str, in_webhook: bool) -> bool:
    # `APIKEYv2` has a version
    words = [word.lower() for word in _WORD.findall(_VERSION.sub("_v_", key))]
    end = len(words)
    while end and not _ends_in_secret(words[:end], in_webhook):
        end = end - 1 if _AFFIX.fullmatch(words[end - 1]) else 0
    return end > 0 or _holds_secret_phrase(words)


def _ends_in_secret(words: list[str], in_webhook: bool) -> bool:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _TOLD_BEFORE and _TOLD_BEFORE[last].fullmatch(before):
        # An id is a secret's name only in `access_key_id` and its like
        if last == "id" and not any(map(_SECRET_QUALIFIER.fullmatch, words)):
            return False
        words = words[:-1]
        last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "key":
        return not _HARMLESS_KEY.fullmatch(before)
    if _SECRET_PLURAL.fullmatch(last):
        return _SECRET_QUALIFIER.fullmatch(before) is not None
    if last == "headers":
        return in_webhook or _HEADER_OWNER.fullmatch(before) is not None
    if last in ("url", "uri", "string", "str", "urls", "uris"):
        return _DATABASE.fullmatch(before) is not None
    return words[-2:] == ["raw", "parameters"] or _SECRET_WORD.fullmatch(last) is not None


def _holds_secret_phrase(words: list[str]) -> bool:
    for at in range(len(words)):
        for length in (1, 2):
            if at + length < len(words) and _SECRET_PHRASE.fullmatch(
                " ".join(words[at : at + length])
            ):
                return not any(map(_ABOUT_SECRET.fullmatch, words[at + length :]))
    return False


@functools.lru_cache(maxsize=1024)
def _pair_part(key: str) -> str:
    plain = key.lower().replace("_", "").replace("-", "")
    return "name" if plain in PAIR_NAMES else "value" if plain in PAIR_VALUES else ""


def pair_part(key: str) -> str:
    """What a key is in a pair: `"name"`, `"value"`, or nothing."""
    return _pair_part(key) if len(key) <= _LONGEST_KEY else ""


def is_pair(name: str, value: str, *, listed: bool, in_webhook: bool = False) -> bool:
    """Whether a name and a text right after it in a list are those of a secret.

    Args:
        name: The one.
        value: The other.
        listed: Whether they begin a list within a list, as in `[["X-Api-Key", "…"], …]`.
        in_webhook: See `names_secret`.
    """
    if not names_secret(name.strip(), in_webhook=in_webhook) or " " in name.strip():
        return False
    # `["password", "email"]` are names of fields
    return listed or _FIELD_NAME.fullmatch(value) is None
