"""JSON bodies: fast where they are well-formed, lenient where they nearly are, never half."""

from __future__ import annotations

import json
from typing import Any

from dlt_docjobs.http.answers import Answer
from dlt_docjobs.http.errors import UnreadableBody
from dlt_docjobs.model import exact_json


def decode_json(answer: Answer) -> Any:
    """The JSON value of an answer's body.

    It may hold NaN, lone surrogates and a byte order mark; numbers keep their digits, see
    `dlt_docjobs.model.exact_json`.

    Raises:
        UnreadableBody: It is not JSON. The error holds the body, for quarantine.
    """
    try:
        return exact_json.decode_leniently(answer.body)
    except json.JSONDecodeError as error:
        reason = f"not valid JSON ({error.msg} at character {error.pos})"
    except UnicodeDecodeError:
        reason = "not valid UTF-8"
    except RecursionError:
        reason = "JSON nested too deeply"
    except Exception:
        reason = "not valid JSON"
    # Raised out here so that no chained exception carries the document's text along
    if not answer.body.strip():
        reason = "an empty body instead of JSON"
    elif looks_like_html(answer.body, answer.content_type):
        reason = "an HTML page instead of JSON"
    raise UnreadableBody(answer.endpoint, reason, status=answer.status, body=answer.body)


def looks_like_html(body: bytes, content_type: str) -> bool:
    """Whether a body is an HTML page: a proxy's or a gateway's, then, and not the API's."""
    return "html" in content_type.lower() or body[:256].lstrip().lower().startswith(
        (b"<!doctype", b"<html", b"<head", b"<body")
    )
