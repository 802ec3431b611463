"""Bodies of answers: decompressed piece by piece, and error bodies read for what they say."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dlt_docjobs.http.decoding import looks_like_html
from dlt_docjobs.http.errors import BeingDeleted, Deleted

MAX_DETAIL: Final = 200
_LONGEST_TEXT: Final = 1000
_PIECE: Final = 2**20
_GZIP: Final = 16 + zlib.MAX_WBITS

# A URL's query string may be a signature
_QUERY = re.compile(r"(?<=[^\s?])\?[^\s\"'<>?]*=[^\s\"'<>]*")
_WORD = re.compile(r"\w+", re.ASCII)
_MESSAGE_KEYS = ("detail", "message", "msg", "error", "title", "reason")


class BrokenBody(Exception):
    """A compressed body that cannot be decompressed, or ends too early."""


class Inflater:
    """Undoes the content encoding.

    httpx would do it too, but takes a gzip stream that was cut off for a whole one, and inflates
    a piece however large it becomes. Pieces are at most 1 MiB here, so that whoever counts them
    can stop a decompression bomb.
    """

    def __init__(self, content_encoding: str) -> None:
        """Takes the `Content-Encoding` header; only gzip is ever asked for."""
        codings = [coding.strip().lower() for coding in content_encoding.split(",")]
        codings = [coding for coding in codings if coding not in ("", "identity")]
        if codings and codings not in (["gzip"], ["x-gzip"]):
            raise BrokenBody("the body is compressed in a way that was not asked for")
        self._stream = zlib.decompressobj(_GZIP) if codings else None
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields what these bytes decompress to."""
        if self._stream is None:
            yield data
            return
        while True:
            if self._stream.eof:
                # Another member may follow; padding and garbage after the last are dropped
                if not data.startswith(b"\x1f"):
                    return
                self._stream = zlib.decompressobj(_GZIP)
            self._fed = self._fed or bool(data)
            try:
                piece = self._stream.decompress(data, _PIECE)
            except zlib.error:
                raise BrokenBody("the compressed body is broken") from None
            if piece:
                yield piece
            if self._stream.eof:
                data = self._stream.unused_data
            else:
                data = self._stream.unconsumed_tail
                if not data:
                    return

    def finish(self) -> None:
        """Raises `BrokenBody` where the compressed stream did not come to its end."""
        if self._stream is not None and self._fed and not self._stream.eof:
            raise BrokenBody("the compressed body was cut off")


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """In what form an API says what is wrong.

    Attributes:
        keys: A JSON object that has one of these, not null; None for any JSON object with a value.
        text: A regular expression that is found, whatever its case, in a text, be it plain or
            JSON; empty where the API never answers so.
        deleted: Words of the API's, wherever in the body, of a job that was deleted.
        deleting: Words of the API's of a job that is being deleted.
    """

    keys: frozenset[str] | None = None
    text: str = ""
    deleted: frozenset[str] = frozenset()
    deleting: frozenset[str] = frozenset()

    def deletion(
        self, status: int, body: bytes, content_type: str
    ) -> type[Deleted] | type[BeingDeleted] | None:
        """What an error's body says of a job's deletion; None where it says nothing of it.

        A 410 means it even without a word, of an API that has words for it.

        Args:
            status: The HTTP status.
            body: The body's beginning.
            content_type: The `Content-Type` header.
        """
        if not (self.deleted or self.deleting) or not 400 <= status < 500 or status == 429:
            return None
        if looks_like_html(body, content_type):
            return None
        words = set(_WORD.findall(body.decode("utf-8", "replace")))
        if words & self.deleted or (status == 410 and self.fits(body, content_type)):
            return Deleted
        return BeingDeleted if words & self.deleting else None

    def fits(self, body: bytes, content_type: str) -> bool:
        """Whether an error's body may be the API's own.

        Args:
            body: The body's beginning.
            content_type: The `Content-Type` header.
        """
        if looks_like_html(body, content_type):
            return False
        said = _value(body)
        if isinstance(said, dict):
            keys = said if self.keys is None else self.keys
            return any(said.get(key) is not None for key in keys)
        if not self.text or not isinstance(said, str):
            return False
        return re.search(self.text, said[:_LONGEST_TEXT], re.IGNORECASE) is not None


def form_of(body: bytes, content_type: str) -> str:
    """What a body is, in a few words for a message."""
    if not body.strip():
        return "an empty body"
    if looks_like_html(body, content_type):
        return "an HTML page"
    return "plain text" if isinstance(_value(body), str) else "JSON of another form"


def _value(body: bytes) -> Any:
    """A body's JSON value; its text where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def describe_error_body(body: bytes, content_type: str) -> str:
    """What an error body says, in at most 200 printable characters.

    Providers send `{"detail": "text"}`, `{"detail": [{"loc", "msg", "type"}]}`, an object with a
    message in it, plain text, or a JSON-quoted text. Of validation errors only `loc` and `msg`
    are taken: `input` repeats what was sent.

    Args:
        body: The body's beginning.
        content_type: The `Content-Type` header.
    """
    if looks_like_html(body, content_type):
        return "an HTML page"
    text = body.decode("utf-8", "replace")
    try:
        said = _message(json.loads(text))
    except (ValueError, RecursionError):
        # A text that was meant to be JSON would show its structure, not a message
        said = "" if text.lstrip().startswith(("{", "[")) else text
    said = _QUERY.sub("", said[: 50 * MAX_DETAIL])
    said = "".join(char if char.isprintable() else " " for char in said)
    said = " ".join(said.split())
    return said if len(said) <= MAX_DETAIL else said[: MAX_DETAIL - 1] + "…"


def _message(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > 4:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_message(entry, depth + 1) for entry in value[:5])))
    if isinstance(value, Mapping):
        for key in _MESSAGE_KEYS:
            if said := _message(value.get(key), depth + 1):
                where = value.get("loc")
                if isinstance(where, list):
                    return f"{'.'.join(str(part) for part in where[:8])}: {said}"
                return said
    return ""
