"""What the views say of jobs' lives contains the truth, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from views_support import PROVIDERS, Row, Warehouse

from dlt_docjobs.emulator import TrueJob
from dlt_docjobs.views import VIEWS

PHASES = {"queued": ("queued",), "running": ("running", "retrying")}
# the views count in microseconds
TICK = 2e-6


def true_seconds(job: TrueJob, phase: str) -> float:
    """The time that a job has spent in a phase, ended stays only."""
    total = 0.0
    for stay, after in pairwise(job.transitions):
        if stay.status in PHASES[phase]:
            total += (after.at - stay.at).total_seconds()
    return total


def lies_within(row: Row, name: str, truth: float) -> bool:
    low, high = row[f"{name}_min"], row[f"{name}_max"]
    return low - TICK <= truth and (high is None or truth <= high + TICK)


def by_id(rows: list[Row]) -> dict[str, Row]:
    found = {row["job_id"]: row for row in rows}
    assert len(found) == len(rows), "a job stands there twice"
    return found


@pytest.mark.proves("views", "duckdb", "postgres")
def test_every_job_has_a_timeline(warehouse: Warehouse, lived: Any) -> None:
    rows = by_id(warehouse.rows("job_timeline"))
    truth = {job.job_id: job for job in lived.emulator.jobs()}
    assert set(rows) == {row["job_id"] for row in warehouse.rows("jobs")}
    assert len(rows) > 150
    for job_id, row in rows.items():
        assert row["is_open"] == (not truth[job_id].is_terminal), job_id


@pytest.mark.parametrize("phase", ["queued", "running"])
def test_phases_contain_the_truth(phase: str, warehouse: Warehouse, lived: Any) -> None:
    truth = {job.job_id: job for job in lived.emulator.jobs()}
    name = f"{phase}_seconds"
    compared: Counter[str] = Counter()
    for row in warehouse.rows("job_timeline"):
        if row[f"{name}_min"] is None:
            assert row[name] is None and row["is_open"]
            continue
        seconds = true_seconds(truth[row["job_id"]], phase)
        assert lies_within(row, name, seconds), (row, seconds)
        compared["bounds"] += 1
        if row[name] is not None:
            assert abs(row[name] - seconds) <= row[f"{name}_uncertainty"] + TICK, row
            assert row[f"{name}_min"] <= row[name] <= row[f"{name}_max"]
            compared["values"] += 1
            compared["sharp"] += row[f"{name}_uncertainty"] < 1
    assert compared["bounds"] > 140
    assert compared["values"] > 40
    assert compared["sharp"] > 20


def test_the_whole_contains_the_truth(warehouse: Warehouse, lived: Any) -> None:
    truth = {job.job_id: job for job in lived.emulator.jobs()}
    compared = 0
    for row in warehouse.rows("job_timeline"):
        job = truth[row["job_id"]]
        if row["is_open"]:
            assert (row["ended_at"], row["total_seconds"], row["total_seconds_min"]) == (None,) * 3
            continue
        seconds = (job.transitions[-1].at - job.created_at).total_seconds()
        assert lies_within(row, "total_seconds", seconds), (row, seconds)
        # of a job without any date nobody knows when it may have begun
        assert row["ended_at_earliest"] is None or row["ended_at_earliest"] <= row["ended_at"]
        assert row["ended_at"] <= row["ended_at_latest"]
        if row["total_seconds"] is not None:
            assert abs(row["total_seconds"] - seconds) <= row["total_seconds_uncertainty"] + TICK
            compared += 1
    assert compared > 140


def test_every_stay_contains_the_truth(warehouse: Warehouse, lived: Any) -> None:
    """Of the jobs whose every status was seen; others' stays are wider by what was missed."""
    truth = {job.job_id: job for job in lived.emulator.jobs()}
    stays: dict[str, list[Row]] = defaultdict(list)
    for row in warehouse.rows("status_intervals"):
        stays[row["job_id"]].append(row)
    compared = 0
    for job_id, rows in stays.items():
        rows.sort(key=lambda row: row["sequence"])
        assert [row["is_current"] for row in rows] == [False] * (len(rows) - 1) + [True]
        assert (rows[-1]["left_at"], rows[-1]["duration_seconds"]) == (None, None)
        for row, after in pairwise(rows):
            assert (row["left_at"], row["next_status"]) == (after["entered_at"], after["status"])
            low, high = row["duration_seconds_min"], row["duration_seconds_max"]
            if row["duration_seconds_uncertainty"] is None:
                # it began nobody knows when
                assert high is None and row["entered_at_earliest"] is None
                continue
            assert low <= row["duration_seconds"] <= high
            assert row["duration_seconds_uncertainty"] == pytest.approx(high - low)
        happened = truth[job_id].transitions
        if [row["status"] for row in rows] != [one.status for one in happened]:
            continue
        for row, stay, after in zip(rows, happened, happened[1:], strict=False):
            assert lies_within(row, "duration_seconds", (after.at - stay.at).total_seconds()), row
            compared += 1
    assert compared > 80


