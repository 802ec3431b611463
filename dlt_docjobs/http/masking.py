"""Our own secrets, taken out of what a provider sends before anybody reads it.

A provider may repeat the key that it was sent: in an error, in a job's settings, in a page that a
proxy makes of a request. Whatever enters here is searched once, as bytes, so that no table, log or
message has to be.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

MASK: Final = b"[redacted]"
_SHORTEST: Final = 8
# a part of so many characters gives a key away, and stands nowhere by chance
_PART: Final = 12
# base64 of the same bytes, by how many stand before them in their group of three
_SKIPPED: Final = (0, 2, 3)


class Mask:
    """Replaces secrets wherever they stand: as they are, percent-encoded, in base64, or in part.

    Found are the whole, any beginning, end or part between separators of 12 characters or more, and
    any part of 23 or more; as much as stands there is replaced.

    Args:
        secrets: The secrets. What is shorter than 8 characters would be found everywhere, and is
            left out.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {
            form: None
            for secret in secrets
            if len(secret) >= _SHORTEST
            for form in _forms(secret)
            if len(form) >= _SHORTEST
        }
        # What is sought, where it stands in its form, and the form. Long needles are found faster
        # than short ones: about 60 µs a megabyte and needle
        self._needles = [
            (form[start : start + _PART], start, form) for form in forms for start in _starts(form)
        ]

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._needles)

    def data(self, data: bytes) -> bytes:
        """Bytes without the secrets; the same object where there is none."""
        found: list[tuple[int, int]] = []
        for needle, start, form in self._needles:
            if needle in data:
                found.extend(_spans(data, needle, start, form))
        if not found:
            return data
        kept: list[bytes] = []
        done = 0
        for begin, end in sorted(found):
            if begin >= done:
                kept += data[done:begin], MASK
            done = max(done, end)
        kept.append(data[done:])
        return b"".join(kept)

    def text(self, text: str) -> str:
        """A text without the secrets."""
        if not self._needles:
            return text
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    # as JSON may write it
    yield secret.replace("/", "\\/").encode()
    for before, skipped in enumerate(_SKIPPED):
        raw = b"\0" * before + secret.encode()
        encoded = b64encode(raw).rstrip(b"=")
        # at both ends a character may hold bits of what stands beside
        form = encoded[skipped : len(encoded) - (len(raw) % 3 > 0)]
        yield form
        yield form.translate(bytes.maketrans(b"+/", b"-_"))


def _starts(form: bytes) -> set[int]:
    """Where needles begin: one behind the other, at the end, and where a long part does."""
    last = max(0, len(form) - _PART)
    parts = {match.start() for match in re.finditer(rb"[A-Za-z0-9]{12,}", form)}
    return {*range(0, last + 1, _PART), last, *parts}


def _spans(data: bytes, needle: bytes, start: int, form: bytes) -> Iterator[tuple[int, int]]:
    """All places of a needle, each as far as the form goes on around it."""
    at = data.find(needle)
    while at >= 0:
        begin, place = at, start
        while place > 0 and begin > 0 and data[begin - 1] == form[place - 1]:
            begin, place = begin - 1, place - 1
        end, place = at + len(needle), start + len(needle)
        while place < len(form) and end < len(data) and data[end] == form[place]:
            end, place = end + 1, place + 1
        yield begin, end
        at = data.find(needle, end)
