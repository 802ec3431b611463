"""Results that are asked for while dlt loads."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from sync_support import FakeApi, Server, StillClock

from dlt_docjobs.http import NotFound
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import JobAnswer
from dlt_docjobs.sync import ahead
from dlt_docjobs.sync.ahead import ReadAhead
from dlt_docjobs.warehouse.state import JobRef


class SlowApi(FakeApi):
    """Answers when it is told to, each of so many bytes."""

    def __init__(self, jobs: int, size: int = 0, held: bool = False) -> None:
        server = Server(StillClock(10**6))
        for number in range(jobs):
            server.add(f"job-{number}", "COMPLETED", 0)
        super().__init__(server)
        self.size = size
        self.gate = asyncio.Event()
        self.at_once = self.most_at_once = 0
        if not held:
            self.gate.set()

    async def result(
        self, kind: JobKind, job_id: str, tier: str | None = None, *, is_retry: bool = False
    ) -> JobAnswer:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            answer = await super().result(kind, job_id, tier, is_retry=is_retry)
        finally:
            self.at_once -= 1
        answer.size = self.size
        return answer


def wanted(count: int) -> list[tuple[JobRef, str | None]]:
    return [(("parse", f"job-{number}"), None) for number in range(count)]


async def settle() -> None:
    for _ in range(500):
        await asyncio.sleep(0)


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


def test_a_result_that_was_asked_for_ahead_is_asked_for_once() -> None:
    async def scene() -> None:
        api = SlowApi(5)
        results = ReadAhead(api, 2, lambda: False)
        results.begin(wanted(3))
        await settle()
        results.end()
        assert len(api.server.fetched) == 3
        for number in range(5):
            answer = await results.result("parse", f"job-{number}")
            assert answer.observation.job_id == f"job-{number}"
        assert len(api.server.fetched) == 5
        assert api.most_at_once == 2, "no more at a time than the provider is asked anyway"
        await results.result("parse", "job-0")
        assert len(api.server.fetched) == 6, "an answer is given out once"

    play(scene())


def test_what_goes_wrong_is_told_to_who_comes_for_it_and_to_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        results = ReadAhead(SlowApi(0), 2, lambda: False)
        results.begin(wanted(2))
        await settle()
        with pytest.raises(NotFound):
            await results.result("parse", "job-0")
        await results.close()

    play(scene())
    assert not caplog.records


def test_few_bytes_wait_for_the_next_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_BYTES_AHEAD", 100)

    async def scene() -> None:
        api = SlowApi(50, size=30)
        results = ReadAhead(api, 2, lambda: False)
        results.begin(wanted(50))
        await settle()
        # four fill it, and one was under way beside the last of them
        assert 4 <= len(api.server.fetched) <= 5
        results.end()
        results.begin(wanted(50))
        await settle()
        assert len(api.server.fetched) <= 5, "nobody came for them, and none is asked for twice"
        results.end()
        for number in range(3):
            await results.result("parse", f"job-{number}")
        results.begin(wanted(50)[3:])
        await settle()
        assert 7 <= len(api.server.fetched) <= 8
        await results.close()

    play(scene())


def test_a_package_that_begins_leaves_under_way_what_is_and_asks_for_nothing_twice() -> None:
    async def scene() -> None:
        api = SlowApi(10, held=True)
        results = ReadAhead(api, 2, lambda: False)
        results.begin(wanted(10))
        await settle()
        results.end()
        late = [asyncio.create_task(results.result("parse", f"job-{n}")) for n in range(10)]
        await settle()
        api.gate.set()
        await asyncio.gather(*late)
        assert len(api.server.fetched) == 10

    play(scene())


def test_a_run_that_stops_asks_for_nothing_ahead_and_ends_what_is_under_way() -> None:
    async def scene() -> None:
        api = SlowApi(10, held=True)
        stopped = False
        results = ReadAhead(api, 2, lambda: stopped)
        results.begin(wanted(10))
        await settle()
        assert api.at_once == 2
        stopped = True
        await results.close()
        assert (api.at_once, api.server.fetched) == (0, [])
        results.begin(wanted(10))
        await settle()
        assert api.at_once == 0

    play(scene())
