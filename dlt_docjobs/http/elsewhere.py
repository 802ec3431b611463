"""Results that lie on another host than the API: fetched without the key, and from nowhere else.

The URL of such a result comes out of an answer, so it may lead anywhere: into the network of
whoever runs the sync, for instance. It is asked for only over https, only at hosts that the
provider's declaration names, and only at public addresses. `*` names every host, at the usual
port only: of a provider that does not say where its results lie. The address that was checked is
the one that is connected to, so that a name that resolves otherwise a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.request import getproxies, proxy_bypass

from dlt_docjobs.http.errors import (
    ApiError,
    Forbidden,
    HostRefused,
    RedirectRefused,
    ServerError,
    error_for_status,
    is_retried,
)
from dlt_docjobs.http.lean_httpx import httpx
from dlt_docjobs.http.routes import DEFAULT_HEADERS, Route

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HEADERS: Final = {**DEFAULT_HEADERS, "accept": "*/*"}
ANYWHERE: Final = "*"
"""Declared where a provider does not say on which hosts its results lie: any public one."""

# top-level domains of private networks (RFC 6762, appendix G; RFC 8375; ICANN's `internal`)
_PRIVATE_DOMAINS: Final = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost"}
    | {"private", "test", "invalid"}
)
# of IPv6 addresses that stand for an IPv4 one, where `ipaddress` has no name for them
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LINK_HINT: Final = "The link may have run out: the next sync asks for a new one"
_HOST_HINT: Final = (
    "The provider itself answers, the host on which the result lies does not: try again later"
)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system's resolver gives them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Elsewhere:
    """Where results may lie beside the API.

    Args:
        base_url: Where the API itself is. Its own host is always allowed. Where it is a loopback
            address, as of a test's server, http and loopback addresses are allowed as well.
        hosts: Other hosts, as names or `*.name`; `*` is any public one.
        transport: Instead of the network, for tests.
        resolve: Instead of the system's resolver, for tests.
    """

    def __init__(
        self,
        base_url: str,
        hosts: Iterable[str],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._own_host = _name(httpx.URL(base_url))
        self._hosts = tuple(hosts)
        self._is_local = _is_loopback_name(self._own_host)
        self._transport = transport
        self._resolve = resolve
        self._clients: dict[str | None, httpx.AsyncClient] = {}

    def route(self, url: str) -> Route:
        """How to ask for a URL.

        Raises:
            HostRefused: It leads to where no result may be fetched from.
        """
        try:
            parsed = httpx.URL(url).copy_with(fragment=None)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise HostRefused("a result elsewhere", "the result's URL is none") from None
        self.check(parsed)
        return _ElsewhereRoute(parsed, f"{_site(parsed)}/…", _HEADERS, self)

    def check(self, url: httpx.URL) -> None:
        """Refuses a URL by what stands in it.

        Raises:
            HostRefused: It leads to where no result may be fetched from.
        """
        endpoint = f"{_site(url)}/…"
        if url.scheme != "https" and not (url.scheme == "http" and self._is_local):
            raise HostRefused(endpoint, "a result's URL begins with https")
        if url.port is not None and not 0 < url.port < 2**16:
            raise HostRefused(endpoint, "the result's URL has no valid port")
        if url.userinfo:
            raise HostRefused(endpoint, "a result's URL must not contain a user name or password")
        host = _name(url)
        if host == self._own_host or any(_matches(host, allowed) for allowed in self._hosts):
            return
        if ANYWHERE not in self._hosts:
            raise HostRefused(
                endpoint, "the result lies on a host that the provider does not declare"
            )
        if not self._is_anywhere(url, host):
            raise HostRefused(endpoint, "the result's host is none of the public network's")

    def _is_anywhere(self, url: httpx.URL, host: str) -> bool:
        """Whether a host that nobody declares looks like one of the public network.

        What it resolves to is checked all the same, but for a proxy's: it looks names up in
        whichever network it stands.
        """
        if self._is_local and _is_loopback_name(host):
            return True
        if url.port not in (None, 443):
            return False
        if _address(host.strip("[]")) is not None:
            return True
        return "." in host and host.rpartition(".")[2] not in _PRIVATE_DOMAINS

    async def addresses(self, url: httpx.URL, before: httpx.URL | None) -> list[str]:
        """The addresses at which a URL may be asked for.

        Args:
            url: One that `check` lets pass.
            before: What redirected to it; None for the first.

        Raises:
            HostRefused: One of the host's addresses is not public.
            httpx.ConnectError: The name can't be resolved.
        """
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        host = _name(url)
        found: Sequence[str] = [host]
        if _address(host) is None:
            try:
                found = await self._resolve(host, port)
            except OSError as error:
                raise httpx.ConnectError(error.strerror or "unknown host") from None
        # whoever configures an API in a network of their own wants it to be asked there
        is_own = host == self._own_host and (before is None or _name(before) == host)
        for text in found:
            address = _address(text)
            if address is None or not self._may_ask(address, url.scheme, is_own):
                raise HostRefused(f"{_site(url)}/…", "the result's host has no public address")
        return list(found)

    def _may_ask(self, address: _Address, scheme: str, is_own: bool) -> bool:
        meant = _meant(address)
        if self._is_local and meant.is_loopback:
            return True
        return scheme == "https" and (is_own or _is_public(meant))

    def proxy_for(self, url: httpx.URL) -> str | None:
        """The proxy behind which a URL lies; it looks names up by itself."""
        if self._transport is not None or _is_loopback_name(_name(url)):
            return None
        proxies = getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
        return None if proxy is None or proxy_bypass(url.host) else proxy

    def client(self, proxy: str | None) -> httpx.AsyncClient:
        """The HTTP client for what lies behind a proxy, or behind none.

        It keeps no connection open: one for a host would else serve another one at its address.
        """
        if proxy not in self._clients:
            transport = self._transport or httpx.AsyncHTTPTransport(
                verify=httpx.create_ssl_context(),
                trust_env=False,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                proxy=None if proxy is None else httpx.Proxy(proxy),
            )
            self._clients[proxy] = httpx.AsyncClient(transport=transport, trust_env=False)
        return self._clients[proxy]

    async def aclose(self) -> None:
        """Closes every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


