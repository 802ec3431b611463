"""What goes through the pipes between a sync and its helper.

Each way a number of bytes comes before the bytes. The helper is told first, in a line of JSON,
where to import from and what to read with; it says that it is ready with an empty answer.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec
import pyarrow as pa

from dlt_docjobs.model import exact_json
from dlt_docjobs.results import Document, ReadAnswer, Reading
from dlt_docjobs.tables import TABLES

LENGTH: Final = struct.Struct("<Q")
"""Stands before every message."""

NOTHING: Final = b""
"""The helper's answer where it is ready, and where it could not read what it got."""

# where Arrow wants its data to begin
_ALIGNMENT: Final = 64
_encode: Final = exact_json.encode


class Order(msgspec.Struct, frozen=True):
    """How the helper is to read.

    Attributes:
        module: Where the provider's `read_answer` is.
        name: Its name there.
        policy: What it is called with.
    """

    module: str
    name: str
    policy: dict[str, bool]

    def encode(self) -> bytes:
        """As a line."""
        return _encode(self) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Order:
        """What `encode` has made."""
        return msgspec.json.decode(line, type=cls)


class _Head(msgspec.Struct):
    """What stands in front of an answer's Arrow: the rest, and the length of each table."""

    rest: msgspec.Raw
    tables: dict[str, int]
    failed_page_count: int


_decode: Final = msgspec.json.Decoder(_Head).decode


def answer(
    read_answer: ReadAnswer, body: bytes, policy: dict[str, bool]
) -> list[bytes | pa.Buffer]:
    """What the helper answers, in pieces; `NOTHING` where it can't read what it was given."""
    try:
        reading = read_answer(body, lambda: exact_json.decode(body), **policy)
        return pack(reading) if reading.error is None else [NOTHING]
    except Exception:
        # the sync reads it by itself, and says what there is to say
        return [NOTHING]


def pack(reading: Reading) -> list[bytes | pa.Buffer]:
    """An answer that was read, in pieces.

    Raises:
        Exception: It can't go through the pipe.
    """
    batches: dict[str, pa.Buffer] = {}
    failed = 0
    if reading.document is not None:
        failed = reading.document.failed_page_count
        batches = {name: rows.serialize() for name, rows in reading.document.tables.items()}
    sizes = {name: len(batch) for name, batch in batches.items()}
    head = _encode(_Head(msgspec.Raw(_encode(reading.rest)), sizes, failed))
    pieces: list[bytes | pa.Buffer] = [LENGTH.pack(len(head)), head]
    place = LENGTH.size + len(head)
    for batch in batches.values():
        padding = -place % _ALIGNMENT
        pieces += (bytes(padding), batch)
        place += padding + len(batch)
    return pieces


def unpack(message: bytes) -> Reading:
    """What `pack` has made."""
    (length,) = LENGTH.unpack_from(message)
    place = LENGTH.size + length
    head = _decode(memoryview(message)[LENGTH.size : place])
    rest = exact_json.decode(bytes(head.rest))
    whole = pa.py_buffer(message)
    tables: dict[str, pa.RecordBatch] = {}
    for name, size in head.tables.items():
        place += -place % _ALIGNMENT
        part = whole.slice(place, size)
        tables[name] = pa.ipc.read_record_batch(part, TABLES[name].own_schema)
        place += size
    return Reading(rest, Document(tables, head.failed_page_count) if tables else None)