# -- percentiles --------------------------------------------------------------------------------


def day_of(instant: datetime | None) -> Any:
    return instant.date() if instant else None


def percentile(values: list[float], percent: int) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def is_well_known(row: Row, name: str) -> bool:
    value, doubt = row[name], row[f"{name}_uncertainty"]
    return value is not None and doubt <= max(3600, value)


def test_percentiles_are_those_of_the_same_rows(warehouse: Warehouse) -> None:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in warehouse.rows("job_timeline"):
        key = (day_of(row["created_at"]), row["provider"], row["account"], row["job_kind"])
        groups[(*key, row["tier"])].append(row)
    days = warehouse.rows("job_daily")
    assert len(days) == len(groups)
    several = 0
    for day in days:
        key = tuple(day[name] for name in ("day", "provider", "account", "job_kind", "tier"))
        of_day = groups[key]
        assert day["jobs"] == len(of_day)
        for name in ("queued_seconds", "running_seconds", "total_seconds"):
            ended = [row for row in of_day if not row["is_open"]]
            if name == "running_seconds":
                ended = [row for row in ended if row["has_run"]]
            known = [row for row in ended if is_well_known(row, name)]
            assert day[f"{name.split('_')[0]}_jobs"] == len(ended)
            assert day[f"{name.split('_')[0]}_measured"] == len(known)
            values = [row[name] for row in known]
            doubts = [row[f"{name}_uncertainty"] for row in known]
            if not known:
                assert (day[f"{name}_p50"], day[f"{name}_p95"]) == (None, None)
                continue
            several += len(known) > 2
            for percent in (50, 95):
                figure, low, high = (day[f"{name}_p{percent}{end}"] for end in ("", "_min", "_max"))
                of_known = percentile(values, percent)
                if figure is not None:
                    assert figure == pytest.approx(of_known)
                else:
                    is_outside = of_known < low or (high is not None and of_known > high)
                    assert 2 * len(known) < len(ended) or is_outside
            assert day[f"{name}_uncertainty_p50"] == pytest.approx(percentile(doubts, 50))
    assert several > 10


# -- counting -----------------------------------------------------------------------------------


def test_days_count_every_job_once(warehouse: Warehouse) -> None:
    jobs, days = warehouse.rows("jobs"), warehouse.rows("job_daily")
    assert sum(day["jobs"] for day in days) == len(jobs)
    by_status = Counter(row["status"] for row in jobs)
    assert sum(day["failures"] for day in days) == by_status["failed"]
    assert sum(day["succeeded"] for day in days) == by_status["succeeded"]
    assert sum(day["cancelled"] for day in days) == by_status["cancelled"]
    assert sum(day["open_jobs"] for day in days) == len(warehouse.rows("jobs_open"))
    pages = [row["page_count"] for row in jobs if row["page_count"] is not None]
    assert sum(day["pages"] or 0 for day in days) == sum(pages)


def test_credits_are_what_billing_charged(warehouse: Warehouse, lived: Any) -> None:
    """LlamaCloud's truth is a job's own price; what its row says holds the parse job's too."""
    charged = {job.job_id: job.credits for job in lived.emulator.jobs("llamacloud")}
    rows = [row for row in warehouse.rows("jobs") if row["provider"] == "llamacloud"]
    known = [row for row in rows if row["credits"] is not None]
    assert sum(row["credits"] for row in known) > sum(charged[row["job_id"]] for row in known)
    for view in ("job_daily", "credits_daily"):
        days = [day for day in warehouse.rows(view) if day["provider"] == "llamacloud"]
        total = sum(day["credits"] or 0 for day in days)
        assert total == pytest.approx(sum(charged[row["job_id"]] for row in known))
        without = sum(day["jobs_without_credits"] for day in days)
        assert without == len(rows) - len(known)


def test_segments_are_counted_once(warehouse: Warehouse, lived: Any) -> None:
    mix = warehouse.rows("segment_mix")
    keys = [
        (row["provider"], row["job_id"], row["page_number"], row["segment_type"]) for row in mix
    ]
    assert len(set(keys)) == len(keys)
    segments = warehouse.rows("segments")
    assert sum(row["segments"] for row in mix) == sum(row["depth"] == 0 for row in segments)
    assert sum(row["nested_segments"] for row in mix) == sum(row["depth"] > 0 for row in segments)
    assert sum(row["nested_segments"] for row in mix) > 0
    text = sum(len(row["content"] or "") for row in segments if row["depth"] == 0)
    assert sum(row["characters"] or 0 for row in mix) == text
    of_job: dict[str, Counter[str]] = defaultdict(Counter)
    for row in mix:
        of_job[row["job_id"]][row["segment_type"]] += row["segments"] + row["nested_segments"]
    for job in lived.emulator.jobs():
        if job.job_id in of_job:
            assert of_job[job.job_id] == Counter(job.segments_by_type), job.job_id


