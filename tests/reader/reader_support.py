"""Ways of reading that a helper imports by name, and the bodies of real answers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from dlt_docjobs.http import Answer
from dlt_docjobs.providers.contextual import results as contextual
from dlt_docjobs.providers.llamacloud import results as llamacloud
from dlt_docjobs.providers.unsiloed import results as unsiloed
from dlt_docjobs.reader.process import HelperProcess
from dlt_docjobs.results import ReadAnswer, Reading

WAYS: dict[str, ReadAnswer] = {
    "llamacloud": llamacloud.read_answer,
    "contextual": contextual.read_answer,
    "unsiloed": unsiloed.read_answer,
}
EVERYTHING = {"include_content": True, "include_ocr": True}
FIXTURES = sorted((Path(__file__).parents[1] / "results" / "fixtures").glob("*.json"))
NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)


def provider_of(fixture: Path) -> str:
    """Whose answer a fixture is."""
    return fixture.stem.partition("_")[0]


def body_of(fixture: Path) -> bytes:
    """A fixture's answer as it is sent."""
    sent = json.loads(fixture.read_text("utf-8"))["input"]
    return json.dumps({"job_id": "job-1", "status": "done", **sent}).encode()


def answer_of(body: bytes) -> Answer:
    """An answer with this body."""
    return Answer(200, body, "application/json", NOW, NOW, timedelta(0), "/parse/job-1")


def read_here(way: ReadAnswer, body: bytes, policy: dict[str, bool] | None = None) -> Reading:
    """What the sync itself makes of a body."""
    return way(body, lambda: json.loads(body), **(policy or EVERYTHING))


def assert_same(one: Reading | None, other: Reading) -> None:
    """Both are the same answer, to the last value."""
    assert one is not None
    assert (one.rest, one.error) == (other.rest, other.error)
    assert (one.document is None) == (other.document is None)
    if one.document is not None and other.document is not None:
        assert one.document.failed_page_count == other.document.failed_page_count
        assert list(one.document.tables) == list(other.document.tables)
        for name, rows in one.document.tables.items():
            rows.validate(full=True)
            assert rows.equals(other.document.tables[name]), name


@contextmanager
def python_is(executable: str) -> Iterator[None]:
    """This process as if another Python had started it."""
    before, sys.executable = sys.executable, executable
    try:
        yield
    finally:
        sys.executable = before


@asynccontextmanager
async def running(
    way: ReadAnswer, policy: dict[str, bool] | None = None
) -> AsyncIterator[HelperProcess]:
    """A helper that reads in this way."""
    helper = await HelperProcess.start(way, policy or EVERYTHING)
    try:
        yield helper
    finally:
        await helper.close()


async def ask(way: ReadAnswer, *bodies: bytes) -> list[Reading | None]:
    """What a helper answers, asked for everything at once."""
    async with running(way) as helper:
        return await asyncio.gather(*map(helper.read, bodies))


# -- ways of reading ----------------------------------------------------------------------------


def tell_modules(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Says what the helper has imported."""
    return Reading(sorted(sys.modules))


def tell_environment(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Says what the helper finds in its environment."""
    return Reading(dict(os.environ))


def chatter(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Prints, as a library may."""
    print("x" * 100, flush=True)
    return Reading(body.decode())


def fail(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Fails where the body says so."""
    if body == b"fail":
        raise RuntimeError("SECRET")
    return Reading(body.decode())


def sleep(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Takes as many seconds as the body says."""
    time.sleep(float(body))
    return Reading("awake")
