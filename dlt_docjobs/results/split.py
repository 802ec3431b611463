"""An answer in two: what becomes rows, and what it says beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection
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


def split(
    value: Any,
    held_in: Collection[str],
    result_keys: Collection[str],
    parse: Callable[[dict[str, Any]], ParsedDocument],
) -> SplitAnswer:
    """Splits an answer, whether its result is readable or not.

    Args:
        value: The decoded answer.
        held_in: The keys of which one has a value where the answer holds a result.
        result_keys: All keys that then become rows, or are of no use beside them.
        parse: Makes the rows.
    """
    if not isinstance(value, dict) or all(value.get(key) is None for key in held_in):
        return SplitAnswer(value)
    rest = {key: part for key, part in value.items() if key not in result_keys}
    try:
        return SplitAnswer(rest, parse(value))
    except UnreadableResult as error:
        return SplitAnswer(rest, None, str(error))
