"""Each question is asked of servers that differ in just what it asks, and tells them apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from probe_support import ask_one

from dlt_docjobs.emulator import Emulator, Faults

PARSE = "api-v2-parse"

# provider, question, faults, what the answer says
CASES: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("llamacloud", f"order-{PARSE}", {"parse_order": "newest"}, "newest first"),
    ("llamacloud", f"order-{PARSE}", {"parse_order": "oldest"}, "oldest first"),
    ("llamacloud", f"order-{PARSE}", {"parse_order": "id"}, "by something else"),
    ("llamacloud", f"lower-bound-{PARSE}", {}, "inclusive: a job is shown"),
    ("llamacloud", f"lower-bound-{PARSE}", {"exclusive_bounds": True}, "not inclusive"),
    ("llamacloud", f"upper-bound-{PARSE}", {"parse_order": "newest"}, "inclusive: a job is"),
    ("llamacloud", f"upper-bound-{PARSE}", {"exclusive_bounds": True}, "not inclusive"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "naive"}, "no zone and 6 digits"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "nine"}, "`Z` and 9 digits"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "offset"}, "an offset"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "null"}, "100 of 100 jobs have no date"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "garbage"}, "100 of 100 jobs have no date"),
    ("llamacloud", f"words-{PARSE}", {}, "not known: none"),
    ("llamacloud", f"words-{PARSE}", {"unreadable_rows": {"no_id"}}, "not be read: 1"),
    ("llamacloud", f"fields-{PARSE}", {}, "none"),
    ("llamacloud", f"fields-{PARSE}", {"unknown_fields": True}, "`x_added_later`"),
    ("llamacloud", f"page-size-{PARSE}", {"page_size_max": 500}, "1000 is refused (status 422)"),
    ("llamacloud", f"page-size-{PARSE}", {"ignore_page_size": True}, "no more than 50 come"),
    ("llamacloud", f"page-size-{PARSE}", {}, "no more than a page"),
    ("llamacloud", f"paging-{PARSE}", {}, "0 of them seen before; its token is another"),
    ("llamacloud", f"paging-{PARSE}", {"repeat_page_token": True}, "its token is the same again"),
    ("llamacloud", f"paging-{PARSE}", {"duplicate_rows": True}, "1 of them seen before"),
    ("llamacloud", f"paging-{PARSE}", {"empty_page": True}, "has 0 rows"),
    ("llamacloud", f"paging-{PARSE}", {"no_paging": True}, "`next_page_token` is null"),
    ("llamacloud", f"paging-{PARSE}", {"no_paging": True, "end_token": "empty"}, "is empty"),
    ("llamacloud", f"paging-{PARSE}", {"no_paging": True, "end_token": "absent"}, "no field"),
    ("llamacloud", "missing-parse", {}, "`detail` (a text); the connector takes it for a job"),
    ("llamacloud", "missing-parse", {"refuse_status": 502}, "502 with an HTML page"),
    ("llamacloud", "batch-parse", {}, "200 ids are taken"),
    ("llamacloud", "batch-parse", {"job_ids_max": 50}, "200 ids are refused (status 422)"),
    ("llamacloud", "batch-parse", {"ignore_job_ids": True}, "50 ids are taken"),
    ("llamacloud", "single-parse", {}, "the same status word; the same creation"),
    ("llamacloud", "result-parse", {}, "not known: none"),
    ("llamacloud", "result-parse", {"unknown_segment_type": True}, "not known: `Hologram`"),
    ("llamacloud", "early-result-parse", {}, "with no result"),
    ("llamacloud", "early-result-parse", {"early_result_status": 409}, "status 409"),
    ("llamacloud", "clock", {}, "no answer had a `Date` header"),
    ("llamacloud", "data-points", {}, "not served (status 404)"),
    ("llamacloud", "data-points", {"data_points": True}, "served"),
    ("llamacloud", "comma", {}, "commas are understood"),
    ("llamacloud", "comma", {"comma_lists": False}, "commas are refused (status 422)"),
    ("llamacloud", "project", {}, "refused (status 422)"),
    ("llamacloud", "project", {"prefixed_project_id": True}, "accepted"),
    ("llamacloud", "list-results", {}, "0 of "),
    ("llamacloud", "list-results", {"list_carries_results": True}, "carry it"),
    ("contextual", "totals", {}, "of the whole list"),
    ("contextual", "extract-limit", {}, "1000 is refused (status 422)"),
    ("contextual", "extract-limit", {"refuse_status": 403}, "1000 is refused (status 403)"),
    ("contextual", "early-result-extract", {"early_result_status": 404}, "status 404"),
    ("contextual", "paging-extract-jobs", {"end_token": "null"}, "the second page has 2 rows"),
    ("unsiloed", "missing-parse", {}, "plain text in quotes; the connector takes it for a job"),
    ("unsiloed", "missing-parse", {"unsiloed_404": "json"}, "`detail` (a text); the connector"),
    ("unsiloed", "without-chunks", {}, "no chunks come"),
    ("unsiloed", "output-key", {}, "under `result.output_file_url`"),
    ("unsiloed", "early-result-parse", {"early_result_status": 409}, "status 409"),
)


@pytest.mark.parametrize(
    ("name", "question", "faults", "said"), CASES, ids=[f"{c[0]}-{c[1]}-{c[2]}" for c in CASES]
)
def test_an_answer_says_how_the_server_is(
    emulator: Emulator, name: str, question: str, faults: dict[str, Any], said: str
) -> None:
    emulator.faults = Faults(**faults)
    found = ask_one(emulator, name, question)
    assert said in found.answer, found.answer
    assert found.outcome == "shown"


def test_an_unknown_status_is_named_only_if_it_is_a_plain_word(emulator: Emulator) -> None:
    first, second, *_ = [job for job in emulator.jobs("contextual", "extract") if job.is_terminal]
    emulator.faults.status_overrides = {
        first.job_id: "AWAITING_REVIEW",
        second.job_id: "waits for anna@example.com",
    }
    found = ask_one(emulator, "contextual", "words-extract-jobs")
    assert "not known: `AWAITING_REVIEW`, 1 not written here" in found.answer


def test_old_jobs_show_how_far_a_list_reaches() -> None:
    with Emulator(seed=7, jobs=20) as emulator:
        found = ask_one(emulator, "llamacloud", f"reach-{PARSE}")
        assert "no job older than 90 days" in found.answer
        newest = emulator.jobs("llamacloud")[-1].created_at
        emulator.add_job("llamacloud", "parse", created_at=newest - timedelta(days=120))
        found = ask_one(emulator, "llamacloud", f"reach-{PARSE}")
        assert found.answer == "jobs older than 90 days are shown"


def test_what_an_empty_account_does_not_have_is_not_shown() -> None:
    with Emulator(seed=7, jobs=0) as emulator:
        for name, question in (
            ("llamacloud", f"order-{PARSE}"),
            ("llamacloud", f"lower-bound-{PARSE}"),
            ("llamacloud", "result-parse"),
            ("llamacloud", "batch-parse"),
            ("llamacloud", "comma"),
            ("contextual", "totals"),
            ("unsiloed", "without-chunks"),
        ):
            found = ask_one(emulator, name, question)
            assert found.outcome == "not shown", (name, question, found.answer)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "none in"),
        ({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "7"}, "`x-ratelimit-limit` = 60"),
    ],
)
def test_headers_tell_of_limits_and_not_of_what_is_left(
    emulator: Emulator, headers: dict[str, str], said: str
) -> None:
    from probe_support import answers, ask

    emulator.faults.limit_headers = headers
    found = answers(ask(emulator, "contextual"))["limits"]
    assert said in found.answer
    assert "= 7" not in found.answer


@pytest.mark.parametrize(("skew", "said"), [(0, "within 2"), (90, "ahead"), (-90, "behind")])
def test_the_clock_is_compared(emulator: Emulator, skew: float, said: str) -> None:
    from probe_support import answers, ask

    emulator.faults.clock_skew_seconds = skew
    assert said in answers(ask(emulator, "contextual"))["clock"].answer
