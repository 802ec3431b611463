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
NAMES: tuple[Provider, ...] = ("llamacloud", "contextual", "unsiloed", "reducto", "landingai")

STATUS_WORDS: dict[str, tuple[str, str, str, str, str, bool]] = {
    "queued": (
        "PENDING THROTTLED",
        "pending",
        "Starting Queued AwaitingUpload",
        "Pending Idle",
        "pending",
        False,
    ),
    "running": (
        "RUNNING processing",
        "processing",
        "Processing",
        "InProgress Completing",
        "processing",
        False,
    ),
    "retrying": ("", "retrying", "", "", "", False),
    "succeeded": (
        "COMPLETED",
        "completed",
        "Succeeded completed review",
        "Completed",
        "completed",
        True,
    ),
    "failed": ("FAILED", "failed", "Failed", "Failed", "failed", True),
    "cancelled": ("CANCELLED", "cancelled", "Cancelled", "Cancelled", "cancelled", True),
}
SEGMENT_WORDS: dict[str, tuple[str, str, str, str, str]] = {
    "title": ("", "", "Title", "Title", "title"),
    "section_header": ("heading", "heading", "SectionHeader", "SectionHeader", ""),
    "text": ("text", "text", "Text", "Text", "text"),
    "list": ("list", "", "", "", ""),
    "list_item": ("", "", "ListItem", "ListItem", ""),
    "table": ("table", "table", "Table", "Table", "table"),
    "picture": ("image figure", "figure", "Picture Figure", "Figure", "figure logo"),
    "caption": ("", "", "Caption", "", ""),
    "formula": ("", "", "Formula", "", ""),
    "footnote": ("", "", "Footnote", "", ""),
    "code": ("code", "", "", "", ""),
    "link": ("link", "", "", "", ""),
    "page_header": ("header", "", "PageHeader Header", "Header", "pageheader"),
    "page_footer": ("footer", "", "PageFooter Footer", "Footer", "pagefooter"),
    "key_value": ("", "", "KeyValuePair", "KeyValue", "keyvalue"),
    "signature": ("", "", "Signature", "Signature", "attestation"),
    "other": ("anything", "anything", "Page anything", "Comment anything", "marginalia anything"),
}


def spellings(word: str) -> list[str]:
    return [word, word.lower(), word.upper(), f" {word}\t"]


@pytest.mark.parametrize("place", range(len(NAMES)))
@pytest.mark.parametrize("status", STATUS_WORDS)
def test_statuses(status: str, place: int) -> None:
    provider: Provider = NAMES[place]
    words = STATUS_WORDS[status][place]
    assert isinstance(words, str)
    for word in words.split():
        for spelling in spellings(word):
            assert canonical_status(provider, spelling) == status
    assert is_terminal(status) == STATUS_WORDS[status][-1]
    # and no word that the contract doesn't know
    known = {word for word, of in provider_of(provider).vocabulary.statuses.items() if of == status}
    assert known == {word.lower() for word in words.split()}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "word", [None, "", "done", "SUCCESS", "canceled", "expired", "unknown", "é"]
)
def test_any_other_word_is_unknown_and_ends_nothing(provider: Provider, word: str | None) -> None:
    assert canonical_status(provider, word) == "unknown"
    assert not is_terminal("unknown")


def test_an_expiry_ends_a_job() -> None:
    assert is_terminal("expired")


@pytest.mark.parametrize("place", range(len(NAMES)))
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
