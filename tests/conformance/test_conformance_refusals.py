"""Wrong keys, dead hosts and storms: said clearly, and nothing is lost for the next sync."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest
from conformance_bench import (
    KINDS,
    NO_RESULTS_BUT_RUNS,
    PROVIDERS,
    RUNNING_WORD,
    SUCCESS_WORD,
    Bench,
    MakeBench,
    causes,
)
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_docjobs import SyncFailed
from dlt_docjobs.emulator import Faults
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_sound
from dlt_docjobs.testing.warehouse import Tables

REFUSED = ("wrong key", "dead host", "nothing but errors")
WRONG_KEY = "not-the-key-7f3a"
HINTS = {
    "llamacloud": "https://api.cloud.eu.llamaindex.ai",
    "contextual": "/v1",
    "unsiloed": "auth_header",
    "reducto": "https://eu.platform.reducto.ai",
    "landingai": "https://api.ade.eu-west-1.landing.ai",
}


@dataclass
class Refusals:
    """Refused syncs, and then one through a storm."""

    provider: str
    bench: Bench
    runs: dict[str, SyncRun] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    error: PipelineStepFailed | None = None
    tables: Tables = field(default_factory=dict)

    def sync(self, name: str, **arguments: object) -> None:
        self.runs[name] = self.bench.sync(self.provider, **arguments)
        self.requests[name] = len(self.bench.requests)


@pytest.fixture(scope="module", params=PROVIDERS)
def refusals(request: pytest.FixtureRequest, make_bench: MakeBench) -> Refusals:
    """The syncs of one provider."""
    provider = request.param
    refusals = Refusals(provider, make_bench())
    emulator = refusals.bench.emulator
    for kind in KINDS:
        for number, word in enumerate((SUCCESS_WORD, SUCCESS_WORD, SUCCESS_WORD, RUNNING_WORD)):
            created = datetime.now(timezone.utc) - timedelta(hours=number + 1)
            status = word[provider, kind]
            emulator.add_job(provider, kind, status=status, created_at=created, pages=1, hang=True)

    with pytest.raises(PipelineStepFailed) as caught:
        refusals.bench.pipeline(provider).run(refusals.bench.source(provider, api_key=WRONG_KEY))
    refusals.error = caught.value
    refusals.sync("wrong key", api_key=WRONG_KEY, only=NO_RESULTS_BUT_RUNS)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    dead = f"http://127.0.0.1:{port}/v1"
    refusals.sync("dead host", base_url=dead, only=NO_RESULTS_BUT_RUNS)
    emulator.faults = Faults(error_fraction=1.0)
    refusals.sync("nothing but errors", only=NO_RESULTS_BUT_RUNS)
    emulator.faults = Faults(rate_limit_fraction=0.3, retry_after="0", budget=3)
    refusals.sync("storm")
    refusals.tables = refusals.bench.tables()
    return refusals


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_sync_says_so(refusals: Refusals, name: str) -> None:
    run = refusals.runs[name]
    assert (run.ok, run.exit_code) == (False, 3)
    assert run.error
    assert (run.jobs_new, run.results_loaded, run.cursor) == (0, 0, None)


@pytest.mark.parametrize("name", REFUSED)
def test_no_error_says_the_key(refusals: Refusals, name: str) -> None:
    for key in (WRONG_KEY, refusals.bench.emulator.api_key):
        assert key not in (refusals.runs[name].error or "")
        assert key not in "".join(str(cause) for cause in causes(refusals.error))


def test_a_wrong_key_comes_with_a_hint(refusals: Refusals) -> None:
    error = refusals.runs["wrong key"].error or ""
    assert "401" in error
    assert HINTS[refusals.provider] in error


def test_a_wrong_key_is_not_tried_again_and_again(refusals: Refusals) -> None:
    # what was under way already may still come to its end
    assert refusals.requests["wrong key"] <= 8


def test_a_plain_run_with_a_wrong_key_fails(refusals: Refusals) -> None:
    assert refusals.error is not None
    (failed,) = [cause for cause in causes(refusals.error) if isinstance(cause, SyncFailed)]
    assert failed.exit_code == 3
    assert HINTS[refusals.provider] in str(failed)


def test_every_refused_run_has_its_row(refusals: Refusals) -> None:
    rows = {row["run_id"]: row for row in refusals.tables["sync_runs"]}
    for name in REFUSED:
        row = rows[refusals.runs[name].run_id]
        assert (row["ok"], row["exit_code"]) == (False, 3)
        assert row["error"] == refusals.runs[name].error


def test_a_storm_of_429_is_waited_out(refusals: Refusals) -> None:
    run = refusals.runs["storm"]
    assert (run.exit_code, run.error) == (0, None)
    assert run.throttled > 0
    assert run.retries >= run.throttled


def test_after_all_that_everything_is_there(refusals: Refusals) -> None:
    assert_sound(refusals.tables, refusals.bench.loads())
    assert_complete(refusals.tables, refusals.bench.truth(refusals.provider))
