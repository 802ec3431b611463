"""URLs: where requests may go, and what may be put into a path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from dlt_docjobs.http.errors import InvalidBaseUrl, InvalidIdentifier, UnsendableRequest
from dlt_docjobs.http.lean_httpx import httpx

_OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)")
# httpx's own limit
_LONGEST_URL: Final = 65536
_PRINTABLE_ASCII = re.compile(r"[!-~]+")


def normalise_base_url(text: str) -> str:
    """The URL that paths are appended to.

    Args:
        text: A URL; a host without a scheme means https (LlamaCloud's docs write it so).

    Returns:
        The URL with a lower-case scheme and host and without a slash at its end.

    Raises:
        InvalidBaseUrl: It is none. The message never repeats the text, which may hold a secret.
    """
    url = text.strip()
    if not url:
        raise InvalidBaseUrl("base_url is empty: give the provider's URL, or leave the key out")
    if re.search(r"\s", url) or not url.isprintable():
        raise InvalidBaseUrl("base_url contains spaces or control characters")
    if "\\" in url:
        raise InvalidBaseUrl("base_url contains a backslash")
    if "://" not in url:
        if _OTHER_SCHEME.match(url):
            raise InvalidBaseUrl("base_url must begin with https:// or http://")
        url = "https://" + url.removeprefix("//")
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https"):
        raise InvalidBaseUrl("base_url must begin with https:// or http://")
    if "?" in rest or "#" in rest:
        raise InvalidBaseUrl("base_url must not have a query string or a fragment")
    if "@" in rest.partition("/")[0]:
        raise InvalidBaseUrl("base_url must not contain a user name or password: use api_key")
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
        parsed = httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise InvalidBaseUrl(
            "base_url is not a URL: check its host and port, as in https://api.example.com:8443"
        ) from None
    if (
        not host
        or port == 0
        or not re.fullmatch(r"[A-Za-z0-9._:-]+", parsed.raw_host.decode("ascii"))
    ):
        raise InvalidBaseUrl("base_url has no valid host, as in https://api.example.com")
    path = split.path.rstrip("/")
    if path and not _PRINTABLE_ASCII.fullmatch(path):
        raise InvalidBaseUrl("base_url's path must be plain ASCII")
    if {".", ".."} & set(path.split("/")):
        raise InvalidBaseUrl("base_url's path must not contain . or ..")
    netloc = parsed.netloc.decode("ascii")
    return f"{scheme.lower()}://{netloc}{path}"


def quote_path(segments: Sequence[str]) -> str:
    """The path of these segments, each quoted, beginning with a slash.

    Args:
        segments: What stands between the slashes; ids of users and providers among them.

    Raises:
        InvalidIdentifier: A segment could lead to another path than the one meant.
    """
    for segment in segments:
        if not segment.strip():
            raise InvalidIdentifier("an id must not be empty")
        if segment in (".", "..") or "/" in segment or "\\" in segment:
            raise InvalidIdentifier(f"not an id, but a path: {_shown(segment)}")
        if not (segment.isascii() and segment.isprintable()):
            raise InvalidIdentifier(f"an id must be printable ASCII characters: {_shown(segment)}")
    return "".join("/" + quote(segment, safe="") for segment in segments)


def quote_query(params: Sequence[tuple[str, str]]) -> str:
    """The query string of these parameters, in their order; `+` becomes `%2B`."""
    return urlencode(params, quote_via=quote, safe="")


def request_url(
    base_url: str, segments: Sequence[str], params: Sequence[tuple[str, str]]
) -> httpx.URL:
    """The URL to ask at.

    Args:
        base_url: As `normalise_base_url` leaves it.
        segments: See `quote_path`.
        params: See `quote_query`.

    Raises:
        InvalidIdentifier: A segment must not be put into a path, or is too long for one.
        UnsendableRequest: A parameter cannot be put into a URL.
    """
    path = base_url + quote_path(segments)
    try:
        return httpx.URL(f"{path}?{quote_query(params)}" if params else path)
    except UnicodeEncodeError:
        reason = "a parameter is no valid Unicode text"
    except httpx.InvalidURL:
        # What httpx leaves to refuse in quoted text is its length
        longest = max(segments, key=len)
        if len(path) > _LONGEST_URL:
            raise InvalidIdentifier(
                f"an id of {len(longest):,} characters is too long for a URL: {_shown(longest)}"
            ) from None
        name, value = max(params, key=lambda param: len(param[1]))
        reason = f"the URL is too long: {name} has {len(value):,} characters"
    raise UnsendableRequest(urlsplit(path).path, reason)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port (the scheme's own where none is given)."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _shown(segment: str) -> str:
    return ascii(segment if len(segment) <= 60 else segment[:60] + "…")
