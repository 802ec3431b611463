"""The page's lists, of which each says of every row whose it is."""

from __future__ import annotations

from typing import Final

from dlt_docjobs.report import words
from dlt_docjobs.report.excerpts import excerpt_of
from dlt_docjobs.report.facts import Facts, Row
from dlt_docjobs.report.listing import (
    MOMENT,
    NUMBER,
    WHO,
    Cell,
    Column,
    Listing,
    document,
    first_of,
    provider,
)
from dlt_docjobs.report.quality import LOW, quality_of

_DAY: Final = 86_400
_DOCUMENT: Final = Column("Document")
_PROVIDER: Final = Column("Provider", WHO)
# more rows scroll by themselves
_SHORT: Final = 12


def all_lists(facts: Facts, *, include_text: bool) -> dict[str, Listing]:
    """Every list by its id.

    Args:
        facts: What the warehouse said.
        include_text: Whether excerpts of segments stand in them.
    """
    lists = (
        _accounts(facts),
        _open_jobs(facts),
        _failures(facts),
        _missing(facts),
        _at_risk(facts),
        _quality(facts),
        _pages(facts),
        _segments(facts, include_text=include_text),
        _providers(facts),
        _runs(facts),
    )
    return {one.id: one for one in lists}


# -- the sync -----------------------------------------------------------------------------------


def _accounts(facts: Facts) -> Listing:
    return Listing(
        "fresh",
        "Accounts",
        words.count(len(facts.freshness), "account"),
        (
            Column("Account", WHO),
            Column("Health", WHO),
            Column("Last run, UTC", MOMENT),
            Column("Last whole one, UTC", MOMENT),
            Column("Listed until, UTC", MOMENT),
            Column("Pending results", NUMBER),
            Column("Rejected", NUMBER),
        ),
        [
            (
                provider(row),
                _health(row),
                Cell(words.instant(row["last_run_at"])),
                Cell(words.instant(row["last_ok_run_at"])),
                Cell(words.instant(row["listed_until"])),
                Cell(words.number(row["pending_results"])),
                Cell(words.number(row["rejected_records"])),
            )
            for row in facts.freshness
        ],
        "No sync has come to its end yet.",
    )


def _health(row: Row) -> Cell:
    detail = words.cut(row["last_run_error"] or "", 200)
    if row["is_healthy"]:
        return Cell(tag="healthy", tag_kind="good", detail=detail)
    return Cell(tag="old" if row["last_run_ok"] else "not ok", tag_kind="warn", detail=detail)


def _runs(facts: Facts) -> Listing:
    return Listing(
        "runs",
        "Recent sync runs",
        first_of(facts.runs, "run", "the latest"),
        (
            Column("Finished, UTC", MOMENT),
            Column("Account", WHO),
            Column("Outcome", WHO),
            Column("New", NUMBER),
            Column("Changed", NUMBER),
            Column("Results", NUMBER),
            Column("Segments", NUMBER),
            Column("Requests", NUMBER),
            Column("Took", NUMBER),
        ),
        [
            (
                Cell(words.instant(row["finished_at"])),
                provider(row),
                _outcome(row),
                Cell(words.number(row["jobs_new"])),
                Cell(words.number(row["jobs_changed"])),
                Cell(words.number(row["results_loaded"])),
                Cell(words.number(row["segments"])),
                Cell(words.number(row["requests"])),
                Cell(words.duration(row["duration_seconds"])),
            )
            for row in facts.runs.rows
        ],
        "No sync has come to its end yet.",
    )


def _outcome(row: Row) -> Cell:
    if row["ok"]:
        return Cell(tag="ok", tag_kind="good")
    tag = "in part" if row["exit_code"] == 1 else "failed"
    return Cell(tag=tag, tag_kind="warn", detail=words.cut(row["error"] or "", 160))


# -- stuck, failing, missing, at risk -----------------------------------------------------------


def _open_jobs(facts: Facts) -> Listing:
    rows = facts.oldest_open.rows
    return Listing(
        "open",
        "Oldest open jobs",
        first_of(facts.oldest_open, "open job", "the oldest"),
        (_DOCUMENT, Column("Age", NUMBER), Column("Status"), _PROVIDER),
        [
            (document(row), Cell(words.duration(row["age_seconds"])), _status(row), provider(row))
            for row in rows
        ],
        "No job is open.",
        is_long=len(rows) > _SHORT,
    )


def _status(row: Row) -> Cell:
    if row["is_given_up"]:
        return Cell(row["status"], tag="given up")
    return Cell(row["status"], tag="stuck" if row["is_stuck"] else "", tag_kind="warn")


def _failures(facts: Facts) -> Listing:
    rows = facts.failures.rows
    return Listing(
        "failures",
        "What fails",
        first_of(facts.failures, "message", "the most frequent"),
        (
            Column("Message"),
            Column("Jobs", NUMBER),
            Column("Last, UTC", MOMENT),
            Column("Kind"),
            _PROVIDER,
        ),
        [
            (
                Cell(words.cut(row["error_message"] or "no message", 200), is_foreign=True),
                Cell(words.number(row["jobs"])),
                Cell(words.instant(row["last_failed_at"])),
                Cell(row["job_kind"]),
                provider(row),
            )
            for row in rows
        ],
        "No job has failed.",
        is_long=len(rows) > _SHORT,
    )


