"""In what form each provider says that there is no such thing, and the client that knows it."""

from __future__ import annotations

from typing import Any

import pytest

import dlt_docjobs
from dlt_docjobs.emulator.apis.answers import refuse
from dlt_docjobs.emulator.encoding import encode
from dlt_docjobs.http import ErrorForm
from dlt_docjobs.providers.registry import provider as registered
from dlt_docjobs.sources.source import resolve

NAMES = ("llamacloud", "contextual", "unsiloed", "landingai")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_parse", [True, False])
@pytest.mark.parametrize("text", [None, "Job 1234 not found"])
def test_a_404_as_the_provider_words_it_fits(name: str, is_parse: bool, text: str | None) -> None:
    declared = registered(name)
    form = ErrorForm(declared.error_keys, declared.error_text)
    answer = refuse(name, 404, text, parse=is_parse)
    assert form.fits(encode(answer), answer.media_type)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body", [b"", b"404 page not found", b"default backend - 404", b"<html>Job not found", b"{}"]
)
def test_a_404_of_what_stands_before_a_provider_does_not_fit(name: str, body: bytes) -> None:
    declared = registered(name)
    assert not ErrorForm(declared.error_keys, declared.error_text).fits(body, "text/plain")


@pytest.mark.parametrize("name", NAMES)
def test_the_client_is_given_the_provider_s_form(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = registered(name)
    monkeypatch.setenv(declared.key_variables[0], "a-key-of-some-length")
    source: Any = getattr(dlt_docjobs, name)
    client = resolve(lambda: source()).make_api().client
    assert client.error_form == ErrorForm(declared.error_keys, declared.error_text)
