"""What a text or a JSON value loses before it is stored: docs/contract.md#stored-values.

Three things no warehouse holds: U+0000, lone surrogates, and NaN in JSON. Two things must not be
kept: the query string of a signed URL, which opens a private document to whoever reads it, and
the values of settings that are secrets. All else stays as sent.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any, Final

from dlt_docjobs.model import exact_json
from dlt_docjobs.model.records import JsonText

REDACTED: Final = "[redacted]"
MAX_DEPTH: Final = 500
"""JSON nested deeper is refused: no document is, and Python's stack has an end."""

_LONGEST_NUMBER: Final = 16_000
# What PostgreSQL's numbers hold, and so its jsonb, before the point and behind it
_DIGITS_BEFORE: Final = 131_072
_DIGITS_BEHIND: Final = 16_383


# --- texts --------------------------------------------------------------------------------------


def clean_text(text: str) -> str:
    """A text as any destination can hold it, and without signatures.

    U+0000 is dropped, a lone surrogate becomes U+FFFD (a pair of them the character that it
    means), and a URL that carries a signature loses its query string and fragment.

    Args:
        text: As the provider sent it.

    Returns:
        The text; the same object where there is nothing to clean.
    """
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _strip_signatures(text) if _may_be_signed(text) else text


def _may_be_signed(text: str) -> bool:
    # Every signature has a sign of equality, however written. To look for one character is quick,
    # to look for several is not
    return (
        "=" in text
        or (
            ("%" in text or "\\" in text or ("&" in text and "#" in text))
            and ("3D" in text or "3d" in text or "#61;" in text)
        )
        or ("&" in text and "equals;" in text)
    )


def is_clean(data: bytes) -> bool:
    """Whether `clean_text` leaves every text as it is: many at once, and quickly.

    Args:
        data: The texts in UTF-8, one behind the other.

    Returns:
        False where one of them may need it.
    """
    return not any(
        sign in data and (pattern is None or pattern.search(data)) for sign, pattern in _UNCLEAN
    )


def strip_query(url: str | None) -> str | None:
    """An image's URL without its query string and fragment.

    Args:
        url: A URL; of a `data:` URI, whose data is document content, only the type is kept.
    """
    if url is None:
        return None
    url = url.strip()
    if url[:5].lower() == "data:":
        return clean_text(re.split("[;,]", url, maxsplit=1)[0])
    # What is cut off needs no cleaning, and it is where the signatures are
    return clean_text(url.partition("?")[0].partition("#")[0]).strip()


def hashed_name(name: str) -> str:
    """What stands for a document's name where names must not be stored."""
    return "sha256:" + hashlib.sha256(clean_text(name).encode()).hexdigest()


# --- signed URLs --------------------------------------------------------------------------------
#
# A signature is found by its parameter (`&X-Amz-Signature=`), whatever the URL around it looks
# like: plain, in Markdown, in an HTML attribute (`&amp;`), in JSON that is itself a text
# (`\u0026`, `\/`) or percent-encoded. From there the query string is sought backwards and
# forwards. No character is looked at more than a few times: a text may have 10 MB.

