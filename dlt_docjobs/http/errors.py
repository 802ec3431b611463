"""What can go wrong with a request, as one exception class for each thing to do about it.

No message carries a header's value, a query string or a body: only the path, a short reason, the
cleaned `detail` that the provider gave (200 characters at most), and what to do now.
"""

from __future__ import annotations

from typing import ClassVar


class InvalidBaseUrl(ValueError):
    """`base_url` is no URL that requests can be sent to."""


class InvalidIdentifier(ValueError):
    """A path segment (a job id, say) that must not be put into a URL."""


class ApiError(Exception):
    """A request that brought nothing usable.

    Attributes:
        status: The HTTP status of the last answer; None where none came.
        endpoint: The path that was asked for, without host and query.
        reason: What happened, in a few words.
        detail: What the provider said of it, cleaned and shortened; may be empty.
        hint: What to do about it.
    """

    default_hint: ClassVar[str] = ""

    def __init__(
        self,
        endpoint: str,
        reason: str,
        *,
        status: int | None = None,
        detail: str = "",
        hint: str | None = None,
    ) -> None:
        """Makes the error; `hint` defaults to the class's own."""
        self.endpoint = endpoint
        self.reason = reason
        self.status = status
        self.detail = detail
        self.hint = self.default_hint if hint is None else hint
        said = f" ({detail})" if detail else ""
        advice = f". {self.hint}" if self.hint else ""
        super().__init__(f"GET {endpoint} failed: {reason}{said}{advice}")

    @property
    def is_fatal(self) -> bool:
        """Whether every other request to this provider would be refused as well."""
        return False


class Unauthorized(ApiError):
    """401: the provider does not know the key."""

    default_hint = "Check the API key"

    @property
    def is_fatal(self) -> bool:
        """True: the key is the same for every request."""
        return True


class PaymentRequired(ApiError):
    """402, or a 429 that means a billing cap: waiting does not help."""

    default_hint = (
        "The account has no credits left or has reached its usage limit: raise it at the provider, "
        "then sync again; nothing is lost until then"
    )

    @property
    def is_fatal(self) -> bool:
        """True: the account is the same for every request."""
        return True


class Forbidden(ApiError):
    """403: the key is known but may not read this.

    Not fatal: it may be one list, or one job of somebody else's among the ids that a user gave.
    """

    default_hint = (
        "Check that the key belongs to this project and organization and may read its jobs"
    )


class NotFound(ApiError):
    """404 or 410: there is no such thing, or no longer."""

    default_hint = "The provider has forgotten it or never knew it, or base_url is wrong"


class Deleted(NotFound):
    """The API itself says that the job was deleted: that is for good."""

    default_hint = "Its user, or the provider, has deleted it"


class BeingDeleted(NotFound):
    """The API says that the job is being deleted: asking again within the run tells no more."""

    default_hint = "Its user, or the provider, is deleting it: a later sync asks again"


class InvalidRequest(ApiError):
    """Another 4xx: the provider refuses this very request, now and later."""

    default_hint = "Check the configured values that go into the request (ids, page_size, dates)"


class UnsendableRequest(ApiError):
    """A request that HTTP does not allow, because of a page token, say: nothing was sent."""


class ServerError(ApiError):
    """The provider answered, but even after all retries with nothing usable."""

    default_hint = "The provider is in trouble: try again later"


class UnrecognisedAnswer(ApiError):
    """A 404 in another form than the API's own: a proxy's or a gateway's, say.

    It says nothing of what was asked for, and so is a failed request, as a 503 is.
    """

    default_hint = "Check that base_url leads to the API itself, or try again later"


class Throttled(ApiError):
    """429, again and again."""

    default_hint = "Set a lower requests_per_second or max_concurrency, or sync again later"


class Unreachable(ApiError):
    """No connection, or no answer in time, even after all retries.

    Attributes:
        connected: True where the provider took the request but did not answer in time. That may
            be one heavy result only, so it is not fatal.
    """

    default_hint = "Check the network, the proxy and base_url"

    def __init__(self, endpoint: str, reason: str, *, connected: bool = False) -> None:
        """Makes the error; the advice depends on how far the request came."""
        hint = "Try again later, or set a higher timeout_seconds" if connected else None
        super().__init__(endpoint, reason, hint=hint)
        self.connected = connected

    @property
    def is_fatal(self) -> bool:
        """True where not even a connection was possible."""
        return not self.connected


class RedirectRefused(ApiError):
    """A redirect to another origin (the key must not go there), or too many of them."""

    default_hint = "Set base_url to the address where the API itself answers"


class HostRefused(ApiError):
    """A result's URL leads to where none may be fetched from; no request was sent there."""

    default_hint = (
        "The provider's declaration names the hosts of its results (`result_hosts`); a host within "
        "your own network is never asked"
    )


class ResponseTooLarge(ApiError):
    """The answer is larger than `max_response_mb`."""

    default_hint = "Set a higher max_response_mb"


class DeadlineReached(ApiError):
    """The client's deadline has come, or lies before the end of a wait."""

    default_hint = "The rest is left for the next sync"


class UnreadableBody(ApiError):
    """A good status, but a body that is not JSON.

    Attributes:
        body: The body as received, for quarantine; in no message and no repr.
    """

    default_hint = "The answer is kept aside: the next sync asks again"

    def __init__(
        self, endpoint: str, reason: str, *, status: int | None = None, body: bytes
    ) -> None:
        """Makes the error and keeps the body aside."""
        super().__init__(endpoint, reason, status=status)
        self.body = body


_BY_STATUS: dict[int, tuple[type[ApiError], str]] = {
    400: (InvalidRequest, "400, the request is malformed"),
    401: (Unauthorized, "401, the key is not accepted"),
    402: (PaymentRequired, "402, payment required"),
    403: (Forbidden, "403, access denied"),
    404: (NotFound, "404, not found"),
    405: (InvalidRequest, "405, GET is not allowed"),
    410: (NotFound, "410, gone"),
    413: (InvalidRequest, "413, the request is too large"),
    414: (InvalidRequest, "414, the URL is too long"),
    422: (InvalidRequest, "422, a value in the request is not accepted"),
    429: (Throttled, "429, too many requests"),
    431: (InvalidRequest, "431, the request's headers or URL are too long"),
}

RETRIED_STATUSES = frozenset({408, 409, 425, 429})
_BILLING_CAP = "usage limit exceeded"


def is_retried(status: int) -> bool:
    """Whether a request answered with this status is worth repeating."""
    return status in RETRIED_STATUSES or status >= 500


def error_for_status(
    status: int, endpoint: str, *, detail: str = "", body_text: str = "", region_hint: str = ""
) -> ApiError:
    """The exception that an error status means.

    Args:
        status: Any status that is neither 2xx nor a redirect.
        endpoint: The path that was asked for.
        detail: What the provider said, cleaned.
        body_text: The body itself, to tell a billing cap from a mere rate limit.
        region_hint: Added to the advice of a 401, because a key of another region gets one too.
    """
    if status == 429 and _BILLING_CAP in body_text.lower():
        return PaymentRequired(endpoint, "429, usage limit exceeded", status=status)
    kind, reason = _BY_STATUS.get(status, (ServerError, f"status {status}"))
    if status not in _BY_STATUS and 400 <= status < 500 and not is_retried(status):
        kind = InvalidRequest
    hint = f"{kind.default_hint}; {region_hint}" if region_hint and status == 401 else None
    return kind(endpoint, reason, status=status, detail=detail, hint=hint)