def test_a_document_is_what_its_chunks_say(warehouse: Warehouse) -> None:
    """Where a page is a chunk, its text was made of the same segments, while they were read."""
    chunks: dict[str, list[Row]] = defaultdict(list)
    for row in warehouse.rows("chunks", "provider IN ('llamacloud', 'contextual')"):
        chunks[row["job_id"]].append(row)
    documents = by_id(warehouse.rows("documents"))
    compared: Counter[str] = Counter()
    for job_id, of_job in chunks.items():
        parts = [row["content"] for row in sorted(of_job, key=lambda row: row["chunk_index"])]
        row = documents[job_id]
        assert row["markdown"] == "\n\n".join(filter(None, parts)), job_id
        compared[row["provider"]] += 1
    assert min(compared.values()) > 10
    for row in documents.values():
        assert row["characters"] == len(row["markdown"]), row["job_id"]


def test_documents_count_what_is_in_them(warehouse: Warehouse, lived: Any) -> None:
    documents = by_id(warehouse.rows("documents"))
    stubs = Counter(
        row["job_id"]
        for row in warehouse.rows("segments", "segment_type = 'table' AND table_rows = 0")
    )
    assert stubs, "no table was merged into another"
    for job in lived.emulator.jobs():
        if job.job_id in documents:
            row, types = documents[job.job_id], job.segments_by_type
            assert row["segments"] == sum(types.values())
            assert row["pictures"] == types.get("picture", 0)
            if job.provider != "llamacloud" or not types.get("form"):
                assert row["tables"] == types.get("table", 0) - stubs[job.job_id]
    pages = warehouse.rows("page_quality", "provider <> 'llamacloud'")
    rows = [row for row in documents.values() if row["provider"] != "llamacloud"]
    assert sum(row["tables"] for row in rows) == sum(row["tables"] for row in pages)


def test_documents_that_were_parsed_again_are_found(warehouse: Warehouse) -> None:
    names: dict[str, set[str]] = defaultdict(set)
    for row in warehouse.rows("jobs", "job_kind = 'parse' AND results_state = 'loaded'"):
        if row["document_name"]:
            names[row["document_name"].lower()].add(row["job_id"])
    found: dict[str, set[str]] = defaultdict(set)
    providers: dict[str, set[str]] = defaultdict(set)
    for row in warehouse.rows("document_versions"):
        found[row["document"]].add(row["job_id"])
        providers[row["document"]].add(row["provider"])
        assert row["pages"] is not None and row["segments"] > 0
    assert found == {name: of_name for name, of_name in names.items() if len(of_name) > 1}
    assert {len(of_name) for of_name in providers.values()} >= {1, 2}


def test_days_count_the_quality_of_every_page_and_segment(warehouse: Warehouse) -> None:
    days, pages = warehouse.rows("quality_daily"), warehouse.rows("page_quality")
    documents = warehouse.rows("documents")
    totals = Counter[str]()
    for day in days:
        totals += Counter({name: value for name, value in day.items() if isinstance(value, int)})
        kinds = ("headings", "texts", "lists", "tables", "pictures", "fields", "margins", "others")
        assert sum(day[kind] for kind in kinds) == day["segments"]
    assert totals["jobs"] == len(documents)
    assert totals["pages"] == len(pages)
    assert totals["failed_pages"] == sum(row["is_failed"] for row in pages) > 0
    assert totals["empty_pages"] == sum(row["is_empty"] for row in pages)
    low = sum(row["low_confidence_segments"] for row in documents)
    assert totals["low_confidence_segments"] == low > 0
    keys = [tuple(day[key] for key in ("day", "provider", "account", "tier")) for day in days]
    assert len(set(keys)) == len(keys)


def test_changes_are_the_events(warehouse: Warehouse) -> None:
    rows, events = warehouse.rows("job_changes"), warehouse.rows("job_status_history")
    assert {row["event_id"] for row in rows} == {row["event_id"] for row in events}
    assert len(rows) == len(events)
    counted = Counter(row["change"] for row in rows)
    assert counted["new"] == len(warehouse.rows("jobs"))
    for word in ("succeeded", "failed"):
        assert counted[word] == sum(row["status"] == word for row in events) > 0


