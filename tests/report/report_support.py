"""Rows that try to break out of the page, and a reader of what the page became."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

from views_support import Row, Warehouse, history, job, page, run_row, segment

NASTY = '</script><script>window.pwned = "yes"</script><!--<script><img src=x onerror=alert(1)>\''


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