_SEPARATOR = (
    r"&(?:amp;)*(?:amp|semi|num|quest|\#38|\#59|\#35|\#63|\#[xX](?:26|3[bBfF]|23));"
    r"|[?&;\#]"
    r"|%(?:25){0,3}(?:3[BbFf]|2[36])"
    r"|\\u00(?:3[BbFf]|2[36])"
)
_PERCENT_EQUALS = r"%(?:25){0,3}3[Dd]"
_ENTITY_EQUALS = r"&(?:amp;)*(?:equals|\#61|\#[xX]3[Dd]);"
_EQUALS = rf"=|{_PERCENT_EQUALS}|\\u003[Dd]|{_ENTITY_EQUALS}"
# Markdown escapes underscores, and so `access\_token`
_WORDS = r"(?:[a-z0-9]{1,20}\\?[-_.]){0,5}"
_STORES = r"x\\?-(?:amz|goog|oss|tos|cos|obs|bce|ms)\\?-[a-z0-9\\-]{1,40}"
_SIGNING = (
    rf"{_WORDS}(?:[a-z0-9]{{0,20}}(?:signature|token|secret|password|api\\?[-_]?key"
    r"|access\\?[-_]?key(?:\\?[-_]?id)?)(?:\\?_){0,2}"
    r"|sig|jwt|hmac|auth|authorization|credentials?|passwd|pwd"
    r"|(?:auth|subscription|secret|private|signing)\\?[-_]?key)"
    r"|googleaccessid|key-pair-id"
    # `key` may name anything; only what looks like a key under it is one
    r"|key(?==[\w-]{20})"
)
_MARKER = re.compile(
    # What looks ahead changes nothing but the time: most separators are no parameter's
    rf"(?P<separator>{_SEPARATOR})(?=[A-Za-z0-9_.-]+[=%&\\])"
    rf"(?:(?P<store>(?i:{_STORES}))|(?i:{_SIGNING}))(?:{_EQUALS})"
)
# What `clean_text` may change has one of these signs, and then fits the pattern behind it
_UNCLEAN: Final = tuple(
    (sign, None if pattern is None else re.compile(pattern.encode()))
    for sign, pattern in (
        (b"=", None),
        (b"\0", None),
        (b"\\", r"\\u003[Dd]"),
        (b"%", _PERCENT_EQUALS),
        (b"&", _ENTITY_EQUALS),
    )
)
_SEMICOLONS: Final = frozenset({";", "&semi;", "&#59;", "&#x3b;", "%3b", "%253b", "\\u003b"})
# Where a query string may begin; `?https://` and `?(` are a question and what follows it
_QUERY_START = re.compile(
    r"\?(?!https?:|[(\[!])|%(?:25){0,3}3[Ff]|\\u003[Ff]|&(?:amp;)*(?:quest|\#63|\#[xX]3[fF]);"
)
_SLASH = re.compile(r"/|%(?:25){0,3}2[Ff]|\\u002[Ff]|&(?:amp;)*(?:sol|\#47|\#[xX]2[fF]);")
# A stretch of query string. Entities for quotes, brackets and spaces end it, and so do quotes,
# brackets (unless closed within it), what Markdown puts around a link, and the next URL of a list
_STRETCH = re.compile(
    r"[A-Za-z0-9\-._~:/?\#@!$+;=%]+"
    r"|,(?!(?:https?|s3|gs)(?::|%3A))"
    r"|&(?!(?:amp;)*(?:quot|apos|lt|gt|nbsp|\#0*(?:10|13|32|34|39|60|62|160)"
    r"|\#[xX]0*(?:[aAdD]|20|22|27|3[cCeE]|[aA]0));)"
    r"|\\{1,4}(?:u00(?:2[356bfBF]|3[abdfABDF])|[&=?_./\#%+~-])"
    r"|\([^\s()\"'<>]*\)"
    r"|\[[^\s\[\]\"'<>]*\]"
)
_URL_ENDS: Final = frozenset(' \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000"<>')
_PUNCTUATION: Final = ".,:!"


def _strip_signatures(text: str) -> str:
    marker = _MARKER.search(text)
    if marker is None:
        return text
    kept: list[str] = []
    done = 0  # what lies before is in `kept`, or cut out
    looked = 0  # how far the present run, which no space or quote interrupts, was looked at
    slash = False  # whether that run has a slash, as URLs have
    query, query_end = -1, -1  # the first query string in the run that may reach the marker
    while marker is not None:
        at, value = marker.start(), marker.end()
        begin = at
        while begin > looked and text[begin - 1] not in _URL_ENDS:
            begin -= 1
        if begin > looked:
            looked, slash, query, query_end = begin, False, -1, -1
        slash = slash or _SLASH.search(text, looked, at) is not None
        sought = max(looked, query_end)
        while (
            query_end < at
            and (start := _QUERY_START.search(text, sought, marker.end("separator"))) is not None
        ):
            query, query_end = start.start(), _query_end(text, start.end())
            sought = query_end
        looked = at

        is_store = marker["store"] is not None
        if not (slash or is_store):
            # `a?token=b` may be anything, a line of code for one
            marker = _MARKER.search(text, value)
            continue
        if query_end >= at:
            begin, end = query, max(query_end, value)
        elif is_store or marker["separator"].lower() not in _SEMICOLONS:
            # No query string reaches up to here: this parameter goes, and those after it
            begin, end = at, _query_end(text, value)
        else:
            marker = _MARKER.search(text, value)
            continue
        while end > value and text[end - 1] in _PUNCTUATION:
            end -= 1
        kept.append(text[done:begin])
        done = looked = end
        query, query_end = -1, -1
        marker = _MARKER.search(text, end)
    kept.append(text[done:])
    return "".join(kept)


