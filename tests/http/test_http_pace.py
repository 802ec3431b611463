"""How many requests at once, how fast, and what a 429 does to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from http_support import JOB, VirtualClock, make_client

from dlt_docjobs.http import ApiClient, HttpSettings, Wait
from dlt_docjobs.http.pace import Pace


class Server:
    """Answers after a while, and knows when it was asked and by how many at once."""

    def __init__(
        self, clock: VirtualClock, seconds: float, refuses: Callable[[float], str | None]
    ) -> None:
        self.clock, self.seconds, self.refuses = clock, seconds, refuses
        self.asked_at: list[float] = []
        self.refused_at: list[float] = []
        self.now = self.most = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        at = self.clock.seconds - 1000
        self.asked_at.append(at)
        self.now += 1
        self.most = max(self.most, self.now)
        refusal = self.refuses(at)
        if self.seconds:
            await self.clock.sleep(self.seconds)
        self.now -= 1
        if refusal is not None:
            self.refused_at.append(at)
            headers = {"retry-after": refusal} if refusal else {}
            return httpx.Response(429, headers=headers)
        return httpx.Response(200, json={})


def run_many(
    count: int,
    seconds: float = 0.1,
    refuses: Callable[[float], str | None] = lambda at: None,
    waits: list[Wait] | None = None,
    **settings: object,
) -> tuple[Server, ApiClient]:
    clock = VirtualClock()
    server = Server(clock, seconds, refuses)
    client = make_client(server, clock, waits=waits, **settings)  # type: ignore[arg-type]

    async def run() -> None:
        async with client:
            await asyncio.gather(*(client.get(JOB) for _ in range(count)))

    asyncio.run(run())
    return server, client


@pytest.mark.parametrize("max_concurrency", [1, 3, 16])
def test_concurrency_is_bounded_and_used(max_concurrency: int) -> None:
    server, _ = run_many(40, max_concurrency=max_concurrency)
    assert server.most == max_concurrency


def test_the_ceiling_is_kept_from_the_first_request_on() -> None:
    server, _ = run_many(21, seconds=0.01, requests_per_second=4)
    assert len(server.asked_at) == 21
    gaps = [b - a for a, b in zip(server.asked_at, server.asked_at[1:], strict=False)]
    assert min(gaps) >= 0.2499
    assert server.asked_at[-1] == pytest.approx(5, abs=0.1)


def test_a_429_pauses_every_request() -> None:
    waits: list[Wait] = []
    server, client = run_many(
        60, 0.1, lambda at: "30" if 0.35 < at < 1 else None, waits, max_concurrency=4
    )
    # Those under way when the 429 came could not know; from then on there is silence
    first = min(server.refused_at)
    assert not [at for at in server.asked_at if first + 0.15 < at < first + 30]
    assert [round(wait.seconds) for wait in waits] == [30]
    assert client.counters.throttled == 4 and client.counters.requests == 64


def test_after_a_429_the_rate_is_halved_and_comes_back() -> None:
    server, _ = run_many(400, 0.1, lambda at: "5" if 2 < at < 2.1 else None, max_concurrency=1)
    before = [at for at in server.asked_at if 1 <= at < 2]
    after = [at for at in server.asked_at if at > 6]
    slow = [at for at in after if at < after[0] + 1]
    late = [at for at in server.asked_at if at > server.asked_at[-1] - 1]
    assert len(before) == pytest.approx(10, abs=1)
    assert 4 <= len(slow) <= 7
    assert len(late) == pytest.approx(10, abs=1)


def test_a_plan_of_twenty_a_minute_is_lived_with() -> None:
    taken: dict[int, int] = {}

    def twenty_a_minute(at: float) -> str | None:
        minute = int(at // 60)
        taken[minute] = taken.get(minute, 0) + 1
        return None if taken[minute] <= 20 else ""

    server, client = run_many(100, 0.05, twenty_a_minute)
    assert client.counters.requests - client.counters.throttled == 100
    # The plan allows for four minutes at best; and few requests are spent on being refused
    assert server.asked_at[-1] < 16 * 60
    assert client.counters.throttled < 60


def test_random_429s_do_not_bring_the_client_to_a_standstill() -> None:
    asked = 0

    def every_tenth(at: float) -> str | None:
        nonlocal asked
        asked += 1
        return "" if asked % 10 == 0 else None

    server, _ = run_many(500, 0.01, every_tenth)
    assert server.asked_at[-1] < 120


def make_pace(clock: VirtualClock, ceiling: float | None = None) -> Pace:
    return Pace(clock, ceiling, lambda: 1.0)


def test_one_storm_is_one_cut() -> None:
    clock = VirtualClock()
    pace = make_pace(clock)
    for _ in range(20):
        pace.started()
    sent = clock.seconds
    clock.seconds += 1
    assert pace.throttled(sent, 2) == 2
    rate = pace.rate
    assert rate == pytest.approx(10)
    # The other nineteen bring nothing new, until one asks for more
    assert [pace.throttled(sent, 2) for _ in range(18)] == [None] * 18
    assert pace.throttled(sent, None) is None
    assert pace.throttled(sent, 2.5) is None, "not worth telling"
    assert pace.throttled(sent, 9) == 9
    assert pace.rate == rate
    assert pace.delay() == pytest.approx(9)
    clock.seconds += 9
    pace.started()
    clock.seconds += 1
    pace.throttled(clock.seconds - 1, 2)
    assert pace.rate == pytest.approx(5)


def test_the_rate_never_falls_to_nothing_and_never_exceeds_the_ceiling() -> None:
    clock = VirtualClock()
    pace = make_pace(clock, ceiling=3)
    for _ in range(30):
        clock.seconds += 100
        pace.started()
        pace.throttled(clock.seconds, 1)
    assert pace.rate == pytest.approx(0.2)
    for _ in range(1000):
        pace.succeeded()
    assert pace.rate == 3
    slow = make_pace(clock, ceiling=0.1)
    slow.started()
    slow.throttled(clock.seconds, None)
    assert slow.rate == 0.1


def test_the_rate_is_free_again_when_the_old_rate_is_reached() -> None:
    clock = VirtualClock()
    pace = make_pace(clock)
    for _ in range(20):
        pace.started()
    clock.seconds += 1
    pace.throttled(clock.seconds, None)
    seen = [pace.rate]
    while pace.rate is not None:
        pace.succeeded()
        seen.append(pace.rate)
    assert seen == [pytest.approx(10 + n) for n in range(10)] + [None]


def test_a_cancelled_request_gives_its_slot_back() -> None:
    clock = VirtualClock()
    server = Server(clock, 1000, lambda at: None)

    async def run() -> int:
        async with make_client(server, clock, max_concurrency=1) as client:
            first = asyncio.create_task(client.get(JOB))
            await asyncio.sleep(0.01)
            first.cancel()
            server.seconds = 0
            return (await client.get(JOB)).status

    assert asyncio.run(run()) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_concurrency": 0},
        {"max_retries": -1},
        {"requests_per_second": 0},
        {"requests_per_second": float("nan")},
        {"timeout_seconds": -1},
        {"max_response_mb": float("inf")},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HttpSettings(**wrong)  # type: ignore[arg-type]
