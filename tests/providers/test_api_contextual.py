"""Contextual AI's requests and answers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from api_support import KEY, NOON, Query, Server, always, ask

from dlt_docjobs.http import InvalidRequest, NotFound
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.contextual.api import ContextualApi
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange

BASE = "https://api.test/v1"
JOB = "0b2cf5d5-6a2c-4d06-9f3a-f9c4fb2a2c11"


def listed(
    server: Server,
    kind: JobKind = "parse",
    wanted: ListRange | None = None,
    token: str | None = None,
    **options: Any,
) -> JobPage:
    wanted = wanted or ListRange()
    return ask(
        ContextualApi,
        server,
        lambda api: api.list_page(kind, wanted, token),
        base_url=BASE,
        **{"page_size": 1000, **options},
    )


def page(*rows: Any, **fields: Any) -> dict[str, Any]:
    return {"jobs": list(rows), "total_jobs": 0, **fields}


def parse_row(job_id: str = JOB, **fields: Any) -> dict[str, Any]:
    return {"id": job_id, "status": "completed", "file_name": "a.pdf", **fields}


def extract_row(**fields: Any) -> dict[str, Any]:
    return {
        "job_id": "ext-1",
        "status": "processing",
        "created_at": "2026-11-22T12:00:00",
        "progress": {
            "completion_percentage": 40,
            "current_step": "reading",
            "fields_processed": 2,
            "total_fields": 5,
        },
        "current_activity": "reading page 3",
        "schema_id": "schema-1",
        "document_id": "doc-1",
        "config": {"model": "m"},
        **fields,
    }


# -- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lower", "sent"),
    [
        (NOON, "2026-11-22T12:00:00"),
        # rounded down: a job of this second must come along
        (NOON + timedelta(microseconds=999_999), "2026-11-22T12:00:00"),
        (NOON.astimezone(timezone(timedelta(hours=5))), "2026-11-22T12:00:00"),
        (datetime(900, 1, 1, tzinfo=timezone.utc), "0900-01-01T00:00:00"),
    ],
)
def test_the_bound_is_sent_as_naive_utc_in_whole_seconds(lower: datetime, sent: str) -> None:
    server = always(page(parse_row()))
    listed(server, wanted=ListRange(lower, NOON))
    # the list knows no upper bound
    assert server.asked == [("/v1/parse/jobs", [("uploaded_after", sent), ("limit", "1000")])]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_the_same_parameters_go_with_every_page() -> None:
    server = always(page())
    listed(server, wanted=ListRange(NOON), token="c+/=", page_size=5)
    assert server.queries == [
        [("uploaded_after", "2026-11-22T12:00:00"), ("cursor", "c+/="), ("limit", "5")]
    ]


@pytest.mark.parametrize(("date", "hours"), [("Sun, 22 Nov 2026 13:00:00 GMT", 1), (None, None)])
def test_an_empty_page_tells_the_time_too(date: str | None, hours: int | None) -> None:
    headers = {} if date is None else {"date": date}
    server = always(httpx.Response(200, headers=headers, json=page()))
    told = listed(server).clock_offset
    if hours is None:
        assert told is None
    else:
        assert told is not None and abs(told - timedelta(hours=hours)) < timedelta(seconds=30)


@pytest.mark.parametrize(("size", "limit"), [(1000, "100"), (7, "7"), (None, None)])
def test_extract_pages_are_smaller_and_know_no_bounds(size: int | None, limit: str | None) -> None:
    server = always(page(extract_row()))
    listed(server, "extract", ListRange(NOON, NOON), page_size=size)
    expected = [] if limit is None else [("limit", limit)]
    assert server.asked == [("/v1/extract/jobs", expected)]


@pytest.mark.parametrize("status", [400, 422])
def test_a_limit_that_is_refused_gives_way_to_the_server_s_own(status: int) -> None:
    def answer(path: str, query: Query) -> Any:
        return status if "limit" in dict(query) else page(extract_row())

    server = Server(answer)

    async def twice(api: ContextualApi) -> JobPage:
        await api.list_page("extract", ListRange(), None)
        return await api.list_page("extract", ListRange(), "next")

    answer_page: JobPage = ask(ContextualApi, server, twice)
    assert [seen.job_id for seen in answer_page.observations] == ["ext-1"]
    assert server.queries == [[("limit", "100")], [], [("cursor", "next")]]
    with pytest.raises(InvalidRequest):
        listed(always(422))


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({}, None),
        ({"next_cursor": None}, None),
        ({"next_cursor": ""}, None),
        ({"next_cursor": "c"}, "c"),
        ({"prev_cursor": "back"}, None),
        ({"prev_cursor": "back", "next_cursor": "c", "has_more": False}, "c"),
    ],
)
def test_only_the_next_cursor_leads_on(fields: dict[str, Any], token: str | None) -> None:
    assert listed(always(page(**fields))).next_token == token


@pytest.mark.parametrize("kind", ["parse", "extract"])
@pytest.mark.parametrize("body", [{}, [], {"jobs": {}}, {"detail": "Jane"}, None])
def test_an_answer_without_jobs_is_not_an_empty_list(kind: JobKind, body: Any) -> None:
    with pytest.raises(UnreadableRecord, match="no `jobs` array") as refused:
        listed(always(httpx.Response(200, content=json.dumps(body))), kind)
    assert refused.value.payload == body and refused.value.endpoint == f"/{kind}/jobs"
    assert "Jane" not in str(refused.value)


def test_rows_that_can_t_be_read_are_set_aside() -> None:
    answer = listed(
        always(page(parse_row("a"), {"id": "b"}, None, {"job_id": "c"}, parse_row("d")))
    )
    assert [seen.job_id for seen in answer.observations] == ["a", "d"]
    assert [rejection.job_id for rejection in answer.rejections] == ["b", None, "c"]
    answer = listed(always(page(extract_row(status=None), extract_row(job_id=5))), "extract")
    assert [rejection.job_id for rejection in answer.rejections] == ["ext-1", None]
    assert {rejection.endpoint for rejection in answer.rejections} == {"/extract/jobs"}


def test_a_parse_row_says_its_name_and_nothing_of_time() -> None:
    (seen,) = listed(always(page(parse_row(later=1)))).observations
    assert (seen.job_kind, seen.job_id, seen.document_name) == ("parse", JOB, "a.pdf")
    assert seen.created_at is seen.created_at_latest is seen.updated_at is None
    assert not seen.has_progress and seen.payload == parse_row(later=1)


def test_an_extract_row_says_its_progress() -> None:
    (seen,) = listed(always(page(extract_row())), "extract").observations
    assert seen.created_at == NOON, "naive is UTC"
    assert seen.has_progress and seen.details is None
    assert (seen.progress_percent, seen.current_step) == (40, "reading")
    assert (seen.fields_processed, seen.total_fields) == (2, 5)
    assert seen.current_activity == "reading page 3"
    assert (seen.schema_id, seen.document_id, seen.config) == ("schema-1", "doc-1", {"model": "m"})
    assert seen.payload == extract_row()


def test_what_a_running_job_says_beyond_its_schema_is_kept_as_details() -> None:
    progress = {"completion_percentage": "55.5", "failed_subtrees": ["x"]}
    extra = extract_row(progress=progress, accumulated_results={"a": 1})
    (seen,) = listed(always(page(extra)), "extract").observations
    assert seen.details == {"failed_subtrees": ["x"], "accumulated_results": {"a": 1}}
    assert (seen.progress_percent, seen.fields_processed) == (55.5, None)


@pytest.mark.parametrize("progress", [None, {}, [], "half", {"completion_percentage": {"x": 1}}])
def test_an_older_answer_has_less_and_is_read_all_the_same(progress: Any) -> None:
    old = {"job_id": "ext-1", "status": "pending", "progress": progress, "config": None}
    (seen,) = listed(always(page(old)), "extract").observations
    assert seen.has_progress and seen.progress_percent is None and seen.created_at is None


# -- one job --------------------------------------------------------------------------------------


def status(server: Server, kind: JobKind = "parse") -> JobAnswer:
    return ask(ContextualApi, server, lambda api: api.status(kind, JOB), base_url=BASE)


def got(server: Server, kind: JobKind = "parse") -> JobAnswer:
    return ask(ContextualApi, server, lambda api: api.result(kind, JOB), base_url=BASE)


def test_a_status_has_no_id_of_its_own() -> None:
    server = always({"status": "retrying", "file_name": "a.pdf"})
    seen = status(server).observation
    assert server.asked == [(f"/v1/parse/jobs/{JOB}/status", [])]
    assert (seen.job_id, seen.provider_status, seen.document_name) == (JOB, "retrying", "a.pdf")
    assert seen.payload["id"] == JOB
    # older captures returned the status only
    assert status(always({"status": "pending"})).observation.document_name is None


@pytest.mark.parametrize("change", [{}, {"job_id": "OTHER"}, {"job_id": None}])
def test_an_extract_job_is_the_one_that_was_asked_for(change: dict[str, Any]) -> None:
    server = always(extract_row(**change))
    seen = status(server, "extract").observation
    assert server.asked == [(f"/v1/extract/jobs/{JOB}", [])]
    assert seen.job_id == JOB and seen.payload == extract_row(**change)


@pytest.mark.parametrize("kind", ["parse", "extract"])
@pytest.mark.parametrize("body", [{}, [], None, "x", {"status": 5}, {"file_name": "a"}])
def test_an_answer_that_is_no_job_is_kept_whole(kind: JobKind, body: Any) -> None:
    for ask_for in (status, got):
        with pytest.raises(UnreadableRecord) as refused:
            ask_for(always(httpx.Response(200, content=json.dumps(body))), kind)
        assert refused.value.payload == body


def test_404_is_told_apart() -> None:
    for ask_for in (status, got):
        with pytest.raises(NotFound):
            ask_for(always(404))


# -- results --------------------------------------------------------------------------------------


def test_blocks_are_asked_for_by_one_value() -> None:
    blocks = [{"id": "b1", "type": "text", "markdown": "Hello"}]
    heading = {"blocks": [{"id": "b1"}], "table_of_contents": "toc"}
    body = {
        "status": "completed",
        "file_name": "a.pdf",
        "pages": [{"index": 0, "blocks": blocks}, {"index": 1, "blocks": []}],
        "markdown_document": "Hello",
        "document_metadata": {"hierarchy": heading, "x": 1},
    }
    server = always(body)
    answer = got(server)
    assert server.asked == [
        (f"/v1/parse/jobs/{JOB}/results", [("output_types", "blocks-per-page")]),
        # the second page has no blocks; it has no Markdown either
        (f"/v1/parse/jobs/{JOB}/results", [("output_types", "markdown-per-page")]),
    ]
    assert answer.document is not None and answer.observation.page_count == 2
    assert answer.document.tables["segments"]["content"].to_pylist() == ["Hello"]
    assert answer.observation.payload == {
        "id": JOB,
        "status": "completed",
        "file_name": "a.pdf",
        "document_metadata": {"hierarchy": {"table_of_contents": "toc"}, "x": 1},
    }
    # the answer itself is left as it came
    assert heading["blocks"]


def test_what_only_the_hierarchy_says_stays_in_the_payload() -> None:
    heading = {"id": "b1", "type": "heading", "markdown": "# A", "parent_ids": []}
    inferred = heading | {"id": "bX", "markdown": "## Inferred", "page_index": 1}
    body = {
        "status": "completed",
        "pages": [{"index": 0, "blocks": [heading]}],
        "document_metadata": {"hierarchy": {"blocks": [heading | {"page_index": 0}, inferred]}},
    }
    payload = got(always(body)).observation.payload
    left = {"blocks": [{"id": "b1", "page_index": 0}, inferred]}
    assert payload["document_metadata"] == {"hierarchy": left}


@pytest.mark.parametrize(
    "word", ["pending", "processing", "retrying", "failed", "cancelled", "odd"]
)
def test_a_job_that_has_not_succeeded_has_no_result(word: str) -> None:
    assert not got(always({"status": word, "file_name": "a"})).has_result
    answer = got(always({"job_id": JOB, "status": word, "results": {"a": 1}}), "extract")
    assert not answer.has_result and answer.observation.provider_status == word


@pytest.mark.parametrize("pages", ["absent", None])
def test_a_completed_job_without_pages_has_no_result_yet(pages: Any) -> None:
    body = {"status": "completed", "file_name": "a"} | (
        {} if pages == "absent" else {"pages": pages}
    )
    answer = got(always(body))
    assert not answer.has_result and answer.observation.provider_status == "completed"


@pytest.mark.parametrize("pages", [{}, "x"])
def test_pages_that_can_t_be_read_are_kept_whole(pages: Any) -> None:
    body = {"status": "completed", "file_name": "a", "pages": pages}
    with pytest.raises(UnreadableRecord) as refused:
        got(always(body))
    assert refused.value.payload == body


def test_an_extraction_comes_with_its_metadata() -> None:
    body = {
        "job_id": JOB,
        "status": "completed",
        "results": {"total": {"extracted_value": 1, "confidence": 0.5}},
        "metadata": {"has_attributions": True},
        "config": {"model": "m"},
    }
    server = always(body)
    answer = got(server, "extract")
    assert server.asked == [(f"/v1/extract/jobs/{JOB}/results", [])]
    assert answer.extraction is not None
    assert answer.extraction.result == body["results"]
    assert answer.extraction.field_metadata == {"has_attributions": True}
    seen = answer.observation
    assert seen.config == {"model": "m"}
    # it says nothing of progress, and so takes nothing of it back
    assert not seen.has_progress and seen.payload == {}
    # an empty one is a result
    empty = got(always(body | {"results": {}}), "extract")
    assert empty.extraction is not None and empty.extraction.result == {}


@pytest.mark.parametrize("fields", [{}, {"results": None}])
def test_a_completed_job_without_an_extraction_has_none_yet(fields: dict[str, Any]) -> None:
    answer = got(always({"job_id": JOB, "status": "completed", **fields}), "extract")
    assert not answer.has_result and answer.observation.provider_status == "completed"


def test_a_check_is_one_small_list() -> None:
    server = always(page())
    ask(ContextualApi, server, lambda api: api.check(), base_url=BASE)
    assert server.asked == [("/v1/parse/jobs", [("limit", "1")])]
