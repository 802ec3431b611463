"""Answers as bytes."""

from __future__ import annotations

import json

from dlt_docjobs.emulator.apis.answers import Answer


def encode(answer: Answer) -> bytes:
    """The body as it goes over the wire.

    JSON is ASCII, so that a lone surrogate travels as an escape, and may hold NaN, as careless
    servers write it.
    """
    if answer.media_type == "application/json":
        return json.dumps(answer.body, separators=(",", ":")).encode("ascii")
    return str(answer.body).encode("utf-8", "replace")
