"""LandingAI's requests and answers; those of the payload files lose nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import KEY, Server, always, ask, in_turn

from dlt_docjobs.http import HostRefused, NotFound
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.landingai import results
from dlt_docjobs.providers.landingai.api import LandingaiApi
from dlt_docjobs.providers.protocol import ContentPolicy, JobAnswer, JobPage, ListRange

FIXTURES = Path(__file__).parent / "fixtures"
TEN = datetime(2026, 11, 20, 10, tzinfo=timezone.utc)
PARSE, EXTRACT = "parse-01ka0000000000000000000000", "extract-01ka0000000000000000000000"


def answers(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FIXTURES / f"landingai_{name}.json").read_text())[
        "answers"
    ]
    return found


def body(file: str, beginning: str) -> Any:
    (found,) = [one["body"] for one in answers(file) if one["name"].startswith(beginning)]
    return found


def got(server: Server, kind: JobKind = "parse", **options: Any) -> JobAnswer:
    job_id = PARSE if kind == "parse" else EXTRACT
    return ask(LandingaiApi, server, lambda api: api.result(kind, job_id), **options)


def listed(
    server: Server, token: str | None = None, kind: JobKind = "parse", **options: Any
) -> JobPage:
    return ask(LandingaiApi, server, lambda api: api.list_page(kind, ListRange(), token), **options)


def rows(answer: JobAnswer, table: str) -> list[dict[str, Any]]:
    assert answer.document is not None
    found: list[dict[str, Any]] = answer.document.tables[table].to_pylist()
    return found


def leaves(value: Any) -> Iterator[Any]:
    """The texts and numbers of an answer; a word's text stands in the place of its range."""
    if isinstance(value, dict):
        for atom in value.get("atomic_grounding") or ():
            yield from (*leaves(atom["box"]), *leaves(atom.get("confidence")))
        value = [part for key, part in value.items() if key != "atomic_grounding"]
    if isinstance(value, list):
        for part in value:
            yield from leaves(part)
    elif value is not None and not isinstance(value, bool):
        yield value


# -- lists --------------------------------------------------------------------------------------


def test_a_list_is_asked_for_by_page_and_by_both_names_of_its_size() -> None:
    server = always(body("parse_jobs_list", "first page"))
    page = listed(server, page_size=500)
    sizes = [("page_size", "100"), ("pageSize", "100")]
    assert server.asked == [("/v2/parse/jobs", [("page", "0"), *sizes])]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert (page.next_token, len(page.observations), page.rejections) == ("1", 4, [])
    assert listed(server, "7", page_size=2).next_token == "8"
    assert server.queries[-1][0] == ("page", "7")


def test_rows_say_what_is_known_of_a_job() -> None:
    done, running, waiting, failed = listed(
        always(body("parse_jobs_list", "first page"))
    ).observations
    assert (done.job_id, done.tier) == (PARSE, "dpt-3-pro-20260710")
    assert (done.created_at, done.finished_at) == (TEN, TEN + timedelta(seconds=9.5))
    assert running.created_at == TEN - timedelta(seconds=59.876544)
    assert running.finished_at is waiting.tier is failed.credits is None
    assert waiting.created_at == TEN - timedelta(minutes=2)
    assert failed.error_message == "all pages failed"
    last = listed(always(body("parse_jobs_list", "page 1"))).observations[1]
    assert (last.created_at, last.provider_status) == (None, "completed")


def test_an_older_row_is_read_too() -> None:
    (old,) = listed(always(body("parse_jobs_list", "ODD"))).observations
    assert old.created_at == datetime.fromtimestamp(1790000000, timezone.utc)
    assert (old.provider_status, old.tier, old.progress_percent) == ("cancelled", "dpt-3", 40.0)
    assert "progress" not in old.payload and old.payload["received_at"] == 1790000000


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({"has_more": True}, "1"),
        ({"has_more": "true"}, "1"),
        ({"has_more": False}, None),
        # nothing says that it is the end
        ({}, "1"),
        ({"has_more": None}, "1"),
        ({"jobs": []}, None),
        ({"jobs": [], "has_more": True}, "1"),
    ],
)
def test_only_has_more_says_whether_there_is_more(
    fields: dict[str, Any], token: str | None
) -> None:
    row = {"job_id": "parse-1", "status": "pending"}
    # whatever the page says of its own size
    sent = {"jobs": [row], "page": 5, "page_size": 1000, **fields}
    assert listed(always(sent)).next_token == token


