"""Whatever any endpoint answers: no crash, and what was not loaded stands in `rejected_records`.

Whole syncs over real-shaped answers that hypothesis mutates: lists, bulk answers, status, results
and usage of every provider and kind. 20,000 answers and more with `python -m pytest -m slow
tests/sync`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from hostile_support import (
    HARM,
    MUTATION,
    Account,
    Harm,
    Harmed,
    Mutation,
    Served,
    assert_storable,
    mutated,
    texts,
    unreadable,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sync_support import Warehouse

from dlt_docjobs.emulator import Emulator, Faults
from dlt_docjobs.emulator.vocabulary import PROVIDERS, Provider
from dlt_docjobs.model.cleaning import clean_text
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.protocol import ContentPolicy
from dlt_docjobs.sync.progress import Progress

RELAXED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    # to make a failure smaller takes minutes: `phases=` gives it back to whoever looks into one
    "phases": [Phase.generate],
}
RUNNING: dict[Provider, dict[JobKind, str]] = {
    "llamacloud": {"parse": "RUNNING", "extract": "RUNNING"},
    "contextual": {"parse": "processing", "extract": "processing"},
    "unsiloed": {"parse": "Processing", "extract": "processing"},
    "reducto": {"parse": "InProgress", "extract": "InProgress"},
    "landingai": {"parse": "processing", "extract": "processing"},
}
REDUCTO_KINDS = ("Parse", "Extract", "Classify", "Split")
BROKEN_INSIDE = "could not be handled"


@pytest.fixture(scope="module")
def accounts() -> Iterator[dict[Provider, Account]]:
    """An account of each provider, with jobs of every kind, open and ended."""
    with Emulator(seed=3, jobs=36, history_days=2) as emulator:
        for provider, words in RUNNING.items():
            for kind, word in words.items():
                for hours in (40, 41, 42):
                    created = datetime.now(timezone.utc) - timedelta(hours=hours)
                    emulator.add_job(provider, kind, status=word, created_at=created, hang=True)
                    emulator.add_job(provider, kind, created_at=created, pages=2)
        emulator.advance(3600)
        yield {provider: Account.recorded(provider, emulator) for provider in PROVIDERS}


@pytest.fixture(scope="module")
def few() -> Iterator[dict[Provider, Account]]:
    """The same with a few jobs."""
    with Emulator(seed=5, jobs=0) as emulator:
        created = datetime.now(timezone.utc) - timedelta(hours=30)
        for provider, words in RUNNING.items():
            for kind, word in words.items():
                emulator.add_job(provider, kind, status=word, created_at=created, hang=True)
                for pages in (1, 2):
                    emulator.add_job(provider, kind, created_at=created, pages=pages)
        emulator.advance(20 * 3600)
        # beside the API, as Reducto's are more often than not
        emulator.faults = Faults(landingai_delivery="large")
        yield {provider: Account.recorded(provider, emulator) for provider in PROVIDERS}


def rows_of(body: Any) -> list[Any]:
    """The rows of a list's answer, by either name."""
    for name in ("items", "jobs"):
        rows = body.get(name) if isinstance(body, dict) else None
        if isinstance(rows, list):
            return rows
    return []


def is_list(key: str) -> bool:
    return key.partition("?")[0].rstrip("/").endswith(("/parse", "/extract", "/jobs"))


def decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def attack(
    account: Account, mutations: list[Mutation], policy: ContentPolicy, is_known: bool
) -> int:
    """A sync over mutated answers, then one over good ones; returns how many were mutated.

    Args:
        account: Whose.
        mutations: What to do to its answers.
        policy: What is stored.
        is_known: Whether an earlier sync, over good answers, knows all jobs.
    """
    warehouse, progress = Warehouse(), Progress.fresh()
    if is_known:
        good = httpx.MockTransport(Served(account, []))
        _, progress = account.sync(good, warehouse, progress, policy)
    served = Served(account, mutations)
    session, progress = account.sync(httpx.MockTransport(served), warehouse, progress, policy)
    said = [session.row().error or "", *session.context.outcome.problems]
    assert not any(BROKEN_INSIDE in text for text in said), said
    assert session.exit_code in (0, 1, 3)
    assert_storable(warehouse)
    assert session.exit_code or not warehouse.rejected, "rejected, and the run says nothing of it"
    pending = [ref for ref, row in warehouse.jobs.items() if row.results_state == "pending"]
    assert session.exit_code or not pending, "a result did not come, and the run says nothing"
    known = {job_id for _, job_id in warehouse.jobs}
    for key, body in served.bodies.items():
        value = decoded(body)
        if is_list(key) and policy.include_content:
            assert_every_row_is_somewhere(rows_of(value), known, warehouse)
        if value is None and not is_list(key):
            assert session.exit_code, f"{key} could not be read, and the run says nothing of it"
    # what could not be read yet, and was not set aside, comes as soon as it can be read
    good = httpx.MockTransport(Served(account, []))
    account.sync(good, warehouse, progress, policy)
    assert_storable(warehouse)
    stored = texts(warehouse) if policy.include_content else ""
    shown = b"\n".join(body for key, body in served.bodies.items() if is_list(key))
    for job_id, kind in account.targets:
        # whom a mutated list left out altogether, nobody could know of
        if stored and job_id.encode() in shown:
            assert (kind, job_id) in warehouse.jobs or job_id in stored
    return served.mutated


def assert_every_row_is_somewhere(rows: list[Any], known: set[str], warehouse: Warehouse) -> None:
    """But for jobs of a kind that is not loaded, which are only counted."""
    payloads = [row["payload"] or "" for row in warehouse.rejected.values()]
    for row in rows:
        ids = [row.get("id"), row.get("job_id")] if isinstance(row, dict) else []
        named = [clean_text(str(one)).strip() for one in ids if isinstance(one, (str, int))]
        if known & set(named):
            continue
        if isinstance(row, dict) and row.get("type") not in (None, *REDUCTO_KINDS):
            continue
        # as one rejected row, or in the whole list's answer
        assert payloads, f"{row!r} is nowhere"


providers = st.sampled_from(PROVIDERS)
policies = st.builds(ContentPolicy, st.booleans(), st.booleans(), st.booleans())


def try_answers(accounts: dict[Provider, Account], examples: int) -> int:
    """Syncs over so many examples; returns how many answers were mutated."""
    sent = 0

    @settings(max_examples=examples, **RELAXED)
    @given(providers, st.lists(MUTATION, min_size=2, max_size=7), policies, st.integers(0, 3))
    def syncs(
        provider: Provider, mutations: list[Mutation], policy: ContentPolicy, chance: int
    ) -> None:
        nonlocal sent
        sent += attack(accounts[provider], mutations, policy, chance == 3)

    syncs()
    return sent


