"""The providers that are emulated, and their words, which are those that they declare."""

from __future__ import annotations

from typing import Final, Literal

from dlt_docjobs.model.vocabulary import Vocabulary
from dlt_docjobs.providers import contextual, landingai, llamacloud, reducto, unsiloed

Provider = Literal["llamacloud", "contextual", "unsiloed", "reducto", "landingai"]
PROVIDERS: Final[tuple[Provider, ...]] = (
    *("llamacloud", "contextual", "unsiloed", "reducto", "landingai"),
)

_WORDS: Final[dict[str, Vocabulary]] = {
    module.PROVIDER.name: module.PROVIDER.vocabulary
    for module in (llamacloud, contextual, unsiloed, reducto, landingai)
}


def canonical_status(provider: Provider, provider_status: str) -> str:
    """The canonical status of a provider's word."""
    return _WORDS[provider].status(provider_status)


def canonical_segment_type(provider: Provider, provider_type: str | None) -> str:
    """The canonical type of a segment."""
    return _WORDS[provider].segment_type(provider_type)
