"""The one client through which every request goes: GET only, bounded in every way.

With the key it asks one origin only. A result that lies elsewhere is asked for without it.
"""

from __future__ import annotations

import asyncio
import random as _random
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

import anyio

from dlt_docjobs.http.answers import Answer, clock_offset
from dlt_docjobs.http.bodies import BrokenBody, ErrorForm, Inflater, describe_error_body, form_of
from dlt_docjobs.http.clock import Clock, SystemClock
from dlt_docjobs.http.decoding import decode_json
from dlt_docjobs.http.elsewhere import Elsewhere, Resolve, resolve
from dlt_docjobs.http.errors import (
    ApiError,
    DeadlineReached,
    Deleted,
    NotFound,
    RedirectRefused,
    ResponseTooLarge,
    ServerError,
    Throttled,
    Unreachable,
    UnreadableBody,
    UnrecognisedAnswer,
    UnsendableRequest,
    is_retried,
)
from dlt_docjobs.http.lean_httpx import httpx
from dlt_docjobs.http.logs import quiet_http_logs
from dlt_docjobs.http.masking import Mask
from dlt_docjobs.http.pace import Pace, Wait, backoff, retry_after
from dlt_docjobs.http.routes import DEFAULT_HEADERS, ApiRoute, Route
from dlt_docjobs.http.settings import HttpSettings, RequestCounters
from dlt_docjobs.http.urls import normalise_base_url, request_url

T = TypeVar("T")

_MAX_THROTTLES: Final = 20
_MAX_UNREADABLE_RETRIES: Final = 2
_ERROR_BODY_BYTES: Final = 2**16
# In how many timeouts an answer has to be there to its last byte, however steadily it comes
_ANSWER_TIMEOUTS: Final = 5
_RESULT_TIMEOUTS: Final = 60
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SYSTEM_CLOCK: Final = SystemClock()
_ANY_OBJECT: Final = ErrorForm()


@dataclass(frozen=True, slots=True)
class _Setback:
    """An attempt that brought nothing, but may be repeated."""

    error: ApiError
    wait: float | None = None


