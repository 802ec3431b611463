"""A headless Chromium, driven through a pipe: no package of its own, and no port that others see.

Messages of the DevTools protocol are JSON with a NUL behind each; Chromium reads them from its file
descriptor 3 and answers on 4.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 60.0


def find_browser() -> str:
    """The path of a Chromium; a skip where there is none, a failure where one is required."""
    if os.name != "posix":
        pytest.skip("the pipe that drives the browser is made by a POSIX shell")
    named = os.environ.get("DOCJOBS_BROWSER")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    reason = "no Chromium on this machine (Debian package `chromium`), so no page was drawn"
    if os.environ.get("DOCJOBS_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


class Browser:
    """A running Chromium."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, of: int) -> None:
        self._process = process
        self._to, self._of = to, of
        self._numbers = itertools.count(1)
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Calls a method and returns its result; what happens meanwhile is kept in `events`."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._of], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            piece = os.read(self._of, 1 << 20)
            assert piece, f"the browser ended ({self._process.poll()})"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


class Tab:
    """One page in a window of a given size and colour scheme."""

    def __init__(self, browser: Browser, width: int, height: int, scheme: str) -> None:
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self._target, self._session = target, attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method of this page."""
        return self._browser.call(method, self._session, **params)

    def open(self, path: Path) -> None:
        """Opens a file and waits until it is loaded."""
        self.call("Page.navigate", url=path.as_uri())
        self.wait_until("document.readyState === 'complete' && location.protocol === 'file:'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Waits for an expression to be true."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"waited in vain for {expression}"
            time.sleep(0.05)

    def screenshot(self, path: Path) -> None:
        """Writes a picture of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def print_to(self, path: Path) -> None:
        """Writes the page as it is printed."""
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF")["data"]))

    def _events(self, *methods: str) -> Iterator[dict[str, Any]]:
        for event in self._browser.events:
            if event.get("sessionId") == self._session and event["method"] in methods:
                yield event["params"]

    @property
    def complaints(self) -> list[str]:
        """What the browser has to say of the page: errors, warnings, refused requests."""
        said = [
            str(one["exceptionDetails"].get("exception", one["exceptionDetails"]))
            for one in self._events("Runtime.exceptionThrown")
        ]
        said += [
            " ".join(str(argument.get("value")) for argument in one["args"])
            for one in self._events("Runtime.consoleAPICalled")
        ]
        said += [str(one["entry"]["text"]) for one in self._events("Log.entryAdded")]
        return said

    @property
    def requests(self) -> list[str]:
        """The addresses that the page asked for, `data:` apart."""
        asked = [one["request"]["url"] for one in self._events("Network.requestWillBeSent")]
        return [url for url in asked if not url.startswith("data:")]

    def close(self) -> None:
        """Closes the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@contextmanager
def started_browser(folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in the folder."""
    program = find_browser()
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # Chromium wants the numbers 3 and 4, which a shell can give it
    command = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["bash", "-c", command, "bash", program, *FLAGS, f"--user-data-dir={folder}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(theirs_in, theirs_out),
    )
    os.close(theirs_in)
    os.close(theirs_out)
    browser = Browser(process, ours_out, ours_in)
    try:
        yield browser
    finally:
        try:
            browser.call("Browser.close")
            process.wait(10)
        finally:
            process.kill()
            process.wait()
            os.close(ours_out)
            os.close(ours_in)
