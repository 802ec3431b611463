"""No name that is typed is ignored: what nobody reads is refused, with what was probably meant."""

from __future__ import annotations

import pytest
from sources_support import Configure

import dlt_docjobs
from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.sources import names
from dlt_docjobs.sources.names import refuse_unknown_names

pytestmark = pytest.mark.usefixtures("keys")


def refusal() -> str:
    """What every source says, whosever it is."""
    with pytest.raises(UsageError) as refused:
        refuse_unknown_names()
    with pytest.raises(UsageError) as again:
        dlt_docjobs.contextual()
    assert str(again.value) == str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("section", "meant"),
    [
        ("sources.docjobs.llama_cloud", "did you mean llamacloud?"),
        ("sources.docjobs.LlamaCloud", "did you mean llamacloud?"),
        ("sources.docjobs.llamaclud", "did you mean llamacloud?"),
        ("sources.docjobs.llama-cloud", "did you mean llamacloud?"),
        ("sources.docjobs.llamacloud_", "did you mean llamacloud?"),
        ("sources.docjobs.unsilo", "did you mean unsiloed?"),
        ("sources.docjobs.nothing_like_it", "the sections are [sources.docjobs."),
        ("sources.docjob.llamacloud", "did you mean [sources.docjobs]?"),
        ("sources.doc_jobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("sources.dlt_docjobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("sources.DocJobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("source.docjobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("sorces.docjobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("Sources.docjobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("docjobs.llamacloud", "did you mean [sources.docjobs]?"),
        ("dlt_docjobs", "did you mean [sources.docjobs]?"),
        ("docjobs_llamacloud.sources.docjobs.llama_cloud", "did you mean llamacloud?"),
    ],
)
@pytest.mark.parametrize("file", ["config.toml", "secrets.toml"])
def test_a_misspelt_section_is_refused(
    configure: Configure, section: str, meant: str, file: str
) -> None:
    configure(f"[{section}]\ninclude_content = false\n", file)
    said = refusal()
    assert meant in said and f"({file})" in said
    assert section.split(".")[-1] in said or section.split(".")[-2] in said


@pytest.mark.parametrize("name", ["include_contents", "nothing_like_it"])
def test_a_misspelt_key_of_all_providers_is_refused(configure: Configure, name: str) -> None:
    configure(f"[sources.docjobs]\n{name} = false")
    assert f"unknown setting {name} under sources.docjobs" in refusal()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[sources.docjobs.llamacloud]\ninclude_contnt = false", "did you mean include_content?"),
        ("[sources.docjobs.llamacloud]\nINCLUDE_CONTENT = false", "did you mean include_content?"),
        ("[sources.docjobs.llamacloud]\ninclude-content = 0", "did you mean include_content?"),
        ("[sources.docjobs.llamacloud.eu]\ninclude_content = false", "unknown setting eu"),
        ("[sources.docjobs.llamacloud]\ncreated_at_resolution_seconds = 1", "unknown setting"),
        ("[sources.llamacloud]\ninclude_contnt = false", "did you mean include_content?"),
        ("sources.docjobs.llamacloud.page_siz = 1", "did you mean page_size?"),
        ("[sources]\ndocjobs.llamacloud.page_siz = 1", "did you mean page_size?"),
    ],
)
def test_a_misspelt_key_is_refused(configure: Configure, text: str, meant: str) -> None:
    configure(text)
    with pytest.raises(UsageError) as refused:
        dlt_docjobs.llamacloud()
    assert meant in str(refused.value)
    # one provider's mistake never stops the others
    dlt_docjobs.contextual()
    refuse_unknown_names()


