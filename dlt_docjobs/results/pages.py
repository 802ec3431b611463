"""The pages of a document: their numbers, and their rows while the parts are gathered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import pyarrow as pa

from dlt_docjobs.results.columns import batch, transposed
from dlt_docjobs.results.leftovers import Leftovers, put

T = TypeVar("T")
_PAGES: Final = ("pages", "target_pages")


def base_of(numbers: Collection[int], page_count: int | None = None) -> int:
    """What has to be added to page numbers that should count from 1.

    Args:
        numbers: Those that were sent.
        page_count: How many pages there are, where that is known, of the document or of the range
            of it that a job ran over.

    Returns:
        1 where they count from 0, which a page of that number shows, else 0. A 0 is no page where
        the last number is that of the last page as one counts from 1, or where it would be one page
        too many.
    """
    if not numbers or min(numbers) != 0:
        return 0
    if not page_count or max(numbers) < page_count:
        return 1
    return int(max(numbers) > page_count >= len(set(numbers)))


def is_part(config: Any) -> bool:
    """Whether a job ran over some of a document's pages, by what it was asked to do.

    Args:
        config: What it was asked to do, as sent. Providers write it as `page_range`, `pages` or
            `target_pages`; one that documents none may have some such key all the same.
    """
    if not isinstance(config, dict):
        return False
    for key, value in config.items():
        words = str(key).lower().replace("-", "_")
        names_pages = "page" in words and ("range" in words or words in _PAGES)
        if names_pages and not isinstance(value, bool) and value not in (None, "", [], {}):
            return True
    return False


def number_pages(sent: Sequence[T | None], read: Callable[[T], int | None]) -> list[tuple[int, T]]:
    """Gives each page a number, for it is the key: where one is unreadable, its position.

    A position that another page claims is not taken; such a page gets the next number that is
    free behind the last position.

    Args:
        sent: The pages. A null is none, but has a position.
        read: Reads a page's own number.

    Returns:
        Numbers and pages, sorted by number; of one number in the order sent.
    """
    parts = [(at, page) for at, page in enumerate(sent, 1) if page is not None]
    numbers = [read(part) for _, part in parts]
    claimed = {number for number in numbers if number is not None}
    behind = len(sent) + 1
    numbered: list[tuple[int, T]] = []
    for (position, part), number in zip(parts, numbers, strict=True):
        if number is None:
            number = position
            if number in claimed:
                while behind in claimed:
                    behind += 1
                number = behind
            claimed.add(number)
        numbered.append((number, part))
    return sorted(numbered, key=lambda entry: entry[0])


class PageDraft(msgspec.Struct):
    """A page while its parts are gathered: a number may be sent twice, or from two lists.

    Its fields are the columns of the table; it is failed if all parts are that say so.
    """

    page_width: float | None = None
    page_height: float | None = None
    is_failed: bool = False
    error_message: str | None = None
    confidence: float | None = None
    segment_count: int = 0
    metadata: dict[str, Any] = {}

    def fill(self, name: str, value: Any) -> None:
        """Sets a column; where an earlier part set it otherwise, the value is kept beside it."""
        current = getattr(self, name)
        if current is None:
            setattr(self, name, value)
        elif value is not None and value != current:
            put(self.metadata, name, value)

    def keep(self, leftovers: Mapping[str, Any]) -> None:
        """Keeps what no column took of one part."""
        for key, value in leftovers.items():
            put(self.metadata, key, value)


class Pages(dict[int, PageDraft]):
    """The pages of a document by number; one that is asked for is made."""

    def __missing__(self, number: int) -> PageDraft:
        """Makes a page."""
        draft = self[number] = PageDraft()
        return draft

    def batch(self, left: Leftovers) -> pa.RecordBatch:
        """One row a number, in their order."""
        numbers = sorted(self)
        columns = transposed(map(self.__getitem__, numbers), PageDraft)
        columns["metadata"] = left.json_texts(columns["metadata"])
        # Most columns are null from end to end
        given = {name: of for name, of in columns.items() if of.count(None) < len(of)}
        return batch(left, "pages", len(numbers), {"page_number": numbers, **given})
