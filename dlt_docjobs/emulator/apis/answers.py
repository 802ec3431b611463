"""An answer before it is sent, and the ways in which each provider refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What an API answers."""

    body: Any
    """JSON, or text where `media_type` is not JSON."""
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    rows: list[Any] | None = None
    """The list of rows in `body`, where it is a list's page."""
    first_page: bool = False
    free_form: list[dict[str, Any]] = field(default_factory=list)
    """Objects in `body` that are the user's own JSON (NaN may appear there)."""


class Refusal(Exception):
    """Ends a handler with an answer that is no success."""

    def __init__(self, answer: Answer) -> None:
        """Carries the answer."""
        super().__init__(f"refused with {answer.status}")
        self.answer = answer


_WORDS = {
    401: "Invalid authentication credentials",
    402: "You have no credits left",
    403: "You do not have access to this project",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    429: "Rate limit exceeded",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


_CODES = {401: "unauthorized", 402: "payment_required", 403: "forbidden", 404: "not_found"}


def refuse(provider: str, status: int, text: str | None = None, *, parse: bool = False) -> Answer:
    """A refusal as a provider words it.

    Args:
        provider: Whose.
        status: The HTTP status.
        text: What it says; by default what goes with the status.
        parse: Whether it comes from Unsiloed's `/parse`, which answers in plain text.
    """
    text = text or _WORDS.get(status, "Error")
    if status in (502, 504):
        # Gateways stand before the API and know nothing of its JSON.
        page = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"
        return Answer(page, status, "text/html")
    if provider == "unsiloed":
        if status == 402:
            return Answer({"detail": {"message": text, "quota_remaining": 0}}, status)
        if status == 429:
            return Answer(text, status, "text/plain; charset=utf-8")
        if parse and status in (404, 500):
            text = "Job not found" if text == _WORDS[404] else text
            return Answer(f'"{text}"', status, "text/plain; charset=utf-8")
    if provider == "reducto":
        if status == 429:
            return Answer({"message": f"[CODE 2000] {text}"}, status)
        return Answer({"error": {"message": text, "type": "error", "code": status}}, status)
    if provider == "landingai":
        return Answer({"code": _CODES.get(status, "error"), "message": text}, status)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 and provider != "unsiloed" else {}
    return Answer({"detail": text}, status, headers=headers)


def invalid(where: str, name: str, message: str, kind: str, given: object) -> Refusal:
    """A 422 in the shape of HTTPValidationError."""
    problem = {"type": kind, "loc": [where, name], "msg": message, "input": given}
    return Refusal(Answer({"detail": [problem]}, 422))