@pytest.mark.parametrize(
    "variable",
    [
        "SOURCES__DOCJOBS__LLAMA_CLOUD__INCLUDE_CONTENT",
        "SOURCES__DOCJOBS__LLAMACLOUD_INCLUDE_CONTENT",
        "SOURCES__DOCJOBS__INCLUDE_CONTNT",
        "SOURCES__DOCJOB__LLAMACLOUD__INCLUDE_CONTENT",
        "SOURCES__DOC_JOBS__LLAMACLOUD__INCLUDE_CONTENT",
        "SOURCES__DLT_DOCJOBS__LLAMACLOUD__INCLUDE_CONTENT",
        "SOURCE__DOCJOBS__LLAMACLOUD__INCLUDE_CONTENT",
        "SOURCES_DOCJOBS_LLAMACLOUD_INCLUDE_CONTENT",
        "SOURCES_DOCJOBS__LLAMACLOUD__INCLUDE_CONTENT",
        "DOCJOBS__LLAMACLOUD__INCLUDE_CONTENT",
        "sources__docjobs__llamacloud__include_content",
        "Sources__Docjobs__Llamacloud__Include_Content",
        "DOCJOBS_LLAMACLOUD__SOURCES__DOCJOBS__LLAMA_CLOUD__INCLUDE_CONTENT",
    ],
)
def test_a_misspelt_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, variable: str
) -> None:
    monkeypatch.setenv(variable, "false")
    assert variable in refusal()


@pytest.mark.parametrize(
    "text",
    [
        "[sources.docjobs]\ninclude_content = false\nmax_retries = 1",
        "[sources.docjobs.llamacloud_eu]\nbase_url = 'https://eu.example'",
        "[sources.docjobs.llamacloud_eu_2]\npage_size = 1",
        "[sources.docjobs.llamacloud]\nmax_table_nesting = 0\nschema_contract = 'freeze'",
        "[sources.docjobs.extract]\nnext_item_mode = 'fifo'",
        "[sources.docjobs.llamacloud.extract]\nworkers = 2",
        "[docjobs_llamacloud.sources.docjobs.llamacloud]\npage_size = 1",
        "[docjobs_llamacloud.destination.duckdb]\ncredentials = 'x.duckdb'",
        # other people's
        "[sources.docs]\nkey = 1\n[sources.jobs]\nkey = 2\n[sources.rest_api]\npage_siz = 1",
        "[sources.contextual]\nsomething_of_another_source = 1",
        "[resources.other]\nkey = 1\n[source]\nkey = 1\n[data_sources]\nkey = 1",
        "[runtime]\nlog_level = 'INFO'\n[load]\nworkers = 1\n[destination.duckdb]\nx = 1",
        "[my_docs]\nkey = 1\n[dbjobs]\nkey = 2\n[sources]\nkey = 3",
        "page_siz = 3",
    ],
)
def test_what_is_read_or_somebody_elses_is_left_alone(configure: Configure, text: str) -> None:
    configure(text)
    refuse_unknown_names()
    dlt_docjobs.contextual()


@pytest.mark.parametrize(
    "variable",
    [
        "SOURCES__DOCJOBS__LLAMACLOUD__PAGE_SIZE",
        "SOURCES__DOCJOBS__LLAMACLOUD_EU__API_KEY",
        "SOURCES__DOCJOBS__MAX_RETRIES",
        "SOURCES__DOCJOBS__EXTRACT__WORKERS",
        "DOCJOBS_LLAMACLOUD__SOURCES__DOCJOBS__LLAMACLOUD__PAGE_SIZE",
        "DOCJOBS_DEBUG",
        "DOCJOBS_LLAMACLOUD__DESTINATION__DUCKDB__CREDENTIALS",
        "SOURCES__REST_API__PAGE_SIZ",
        "SOURCES",
        "SOURCE_DIR",
        "SOURCES_LIST",
        "MY_SOURCES__X",
        "SOURCE__DOCS__X",
        "_",
        "",
    ],
)
def test_a_variable_that_is_read_or_somebody_elses_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, variable: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "7")
    refuse_unknown_names()


def test_a_provider_that_cannot_be_used_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, configure: Configure
) -> None:
    usable = {name: one for name, one in names.providers().items() if name != "unsiloed"}
    monkeypatch.setattr(names, "providers", lambda: usable)
    configure("[sources.docjobs]\nmax_retries = 1\n[sources.docjobs.unsiloed]\nanything = 1")
    refuse_unknown_names("unsiloed")
    dlt_docjobs.contextual()
