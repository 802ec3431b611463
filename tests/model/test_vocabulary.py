"""The canonical words of docs/contract.md, and the providers', written once more."""

from __future__ import annotations

import pytest

from dlt_docjobs.emulator.vocabulary import (
    PROVIDERS,
    Provider,
    canonical_segment_type,
    canonical_status,
)
from dlt_docjobs.model.vocabulary import (
    CANONICAL_SEGMENT_TYPES,
    is_terminal,
)
from dlt_docjobs.providers.registry import provider as provider_of

# in the order of the columns below
NAMES: tuple[Provider, ...] = ("llamacloud", "contextual", "unsiloed")

STATUS_WORDS: dict[str, tuple[str, str, str, bool]] = {
    "queued": ("PENDING THROTTLED", "pending", "Starting Queued AwaitingUpload", False),
    "running": ("RUNNING processing", "processing", "Processing", False),
    "retrying": ("", "retrying", "", False),
    "succeeded": ("COMPLETED", "completed", "Succeeded completed review", True),
    "failed": ("FAILED", "failed", "Failed", True),
    "cancelled": ("CANCELLED", "cancelled", "Cancelled", True),
}
SEGMENT_WORDS: dict[str, tuple[str, str, str]] = {
    "title": ("", "", "Title"),
    "section_header": ("heading", "heading", "SectionHeader"),
    "text": ("text", "text", "Text"),
    "list": ("list", "", ""),
    "list_item": ("", "", "ListItem"),
    "table": ("table", "table", "Table"),
    "picture": ("image figure", "figure", "Picture Figure"),
    "caption": ("", "", "Caption"),
    "formula": ("", "", "Formula"),
    "footnote": ("", "", "Footnote"),
    "code": ("code", "", ""),
    "link": ("link", "", ""),
    "page_header": ("header", "", "PageHeader Header"),
    "page_footer": ("footer", "", "PageFooter Footer"),
    "key_value": ("", "", "KeyValuePair"),
    "signature": ("", "", "Signature"),
    "other": ("anything", "anything", "Page anything"),
}


def spellings(word: str) -> list[str]:
    return [word, word.lower(), word.upper(), f" {word}\t"]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("status", STATUS_WORDS)
def test_statuses(status: str, place: int) -> None:
    provider: Provider = NAMES[place]
    words = STATUS_WORDS[status][place]
    assert isinstance(words, str)
    for word in words.split():
        for spelling in spellings(word):
            assert canonical_status(provider, spelling) == status
    assert is_terminal(status) == STATUS_WORDS[status][3]
    # and no word that the contract doesn't know
    known = {word for word, of in provider_of(provider).vocabulary.statuses.items() if of == status}
    assert known == {word.lower() for word in words.split()}


def test_landingai_s_words() -> None:
    words = provider_of("landingai").vocabulary
    assert words.statuses == {
        "pending": "queued",
        "processing": "running",
        "completed": "succeeded",
        "failed": "failed",
        "cancelled": "cancelled",
    }
    for word, kind in {
        **{"text": "text", "table": "table", "figure": "picture", "logo": "picture"},
        **{"attestation": "signature", "page_header": "page_header", "Key Value": "key_value"},
        **{"marginalia": "other", "card": "other", "scan_code": "other", "table_cell": "other"},
    }.items():
        assert canonical_segment_type("landingai", word) == kind


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "word", [None, "", "done", "SUCCESS", "canceled", "expired", "unknown", "é"]
)
def test_any_other_word_is_unknown_and_ends_nothing(provider: Provider, word: str | None) -> None:
    assert canonical_status(provider, word) == "unknown"
    assert not is_terminal("unknown")


def test_an_expiry_ends_a_job() -> None:
    assert is_terminal("expired")


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("kind", SEGMENT_WORDS)
def test_segment_types(kind: str, place: int) -> None:
    provider: Provider = NAMES[place]
    for word in SEGMENT_WORDS[kind][place].split():
        for spelling in [*spellings(word), "_".join(word), f"{word[:2]} -{word[2:]}"]:
            assert canonical_segment_type(provider, spelling) == kind
    known = {
        word for word, of in provider_of(provider).vocabulary.segment_types.items() if of == kind
    }
    # of forms, whose words are ours
    known = {word for word in known if word != "form" and not word.startswith("form.")}
    expected = set() if kind == "other" else set(SEGMENT_WORDS[kind][place].lower().split())
    assert known == expected


def test_the_canonical_types_are_those_of_the_contract() -> None:
    assert {*SEGMENT_WORDS, "form"} == CANONICAL_SEGMENT_TYPES
    assert canonical_segment_type("unsiloed", None) == "other"
    assert canonical_segment_type("unsiloed", "Section Header") == "section_header"
    assert canonical_segment_type("unsiloed", "Pagefooter") == "page_footer"