@pytest.mark.parametrize(
    ("examples", "wanted"),
    [
        (30, 120),
        pytest.param(3000, 20_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def test_mutated_answers_lose_nothing(
    examples: int,
    wanted: int,
    accounts: dict[Provider, Account],
    record_property: Callable[[str, int], None],
) -> None:
    tried = try_answers(accounts, examples)
    record_property("mutated answers", tried)
    assert tried >= wanted


def neighbours(warehouse: Warehouse, victim: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    """What is stored of every other job."""
    return {
        ref: (row.status, row.results_state, row.page_count, row.segment_count)
        for ref, row in warehouse.jobs.items()
        if victim not in ref
    }


def try_neighbours(accounts: dict[Provider, Account], examples: int) -> int:
    """Syncs in each of which one job is harmed, and the headers are; returns how many."""
    tried = 0
    whole: dict[Provider, Warehouse] = {}
    for provider, account in accounts.items():
        whole[provider] = Warehouse()
        account.sync(httpx.MockTransport(Served(account, [])), whole[provider], Progress.fresh())

    @settings(max_examples=examples, **RELAXED)
    @given(providers, st.integers(0, 2**16), HARM)
    def syncs(provider: Provider, which: int, harm: Harm) -> None:
        nonlocal tried
        tried += 1
        account = accounts[provider]
        victim, _ = account.targets[which % len(account.targets)]
        warehouse = Warehouse()
        served = httpx.MockTransport(Harmed(account, victim, harm))
        session, _ = account.sync(served, warehouse, Progress.fresh())
        said = [session.row().error or "", *session.context.outcome.problems]
        assert not any(BROKEN_INSIDE in text for text in said), said
        assert session.exit_code in (0, 1), said
        assert_storable(warehouse)
        stored, expected = neighbours(warehouse, victim), neighbours(whole[provider], victim)
        assert expected.items() <= stored.items(), (victim, harm, said)

    syncs()
    return tried


@pytest.mark.parametrize(
    "examples",
    [100, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_one_bad_job_costs_itself(examples: int, few: dict[Provider, Account]) -> None:
    assert try_neighbours(few, examples) >= examples


def test_an_answer_that_nests_too_deep_costs_its_job(few: dict[Provider, Account]) -> None:
    harm = Harm(Mutation([], "deep"), None, None, [], [])
    for provider, account in few.items():
        for victim, _ in account.targets:
            served = httpx.MockTransport(Harmed(account, victim, harm))
            session, _ = account.sync(served, Warehouse(), Progress.fresh())
            said = [session.row().error or "", *session.context.outcome.problems]
            assert not any(BROKEN_INSIDE in text for text in said), (provider, said)


def test_every_endpoint_is_among_the_answers(
    accounts: dict[Provider, Account], few: dict[Provider, Account]
) -> None:
    for provider, account in accounts.items():
        kinds = {kind for _, kind in account.targets}
        assert kinds >= {"parse", "extract"}
        lists = [key for key in account.answers if is_list(key)]
        assert len(lists) >= {"unsiloed": 0, "reducto": 1}.get(provider, 2)
        assert len(account.answers) - len(lists) >= 6
    assert any("#bulk" in key for key in accounts["llamacloud"].answers)
    assert any("expand" in key for key in accounts["llamacloud"].answers)
    assert any("results" in key for key in accounts["contextual"].answers)
    assert any("include_chunks" in key for key in accounts["unsiloed"].answers)
    assert any("/results/" in key for key in accounts["reducto"].answers)
    assert any("/files/" in key for key in few["landingai"].answers)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(("status", "nonsense"), id="unknown status"),
        pytest.param(("status", None), id="no status"),
        pytest.param(("created_at", "9999-12-31T23:59:59Z"), id="the end of time"),
        pytest.param(("created_at", 10**400), id="a number beyond every date"),
        pytest.param(("large", "x" * 10 * 2**20), id="10 MB of text"),
        pytest.param(("x" * 2**20, "large"), id="a key of 1 MB"),
        pytest.param(("a\x00b\ud83d", "\x00\ud83d"), id="U+0000 and a lone surrogate"),
        pytest.param(("n", [float("nan"), float("inf"), -(10**400)]), id="numbers that are none"),
    ],
)
def test_one_oddity_in_every_object(
    provider: Provider, edit: tuple[str, Any], accounts: dict[Provider, Account]
) -> None:
    account = accounts[provider]
    key, value = edit

    def odd(part: Any, depth: int = 0) -> Any:
        if isinstance(part, list):
            return [odd(entry, depth + 1) for entry in part[:2]]
        if not isinstance(part, dict):
            return part
        grown = {name: odd(entry, depth + 1) for name, entry in part.items()}
        # the large ones only in one answer of a kind, and once in it
        is_large = "large" in (key, value)
        return grown if is_large and depth else grown | {key: value}

    spoiled: set[str] = set()

    class Odd(Served):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = super().__call__(request)
            path = re.sub(r"[^/]*-[^/]*", "", request.url.path)
            if answer.status_code == 200 and ("large" not in (key, value) or path not in spoiled):
                spoiled.add(path)
                return httpx.Response(200, content=json.dumps(odd(answer.json())).encode())
            return answer

    warehouse = Warehouse()
    session, _ = account.sync(
        httpx.MockTransport(Odd(account, [])), warehouse, Progress.fresh(), ContentPolicy()
    )
    assert not any(
        BROKEN_INSIDE in text
        for text in [session.row().error or "", *session.context.outcome.problems]
    )
    assert_storable(warehouse)
    assert warehouse.jobs or warehouse.rejected


def test_mutating_changes_something_and_leaves_the_original() -> None:
    body = {"items": [{"id": "a", "status": "COMPLETED"}]}
    before = json.dumps(body)
    for action in ("replace", "add", "remove", "nest", "rename"):
        assert json.dumps(mutated(body, [(0, action, "x", 1)])) != before
    assert json.dumps(body) == before
    for how in ("cut", "duplicate keys", "byte order mark", "latin-1", "trailing", "deep"):
        assert unreadable(before.encode(), how) != before.encode()
