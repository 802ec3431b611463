"""The two ways a request may go: to the API with its key, or to where a result lies without it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final

from dlt_docjobs.http.errors import ApiError, RedirectRefused, error_for_status
from dlt_docjobs.http.lean_httpx import httpx
from dlt_docjobs.http.urls import origin

DEFAULT_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "gzip",
    "user-agent": "dlt-docjobs",
}


class Route(ABC):
    """One thing to ask for, and where its answer may lead.

    Attributes:
        url: What is asked for.
        endpoint: What stands for it in errors and answers: no host's secret is in it.
        headers: Sent with every request.
        max_redirects: How many are followed.
        tells_why: Whether what an error's body says may be repeated.
    """

    max_redirects: ClassVar[int]
    tells_why: ClassVar[bool]

    def __init__(self, url: httpx.URL, endpoint: str, headers: Mapping[str, str]) -> None:
        self.url = url
        self.endpoint = endpoint
        self.headers = headers

    @abstractmethod
    def check(self, target: httpx.URL, before: httpx.URL, status: int) -> None:
        """Refuses a redirect that must not be followed.

        Args:
            target: Where it leads.
            before: Where it came from.
            status: Of the answer.

        Raises:
            ApiError: It is refused.
        """

    @abstractmethod
    def error(self, status: int, detail: str, body_text: str) -> ApiError:
        """The error that a status means; see `error_for_status`."""

    @abstractmethod
    def understood(self, error: ApiError) -> ApiError:
        """What an error means for the caller, in the end."""

    async def send(
        self, http: httpx.AsyncClient, request: httpx.Request, before: httpx.URL | None
    ) -> httpx.Response:
        """Sends a request.

        Args:
            http: Sends it.
            request: The request.
            before: What redirected to it; None for the first.
        """
        return await http.send(request, stream=True, auth=None, follow_redirects=False)


class ApiRoute(Route):
    """A request to the API itself: it carries the key, so it stays at its origin."""

    max_redirects = 3
    tells_why = True

    def __init__(self, url: httpx.URL, headers: Mapping[str, str], region_hint: str) -> None:
        super().__init__(url, url.raw_path.partition(b"?")[0].decode("ascii"), headers)
        self._region_hint = region_hint

    def check(self, target: httpx.URL, before: httpx.URL, status: int) -> None:
        """See `Route.check`."""
        if origin(target) != origin(before) or target.userinfo:
            where = f"{target.scheme}://{target.raw_host.decode('ascii')}"
            raise RedirectRefused(
                self.endpoint,
                f"{status}, a redirect to another origin ({where}), to which the key must not go",
                status=status,
            )

    def error(self, status: int, detail: str, body_text: str) -> ApiError:
        """See `Route.error`."""
        return error_for_status(
            status,
            self.endpoint,
            detail=detail,
            body_text=body_text,
            region_hint=self._region_hint,
        )

    def understood(self, error: ApiError) -> ApiError:
        """See `Route.understood`."""
        return error
