"""Which answers are given the time that a large result needs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from api_support import always, ask

from dlt_docjobs.http import ApiClient
from dlt_docjobs.model.vocabulary import JobKind
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.contextual.api import ContextualApi
from dlt_docjobs.providers.llamacloud.api import LlamaCloudApi
from dlt_docjobs.providers.protocol import ListRange
from dlt_docjobs.providers.unsiloed.api import UnsiloedApi


def patience_of(monkeypatch: pytest.MonkeyPatch, api: Any, question: Any) -> set[bool]:
    """Whether the requests of a question ask for a result."""
    asked: set[bool] = set()
    real = ApiClient.get_decoded

    def noting(self: Any, *arguments: Any, is_result: bool = False) -> Any:
        asked.add(is_result)
        return real(self, *arguments, is_result=is_result)

    monkeypatch.setattr(ApiClient, "get_decoded", noting)
    with suppress(UnreadableRecord):
        ask(api, always({"id": "j", "job_id": "j", "status": "PENDING"}), question)
    return asked


@pytest.mark.parametrize("kind", ["parse", "extract"])
@pytest.mark.parametrize("api", [LlamaCloudApi, ContextualApi, UnsiloedApi])
def test_a_result_may_take_long(monkeypatch: pytest.MonkeyPatch, api: Any, kind: JobKind) -> None:
    assert patience_of(monkeypatch, api, lambda of: of.result(kind, "j")) == {True}


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        (LlamaCloudApi, "parse"),
        (LlamaCloudApi, "extract"),
        (ContextualApi, "parse"),
        (ContextualApi, "extract"),
        (UnsiloedApi, "parse"),
    ],
)
def test_a_status_may_not(monkeypatch: pytest.MonkeyPatch, api: Any, kind: JobKind) -> None:
    assert patience_of(monkeypatch, api, lambda of: of.status(kind, "j")) == {False}


@pytest.mark.parametrize("api", [LlamaCloudApi, ContextualApi])
def test_a_list_may_not(monkeypatch: pytest.MonkeyPatch, api: Any) -> None:
    def listed(of: Any) -> Any:
        return of.list_page("parse", ListRange(), None)

    assert patience_of(monkeypatch, api, listed) == {False}
