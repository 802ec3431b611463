"""The emulator as Python sees it: a server in a thread, and the hands that move its world."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final

import uvicorn

from dlt_docjobs.emulator.app import build_app
from dlt_docjobs.emulator.clock import Clock, real_clock
from dlt_docjobs.emulator.control import control_routes
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.front import Front
from dlt_docjobs.emulator.truth import RequestRecord, TrueJob
from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.emulator.world import World
from dlt_docjobs.model.vocabulary import JobKind

API_KEY: Final = "emulator-key"
"""The one key that all providers accept."""

_HOST: Final = "127.0.0.1"
_PATHS: Final[dict[Provider, str]] = {
    "llamacloud": "/llamacloud",
    "contextual": "/contextual/v1",
    "unsiloed": "/unsiloed",
    "reducto": "/reducto",
    "landingai": "/landingai",
}
_PATIENCE: Final = 10.0


class Emulator:
    """The providers' APIs on loopback.

    A context manager; or call `start()` and `stop()`. Its methods may be called from any thread,
    and from `faults.on_request`.

    Attributes:
        faults: What goes wrong; may be changed or replaced at any time.
        api_key: The key that is accepted.
    """

    def __init__(
        self,
        seed: int = 7,
        jobs: int = 300,
        port: int = 0,
        faults: Faults | None = None,
        history_days: float = 20,
        now: datetime | Callable[[], datetime] | None = None,
        model_changes_at: datetime | None = None,
    ) -> None:
        """Lets the jobs live up to now; the server starts with `start()`.

        Args:
            seed: Ids, names, contents and lives follow from it.
            jobs: Of LlamaCloud, Contextual AI and Unsiloed AI together; of the others a share of
                it beside them. 0: no job but those that are added.
            port: 0 for any free one.
            faults: None for none.
            history_days: How long ago the first jobs were created.
            now: The instant to start at, or a clock to read; None for the machine's clock.
            model_changes_at: From when on every provider parses with another model, and says
                nothing of it: jobs created since then have lower confidences, pages that failed or
                are empty, and text in the place of most tables, lists and pictures. None: never.
        """
        self.faults = faults if faults is not None else Faults()
        self.api_key = API_KEY
        self._port = port
        self._world = World(seed, jobs, history_days, Clock(real_clock(now)), model_changes_at)
        routes = control_routes(self._world, lambda: self.requests)
        app = build_app(self._world, self.api_key, lambda: self.faults, routes)
        self._front = Front(app, self._world.clock, seed, lambda: self.faults)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # The server

    def start(self) -> Emulator:
        """Starts the server; returns when it answers. After a `stop()` it keeps its port.

        Raises:
            RuntimeError: It runs already, or did not start.
            OSError: The port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("the emulator is running already")
        # Asyncio turns Nagle's delay off only where the protocol is named: 40 ms an answer.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._front,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._front.stopping = False
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="emulator", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _PATIENCE
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                listener.close()
                self._thread = None
                raise RuntimeError("the emulator's server did not start")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Stops the server and waits for its thread; the jobs stay. Twice is as good as once."""
        if self._server is None or self._thread is None:
            return
        self._front.stopping = True
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            raise RuntimeError("the emulator's server did not stop")
        self._server = self._thread = None

    def __enter__(self) -> Emulator:
        """Starts the server."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops the server."""
        self.stop()

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`.

        Raises:
            RuntimeError: It was never started, so that the port is unknown.
        """
        if not self._port:
            raise RuntimeError("the emulator has not been started")
        return f"http://{_HOST}:{self._port}"

    @property
    def base_urls(self) -> dict[Provider, str]:
        """Provider to base URL."""
        return {provider: self.origin + path for provider, path in _PATHS.items()}

    @property
    def project_id(self) -> str:
        """LlamaCloud's project, the key's own: a bare uuid, as the query takes it."""
        return self._world.project_id

    @property
    def organization_id(self) -> str:
        """LlamaCloud's organization."""
        return self._world.organization_id

    # What was asked

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests of the APIs, oldest first; of the control endpoints none."""
        return list(self._front.requests)

    def clear_requests(self) -> None:
        """Forgets the requests so far."""
        self._front.requests.clear()

    # The jobs

    def advance(self, seconds: float) -> None:
        """Moves the jobs' clock.

        Open jobs go on and new ones appear. The life that passes is laid into the real time since
        the last move, and after the last answer that was given.

        Raises:
            ValueError: `seconds` is negative.
        """
        self._world.advance(seconds)

    def jobs(
        self, provider: Provider | None = None, job_kind: JobKind | None = None
    ) -> list[TrueJob]:
        """The truth of all jobs as of now, oldest first; expired and deleted ones too."""
        return self._world.jobs(provider, job_kind)

    def job(self, job_id: str) -> TrueJob:
        """The truth of a job as of now.

        Raises:
            KeyError: There never was such a job.
        """
        return self._world.truth(self._world.any_job(job_id))

    def add_job(
        self,
        provider: Provider,
        job_kind: JobKind = "parse",
        *,
        job_id: str | None = None,
        status: str | None = None,
        created_at: datetime | None = None,
        transitions: Sequence[tuple[str, datetime]] | None = None,
        hang: bool = False,
        pages: int | None = None,
        failed_pages: Sequence[int] | None = None,
        document_name: str | None = None,
        result: Any = None,
        error_message: str | None = None,
        tier: str | None = None,
        credits: float | None = None,
        user_metadata: dict[str, str] | None = None,
        parse_job_id: str | None = None,
    ) -> TrueJob:
        """Adds a job; what is not given is drawn from the seed.

        Args:
            provider: Whose job.
            job_kind: `parse`, `extract`, or another that the provider has.
            job_id: Its id.
            status: The provider status it is in; by default it has just been created. An open job
                goes on when the clock is advanced, unless it hangs.
            created_at: By default between the last answer and now.
            transitions: Provider statuses and when they began, the first being the creation; in
                place of `status` and `created_at`. Nothing happens to the job by itself then.
            hang: It stays open for ever.
            pages: Pages of its document.
            failed_pages: 1-based numbers of those that fail (LlamaCloud and LandingAI parse).
            document_name: Its name.
            result: The result in place of a drawn one, as `emulator.contents.content` has it:
                `{"items": {"pages": […]}, "metadata": …}` (LlamaCloud parse), `{"pages": […]}`
                (Contextual parse), `{"chunks": […], "page_count": n}` (Unsiloed and Reducto parse),
                `{"extract_result": …, "field_metadata": …}`, `{"results": …, "metadata": …}`,
                `{"result": …, "metadata": …}`, `{"result": …, "citations": …}` (Reducto);
                LandingAI's `{"markdown": …, "structure": …}` and
                `{"extraction": …, "extraction_metadata": …, "markdown": …}`.
            error_message: What it says when it fails.
            tier: LlamaCloud's tier.
            credits: Already recorded by billing; by default that takes 600 virtual seconds.
            user_metadata: LlamaCloud's tags.
            parse_job_id: The parse job behind a LlamaCloud or LandingAI extract job.

        Raises:
            ValueError: There is no such provider or kind.
        """
        return self._world.add_job(
            provider,
            job_kind,
            job_id=job_id,
            status=status,
            created_at=created_at,
            transitions=transitions,
            hang=hang,
            pages=pages,
            failed_pages=failed_pages,
            document_name=document_name,
            result=result,
            error_message=error_message,
            tier=tier,
            credits=credits,
            user_metadata=user_metadata,
            parse_job_id=parse_job_id,
        )

    def set_status(self, job_id: str, provider_status: str, at: datetime | None = None) -> None:
        """Lets a job enter a status now, or at an instant.

        What it would have done by itself is dropped: from here on it is in your hands.
        """
        self._world.set_status(job_id, provider_status, at)

    def expire(self, job_id: str) -> None:
        """From now on the provider answers 404, and no list shows the job."""
        self._world.remove(job_id)

    def delete(self, job_id: str) -> None:
        """The user deletes the job: no provider leaves a trace of that either."""
        self._world.remove(job_id)

    def review(
        self, job_id: str, corrections: dict[str, Any] | None = None, *, is_decided: bool = True
    ) -> None:
        """A person reviews the result of a LlamaCloud extract job, or does so once more.

        Args:
            job_id: The job.
            corrections: Values by JSON pointer; None: drawn.
            is_decided: False leaves the review begun, or reopens it.
        """
        self._world.review(job_id, corrections, is_decided=is_decided)

    def reprocess(self, job_id: str, pages: int | None = None, result: Any = None) -> None:
        """Replaces a job's result by another one: drawn anew, with so many pages, or given.

        `pages=0` leaves nothing. The status stays; `updated_at` moves.
        """
        self._world.reprocess(job_id, pages, result)


def serve(port: int = 0, seed: int = 7, jobs: int = 300) -> None:
    """Runs the emulator in the foreground until it is interrupted (SIGINT).

    Prints one line with the base URLs and the key.
    """
    with Emulator(seed=seed, jobs=jobs, port=port) as emulator:
        urls = " ".join(f"{provider}={url}" for provider, url in emulator.base_urls.items())
        wait_for_interrupt(lambda: print(f"{urls} api_key={emulator.api_key}", flush=True))


def wait_for_interrupt(announce: Callable[[], None]) -> None:
    """Announces what is served and returns at SIGINT, which may come as soon as that is read."""
    # a shell starts background commands with SIGINT ignored; this one ends by it all the same
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        announce()
        threading.Event().wait()
    except KeyboardInterrupt:
        return