def test_the_distribution_of_confidence_holds_every_segment(warehouse: Warehouse) -> None:
    rows, segments = warehouse.rows("segment_confidence"), warehouse.rows("segments")
    assert sum(row["segments"] for row in rows) == len(segments)
    shares: dict[Any, float] = defaultdict(float)
    for row in rows:
        key = (row["provider"], row["account"], row["job_kind"], row["segment_type"])
        shares[key] += row["share"]
        if row["confidence_from"] is not None:
            assert row["confidence_to"] == pytest.approx(row["confidence_from"] + 0.05)
            found = [
                one
                for one in segments
                if (one["provider"], one["segment_type"]) == (row["provider"], row["segment_type"])
                and one["job_kind"] == row["job_kind"]
                and one["confidence"] is not None
                and min(int(one["confidence"] * 20), 19) == round(row["confidence_from"] * 20)
            ]
            assert row["segments"] == len(found)
    assert all(share == pytest.approx(1) for share in shares.values())
    assert {row["confidence_level"] for row in rows} >= {None, "low", "medium", "high"}


def test_pages_and_the_queue_of_reviews(warehouse: Warehouse) -> None:
    pages, quality = warehouse.rows("pages"), warehouse.rows("page_quality")
    assert len(quality) == len(pages)
    failed = [row for row in quality if row["is_failed"]]
    assert failed and len(failed) == sum(row["is_failed"] for row in pages)
    assert all(row["needs_review"] and row["reason"] == "the page failed" for row in failed)
    assert all((row["reason"] is not None) == row["needs_review"] for row in quality)
    queue = warehouse.rows("review_queue")
    scores = [row["sort_confidence"] for row in queue if row["rated_by"] == "number"]
    assert scores == sorted(scores)
    assert [row["rated_by"] for row in queue] == sorted(row["rated_by"] for row in queue)
    words = [row["confidence_level"] for row in queue if row["rated_by"] == "word"]
    assert words == sorted(words) and set(words) == {"low", "medium"}
    assert {row["provider"] for row in queue} == set(PROVIDERS)
    assert len({(row["job_id"], row["segment_index"]) for row in queue}) == len(queue)


def test_failures_are_the_failed_jobs(warehouse: Warehouse, lived: Any) -> None:
    truth = {job.job_id: job for job in lived.emulator.jobs()}
    rows = by_id(warehouse.rows("job_failures"))
    failed = {row["job_id"] for row in warehouse.rows("jobs") if row["status"] == "failed"}
    assert set(rows) == failed and failed
    for job_id, row in rows.items():
        # Contextual AI does not say why
        said = None if row["provider"] == "contextual" else truth[job_id].error_message
        assert row["error_message"] == said
        assert row["failed_at_earliest"] <= truth[job_id].transitions[-1].at
        assert truth[job_id].transitions[-1].at <= row["failed_at_latest"]


def test_open_jobs_come_oldest_first(warehouse: Warehouse, lived: Any) -> None:
    truth = {job.job_id: job for job in lived.emulator.jobs()}
    rows = warehouse.rows("jobs_open")
    assert {row["job_id"] for row in rows} == {
        job.job_id for job in truth.values() if not job.is_terminal
    }
    ages = [row["age_seconds"] for row in rows]
    assert ages == sorted(ages, reverse=True)
    assert any(row["is_stuck"] for row in rows)
    for row in rows:
        assert row["status"] == truth[row["job_id"]].status
        assert row["age_seconds_min"] <= row["age_seconds"]


def test_freshness(warehouse: Warehouse) -> None:
    rows = warehouse.rows("sync_freshness")
    assert {row["provider"] for row in rows} == set(PROVIDERS)
    assert len(rows) == len(PROVIDERS)
    for row in rows:
        assert row["is_healthy"] and row["last_run_ok"] and row["last_run_exit_code"] == 0
        assert 0 <= row["seconds_since_last_run"] < 3600
        assert row["runs_last_day"] == 4
    assert sum(row["jobs"] for row in rows) == len(warehouse.rows("jobs"))
    assert sum(row["open_jobs"] for row in rows) == len(warehouse.rows("jobs_open"))


# -- columns ------------------------------------------------------------------------------------


def test_both_warehouses_have_the_same_columns_and_kinds_of_them(lived: Any) -> None:
    """Text is text and a number a number, whatever its type is called."""
    kinds = {
        name: {view: kinds_of(warehouse, view) for view in VIEWS}
        for name, warehouse in lived.warehouses.items()
    }
    assert kinds["duckdb"] == kinds["postgres"]
    assert {name: list(found) for name, found in kinds["duckdb"].items()} == {
        name: [column.name for column in view.columns] for name, view in VIEWS.items()
    }


ALIKE = {
    "text": "varchar",
    "character varying": "varchar",
    "double precision": "double",
    "timestamp with time zone": "timestamptz",
}


def kinds_of(warehouse: Warehouse, view: str) -> dict[str, str]:
    rows = warehouse.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema ="
        f" '{warehouse.dataset}' AND table_name = '{view}' ORDER BY ordinal_position"
    )
    return {name: ALIKE.get(kind.lower(), kind.lower()) for name, kind in rows}
