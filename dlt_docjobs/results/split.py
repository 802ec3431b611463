"""An answer in two: what becomes rows, and what it says beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dlt_docjobs.model.records import ParsedDocument
from dlt_docjobs.results.values import UnreadableResult


class SplitAnswer(NamedTuple):
    """An answer that was asked for its result.

    Attributes:
        rest: The answer without what becomes rows.
        document: The rows; None where it holds no result, or none that can be read.
        error: Why it can't be read.
    """

    rest: Any
    document: ParsedDocument | None = None
    error: str | None = None


def split(rest: Any, parse: Callable[[], ParsedDocument]) -> SplitAnswer:
    """The two parts of an answer that holds a result, readable or not."""
    try:
        return SplitAnswer(rest, parse())
    except UnreadableResult as error:
        return SplitAnswer(rest, None, str(error))
