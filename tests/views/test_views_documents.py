"""Documents, their versions and their quality: rows made by hand, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from views_support import MakeWarehouse, Row, Warehouse, at, history, job, page, segment

CONTEXTUAL = {"provider": "contextual"}
NAME = "Übersicht.pdf"


def jobs() -> list[Row]:
    extract = {"job_kind": "extract", "document_name": None}
    later = at(0) + timedelta(days=1)
    open_now = {"status": "running", "is_terminal": False, "results_state": "not_ready"}
    return [
        job("boxed", document_name="Lease.pdf", page_count=3, failed_page_count=1, credits=4.0),
        job("outline", document_name="/in/lease.pdf", **CONTEXTUAL),
        job("mute", document_name="mute.pdf", tier="fast"),
        job("bare", document_name="bare.pdf", tier="fast"),
        job("unloaded", document_name="Lease.pdf", results_state="pending"),
        job("x", parse_job_id="boxed", status="failed", results_state="pending", **extract),
        job("y", document_id="outline", provider="contextual", **extract, **open_now),
        job("own name", parse_job_id="boxed", **(extract | {"document_name": "own.pdf"})),
        # the same document by its name, written in three ways
        job("v1", document_name=unicodedata.normalize("NFC", NAME), page_count=5, credits=9.0),
        job("v2", document_name=unicodedata.normalize("NFD", NAME.upper()), **CONTEXTUAL),
        job("v3", document_name=f" {NAME} ", created_at=later, tier="fast"),
        job("v4", document_name="Übersicht (1).pdf"),
        # and by its id, under two names
        job("w1", document_name="scan.png", document_id="file"),
        job("w2", document_name="Scan 2.png", document_id="file", created_at=None),
        job("w3", document_name="else.png", document_id="file", **CONTEXTUAL),
        # a document without a name
        job("u1", document_id="nameless"),
        job("u2", document_id="nameless", tier="fast"),
        job("u3"),
        job("u4"),
    ]


def events() -> list[Row]:
    return [
        *history("boxed", ("queued", 0), ("running", 10), ("succeeded", 70)),
        *history(
            "outline",
            ("queued", 0),
            ("running", 10),
            ("retrying", 20),
            ("succeeded", 86_400),
            ("expired", 90_000),
            ("succeeded", 90_010),
            ("running", 90_020),
            **CONTEXTUAL,
        ),
        *history("x", ("queued", 0), ("cancelled", 5), ("failed", 6), job_kind="extract"),
        *history("y", ("queued", 0), job_kind="extract", **CONTEXTUAL),
        *history("v1", ("queued", 0), ("running", 10), ("succeeded", 70)),
    ]


def segments() -> list[Row]:
    def inside(parent: int, depth: int = 1, **values: Any) -> Row:
        return {"parent_segment_index": parent, "depth": depth, **values}

    # a form says again what stands above it, and a table went on on the next page
    boxed: list[Row] = [
        {"segment_type": "title", "markdown": "# Lease ü", "content": "Lease ü", "confidence": 0.9},
        {"segment_type": "list", "markdown": "* a\n* b", "content": "a\nb", "confidence": 0.3},
        inside(1, segment_type="list_item", markdown="a", content="a", confidence=0.4),
        inside(1, segment_type="list_item", markdown="b", content="b"),
        {"segment_type": "table", "content": "c,d", "table_rows": 1},
        {"segment_type": "table", "markdown": "", "content": "", "table_rows": 0, "page_number": 2},
        {"segment_type": "picture", "page_number": 2},
        {"segment_type": "form", "page_number": 2},
        inside(7, segment_type="key_value", content="again", page_number=2),
        inside(7, segment_type="table", content="c,d", table_rows=1, page_number=2),
        inside(8, 2, segment_type="text", content="once more", page_number=2),
        {"segment_type": "page_footer", "content": "2", "page_number": 2},
    ]
    outline: list[Row] = [
        {"segment_type": "section_header", "markdown": "# One"},
        inside(0, segment_type="section_header", markdown="## Two"),
        inside(1, 2, markdown="three", confidence_level="low"),
        inside(1, 2, segment_type="table", markdown="|4|", confidence_level="high", page_number=2),
    ]
    mute: list[Row] = [
        {"segment_type": "table", "table_rows": 2},
        {"segment_type": "list"},
        inside(1, segment_type="list_item"),
    ]
    return [
        *(segment("boxed", index, **values) for index, values in enumerate(boxed)),
        *(segment("outline", index, **CONTEXTUAL, **one) for index, one in enumerate(outline)),
        *(segment("mute", index, **values) for index, values in enumerate(mute)),
        segment("v1", 0, content="some text", confidence=0.5),
        segment("v1", 1, content="", markdown="more", confidence=1.0),
    ]


def pages() -> list[Row]:
    return [
        page("boxed", 1, segment_count=5),
        page("boxed", 2, segment_count=7),
        page("boxed", 3, is_failed=True),
        page("outline", 1, segment_count=3, **CONTEXTUAL),
        # all of it hangs below a heading of page 1
        page("outline", 2, segment_count=1, **CONTEXTUAL),
        page("bare", 1),
    ]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def shelf(request: pytest.FixtureRequest, make_warehouse: MakeWarehouse) -> Warehouse:
    warehouse = make_warehouse(request.param)
    warehouse.load(
        jobs=jobs(), job_status_history=events(), segments=segments(), pages=pages(), sync_runs=[]
    )
    warehouse.install()
    return warehouse


# -- documents ----------------------------------------------------------------------------------


def document(warehouse: Warehouse, job_id: str) -> Row:
    (row,) = warehouse.rows("documents", f"job_id = '{job_id}'")
    return row


def test_a_document_is_a_loaded_parse_job(shelf: Warehouse) -> None:
    found = {row["job_id"] for row in shelf.rows("documents")}
    wanted = {row["job_id"] for row in jobs() if row["job_kind"] == "parse"} - {"unloaded"}
    assert found == wanted


def test_what_a_container_holds_is_not_said_twice(shelf: Warehouse) -> None:
    row = document(shelf, "boxed")
    assert row["markdown"] == "# Lease ü\n\n* a\n* b\n\nc,d\n\n2"
    assert row["characters"] == len(row["markdown"])
    assert (row["pages"], row["failed_pages"], row["credits"]) == (3, 1, 4)
    assert (row["segments"], row["pictures"], row["low_confidence_segments"]) == (12, 1, 2)
    assert row["segment_confidence_mean"] == pytest.approx(1.6 / 3)


def test_the_rest_of_a_merged_table_and_the_tables_of_a_form_are_no_tables(
    shelf: Warehouse,
) -> None:
    assert document(shelf, "boxed")["tables"] == 1
    by_page = {row["page_number"]: row for row in shelf.rows("page_quality", "job_id = 'boxed'")}
    # there the form's counts
    assert [by_page[number]["tables"] for number in (1, 2)] == [1, 1]


def test_what_hangs_below_a_heading_belongs_to_the_text(shelf: Warehouse) -> None:
    row = document(shelf, "outline")
    assert row["markdown"] == "# One\n\n## Two\n\nthree\n\n|4|"
    assert row["characters"] == len(row["markdown"])
    assert (row["tables"], row["low_confidence_segments"]) == (1, 1)
    (page_2,) = shelf.rows("page_quality", "job_id = 'outline' AND page_number = 2")
    assert not page_2["is_empty"]


def test_without_content_there_is_no_text(shelf: Warehouse) -> None:
    row = document(shelf, "mute")
    assert (row["markdown"], row["characters"], row["tables"]) == (None, None, 1)
    row = document(shelf, "bare")
    assert (row["markdown"], row["characters"], row["segments"]) == (None, None, 0)


def test_an_empty_markdown_is_none_and_gives_way_to_the_content(shelf: Warehouse) -> None:
    assert document(shelf, "v1")["markdown"] == "some text\n\nmore"


# -- versions -----------------------------------------------------------------------------------


def test_the_same_document_is_found_by_name_or_id(shelf: Warehouse) -> None:
    found: dict[str, list[str]] = {}
    for row in sorted(shelf.rows("document_versions"), key=lambda row: row["version"]):
        of_one = found.setdefault(row["document"], [])
        of_one.append(row["job_id"])
        assert row["version"] == len(of_one)
    # by the creation, then the provider, then the id
    assert found == {
        unicodedata.normalize("NFC", NAME.lower()): ["v2", "v1", "v3"],
        "scan 2.png": ["w1", "w2"],
        "nameless": ["u1", "u2"],
    }
    assert {row["jobs"] for row in shelf.rows("document_versions", "document = 'nameless'")} == {2}


def test_figures_of_versions_stand_side_by_side(shelf: Warehouse) -> None:
    (row,) = shelf.rows("document_versions", "job_id = 'v1'")
    wanted = {
        "provider": "llamacloud",
        "jobs": 3,
        "pages": 5,
        "segments": 2,
        "characters": len("some text\n\nmore"),
        "credits": 9,
        "running_seconds": 60,
        "total_seconds": 70,
        "segment_confidence_mean": 0.75,
    }
    assert {name: row[name] for name in wanted} == wanted


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "job_id", "name"),
    [
        ("job_changes", "x", "Lease.pdf"),
        ("status_intervals", "x", "Lease.pdf"),
        ("job_failures", "x", "Lease.pdf"),
        ("results_at_risk", "x", "Lease.pdf"),
        ("jobs_open", "y", "/in/lease.pdf"),
    ],
)
def test_an_extract_job_bears_the_name_of_what_it_reads(
    view: str, job_id: str, name: str, shelf: Warehouse
) -> None:
    rows = shelf.rows(view, f"job_id = '{job_id}'")
    assert rows and {row["document_name"] for row in rows} == {name}


# -- changes ------------------------------------------------------------------------------------


def changes(warehouse: Warehouse, job_id: str) -> list[str]:
    rows = warehouse.rows("job_changes", f"job_id = '{job_id}'")
    return [row["change"] for row in sorted(rows, key=lambda row: row["sequence"])]


def test_every_event_is_a_change_of_its_kind(shelf: Warehouse) -> None:
    assert changes(shelf, "outline") == [
        *("new", "changed", "changed", "succeeded"),
        *("vanished", "back", "back"),
    ]
    assert changes(shelf, "x") == ["new", "cancelled", "failed"]
    assert len(shelf.rows("job_changes")) == len(events())


def test_a_change_stands_on_its_utc_day_and_says_when_it_was_seen(shelf: Warehouse) -> None:
    rows = {row["event_id"]: row for row in shelf.rows("job_changes")}
    for event in events():
        row = rows[event["event_id"]]
        assert row["day"] == event["occurred_at"].date()
        assert row["observed_at"] == event["observed_at"]


# -- quality ------------------------------------------------------------------------------------


def test_counts_of_quality_stand_beside_what_they_are_a_share_of(shelf: Warehouse) -> None:
    def of(provider: str, tier: str | None) -> dict[str, int]:
        where = f"provider = '{provider}' AND day = '{at(0).date()}' AND tier " + (
            "IS NULL" if tier is None else f"= '{tier}'"
        )
        (row,) = shelf.rows("quality_daily", where)
        return {name: value for name, value in row.items() if isinstance(value, int) and value}

    assert of("llamacloud", None) == {
        **{"jobs": 7, "rated_jobs": 2, "pages": 3, "failed_pages": 1, "rated_segments": 5},
        **{"low_confidence_segments": 2, "segments": 8, "headings": 1, "texts": 2, "lists": 1},
        **{"tables": 1, "pictures": 1, "fields": 1, "margins": 1},
    }
    assert of("llamacloud", "fast") == {
        **{"jobs": 3, "pages": 1, "empty_pages": 1, "segments": 2, "tables": 1, "lists": 1},
    }
    assert of("contextual", None) == {
        **{"jobs": 3, "rated_jobs": 1, "pages": 2, "rated_segments": 2},
        **{"low_confidence_segments": 1},
        **{"segments": 4, "headings": 2, "texts": 1, "tables": 1},
    }


# -- speed --------------------------------------------------------------------------------------

FROM_SEGMENTS = ["documents", "document_versions", "segment_mix", "page_quality", "review_queue"]


def scans_of_segments(plan: Any) -> Iterator[str]:
    """What a plan says of each scan of the segments."""
    if isinstance(plan, list):
        for part in plan:
            yield from scans_of_segments(part)
    elif isinstance(plan, dict):
        said = {key: value for key, value in plan.items() if key not in ("Plans", "children")}
        table = said.get("Relation Name") or said.get("extra_info", {}).get("Table", "")
        if table.rpartition(".")[2] == "segments":
            yield json.dumps(said)
        for key in ("Plan", "Plans", "children"):
            yield from scans_of_segments(plan.get(key, []))


def plan_of(warehouse: Warehouse, select: str) -> Any:
    plan = warehouse.execute(f"EXPLAIN (FORMAT json) {select}")[0][-1]
    return json.loads(plan) if isinstance(plan, str) else plan


@pytest.mark.parametrize("view", FROM_SEGMENTS)
def test_one_jobs_rows_read_no_other_jobs_segments(view: str, shelf: Warehouse) -> None:
    """Its filter goes down into every scan of the segments."""
    plan = plan_of(shelf, f"SELECT * FROM {{d}}.{view} WHERE job_id = 'v1'")
    scans = list(scans_of_segments(plan))
    assert scans
    for scan in scans:
        assert re.search(r"job_id\b[^']{0,20} = 'v1'", scan), scan


def test_documents_are_counted_without_reading_their_text(shelf: Warehouse) -> None:
    def reads_text(select: str) -> bool:
        scans = list(scans_of_segments(plan_of(shelf, f"SELECT {select} FROM {{d}}.documents")))
        # PostgreSQL does without the table; its plan does not name the columns that it reads
        return bool(scans) and (str(shelf) == "postgres" or "markdown" in "".join(scans))

    assert reads_text("max(markdown)")
    assert not reads_text("count(*)")
