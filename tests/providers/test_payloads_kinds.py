"""Classify and split jobs, as the made-up answers of payloads/ have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from api_support import Server, always, ask

from dlt_docjobs.http import InvalidRequest
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.protocol import JobAnswer, JobPage, ListRange
from dlt_docjobs.providers.unsiloed.api import UnsiloedApi

PAYLOADS = Path(__file__).parent / "payloads"


def bodies(file: str) -> dict[str, Any]:
    """The bodies of a file's answers, by name."""
    answers = json.loads((PAYLOADS / f"{file}.json").read_text("utf-8"))["answers"]
    return {answer["name"]: answer["body"] for answer in answers if answer.get("http") is None}


CLASSIFY = bodies("llamacloud_classify")
SPLIT = bodies("llamacloud_split")
UNSILOED = bodies("unsiloed_classify_split")
ODD_SPLIT = next(name for name in SPLIT if name.startswith("ODD"))
BETA = next(name for name in SPLIT if name.startswith("beta"))


def listed(server: Server, kind: JobKind) -> JobPage:
    return ask(LlamaCloudApi, server, lambda api: api.list_page(kind, ListRange(), None))


def got(
    server: Server, kind: JobKind, job_id: str = "job-1", api: Any = LlamaCloudApi
) -> JobAnswer:
    return ask(api, server, lambda one: one.result(kind, job_id))


# -- LlamaCloud -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("classify", CLASSIFY["list"], "/api/v2/classify"),
        ("split", SPLIT["list, lower-case statuses"], "/api/v1/split/jobs"),
    ],
)
def test_lists_show_every_job_and_keep_no_result_in_its_payload(
    kind: JobKind, body: Any, path: str
) -> None:
    server = always(body)
    page = listed(server, kind)
    assert server.asked == [(path, [("page_size", "100")])]
    assert not page.rejections
    assert [seen.job_id for seen in page.observations] == [row["id"] for row in body["items"]]
    for seen, row in zip(page.observations, body["items"], strict=True):
        assert seen.provider_status == row["status"]
        assert LlamaCloudApi.provider.vocabulary.status(row["status"]) != "unknown"
        assert seen.payload == {key: value for key, value in row.items() if key != "result"}


@pytest.mark.parametrize("name", [name for name in CLASSIFY if name.startswith("get")])
def test_no_class_at_all_is_a_result(name: str) -> None:
    body = CLASSIFY[name]
    server = always(body)
    answer = got(server, "classify", body["id"])
    assert server.asked == [(f"/api/v2/classify/{body['id']}", [("expand", "usage")])]
    assert answer.extraction is not None
    assert answer.extraction.result == body["result"]
    seen = answer.observation
    assert (seen.credits, seen.parse_credits) == tuple(body["usage"].values())
    assert seen.parse_job_id == body["parse_job_id"]
    assert seen.config == body["configuration"]


def test_a_classify_job_without_result_or_dates_is_a_job() -> None:
    body = next(body for name, body in CLASSIFY.items() if name.startswith("ODD"))
    answer = got(always(body), "classify", body["id"])
    assert not answer.has_result
    assert answer.observation.created_at is None
    # a URL that carries its signature
    assert answer.observation.document_id == "https://example.invalid/a.pdf"


def test_a_split_says_what_it_was_asked_to_do() -> None:
    body = SPLIT["get"]
    server = always(body)
    answer = got(server, "split", body["id"])
    assert server.asked == [(f"/api/v1/split/jobs/{body['id']}", [])]
    assert answer.extraction is not None and answer.extraction.result == body["result"]
    assert answer.observation.parse_job_id == body["file_input"]
    assert answer.observation.config == {
        "categories": body["categories"],
        "splitting_strategy": body["splitting_strategy"],
        "target_pages": "2,1",
    }


def test_a_word_of_a_later_version_ends_no_split() -> None:
    answer = got(always(SPLIT[ODD_SPLIT]), "split")
    assert answer.observation.provider_status == "throttled"
    assert not answer.has_result


def test_the_older_form_of_a_split_names_its_file() -> None:
    answer = got(always(SPLIT[BETA] | {"status": "completed"}), "split")
    assert answer.observation.document_id == SPLIT[BETA]["document_input"]["value"]
    assert answer.extraction is not None


def test_without_content_no_reason_and_no_instruction_stays() -> None:
    row = SPLIT["get"] | {"splitting_strategy": {"custom_instructions": "look for Ann"}}
    answer = got(always(row), "split")
    shape = ask(LlamaCloudApi, always({}), lambda api: _shape(api, answer.observation.payload))
    assert "look for Ann" not in json.dumps(shape)
    assert "asks for money" not in json.dumps(shape)
    assert shape["status"] == "completed"


async def _shape(api: Any, value: Any) -> Any:
    return api.without_content(value)


def test_what_extract_jobs_were_asked_to_do_stands_in_the_list() -> None:
    def answer(path: str, query: list[tuple[str, str]]) -> Any:
        asked.append(query)
        refused = 422 if refuses and ("expand", "configuration") in query else None
        return refused or {
            "items": [{"id": "ext-1", "status": "FAILED", "configuration": {"a": 1}}]
        }

    asked: list[Any] = []
    refuses = False
    page = listed(Server(answer), "extract")
    assert page.observations[0].config == {"a": 1}
    assert asked == [[("expand", "configuration"), ("page_size", "100")]]
    refuses = True
    asked.clear()
    page = listed(Server(answer), "extract")
    assert page.observations[0].job_id == "ext-1"
    assert asked[-1] == [("page_size", "100")]


def test_a_list_that_minds_something_else_is_no_reason_to_ask_for_less() -> None:
    async def twice(api: Any) -> None:
        with pytest.raises(InvalidRequest):
            await api.list_page("extract", ListRange(), None)
        with pytest.raises(InvalidRequest):
            await api.list_page("extract", ListRange(), None)

    server = always(422)
    ask(LlamaCloudApi, server, twice)
    assert len([query for query in server.queries if ("expand", "configuration") in query]) == 4


# -- Unsiloed AI ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(UNSILOED))
def test_unsiloed_s_answers_are_read_whole(name: str) -> None:
    body = UNSILOED[name]
    kind: JobKind = "classify" if "classify" in body or "file_url" not in body else "split"
    server = always(body)
    answer = got(server, kind, body["job_id"], UnsiloedApi)
    path = "classify" if kind == "classify" else "splitter"
    assert server.asked == [(f"/{path}/{body['job_id']}", [])]
    seen = answer.observation
    assert (seen.job_kind, seen.provider_status) == (kind, body["status"])
    assert seen.created_at is seen.finished_at is seen.credits is None
    succeeded = body["status"] in ("completed", "review")
    assert answer.has_result == (succeeded and body["result"] is not None)
    assert seen.error_message == (body["error"] if body["status"] == "failed" else None)
    assert seen.payload == {key: value for key, value in body.items() if key != "result"}
    told = body.get("parameters") or body["result"] or {}
    assert seen.page_count == (told.get("total_pages") or told.get("page_count")) or not succeeded
    assert seen.config == body.get("parameters")
