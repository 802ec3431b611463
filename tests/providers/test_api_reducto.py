"""Reducto's requests and answers, over answers composed from its SDK and documentation."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import KEY, Server, Ticking, always, ask

from dlt_docjobs.http import (
    ApiClient,
    BeingDeleted,
    Deleted,
    HostRefused,
    HttpSettings,
    NotFound,
    Throttled,
    Unauthorized,
)
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import ContentPolicy, JobAnswer, JobPage, ListRange
from dlt_docjobs.providers.reducto import PROVIDER, results
from dlt_docjobs.providers.reducto.api import ReductoApi

FIXTURES = Path(__file__).parent / "fixtures"
STORE = "https://files.example.com/r.json?X-Amz-Signature=abc"


def answers(name: str) -> dict[str, Any]:
    """The answers of a file by name; their URLs lead to a host that could be."""
    text = (FIXTURES / f"reducto_{name}.json").read_text()
    found = json.loads(text.replace("files.example.invalid", "files.example.com"))
    return {answer["name"]: answer for answer in found["answers"]}


LISTS, PARSES, OTHERS = map(answers, ("jobs_list", "job_parse", "job_other_kinds"))
(INNER,) = [one["body"] for name, one in PARSES.items() if name.startswith("what lies at")]
(FULL,) = [one["body"] for name, one in PARSES.items() if name.startswith("completed, full")]


def got(
    server: Server,
    kind: JobKind = "parse",
    *,
    only_status: bool = False,
    addresses: tuple[str, ...] = ("93.184.215.14",),
    **policy: bool,
) -> JobAnswer:
    """A job with its result, as the connector asks for it."""

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return addresses

    async def talk() -> JobAnswer:
        client = ApiClient(
            PROVIDER.base_url,
            headers={"Authorization": f"Bearer {KEY}"},
            settings=HttpSettings(max_retries=1),
            transport=httpx.MockTransport(server),
            clock=Ticking(),
            error_form=PROVIDER.error_form,
            result_hosts=PROVIDER.result_hosts,
            resolve=resolve,
        )
        async with client:
            api = ReductoApi(client, ContentPolicy(**policy), 500)
            return await (api.status if only_status else api.result)(kind, "job-1")

    return asyncio.run(talk())


def with_stored(body: Any, stored: Any) -> Server:
    return Server(lambda path, query: body if path.startswith("/job") else stored)


def listed(body: Any, **settings: Any) -> tuple[JobPage, Server]:
    server = always(body)
    page = ask(
        ReductoApi, server, lambda api: api.list_page("parse", ListRange(), None), **settings
    )
    return page, server


def rows_of(answer: JobAnswer, table: str) -> list[dict[str, Any]]:
    assert answer.document is not None
    rows: list[dict[str, Any]] = answer.document.tables[table].to_pylist()
    return rows


# -- the list -----------------------------------------------------------------------------------


def test_a_page_is_dealt_out_by_kind() -> None:
    page, server = listed(LISTS["first page"]["body"])
    assert [(seen.job_kind, seen.provider_status) for seen in page.observations] == [
        ("parse", "Completed"),
        ("extract", "InProgress"),
        ("split", "Completing"),
        ("classify", "Failed"),
    ]
    assert [word for word, _ in page.others] == ["Edit", "Pipeline", "Chart"]
    assert (page.next_token, page.rejections) == ("c2Vjb25k", [])
    # nothing is known of the pages of a job that has failed before it had any
    assert [seen.page_count for seen in page.observations] == [3, None, 12, None]
    assert server.asked == [("/jobs", [("exclude_configs", "true"), ("limit", "100")])]
    assert {seen.config for seen in page.observations} == {None}


def test_the_last_page_and_the_odd_one() -> None:
    page, _ = listed(LISTS["last page, next_cursor null"]["body"])
    assert page.next_token is None
    (odd,) = [one["body"] for name, one in LISTS.items() if name.startswith("ODD")]
    page, _ = listed(odd)
    assert page.others == [("Transcribe", odd["jobs"][0]["job_id"])]
    assert (page.next_token, page.rejections) == (None, [])


@pytest.mark.parametrize(
    ("raw", "config"),
    [
        ('{"input": "reducto://a.pdf"}', {"input": "reducto://a.pdf"}),
        ("", None),
        ("{}", {}),
        ('{"n": 1.10}', {"n": "1.10"}),
        ("password=hunter2 {", "password=hunter2 {"),
        ("[" * 100_000, "[" * 100_000),
        (None, None),
        ({"input": "x"}, {"input": "x"}),
    ],
)
def test_configs_are_json_in_a_text(raw: Any, config: Any) -> None:
    row = LISTS["first page"]["body"]["jobs"][0] | {"raw_config": raw}
    page, server = listed({"jobs": [row]}, list_configs=True)
    (seen,) = page.observations
    found = seen.config
    if isinstance(found, dict) and "n" in found:
        found = {"n": str(found["n"])}
    assert found == config
    assert "raw_config" not in seen.payload
    assert ("exclude_configs", "false") in server.queries[0]


@pytest.mark.parametrize("row", [{}, {"job_id": "a", "status": "Completed"}, "a", None])
def test_rows_that_say_too_little_go_aside(row: Any) -> None:
    page, _ = listed({"jobs": [row, LISTS["first page"]["body"]["jobs"][0]]})
    assert len(page.observations) == len(page.rejections) == 1


# -- one job ------------------------------------------------------------------------------------


def test_a_parse_result_becomes_rows() -> None:
    answer = got(always(FULL))
    seen = answer.observation
    assert (seen.provider_status, seen.page_count, seen.credits) == ("Completed", 9, 3.5)
    assert [row["page_number"] for row in rows_of(answer, "pages")] == [2, 7]
    chunks = rows_of(answer, "chunks")
    assert [row["segment_count"] for row in chunks] == [12, 1, 0]
    assert [row["content"] for row in chunks][2] == ""
    assert json.loads(chunks[0]["metadata"])["embed"].startswith("Delivery note.")
    segments = rows_of(answer, "segments")
    assert [row["segment_type"] for row in segments] == [
        *("title", "section_header", "text", "list_item", "key_value", "table", "picture"),
        *("page_header", "page_footer", "other", "other", "signature", "table"),
    ]
    assert [row["page_number"] for row in segments] == [7] * 12 + [2]
    first, table, figure, signed, sheet = (segments[at] for at in (0, 5, 6, 11, 12))
    assert (first["bbox_x0"], first["bbox_x1"]) == (0.1, pytest.approx(0.9))
    assert (signed["confidence"], signed["confidence_level"]) == (0.41, "low")
    assert table["markdown"].startswith("| item") and table["html"] is None
    assert {"merged_tables", "extra"} <= json.loads(table["metadata"]).keys()
    assert figure["image_url"] == "https://files.example.com/fig.png"
    assert "X-Amz" not in figure["metadata"]
    # boxes in cells are no fractions
    assert sheet["bbox_x0"] is None and json.loads(sheet["provider_bbox"])["height"] == 9
    assert sheet["html"].startswith("<table") and sheet["markdown"] is None
    words = rows_of(answer, "segment_ocr")
    assert [(row["segment_index"], row["text"]) for row in words] == [(7, "ACME"), (7, "depot")]
    assert (segments[7]["ocr_count"], segments[7]["ocr_confidence_mean"]) == (2, 0.99)
    assert "ocr_lines" in json.loads(rows_of(answer, "pages")[1]["metadata"])
    # what no table takes
    assert seen.payload["result"]["document_properties"]["title"] == "Delivery note"
    assert seen.payload["result"]["usage"]["credit_breakdown"] == {"page": 2.0, "agentic": 1.5}


def test_a_result_reads_alike_wherever_it_lies() -> None:
    (sent,) = [one["body"] for name, one in PARSES.items() if name.startswith("completed, url")]
    near = got(always(FULL))
    for stored in (INNER, FULL["result"], {"result": FULL["result"]}):
        far = got(with_stored(sent, stored))
        assert far.document is not None and near.document is not None
        for name, table in near.document.tables.items():
            assert far.document.tables[name].equals(table), name
        # no credits on the newer pricing
        assert far.observation.credits is None


def test_a_stored_result_is_asked_for_without_the_key_at_public_hosts_only() -> None:
    (sent,) = [one["body"] for name, one in PARSES.items() if name.startswith("completed, url")]
    server = with_stored(sent, INNER)
    got(server)
    assert [path for path, _ in server.asked] == ["/job/job-1", "/result.json"]
    assert "authorization" in server.headers[0] and "authorization" not in server.headers[1]
    with pytest.raises(HostRefused):
        got(with_stored(sent, INNER), addresses=("10.0.0.1",))


def test_a_status_follows_no_url() -> None:
    (sent,) = [one["body"] for name, one in PARSES.items() if name.startswith("completed, url")]
    server = always(sent)
    answer = got(server, only_status=True)
    assert not answer.has_result and len(server.asked) == 1
    assert got(always(FULL), only_status=True).has_result


def test_a_dead_link_leaves_the_job() -> None:
    (sent,) = [one["body"] for name, one in PARSES.items() if name.startswith("completed, url")]
    answer = got(with_stored(sent, 404))
    assert answer.observation.provider_status == "Completed" and not answer.has_result


def test_an_odd_parse_result_loses_nothing() -> None:
    (sent,) = [one["body"] for name, one in PARSES.items() if name.startswith("ODD: completed")]
    answer = got(always(sent))
    (segment,) = rows_of(answer, "segments")
    assert (segment["segment_type"], segment["provider_segment_type"]) == ("other", "Equation")
    assert (segment["content"], segment["confidence_level"]) == ("E=mc2", "medium")
    assert (segment["page_number"], len(rows_of(answer, "pages"))) == (1, 1)
    # a count of pages that it does not tell is not made up: the list may know better
    assert answer.observation.page_count is None


@pytest.mark.parametrize(
    ("word", "error", "said", "message"),
    [
        ("Failed", {"name": "INTERNAL", "message": "broke"}, "Failed", "broke"),
        ("Failed", {"name": "INTERNAL"}, "Failed", "older"),
        ("Failed", None, "Failed", "older"),
        ("Failed", {"name": "JOB_CANCELLED", "message": "stopped"}, "Cancelled", "stopped"),
        ("Cancelled", None, "Cancelled", "older"),
        ("Pending", None, "Pending", None),
        ("Paused", None, "Paused", None),
    ],
)
def test_what_is_said_of_an_end(word: str, error: Any, said: str, message: str | None) -> None:
    body = {"status": word, "result": None, "reason": "older", "error": error, "progress": 0.25}
    seen = got(always(body)).observation
    assert (seen.provider_status, seen.error_message) == (said, message)
    is_open = word in ("Pending", "Paused")
    assert (seen.progress_percent, seen.has_progress) == ((25, True) if is_open else (None, False))
    assert (seen.job_kind, seen.job_id, seen.created_at) == ("parse", "job-1", None)


@pytest.mark.parametrize(
    ("name", "result", "beside"),
    [
        ("extract, list, separate citations", [{"order": "4711", "total": 12.5}], list),
        ("v3_extract, list, no citations", [{"order": "4711", "total": None}], None),
        ("v3_extract, object, each leaf wrapped", dict, {"confidence", "confidence_reason"}),
        ("extract with response_confidence (deep extract)", list, {"response_confidence"}),
        ("split", dict, None),
        ("deep split", dict, None),
        ("classify", {"category": "invoice"}, {"response_confidence", "extra_metadata"}),
    ],
)
def test_other_results_are_stored_as_they_come(name: str, result: Any, beside: Any) -> None:
    sent = OTHERS[name]["body"]
    # as of a job that is named without its kind
    answer = got(always(sent))
    kind = sent["result"]["response_type"].removeprefix("v3_")
    assert answer.observation.job_kind == kind and answer.extraction is not None
    assert answer.extraction.result == sent["result"]["result"]
    assert type(answer.extraction.result) is result or answer.extraction.result == result
    found = answer.extraction.field_metadata
    if isinstance(beside, set):
        assert set(found) == beside
    else:
        assert found is None if beside is None else type(found) is beside
    assert answer.observation.credits == sent["result"]["usage"]["credits"]
    assert not {"result", "citations"} & answer.observation.payload["result"].keys()


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_values_and_citations_may_lie_elsewhere(is_wrapped: bool) -> None:
    sent = OTHERS["extract, url for both"]["body"]
    value, cited = [{"result": "the user's own"}], [{"result": []}]

    def answer(path: str, query: Any) -> Any:
        if path.startswith("/job"):
            return sent
        is_citation = len(server.asked) == 3
        key, part = ("citations", cited) if is_citation else ("result", value)
        return {"response_type": "extract", key: part} if is_wrapped else part

    server = Server(answer)
    extraction = got(server, "extract").extraction
    assert extraction is not None
    assert (extraction.result, extraction.field_metadata) == (value, cited)


@pytest.mark.parametrize("name", ["edit", "chart", "pipeline: parse list, extract one"])
def test_a_named_job_of_another_type_is_set_aside_whole(name: str) -> None:
    sent = OTHERS[name]["body"]
    with pytest.raises(UnreadableRecord, match="no kind that is loaded") as caught:
        got(always(sent))
    assert caught.value.payload == sent


def test_completed_without_a_result_is_a_result_that_may_come() -> None:
    sent = OTHERS["ODD: completed with result null"]["body"]
    assert not got(always(sent), "extract").has_result
    assert not got(always(sent | {"type": "Parse"})).has_result


@pytest.mark.parametrize("chunks", [{"a": 1}, "text", 5])
def test_a_parse_result_of_another_shape_is_set_aside(chunks: Any) -> None:
    sent = {"status": "Completed", "result": {"result": {"type": "full", "chunks": chunks}}}
    with pytest.raises(UnreadableRecord, match="chunks is") as caught:
        got(always(sent))
    assert caught.value.payload == sent


def test_texts_are_left_out_where_they_are_not_wanted() -> None:
    answer = got(always(FULL), include_content=False)
    assert answer.document is not None
    text = str({name: table.to_pylist() for name, table in answer.document.tables.items()})
    for said in ("Delivery", "crates", "bolts", "ACME", "4711"):
        assert said not in text
    assert len(rows_of(answer, "segment_ocr")) == 2
    assert [row["ocr_count"] for row in rows_of(got(always(FULL), include_ocr=False), "segments")][
        7
    ] == 2


# -- OCR and pages ------------------------------------------------------------------------------


def block(page: int, top: float, **fields: Any) -> dict[str, Any]:
    box = {"left": 0.1, "top": top, "width": 0.8, "height": 0.1, "page": page}
    return {"type": "Text", "content": "x", "bbox": box | fields}


def word(page: int | None, top: float, height: float = 0.02, **fields: Any) -> dict[str, Any]:
    box = {"left": 0.2, "top": top, "width": 0.1, "height": height, "page": page}
    return {"text": f"at {top}", "bbox": box, **fields}


def parsed(blocks: list[Any], words: list[Any] | None = None, **fields: Any) -> JobAnswer:
    ocr = {"words": words or [], "lines": []}
    inner = {"type": "full", "chunks": [{"content": "x", "blocks": blocks}], "ocr": ocr}
    result = {"response_type": "parse", "result": inner, **fields.pop("result", {})}
    return got(always({"status": "Completed", "result": result, **fields}))


def test_words_belong_to_the_block_that_covers_most_of_them() -> None:
    small = {"type": "Text", "content": "in", "bbox": word(1, 0.11, 0.06)["bbox"]}
    blocks = [block(1, 0.1), small, block(1, 0.3), block(2, 0.1)]
    words = [
        *(word(1, 0.12), word(1, 0.35), word(1, 0.39, 0.2), word(2, 0.9, rotation=90)),
        *(word(3, 0.1), word(None, 0.1), {"text": "nowhere"}, "bare"),
    ]
    answer = parsed(blocks, words)
    placed = [(row["segment_index"], row["text"]) for row in rows_of(answer, "segment_ocr")]
    assert placed == [(1, "at 0.12"), (2, "at 0.35"), (2, "at 0.39"), (3, "at 0.9")]
    assert [row["ocr_count"] for row in rows_of(answer, "segments")] == [0, 1, 2, 1]
    assert json.loads(rows_of(answer, "segments")[3]["metadata"]) == {
        "ocr": {"0": {"rotation": 90}}
    }
    # the others are kept with their page, or the first
    kept = {row["page_number"]: row["metadata"] for row in rows_of(answer, "pages")}
    assert "at 0.1" in kept[3] and "nowhere" in kept[1] and "bare" in kept[1] and kept[2] is None


def test_pages_are_those_of_the_document() -> None:
    # a page without its original number is numbered as another block's is
    blocks = [block(1, 0.1, original_page=7), block(1, 0.3), block(2, 0.1, original_page=9)]
    assert [row["page_number"] for row in rows_of(parsed(blocks), "segments")] == [7, 7, 9]


@pytest.mark.parametrize(
    ("fields", "pages"),
    [
        ({"num_pages": 3, "total_pages": 3}, [1, 2, 3]),
        ({"result": {"usage": {"num_pages": 3}}}, [1, 2, 3]),
        ({"num_pages": 1, "total_pages": 3}, [1]),
        ({"num_pages": 3, "result": {"usage": {"non_empty_cell_count": 9}}}, [1]),
        ({"num_pages": 10**9, "total_pages": 10**9}, [1]),
        ({}, [1]),
    ],
)
def test_empty_pages_are_rows_where_all_were_processed(
    fields: dict[str, Any], pages: list[int]
) -> None:
    answer = parsed([block(1, 0.1)], **fields)
    assert [row["page_number"] for row in rows_of(answer, "pages")] == pages


@pytest.mark.parametrize(
    ("content", "markdown", "html"),
    [
        ("| a |\n| --- |", True, False),
        ("a | b\n--- | ---", True, False),
        (" <TABLE><tr>", False, True),
        ('[{"a": 1}]', False, False),
        ("a,b\n1,2", False, False),
    ],
)
def test_forms_of_a_table(content: str, markdown: bool, html: bool) -> None:
    (row,) = rows_of(parsed([block(1, 0.1) | {"type": "Table", "content": content}]), "segments")
    assert row["content"] == content
    assert (row["markdown"] is not None, row["html"] is not None) == (markdown, html)


# -- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, PARSES["being deleted"]["body"], BeingDeleted),
        (410, PARSES["deleted"]["body"], Deleted),
        (404, {"detail": {"name": "JOB_DELETED"}}, Deleted),
        (410, {"error": {"message": "gone"}}, Deleted),
        (404, {"error": {"message": "no such job", "type": "x", "code": 404}}, NotFound),
        (404, {"name": "NOT_FOUND"}, NotFound),
        (401, {"error": {"message": "no"}}, Unauthorized),
        (429, PARSES["polled too fast"]["body"], Throttled),
    ],
)
def test_errors_by_status_and_name(status: int, body: Any, kind: type[Exception]) -> None:
    server = Server(lambda path, query: httpx.Response(status, json=body))
    with pytest.raises(kind) as caught:
        got(server)
    assert type(caught.value) is kind
    # a deletion is not asked about again
    assert kind is Throttled or len(server.asked) == 1


def test_a_409_without_a_name_is_a_passing_trouble() -> None:
    server = Server(lambda path, query: httpx.Response(409, json={"error": {"message": "busy"}}))
    with pytest.raises(Exception, match="409"):
        got(server)
    assert len(server.asked) == 2


def test_the_check_lists_one_job() -> None:
    server = always({"jobs": []})
    ask(ReductoApi, server, lambda api: api.check())
    assert server.asked == [("/jobs", [("exclude_configs", "true"), ("limit", "1")])]


@pytest.mark.parametrize(
    ("sent", "around", "stored"),
    [
        ([(0, None), (1, None)], {}, [1, 2]),
        ([(0, None), (1, None)], {"num_pages": 1}, [None, 1]),
        ([(0, 4), (1, 5)], {"num_pages": 2, "total_pages": 9}, [4, 5]),
        ([(1, 0), (2, 3)], {"num_pages": 2, "total_pages": 4}, [1, 4]),
        ([(1, None), (-1, None)], {}, [1, None]),
    ],
)
def test_pages_of_reducto_count_from_one(
    sent: list[tuple[int, int | None]], around: dict[str, Any], stored: list[int | None]
) -> None:
    blocks = []
    for page, original in sent:
        box = {"left": 0.1, "top": 0.1, "width": 0.1, "height": 0.1, "page": page}
        box |= {} if original is None else {"original_page": original}
        blocks.append({"type": "Text", "content": "x", "bbox": box})
    result = {"type": "full", "chunks": [{"content": "x", "embed": "x", "blocks": blocks}]}
    body = {"status": "Completed", "result": {"result": result, **around}}
    reading = results.read_answer(b"", lambda: body, include_content=True, include_ocr=True)
    assert reading.document is not None
    tables = reading.document.tables
    assert tables["segments"].column("page_number").to_pylist() == stored
    assert min(tables["pages"].column("page_number").to_pylist()) > 0
