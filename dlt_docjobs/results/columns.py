"""Columns of structs to Arrow: what the results of all providers have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import pyarrow as pa
from msgspec.structs import astuple

from dlt_docjobs.model.cleaning import clean_text, is_clean, strip_query
from dlt_docjobs.model.records import JsonText
from dlt_docjobs.results.boxes import corners
from dlt_docjobs.results.leftovers import Leftovers
from dlt_docjobs.results.typed import Boxes, OddBoxes
from dlt_docjobs.tables import TABLES
from dlt_docjobs.tables.arrow import batch_of_columns

T = TypeVar("T")
Columns = dict[str, Sequence[Any] | pa.Array]
"""Columns by name. Texts may be as sent: they are cleaned when they become Arrow."""

_CONTENT: Final = frozenset({"content", "markdown", "html", "text"})
_WORDS: Final = frozenset({"segment_type", "chunk_kind"})
# What stands where a column is not given and may not be null
_ZEROS: Final[dict[str, Any]] = {"bigint": 0, "bool": False}
_CORNERS: Final = ("bbox_x0", "bbox_y0", "bbox_x1", "bbox_y1")
_encode_lines: Final = msgspec.json.Encoder().encode_lines


def transposed(structs: Iterable[Any], kind: type[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """The fields of structs as columns by name, of no struct as well."""
    names = kind.__struct_fields__
    columns = list(zip(*map(astuple, structs), strict=True)) or [()] * len(names)
    return dict(zip(names, columns, strict=True))


class Texts(NamedTuple):
    """A column of clean texts, twice."""

    values: Sequence[str | None]
    column: pa.Array


def cleaned(texts: Sequence[str | None]) -> Texts:
    """A column of texts as `clean_text` leaves them."""
    try:
        column = pa.array(texts, pa.string())
        # Arrow has them one behind the other
        data = column.buffers()[2]
        if data is None or is_clean(data.to_pybytes()):
            return Texts(texts, column)
    except UnicodeEncodeError:
        # a lone surrogate
        pass
    texts = [text and clean_text(text) for text in texts]
    return Texts(texts, pa.array(texts, pa.string()))


def types_of(canonical: Callable[[str | None], str], words: Sequence[str | None]) -> list[str]:
    """The canonical segment types of a provider's words. Few words are repeated many times."""
    types = {word: canonical(word) for word in set(words)}
    return [types[word] for word in words]


def spread(values: Iterable[T], counts: Iterable[int]) -> list[T]:
    """Each value as often as its count says."""
    return list(chain.from_iterable(map(repeat, values, counts)))


def mean(numbers: Collection[float]) -> float | None:
    """The mean, or None of none."""
    return sum(numbers) / len(numbers) if numbers else None


def chunk_contents(
    count: int, chunk_of: Iterable[int | None], texts: Iterable[str | None]
) -> list[str]:
    """The Markdown of chunks: the texts of their segments with blank lines between.

    Args:
        count: Chunks.
        chunk_of: The chunk of each segment.
        texts: What each brings to it.
    """
    parts: list[list[str]] = [[] for _ in range(count)]
    for chunk, text in zip(chunk_of, texts, strict=True):
        if text and chunk is not None:
            parts[chunk].append(text)
    return ["\n\n".join(of_chunk) for of_chunk in parts]


@cache
def no_rows(table: str) -> pa.RecordBatch:
    """A table without rows."""
    return batch_of_columns(TABLES[table], 0, {})


def batch(
    left: Leftovers, table: str, count: int, columns: Mapping[str, Sequence[Any] | pa.Array]
) -> pa.RecordBatch:
    """The rows of one table, without what may not be stored.

    Args:
        left: Whether texts of the document may be.
        table: Its name.
        count: Rows.
        columns: Its columns by name. One that is not there is null, 0 or false in every row.
    """
    if not count:
        return no_rows(table)
    made: Columns = {}
    for column in TABLES[table].own_columns:
        values = columns.get(column.name)
        if values is None:
            if not column.nullable:
                made[column.name] = pa.repeat(_ZEROS[column.type], count)
        elif left.include_content or column.name not in _CONTENT:
            is_ours = column.type != "text" or column.name in _WORDS or isinstance(values, pa.Array)
            made[column.name] = values if is_ours else cleaned(values).column
    return batch_of_columns(TABLES[table], count, made)


def segments_batch(
    left: Leftovers,
    columns: Columns,
    boxes: Sequence[Boxes],
    sizes: tuple[Iterable[float | None], Iterable[float | None]],
    kept: Sequence[Mapping[str, Any] | None],
    others: Mapping[str, Sequence[Any]],
    *,
    extent: bool,
) -> pa.RecordBatch:
    """The segments of a document.

    Args:
        left: Makes JSON of what no column takes.
        columns: What the arguments below do not say.
        boxes: The boxes of each.
        sizes: Widths and heights of their pages, in the unit of the boxes.
        kept: What was left over when each was read.
        others: Fields that have no column, by name; null where a column has taken the value.
        extent: Whether boxes are sent with their width and height.
    """
    count = len(boxes)
    edges = corners(boxes, *sizes, extent=extent)
    columns |= zip(_CORNERS, zip(*edges, strict=True) if edges else [()] * 4, strict=True)
    columns["segment_index"] = range(count)
    columns["provider_bbox"] = box_texts(left, boxes)
    columns["metadata"] = metadata(left, kept, others)
    return batch(left, "segments", count, columns)


def page_chunks(
    left: Leftovers,
    pages: Sequence[int],
    contents: Sequence[str | None] | pa.Array,
    counts: Sequence[int],
) -> pa.RecordBatch:
    """A chunk for each page: its number, its Markdown and how many segments it holds."""
    columns: Columns = {
        "chunk_index": range(len(pages)),
        "chunk_kind": pa.repeat("page", len(pages)),
        "page_number": pages,
        "last_page_number": pages,
        "content": contents,
        "segment_count": counts,
    }
    return batch(left, "chunks", len(pages), columns)


def image_urls(urls: Iterable[str | None]) -> list[str | None]:
    """URLs or file names without their query strings."""
    return [url and (strip_query(url) or None) for url in urls]


def box_texts(left: Leftovers, boxes: Sequence[Boxes]) -> list[JsonText | None]:
    """Boxes as sent: all at once, where they are as documented."""
    texts: list[JsonText | None] = [None] * len(boxes)
    plain: list[int] = []
    for index, box in enumerate(boxes):
        if type(box) is OddBoxes:
            texts[index] = left.json(box.sent)
        elif box is not None:
            plain.append(index)
    try:
        data = _encode_lines([boxes[index] for index in plain])
    except UnicodeEncodeError:
        # a lone surrogate in a word
        data = b"\\"
    if b"\\" in data or not is_clean(data):
        # a word that is none
        for index in plain:
            texts[index] = left.json(msgspec.to_builtins(boxes[index]))
        return texts
    for index, line in zip(plain, data.decode().split("\n"), strict=False):
        texts[index] = JsonText(line)
    return texts


def metadata(
    left: Leftovers,
    kept: Sequence[Mapping[str, Any] | None],
    others: Mapping[str, Sequence[Any]],
) -> list[JsonText | None]:
    """What no column takes of each row, as JSON; see `segments_batch`."""
    records = {index: dict(of_one) for index, of_one in enumerate(kept) if of_one}
    for name, values in others.items():
        # Most of these columns are null from end to end
        if values.count(None) < len(values):
            for index, value in enumerate(values):
                if value is not None:
                    records.setdefault(index, {})[name] = value
    return left.json_texts(
        [left.of(records[index]) if index in records else None for index in range(len(kept))]
    )
