"""Where a value is found, and where a value that stands there is not ours."""

from __future__ import annotations

from typing import Any

import pytest
from sources_support import Configure

import dlt_docjobs
from dlt_docjobs.accounts.pipelines import Account
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.sources.source import ResolvedSource, look_at, resolve

OTHER = "sk-somebody-elses-0123456789"


def llamacloud(**arguments: Any) -> ResolvedSource:
    return resolve(lambda: dlt_docjobs.llamacloud(**arguments))


def test_every_place_is_named(
    configure: Configure, keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("[sources.docjobs]\nmax_retries = 1\n[sources.docjobs.llamacloud]\npage_size = 7")
    configure("[sources.docjobs.llamacloud]\napi_key = 'sk-0123456789ab'", "secrets.toml")
    monkeypatch.setenv("SOURCES__DOCJOBS__LLAMACLOUD__LAG_SECONDS", "11")
    made = llamacloud(project_id="mine")
    assert made.origins == {
        "api_key": "secrets.toml [sources.docjobs.llamacloud]",
        "max_retries": "config.toml [sources.docjobs]",
        "page_size": "config.toml [sources.docjobs.llamacloud]",
        "lag_seconds": "SOURCES__DOCJOBS__LLAMACLOUD__LAG_SECONDS",
    }
    assert made.connection.api_key == "sk-0123456789ab"
    assert made.values["project_id"] == "mine"


@pytest.mark.parametrize("prefix", ["", "SOURCES__"])
def test_general_variables_of_others_are_not_ours(
    configure: Configure, keys: None, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    before = llamacloud()
    for name, value in {
        "API_KEY": OTHER,
        "BASE_URL": "https://elsewhere.example",
        "PROJECT_ID": "a-project-of-another-cloud",
        "ORGANIZATION_ID": "o",
        "JOB_IDS": '["a"]',
        "JOB_IDS_FILE": "/nothing/there",
    }.items():
        monkeypatch.setenv(prefix + name, value)
    if not prefix:
        for name, value in {"PAGE_SIZE": "3", "START_DATE": "2026-11-01", "RELOAD": "all"}.items():
            monkeypatch.setenv(name, value)
    after = llamacloud()
    assert after.connection == before.connection
    assert after.settings == before.settings
    assert after.values == before.values


def test_a_general_variable_that_the_caller_hands_in_is_believed(
    configure: Configure, keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROJECT_ID", "prj")
    monkeypatch.setenv("BASE_URL", "https://proxy.example")
    made = llamacloud(project_id="prj", base_url="https://proxy.example")
    assert made.values["project_id"] == "prj"
    assert made.connection.base_url == "https://proxy.example"


@pytest.mark.parametrize("text", ["include_content = false", "[sources]\ninclude_content = false"])
def test_privacy_is_believed_wherever_dlt_finds_it(
    configure: Configure, keys: None, text: str
) -> None:
    configure(text)
    assert not llamacloud().settings.policy.include_content


def test_the_usual_key_is_the_default_accounts(configure: Configure, keys: None) -> None:
    configure("[sources.docjobs.llamacloud_eu]\nbase_url = 'https://eu.example'")
    account = Account("llamacloud", "eu")
    assert account.key() is None and Account("llamacloud").key() is not None
    found, error = look_at(account.source)
    assert found is not None and isinstance(error, UsageError)
    assert "[sources.docjobs.llamacloud_eu]" in str(error)
    assert "LLAMA_CLOUD_API_KEY" not in str(error)


@pytest.mark.parametrize("quoted", ['"{}"', "'{}'", "“{}”", "`{}`", ' "{}"\n'])
def test_quotation_marks_around_a_key_are_named(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, quoted: str
) -> None:
    monkeypatch.setenv("LLAMA_CLOUD_API_KEY", quoted.format(OTHER))
    with pytest.raises(UsageError, match="quotation marks") as refused:
        llamacloud()
    assert OTHER not in str(refused.value)
