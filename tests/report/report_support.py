"""Rows that try to break out of the page, and a reader of what the page became."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html import escape
from html.parser import HTMLParser
from typing import Any

from views_support import Row, Warehouse, history, job, page, run_row, segment

from dlt_docjobs.report.facts import Facts, Listed

NASTY = '</script><script>window.pwned = "yes"</script><!--<script><img src=x onerror=alert(1)>\''
NOW = datetime(2026, 11, 28, 13, 5, tzinfo=timezone.utc)


def nasty_rows() -> dict[str, list[Row]]:
    """A few jobs whose every text is an attack; the counts are those that the tests expect."""
    now = datetime.now(timezone.utc)
    jobs = [
        job("good", document_name=NASTY, page_count=2, segment_count=3, credits=4.5),
        job("bad", document_name="b", status="failed", error_message=NASTY, results_state="none"),
        job(
            "open",
            document_name=f"open {NASTY}",
            status="running",
            is_terminal=False,
            results_state="not_ready",
        ),
        job(
            "risky",
            document_name=f"risky {NASTY}",
            results_state="pending",
            results_expire_at=now + timedelta(days=1),
        ),
        job(NASTY, provider="unsiloed", document_name=None, status="cancelled"),
    ]
    events = [
        *history("good", ("queued", 0), ("running", 10), ("succeeded", 40)),
        *history("bad", ("queued", 0), ("running", 20), ("failed", 50)),
        *history("open", ("queued", 0), ("running", 5)),
        *history("risky", ("queued", 0), ("succeeded", 0, 60, 120)),
        *history(NASTY, ("queued", 0), ("cancelled", 1), provider="unsiloed"),
    ]
    segments = [
        segment("good", 0, segment_type="table", confidence=0.2, content=NASTY, page_number=1),
        segment("good", 1, confidence=0.97, content="fine", page_number=1),
        segment("good", 2, confidence_level="low", content=f"low {NASTY}", page_number=2),
    ]
    pages = [
        page("good", 1, segment_count=2),
        page("good", 2, segment_count=1),
        page("good", 3, is_failed=True, error_message=NASTY),
    ]
    runs = [
        run_row("one", now - timedelta(hours=3), ok=False, exit_code=1, error=NASTY),
        run_row("two", now - timedelta(hours=1), account=NASTY[:40]),
    ]
    return {
        "jobs": jobs,
        "job_status_history": events,
        "segments": segments,
        "pages": pages,
        "sync_runs": runs,
    }


def loaded(warehouse: Warehouse, **rows: list[Row]) -> Warehouse:
    """A warehouse with the rows and the views."""
    warehouse.load(**rows)
    warehouse.install()
    return warehouse


def facts_with(**changed: Any) -> Facts:
    """What a warehouse with one healthy account and one job says, but for what is changed."""
    provider = {"provider": "llamacloud"}
    facts = Facts(
        written_at=NOW,
        dataset="docjobs",
        destination="duckdb",
        days=None,
        first_day=None,
        jobs_without_day=0,
        outcomes=[
            {
                **provider,
                **{"jobs": 1, "succeeded": 1, "failed": 0, "cancelled": 0, "open_jobs": 0},
                **{"expired": 0, "pages": 1, "credits": 1.5, "jobs_without_credits": 0},
            }
        ],
        total_duration={
            **{"jobs": 1, "measured": 1},
            **dict.fromkeys(("p50", "p50_min", "p50_max", "p95", "p95_min", "p95_max")),
        },
        by_day=[],
        durations=[],
        flow=[],
        segment_mix=[],
        confidence=[],
        pages=[{**provider, "pages": 1, "to_review": 0, "failed": 0}],
        pages_to_review=Listed([], 0),
        segments_to_review=Listed([], 0),
        at_risk_states=[],
        at_risk=Listed([], 0),
        open_jobs={"open_jobs": 0, "stuck": 0, "given_up": 0},
        oldest_open=Listed([], 0),
        failures=Listed([], 0),
        quality_changes=[],
        freshness=[account()],
        runs=Listed([], 0),
    )
    return replace(facts, **changed)


def account(**changed: Any) -> dict[str, Any]:
    """A healthy account's row of freshness, but for what is changed."""
    return {
        **{"provider": "llamacloud", "account": "default", "is_healthy": True},
        **{"last_run_at": NOW, "last_run_ok": True, "last_run_error": None},
        **{"last_ok_run_at": NOW, "listed_until": NOW, "jobs": 1, "open_jobs": 0},
        **{"pending_results": 0, "missing_jobs": 0, "missing_since": None, "rejected_records": 0},
        **changed,
    }