class _ElsewhereRoute(Route):
    """A result's URL: no key, no header of the API's, and every step is checked anew."""

    max_redirects = 5
    # an object store repeats the signature that it did not like
    tells_why = False

    def __init__(
        self, url: httpx.URL, endpoint: str, headers: Mapping[str, str], elsewhere: Elsewhere
    ) -> None:
        super().__init__(url, endpoint, headers)
        self._elsewhere = elsewhere

    def check(self, target: httpx.URL, before: httpx.URL, status: int) -> None:
        """See `Route.check`."""
        try:
            self._elsewhere.check(target)
        except HostRefused as error:
            raise RedirectRefused(
                self.endpoint,
                f"{status}, a redirect to {_site(target)}: {error.reason}",
                status=status,
                hint=error.hint,
            ) from None

    def error(self, status: int, detail: str, body_text: str) -> ApiError:
        """See `Route.error`: no key was sent, so none was refused."""
        if 400 <= status < 500 and status not in (404, 410) and not is_retried(status):
            return Forbidden(
                self.endpoint, f"{status}, access denied", status=status, hint=_LINK_HINT
            )
        return error_for_status(status, self.endpoint)

    def understood(self, error: ApiError) -> ApiError:
        """See `Route.understood`: this host stands for itself, not for the provider."""
        if not error.is_fatal:
            return error
        return ServerError(error.endpoint, error.reason, status=error.status, hint=_HOST_HINT)

    async def send(
        self, http: httpx.AsyncClient, request: httpx.Request, before: httpx.URL | None
    ) -> httpx.Response:
        """See `Route.send`; to an address that was checked, under the name of its host."""
        url = request.url
        proxy = self._elsewhere.proxy_for(url)
        client = self._elsewhere.client(proxy)
        if proxy is not None and _address(_name(url)) is None:
            # the proxy looks the name up, in whichever network it stands
            return await super().send(client, request, before)
        failure: httpx.TransportError = httpx.ConnectError("the host has no address")
        for address in await self._elsewhere.addresses(url, before):
            pinned = httpx.Request(
                request.method,
                url.copy_with(host=address),
                # the host's name is among them
                headers=request.headers,
                extensions={**request.extensions, "sni_hostname": _name(url)},
            )
            try:
                return await super().send(client, pinned, before)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure


def _site(url: httpx.URL) -> str:
    return f"{url.scheme[:10]}://{url.raw_host.decode('ascii')[:100]}"


def _name(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").lower().rstrip(".")


def _matches(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return host == allowed


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_loopback_name(host: str) -> bool:
    address = _address(host.strip("[]"))
    return host == "localhost" if address is None else address.is_loopback


def _meant(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for; else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: _Address) -> bool:
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified
    if isinstance(address, ipaddress.IPv6Address):
        is_special = is_special or address.is_site_local
    return address.is_global and not is_special