def test_where_the_size_is_refused_the_server_s_own_is_taken() -> None:
    server = in_turn(422, {"jobs": [], "has_more": False})
    listed(server, page_size=50)
    assert server.queries[1] == [("page", "0")]


# -- one job ------------------------------------------------------------------------------------


def test_a_job_on_its_way_and_one_that_failed() -> None:
    waiting = got(always(body("parse_job_get", "pending")))
    assert not waiting.has_result and not waiting.observation.has_progress
    running = got(always(body("parse_job_get", "processing"))).observation
    assert (running.has_progress, running.progress_percent) == (True, 37.0)
    assert running.finished_at is None and "progress" not in running.payload
    failed = got(always(body("parse_job_get", "failed"))).observation
    assert failed.error_message == "all pages failed"
    assert failed.finished_at == TEN + timedelta(seconds=2)
    assert failed.payload["error"]["code"] == "internal_error"


def test_a_parse_result_becomes_rows() -> None:
    server = always(body("parse_job_get", "completed inline"))
    answer = got(server)
    assert server.asked == [(f"/v2/parse/jobs/{PARSE}", [])]
    seen = answer.observation
    assert (seen.page_count, seen.credits, seen.tier) == (4, 3.0, "dpt-3-verity-20261001")
    pages = rows(answer, "pages")
    assert [(page["page_number"], page["is_failed"]) for page in pages] == [
        *((1, False), (2, True), (4, False)),
    ]
    assert pages[1]["error_message"] == "image could not be read"
    assert [chunk["page_number"] for chunk in rows(answer, "chunks")] == [1, 4]
    segments = rows(answer, "segments")
    # an astral character is one code point
    assert [segments[0]["content"], segments[1]["content"]] == ["# Ship log 🚢", "Calm sea today"]
    assert segments[0]["confidence"] == pytest.approx(0.8775)
    table = segments[2]
    assert table["html"] == table["content"] and table["html"].startswith("<table>")
    assert (table["table_rows"], table["table_columns"]) == (2, 2)
    cells = json.loads(table["metadata"])["cells"]
    assert [(cell["row"], cell["col"], cell["colspan"]) for cell in cells] == [
        *((0, 0, 2), (1, 0, 1), (1, 1, 1)),
    ]
    assert [row["segment_type"] for row in segments[3:]] == [
        *("picture", "other", "signature", "picture", "other", "other", "picture", "text"),
    ]
    # what was suppressed has a box and no text
    assert (segments[9]["content"], segments[9]["bbox_x0"]) == ("", 0.6)
    ocr = rows(answer, "segment_ocr")
    assert [row["text"] for row in ocr[:4]] == ["#", "Ship", "log", "🚢"]
    assert ocr[3]["confidence"] == 0.765
    assert answer.document is not None and answer.document.failed_page_count == 1


def test_markdown_that_is_repeated_on_nodes_changes_nothing() -> None:
    answer = got(always(body("parse_job_get", "the same with")))
    assert [row["content"] for row in rows(answer, "segments")] == ["Fog."]
    assert "markdown" not in json.loads(rows(answer, "segments")[0]["metadata"])


def test_206_is_a_success() -> None:
    sent = body("v1_jobs", "v1 get, HTTP 206")
    answer = got(always(httpx.Response(206, json=sent)))
    seen = answer.observation
    assert (seen.document_name, seen.credits, seen.page_count) == ("a.pdf", 6.0, 2)
    # where names may be hashed
    assert seen.payload["filename"] == "a.pdf" and "filename" not in seen.payload["metadata"]
    assert [page["is_failed"] for page in rows(answer, "pages")] == [False, True]
    (segment,) = rows(answer, "segments")
    assert (segment["content"], segment["page_number"]) == ("Hello", 1)
    assert segment["markdown"] == "<a id='c1'></a>\n\nHello"
    assert (segment["bbox_x1"], segment["confidence"]) == (0.5, 0.8)


