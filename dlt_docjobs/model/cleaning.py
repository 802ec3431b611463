"""What a text or a JSON value loses before it is stored: docs/contract.md#stored-values.

Three things no warehouse holds: U+0000, lone surrogates, and NaN in JSON. Two things must not be
kept: the query string of a signed URL, which opens a private document to whoever reads it, and
the values of settings that are secrets. All else stays as sent.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Final

from dlt_docjobs.model import exact_json
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.model.secret_names import (
    REDACTED,
    SCHEMA_MAPS,
    SCHEMA_WORDS,
    is_pair,
    names_secret,
    pair_part,
)
from dlt_docjobs.model.secret_texts import redact_text
from dlt_docjobs.model.signed_urls import UNCLEAN, may_grant, without_grants

MAX_DEPTH: Final = 500
"""JSON nested deeper is refused: no document is, and Python's stack has an end."""

# who knows such a path of a store's needs no signature
_PUBLIC_OBJECT: Final = re.compile(r"(/object/public/).+")
_LONGEST_NUMBER: Final = 16_000
# of JSON without escapes
_STRING: Final = re.compile(rb'"[^"]*"')
_STEPS: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in _STEPS)
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
    return without_grants(text) if may_grant(text) else text


def is_clean(data: bytes) -> bool:
    """Whether `clean_text` leaves every text as it is: many at once, and quickly.

    Args:
        data: The texts in UTF-8, one behind the other.

    Returns:
        False where one of them may need it.
    """
    return b"\0" not in data and not any(
        sign in data and (pattern is None or pattern.search(data)) for sign, pattern in UNCLEAN
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


# --- JSON ---------------------------------------------------------------------------------------


def clean_json(
    value: Any, *, redact_secrets: bool = False, links: frozenset[str] = frozenset()
) -> Any:
    """A JSON value with its texts and keys cleaned; NaN and what no warehouse holds as strings.

    Args:
        value: What a JSON decoder returns.
        redact_secrets: Whether the values of keys that name secrets become `"[redacted]"`: right
            for what a provider says of a job, wrong for what stands in a document.
        links: Keys under which a link to a stored file stands: it loses its query string in any
            case, and so do the texts in an object or list there.

    Raises:
        ValueError: The value is nested deeper than `MAX_DEPTH`.
    """
    if links:
        value = _guarded(lambda: _without_queries(value, links, False, 0))
    return _guarded(lambda: _cleaned(value, 0, redact_secrets, False, False, False))


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


def to_json_texts(values: Sequence[Any]) -> list[JsonText | None]:
    """What `to_json_text` makes of values that need no cleaning: many at once, and quickly.

    Args:
        values: What a JSON decoder returns, or structs of it.

    Returns:
        Their texts; None in place of one that may need cleaning.
    """
    try:
        data = exact_json.encode_lines(values)
    except (TypeError, ValueError, RecursionError):
        return [None] * len(values)
    is_all_clean = is_clean(data)
    return [
        JsonText(line.decode())
        if (is_all_clean or is_clean(line)) and not _may_be_odd(line)
        else None
        for line in data.splitlines()
    ]


def _may_be_odd(line: bytes) -> bool:
    """Whether a JSON text may stand for a value that is not stored like this.

    An escape may be U+0000, or half of a sign that `is_clean` looks for; null may have been NaN.
    """
    if b"\\" in line or b"null" in line:
        return True
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", line).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets))) > MAX_DEPTH


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
    return _guarded(lambda: _shape(value, 0, keep, False, _without_text))


def without_values(value: Any) -> Any:
    """The shape of a JSON value that was extracted from a document.

    Keys and nulls stay, texts become their lengths, numbers and booleans null.

    Raises:
        ValueError: The value is nested deeper than `MAX_DEPTH`.
    """
    return _guarded(lambda: _shape(value, 0, frozenset(), False, _without_value))


def _guarded(walk: Callable[[], Any]) -> Any:
    try:
        return walk()
    except RecursionError:
        # The caller's own stack was deep already
        raise ValueError("nested too deeply") from None


def _cleaned(
    value: Any, depth: int, redact: bool, in_webhook: bool, in_schema: bool, in_list: bool
) -> Any:
    if isinstance(value, str):
        text = clean_text(value)
        return redact_text(text, in_webhook=in_webhook) if redact else text
    if isinstance(value, float):
        return value if math.isfinite(value) else _non_finite(value)
    if isinstance(value, dict):
        _check_depth(depth)
        holds_secret = redact and _names_a_secret(value, in_webhook)
        result: dict[Any, Any] = {}
        for key, entry in value.items():
            name = key
            if isinstance(key, str) and (name := clean_text(key)) != key:
                # Two keys that cleaning makes equal must not become one
                while name in value or name in result:
                    name += "_"
            # What is true or not is no secret, whatever its name
            if redact and isinstance(key, str) and not (entry is None or isinstance(entry, bool)):
                # what is left of a key that held a signature may name a secret by itself
                is_secret = names_secret(key, in_webhook=in_webhook) or (
                    name != key and names_secret(name, in_webhook=in_webhook)
                )
                if (holds_secret and pair_part(name) == "value") or (
                    is_secret
                    and not (
                        in_schema and isinstance(entry, dict) and not SCHEMA_WORDS.isdisjoint(entry)
                    )
                ):
                    result[name] = REDACTED
                    continue
                webhook = in_webhook or "webhook" in key.lower()
                schema = key in SCHEMA_MAPS
            else:
                webhook, schema = in_webhook, False
            result[name] = _cleaned(entry, depth + 1, redact, webhook, schema, False)
        return result
    if isinstance(value, (list, tuple)):
        _check_depth(depth)
        entries: list[Any] = []
        before: Any = None
        # No comprehension: until Python 3.12 it takes a second stack frame for each level
        for entry in value:
            if (
                redact
                and isinstance(before, str)
                and isinstance(entry, str)
                and is_pair(
                    before, entry, listed=in_list and len(entries) == 1, in_webhook=in_webhook
                )
            ):
                entries.append(REDACTED)
                before = None
                continue
            entries.append(_cleaned(entry, depth + 1, redact, in_webhook, False, True))
            before = entries[-1]
        return entries
    return _storable(value) if isinstance(value, exact_json.Exact) else value


def _without_queries(value: Any, links: frozenset[str], is_link: bool, depth: int) -> Any:
    if isinstance(value, str):
        if not is_link or "://" not in value:
            return value
        return _PUBLIC_OBJECT.sub(rf"\1{REDACTED}", strip_query(value) or "")
    if isinstance(value, dict):
        _check_depth(depth)
        kept = {}
        for key, entry in value.items():
            kept[key] = _without_queries(entry, links, is_link or key in links, depth + 1)
        return kept
    if isinstance(value, list):
        _check_depth(depth)
        entries = []
        for entry in value:
            entries.append(_without_queries(entry, links, is_link, depth + 1))
        return entries
    return value


def _names_a_secret(pair: dict[Any, Any], in_webhook: bool) -> bool:
    """Whether an object is a pair whose name is a secret's, as headers are listed."""
    for key, entry in pair.items():
        if (
            isinstance(key, str)
            and isinstance(entry, str)
            and pair_part(clean_text(key)) == "name"
            and names_secret(clean_text(entry).strip(), in_webhook=in_webhook)
        ):
            return True
    return False


def _shape(
    value: Any, depth: int, keep: frozenset[str], is_kept: bool, leaf: Callable[[Any, bool], Any]
) -> Any:
    if isinstance(value, dict):
        _check_depth(depth)
        result = {}
        for key, entry in value.items():
            result[key] = _shape(entry, depth + 1, keep, key in keep, leaf)
        return result
    if isinstance(value, (list, tuple)):
        _check_depth(depth)
        entries = []
        for entry in value:
            entries.append(_shape(entry, depth + 1, keep, is_kept, leaf))
        return entries
    return leaf(value, is_kept)


def _without_text(value: Any, is_kept: bool) -> Any:
    if not isinstance(value, str) or is_kept or _TIMESTAMP.fullmatch(value):
        return value
    return len(value)


def _without_value(value: Any, _: bool) -> Any:
    return len(value) if isinstance(value, str) else None


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
