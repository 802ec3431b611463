"""What could not be read: the same thing has one key, and is kept whole."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

import pytest
from sync_support import at

from dlt_docjobs.model.records import RejectedRecord
from dlt_docjobs.providers.contextual.api import ContextualApi
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.protocol import ContentPolicy, Rejection
from dlt_docjobs.providers.registry import provider
from dlt_docjobs.sync.rejections import (
    UNKNOWN_ID,
    rejected_record,
    rejection_id,
    unknown_id,
    unknown_id_rejection,
)
from dlt_docjobs.sync.settings import SyncSettings

TEXT = "Jane Doe owes 12 EUR"


def settings_of(**values: Any) -> SyncSettings:
    policy = ContentPolicy(
        include_content=values.pop("include_content", True),
        include_names=values.pop("include_names", True),
    )
    return SyncSettings(provider("llamacloud"), policy=policy, **values)


def rejection(payload: Any, **values: Any) -> Rejection:
    fields: dict[str, Any] = {
        "endpoint": "/api/v2/parse",
        "job_kind": "parse",
        "job_id": "pjb-1",
        "error": "field status: is missing",
    }
    return Rejection(**fields | values, payload=payload)


def record(payload: Any, **values: Any) -> RejectedRecord:
    settings = settings_of(**values)
    api = LlamaCloudApi(cast(Any, None), settings.policy)
    return rejected_record(
        settings,
        rejection(payload),
        api.without_content,
        api.name_keys,
        api.link_keys,
        at(1),
        "run-1",
    )


def test_one_thing_has_one_key() -> None:
    settings = settings_of()
    one = rejection_id(settings, rejection({"a": 1, "b": [TEXT]}))
    assert one == rejection_id(settings, rejection({"b": [TEXT], "a": 1}))
    # what is said of it may change with the version
    assert one == rejection_id(settings, rejection({"a": 1, "b": [TEXT]}, error="other words"))
    assert len(one) == 32


@pytest.mark.parametrize(
    "other",
    [
        rejection({"a": 2}),
        rejection({"a": 1}, endpoint="/api/v2/extract"),
        rejection({"a": 1}, job_kind="extract"),
        rejection({"a": 1}, job_kind=None),
        rejection({"a": 1}, job_id="pjb-2"),
        rejection({"a": 1}, job_id=None),
        rejection(None),
        rejection('{"a": 1}'),
    ],
)
def test_different_things_have_different_keys(other: Rejection) -> None:
    settings = settings_of()
    assert rejection_id(settings, other) != rejection_id(settings, rejection({"a": 1}))


def test_the_account_and_the_provider_belong_to_the_key() -> None:
    same = rejection({"a": 1})
    keys = {
        rejection_id(settings, same)
        for settings in (
            settings_of(),
            settings_of(account="eu"),
            SyncSettings(provider("contextual")),
        )
    }
    assert len(keys) == 3


def test_a_url_that_is_signed_anew_is_the_same_thing() -> None:
    settings = settings_of()
    urls = [f"https://s3.example.com/a.pdf?X-Amz-Signature={number}" for number in "12"]
    assert len({rejection_id(settings, rejection({"file_url": url})) for url in urls}) == 1


def test_what_is_stored_does_not_change_the_key() -> None:
    payload = {"name": "Jane.pdf", "text": TEXT}
    rows = [record(payload), record(payload, include_content=False)]
    rows.append(record(payload, include_names=False))
    assert len({row.rejection_id for row in rows}) == 1
    assert len({row.payload for row in rows}) == 3


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        (None, None),
        ({"b": [1, None], "a": TEXT}, {"b": [1, None], "a": TEXT}),
        ([], []),
        (b"<html>oops\xff", "<html>oops\ufffd"),
        ("text\0", "text"),
        (float("nan"), "NaN"),
        (10**40, 10**40),
        ({"\ud800": "\ud800"}, {"\ufffd": "\ufffd"}),
        ({"api_key": "k", "id": "1"}, {"api_key": "[redacted]", "id": "1"}),
    ],
)
def test_what_came_is_kept_whole(payload: Any, kept: Any) -> None:
    row = record(payload)
    assert (None if row.payload is None else json.loads(row.payload)) == kept
    assert (row.provider, row.account, row.run_id, row.observed_at) == (
        "llamacloud",
        "default",
        "run-1",
        at(1),
    )
    assert (row.endpoint, row.job_kind, row.job_id) == ("/api/v2/parse", "parse", "pjb-1")


def test_what_nests_too_deep_is_kept_as_text() -> None:
    deep: Any = TEXT
    for _ in range(700):
        deep = [deep]
    row = record(deep)
    assert row.payload is not None and TEXT in json.loads(row.payload)
    assert record(deep).rejection_id == row.rejection_id
    assert TEXT not in (record(deep, include_content=False).payload or "")


def test_without_content_the_shape_stays() -> None:
    row = {"id": "pjb-1", "status": None, "name": "a.pdf", "created_at": "never", "text": TEXT}
    answer = {"job": row | {"user_metadata": {"id": TEXT}}, "items": {"pages": [{"md": TEXT}]}}
    kept = json.loads(record(answer, include_content=False).payload or "")
    assert kept == {
        "job": {
            "id": "pjb-1",
            "status": None,
            "name": "a.pdf",
            "created_at": "never",
            "text": 20,
            "user_metadata": {"id": 20},
        },
        "items": {"pages": [{"md": 20}]},
    }
    assert json.loads(record(TEXT.encode(), include_content=False).payload or "") == 20
    listed = json.loads(record({"items": [row]}, include_content=False).payload or "")
    assert listed["items"][0]["id"] == "pjb-1" and listed["items"][0]["text"] == 20


def test_an_extraction_s_fields_are_texts_whatever_they_are_called() -> None:
    found = {"id": TEXT, "name": TEXT, "status": TEXT, "type": [TEXT], "tier": {"name": TEXT}}
    for answer in ({"extract_result": found}, {"extract_result": [found]}, {"result": found}):
        assert TEXT not in (record(answer, include_content=False).payload or "")
    api = ContextualApi(cast(Any, None), ContentPolicy(False))
    shape = api.without_content({"job_id": "j", "status": "completed", "results": found})
    assert shape["status"] == "completed" and TEXT not in json.dumps(shape)


def test_without_names_a_name_is_a_hash_at_any_depth() -> None:
    payload = {"job": {"name": "Jane.pdf"}, "items": [{"file_name": "Jane.pdf"}], "name": 5}
    text = record(payload, include_names=False).payload or ""
    assert "Jane" not in text and text.count("sha256:") == 2


def test_an_id_that_the_provider_never_knew_has_one_key() -> None:
    settings = settings_of()
    one = unknown_id(("parse", "x"))
    assert one.is_unknown_id and one.error == UNKNOWN_ID and one.payload is None
    assert unknown_id_rejection(settings, ("parse", "x")) == rejection_id(settings, one)
    assert unknown_id_rejection(settings, ("extract", "x")) != rejection_id(settings, one)


def test_of_a_payload_beyond_all_measure_the_first_mb_is_kept() -> None:
    body = b"<html>" + b"\xc3\xa9" * (16 * 2**20)
    row = record(body)
    assert row.payload is not None
    assert json.loads(row.payload) == "<html>" + "é" * (2**20 - 6)
    assert f"{len(body):,} bytes" in row.error
    assert hashlib.sha256(body).hexdigest() in row.error

    text = json.dumps({"status": None, "rows": ["x" * 2**20] * 17}, separators=(",", ":"))
    row = record(json.loads(text))
    assert row.payload is not None and json.loads(row.payload) == text[: 2**20]
    assert f"{len(text):,} bytes" in row.error
    assert record("x" * 2**20).error == "field status: is missing"