def test_a_form_of_before_july_counts_pages_from_0_in_pixels() -> None:
    answer = got(always(body("parse_job_get", "ODD: form before")))
    seen = answer.observation
    assert seen.created_at == datetime.fromtimestamp(1752000000, timezone.utc)
    (page,) = rows(answer, "pages")
    assert (page["page_number"], page["page_width"]) == (1, 800.0)
    (segment,) = rows(answer, "segments")
    assert [segment[f"bbox_{edge}"] for edge in ("x0", "y0", "x1", "y1")] == [
        *(0.0125, 0.01, 0.25, 0.03),
    ]
    assert segment["provider_bbox"] == "[10,10,200,30]"
    assert [row["text"] for row in rows(answer, "segment_ocr")] == ["Old form"]


def test_an_element_that_is_new_comes_before_what_it_contains() -> None:
    answer = got(always(body("parse_job_get", "ODD: a new element")))
    container, item = rows(answer, "segments")
    assert (container["provider_segment_type"], container["segment_type"]) == ("list", "other")
    assert (item["parent_segment_index"], item["depth"]) == (0, 1)
    (page,) = rows(answer, "pages")
    assert json.loads(page["metadata"])["status"] == "skipped"
    # the page's text is there once
    assert [chunk["content"] for chunk in rows(answer, "chunks")] == ["a"]


FILES = ["parse_job_get", "v1_jobs"]
RESULTS = [one for file in FILES for one in answers(file) if one["body"].get("status")]


@pytest.mark.parametrize("sent", RESULTS, ids=[one["name"] for one in RESULTS])
def test_every_answer_is_kept_whole(sent: dict[str, Any]) -> None:
    """Each text and number of it stands somewhere in what is stored."""
    raw = json.dumps(sent["body"]).encode()
    for given in (raw, b""):
        reading = results.read_answer(
            given, lambda: sent["body"], include_content=True, include_ocr=True
        )
        stored = json.dumps(reading.rest, ensure_ascii=False)
        tables = reading.document.tables if reading.document is not None else {}
        for table in tables.values():
            for row in table.to_pylist():
                stored += "\n" + "\n".join(str(value) for value in row.values())
        for leaf in set(leaves(sent["body"])) - {"document", "page", "ok", "failed", "table_cell"}:
            if leaf == (sent["body"].get("result") or sent["body"].get("data") or {}).get(
                "markdown"
            ):
                # in slices
                continue
            text = leaf if isinstance(leaf, str) else json.dumps(leaf)
            assert text in stored, leaf


@pytest.mark.parametrize("part", ["x", [], 5])
def test_a_result_that_can_t_be_read_is_kept_whole(part: Any) -> None:
    sent = {"job_id": PARSE, "status": "completed", "result": part}
    with pytest.raises(UnreadableRecord) as refused:
        got(always(sent))
    assert refused.value.payload == sent


@pytest.mark.parametrize("part", [{"metadata": {}}, {"unheard_of": [1]}])
def test_a_result_in_no_known_form_is_kept_whole(part: Any) -> None:
    sent = {"job_id": PARSE, "status": "completed", "result": part}
    with pytest.raises(UnreadableRecord, match="neither a structure nor Markdown"):
        got(always(sent))


def test_markdown_without_a_tree_is_cut_into_pages() -> None:
    text = "One\n\n<!-- PAGE BREAK -->\n\nTwo\n\n<!-- doc_id=parse-1 -->\n"
    part = {"markdown": text, "structure": ["odd"]}
    answer = got(always({"job_id": PARSE, "status": "completed", "result": part}))
    assert [row["content"] for row in rows(answer, "chunks")] == ["One", "Two"]
    assert [row["page_number"] for row in rows(answer, "segments")] == [1, 2]
    assert json.loads(rows(answer, "pages")[0]["metadata"]) == {"structure": ["odd"]}