class Watch(Protocol):
    """Looks on at every request of a client; it changes none."""

    def sending(self, endpoint: str) -> None:
        """Called before each request; an `ApiError` that it raises goes to whoever asked."""

    def received(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Called with each answer, as far as its body was read; the key in it is masked."""


class ApiClient:
    """Sends GET requests to one API; an asynchronous context manager.

    It repeats what is worth repeating, keeps to the provider's pace, takes the key to no other
    origin, and reads no more of an answer than it is allowed to.

    Attributes:
        base_url: The normalised URL that paths are appended to.
        settings: The limits.
        counters: What was sent so far.
        error_form: In what form the API says 404.
        deadline: Seconds on the clock's `monotonic` after which no request starts and which no
            wait crosses; None for none. May be set at any time.
        on_wait: Called before each pause worth telling; None for nobody. May be set at any time.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        settings: HttpSettings,
        secrets: Sequence[str] = (),
        counters: RequestCounters | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = _SYSTEM_CLOCK,
        on_wait: Callable[[Wait], None] | None = None,
        region_hint: str = "",
        error_form: ErrorForm = _ANY_OBJECT,
        result_hosts: Sequence[str] = (),
        optional: Collection[str] = (),
        watch: Watch | None = None,
        resolve: Resolve = resolve,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """Prepares the client; nothing is opened before it is entered.

        Args:
            base_url: See `normalise_base_url`.
            headers: Sent with every request; the key is among them.
            settings: The limits.
            secrets: What is masked in every answer, should it be repeated there: the key. In what
                errors say, every word of the headers is.
            counters: To count into; a new one where None.
            transport: Instead of the network, for tests.
            clock: Instead of the machine's, for tests.
            on_wait: Called before each pause worth telling.
            region_hint: What a 401 may mean beside a wrong key.
            error_form: In what form the API says 404; in any other it is somebody else's.
            result_hosts: Other hosts on which results may lie, as names or `*.name`.
            optional: Endpoints that not every server has: a 404 in a form that is not the API's is
                told at once there, for asking again would tell the same.
            watch: Looks on at every request; None for nobody.
            resolve: Instead of the system's resolver, for tests.
            random: Numbers in [0, 1) for the jitter.

        Raises:
            InvalidBaseUrl: `base_url` is no URL.
            ValueError: A header cannot be sent.
        """
        self.base_url = normalise_base_url(base_url)
        self.settings = settings
        self.counters = RequestCounters() if counters is None else counters
        self.error_form = error_form
        self.deadline: float | None = None
        self._headers = DEFAULT_HEADERS | {k.lower(): _sendable(k, v) for k, v in headers.items()}
        self._mask = Mask(secrets)
        self._mask_of_errors = Mask([*secrets, *_words(headers)])
        self._transport = transport
        self._clock = clock
        self.on_wait = on_wait
        self._region_hint = region_hint
        self._random = random
        self._watch = watch
        self._optional = frozenset(optional)
        self._elsewhere = Elsewhere(
            self.base_url, result_hosts, transport=transport, resolve=resolve
        )
        self._timeout = httpx.Timeout(settings.timeout_seconds).as_dict()
        self._pace = Pace(clock, settings.requests_per_second, random)
        self._slots = asyncio.Semaphore(settings.max_concurrency)
        self._turnstile = asyncio.Lock()
        self._idle: list[httpx.AsyncClient | None] = []
        self._exit: AsyncExitStack | None = None
        self._verify: ssl.SSLContext | bool = False

    def __repr__(self) -> str:
        """Names the headers, never their values."""
        names = ", ".join(sorted(self._headers))
        return f"ApiClient({self.base_url!r}, headers=[{names}], settings={self.settings})"

    async def __aenter__(self) -> ApiClient:
        """Makes room for requests; connections are opened as they are needed."""
        if self._exit is not None:
            raise RuntimeError("this ApiClient has been entered already")
        quiet_http_logs()
        # One TLS context for all, and none without need: each costs about 20 ms and a megabyte
        if self._transport is None and self.base_url.startswith("https:"):
            self._verify = httpx.create_ssl_context()
        self._exit = AsyncExitStack()
        # Taken from the end: few requests at a time keep few connections warm
        self._idle = [None] * self.settings.max_concurrency
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes every connection."""
        if self._exit is not None:
            self._idle = []
            await self._elsewhere.aclose()
            await self._exit.aclose()

    async def get(
        self,
        path_segments: Sequence[str],
        params: Sequence[tuple[str, str]] = (),
        *,
        is_result: bool = False,
    ) -> Answer:
        """Asks for one thing until there is an answer or no hope.

        Args:
            path_segments: The path below `base_url`, each segment unquoted.
            params: The query string's parameters, in their order; a name may stand repeatedly.
            is_result: Whether the answer is asked for a job's result. It may then be large, and
                has sixty times `timeout_seconds`, and not five times, to come to its end.

        Returns:
            The answer, whose status is 2xx.

        Raises:
            InvalidIdentifier: A segment must not be put into a path.
            ApiError: One of its subclasses, see `dlt_docjobs.http.errors`.
        """
        route = self._route(path_segments, params)
        return await self._get(route, self._limit(is_result), is_retry=False)

    async def get_json(
        self,
        path_segments: Sequence[str],
        params: Sequence[tuple[str, str]] = (),
        *,
        is_result: bool = False,
    ) -> tuple[Answer, Any]:
        """Asks for a JSON value; see `get_decoded`."""
        return await self.get_decoded(path_segments, params, _decoded, is_result=is_result)

    async def get_decoded(
        self,
        path_segments: Sequence[str],
        params: Sequence[tuple[str, str]],
        decode: Callable[[Answer], Awaitable[T]],
        *,
        is_result: bool = False,
    ) -> tuple[Answer, T]:
        """Asks as `get` does, and decodes the body; an unreadable one is asked for again, twice.

        Args:
            path_segments: See `get`.
            params: See `get`.
            decode: Makes of the answer what is returned; raises `UnreadableBody` as `decode_json`
                does.
            is_result: See `get`.

        Raises:
            UnreadableBody: The body is still not JSON; the error holds it.
        """
        route = self._route(path_segments, params)
        return await self._get_decoded(route, self._limit(is_result), decode)

    async def get_elsewhere(
        self, url: str, decode: Callable[[Answer], Awaitable[T]]
    ) -> tuple[Answer, T]:
        """Asks for a result that an answer has named the URL of, and decodes its body.

        It goes out without the key and without any other of the client's headers, to the hosts of
        `result_hosts` and to that of `base_url` only, and never into a private network; limits,
        repeats and pace are those of every request. The URL, which may be signed, stands in no
        error and no log. The answer's clock is that host's, not the provider's.

        Args:
            url: The URL.
            decode: See `get_decoded`.

        Raises:
            HostRefused: It leads to where no result may be fetched from.
            ApiError: As of `get_decoded`, but none that stands for the whole provider.
        """
        return await self._get_decoded(self._elsewhere.route(url), self._limit(True), decode)

    async def _get_decoded(
        self, route: Route, limit: float, decode: Callable[[Answer], Awaitable[T]]
    ) -> tuple[Answer, T]:
        failures = 0
        while True:
            answer = await self._get(route, limit, is_retry=failures > 0)
            try:
                return answer, await decode(answer)
            except UnreadableBody as error:
                self.counters.failures += 1
                failures += 1
                if failures > min(_MAX_UNREADABLE_RETRIES, self.settings.max_retries):
                    raise
                reason = error.reason
            await self._wait(backoff(failures, self._random), reason, answer.endpoint)

    def _route(self, segments: Sequence[str], params: Sequence[tuple[str, str]]) -> Route:
        url = request_url(self.base_url, segments, params)
        return ApiRoute(url, self._headers, self._region_hint)

    def _limit(self, is_result: bool) -> float:
        """Seconds that an answer may take in all."""
        timeouts = _RESULT_TIMEOUTS if is_result else _ANSWER_TIMEOUTS
        return timeouts * self.settings.timeout_seconds

    async def _get(self, route: Route, limit: float, *, is_retry: bool) -> Answer:
        try:
            return await self._repeat(route, limit, is_retry=is_retry)
        except ApiError as error:
            understood = route.understood(error)
            if understood is error:
                raise
        # out here, so that no chained exception says what it doesn't
        raise understood

    async def _repeat(self, route: Route, limit: float, *, is_retry: bool) -> Answer:
        errors = throttles = 0
        while True:
            outcome = await self._attempt(route, limit, is_retry=is_retry or errors + throttles > 0)
            if isinstance(outcome, Answer):
                return outcome
            error = outcome.error
            if isinstance(error, Throttled):
                # The pause is made where the next request starts, by every request alike
                throttles += 1
                if throttles >= _MAX_THROTTLES:
                    raise error
                continue
            errors += 1
            if errors > self.settings.max_retries or isinstance(error, UnsendableRequest):
                raise error
            seconds = backoff(errors, self._random) if outcome.wait is None else outcome.wait
            await self._wait(seconds, error.reason, error.endpoint)

    async def _attempt(self, route: Route, limit: float, *, is_retry: bool) -> Answer | _Setback:
        try:
            async with self._slot() as http:
                outcome = await self._follow(http, route, limit, is_retry)
        except DeadlineReached:
            raise
        except ApiError as error:
            self.counters.failures += not isinstance(error, NotFound)
            raise
        if isinstance(outcome, _Setback):
            self.counters.failures += 1
        return outcome

    async def _follow(
        self, http: httpx.AsyncClient, route: Route, limit: float, is_retry: bool
    ) -> Answer | _Setback:
        visited = [route.url]
        while True:
            await self._turn(route.endpoint)
            if self._watch is not None:
                self._watch.sending(route.endpoint)
            self.counters.requests += 1
            self.counters.retries += is_retry
            outcome = await self._exchange(http, route, visited, limit)
            if not isinstance(outcome, httpx.URL):
                return outcome
            if outcome in visited:
                raise RedirectRefused(route.endpoint, "the redirects go round in a circle")
            if len(visited) > route.max_redirects:
                raise RedirectRefused(route.endpoint, f"more than {route.max_redirects} redirects")
            visited.append(outcome)

    async def _exchange(
        self, http: httpx.AsyncClient, route: Route, visited: Sequence[httpx.URL], limit: float
    ) -> Answer | _Setback | httpx.URL:
        """Sends one request, for no longer than the limit; a URL is where it redirects to."""
        url, endpoint = visited[-1], route.endpoint
        # Built here, not by httpx's client: no cookies, and no credentials from a netrc file
        request = httpx.Request(
            "GET", url, headers=route.headers, extensions={"timeout": self._timeout}
        )
        sent_at, sent = self._clock.now(), self._clock.monotonic()
        status: int | None = None
        # In real time, as the socket's own timeouts: the clock that is handed in tells it only
        ends_at = anyio.current_time() + limit
        try:
            with _until(ends_at):
                response = await route.send(http, request, visited[-2] if visited[1:] else None)
            status = response.status_code
            try:
                # From the monotonic clock, so that a wall clock set back cannot turn time round
                headed_at = sent_at + timedelta(seconds=self._clock.monotonic() - sent)
                if status in _REDIRECTS:
                    return _redirect_target(route, url, response)
                if not 200 <= status < 300:
                    return await self._refused(response, route, sent, ends_at)
                with _until(ends_at):
                    body = await self._body(response, endpoint)
            finally:
                await response.aclose()
        except BrokenBody as error:
            return _Setback(ServerError(endpoint, str(error), status=status))
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            return _Setback(_transport_error(error, endpoint, status))
        self._pace.succeeded()
        body = self._mask.data(body)
        if self._watch is not None:
            self._watch.received(status, response.headers, body)
        return Answer(
            status=status,
            body=body,
            content_type=response.headers.get("content-type", ""),
            sent_at=sent_at,
            received_at=sent_at + timedelta(seconds=self._clock.monotonic() - sent),
            clock_offset=clock_offset(
                response.headers.get("date"), response.headers.get("age"), sent_at, headed_at
            ),
            endpoint=endpoint,
        )

    async def _body(self, response: httpx.Response, endpoint: str) -> bytes:
        limit = self.settings.max_response_bytes
        too_large = ResponseTooLarge(
            endpoint,
            f"the answer is larger than {self.settings.max_response_mb:g} MB",
            status=response.status_code,
        )
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        inflater = Inflater(response.headers.get("content-encoding", ""))
        async for data in _raw(response):
            for piece in inflater.feed(data):
                size += len(piece)
                if size > limit:
                    raise too_large
                pieces.append(piece)
        inflater.finish()
        return b"".join(pieces)

    async def _refused(
        self, response: httpx.Response, route: Route, sent: float, ends_at: float
    ) -> _Setback:
        status = response.status_code
        # What an error says is not worth more than one timeout
        soon = anyio.current_time() + self.settings.timeout_seconds
        body = await _error_body(response, min(soon, ends_at)) if route.tells_why else b""
        body = self._mask_of_errors.data(body)
        if self._watch is not None:
            self._watch.received(status, response.headers, body)
        content_type = response.headers.get("content-type", "")
        detail = describe_error_body(body, content_type)
        error = route.error(status, detail, body.decode("utf-8", "replace"))
        is_of_api = not route.tells_why or self.error_form.fits(body, content_type)
        if route.tells_why and (said := self.error_form.deletion(status, body, content_type)):
            what = "deleted" if said is Deleted else "being deleted"
            error, is_of_api = said(route.endpoint, f"{status}, {what}", status=status), True
        if isinstance(error, NotFound) and not is_of_api:
            form = form_of(body, content_type)
            reason = f"{status} with {form}, which is not the API's answer"
            detail = "" if detail == form else detail
            error = UnrecognisedAnswer(route.endpoint, reason, status=status, detail=detail)
        wait = retry_after(response.headers, self._clock.now())
        if status == 429:
            self.counters.throttled += 1
        if isinstance(error, Throttled):
            pause = self._pace.throttled(sent, wait)
            if pause is not None:
                self._tell(Wait("429", pause, route.endpoint, pauses_all=True))
            return _Setback(error)
        is_unsure = isinstance(error, UnrecognisedAnswer) and route.endpoint not in self._optional
        is_told = isinstance(error, NotFound)
        if is_unsure or (is_retried(status) and not error.is_fatal and not is_told):
            return _Setback(error, wait)
        if is_told:
            self._pace.succeeded()
        raise error

    async def _turn(self, endpoint: str) -> None:
        """Returns when the next request may start, in the order of asking."""
        async with self._turnstile:
            while seconds := self._pace.delay():
                await self._sleep(seconds, endpoint)
            if self.deadline is not None and self._clock.monotonic() >= self.deadline:
                raise DeadlineReached(endpoint, "the deadline has come")
            self._pace.started()

    async def _wait(self, seconds: float, reason: str, endpoint: str) -> None:
        self._tell(Wait(reason, seconds, endpoint, pauses_all=False))
        await self._sleep(seconds, endpoint)

    async def _sleep(self, seconds: float, endpoint: str) -> None:
        if self.deadline is not None and self._clock.monotonic() + seconds > self.deadline:
            raise DeadlineReached(endpoint, "the deadline comes before the end of a wait")
        await self._clock.sleep(seconds)

    def _tell(self, wait: Wait) -> None:
        if self.on_wait is not None:
            self.on_wait(wait)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self._slots:
            if not self._idle:
                raise RuntimeError("ApiClient is used outside of `async with`")
            http = self._idle.pop()
            try:
                if http is None:
                    http = await self._new_client()
                yield http
            finally:
                self._idle.append(http)

    async def _new_client(self) -> httpx.AsyncClient:
        """One for each slot: a client looks through all of its connections at every request."""
        assert self._exit is not None
        return await self._exit.enter_async_context(
            httpx.AsyncClient(
                verify=self._verify,
                transport=self._transport,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=1),
            )
        )


async def _decoded(answer: Answer) -> Any:
    return decode_json(answer)


def _redirect_target(route: Route, url: httpx.URL, response: httpx.Response) -> httpx.URL:
    status, endpoint = response.status_code, route.endpoint
    location = response.headers.get("location")
    if not location:
        raise RedirectRefused(endpoint, f"{status}, a redirect to nowhere", status=status)
    try:
        target = url.join(location).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise RedirectRefused(endpoint, f"{status}, an invalid redirect", status=status) from None
    route.check(target, url, status)
    return target


async def _raw(response: httpx.Response) -> AsyncIterator[bytes]:
    # The stream itself: `aiter_raw` refuses answers that a mock transport made from bytes
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    async for data in stream:
        yield data


def _until(ends_at: float) -> AbstractContextManager[object]:
    """Raises `TimeoutError` at a moment of the event loop's time."""
    return anyio.fail_after(ends_at - anyio.current_time())


async def _error_body(response: httpx.Response, ends_at: float) -> bytes:
    """The beginning of an error's body; what is broken in it takes nothing from the status."""
    body = b""
    try:
        inflater = Inflater(response.headers.get("content-encoding", ""))
        with _until(ends_at):
            async for data in _raw(response):
                for piece in inflater.feed(data):
                    body += piece
                    if len(body) >= _ERROR_BODY_BYTES:
                        return body[:_ERROR_BODY_BYTES]
    except (httpx.HTTPError, httpx.StreamError, OSError, BrokenBody):
        pass
    return body


def _transport_error(error: Exception, endpoint: str, status: int | None) -> ApiError:
    is_late = isinstance(error, (httpx.TimeoutException, TimeoutError))
    if status is not None and not is_late:
        return ServerError(endpoint, "the answer was cut off or broken", status=status)
    if isinstance(error, httpx.LocalProtocolError):
        # Its words are left out: they may hold a header's value
        return UnsendableRequest(endpoint, "the request is not valid HTTP")
    if isinstance(error, httpx.ConnectTimeout):
        return Unreachable(endpoint, "no connection in time")
    if is_late:
        return Unreachable(endpoint, "no answer in time", connected=True)
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
        # The system's own words (refused, unknown host, certificate): no URL and no header in it
        said = re.sub(r"[^ -~]", " ", str(error))[:120].strip()
        return Unreachable(endpoint, f"connection failed ({said})" if said else "no connection")
    return ServerError(endpoint, "the connection broke before the answer")


def _sendable(name: str, value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        # The value is a key, more often than not: it stays out of the message
        raise ValueError(f"header {name}: the value must be printable ASCII on one line")
    return value


def _words(headers: Mapping[str, str]) -> set[str]:
    """The words in the values of headers: `Bearer KEY`, and Snowflake's `Token="KEY"`."""
    return {word for value in headers.values() for word in re.split(r"[\s\"]", value)}
