"""What an answer becomes: what it says beside its result, and the result's rows as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from dlt_docjobs.model.records import ParsedDocument
from dlt_docjobs.results.values import UnreadableResult
from dlt_docjobs.tables import TABLES
from dlt_docjobs.tables.arrow import batch_of_rows


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The result of a parse job as Arrow.

    Attributes:
        tables: Rows by table, without the columns that all rows of a job share.
        failed_page_count: Pages that the provider could not parse.
    """

    tables: Mapping[str, pa.RecordBatch]
    failed_page_count: int

    @classmethod
    def of(cls, parsed: ParsedDocument) -> Document:
        """The same rows as Arrow."""
        rows: dict[str, Sequence[tuple[Any, ...]]] = {
            "pages": parsed.pages,
            "chunks": parsed.chunks,
            "segments": parsed.segments,
            "segment_ocr": parsed.ocr,
        }
        tables = {name: batch_of_rows(TABLES[name], of_table) for name, of_table in rows.items()}
        return cls(tables, parsed.failed_page_count)

    def count(self, table: str) -> int:
        """Rows of a table."""
        rows: int = self.tables[table].num_rows
        return rows


class Reading(NamedTuple):
    """An answer that was asked for its result.

    Attributes:
        rest: The answer as a JSON value, without what became rows.
        document: The result; None where the answer holds none, or none that can be read.
        error: Why it can't be read.
    """

    rest: Any
    document: Document | None = None
    error: str | None = None


class ReadAnswer(Protocol):
    """A provider's way of reading: a function of a module, so that a helper can import it."""

    __module__: str
    __qualname__: str

    def __call__(
        self, body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
    ) -> Reading:
        """Reads an answer.

        Args:
            body: As received, decompressed.
            decode: Makes a JSON value of it, for those who need one; what it raises goes through.
            include_content: False: no document text in any row.
            include_ocr: False: no OCR elements.
        """


def split(
    value: Any,
    held_in: Collection[str],
    result_keys: Collection[str],
    parse: Callable[[dict[str, Any]], ParsedDocument],
) -> Reading:
    """Splits a decoded answer, whether its result is readable or not.

    Args:
        value: The decoded answer.
        held_in: The keys of which one has a value where the answer holds a result.
        result_keys: All keys that then become rows, or are of no use beside them.
        parse: Makes the rows.
    """
    if not isinstance(value, dict) or all(value.get(key) is None for key in held_in):
        return Reading(value)
    rest = {key: part for key, part in value.items() if key not in result_keys}
    try:
        return Reading(rest, Document.of(parse(value)))
    except UnreadableResult as error:
        return Reading(rest, None, str(error))
