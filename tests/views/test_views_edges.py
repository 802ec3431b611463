"""What the emulator seldom or never does: rows made by hand, and what the views say of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from views_support import (
    MakeWarehouse,
    Row,
    Warehouse,
    at,
    history,
    job,
    page,
    run_row,
    segment,
)

from dlt_docjobs.views import VIEWS

NOW = datetime.now(timezone.utc)


def jobs() -> list[Row]:
    days = timedelta(days=1)
    open_now = {"status": "running", "is_terminal": False, "results_state": "not_ready"}
    extract = {"job_kind": "extract", "tier": "agentic"}
    return [
        job("exact", page_count=4, credits=8.0),
        job("unseen run"),
        job("unseen run, exact end"),
        job("no date", created_at=None),
        job("bounded", created_at_precision="bounded", created_at_earliest=at(-3600)),
        job("two queues"),
        job("retried", provider="contextual"),
        job("gone back"),
        job("ended twice unseen"),
        job("expired while open", status="running", is_terminal=False, results_state="expired"),
        job("expired later"),
        job("strange", status="unknown", is_terminal=False, results_state="not_ready"),
        job("strange then done"),
        job("open", created_at=NOW - 2 * days, created_at_latest=NOW - 2 * days, **open_now),
        job("fresh", created_at=NOW, created_at_latest=NOW, **open_now),
        job(
            "given up",
            created_at=NOW - 40 * days,
            created_at_latest=NOW - 40 * days,
            given_up_at=NOW,
            **open_now,
        ),
        job("failed once", error_message="no pages", status="failed", results_state="none"),
        job("failed too", error_message="no pages", status="failed", results_state="none"),
        job("at risk", results_state="pending", results_expire_at=NOW + 3 * days),
        job("too late", results_state="failed", results_expire_at=NOW - days, missing_since=NOW),
        job("for ever", results_state="skipped"),
        # an extract job's credits hold those of the parse job that it reads
        job("x1", credits=15.0, parse_credits=8.0, parse_job_id="exact", **extract),
        job("x2", credits=12.0, parse_credits=8.0, parse_job_id="exact", **extract),
        job("y1", credits=9.0, parse_credits=5.0, parse_job_id="unknown job", **extract),
        job("y2", credits=10.0, parse_credits=5.0, parse_job_id="unknown job", **extract),
        job("y3", credits=None, parse_credits=None, parse_job_id="unknown job", **extract),
        job("z1", credits=7.0, parse_credits=2.0, parse_job_id=None, **extract),
        job("z2", credits=7.0, parse_credits=2.0, parse_job_id=None, **extract),
        job("no events"),
        job("both"),
    ]


def events() -> list[Row]:
    now = NOW.timestamp() - at(0).timestamp()
    contextual = {"provider": "contextual"}
    return [
        *history("exact", ("queued", 0), ("running", 10), ("succeeded", 70)),
        *history("unseen run", ("queued", 0), ("succeeded", 0, 90, 100)),
        *history("unseen run, exact end", ("queued", 0), ("succeeded", 100)),
        *history("no date", ("queued", None, 50, 50), ("running", 60), ("succeeded", 100)),
        *history("bounded", ("queued", -3600, -1800, 0), ("running", 5, 10, 20), ("succeeded", 80)),
        *history(
            "two queues",
            ("queued", 0),
            ("queued", 5, 10, 15),
            ("running", 20, 25, 30),
            ("succeeded", 100),
        ),
        *history(
            "retried",
            ("queued", 0),
            ("running", 10),
            ("retrying", 15, 20, 40),
            ("running", 50, 55, 60),
            ("succeeded", 100),
            **contextual,
        ),
        *history(
            "gone back",
            ("queued", 0),
            ("running", 10),
            ("succeeded", 70),
            ("queued", 1000),
            ("running", 1005),
            ("succeeded", 1025),
        ),
        *history(
            "ended twice unseen",
            ("queued", 0),
            ("running", 10),
            ("failed", 70),
            ("succeeded", 80, 500, 900),
        ),
        *history("expired while open", ("queued", 0), ("running", 10), ("expired", 50, 60, 70)),
        *history(
            "expired later",
            ("queued", 0),
            ("running", 10),
            ("succeeded", 70),
            ("expired", 500, 600, 700),
        ),
        *history("strange", ("queued", 0), ("unknown", 10, 15, 20)),
        *history(
            "strange then done", ("queued", 0), ("unknown", 10, 15, 20), ("succeeded", 50, 60, 90)
        ),
        *history("open", ("queued", now - 172800), ("running", now - 7200, now - 7000, now - 6800)),
        *history("fresh", ("queued", now), ("running", now + 1)),
        *history("given up", ("queued", now - 3456000), ("running", now - 3455000)),
        *history("failed once", ("queued", 0), ("running", 10), ("failed", 20)),
        *history("failed too", ("queued", 0), ("running", 10), ("failed", 30)),
        *history("at risk", ("queued", 0), ("succeeded", 1, 2, 3)),
    ]


def segments() -> list[Row]:
    contextual = {"provider": "contextual"}
    return [
        segment("exact", 0, segment_type="list", content="a\nb", confidence=0.3),
        segment(
            "exact", 1, segment_type="list_item", depth=1, parent_segment_index=0, confidence=0.4
        ),
        segment(
            "exact", 2, segment_type="list_item", depth=1, parent_segment_index=0, confidence=0.95
        ),
        segment("exact", 3, segment_type="table", confidence=1.0, content="x", table_rows=3),
        segment("exact", 4, segment_type="picture", page_number=None, confidence=0.79),
        segment("exact", 5, segment_type="list", page_number=2, confidence=0.2, content="c"),
        segment("exact", 6, depth=1, parent_segment_index=5, page_number=2, content="c"),
        # rated both ways, which need not agree
        segment("both", 0, confidence=0.7, confidence_level="low"),
        segment("both", 1, confidence=0.9, confidence_level="low"),
        segment("retried", 0, confidence_level="low", content="y" * 300, **contextual),
        segment("retried", 1, confidence_level="medium", **contextual),
        segment("retried", 2, confidence_level="high", **contextual),
    ]


def pages() -> list[Row]:
    return [
        page("exact", 1, confidence=0.9),
        page("exact", 2),
        page("exact", 3, is_failed=True, error_message="broken"),
        page("exact", 4, confidence=0.4),
        page("exact", 5),
        page("retried", 1, provider="contextual"),
    ]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def edges(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> Warehouse:
    warehouse = make_warehouse(request.param)
    warehouse.load(
        jobs=jobs(),
        job_status_history=events(),
        segments=segments(),
        pages=pages(),
        sync_runs=[
            run_row("old", NOW - timedelta(days=3), cursor=at(0)),
            run_row("good", NOW - timedelta(hours=30), cursor=at(5)),
            run_row("bad", NOW - timedelta(hours=1), ok=False, exit_code=3, error="no route"),
        ],
    )
    warehouse.install()
    return warehouse


def timeline(warehouse: Warehouse, job_id: str) -> Row:
    (row,) = warehouse.rows("job_timeline", f"job_id = '{job_id}'")
    return row


# job: (value, least, most) of queued, running and total; `...` is not looked at
LIVES = {
    "exact": [(10, 10, 10), (60, 60, 60), (70, 70, 70)],
    "unseen run": [(None, 0, 100), (None, 0, 100), (90, 0, 100)],
    "unseen run, exact end": [(None, 0, 100), (None, 0, 100), (100, 100, 100)],
    "no date": [(None, 10, None), (40, 40, 40), (None, 50, None)],
    "bounded": [(1810, 5, 3620), (70, 60, 75), (1880, 80, 3680)],
    "two queues": [(25, 20, 30), (75, 70, 80), (100, 100, 100)],
    "retried": [(10, 10, 10), (90, 90, 90), (100, 100, 100)],
    "gone back": [(15, 15, 15), (80, 80, 80), (1025, 1025, 1025)],
    # the job may have queued and run again between its two ends
    "ended twice unseen": [(None, 10, 830), (None, 60, 880), (500, 80, 900)],
    "expired while open": [(10, 10, 10), (50, 40, 60), (60, 50, 70)],
    "expired later": [(10, 10, 10), (60, 60, 60), (70, 70, 70)],
    "strange": [(None, 10, 20), (None, None, None), (None, None, None)],
    "strange then done": [(None, 10, 60), (None, 0, 50), (60, 50, 90)],
    "open": [(..., ..., ...), (None, None, None), (None, None, None)],
    "no events": [(None, None, None)] * 3,
}


@pytest.mark.parametrize("job_id", LIVES)
def test_durations(job_id: str, edges: Warehouse) -> None:
    row = timeline(edges, job_id)
    for name, expected in zip(("queued", "running", "total"), LIVES[job_id], strict=True):
        ends = ("", "_min", "_max")
        for end, wanted in zip(ends, expected, strict=True):
            found = row[f"{name}_seconds{end}"]
            assert wanted is ... or found == pytest.approx(wanted), f"{name}{end}"
        _, least, most = expected
        if ... not in expected:
            width = None if least is None or most is None else most - least
            assert row[f"{name}_seconds_uncertainty"] == pytest.approx(width), name


def test_what_became_of_a_job(edges: Warehouse) -> None:
    rows = {row["job_id"]: row for row in edges.rows("job_timeline")}
    assert len(rows) == len(jobs())
    is_open = {job_id for job_id, row in rows.items() if row["is_open"]}
    assert is_open == {"strange", "open", "fresh", "given up"}
    assert {job_id for job_id, row in rows.items() if row["is_expired"]} == {
        "expired while open",
        "expired later",
    }
    assert [job_id for job_id, row in rows.items() if row["is_given_up"]] == ["given up"]
    assert rows["gone back"]["times_reopened"] == 1
    assert rows["retried"]["retries"] == 1
    assert rows["exact"]["running_at"] == at(10)
    assert rows["unseen run"]["running_at"] is None


def test_stays(edges: Warehouse) -> None:
    rows = edges.rows("status_intervals", "job_id = 'unseen run'")
    first, second = sorted(rows, key=lambda row: row["sequence"])
    assert (first["status"], first["next_status"]) == ("queued", "succeeded")
    assert (first["entered_at"], first["left_at"]) == (at(0), at(90))
    assert first["duration_seconds"] == 90
    assert (first["duration_seconds_min"], first["duration_seconds_max"]) == (0, 100)
    assert first["may_hide_statuses"] and not first["is_current"]
    assert second["is_current"] and second["left_at"] is None
    # the end is exact; when the job left the queue nobody knows
    exact = edges.rows("status_intervals", "job_id = 'unseen run, exact end' AND sequence = 0")
    assert (exact[0]["duration_seconds_min"], exact[0]["duration_seconds_max"]) == (0, 100)
    undated = edges.rows("status_intervals", "job_id = 'no date' AND sequence = 0")
    assert undated[0]["duration_seconds"] == 10
    assert undated[0]["duration_seconds_uncertainty"] is None


def test_open_jobs(edges: Warehouse) -> None:
    rows = edges.rows("jobs_open")
    assert [row["job_id"] for row in rows] == ["strange", "given up", "open", "fresh"]
    by_id = {row["job_id"]: row for row in rows}
    assert [row["job_id"] for row in rows if row["is_given_up"]] == ["given up"]
    assert {row["job_id"] for row in rows if row["is_stuck"]} == {"strange", "open"}
    assert by_id["open"]["age_seconds"] == pytest.approx(172800, abs=600)
    assert by_id["open"]["seconds_in_status"] == pytest.approx(7000, abs=600)
    assert by_id["open"]["status_since_latest"] >= by_id["open"]["status_since"]


def test_results_at_risk(edges: Warehouse) -> None:
    rows = edges.rows("results_at_risk")
    assert [row["job_id"] for row in rows] == ["too late", "at risk", "for ever"]
    assert [row["results_state"] for row in rows] == ["failed", "pending", "skipped"]
    assert rows[0]["days_left"] == pytest.approx(-1, abs=0.01)
    assert rows[1]["days_left"] == pytest.approx(3, abs=0.01)
    assert rows[1]["ended_at"] == at(2)
    assert rows[2]["days_left"] is None


def test_a_result_of_an_unfinished_load_is_at_risk(empty: Warehouse) -> None:
    empty.load(jobs=[job("torn")])
    empty.install()
    assert empty.rows("results_at_risk") == []
    empty.execute("DELETE FROM {d}._dlt_loads WHERE schema_name = 'by_hand'")
    (row,) = empty.rows("results_at_risk")
    assert (row["job_id"], row["results_state"]) == ("torn", "pending")


def test_failures(edges: Warehouse) -> None:
    rows = {row["job_id"]: row for row in edges.rows("job_failures")}
    assert set(rows) == {"failed once", "failed too"}
    assert rows["failed too"]["failed_at"] == at(30)
    assert [row["jobs_with_this_message"] for row in rows.values()] == [2, 2]


def test_shared_credits_count_once(edges: Warehouse) -> None:
    counted = {row["job_id"]: row["credits_counted"] for row in edges.rows("job_timeline")}
    assert (counted["exact"], counted["x1"], counted["x2"]) == (8, 7, 4)
    assert (counted["y1"], counted["y2"], counted["y3"]) == (9, 5, None)
    assert (counted["z1"], counted["z2"]) == (7, 7)
    days = edges.rows("credits_daily", "job_kind = 'extract'")
    assert sum(day["credits"] for day in days) == 39
    assert (sum(day["jobs"] for day in days), sum(d["jobs_without_credits"] for d in days)) == (
        7,
        1,
    )
    parsed = edges.rows("credits_daily", "job_kind = 'parse' AND credits IS NOT NULL")
    assert [day["credits"] for day in parsed] == [8]
    assert [day["credits_per_page"] for day in parsed] == [2]


def test_undated_jobs_have_a_row_of_their_own(edges: Warehouse) -> None:
    (undated,) = edges.rows("job_daily", "day IS NULL")
    assert (undated["jobs"], undated["total_measured"]) == (1, 0)


def test_days_are_those_of_utc(empty: Warehouse) -> None:
    instants = [datetime(2026, 3, 29, hour, 30, tzinfo=timezone.utc) for hour in (0, 1, 23)]
    created = [job(str(number), created_at=instant) for number, instant in enumerate(instants)]
    # over the change to summer time: an hour is an hour
    begun = instants[0].timestamp() - at(0).timestamp()
    lived = history("0", ("queued", begun), ("running", begun + 3600), ("succeeded", begun + 7200))
    empty.load(jobs=created, job_status_history=lived)
    empty.install()
    zone = "SET TimeZone = 'Europe/Berlin'"
    with empty.client() as client:
        client.execute_sql(zone)
        name = client.fully_qualified_dataset_name()
        days = client.execute_sql(f"SELECT CAST(day AS VARCHAR), jobs FROM {name}.job_daily")
        assert list(map(tuple, days or [])) == [("2026-03-29", 3)]
        seconds = client.execute_sql(
            f"SELECT queued_seconds, running_seconds, total_seconds FROM {name}.job_timeline"
            " WHERE job_id = '0'"
        )
        assert tuple((seconds or [])[0]) == (3600, 3600, 7200)


def test_containers_and_what_they_contain(edges: Warehouse) -> None:
    mix = {
        (row["page_number"], row["segment_type"]): row
        for row in edges.rows("segment_mix", "job_id = 'exact'")
    }
    assert (mix[1, "list"]["segments"], mix[1, "list"]["characters"]) == (1, 3)
    assert (mix[1, "list_item"]["segments"], mix[1, "list_item"]["nested_segments"]) == (0, 2)
    assert mix[1, "table"]["table_rows"] == 3
    assert mix[None, "picture"]["segments"] == 1
    assert mix[2, "text"]["characters"] is None


def test_reviews(edges: Warehouse) -> None:
    rows = edges.rows("review_queue")
    # the list on page 1 is rated by its items, the one on page 2 only by itself
    assert [(row["job_id"], row["segment_index"], row["severity"]) for row in rows] == [
        ("exact", 5, "low"),
        ("exact", 1, "low"),
        ("both", 0, "low"),
        ("exact", 4, "medium"),
        ("retried", 0, "low"),
        ("both", 1, "low"),
        ("retried", 1, "medium"),
    ]
    assert [row["rated_by"] for row in rows] == ["number"] * 4 + ["word"] * 3
    assert [row["sort_confidence"] for row in rows[4:]] == [None] * 3
    assert rows[5]["confidence"] == 0.9
    assert len(rows[4]["excerpt"]) == 200
    assert [row["reason"] for row in rows] == [
        "confidence below 0.5",
        "confidence below 0.5",
        "the provider rates it low",
        "confidence below 0.8",
        "the provider rates it low",
        "the provider rates it low",
        "the provider rates it medium",
    ]


def test_pages(edges: Warehouse) -> None:
    rows = {row["page_number"]: row for row in edges.rows("page_quality", "job_id = 'exact'")}
    reasons = {number: row["reason"] for number, row in rows.items()}
    assert reasons == {
        1: "segments of low confidence",
        2: "segments of low confidence",
        3: "the page failed",
        4: "the page has low confidence",
        5: None,
    }
    assert rows[3]["error_message"] == "broken"
    assert (rows[1]["segments"], rows[1]["tables"], rows[1]["low_confidence_segments"]) == (2, 1, 2)
    assert (rows[3]["is_empty"], rows[5]["is_empty"]) == (False, True)


def test_freshness_of_a_sync_that_fails(edges: Warehouse) -> None:
    rows = {row["provider"]: row for row in edges.rows("sync_freshness")}
    row = rows["llamacloud"]
    assert (row["last_run_id"], row["last_run_ok"], row["last_run_exit_code"]) == ("bad", False, 3)
    assert row["last_run_error"] == "no route"
    assert row["seconds_since_last_run"] == pytest.approx(3600, abs=600)
    assert row["seconds_since_last_ok_run"] == pytest.approx(30 * 3600, abs=600)
    assert (row["runs_last_day"], row["failed_runs_last_day"]) == (1, 1)
    assert row["listed_until"] == at(5)
    assert not row["is_healthy"]
    assert (row["open_jobs"], row["given_up_jobs"], row["pending_results"]) == (4, 1, 1)
    assert (row["retried_results"], row["retried_since"] is None) == (1, False)
    assert (row["missing_jobs"], row["missing_since"]) == (1, NOW)
    # jobs without any run are there all the same
    assert (rows["contextual"]["jobs"], rows["contextual"]["is_healthy"]) == (1, False)


def test_an_empty_warehouse_has_empty_views(empty: Warehouse) -> None:
    empty.load()
    empty.install()
    assert {name: empty.rows(name) for name in VIEWS} == {name: [] for name in VIEWS}
