"""LlamaCloud's requests and answers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from api_support import KEY, NOON, Query, Server, always, ask, in_turn

from dlt_docjobs.http import InvalidRequest, NotFound, Unauthorized
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange

EVERYTHING = ListRange()
ITEMS = {
    "pages": [
        {
            "page_number": 1,
            "success": True,
            "page_width": 100,
            "page_height": 100,
            "items": [{"type": "text", "value": "Hello", "md": "Hello", "bbox": None}],
        }
    ]
}


def row(job_id: str = "pjb-1", **fields: Any) -> dict[str, Any]:
    return {"id": job_id, "project_id": "prj-1", "status": "COMPLETED", **fields}


def page(*rows: Any, **fields: Any) -> dict[str, Any]:
    return {"items": list(rows), **fields}


def listed(
    server: Server,
    wanted: ListRange = EVERYTHING,
    token: str | None = None,
    kind: JobKind = "parse",
    **options: Any,
) -> JobPage:
    return ask(LlamaCloudApi, server, lambda api: api.list_page(kind, wanted, token), **options)


def ids(answer: JobPage) -> list[str]:
    return [seen.job_id for seen in answer.observations]


# -- lists ------------------------------------------------------------------------------------


def test_the_first_page_is_asked_for_with_its_size_alone() -> None:
    server = always(page(row()))
    assert ids(listed(server)) == ["pjb-1"]
    assert server.asked == [("/api/v2/parse", [("page_size", "100")])]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_bounds_are_sent_exactly_and_the_same_with_every_page() -> None:
    wanted = ListRange(NOON + timedelta(microseconds=1), NOON + timedelta(days=1))
    server = always(page())
    for token in (None, "t/1+2="):
        listed(server, wanted, token, "split", page_size=7)
    bounds = [
        # rounded down or not at all: a job of this very microsecond must come along
        ("created_at_on_or_after", "2026-11-22T12:00:00.000001Z"),
        ("created_at_on_or_before", "2026-11-23T12:00:00.000000Z"),
    ]
    assert server.asked == [
        ("/api/v1/split/jobs", [*bounds, ("page_size", "7")]),
        ("/api/v1/split/jobs", [*bounds, ("page_token", "t/1+2="), ("page_size", "7")]),
    ]


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        ({}, []),
        ({"project_id": "prj"}, [("project_id", "prj")]),
        ({"organization_id": "org"}, [("organization_id", "org")]),
        ({"project_id": "", "organization_id": None}, []),
        (
            {"project_id": "prj", "organization_id": "org"},
            [("project_id", "prj"), ("organization_id", "org")],
        ),
    ],
)
def test_the_project_is_sent_only_where_it_is_configured(
    options: dict[str, Any], scope: Query
) -> None:
    # the rows name a project of their own, which is never sent back
    server = Server(lambda path, query: page(row()) if path.count("/") == 3 else row())

    async def everything(api: LlamaCloudApi) -> None:
        await api.list_page("parse", EVERYTHING, None)
        await api.poll("parse", ["pjb-1"])
        await api.status("parse", "pjb-1")
        await api.usage("parse", "pjb-1")
        await api.check()
        await api.before_list("parse", 5)

    ask(LlamaCloudApi, server, everything, include_state_transitions=True, **options)
    assert len(server.queries) == 6
    for query in server.queries:
        assert [pair for pair in query if pair[0] in ("project_id", "organization_id")] == scope


@pytest.mark.parametrize("status", [400, 422])
def test_a_page_size_that_is_refused_gives_way_to_the_server_s_own(status: int) -> None:
    def answer(path: str, query: Query) -> Any:
        return status if dict(query).get("page_size") else page(row("pjb-1"), row("pjb-2"))

    server = Server(answer)

    async def twice(api: LlamaCloudApi) -> list[str]:
        await api.list_page("parse", EVERYTHING, None)
        again = await api.list_page("parse", EVERYTHING, "t")
        polled = await api.poll("parse", ["pjb-2"])
        other = await api.list_page("extract", EVERYTHING, None)
        return [*ids(again), *ids(polled), *ids(other)]

    assert ask(LlamaCloudApi, server, twice) == ["pjb-1", "pjb-2", "pjb-2", "pjb-1", "pjb-2"]
    sizes = [dict(query).get("page_size") for query in server.queries]
    # once refused it is not tried again for that list
    assert sizes == ["100", None, None, None, "100", None]


def test_a_refusal_for_another_reason_is_told_and_blames_no_size() -> None:
    refuses = True

    def answer(path: str, query: Query) -> Any:
        return 422 if refuses else page()

    server = Server(answer)

    async def twice(api: LlamaCloudApi) -> None:
        nonlocal refuses
        with pytest.raises(InvalidRequest):
            await api.list_page("parse", EVERYTHING, None)
        refuses = False
        await api.list_page("parse", EVERYTHING, None)

    ask(LlamaCloudApi, server, twice)
    assert [dict(query).get("page_size") for query in server.queries] == ["100", None, "100"]


def test_a_key_that_is_not_accepted_is_told_at_once() -> None:
    server = always(401)
    with pytest.raises(Unauthorized):
        listed(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({}, None),
        ({"next_page_token": None}, None),
        ({"next_page_token": ""}, None),
        ({"next_page_token": "abc"}, "abc"),
        ({"next_page_token": 17}, "17"),
        ({"next_page_token": 0}, "0"),
    ],
)
def test_tokens(fields: dict[str, Any], token: str | None) -> None:
    assert listed(always(page(row(), total_size=0, **fields))).next_token == token
    # an empty page with a token is no end
    assert listed(always(page(total_size=99, **fields))).next_token == token


@pytest.mark.parametrize("token", [True, {"offset": 5}, ["a"]])
def test_a_token_that_can_t_be_sent_back_is_not_the_end(token: Any) -> None:
    answer = listed(always(page(row(), next_page_token=token)))
    assert len(answer.observations) == 1, "what came is kept"
    assert isinstance(answer.breaks_off, UnreadableRecord)
    assert answer.breaks_off.payload == {"next_page_token": token}


@pytest.mark.parametrize(
    "body", [{}, {"detail": "maintenance"}, [], None, "x", {"items": {}}, {"items": "none"}]
)
def test_an_answer_without_rows_is_not_an_empty_list(body: Any) -> None:
    with pytest.raises(UnreadableRecord, match="no `items` array") as refused:
        listed(always(httpx.Response(200, content=json.dumps(body))))
    assert refused.value.payload == body and refused.value.endpoint == "/api/v2/parse"


def test_null_rows_are_an_empty_list() -> None:
    assert listed(always({"items": None, "next_page_token": "t"})).next_token == "t"


@pytest.mark.parametrize(
    ("bad", "error", "job_id"),
    [
        ("text", "a job should be a JSON object, not a text", None),
        (None, "a job should be a JSON object, not null", None),
        ([1], "a job should be a JSON object, not an array", None),
        ({"status": "PENDING"}, "field id: Field required", None),
        ({"id": None, "status": "PENDING"}, "field id: is missing or no text", None),
        ({"id": 5, "status": "PENDING"}, "field id: is missing or no text", None),
        ({"id": " ", "status": "PENDING"}, "field id: is missing or no text", " "),
        ({"id": "pjb-9"}, "field status: Field required", "pjb-9"),
        ({"id": "pjb-9", "status": None}, "field status: is missing or no text", "pjb-9"),
        ({"id": "pjb-9", "status": {"x": 1}}, "field status: is missing or no text", "pjb-9"),
    ],
)
def test_a_row_that_can_t_be_read_is_set_aside_and_the_rest_goes_on(
    bad: Any, error: str, job_id: str | None
) -> None:
    answer = listed(always(page(row("pjb-1"), bad, row("pjb-2"), next_page_token="t")))
    assert ids(answer) == ["pjb-1", "pjb-2"] and answer.next_token == "t"
    (rejection,) = answer.rejections
    assert (rejection.error, rejection.job_id, rejection.payload) == (error, job_id, bad)
    assert (rejection.endpoint, rejection.job_kind) == ("/api/v2/parse", "parse")
    assert "Jane" not in rejection.error


@pytest.mark.parametrize("sent", ["yesterday, Jane", 5, 1e20, True, [1], "2026-13-01"])
def test_a_date_that_can_t_be_read_costs_the_date_and_not_the_job(sent: Any) -> None:
    answer = listed(always(page(row("pjb-1", created_at=sent))))
    (seen,) = answer.observations
    assert not answer.rejections
    assert (seen.job_id, seen.created_at, seen.payload["created_at"]) == ("pjb-1", None, sent)


@pytest.mark.parametrize(
    "sent",
    [
        "2026-11-20 10:00:00 UTC",
        "Fri, 20 Nov 2026 10:00:00 GMT",
        "2026-11-20T09:59:60Z",
        "1795168800.0",
        1795168800,
        1795168800000,
    ],
)
def test_a_date_may_have_many_forms(sent: Any) -> None:
    (seen,) = listed(always(page(row("pjb-1", created_at=sent)))).observations
    assert seen.created_at == datetime(2026, 11, 20, 10, tzinfo=timezone.utc)


def test_a_row_is_read_with_all_that_it_says() -> None:
    whole = row(
        created_at="2026-11-22T12:00:00.117Z",
        updated_at="2026-11-22T14:00:01+02:00",
        name="a.pdf",
        tier="agentic",
        error_message="broke",
        usage={"credits": 1.5},
        user_metadata={"k": "v"},
        later={"x": [1]},
    )
    (seen,) = listed(always(page(whole))).observations
    assert seen.created_at == NOON + timedelta(milliseconds=117)
    assert seen.updated_at == NOON + timedelta(seconds=1)
    assert (seen.document_name, seen.tier, seen.project_id) == ("a.pdf", "agentic", "prj-1")
    assert (seen.error_message, seen.credits, seen.user_metadata) == ("broke", 1.5, {"k": "v"})
    assert seen.payload == whole and not seen.has_progress
    assert seen.sent_at is not None and seen.sent_at < seen.observed_at


@pytest.mark.parametrize(
    "odd",
    [
        {"updated_at": "later"},
        {"updated_at": 5},
        {"name": {"x": 1}},
        {"tier": True},
        {"usage": "much"},
        {"usage": {"credits": "NaN"}},
        {"usage": {"credits": True}},
        {"error_message": ["a"]},
        {"project_id": None},
        {"model_fields": 1, "__class__": 2, "model_config": {}, "": 3},
        {"\ud800": "\ud800"},
    ],
)
def test_an_optional_field_of_another_type_is_null_and_whole_in_the_payload(
    odd: dict[str, Any],
) -> None:
    body = json.dumps(page(row(**odd)))
    (seen,) = listed(always(httpx.Response(200, content=body))).observations
    for name in odd.keys() & {"updated_at", "tier", "error_message"}:
        assert getattr(seen, name) is None
    assert seen.credits is None
    assert seen.payload == row(**odd)


# -- many jobs at once ------------------------------------------------------------------------


def polled(server: Server, *job_ids: str) -> JobPage:
    return ask(LlamaCloudApi, server, lambda api: api.poll("parse", list(job_ids)))


def test_job_ids_are_repeated_and_sized() -> None:
    server = always(page(row("b"), row("a")))
    assert sorted(ids(polled(server, "a", "b"))) == ["a", "b"]
    assert server.asked == [
        ("/api/v2/parse", [("job_ids", "a"), ("job_ids", "b"), ("page_size", "2")])
    ]


def test_a_server_that_ignores_job_ids_is_not_read_to_its_end() -> None:
    numbers = iter(range(10**6))

    def answer(path: str, query: Query) -> Any:
        return page(*(row(f"other-{next(numbers)}") for _ in range(10)), next_page_token="t")

    server = Server(answer)
    assert ids(polled(server, *"abc")) == []
    assert len(server.asked) == 1


def test_a_server_that_caps_the_page_is_asked_on() -> None:
    wanted = [f"job-{number}" for number in range(50)]

    def answer(path: str, query: Query) -> Any:
        start = int(dict(query).get("page_token", 0))
        rows = [row(job_id) for job_id in wanted[start : start + 10]]
        return page(*rows, next_page_token=str(start + 10) if start < 40 else None)

    server = Server(answer)
    assert ids(polled(server, *wanted)) == wanted
    assert len(server.asked) == 5


def test_what_nobody_asked_for_is_left_out_and_what_comes_again_comes_once() -> None:
    server = in_turn(
        page(row("a"), row("x"), next_page_token="1"),
        page(row("a"), row("b"), next_page_token="2"),
    )
    assert ids(polled(server, "a", "b")) == ["a", "b"]


def test_ids_that_the_server_leaves_out_are_missing_and_no_loop() -> None:
    server = always(page(row("a"), next_page_token="same"))
    assert ids(polled(server, "a", "b")) == ["a"]
    assert len(server.asked) <= 2
    numbers = iter(range(10**6))
    endless = Server(lambda path, query: page(next_page_token=str(next(numbers))))
    assert ids(polled(endless, *(f"job-{n}" for n in range(50)))) == []
    assert len(endless.asked) <= 7


@pytest.mark.parametrize(("date", "hours"), [("Sun, 22 Nov 2026 13:00:00 GMT", 1), (None, None)])
def test_an_empty_page_tells_the_time_too(date: str | None, hours: int | None) -> None:
    headers = {} if date is None else {"date": date}
    server = always(httpx.Response(200, headers=headers, json=page()))
    for told in (listed(server).clock_offset, polled(server, "a").clock_offset):
        if hours is None:
            assert told is None
        else:
            assert told is not None and abs(told - timedelta(hours=hours)) < timedelta(seconds=30)


# -- one job ----------------------------------------------------------------------------------


def got(server: Server, kind: JobKind = "parse", tier: str | None = None) -> JobAnswer:
    return ask(LlamaCloudApi, server, lambda api: api.result(kind, "pjb-1", tier))


def status(server: Server, kind: JobKind = "parse") -> JobAnswer:
    return ask(LlamaCloudApi, server, lambda api: api.status(kind, "pjb-1"))


def test_a_status_asks_for_no_result() -> None:
    server = always({"job": row(name="a.pdf"), "items": ITEMS})
    answer = status(server)
    assert server.asked == [("/api/v2/parse/pjb-1", [])]
    assert answer.observation.document_name == "a.pdf" and not answer.has_result
    server = always({"job": row()})
    ask(LlamaCloudApi, server, lambda api: api.usage("parse", "pjb-1"))
    assert server.asked == [("/api/v2/parse/pjb-1", [("expand", "usage")])]


def test_a_get_that_answers_flat_is_read_too() -> None:
    flat = row(name="a.pdf") | {"items": ITEMS, "markdown": None, "metadata": {"x": 1}}
    answer = got(always(flat))
    assert answer.observation.document_name == "a.pdf"
    assert answer.document is not None and answer.document.count("segments") == 1
    assert answer.observation.payload == row(name="a.pdf") | {"metadata": {"x": 1}}


@pytest.mark.parametrize("kind", ["parse", "extract"])
@pytest.mark.parametrize("change", [{"id": "PJB-1"}, {"id": None}, "absent"])
def test_the_job_is_the_one_that_was_asked_for(kind: JobKind, change: Any) -> None:
    job = row()
    if change == "absent":
        del job["id"]
    else:
        job |= change
    answer = status(always({"job": job} if kind == "parse" else job), kind)
    assert answer.observation.job_id == "pjb-1"
    assert answer.observation.payload == job


@pytest.mark.parametrize(
    "body", [{"job": None}, {"job": []}, {"job": {"id": "pjb-1"}}, {}, [], "x", {"detail": "x"}]
)
def test_an_answer_that_is_no_job_is_kept_whole(body: Any) -> None:
    for ask_for in (status, got):
        with pytest.raises(UnreadableRecord) as refused:
            ask_for(always(httpx.Response(200, content=json.dumps(body))))
        assert refused.value.payload == body


def test_404_is_told_apart() -> None:
    with pytest.raises(NotFound):
        status(always(404))


# -- results ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", [None, "agentic", "AGENTIC_PLUS", "new"])
def test_items_are_asked_for_with_metadata_and_usage(tier: str | None) -> None:
    server = always(
        {
            "job": row(usage={"credits": 3}),
            "items": ITEMS,
            "metadata": {"pages": [{"page_number": 1, "confidence": 0.5}], "document": {"c": 1}},
            "job_metadata": {"x": 1},
            "text": None,
            "forms": {"pages": []},
        }
    )
    answer = got(server, tier=tier)
    expand = [("expand", part) for part in ("items", "metadata", "usage", "forms")]
    assert server.asked == [("/api/v2/parse/pjb-1", expand)]
    assert answer.document is not None
    assert answer.document.tables["pages"]["confidence"].to_pylist() == [0.5]
    assert answer.observation.page_count == 1 and answer.observation.credits == 3
    # what became rows is no part of the payload, everything else is
    assert answer.observation.payload == row(usage={"credits": 3}) | {
        "metadata": {"document": {"c": 1}},
        "job_metadata": {"x": 1},
    }


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "FAILED", "CANCELLED", "ODD"])
def test_a_job_that_has_not_succeeded_has_no_result(word: str) -> None:
    server = always({"job": row(status=word), "items": ITEMS})
    assert not got(server).has_result and len(server.asked) == 1


TEXT = {"pages": [{"page_number": 1, "text": "Hello"}, {"page_number": 2, "text": ""}]}


def test_the_fast_tier_is_asked_for_text_too() -> None:
    server = always({"job": row(), "items": None, "text": TEXT})
    answer = got(server, tier="Fast")
    assert [value for _, value in server.queries[0]] == ["items", "text", "metadata", "usage"]
    assert answer.document is not None
    assert answer.document.tables["segments"]["content"].to_pylist() == ["Hello"]
    assert answer.observation.page_count == 2


@pytest.mark.parametrize("tier", ["fast", None])
@pytest.mark.parametrize("code", [400, 422])
def test_a_server_that_refuses_items_is_asked_for_text_alone(tier: str | None, code: int) -> None:
    def answer(path: str, query: Query) -> Any:
        return code if ("expand", "items") in query else {"job": row(), "text": TEXT}

    server = Server(answer)
    document = got(server, tier=tier).document
    assert document is not None and document.count("pages") == 2
    assert [value for _, value in server.queries[-1]] == ["text", "metadata", "usage"]
    assert len(server.asked) <= 4


def test_a_server_that_minds_forms_is_asked_for_them_once() -> None:
    def answer(path: str, query: Query) -> Any:
        return 422 if ("expand", "forms") in query else {"job": row(), "items": ITEMS}

    async def twice(api: LlamaCloudApi) -> list[JobAnswer]:
        return [await api.result("parse", "pjb-1", "agentic") for _ in range(2)]

    server = Server(answer)
    assert all(one.has_result for one in ask(LlamaCloudApi, server, twice))
    assert [("expand", "forms") in query for query in server.queries] == [True, False, False]


def test_forms_without_items_are_no_result() -> None:
    forms = {"pages": [{"page_number": 1, "success": True, "forms": []}]}
    server = always({"job": row(), "items": None, "forms": forms})
    answer = got(server, tier="agentic")
    assert not answer.has_result
    assert "forms" not in answer.observation.payload


def test_a_job_whose_tier_nobody_told_may_have_text_only() -> None:
    def answer(path: str, query: Query) -> Any:
        return {"job": row()} | ({"text": TEXT} if ("expand", "text") in query else {})

    server = Server(answer)
    assert got(server).document is not None and len(server.asked) == 2


@pytest.mark.parametrize("tier", [None, "agentic"])
def test_a_result_that_is_late_is_asked_for_with_all_that_may_hold_it(tier: str | None) -> None:
    server = always({"job": row()})
    retry = ask(
        LlamaCloudApi, server, lambda api: api.result("parse", "pjb-1", tier, is_retry=True)
    )
    assert not retry.has_result
    expand = [("expand", value) for value in ("items", "text", "metadata", "usage")]
    assert server.queries == [expand]


def test_items_that_a_tier_should_have_are_not_replaced_by_text() -> None:
    with pytest.raises(InvalidRequest):
        got(always(422), tier="agentic")


def test_a_succeeded_job_without_anything_has_no_result() -> None:
    assert not got(always({"job": row()})).has_result


@pytest.mark.parametrize("items", [[], "text", {"pages": "none"}, 5])
def test_a_result_of_no_known_shape_is_kept_whole(items: Any) -> None:
    body = {"job": row(), "items": items}
    with pytest.raises(UnreadableRecord) as refused:
        got(always(body))
    assert refused.value.payload == body


# -- extract ----------------------------------------------------------------------------------


def test_an_extraction_comes_with_its_configuration() -> None:
    body = row(
        "ext-1",
        file_input="pjb-77",
        configuration_id="cfg-1",
        configuration={"tier": "x"},
        extract_result=[{"total": 1}],
        extract_metadata={"field_metadata": {"a": 1}, "parse_job_id": "pjb-8", "parse_tier": "t"},
        usage={"credits": 2, "extract_credits": 1, "parse_credits": 1},
        metadata={"any": "thing"},
    )
    server = always(body)
    answer = got(server, "extract")
    assert server.asked == [
        (
            "/api/v2/extract/pjb-1",
            [("expand", "configuration"), ("expand", "extract_metadata"), ("expand", "usage")],
        )
    ]
    seen, extraction = answer.observation, answer.extraction
    assert extraction is not None and extraction.result == [{"total": 1}]
    assert extraction.field_metadata["field_metadata"] == {"a": 1}
    assert (seen.schema_id, seen.document_id, seen.config) == ("cfg-1", "pjb-77", {"tier": "x"})
    assert (seen.parse_job_id, seen.tier, seen.credits) == ("pjb-77", "t", 2)
    assert seen.payload.keys() == body.keys() - {"extract_result", "extract_metadata"}


def test_the_parse_job_is_told_by_the_metadata_where_the_input_is_a_file() -> None:
    metadata = {"parse_job_id": "pjb-8"}
    (seen,) = listed(
        always(page(row("ext-1", file_input="dfl-1", extract_metadata=metadata))), kind="extract"
    ).observations
    assert (seen.parse_job_id, seen.document_id) == ("pjb-8", "dfl-1")
    # rows of a list may carry the result: it is no part of the payload
    (seen,) = listed(
        always(page(row("ext-1", extract_result={"secret": 1}))), kind="extract"
    ).observations
    assert seen.payload == row("ext-1")


@pytest.mark.parametrize("fields", [{}, {"extract_result": None}])
def test_an_extraction_that_is_absent_or_null_is_not_there_yet(fields: dict[str, Any]) -> None:
    answer = got(always(row("ext-1", **fields)), "extract")
    assert not answer.has_result and answer.observation.provider_status == "COMPLETED"
    answer = got(always(row("ext-1", extract_result={})), "extract")
    assert answer.extraction is not None and answer.extraction.result == {}


# -- job-data-points --------------------------------------------------------------------------


def observed_with_points(*pages: Any, hours: float = 5, word: str = "COMPLETED") -> tuple[Any, Any]:
    answers = list(pages)

    def answer(path: str, query: Query) -> Any:
        if path.endswith("job-data-points"):
            return answers.pop(0)
        return page(row(status=word))

    server = Server(answer)

    async def both(api: LlamaCloudApi) -> JobPage:
        await api.before_list("parse", hours)
        return await api.list_page("parse", EVERYTHING, None)

    answer_page: JobPage = ask(LlamaCloudApi, server, both, include_state_transitions=True)
    return answer_page.observations[0], server


def points(**moments: Any) -> dict[str, Any]:
    return {"id": "pjb-1", "status": "completed", "state_transitions": moments}


def test_points_are_asked_for_only_where_they_are_wanted() -> None:
    server = always(page())
    ask(LlamaCloudApi, server, lambda api: api.before_list("parse", 5))
    assert server.asked == []


def test_points_give_exact_times() -> None:
    seen, server = observed_with_points(
        page(points(pending_at="2026-11-22T12:00:00Z"), next_page_token="t"),
        page(
            points(
                pending_at="2026-11-22T12:00:00Z",
                running_at="2026-11-22T12:00:05Z",
                failed_at="2026-11-22T12:00:06Z",
                completed_at="2026-11-22T12:00:09.5Z",
                throttled_at=None,
                cancelled_at="soon",
                paused_at="2026-11-22T12:00:09.5Z",
            ),
            "odd",
            {"id": 5},
        ),
    )
    assert server.asked[0] == (
        "/api/v1/job-data-points",
        [("job_type", "parse"), ("hours", "6"), ("page_size", "100")],
    )
    assert ("page_token", "t") in server.queries[1]
    assert dict(seen.transitions).keys() == {"PENDING", "RUNNING", "FAILED", "COMPLETED"}
    assert seen.started_at == NOON + timedelta(seconds=5)
    assert seen.finished_at == NOON + timedelta(seconds=9.5), "of several ends its own"
    seen, _ = observed_with_points(page(points(failed_at="2026-11-22T12:00:06Z")), word="RUNNING")
    assert seen.finished_at is None


@pytest.mark.parametrize(
    ("hours", "sent"), [(-3, "1"), (0, "1"), (1.5, "2"), (168, "168"), (1e9, "168")]
)
def test_points_are_asked_for_within_their_limits(hours: float, sent: str) -> None:
    _, server = observed_with_points(page(), hours=hours)
    assert dict(server.queries[0])["hours"] == sent


@pytest.mark.parametrize(
    "answer", [404, 403, 500, "text", {"detail": "no"}, page(next_page_token={})]
)
def test_points_that_are_not_served_leave_everything_as_it_was(answer: Any) -> None:
    body = httpx.Response(200, content=json.dumps(answer)) if answer == "text" else answer
    seen, _ = observed_with_points(*[body] * 5)
    assert seen.transitions == () and seen.started_at is None


def test_a_check_is_one_small_list() -> None:
    server = always(page())
    ask(LlamaCloudApi, server, lambda api: api.check())
    assert server.asked == [("/api/v2/parse", [("page_size", "1")])]