def doubtful_table(**changed: Any) -> dict[str, Any]:
    """A segment of a table that needs a review, but for what is changed."""
    return {
        **{"provider": "reducto", "document_name": "Lease.pdf", "job_id": "job"},
        **{"page_number": 3, "segment_type": "table", "reason": "confidence below 0.5"},
        **{"confidence": 0.3, "confidence_level": None, "excerpt": "a,b"},
        **{"html": None, "markdown": None, "content": None},
        **changed,
    }


def full_facts(text: str) -> Facts:
    """Facts with a row in every list, each with this text wherever a document's may stand."""
    document = {"provider": "reducto", "document_name": text, "job_id": "job"}
    cells = "".join(f"<td>{escape(text)} {column}</td>" for column in range(9))
    run = {
        **{"provider": "landingai", "account": text[:40], "finished_at": NOW, "ok": False},
        **{"exit_code": 1, "error": text, "jobs_new": 123_456, "jobs_changed": 123_456},
        **{"results_loaded": 123_456, "segments": 12_345_678, "requests": 123_456},
        "duration_seconds": 4321.0,
    }
    sick = account(is_healthy=False, last_run_ok=False, last_run_error=text, missing_jobs=2)
    page = {
        **{**document, "page_number": 12, "reason": "the page failed", "error_message": text},
        **{"low_confidence_segments": 12, "segment_confidence_lowest": 0.25},
    }
    opened = {
        **{**document, "status": "running", "age_seconds": 1e6, "seconds_in_status": 1e6},
        **{"is_stuck": True, "is_given_up": False},
    }
    failure = {
        **{"provider": "unsiloed", "job_kind": "parse", "error_message": text},
        **{"jobs": 1234, "last_failed_at": NOW},
    }
    risk = {
        **document,
        **{"results_state": "pending", "results_expire_at": NOW, "days_left": 1.5},
    }
    return facts_with(
        pages_to_review=Listed([page] * 20, 1234),
        segments_to_review=Listed(
            [doubtful_table(html=f"<table>{f'<tr>{cells}</tr>' * 20}</table>", document_name=text)],
            1,
        ),
        at_risk_states=[{"results_state": "pending", "results": 1, "soon": 1}],
        at_risk=Listed([risk], 1),
        open_jobs={"open_jobs": 1, "stuck": 1, "given_up": 0},
        oldest_open=Listed([opened], 1),
        failures=Listed([failure], 1),
        freshness=[{**sick, "missing_since": NOW}],
        runs=Listed([run], 1),
    )


class Element:
    """An element of a page."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element] = []
        self.texts: list[str] = []

    @property
    def text(self) -> str:
        """The text in it, spaces put together."""
        return " ".join("".join(self._pieces()).split())

    def _pieces(self) -> Iterator[str]:
        yield from self.texts
        for child in self.children:
            yield " "
            yield from child._pieces()

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """The elements beneath it of a tag and with such attributes."""
        found = []
        for child in self.children:
            fits = all(child.attributes.get(name) == value for name, value in attributes.items())
            if fits and tag in ("", child.tag):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def rows(self) -> list[list[str]]:
        """A table's body as texts."""
        (body,) = self.all("tbody")
        return [[cell.text for cell in row.children] for row in body.all("tr")]


class _Builder(HTMLParser):
    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("", {}, None)
        self.mistakes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in self.VOID:
            self.at = element

    def handle_endtag(self, tag: str) -> None:
        if self.at.tag != tag or self.at.parent is None:
            self.mistakes.append(f"</{tag}> closes <{self.at.tag}>")
            return
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.texts.append(data)


def read_page(text: str) -> Element:
    """A page as a tree; every element must be closed where it was opened."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    assert builder.mistakes == []
    assert builder.at is builder.root
    return builder.root


def table_of(tree: Element, caption_id: str) -> list[list[str]]:
    """The rows of the table whose caption has this id."""
    for table in tree.all("table"):
        if table.all("caption", id=f"{caption_id}-caption"):
            return table.rows()
    raise LookupError(caption_id)
