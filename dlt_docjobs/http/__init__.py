"""One asynchronous client for every provider: pace, retries, limits, redaction.

Knows httpx; knows no provider and nothing of dlt.
"""

from dlt_docjobs.http.answers import Answer
from dlt_docjobs.http.bodies import ErrorForm
from dlt_docjobs.http.client import ApiClient, Watch
from dlt_docjobs.http.clock import Clock, SystemClock
from dlt_docjobs.http.decoding import decode_json
from dlt_docjobs.http.errors import (
    ApiError,
    BeingDeleted,
    DeadlineReached,
    Deleted,
    Forbidden,
    HostRefused,
    InvalidBaseUrl,
    InvalidIdentifier,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    RedirectRefused,
    ResponseTooLarge,
    ServerError,
    Throttled,
    Unauthorized,
    Unreachable,
    UnreadableBody,
    UnrecognisedAnswer,
    UnsendableRequest,
)
from dlt_docjobs.http.logs import quiet_http_logs
from dlt_docjobs.http.pace import Wait
from dlt_docjobs.http.settings import HttpSettings, RequestCounters
from dlt_docjobs.http.urls import normalise_base_url

__all__ = [
    "Answer",
    "ApiClient",
    "ApiError",
    "BeingDeleted",
    "Clock",
    "DeadlineReached",
    "Deleted",
    "ErrorForm",
    "Forbidden",
    "HostRefused",
    "HttpSettings",
    "InvalidBaseUrl",
    "InvalidIdentifier",
    "InvalidRequest",
    "NotFound",
    "PaymentRequired",
    "RedirectRefused",
    "RequestCounters",
    "ResponseTooLarge",
    "ServerError",
    "SystemClock",
    "Throttled",
    "Unauthorized",
    "Unreachable",
    "UnreadableBody",
    "UnrecognisedAnswer",
    "UnsendableRequest",
    "Wait",
    "Watch",
    "decode_json",
    "normalise_base_url",
    "quiet_http_logs",
]