def _missing(facts: Facts) -> Listing:
    rows = [row for row in facts.freshness if row["missing_jobs"]]
    gone = facts.gone
    return Listing(
        "missing",
        "Missing jobs",
        words.count(facts.missing, "job") + " that answer 404",
        (Column("Account", WHO), Column("Jobs", NUMBER), Column("The first since, UTC", MOMENT)),
        [
            (
                provider(row),
                Cell(words.number(row["missing_jobs"])),
                Cell(words.instant(row["missing_since"])),
            )
            for row in rows
        ],
        "No job answers 404.",
        (
            f"{words.count(gone, 'more job')} {'is' if gone == 1 else 'are'} gone for good: two "
            "syncs were answered 404. What was loaded of them stays."
            if gone
            else ""
        ),
    )


def _at_risk(facts: Facts) -> Listing:
    rows = facts.at_risk.rows
    states = ", ".join(
        f"{words.number(row['results'])} {row['results_state']}" for row in facts.at_risk_states
    )
    return Listing(
        "risk",
        "Results at risk",
        first_of(facts.at_risk, "result", "the first to vanish,") + " not loaded yet",
        (
            _DOCUMENT,
            Column("Left", NUMBER),
            Column("Vanishes, UTC", MOMENT),
            Column("State"),
            _PROVIDER,
        ),
        [
            (
                document(row),
                _left(row),
                Cell(
                    words.instant(row["results_expire_at"])
                    if row["results_expire_at"]
                    else "not known"
                ),
                Cell(row["results_state"]),
                provider(row),
            )
            for row in rows
        ],
        "Every result that there is has been loaded.",
        (
            f"{states}. Pending ones are fetched by the next sync, failed and skipped ones by "
            "docjobs sync --reload."
            if rows
            else ""
        ),
        is_long=len(rows) > _SHORT,
    )


def _left(row: Row) -> Cell:
    days = row["days_left"]
    if days is None:
        return Cell(words.NONE)
    return Cell(tag="over", tag_kind="warn") if days < 0 else Cell(words.duration(days * _DAY))


# -- quality ------------------------------------------------------------------------------------


def _quality(facts: Facts) -> Listing:
    return Listing(
        "quality-by-provider",
        "Quality by provider",
        f"low: a confidence below {LOW}, or rated low in the provider's word",
        (
            _PROVIDER,
            Column("Low", NUMBER),
            Column("Rated segments", NUMBER),
            Column("Low share", NUMBER),
            Column("Pages", NUMBER),
            Column("Failed pages", NUMBER),
            Column("Pages to review", NUMBER),
        ),
        [
            (
                provider({"provider": one.provider}),
                *(Cell(words.number(number)) for number in (one.low, one.rated)),
                Cell(words.percent(one.low, one.rated)),
                *(
                    Cell(words.number(number))
                    for number in (one.pages, one.failed_pages, one.pages_to_review)
                ),
            )
            for one in quality_of(facts)
        ],
        "No page is loaded yet.",
    )


def _pages(facts: Facts) -> Listing:
    rows = facts.pages_to_review.rows
    return Listing(
        "pages",
        "Pages to review",
        first_of(facts.pages_to_review, "page", "the worst") + ", failed ones first",
        (
            _DOCUMENT,
            Column("Page", NUMBER),
            Column("Low segments", NUMBER),
            Column("Lowest", NUMBER),
            Column("Reason", "reason"),
            _PROVIDER,
        ),
        [
            (
                document(row),
                Cell(words.number(row["page_number"])),
                Cell(words.number(row["low_confidence_segments"] or None)),
                Cell(words.confidence(row["segment_confidence_lowest"])),
                Cell(row["reason"], detail=words.cut(row["error_message"] or "", 160)),
                provider(row),
            )
            for row in rows
        ],
        "No page needs a review.",
        is_long=len(rows) > _SHORT,
    )


def _segments(facts: Facts, *, include_text: bool) -> Listing:
    rows = facts.segments_to_review.rows
    # in the end, where a document's wide table pushes nothing out of sight
    text = (Column("Text", "text"),) if include_text else ()
    return Listing(
        "doubtful",
        "Segments to review",
        first_of(facts.segments_to_review, "segment", "the worst"),
        (
            _DOCUMENT,
            _PROVIDER,
            Column("Page", NUMBER),
            Column("Type"),
            Column("Confidence", NUMBER),
            *text,
        ),
        [
            (
                document(row),
                provider(row),
                Cell(words.number(row["page_number"])),
                Cell(words.label(row["segment_type"])),
                Cell(words.confidence(row["confidence"], row["confidence_level"])),
                *((Cell(excerpt=excerpt_of(row)),) if include_text else ()),
            )
            for row in rows
        ],
        "No segment needs a review.",
        is_long=len(rows) > _SHORT,
    )


# -- figures ------------------------------------------------------------------------------------


def _providers(facts: Facts) -> Listing:
    figures = ("jobs", "succeeded", "failed", "cancelled", "open_jobs")
    titles = ("Jobs", "Succeeded", "Failed", "Cancelled", "Open", "Success", "Pages", "Credits")
    return Listing(
        "providers",
        "Jobs by provider",
        words.count(len(facts.outcomes), "provider"),
        (
            _PROVIDER,
            *(Column(title, NUMBER) for title in titles),
            Column("Without credits", NUMBER),
        ),
        [
            (
                provider(row),
                *(Cell(words.number(row[figure])) for figure in figures),
                Cell(
                    words.percent(
                        row["succeeded"], row["succeeded"] + row["failed"] + row["cancelled"]
                    )
                ),
                Cell(words.number(row["pages"])),
                Cell(words.number(row["credits"])),
                Cell(words.number(row["jobs_without_credits"])),
            )
            for row in facts.outcomes
        ],
    )