@pytest.mark.parametrize("ends", [{"start": 2, "end": 99}, {"start": 3, "end": 1}, "all", None])
def test_a_range_that_lies_nowhere_is_none(ends: Any) -> None:
    spot = {"page": 1, "range": ends}
    node = {"type": "text", "id": "t", "grounding": spot, "markdown": "own"}
    tree = {
        "type": "document",
        "children": [{"type": "page", "grounding": spot, "children": [node]}],
    }
    part = {"markdown": "abc", "structure": tree}
    answer = got(always({"job_id": PARSE, "status": "completed", "result": part}))
    assert [row["content"] for row in rows(answer, "segments")] == ["own"]
    assert [row["content"] for row in rows(answer, "chunks")] == ["own"]


@pytest.mark.parametrize("word", ["pending", "processing", "failed", "cancelled", "odd"])
def test_a_job_that_has_not_succeeded_has_no_result(word: str) -> None:
    for kind, name in (("parse", "completed inline"), ("extract", "completed: found")):
        sent = body(f"{kind}_job_get" if kind == "parse" else "extract_job", name)
        assert not got(always(sent | {"status": word}), kind).has_result  # type: ignore[arg-type]


# -- extractions --------------------------------------------------------------------------------


def test_an_extraction_leads_to_its_parse_job_and_leaves_the_markdown() -> None:
    sent = body("extract_job", "completed in part")
    server = always(sent)
    answer = got(server, "extract")
    assert server.asked == [(f"/v2/extract/jobs/{EXTRACT}", [])]
    assert answer.extraction is not None
    assert answer.extraction.result == sent["result"]["extraction"]
    assert answer.extraction.field_metadata == sent["result"]["extraction_metadata"]
    seen = answer.observation
    assert (seen.parse_job_id, seen.credits, seen.page_count) == (PARSE, 0.75, None)
    assert seen.payload["schema_violation_error"] == "field 'ship.mast' was dropped"
    assert seen.payload["metadata"]["billing"]["service_tier"] == "priority"
    assert "Crew: Ann 42" not in str(seen.payload) and "result" not in seen.payload


def test_an_older_extraction_is_one() -> None:
    answer = got(always(body("extract_job", "ODD")), "extract")
    assert answer.extraction is not None and answer.extraction.result == {"name": "Ann"}
    assert (answer.observation.credits, answer.observation.tier) == (1.5, "extract-1")


def test_without_content_no_value_stays_in_the_mirror() -> None:
    sent = body("extract_job", "completed: found")
    answer = got(always(sent), "extract", policy=ContentPolicy(include_content=False))
    assert answer.extraction is not None
    mirror = answer.extraction.field_metadata
    assert mirror["age"] == {"value": None, "ranges": [{"start": 10, "end": 12}]}
    assert "Ann" not in str(mirror)


# -- results that lie elsewhere -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parse", "extract"])
def test_a_receipt_stands_for_a_result_that_was_delivered(kind: JobKind) -> None:
    file, name = ("parse_job_get", "completed, delivered")
    if kind == "extract":
        file, name = "extract_job", "delivered"
    answer = got(always(body(file, name)), kind)
    assert not answer.has_result and answer.observation.is_delivered
    assert answer.observation.credits == (3.0 if kind == "parse" else 0.75)
    if kind == "parse":
        assert answer.observation.page_count == 4


def test_a_large_result_of_v1_on_an_unknown_host_is_not_taken_for_delivered() -> None:
    with pytest.raises(HostRefused):
        got(always(body("v1_jobs", "ODD: result above")))


def test_404_in_each_form() -> None:
    for name in ("unknown job", "older error form"):
        server = always(httpx.Response(404, json=body("parse_job_get", name)))
        with pytest.raises(NotFound):
            got(server)


def test_a_check_lists_one_job() -> None:
    server = always({"jobs": []})
    ask(LandingaiApi, server, lambda api: api.check())
    assert server.asked == [("/v2/parse/jobs", [("page_size", "1"), ("pageSize", "1")])]
