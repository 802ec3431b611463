"""Every option of a source does what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest
from conformance_bench import KINDS, PROVIDERS, RUNNING_WORD, SUCCESS_WORD, Bench, MakeBench

from dlt_docjobs.emulator import RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_history_true, assert_sound
from dlt_docjobs.testing.warehouse import Tables, events_of, job_row, of_job


@dataclass
class Narrow:
    """A sync that leaves out what can be left out."""

    provider: str
    bench: Bench
    jobs: dict[str, str] = field(default_factory=dict)
    run: SyncRun | None = None
    tables: Tables = field(default_factory=dict)
    requests: list[RequestRecord] = field(default_factory=list)


@pytest.fixture(scope="module", params=PROVIDERS)
def narrow(request: pytest.FixtureRequest, make_bench: MakeBench) -> Narrow:
    """No extract jobs, no OCR, no texts, nothing before the start date."""
    provider = request.param
    bench = make_bench()
    emulator = bench.emulator
    narrow = Narrow(provider, bench)
    now = datetime.now(timezone.utc)
    for name, hours in (("before", 60), ("after", 5)):
        for kind in KINDS:
            status, created = SUCCESS_WORD[provider, kind], now - timedelta(hours=hours)
            job = emulator.add_job(provider, kind, status=status, created_at=created, pages=2)
            narrow.jobs[f"{kind} {name}"] = job.job_id
    start = (now - timedelta(hours=36)).replace(tzinfo=None).isoformat()
    options: dict[str, object] = {
        "include_extract": False,
        "include_ocr": False,
        "include_content": False,
        "start_date": start,
        "retention_days": 3,
        "requests_per_second": 50,
    }
    if provider == "llamacloud":
        options |= {"project_id": emulator.project_id, "include_state_transitions": True}
        emulator.faults.data_points = True
    if provider == "unsiloed":
        options["auth_header"] = emulator.faults.unsiloed_header = "X-API-Key"
    narrow.run = bench.sync(provider, **options)
    narrow.tables, narrow.requests = bench.tables(), bench.requests
    return narrow


def test_it_goes_well(narrow: Narrow) -> None:
    assert narrow.run is not None
    assert (narrow.run.exit_code, narrow.run.error) == (0, None)
    assert_sound(narrow.tables, narrow.bench.loads())
    assert_history_true(narrow.tables, narrow.bench.emulator.jobs())


def test_jobs_before_the_start_date_are_left_out(narrow: Narrow) -> None:
    assert [row["job_id"] for row in narrow.tables["jobs"]] == [narrow.jobs["parse after"]]


def test_extract_jobs_are_left_out_and_not_asked_for(narrow: Narrow) -> None:
    assert not [record for record in narrow.requests if "/extract" in record.path]
    assert not narrow.tables["extraction_results"]


def test_ocr_is_counted_but_not_kept(narrow: Narrow) -> None:
    assert narrow.tables["segment_ocr"] == []
    segments = of_job(narrow.tables, "segments", narrow.jobs["parse after"])
    (job,) = [
        job
        for job in narrow.bench.truth(narrow.provider, "parse")
        if job.job_id == narrow.jobs["parse after"]
    ]
    assert sum(row["ocr_count"] for row in segments) == job.ocr_count
    if narrow.provider != "reducto":
        assert (job.ocr_count > 0) == (narrow.provider in ("unsiloed", "landingai"))


def test_texts_are_not_kept_but_names_are(narrow: Narrow) -> None:
    job_id = narrow.jobs["parse after"]
    assert of_job(narrow.tables, "segments", job_id)
    for name in ("segments", "chunks"):
        assert {row["content"] for row in of_job(narrow.tables, name, job_id)} == {None}
    (job,) = [job for job in narrow.bench.emulator.jobs() if job.job_id == job_id]
    # these name no document
    name = None if narrow.provider in ("reducto", "landingai") else job.document_name
    assert job_row(narrow.tables, job_id)["document_name"] == name


def test_results_expire_after_the_configured_days(narrow: Narrow) -> None:
    row = job_row(narrow.tables, narrow.jobs["parse after"])
    assert row["results_expire_at"] == row["created_at_earliest"] + timedelta(days=3)


def test_the_project_is_sent_where_it_is_configured(narrow: Narrow) -> None:
    if narrow.provider != "llamacloud":
        return
    project = ("project_id", narrow.bench.emulator.project_id)
    assert all(project in record.query for record in narrow.requests)


def test_transitions_that_the_provider_dates_are_exact(narrow: Narrow) -> None:
    if narrow.provider != "llamacloud":
        return
    job_id = narrow.jobs["parse after"]
    (job,) = [job for job in narrow.bench.emulator.jobs() if job.job_id == job_id]
    events = events_of(narrow.tables, job_id)
    assert [event["status"] for event in events] == [step.status for step in job.transitions]
    assert [event["occurred_at"] for event in events] == [step.at for step in job.transitions]
    assert {event["occurred_at_source"] for event in events} == {"provider"}


# -- accounts -----------------------------------------------------------------------------------


def test_accounts_of_one_provider_share_a_warehouse_and_nothing_else(
    make_bench: MakeBench,
) -> None:
    home, away = make_bench(), make_bench(seed=8)
    for bench, count in ((home, 2), (away, 3)):
        for _ in range(count):
            bench.emulator.add_job("llamacloud", "parse", status="COMPLETED", pages=1)
        running = RUNNING_WORD["llamacloud", "parse"]
        bench.emulator.add_job("llamacloud", "parse", status=running, hang=True)
    runs = [
        home.sync("llamacloud"),
        home.sync("llamacloud", account="eu", base_url=away.emulator.base_urls["llamacloud"]),
        home.sync("llamacloud"),
    ]
    assert [run.account for run in runs] == ["default", "eu", "default"]
    assert [run.jobs_new for run in runs] == [3, 4, 0]
    assert [run.open_jobs for run in runs] == [1, 1, 1]
    assert {record.path for record in home.requests} == {
        *("/api/v2/parse", "/api/v2/extract", "/api/v2/classify", "/api/v1/split/jobs"),
    }
    tables = home.tables()
    for account, bench in (("default", home), ("eu", away)):
        own = {
            name: [row for row in rows if row["account"] == account]
            for name, rows in tables.items()
        }
        assert_sound(own, home.loads(), account)
        assert_complete(own, bench.truth("llamacloud"))
    assert len(tables["jobs"]) == 7
