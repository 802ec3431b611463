"""Each question is asked of servers that differ in just what it asks, and tells them apart."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from probe_support import ask_one

from dlt_docjobs.emulator import Emulator, Faults
from dlt_docjobs.probe.kinds import OF_KINDS
from dlt_docjobs.probe.lists import OF_LISTS
from dlt_docjobs.probe.questions import questions_of
from dlt_docjobs.providers.registry import providers

PARSE = "api-v2-parse"

# pages of 50, whatever is asked for
CUT: dict[str, Any] = {"cut_page_size": True, "page_size_max": 50}
GONE: dict[str, Any] = {"path_pattern": r"(job|jobs|parse|extract)/[^/]*\d", "refuse_status": 404}
WRAPPED: dict[str, Any] = {"reducto_urls": True, "reducto_wrapped": True}
OF_LANDINGAI: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("landingai", "order-by-{}", {}, "by their creation"),
    ("landingai", "order-by-{}", {"landingai_order": "end"}, "by their end"),
    ("landingai", "delivery-{}", {}, "in the answer"),
    ("landingai", "delivery-{}", {"landingai_delivery": "receipt"}, "with metadata beside it"),
    ("landingai", "progress-{}", {}, "a number from 0 to 1"),
    ("landingai", "progress-{}", {"percent_progress": True}, "a number above 1"),
    ("landingai", "old-result-{}", {}, "a result"),
    ("landingai", "old-result-{}", GONE, "status 404 with a JSON object"),
)

# provider, question, faults, what the answer says
CASES: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("llamacloud", f"order-{PARSE}", {"parse_order": "newest"}, "newest first"),
    ("llamacloud", f"order-{PARSE}", {"parse_order": "oldest"}, "oldest first"),
    ("llamacloud", f"order-{PARSE}", {"parse_order": "id"}, "by something else"),
    ("llamacloud", f"lower-bound-{PARSE}", {}, "inclusive: a job is shown"),
    ("llamacloud", f"lower-bound-{PARSE}", {"exclusive_bounds": True}, "not inclusive"),
    ("llamacloud", f"upper-bound-{PARSE}", {"parse_order": "newest"}, "inclusive: a job is"),
    ("llamacloud", f"upper-bound-{PARSE}", {"exclusive_bounds": True}, "not inclusive"),
    ("llamacloud", f"lower-bound-{PARSE}", {"ignore_bounds": True}, "not heeded: jobs outside"),
    ("llamacloud", f"upper-bound-{PARSE}", {"ignore_bounds": True}, "not heeded: jobs outside"),
    # the first page is not the whole list
    ("llamacloud", f"lower-bound-{PARSE}", CUT, "inclusive: a job is shown"),
    ("llamacloud", f"lower-bound-{PARSE}", CUT | {"exclusive_bounds": True}, "not inclusive"),
    ("llamacloud", f"upper-bound-{PARSE}", CUT | {"exclusive_bounds": True}, "not inclusive"),
    ("llamacloud", f"upper-bound-{PARSE}", CUT | {"ignore_bounds": True}, "not heeded"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "naive"}, "no zone and 6 digits"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "nine"}, "`Z` and 9 digits"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "offset"}, "an offset"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "null"}, "108 of 108 jobs have no date"),
    ("llamacloud", f"dates-{PARSE}", {"timestamps": "garbage"}, "108 of 108 jobs have no date"),
    ("llamacloud", f"words-{PARSE}", {}, "not known: none"),
    ("llamacloud", f"words-{PARSE}", {"unreadable_rows": {"no_id"}}, "not be read: 1"),
    ("llamacloud", f"fields-{PARSE}", {}, "none"),
    ("llamacloud", f"fields-{PARSE}", {"unknown_fields": True}, "`x_added_later`"),
    ("llamacloud", f"page-size-{PARSE}", {"page_size_max": 500}, "1000 is refused (status 422)"),
    ("llamacloud", f"page-size-{PARSE}", {"ignore_page_size": True}, "no more than 50 come"),
    ("llamacloud", f"page-size-{PARSE}", {}, "no more than a page"),
    ("llamacloud", f"page-size-{PARSE}", {"page_size_max": 50}, "200 is refused (status 422)"),
    ("llamacloud", f"page-size-{PARSE}", CUT, "1000 is taken, but no more than 50 come"),
    ("llamacloud", f"paging-{PARSE}", {}, "0 of them seen before; at the end `next_page_token`"),
    ("llamacloud", f"paging-{PARSE}", CUT, "has 50 rows for a first one of 50, 0 of them"),
    ("landingai", "paging-v2-parse-jobs", {}, "0 of them seen before; its token is another"),
    ("landingai", "paging-v2-parse-jobs", {"no_paging": True}, "`has_more` is false"),
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
    ("llamacloud", "batch-parse", {"ignore_job_ids": True}, "not heeded: others came"),
    ("llamacloud", "batch-parse", CUT | {"ignore_job_ids": True}, "not heeded: others came"),
    ("llamacloud", "single-parse", {}, "the same status word; the same creation"),
    ("llamacloud", "single-parse", {"omit_list_timestamps": True}, "no creation in the first"),
    ("contextual", "single-parse", {}, "the same status word; no creation in either"),
    ("contextual", "single-parse", {"single_status": "retrying"}, "`retrying` in the second"),
    ("reducto", "single-parse", {"reducto_plain": True}, "no creation in the second"),
    ("reducto", "single-parse", {"reducto_plain": False}, "the same creation"),
    ("llamacloud", "result-parse", {}, "not known: none"),
    ("llamacloud", "result-parse", {"unknown_segment_type": True}, "not known: `Hologram`"),
    ("llamacloud", "result-extract", {}, "stored as it comes"),
    ("landingai", "result-parse", {"landingai_delivery": "receipt"}, "no result, though the job"),
    ("reducto", "result-parse", {}, "`List-Item`"),
    ("llamacloud", "malformed-parse", {}, "the connector takes it for a job that is not there"),
    ("contextual", "malformed-parse", {}, "takes it for a request that is refused"),
    ("llamacloud", "early-result-parse", {}, "with no result"),
    ("llamacloud", "early-result-parse", {"early_result_status": 409}, "status 409"),
    ("llamacloud", "clock", {}, "no answer had a `Date` header"),
    ("llamacloud", "data-points", {}, "not served (status 404)"),
    ("llamacloud", "data-points", {"data_points": True}, "served"),
    ("llamacloud", "comma", {}, "commas are understood"),
    ("llamacloud", "comma", {"comma_lists": False}, "commas are refused (status 422)"),
    ("llamacloud", "comma", {"comma_lists": "ignored"}, "commas are taken, and not understood"),
    ("llamacloud", "project", {}, "refused (status 422)"),
    ("llamacloud", "project", {"prefixed_project_id": True}, "accepted"),
    ("llamacloud", "list-results-extract", {}, "0 of "),
    ("llamacloud", "list-results-extract", {"list_carries_results": True}, "24 of 24"),
    ("llamacloud", "list-results-classify", {}, "5 of 5"),
    ("llamacloud", "list-results-classify", {"lists_without_results": True}, "0 of 5"),
    ("llamacloud", "list-results-split", {}, "6 of 6"),
    ("llamacloud", "list-results-split", {"lists_without_results": True}, "0 of 6"),
    ("llamacloud", "update", {}, "108 of 108 jobs have both; of 108 the update"),
    ("llamacloud", "update", {"omit_list_timestamps": True}, "0 of 108 jobs have both"),
    ("llamacloud", "ids-and-dates", {}, "taken together: both are heeded"),
    ("llamacloud", "ids-and-dates", {"ids_override_bounds": True}, "the bound is not heeded"),
    ("llamacloud", "ids-and-dates", {"job_ids_max": 0}, "refused together (status 422)"),
    ("llamacloud", "review", {}, "none is served (status 404)"),
    ("llamacloud", "review", {"reviews": True}, "with 1 fields that no page names"),
    ("llamacloud", "old-result", {}, "a result"),
    ("llamacloud", "old-result", GONE, "status 404 with a JSON object"),
    ("contextual", "totals", {}, "of the whole list"),
    ("contextual", "totals", {"contextual_total": "page"}, "of the page"),
    ("contextual", "totals", {"contextual_total": "other"}, "neither of page nor list"),
    ("contextual", "clamp", {}, "taken"),
    ("contextual", "clamp", {"refuse_old_bounds": True}, "refused (status 422)"),
    ("contextual", "offset", {}, "taken"),
    ("contextual", "offset", {"refuse_offsets": True}, "refused (status 422)"),
    ("contextual", "default-output", {}, "`markdown-document`"),
    (
        "contextual",
        "default-output",
        {"contextual_default_output": "blocks-per-page"},
        "`blocks-per-page`",
    ),
    ("contextual", "repeated", {}, "`markdown-per-page` and `blocks-per-page`"),
    ("contextual", "repeated", {"last_of_repeated": True}, "`blocks-per-page`"),
    ("contextual", "box-scale", {}, "60 of 60 boxes"),
    ("contextual", "box-scale", {"contextual_percent_boxes": True}, "0 of 60 boxes"),
    ("contextual", "old-result", {}, "a result"),
    ("contextual", "old-result", GONE, "status 404 with a JSON object"),
    ("contextual", "extract-limit", {"cut_page_size": True, "page_size_max": 10}, "more than 10"),
    ("contextual", "extract-limit", {}, "1000 is refused (status 422)"),
    ("contextual", "extract-limit", {"refuse_status": 403}, "1000 is refused (status 403)"),
    ("contextual", "early-result-extract", {"early_result_status": 404}, "status 404"),
    ("contextual", "paging-extract-jobs", {"end_token": "null"}, "the second page has 2 rows"),
    ("unsiloed", "missing-parse", {}, "plain text in quotes; the connector takes it for a job"),
    ("unsiloed", "missing-parse", {"unsiloed_404": "json"}, "`detail` (a text); the connector"),
    ("unsiloed", "without-chunks", {}, "no chunks come"),
    ("unsiloed", "without-chunks", {"unsiloed_always_chunks": True}, "chunks come nevertheless"),
    ("unsiloed", "output-key", {}, "under `result.output_file_url`"),
    ("unsiloed", "output-key", {"unsiloed_output_key": "top"}, "under `output_file_url`"),
    ("unsiloed", "output-key", {"unsiloed_output_key": "other"}, "under none of the documented"),
    ("unsiloed", "without-urls", {}, "none comes"),
    ("unsiloed", "without-urls", {"unsiloed_always_urls": True}, "3 of 3 come nevertheless"),
    ("unsiloed", "other-path", {}, "status 404 with a JSON object"),
    ("unsiloed", "other-path", {"unsiloed_any_path": True}, "it is answered there, too"),
    ("unsiloed", "part-names", {}, "1 names for 3 parts"),
    ("unsiloed", "part-names", {"unsiloed_numbered_names": True}, "3 names for 3 parts"),
    ("unsiloed", "cancelled", {}, "0 of 1 cancelled jobs say"),
    ("unsiloed", "cancelled", {"unsiloed_cancelled_end": True}, "1 of 1 cancelled jobs say"),
    ("unsiloed", "early-result-parse", {"early_result_status": 409}, "status 409"),
    ("reducto", "order-jobs", {"parse_order": "newest"}, "newest first"),
    ("reducto", "fields-jobs", {}, "none"),
    ("reducto", "configs", {}, "an empty text in 84 rows"),
    ("reducto", "configs", {"reducto_no_configs": "absent"}, "absent in 84 rows"),
    ("reducto", "configs", {"reducto_no_configs": "braces"}, "`{}` as a text in 84 rows"),
    ("reducto", "configs", {"reducto_no_configs": "kept"}, "the request nevertheless in 84"),
    ("reducto", "types", {}, "none"),
    ("reducto", "types", {"other_types": True}, "`Chart`, `Edit`, `Pipeline`, `Transcribe`"),
    ("reducto", "pages", {}, "in 0 of 83 rows"),
    ("reducto", "pages", {"reducto_page_range": True}, "in 61 of 83 rows"),
    ("reducto", "shape", {"reducto_plain": True}, "none"),
    ("reducto", "shape", {"reducto_plain": False}, "`created_at`, `type`"),
    ("reducto", "running", {}, "`Pending`"),
    ("reducto", "running", {"reducto_own_words": True}, "`InProgress`"),
    ("reducto", "cancelled", {}, "`Failed` and the error `JOB_CANCELLED`"),
    ("reducto", "cancelled", {"reducto_cancelled": "Idle"}, "`Idle`"),
    ("reducto", "progress", {}, "a number from 0 to 1"),
    ("reducto", "progress", {"percent_progress": True}, "a number above 1"),
    ("reducto", "billing", {}, "it has `credits`"),
    ("reducto", "billing", {"reducto_breakdown": True}, "it has `usage_breakdown`"),
    ("reducto", "billing", {"usage_never": True}, "it has none"),
    ("reducto", "response-type", {}, "`extract`"),
    ("reducto", "response-type", {"reducto_no_response_type": True}, "it is absent"),
    *(
        case
        for kind in ("extract", "classify", "split")
        for case in (
            ("reducto", f"behind-url-{kind}", {"reducto_urls": True}, "the bare value"),
            ("reducto", f"behind-url-{kind}", WRAPPED, "the result with what stands around it"),
        )
    ),
    ("reducto", "sheets", {}, "0 of 16 boxes"),
    ("reducto", "sheets", {"reducto_sheets": True}, "16 of 16 boxes"),
    ("reducto", "old-result", {}, "a result"),
    ("reducto", "old-result", GONE, "status 404 with a JSON object"),
    *(
        (name, question.format(kind), faults, said)
        for kind in ("parse", "extract")
        for name, question, faults, said in OF_LANDINGAI
    ),
    ("landingai", "size-name", {}, "`page_size` is not heeded, `pageSize` is heeded"),
    (
        "landingai",
        "size-name",
        {"landingai_page_size": "page_size"},
        "`page_size` is heeded, `pageSize` is not heeded",
    ),
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


# asked below, or with more than a fault
APART = ("clock", "limits", "reach", "idle", "old-form")


def test_every_question_is_tried_with_two_answers() -> None:
    tried: dict[tuple[str, str], set[str]] = {}
    general: dict[str, set[str]] = {}
    for name, question, _, said in CASES:
        tried.setdefault((name, question), set()).add(said)
        general.setdefault(_general(question), set()).add(said)
    for declared in providers().values():
        own = {one.name for one in declared.questions()}
        for one in questions_of(declared):
            if one.name.startswith(APART):
                continue
            said = tried.get((declared.name, one.name), set())
            assert len(said if one.name in own else general[_general(one.name)]) > 1, one.name


def _general(question: str) -> str:
    """A question's name without that of its list or kind."""
    return next(
        (name for name, *_ in (*OF_LISTS, *OF_KINDS) if question.startswith(f"{name}-")), question
    )


@pytest.mark.parametrize(
    ("form", "said"),
    [("old", "under `data`, with a second tree"), ("current", "under `result`, in today's form")],
)
def test_the_form_of_old_results(form: Any, said: str) -> None:
    long_ago = datetime(2026, 5, 4, tzinfo=timezone.utc)
    with Emulator(seed=7, jobs=0) as emulator:
        assert ask_one(emulator, "landingai", "old-form").outcome == "not shown"
        emulator.add_job("landingai", "parse", created_at=long_ago, status="completed")
        emulator.faults.landingai_form = form
        assert said in ask_one(emulator, "landingai", "old-form").answer


@pytest.mark.parametrize("own_words", [False, True])
def test_an_idle_job(emulator: Emulator, own_words: bool) -> None:
    job, *_ = [job for job in emulator.jobs("reducto") if not job.is_terminal]
    emulator.faults.status_overrides = {job.job_id: "Idle"}
    if own_words:
        emulator.faults.single_status = "Pending"
    found = ask_one(emulator, "reducto", "idle")
    assert found.answer == ("`Pending`" if own_words else "`Idle`")


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
