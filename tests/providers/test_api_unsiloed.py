"""Unsiloed AI's requests and answers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_support import KEY, NOON, Server, always, ask

from dlt_docjobs.http import InvalidRequest, NotFound, Unauthorized
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import JobAnswer, ListRange
from dlt_docjobs.providers.unsiloed import PROVIDER
from dlt_docjobs.providers.unsiloed.api import UnsiloedApi

SEGMENT = {
    "segment_id": "s1",
    "segment_type": "Text",
    "content": "Hello",
    "markdown": "Hello",
    "page_number": 1,
    "page_width": 100,
    "page_height": 100,
}


def body(status: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "job_id": "job-1",
        "status": status,
        "created_at": "2026-11-22T12:00:00.302123Z",
        "metadata": {},
        **fields,
    }


def status(server: Server, kind: JobKind = "parse", **options: Any) -> JobAnswer:
    return ask(UnsiloedApi, server, lambda api: api.status(kind, "job-1"), **options)


def got(server: Server, kind: JobKind = "parse", **options: Any) -> JobAnswer:
    return ask(UnsiloedApi, server, lambda api: api.result(kind, "job-1"), **options)


@pytest.mark.parametrize("header", ["api-key", "X-API-Key"])
def test_the_key_travels_in_its_header_alone(header: str) -> None:
    server = always(body())
    status(server, headers={header: KEY})
    assert server.headers[0][header] == KEY
    assert KEY not in [value for name, value in server.headers[0].items() if name != header.lower()]
    assert KEY not in str(server.asked)


def test_a_status_comes_without_chunks() -> None:
    server = always(body("Processing", started_at="2026-11-22T12:00:05Z"))
    answer = status(server)
    assert server.asked == [("/parse/job-1", [("include_chunks", "false")])]
    seen = answer.observation
    assert not answer.has_result and seen.provider_status == "Processing"
    assert seen.created_at == NOON + timedelta(microseconds=302_123)
    assert seen.started_at == NOON + timedelta(seconds=5)
    assert seen.sent_at is not None and seen.sent_at < seen.observed_at


def test_the_job_is_the_one_that_was_asked_for() -> None:
    sent = body(id="internal-7", job_id="other")
    seen = status(always(sent)).observation
    assert seen.job_id == "job-1" and seen.payload == sent


@pytest.mark.parametrize("word", ["Starting", "Queued", "AwaitingUpload", "Processing"])
def test_zeros_and_nulls_of_a_job_that_has_not_run_mean_nothing(word: str) -> None:
    empty = body(word, started_at=None, finished_at=None, total_chunks=0, page_count=0)
    seen = status(always(empty)).observation
    assert seen.page_count is seen.chunk_count is seen.started_at is seen.finished_at is None
    # but a number that is there is one
    seen = status(always(body(word, page_count=3))).observation
    assert seen.page_count == 3


def test_a_document_that_succeeded_may_have_no_pages() -> None:
    seen = status(always(body("Succeeded", total_chunks=0, page_count=0))).observation
    assert (seen.page_count, seen.chunk_count) == (0, None)


@pytest.mark.parametrize(
    ("word", "fields", "error"),
    [
        ("Failed", {"message": "No text found"}, "No text found"),
        ("Failed", {"message": "Task failed", "error": "No text"}, "No text"),
        ("failed", {"error": {"code": 1}, "message": "Task failed"}, "Task failed"),
        ("Failed", {}, None),
        # on success too there is a message, which is no error
        ("Succeeded", {"message": "Task succeeded"}, None),
        ("Processing", {"message": "Task started"}, None),
    ],
)
def test_a_message_is_an_error_only_where_the_job_failed(
    word: str, fields: dict[str, Any], error: str | None
) -> None:
    assert status(always(body(word, **fields))).observation.error_message == error


def test_a_result_asks_for_chunks_and_the_urls_of_images() -> None:
    chunks = [{"chunk_id": "c1", "chunk_length": 1, "embed": "Hello", "segments": [SEGMENT]}]
    sent = body(
        page_count=4,
        total_chunks=1,
        credit_used=2.5,
        file_name="a.pdf",
        configuration={"tokenizer": {"Enum": "Word"}},
        metadata={"customer": "x"},
        chunks=chunks,
        pdf_url="https://s3.example.com/a.pdf?X-Amz-Signature=x",
    )
    server = always(sent)
    answer = got(server)
    assert server.asked == [("/parse/job-1", [("include_chunks", "true"), ("include_url", "true")])]
    assert answer.document is not None and answer.document.count("segments") == 1
    seen = answer.observation
    assert (seen.page_count, seen.chunk_count, seen.credits) == (4, 1, 2.5)
    assert (seen.document_name, seen.user_metadata) == ("a.pdf", {"customer": "x"})
    assert seen.config == {"tokenizer": {"Enum": "Word"}}
    assert seen.payload.keys() == sent.keys() - {"chunks"}


def test_no_page_count_is_made_up_that_an_earlier_answer_may_have_told() -> None:
    answer = got(always(body(chunks=[{"segments": [SEGMENT, SEGMENT | {"page_number": 2}]}])))
    assert answer.observation.page_count is None
    assert answer.document is not None and answer.document.count("pages") == 2


@pytest.mark.parametrize("word", ["Starting", "Processing", "Failed", "Cancelled", "Odd"])
def test_a_job_that_has_not_succeeded_has_no_result(word: str) -> None:
    assert not got(always(body(word, chunks=[]))).has_result
    assert not got(always(body(word, result={"a": 1})), "extract").has_result


@pytest.mark.parametrize("fields", [{}, {"chunks": None}, {"chunks": None, "total_chunks": 3}])
def test_a_succeeded_job_without_chunks_has_no_result_yet(fields: dict[str, Any]) -> None:
    answer = got(always(body(**fields)))
    assert not answer.has_result and answer.observation.provider_status == "Succeeded"


@pytest.mark.parametrize("fields", [{}, {"chunks": None}, {"chunks": []}])
def test_no_chunks_are_a_result_where_the_answer_says_so(fields: dict[str, Any]) -> None:
    answer = got(always(body(total_chunks=0, **fields)))
    assert answer.document is not None and answer.document.count("chunks") == 0


@pytest.mark.parametrize("chunks", [{}, "x"])
def test_chunks_that_can_t_be_read_are_kept_whole(chunks: Any) -> None:
    sent = body(chunks=chunks)
    with pytest.raises(UnreadableRecord) as refused:
        got(always(sent))
    assert refused.value.payload == sent


def test_an_extract_job_s_status_is_its_result() -> None:
    for word in ("completed", "review"):
        sent = body(
            word,
            updated_at="2026-11-22T12:00:09+00:00",
            metadata={"order": ["a"], "schema": {"a": {}}, "page_count": 3, "x": 1},
            result={"a": {"value": 1, "score": 0.9}},
            quota_remaining=5,
        )
        server = always(sent)
        answer = status(server, "extract")
        assert server.asked == [("/extract/job-1", [])]
        assert answer.extraction is not None and answer.extraction.result == sent["result"]
        assert answer.extraction.field_metadata == {"order": ["a"], "schema": {"a": {}}}
        seen = answer.observation
        assert (seen.page_count, seen.user_metadata) == (3, None)
        assert seen.updated_at == NOON + timedelta(seconds=9)
        assert seen.payload.keys() == sent.keys() - {"result"}


@pytest.mark.parametrize("fields", [{}, {"result": None}])
def test_an_extraction_that_is_absent_or_null_is_not_there_yet(fields: dict[str, Any]) -> None:
    assert not got(always(body("completed", **fields)), "extract").has_result
    answer = got(always(body("completed", result={})), "extract")
    assert answer.extraction is not None and answer.extraction.result == {}


@pytest.mark.parametrize("kind", ["parse", "extract"])
@pytest.mark.parametrize(
    "sent",
    [{}, [], None, "Job job-1 not found", {"status": 5}],
)
def test_an_answer_that_is_no_job_is_kept_whole(kind: JobKind, sent: Any) -> None:
    for ask_for in (status, got):
        with pytest.raises(UnreadableRecord) as refused:
            ask_for(always(httpx.Response(200, content=json.dumps(sent))), kind)
        assert refused.value.payload == sent


@pytest.mark.parametrize(
    "odd",
    [
        {"created_at": "soon"},
        {"started_at": "soon"},
        {"finished_at": 5},
        {"page_count": "many"},
        {"page_count": 10**30},
        {"total_chunks": 1.5},
        {"credit_used": "NaN"},
        {"metadata": "none"},
        {"file_name": ["a"]},
    ],
)
def test_an_optional_field_of_another_type_is_null_and_whole_in_the_payload(
    odd: dict[str, Any],
) -> None:
    seen = status(always(body("Processing", **odd))).observation
    assert seen.payload == body("Processing", **odd)
    for name in ("started_at", "finished_at", "page_count", "chunk_count", "credits"):
        assert getattr(seen, name) is None
    assert seen.document_name is None and seen.user_metadata is None


def test_a_check_proves_the_key_by_a_job_that_can_t_exist() -> None:
    server = always(404)
    ask(UnsiloedApi, server, lambda api: api.check())
    assert server.asked[0][0] == "/parse/00000000-0000-0000-0000-000000000000"
    with pytest.raises(Unauthorized):
        ask(UnsiloedApi, always(401), lambda api: api.check())


def test_404_is_told_apart_and_there_is_no_list() -> None:
    with pytest.raises(NotFound):
        status(always(404))
    with pytest.raises(InvalidRequest):
        status(always(422))
    with pytest.raises(NotImplementedError):
        ask(UnsiloedApi, always({}), lambda api: api.list_page("parse", ListRange(), None))
    assert PROVIDER.lists == {} and PROVIDER.unlisted == tuple(PROVIDER.kinds)
