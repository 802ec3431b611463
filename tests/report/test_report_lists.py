"""What a reader meets first, and the lists: of facts made by hand, without a warehouse."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from report_support import (
    NASTY,
    NOW,
    Element,
    account,
    doubtful_table,
    facts_with,
    full_facts,
    read_page,
    table_of,
)

from dlt_docjobs.report.excerpts import Excerpt, Place, excerpt_of
from dlt_docjobs.report.facts import Facts
from dlt_docjobs.report.lists import all_lists
from dlt_docjobs.report.page import make_page
from dlt_docjobs.report.quality import quality_of
from dlt_docjobs.report.verdicts import Verdict, verdicts


@pytest.fixture(scope="module")
def nasty_page() -> Element:
    return read_page(make_page(full_facts(NASTY)))


def verdict(facts: Facts, title: str) -> Verdict:
    return next(one for one in verdicts(facts) if one.title == title)


# -- the order of the page ------------------------------------------------------------------------


def test_health_comes_first_then_trouble_then_quality_then_figures(nasty_page: Element) -> None:
    headings = [one.text for one in nasty_page.all() if re.fullmatch("h[23]", one.tag)]
    wanted = [
        *("Health", "Accounts"),
        *("Stuck, failing, missing, at risk", "Oldest open jobs", "Missing jobs", "What fails"),
        "Results at risk",
        *("Low quality", "Quality by provider", "Pages to review", "Segments to review"),
        *("Figures", "Jobs by provider", "By day of creation"),
    ]
    assert headings[: len(wanted)] == wanted
    assert headings[-1] == "Recent sync runs"


def test_the_contents_line_names_the_parts_in_their_order(nasty_page: Element) -> None:
    (nav,) = nasty_page.all("nav")
    linked = [link.attributes["href"].lstrip("#") for link in nav.all("a")]
    assert linked == [section.attributes["id"] for section in nasty_page.all("section")]


def test_the_first_thing_said_is_how_the_sync_is(nasty_page: Element) -> None:
    (first, *_) = nasty_page.all("ul", **{"class": "card verdicts"})
    said = [line.text for line in first.all("li")]
    assert [re.sub("^(fine|look) ", "", one).split(" ")[0] for one in said] == [
        *("Sync", "Stuck", "Failing", "Missing", "At", "Low", "Changed")
    ]
    assert said[0] == "look Sync 1 of 1 account is not healthy: LlamaCloud."


def test_every_list_says_whose_a_row_is() -> None:
    lists = all_lists(full_facts("name"), include_text=True)
    assert len(lists) == 10
    for one in lists.values():
        assert {"Provider", "Account"} & {column.title for column in one.columns}, one.id
        assert one.rows, one.id
        for row in one.rows:
            assert len(row) == len(one.columns), one.id
            assert sum(bool(cell.dot) for cell in row) == 1, one.id


# -- verdicts -------------------------------------------------------------------------------------


def test_where_nothing_is_wrong_everything_is_fine() -> None:
    found = verdicts(facts_with())
    assert [one.is_fine for one in found] == [True] * 7
    assert found[0].text == "The last sync did everything, at 2026-11-28 13:05 UTC."


def test_a_warehouse_without_jobs_says_only_how_its_sync_is() -> None:
    assert [one.title for one in verdicts(facts_with(outcomes=[]))] == ["Sync"]
    (none,) = verdicts(facts_with(outcomes=[], freshness=[]))
    assert (none.is_fine, none.text) == (False, "No sync has come to its end yet.")


def test_of_many_sick_accounts_some_are_named() -> None:
    sick = [
        account(account=f"team {number}", is_healthy=False, last_ok_run_at=None)
        for number in range(7)
    ]
    found = verdict(facts_with(freshness=[account(), *sick]), "Sync")
    assert not found.is_fine
    assert found.text.startswith("7 of 8 accounts are not healthy: LlamaCloud (team 0), ")
    assert found.text.endswith("and 2 more. 7 never had a sync that did everything.")


@pytest.mark.parametrize(
    ("opened", "is_fine", "text"),
    [
        ((3, 0, 0), True, "None of 3 open jobs is stuck."),
        ((3, 1, 0), False, "1 of 3 open jobs is stuck: open for over an hour."),
        ((3, 0, 2), False, "None of 3 open jobs is stuck; 2 given up."),
    ],
)
def test_stuck(opened: tuple[int, int, int], is_fine: bool, text: str) -> None:
    figures = dict(zip(("open_jobs", "stuck", "given_up"), opened, strict=True))
    assert verdict(facts_with(open_jobs=figures), "Stuck")[1:3] == (is_fine, text)


def outcomes(**changed: Any) -> list[dict[str, Any]]:
    return [{**facts_with().outcomes[0], **changed}]


def test_failing_is_more_than_a_tenth_and_tells_the_newest_day() -> None:
    day = date(2026, 11, 28)
    facts = facts_with(
        outcomes=outcomes(jobs=100, succeeded=89, failed=11),
        days=(day, day),
        by_day=[{"day": day, "provider": "reducto", "jobs": 40, "failures": 7}],
    )
    text = "11 of 100 ended jobs failed (11%); 7 of the 40 created on 2026-11-28."
    assert verdict(facts, "Failing")[1:3] == (False, text)
    few = facts_with(outcomes=outcomes(jobs=100, succeeded=90, failed=10))
    assert verdict(few, "Failing").is_fine


def test_missing_jobs_and_those_that_are_gone() -> None:
    facts = facts_with(
        outcomes=outcomes(expired=1), freshness=[account(missing_jobs=3, missing_since=NOW)]
    )
    found = verdict(facts, "Missing")
    assert not found.is_fine
    assert found.text == (
        "3 jobs answer 404, which the next sync confirms or not; 1 job is gone for good."
    )
    missing = all_lists(facts, include_text=True)["missing"]
    assert [cell.text for cell in missing.rows[0]] == ["LlamaCloud", "3", "2026-11-28 13:05"]
    assert missing.note.startswith("1 more job is gone for good")
    assert verdict(facts_with(outcomes=outcomes(expired=1)), "Missing").is_fine, "nobody can help"


def test_results_that_vanish_soon_are_a_reason_to_look() -> None:
    states = [{"results_state": "pending", "results": 5, "soon": 0}]
    assert verdict(facts_with(at_risk_states=states), "At risk").is_fine
    states = [{"results_state": "pending", "results": 5, "soon": 2}]
    text = "5 results are not loaded; 2 vanish within two days, or did already."
    assert verdict(facts_with(at_risk_states=states), "At risk")[1:3] == (False, text)


def test_quality_counts_numbers_and_words_and_names_the_worst_provider() -> None:
    def rated(provider: str, start: float | None, level: str | None, segments: int) -> Any:
        return {
            **{"provider": provider, "confidence_from": start, "confidence_level": level},
            "segments": segments,
        }

    facts = facts_with(
        confidence=[
            rated("llamacloud", 0.45, None, 10),
            rated("llamacloud", 0.5, None, 90),
            rated("llamacloud", None, None, 5),
            rated("contextual", None, "low", 30),
            rated("contextual", None, "high", 70),
        ],
        pages=[{"provider": "llamacloud", "pages": 20, "to_review": 4, "failed": 1}],
    )
    assert [one[:3] for one in quality_of(facts)] == [
        ("contextual", 30, 100),
        ("llamacloud", 10, 100),
    ]
    assert verdict(facts, "Low quality")[1:3] == (
        False,
        "4 of 20 pages to review, 1 of them failed; 20% of the rated segments are low, the most of "
        "Contextual AI (30%).",
    )


def test_a_changed_quality_is_said_of_each_account() -> None:
    changes = [
        {
            "provider": "llamacloud",
            "account": "default",
            "shares": 2,
            "first_day": date(2026, 11, 27),
        },
        {"provider": "reducto", "account": "us", "shares": 1, "first_day": date(2026, 11, 28)},
    ]
    found = verdict(facts_with(quality_changes=changes), "Changed")
    assert found[1:3] == (
        False,
        "Quality is not what it was: LlamaCloud (2 shares since 2026-11-27), Reducto (us) (1 share "
        "since 2026-11-28); docjobs check --quality names them.",
    )


# -- a document's table ---------------------------------------------------------------------------


def texts(excerpt: Excerpt) -> list[list[str]]:
    return [[place.text for place in row] for row in excerpt.rows]


@pytest.mark.parametrize(
    "form",
    [
        {"html": "<table><tr><th>Item</th><th>Qty</th></tr><tr><td>Nut</td><td></td></tr></table>"},
        {"markdown": "| Item | Qty |\n| --- | --- |\n| Nut | |"},
        {"content": "| Item | Qty |\n| --- | --- |\n| Nut | |"},
    ],
    ids=["HTML", "Markdown", "Markdown as content"],
)
def test_a_table_is_read_of_whatever_form_it_has(form: dict[str, str]) -> None:
    found = excerpt_of(doubtful_table(**form))
    assert texts(found) == [["Item", "Qty"], ["Nut", ""]]
    assert [place.is_header for place in found.rows[0]] == [True, True]
    assert not any(place.is_header for place in found.rows[1])


def test_what_is_no_table_to_the_reader_is_shown_as_text() -> None:
    assert excerpt_of(doubtful_table(content="a,b\n1,2")) == Excerpt(text="a,b")
    assert excerpt_of(doubtful_table(excerpt=None)) == Excerpt()
    text = doubtful_table(segment_type="text", html="<table><tr><td>x</td></tr></table>")
    assert excerpt_of(text).rows == ()


def test_a_large_table_is_cut_and_says_so() -> None:
    rows = "".join(
        f"<tr>{''.join(f'<td>{row}.{at}</td>' for at in range(9))}</tr>" for row in range(30)
    )
    found = excerpt_of(doubtful_table(html=f"<table>{rows}</table>"))
    assert (len(found.rows), len(found.rows[0])) == (8, 6)
    assert (found.rows_left_out, found.columns_left_out) == (22, 3)
    page = make_page(full_facts("name"))
    assert "12 more rows, 3 more columns" in read_page(page).text


def test_spans_end_where_the_shown_part_does() -> None:
    html = (
        "<table><tr><td colspan=1000 rowspan=60000>wide</td></tr><tr></tr>"
        + "<tr></tr>" * 20
        + "<tr><td>x</td></tr></table>"
    )
    (first, *others) = excerpt_of(doubtful_table(html=html)).rows
    assert first == (Place("wide", 8, 6),)
    assert others == [()] * 7, "all their places are taken"


@pytest.mark.parametrize("kept", range(3))
def test_every_place_is_taken_once(kept: int) -> None:
    html = (
        "<table><tr><td rowspan=2>a</td><td colspan=2>b</td></tr><tr><td>c</td></tr>"
        "<tr><td>d</td><td>e</td><td>f</td></tr></table>"
    )
    found = excerpt_of(doubtful_table(html=html))
    widths = [0, 0, 0]
    for at, row in enumerate(found.rows):
        for place in row:
            for down in range(place.row_span):
                widths[at + down] += place.column_span
    assert widths[kept] == 3


def test_a_hostile_table_stays_text(nasty_page: Element) -> None:
    (region,) = nasty_page.all("div", **{"class": "excerpt"})
    assert {one.tag for one in region.all()} <= {"table", "tr", "td", "th", "bdi"}
    assert all(set(one.attributes) <= {"class", "rowspan", "colspan"} for one in region.all())
    cells = region.all("td")
    assert len(cells) == 8 * 6
    assert cells[0].text.startswith(NASTY[:40])
    assert nasty_page.all("img") == []
    assert [one for one in nasty_page.all("script") if "pwned" in one.text] == []


def test_without_texts_there_is_no_table_either() -> None:
    page = read_page(make_page(full_facts("secret"), include_text=False))
    assert page.all("div", **{"class": "excerpt"}) == []
    assert [len(row) for row in table_of(page, "doubtful")] == [5]