def _query_end(text: str, start: int) -> int:
    # A loop and not a repeated group: the regex engine keeps a record of each repetition
    while (stretch := _STRETCH.match(text, start)) is not None:
        start = stretch.end()
    return start


# --- JSON ---------------------------------------------------------------------------------------


def clean_json(value: Any, *, redact_secrets: bool = False) -> Any:
    """A JSON value with its texts and keys cleaned; NaN and what no warehouse holds as strings.

    Args:
        value: What a JSON decoder returns.
        redact_secrets: Whether the values of keys that name secrets become `"[redacted]"`: right
            for what a provider says of a job, wrong for what stands in a document.

    Raises:
        ValueError: The value is nested deeper than `MAX_DEPTH`.
    """
    return _guarded(lambda: _cleaned(value, 0, redact_secrets, False, False))


def to_json_text(value: Any, *, redact_secrets: bool = False, sort_keys: bool = False) -> JsonText:
    """A JSON value, cleaned, as compact JSON text; equal values give equal texts.

    Args:
        value: What a JSON decoder returns; numbers keep their digits.
        redact_secrets: See `clean_json`.
        sort_keys: Whether objects that differ only in the order of their keys give equal texts;
            otherwise the provider's order is kept.

    Raises:
        ValueError: The value is nested deeper than `MAX_DEPTH`.
    """
    return encode_json(clean_json(value, redact_secrets=redact_secrets), sort_keys=sort_keys)


def decode_json(text: JsonText) -> Any:
    """The value of JSON that is stored, every number with all of its digits."""
    return exact_json.decode_leniently(text.encode("utf-8", "surrogatepass"))


def encode_json(cleaned: Any, *, sort_keys: bool = False) -> JsonText:
    """What `clean_json` returned as compact JSON text.

    Args:
        cleaned: The value.
        sort_keys: See `to_json_text`.
    """
    return JsonText(exact_json.encode(cleaned, sort_keys=sort_keys).decode())


def without_content(value: Any, keep: frozenset[str]) -> Any:
    """The shape of a JSON value: every text that may be a document's becomes its length.

    What stays: keys, numbers, booleans, nulls, timestamps (date and time of day: a date alone may
    be somebody's birthday) and the strings under the keys in `keep`, in lists under them too.

    Args:
        value: What a JSON decoder returns.
        keep: The keys whose strings are ids, enums, dates or names of the documented schema.

    Raises:
        ValueError: The value is nested deeper than `MAX_DEPTH`.
    """
    return _guarded(lambda: _shape(value, 0, keep, False))


def _guarded(walk: Callable[[], Any]) -> Any:
    try:
        return walk()
    except RecursionError:
        # The caller's own stack was deep already
        raise ValueError("nested too deeply") from None


