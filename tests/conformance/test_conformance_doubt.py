"""404s of jobs that were known: one is not believed, many at once are not believed at all."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import pytest
from conformance_bench import KINDS, LISTING, PROVIDERS, RUNNING_WORD, Bench, MakeBench

from dlt_docjobs.testing.checks import assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables, events_of, job_row, statuses_of


class Account:
    """An account with open jobs from before the lag, synced once."""

    def __init__(self, bench: Bench, provider: str) -> None:
        self.bench, self.provider = bench, provider
        created = datetime.now(timezone.utc) - timedelta(days=2)
        self.jobs = [
            bench.emulator.add_job(
                provider,  # type: ignore[arg-type]
                kind,  # type: ignore[arg-type]
                status=RUNNING_WORD[provider, kind],
                created_at=created + timedelta(minutes=number),
                hang=True,
            ).job_id
            for number in range(3)
            for kind in KINDS
        ]
        assert self.sync()[0] == 0

    def sync(self, **options: object) -> tuple[int, Tables]:
        """A sync; its exit code, and the tables as they then are."""
        run = self.bench.sync(self.provider, **options)
        tables = self.bench.tables()
        assert_sound(tables, self.bench.loads())
        assert_history_true(tables, self.bench.emulator.jobs())
        return run.exit_code, tables


@pytest.fixture(params=PROVIDERS)
def account(request: pytest.FixtureRequest, make_bench: MakeBench) -> Account:
    return Account(make_bench(), request.param)


def test_a_404_is_believed_once_a_later_sync_confirms_it(account: Account) -> None:
    gone, others = account.jobs[:2], account.jobs[2:]
    for job_id in gone:
        account.bench.emulator.expire(job_id)
    code, tables = account.sync()
    assert code == 1
    firsts = {job_id: job_row(tables, job_id)["missing_since"] for job_id in gone}
    for job_id in gone:
        assert firsts[job_id] is not None
        assert job_row(tables, job_id)["results_state"] == "not_ready"
        assert statuses_of(tables, job_id)[-1] == "running"
    # the next one comes too early
    code, tables = account.sync()
    assert code == 1
    assert {job_id: job_row(tables, job_id)["missing_since"] for job_id in gone} == firsts
    time.sleep(0.5)
    code, tables = account.sync(gone_after_seconds=0.5)
    assert code == 0
    for job_id in gone:
        row, event = job_row(tables, job_id), events_of(tables, job_id)[-1]
        assert (row["missing_since"], row["results_state"]) == (None, "expired")
        assert (event["status"], event["occurred_at_latest"]) == ("expired", firsts[job_id])
        assert event["occurred_at_earliest"] < event["occurred_at_latest"]
    for job_id in others:
        assert job_row(tables, job_id)["missing_since"] is None
    assert account.sync()[0] == 0
    if account.provider in LISTING:
        # where jobs are named, those within the lag are asked for all the same
        assert not [record for job_id in gone for record in account.bench.asked_by_id(job_id)]


def test_many_404s_at_once_are_not_believed(account: Account) -> None:
    before = account.bench.tables()["job_status_history"]
    for job_id in account.jobs:
        account.bench.emulator.expire(job_id)
    since = set()
    for _ in range(2):
        code, tables = account.sync(gone_after_seconds=0)
        assert code == 1
        run = max(tables["sync_runs"], key=lambda row: row["started_at"])
        assert "answer 404 at once" in run["error"]
        since.add(run["doubted_since"])
        assert tables["job_status_history"] == before
        assert {row["missing_since"] for row in tables["jobs"]} == {None}
    assert None not in since and len(since) == 1, "the doubt is as old as it is"
    code, tables = account.sync(believe_gone=True)
    assert code == 0
    assert {statuses_of(tables, job_id)[-1] for job_id in account.jobs} == {"expired"}
