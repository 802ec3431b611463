"""LlamaCloud's reviews of extract jobs: what is asked, and what is made of the answers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import httpx
import pytest
from api_support import Server, always, ask

from dlt_docjobs.http import Forbidden, NotFound
from dlt_docjobs.model.cleaning import MAX_DEPTH
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.llamacloud.reviews import read_review, shape_of
from dlt_docjobs.providers.protocol import Review


def review(server: Server, **options: Any) -> Review | None:
    return ask(LlamaCloudApi, server, lambda api: api.review("extract", "ext-1"), **options)


def test_a_review_is_asked_for_within_the_project_and_kept_whole() -> None:
    body = {"id": "rev-1", "decided_at": "2026-11-21T08:00:00Z", "brand_new": {"a": [1]}}
    server = always(body)
    found = review(server, project_id="prj")
    assert server.asked == [("/api/v2/extract/ext-1/review", [("project_id", "prj")])]
    assert found is not None and found.value == body
    assert found.decided_at == datetime(2026, 11, 21, 8, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["no review", "Job ext-1 not found", "Review not found"])
def test_a_404_is_said_of_the_job(text: str) -> None:
    answer = httpx.Response(404, json={"detail": text})
    assert review(always(answer)) is None


def test_a_path_that_the_server_does_not_know_is_told_apart() -> None:
    with pytest.raises(NotFound):
        review(always(httpx.Response(404, json={"detail": "Not Found"})))
    with pytest.raises(Forbidden):
        review(always(403))


@pytest.mark.parametrize("at", [None, "", "soon", 7, [1], {}])
def test_a_decision_without_a_date_that_can_be_read_has_none(at: Any) -> None:
    found = read_review({"decided_at": at})
    assert found is not None and found.decided_at is None


@pytest.mark.parametrize("body", [[{"id": "rev-1"}], "a text", 7, True])
def test_what_is_no_object_is_no_review(body: Any) -> None:
    with pytest.raises(UnreadableRecord) as raised:
        read_review(body)
    assert raised.value.payload == body and "rev-1" not in str(raised.value)
    assert read_review(None) is None


def test_without_values_only_what_is_the_review_s_own_stays() -> None:
    action = {"action": "correct", "actor_id": "u2", "at": "2026-11-21T07:59:00Z"}
    assert shape_of(
        {
            "id": "rev-1",
            "confidence_threshold": 0.8,
            "decided_by": {"name": "Ada"},
            "decided_reason": "wrong",
            "field_actions": {
                "/total": {**action, "value": 4711},
                "/a": {**action, "value": {"id": "x", "ok": True, "at": "2026-11-21T07:59:00Z"}},
                "/b": "odd",
            },
            "revision": 4,
            "reviewed_result": {"id": "x", "total": 4711, "many": [1, "two", None, [True]]},
        }
    ) == {
        "id": "rev-1",
        "confidence_threshold": 0.8,
        "decided_by": {"name": 3},
        "decided_reason": 5,
        "field_actions": {
            "/total": {**action, "value": None},
            "/a": {**action, "value": {"id": 1, "ok": None, "at": 20}},
            "/b": 3,
        },
        "revision": 4,
        "reviewed_result": {"id": 1, "total": None, "many": [None, 3, None, [None]]},
    }
    assert shape_of({"field_actions": [1, "x"]}) == {"field_actions": [None, 1]}


def test_what_nests_deeper_than_can_be_stored_is_refused() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        shape_of({"more": deep})
