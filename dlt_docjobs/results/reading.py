"""What an answer becomes: what it says beside its result, and the result's rows as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import pyarrow as pa

from dlt_docjobs.model import exact_json
from dlt_docjobs.results.typed import NOT_AS_DOCUMENTED, Objects, UnreadableResult


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The result of a parse job as Arrow.

    Attributes:
        tables: Rows by table, without the columns that all rows of a job share.
        failed_page_count: Pages that the provider could not parse.
    """

    tables: Mapping[str, pa.RecordBatch]
    failed_page_count: int

    @property
    def has_gaps(self) -> bool:
        """Whether no page has come, or one without segments that is no failed one."""
        pages = self.tables["pages"]
        counts = pages.column("segment_count").to_pylist()
        if counts and 0 not in counts:
            return False
        failed = pages.column("is_failed").to_pylist()
        return not counts or any(
            not count and not is_failed for count, is_failed in zip(counts, failed, strict=True)
        )

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
        self,
        body: bytes,
        decode: Callable[[], Any],
        *,
        include_content: bool,
        include_ocr: bool,
        include_table_cells: bool = False,
    ) -> Reading:
        """Reads an answer.

        Args:
            body: As received, decompressed.
            decode: Makes a JSON value of it, for those who need one; what it raises goes through.
            include_content: False: no document text in any row.
            include_ocr: False: no OCR elements.
            include_table_cells: False: no cells of tables.
        """


Found = dict[str, "list[Any] | None"]
"""The objects that an answer holds, by key; None where it holds none."""

_split: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read(
    body: bytes,
    decode: Callable[[], Any],
    objects: Mapping[str, Objects[Any]],
    result_keys: Collection[str],
    document: Callable[[Found, dict[str, Any]], Document],
) -> Reading:
    """Splits an answer into its result and the rest, and reads both.

    Args:
        body: As received.
        decode: Makes a JSON value of it; called where it is not as documented.
        objects: Of keys of which one has a value where the answer holds a result, what they hold.
        result_keys: All keys that then become rows, or are of no use beside them.
        document: Makes the document of the objects and the rest of the answer.
    """
    errors: list[str] = []
    found: Found
    try:
        parts = _split(body)
        found = {key: of.decode(parts[key]) for key, of in objects.items() if key in parts}
        if not exact_json.survives_floats(body):
            raise ValueError("numbers that no column of floats may take")
        rest = {
            key: exact_json.decode(bytes(part))
            for key, part in parts.items()
            if key not in result_keys
        }
    except NOT_AS_DOCUMENTED:
        answer = decode()
        if type(answer) is not dict:
            return Reading(answer)
        found = {}
        for key, of in objects.items():
            try:
                found[key] = of.read(answer)
            except UnreadableResult as error:
                errors.append(str(error))
        rest = {key: part for key, part in answer.items() if key not in result_keys}
    if any(of_key is not None for of_key in found.values()):
        return Reading(rest, document(found, rest))
    return Reading(rest, None, errors[0] if errors else None)
