"""First things first: a sentence for each question that a reader comes with, and how it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from dlt_docjobs.report import words
from dlt_docjobs.report.facts import Facts
from dlt_docjobs.report.quality import quality_of

# so many of a hundred may fail before it is more than what documents are like
_USUAL_FAILURES: Final = 10


class Verdict(NamedTuple):
    """How something stands.

    Attributes:
        title: What.
        is_fine: Whether nobody has to look.
        text: A sentence.
        part: The id of the part of the page that says more.
    """

    title: str
    is_fine: bool
    text: str
    part: str


def verdicts(facts: Facts) -> list[Verdict]:
    """What is to be known first; of a warehouse without jobs only how its sync is."""
    if not facts.jobs:
        return [_sync(facts)]
    return [verdict(facts) for verdict in _VERDICTS]


def _sync(facts: Facts) -> Verdict:
    every = len(facts.freshness)
    sick = [row for row in facts.freshness if not row["is_healthy"]]
    whole = [row["last_ok_run_at"] for row in facts.freshness if row["last_ok_run_at"]]
    if not every:
        text = "No sync has come to its end yet."
    elif sick:
        named = ", ".join(words.provider(row["provider"], row["account"]) for row in sick[:5])
        more = f" and {len(sick) - 5:,} more" if len(sick) > 5 else ""
        are = "is" if len(sick) == 1 else "are"
        text = f"{len(sick):,} of {words.count(every, 'account')} {are} not healthy: {named}{more}."
        if len(whole) < every:
            text += f" {every - len(whole):,} never had a sync that did everything."
    else:
        first = words.instant(min(whole))
        text = f"The last sync did everything, at {first} UTC."
        if every > 1:
            text = f"The last syncs of all {every:,} accounts did everything, from {first} UTC on."
    return Verdict("Sync", bool(every) and not sick, text, "sync")


def _stuck(facts: Facts) -> Verdict:
    opened, stuck, given_up = (facts.open_jobs[name] for name in ("open_jobs", "stuck", "given_up"))
    if not opened:
        return Verdict("Stuck", True, "No job is open.", "trouble")
    text = f"None of {words.count(opened, 'open job')} is stuck"
    if stuck:
        are = "is" if stuck == 1 else "are"
        text = f"{stuck:,} of {words.count(opened, 'open job')} {are} stuck: open for over an hour"
    text += f"; {given_up:,} given up" if given_up else ""
    return Verdict("Stuck", not stuck and not given_up, f"{text}.", "trouble")


def _failing(facts: Facts) -> Verdict:
    failed = sum(row["failed"] for row in facts.outcomes)
    ended = sum(
        row[name] for row in facts.outcomes for name in ("succeeded", "failed", "cancelled")
    )
    if not failed:
        return Verdict("Failing", True, "No job has failed.", "trouble")
    text = f"{failed:,} of {words.count(ended, 'ended job')} failed"
    text += f" ({words.percent(failed, ended)})" if ended > 1 else ""
    if facts.days:
        newest = [row for row in facts.by_day if row["day"] == facts.days[1]]
        jobs, failures = (sum(row[name] for row in newest) for name in ("jobs", "failures"))
        text += f"; {failures:,} of the {jobs:,} created on {words.day(facts.days[1])}"
    return Verdict("Failing", 100 * failed <= _USUAL_FAILURES * ended, f"{text}.", "trouble")


def _missing(facts: Facts) -> Verdict:
    missing, gone = facts.missing, facts.gone
    if not missing and not gone:
        return Verdict("Missing", True, "The providers know of every job.", "trouble")
    said = []
    if missing:
        said.append(
            f"{words.count(missing, 'job')} {'answers' if missing == 1 else 'answer'} 404, which "
            "the next sync confirms or not"
        )
    if gone:
        said.append(f"{words.count(gone, 'job')} {'is' if gone == 1 else 'are'} gone for good")
    return Verdict("Missing", not missing, f"{'; '.join(said)}.", "trouble")


def _at_risk(facts: Facts) -> Verdict:
    results, soon = (sum(row[name] for row in facts.at_risk_states) for name in ("results", "soon"))
    failed = sum(row["results"] for row in facts.at_risk_states if row["results_state"] == "failed")
    if not results:
        return Verdict("At risk", True, "Every result that there is has been loaded.", "trouble")
    text = f"{words.count(results, 'result')} {'is' if results == 1 else 'are'} not loaded"
    text += f"; {failed:,} could not be read" if failed else ""
    if soon:
        vanish = "vanishes" if soon == 1 else "vanish"
        text += f"; {soon:,} {vanish} within two days, or did already"
    return Verdict("At risk", not soon and not failed, f"{text}.", "trouble")


def _quality(facts: Facts) -> Verdict:
    every = quality_of(facts)
    low, rated = sum(one.low for one in every), sum(one.rated for one in every)
    pages, failed = sum(one.pages for one in every), sum(one.failed_pages for one in every)
    doubtful = sum(one.pages_to_review for one in every)
    if not pages and not rated:
        return Verdict("Low quality", True, "No page is loaded yet.", "quality")
    text = f"{doubtful:,} of {words.count(pages, 'page')} to review"
    text += f", {failed:,} of them failed" if failed else ""
    if rated:
        text += f"; {words.percent(low, rated)} of the rated segments are low"
    of_many = [one for one in every if one.rated > 1 and one.low]
    if len(of_many) > 1:
        worst = max(of_many, key=lambda one: one.low / one.rated)
        share = words.percent(worst.low, worst.rated)
        text += f", the most of {words.provider(worst.provider)} ({share})"
    return Verdict("Low quality", not doubtful, f"{text}.", "quality")


def _changed(facts: Facts) -> Verdict:
    changes = facts.quality_changes
    if not changes:
        text = "No share of quality has left what was usual on the newest two days."
        return Verdict("Changed", True, text, "quality")
    named = ", ".join(
        f"{words.provider(row['provider'], row['account'])} ({words.count(row['shares'], 'share')}"
        f" since {words.day(row['first_day'])})"
        for row in changes[:5]
    )
    more = f" and {len(changes) - 5:,} more" if len(changes) > 5 else ""
    text = f"Quality is not what it was: {named}{more}; docjobs check --quality names them."
    return Verdict("Changed", False, text, "quality")


_VERDICTS: Final[tuple[Callable[[Facts], Verdict], ...]] = (
    _sync,
    _stuck,
    _failing,
    _missing,
    _at_risk,
    _quality,
    _changed,
)
