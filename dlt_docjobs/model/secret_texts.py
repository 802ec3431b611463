"""What a text loses that holds secrets, whether it is JSON, holds JSON, is cut off, or is none.

A scanner that follows JSON as far as it goes and never gives up: what opens and is not closed goes
on to the end. Within a string stands JSON again, if it looks like it, with one more escape. Beside
it lines of headers, fields of forms and settings are found, wherever they stand. No character is
looked at more than a few times for each level of escapes, of which a text has few.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dlt_docjobs.model.secret_names import (
    REDACTED,
    SCHEMA_MAPS,
    SCHEMA_WORDS,
    is_pair,
    names_secret,
    pair_part,
)

Span = tuple[int, int, str]
"""Begin and end of what is replaced, and by what."""


def redact_text(text: str, *, in_webhook: bool = False) -> str:
    """A text without the values of what names secrets.

    Args:
        text: JSON or not, whole or cut off anywhere.
        in_webhook: Whether it stands in the settings of a webhook, whose `headers` are secret.

    Returns:
        The text with `[redacted]` for each value, all else byte for byte; the same object where
        nothing is to be redacted.
    """
    spans: list[Span] = []
    if '"' in text:
        _Scanner(text, spans).scan(in_webhook)
    if ":" in text or "=" in text:
        _settings(text, spans)
    return _replaced(text, spans) if spans else text


def _replaced(text: str, spans: list[Span]) -> str:
    kept: list[str] = []
    done = 0
    # Of spans that begin at one place the longest comes first; what lies in another is gone with it
    for begin, end, instead in sorted(spans, key=lambda span: (span[0], -span[1])):
        if begin >= done and text[begin:end] != instead:
            kept += text[done:begin], instead
            done = end
        elif begin >= done:
            kept.append(text[done:end])
            done = end
    kept.append(text[done:])
    result = "".join(kept)
    return text if result == text else result


# --- JSON ---------------------------------------------------------------------------------------

_SIGN = re.compile(r'\\*"|[{}\[\]]')
_QUOTE = re.compile(r'\\*"')
_KEY = re.compile(r'(?P<key>(?:[^"\\]|\\+u[0-9A-Fa-f]{4}|\\+/){0,200})(?P<quote>\\*")')
_SPACE = r"(?:\s|\\{1,16}[nrt])*"
_COLON = re.compile(rf"{_SPACE}:{_SPACE}")
_LITERAL = re.compile(r"[^\s,\]}\"\\]+")
_NO_SECRET = re.compile(r"(?:true|false|null|None|True|False)\b")
_UNICODE = re.compile(r"\\+u([0-9A-Fa-f]{4})|\\+")
_SCHEMA_KEY = re.compile(rf'\\*"(?:{"|".join(map(re.escape, sorted(SCHEMA_WORDS)))})\\*"\s*:')
_SCHEMA_NEAR: Final = 2_000
# What stands before the quote that opens a string
_OPENERS: Final = frozenset(":,[{(=")


@dataclass(slots=True)
class _Frame:
    """An object or list that is open."""

    is_list: bool
    in_webhook: bool = False
    in_schema: bool = False
    is_listed: bool = False
    """A list within a list."""
    key: str = ""
    """Of an object, the key before the value that comes next."""
    has_name: bool = False
    has_secret_name: bool = False
    value: tuple[int, int, int] | None = None
    """Of a pair, where the value stands that came before its name, and the level of its quotes."""
    entry: str | None = None
    """Of a list, the text that came last."""
    count: int = 0


class _Scanner:
    def __init__(self, text: str, spans: list[Span]) -> None:
        self._text = text
        self._spans = spans

    def scan(self, in_webhook: bool) -> None:
        """Scans the text, and then what stands in its strings, level by level."""
        todo = [(0, len(self._text), in_webhook)]
        while todo:
            begin, end, in_webhook = todo.pop()
            self._scan(begin, end, in_webhook, todo)

    def _scan(
        self, begin: int, end: int, in_webhook: bool, todo: list[tuple[int, int, bool]]
    ) -> None:
        text = self._text
        stack = [_Frame(is_list=False, in_webhook=in_webhook)]
        at = begin
        while (sign := _SIGN.search(text, at, end)) is not None:
            at = sign.end()
            frame = stack[-1]
            if sign[0] in "{[":
                is_list = sign[0] == "["
                in_hook = frame.in_webhook or "webhook" in frame.key.lower()
                stack.append(
                    _Frame(
                        is_list,
                        in_webhook=in_hook,
                        in_schema=not is_list and frame.key in SCHEMA_MAPS,
                        is_listed=is_list and frame.is_list,
                    )
                )
                frame.key, frame.entry = "", None
                frame.count += 1
            elif sign[0] in "}]":
                if len(stack) > 1:
                    stack.pop()
            elif (key := self._key(at, sign[0], end)) is not None:
                name, value = key
                at = self._value(stack[-1], name, value, end, todo)
            elif self._opens_string(sign.start(), begin):
                closed = self._string_end(at, len(sign[0]) - 1, end)
                self._entry(frame, at, closed, len(sign[0]) - 1)
                todo.append((at, closed, frame.in_webhook))
                at = self._after_quote(closed, end)
        # What is cut off may be a pair whose name would have come
        for frame in stack[1:]:
            if frame.value is not None and not frame.has_name:
                self._redact(*frame.value)

    def _key(self, at: int, quote: str, end: int) -> tuple[str, int] | None:
        """The key whose first quote ends here, and where its value begins."""
        found = _KEY.match(self._text, at, end)
        if found is None or found["quote"] != quote:
            return None
        colon = _COLON.match(self._text, found.end(), end)
        if colon is None:
            return None
        name = _UNICODE.sub(lambda m: chr(int(m[1], 16)) if m[1] else "", found["key"])
        return name, colon.end()

    def _opens_string(self, at: int, begin: int) -> bool:
        before = at - 1
        while before >= begin and (self._text[before].isspace() and at - before < 100):
            before -= 1
        return before < begin or self._text[before] in _OPENERS

    def _string_end(self, at: int, escapes: int, end: int) -> int:
        """Where the quote stands, with its escapes, that ends the string whose content starts here.

        A quote closes what its escapes say: none the outermost string, one that in it, three that
        in that one. The backslashes of a text come in pairs for each level.
        """
        for quote in _QUOTE.finditer(self._text, at, end):
            if _level(len(quote[0]) - 1) <= _level(escapes):
                return quote.end() - 1 - _escapes_of(_level(len(quote[0]) - 1))
        return end

    def _after_quote(self, closed: int, end: int) -> int:
        quote = _QUOTE.match(self._text, closed, end)
        return quote.end() if quote else end

    def _value(
        self, frame: _Frame, name: str, at: int, end: int, todo: list[tuple[int, int, bool]]
    ) -> int:
        """Looks at the value of a key; returns where to go on."""
        text = self._text
        frame.key = name
        first = _SIGN.match(text, at, end)
        part = pair_part(name)
        is_secret = names_secret(name, in_webhook=frame.in_webhook)
        is_value = part == "value" and frame.has_secret_name
        if first is None:
            literal = _LITERAL.match(text, at, end)
            stop = literal.end() if literal else at
            if (is_secret or is_value) and stop > at and not _NO_SECRET.match(text, at):
                self._redact(at, stop, self._quoted_like(at))
            elif part == "value" and stop > at:
                frame.value = at, stop, self._quoted_like(at)
            return stop
        if first[0][-1] == '"':
            escapes = len(first[0]) - 1
            content = first.end()
            closed = self._string_end(content, escapes, end)
            after = self._after_quote(closed, end)
            value = text[content : min(closed, content + 200)]
            if part == "name" and closed < end:
                frame.has_name = True
                if names_secret(value.strip(), in_webhook=frame.in_webhook):
                    frame.has_secret_name = True
                    if frame.value is not None:
                        self._redact(*frame.value)
            if is_secret or is_value:
                self._redact(at, after, escapes)
                return after
            if part == "value":
                frame.value = at, after, escapes
            todo.append((content, closed, frame.in_webhook or "webhook" in name.lower()))
            return after
        if not (is_secret or is_value) or first[0] in "}]":
            return at
        if (
            is_secret
            and frame.in_schema
            and first[0] == "{"
            and _SCHEMA_KEY.search(text, at, min(end, at + _SCHEMA_NEAR))
        ):
            return at
        stop = self._container_end(at, self._quoted_like(at), end)
        self._redact(at, stop, self._quoted_like(at))
        return stop

    def _entry(self, frame: _Frame, at: int, closed: int, escapes: int) -> None:
        """Looks at a text in a list: with the one before it, it may be a pair."""
        if not frame.is_list:
            return
        value = self._text[at : min(closed, at + 200)]
        listed = frame.is_listed and frame.count == 1
        if frame.entry is not None and is_pair(
            frame.entry, value, listed=listed, in_webhook=frame.in_webhook
        ):
            self._redact(at - 1 - escapes, self._after_quote(closed, len(self._text)), escapes)
            frame.entry = None
        else:
            frame.entry = value
        frame.count += 1

    def _quoted_like(self, at: int) -> int:
        """How many backslashes escape the quote of the key before this value."""
        quote = self._text.rfind('"', 0, at)
        before = quote
        while before > 0 and self._text[before - 1] == "\\":
            before -= 1
        return quote - before

    def _container_end(self, at: int, escapes: int, end: int) -> int:
        depth = 0
        in_string = False
        for sign in _SIGN.finditer(self._text, at, end):
            if sign[0][-1] == '"':
                level = _level(len(sign[0]) - 1)
                if level < _level(escapes):
                    # the text that this stands in ends here
                    return sign.start()
                if level == _level(escapes):
                    in_string = not in_string
            elif not in_string:
                depth += 1 if sign[0] in "{[" else -1
                if depth == 0:
                    return sign.end()
        return end

    def _redact(self, begin: int, end: int, escapes: int) -> None:
        quote = "\\" * escapes + '"'
        self._spans.append((begin, end, f"{quote}{REDACTED}{quote}"))


def _level(backslashes: int) -> int:
    """In how many texts the quote stands that has so many backslashes before it: 0, 1, 3, 7, …

    One that stands behind an escaped backslash has more; what counts are the ones at the end of
    the number's bits.
    """
    return (backslashes ^ (backslashes + 1)).bit_length() - 1


def _escapes_of(level: int) -> int:
    return (1 << level) - 1


# --- headers, forms, settings -------------------------------------------------------------------

# Where a line begins, in a text within a text as well
_LINE = r"(?:^|(?<=[\n\r\"'`])|(?<=\\[nr]))"
_HEADER = re.compile(
    rf"{_LINE}[ \t]*(?P<name>[A-Za-z][A-Za-z0-9_.-]{{1,80}}|(?i:api key))[ \t]*:[ \t]*"
    r"(?P<value>[^\n\r\"'\\]+(?:\\(?![nr\"'\\])[^\n\r\"'\\]*)*)",
)
# Of a single word much else may be said: `Token: unexpected end`
_ALWAYS_HEADER = re.compile(
    r"(?i:.*-.*|authorization|set-cookie|cookie|.*(?:api[_ ]?key|secret|password|token).*_.*|apikey"
    r"|api[_ ]key|.*_(?:key|token|secret|password))"
)
_PYTHON_KEY = re.compile(
    r"(?<=')(?P<name>[A-Za-z][\w.-]{0,80})'\s*:\s*(?P<value>'[^'\\]*(?:\\.[^'\\]*)*(?:'|$))"
)
_FIELDS = re.compile(
    r"(?:^|(?<=[\s\"'`,;({\[])|(?<=\\[nr]))(?=[A-Za-z])(?P<fields>[\w.%\[\]-]{1,80}=[^\s\"'`<>\\]*)"
)
_FIELD = re.compile(r"(?:^|(?<=[&;]))(?P<name>[\w.%\[\]-]{1,80})=(?P<value>[^&;]+)")
_BEARER = re.compile(
    r"\b(?P<scheme>(?i:bearer|basic) )(?=[A-Za-z._~+/=-]*[0-9])[\w.~+/=-]{16,}", re.ASCII
)
_SPACES = re.compile(r"\s")
_TRAILING: Final = ".,!?)]}"


def _settings(text: str, spans: list[Span]) -> None:
    if ":" in text:
        for line in _HEADER.finditer(text):
            name, value = line["name"], line["value"].strip()
            is_told = _ALWAYS_HEADER.fullmatch(name) or not _SPACES.search(value)
            # `https://`, for one, is no name with a value
            if is_told and value and not value.startswith("//") and names_secret(name):
                begin = line.start("value")
                spans.append((begin, begin + len(line["value"].rstrip()), REDACTED))
        if "'" in text:
            for pair in _PYTHON_KEY.finditer(text):
                if names_secret(pair["name"]):
                    spans.append((*pair.span("value"), f"'{REDACTED}'"))
    if "=" in text:
        for fields in _FIELDS.finditer(text):
            for field in _FIELD.finditer(fields["fields"]):
                if names_secret(field["name"]):
                    begin = fields.start() + field.start("value")
                    value = field["value"].rstrip(_TRAILING)
                    if value and value != REDACTED.rstrip(_TRAILING):
                        spans.append((begin, begin + len(value), REDACTED))
    if "earer " in text or "asic " in text:
        spans.extend(
            (found.end("scheme"), found.end(), REDACTED) for found in _BEARER.finditer(text)
        )
