"""The canonical vocabularies: status, terminal or not, and segment type (contract 6.1, 6.2).

The tables are data: a word that a provider adds is one entry here, and one that nobody has
added yet is `unknown` (status, not terminal) or `other` (segment type), never an error.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Provider = Literal["llamacloud", "contextual", "unsiloed"]
JobKind = Literal["parse", "extract"]

PROVIDERS: Final[tuple[Provider, ...]] = ("llamacloud", "contextual", "unsiloed")
JOB_KINDS: Final[tuple[JobKind, ...]] = ("parse", "extract")

QUEUED: Final = "queued"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"
UNKNOWN: Final = "unknown"

TERMINAL_STATUSES: Final[frozenset[str]] = frozenset({SUCCEEDED, FAILED, CANCELLED, EXPIRED})

STATUSES: Final[dict[Provider, dict[str, str]]] = {
    "llamacloud": {
        "pending": QUEUED,
        "throttled": QUEUED,
        "running": RUNNING,
        "completed": SUCCEEDED,
        "failed": FAILED,
        "cancelled": CANCELLED,
    },
    "contextual": {
        "pending": QUEUED,
        "processing": RUNNING,
        "retrying": RETRYING,
        "completed": SUCCEEDED,
        "failed": FAILED,
        "cancelled": CANCELLED,
    },
    "unsiloed": {
        "starting": QUEUED,
        "queued": QUEUED,
        "awaitingupload": QUEUED,
        "processing": RUNNING,
        "succeeded": SUCCEEDED,
        "completed": SUCCEEDED,
        "review": SUCCEEDED,
        "failed": FAILED,
        "cancelled": CANCELLED,
    },
}

SEGMENT_TYPES: Final[dict[Provider, dict[str, str]]] = {
    "llamacloud": {
        "heading": "section_header",
        "text": "text",
        "list": "list",
        "table": "table",
        "image": "picture",
        "code": "code",
        "link": "link",
        "header": "page_header",
        "footer": "page_footer",
    },
    "contextual": {
        "heading": "section_header",
        "text": "text",
        "table": "table",
        "figure": "picture",
    },
    "unsiloed": {
        "title": "title",
        "sectionheader": "section_header",
        "text": "text",
        "listitem": "list_item",
        "table": "table",
        "picture": "picture",
        "figure": "picture",
        "caption": "caption",
        "formula": "formula",
        "footnote": "footnote",
        "pageheader": "page_header",
        "header": "page_header",
        "pagefooter": "page_footer",
        "footer": "page_footer",
        "keyvaluepair": "key_value",
        "signature": "signature",
    },
}

OTHER: Final = "other"
CANONICAL_SEGMENT_TYPES: Final[frozenset[str]] = frozenset(
    {"title", "section_header", "text", "list", "list_item", "table", "picture", "caption"}
    | {"formula", "code", "footnote", "page_header", "page_footer", "link", "key_value", "form"}
    | {"signature", OTHER}
)

# of the hyphens those that Unicode calls so, the soft one too
_SPACING = re.compile(r"[\s_\-\u00ad\u2010\u2011]+")


def canonical_status(provider: Provider, provider_status: str | None) -> str:
    """The canonical status of what a provider said; `unknown` for a word not listed here."""
    if provider_status is None:
        return UNKNOWN
    return STATUSES[provider].get(provider_status.strip().lower(), UNKNOWN)


def is_terminal(status: str) -> bool:
    """Whether a canonical status ends a job."""
    return status in TERMINAL_STATUSES


def canonical_segment_type(provider: Provider, provider_type: str | None) -> str:
    """The canonical type of a segment; `other` for a word not listed here.

    Two rules need more than the word: Contextual's heading with `hierarchy_level` 0 is a `title`,
    and what stands in a LlamaCloud list, a list apart, is a `list_item`. The parsers apply them.
    """
    if provider_type is None:
        return OTHER
    return SEGMENT_TYPES[provider].get(_SPACING.sub("", provider_type).lower(), OTHER)