def _cleaned(value: Any, depth: int, redact: bool, in_webhook: bool, in_schema: bool) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _non_finite(value)
    if isinstance(value, dict):
        _check_depth(depth)
        result: dict[Any, Any] = {}
        for key, entry in value.items():
            name = key
            if isinstance(key, str) and (name := clean_text(key)) != key:
                # Two keys that cleaning makes equal must not become one
                while name in value or name in result:
                    name += "_"
            if redact and isinstance(key, str) and entry is not None:
                # what is left of a key that held a signature may name a secret by itself
                is_secret = names_secret(key, in_webhook=in_webhook) or (
                    name != key and names_secret(name, in_webhook=in_webhook)
                )
                if is_secret and not (
                    in_schema and isinstance(entry, dict) and not _SCHEMA_WORDS.isdisjoint(entry)
                ):
                    result[name] = REDACTED
                    continue
                webhook = in_webhook or "webhook" in key.lower()
                schema = key in _SCHEMA_MAPS
            else:
                webhook, schema = in_webhook, False
            result[name] = _cleaned(entry, depth + 1, redact, webhook, schema)
        return result
    if isinstance(value, (list, tuple)):
        _check_depth(depth)
        entries = []
        # No comprehension: until Python 3.12 it takes a second stack frame for each level
        for entry in value:
            entries.append(_cleaned(entry, depth + 1, redact, in_webhook, False))
        return entries
    return _storable(value) if isinstance(value, exact_json.Exact) else value


def _shape(value: Any, depth: int, keep: frozenset[str], is_kept: bool) -> Any:
    if isinstance(value, str):
        return value if is_kept or _TIMESTAMP.fullmatch(value) else len(value)
    if isinstance(value, dict):
        _check_depth(depth)
        result = {}
        for key, entry in value.items():
            result[key] = _shape(entry, depth + 1, keep, key in keep)
        return result
    if isinstance(value, (list, tuple)):
        _check_depth(depth)
        entries = []
        for entry in value:
            entries.append(_shape(entry, depth + 1, keep, is_kept))
        return entries
    return value


_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,12})?)?"
    r"(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError("nested too deeply")


def _storable(value: exact_json.Exact) -> exact_json.Exact | str:
    text = str(value)
    is_small = len(text) <= _LONGEST_NUMBER and -_DIGITS_BEHIND <= value.adjusted() < _DIGITS_BEFORE
    return value if is_small else text


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


# --- keys that name secrets ---------------------------------------------------------------------

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# The words that end a key which names a secret: `client_secret`, `HTTP_PROXY`, `xApiToken`
_SECRET_WORD = re.compile(
    r"secrets?|token|passwords?|passwd|pwd|passphrase|authorization|auth|signature|credentials?"
    r"|prox(?:y|ies)|cookies?|jwt|bearer|apikeys?|(?:access|secret|private|signing)key"
    r"|(?:access|auth|refresh|session)token|(?:client|webhook)secret|webhookheaders"
    r"|rawparameters|https?proxy|proxyurl"
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
_LONGEST_KEY: Final = 100
_HEADER_OWNER = re.compile(r"webhook|https?|request|custom|auth|callback")

# In a JSON schema the keys of `properties` name fields of a document, not settings
_SCHEMA_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_SCHEMA_WORDS: Final = frozenset({"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"})


def names_secret(key: str, *, in_webhook: bool = False) -> bool:
    """Whether a key names a secret: `api_key`, `x-api-key`, `webhookHeaders`, `http_proxy`.

    The last word decides, so that `tokenizer`, `max_tokens`, `key_value` or `monkey` do not.

    Args:
        key: A key of a setting.
        in_webhook: Whether it stands in the settings of a webhook, whose `headers` are secret.
    """
    # The same few keys stand in every answer; a key of megabytes is not worth remembering
    judge = _names_secret if len(key) <= _LONGEST_KEY else _names_secret.__wrapped__
    return judge(key, in_webhook)


@functools.lru_cache(maxsize=1024)
def _names_secret(key: str, in_webhook: bool) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _TOLD_BEFORE and _TOLD_BEFORE[last].fullmatch(before):
        # An id is a secret's name only in `access_key_id` and its like
        if last == "id" and not any(map(_SECRET_QUALIFIER.fullmatch, words)):
            return False
        words.pop()
        last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "key":
        return not _HARMLESS_KEY.fullmatch(before)
    if _SECRET_PLURAL.fullmatch(last):
        return _SECRET_QUALIFIER.fullmatch(before) is not None
    if last == "headers":
        return in_webhook or _HEADER_OWNER.fullmatch(before) is not None
    return words[-2:] == ["raw", "parameters"] or _SECRET_WORD.fullmatch(last) is not None
