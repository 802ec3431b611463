"""Canonical words for statuses and segment types, and how a provider's own are mapped to them.

A provider declares its words as data (`Vocabulary`). One that nobody has declared yet is
`unknown` (status, not terminal) or `other` (segment type), never an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

JobKind = Literal["parse", "extract", "classify", "split"]

JOB_KINDS: Final[tuple[JobKind, ...]] = ("parse", "extract", "classify", "split")

QUEUED: Final = "queued"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"
UNKNOWN: Final = "unknown"

TERMINAL_STATUSES: Final[frozenset[str]] = frozenset({SUCCEEDED, FAILED, CANCELLED, EXPIRED})
CANONICAL_STATUSES: Final[frozenset[str]] = TERMINAL_STATUSES | {
    QUEUED,
    RUNNING,
    RETRYING,
    UNKNOWN,
}

OTHER: Final = "other"
CANONICAL_SEGMENT_TYPES: Final[frozenset[str]] = frozenset(
    {"title", "section_header", "text", "list", "list_item", "table", "picture", "caption"}
    | {"formula", "code", "footnote", "page_header", "page_footer", "link", "key_value", "form"}
    | {"signature", OTHER}
)

# the words that columns of `jobs` and of the other tables hold
RESULTS_STATES: Final = ("not_ready", "none", "pending", "loaded", "skipped", "failed", "expired")
DATE_PRECISIONS: Final = ("exact", "bounded", "unknown")
EVENT_SOURCES: Final = ("provider", "observed")
CHUNK_KINDS: Final = ("native", "page")
CELL_SOURCES: Final = ("rows", "html", "markdown")
CONFIDENCE_LEVELS: Final = ("low", "medium", "high")

# of the hyphens those that Unicode calls so, the soft one too
_SPACING = re.compile(r"[\s_\-\u00ad\u2010\u2011]+")


def is_terminal(status: str) -> bool:
    """Whether a canonical status ends a job."""
    return status in TERMINAL_STATUSES


@dataclass(frozen=True)
class Vocabulary:
    """A provider's words. Case and surrounding blanks never matter.

    Attributes:
        statuses: Each status word of the provider's, in lower case, with its canonical status.
        segment_types: Each segment type, in lower case and without blanks, underscores and
            hyphens, with its canonical type.
        synonyms: Status words that say the same as another one, which stands behind them: a
            change from one to the other is no event. For a provider whose lists and answers use
            different words for the same moment.
        initial: The status word in which every job begins, where exact transitions name it: its
            moment is the creation's, and no event of its own.
        vague: Status words that only say that a job has not ended, whatever it does. They never
            take back a word that says more, and no change is read from one to such a word.
    """

    statuses: Mapping[str, str]
    segment_types: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, str] = field(default_factory=dict)
    initial: str | None = None
    vague: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuses words that could never be met, and canonical ones that there are not."""
        for words, canonical in (
            (self.statuses, CANONICAL_STATUSES - {EXPIRED}),
            (self.segment_types, CANONICAL_SEGMENT_TYPES),
        ):
            for word, meant in words.items():
                if meant not in canonical:
                    raise ValueError(f"{word!r} is declared as {meant!r}, which is no such word")
        for word in (*self.statuses, *self.synonyms, *self.synonyms.values(), *self.vague):
            if word != _folded(word):
                raise ValueError(f"the status {word!r} is declared in lower case")
        for word in self.segment_types:
            if word != _squeezed(word):
                raise ValueError(
                    f"the segment type {word!r} is declared in lower case, without blanks"
                )

    def status(self, word: str | None) -> str:
        """The canonical status; `unknown` for a word that is not declared."""
        return UNKNOWN if word is None else self.statuses.get(_folded(word), UNKNOWN)

    def segment_type(self, word: str | None) -> str:
        """The canonical segment type; `other` for a word that is not declared."""
        return OTHER if word is None else self.segment_types.get(_squeezed(word), OTHER)

    def is_same(self, one: str | None, other: str | None) -> bool:
        """Whether two status words say the same."""
        if one is None or other is None:
            return one is other
        return self._plain(one) == self._plain(other)

    def is_initial(self, word: str | None) -> bool:
        """Whether a status word is the one in which every job begins."""
        return word is not None and _folded(word) == self.initial

    def is_vague(self, word: str | None) -> bool:
        """Whether a status word only says that the job has not ended."""
        return word is not None and _folded(word) in self.vague

    def _plain(self, word: str) -> str:
        folded = _folded(word)
        return self.synonyms.get(folded, folded)


def _folded(word: str) -> str:
    return word.strip().lower()


def _squeezed(word: str) -> str:
    return _SPACING.sub("", word).lower()
