"""How good a provider's results are by its own word, in a few numbers."""

from __future__ import annotations

from typing import Final, NamedTuple

from dlt_docjobs.report.facts import Facts

LOW: Final = 0.5
"""A confidence below it is low."""


class Quality(NamedTuple):
    """The quality of a provider's results.

    Attributes:
        provider: Its name.
        low: Segments of low confidence.
        rated: Segments that have one.
        pages: Pages loaded.
        failed_pages: Of these, those that could not be parsed.
        pages_to_review: Of these, those that need a review, failed ones included.
    """

    provider: str
    low: int
    rated: int
    pages: int
    failed_pages: int
    pages_to_review: int


def quality_of(facts: Facts) -> list[Quality]:
    """Of every provider that has results, in alphabetical order."""
    low: dict[str, int] = {}
    rated: dict[str, int] = {}
    for row in facts.confidence:
        provider, start, level = (
            row[name] for name in ("provider", "confidence_from", "confidence_level")
        )
        if start is not None or level is not None:
            rated[provider] = rated.get(provider, 0) + row["segments"]
        if level == "low" or (start is not None and start < LOW):
            low[provider] = low.get(provider, 0) + row["segments"]
    pages = {row["provider"]: row for row in facts.pages}
    nothing = {"pages": 0, "failed": 0, "to_review": 0}
    return [
        Quality(
            name,
            low.get(name, 0),
            rated.get(name, 0),
            *(pages.get(name, nothing)[of] for of in ("pages", "failed", "to_review")),
        )
        for name in sorted({*rated, *pages})
    ]
