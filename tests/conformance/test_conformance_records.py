"""Records that surprise: odd dates or none, unreadable rows, unknown fields, odd texts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import cycle
from typing import Any

import pytest
from conformance_bench import (
    FAILURE_WORD,
    KINDS,
    LISTING,
    PROVIDERS,
    RUNNING_WORD,
    SUCCESS_WORD,
    Bench,
    MakeBench,
)

from dlt_docjobs.emulator import Faults, RequestRecord
from dlt_docjobs.model.records import SyncRun
from dlt_docjobs.testing.checks import assert_complete, assert_sound
from dlt_docjobs.testing.warehouse import Tables, events_of, job_row, of_job, text_of, without

STYLES = ("naive", "nine", "offset", "default")
UNREADABLE = {"not_object", "no_id", "null_id", "number_id"}


@dataclass
class Records:
    """What three syncs left: twice the same oddities, and then dates in every style."""

    provider: str
    bench: Bench
    jobs: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: list[SyncRun] = field(default_factory=list)
    tables: list[Tables] = field(default_factory=list)
    loads: list[list[str]] = field(default_factory=list)
    styles: set[str] = field(default_factory=set)

    def sync(self, **arguments: Any) -> None:
        self.runs.append(self.bench.sync(self.provider, **arguments))
        self.tables.append(self.bench.tables())
        self.loads.append(self.bench.loads())

    def has_dates(self, kind: str) -> bool:
        return (self.provider, kind) != ("contextual", "parse")


@pytest.fixture(scope="module", params=PROVIDERS)
def records(request: pytest.FixtureRequest, make_bench: MakeBench) -> Records:
    """The three syncs of one provider."""
    provider = request.param
    records = Records(provider, make_bench())
    emulator = records.bench.emulator
    # within the lag, so that every list shows them
    created = datetime.now(timezone.utc) - timedelta(minutes=40)

    def add(name: str, kind: str, **options: Any) -> None:
        at = created + timedelta(microseconds=len(records.jobs))
        options = {"created_at": at} | options
        records.jobs[kind, name] = emulator.add_job(provider, kind, **options).job_id

    for kind in KINDS:
        add("done", kind, status=SUCCESS_WORD[provider, kind], pages=3)
        add("failed", kind, status=FAILURE_WORD[provider, kind], error_message="It broke")
        add("running", kind, status=RUNNING_WORD[provider, kind], hang=True)
    emulator.faults = Faults(
        timestamps="null",
        unknown_fields=True,
        unknown_segment_type=True,
        odd_texts={"signed_url", "nul", "surrogate", "nan"},
        unreadable_rows=UNREADABLE,  # type: ignore[arg-type]
        list_carries_results=True,
        wrong_content_type=True,
    )
    records.sync()
    records.sync()

    styles = cycle(STYLES)

    def on_request(record: RequestRecord) -> None:
        emulator.faults.timestamps = next(styles)  # type: ignore[assignment]
        records.styles.add(emulator.faults.timestamps)

    emulator.faults = Faults(timestamps="offset", on_request=on_request)
    for kind in KINDS:
        for number in range(5):
            name, status = f"dated {number}", SUCCESS_WORD[provider, kind]
            recent = datetime.now(timezone.utc) - timedelta(minutes=30)
            add(name, kind, status=status, pages=1, created_at=recent)
    records.sync(page_size=1, max_concurrency=1)
    return records


def test_the_warehouse_is_sound_whatever_comes(records: Records) -> None:
    for tables, loads in zip(records.tables, records.loads, strict=True):
        assert_sound(tables, loads)


# -- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_without_a_date_are_loaded_like_others(records: Records, kind: str) -> None:
    row = job_row(records.tables[0], records.jobs[kind, "done"])
    assert (row["status"], row["results_state"]) == ("succeeded", "loaded")
    if not records.has_dates(kind):
        return
    assert row["created_at"] is None
    assert row["created_at_precision"] == "unknown"
    assert row["created_at_earliest"] is None
    creation = events_of(records.tables[0], records.jobs[kind, "done"])[0]
    assert creation["occurred_at_earliest"] is None
    assert creation["occurred_at_latest"] is not None
    assert creation["occurred_at_latest"] <= creation["observed_at"]
    assert creation["occurred_at_source"] == "observed"


@pytest.mark.parametrize("kind", KINDS)
def test_dates_in_every_style_are_the_same_instant(records: Records, kind: str) -> None:
    assert records.styles == set(STYLES)
    if not records.has_dates(kind):
        return
    truth = {job.job_id: job for job in records.bench.truth(records.provider, kind)}
    for number in range(5):
        job_id = records.jobs[kind, f"dated {number}"]
        row = job_row(records.tables[2], job_id)
        assert (row["created_at"], row["created_at_precision"]) == (
            truth[job_id].created_at,
            "exact",
        )
        creation = events_of(records.tables[2], job_id)[0]
        assert creation["occurred_at"] == truth[job_id].created_at
        assert creation["occurred_at_source"] == "provider"


@pytest.mark.parametrize("kind", KINDS)
def test_a_date_that_comes_later_is_taken(records: Records, kind: str) -> None:
    if not records.has_dates(kind):
        return
    job_id = records.jobs[kind, "running"]
    (job,) = [job for job in records.bench.truth(records.provider, kind) if job.job_id == job_id]
    assert job_row(records.tables[1], job_id)["created_at"] is None
    assert job_row(records.tables[2], job_id)["created_at"] == job.created_at


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_date_that_cannot_be_read_costs_the_date_alone(
    make_bench: MakeBench, provider: str
) -> None:
    bench = make_bench()
    for kind in KINDS:
        bench.emulator.add_job(provider, kind, status=SUCCESS_WORD[provider, kind], pages=1)
    bench.emulator.faults = Faults(timestamps="garbage")
    run = bench.sync(provider)
    assert (run.ok, run.rejected, run.jobs_new) == (True, 0, len(KINDS))
    for row in bench.tables()["jobs"]:
        assert (row["created_at"], row["created_at_precision"]) != (None, "exact")
        assert (row["status"], row["results_state"]) == ("succeeded", "loaded")
        if row["created_at_precision"] == "unknown":
            assert "25:61" in row["payload"]


# -- what cannot be read ------------------------------------------------------------------------


def test_unreadable_rows_are_set_aside_and_the_rest_goes_on(records: Records) -> None:
    run, rows = records.runs[0], records.tables[0]["rejected_records"]
    if records.provider not in LISTING:
        assert (run.exit_code, rows) == (0, [])
        return
    assert (run.ok, run.exit_code) == (False, 1)
    assert run.rejected == len(rows) > 0
    assert "rejected_records" in run.error
    # a list that shows all kinds does not say of which a row is that can't be read
    for kind in KINDS if records.provider != "reducto" else (None,):
        of_kind = [row for row in rows if row["job_kind"] == kind]
        assert len(of_kind) == len(UNREADABLE)
        assert {row["endpoint"] for row in of_kind} == {of_kind[0]["endpoint"]}
        assert all(row["error"] for row in of_kind)
        payloads = [json.loads(row["payload"]) for row in of_kind]
        assert "this row is no object" in payloads
        assert any(isinstance(one, dict) and one.get("x_added_later") for one in payloads)
    assert len(records.tables[0]["jobs"]) == 6


def test_what_was_rejected_once_is_not_rejected_again(records: Records) -> None:
    before, after = records.tables[0], records.tables[1]
    assert after["rejected_records"] == before["rejected_records"]
    run = records.runs[1]
    assert (run.exit_code, run.rejected, run.error) == (0, 0, None)


def test_the_same_oddities_again_change_nothing(records: Records) -> None:
    before, after = records.tables[0], records.tables[1]
    looked = ("last_observed_at", "run_id", "_dlt_load_id")
    for name in before:
        if name == "jobs":
            assert without(after[name], *looked) == without(before[name], *looked)
        elif name != "sync_runs":
            assert after[name] == before[name], name


# -- what is new and odd ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_fields_stay_in_the_payload(records: Records, kind: str) -> None:
    for name in ("done", "failed", "running"):
        payload = json.loads(job_row(records.tables[0], records.jobs[kind, name])["payload"])
        assert payload["x_added_later"]["nested"] == [1, {"deep": None}]


def test_unknown_segment_types_are_other(records: Records) -> None:
    rows = of_job(records.tables[0], "segments", records.jobs["parse", "done"])
    unknown = [row for row in rows if row["provider_segment_type"] == "Hologram"]
    assert unknown
    assert {row["segment_type"] for row in unknown} == {"other"}
    assert all(row["content"] for row in unknown)
    (job,) = [
        job
        for job in records.bench.truth(records.provider, "parse")
        if job.job_id == records.jobs["parse", "done"]
    ]
    assert len(rows) == job.segment_count


def test_lists_that_carry_results_do_not_put_them_into_the_payload(records: Records) -> None:
    payload = json.loads(job_row(records.tables[0], records.jobs["extract", "done"])["payload"])
    # under Reducto's `result` stands the receipt as well: what it cost, and so on
    receipt = payload.pop("result") if records.provider == "reducto" else {}
    assert not {"result", "citations"} & receipt.keys()
    assert not {"extract_result", "result", "results"} & payload.keys()


def test_signatures_nul_and_surrogates_never_stay(records: Records) -> None:
    text = text_of(records.tables[0])
    assert "X-Amz" not in text
    assert "nulnul" in text
    assert "\x00" not in text
    assert "\\u0000" not in text
    assert "lone\ufffdsurrogate" in text
    assert "\ud83d" not in text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert "private/contract.pdf" in text


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_errors_are_cleaned_like_all_texts(records: Records, kind: str) -> None:
    row = job_row(records.tables[0], records.jobs[kind, "failed"])
    if records.provider != "contextual":
        assert row["error_message"].startswith("It broke")
        assert row["error_message"].endswith("nulnul lone\ufffdsurrogate")
    if row["document_name"] is not None:
        assert row["document_name"].endswith("nulnul lone\ufffdsurrogate")


def test_numbers_that_are_none_become_text(records: Records) -> None:
    (row,) = of_job(records.tables[0], "extraction_results", records.jobs["extract", "done"])
    result = json.loads(row["result"])
    part = result[0] if isinstance(result, list) else result
    assert part["not_a_number"] == "NaN"
    assert part["infinite"] == "-Infinity"


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_end_everything_is_there(records: Records, kind: str) -> None:
    assert_complete(records.tables[2], records.bench.truth(records.provider, kind))
