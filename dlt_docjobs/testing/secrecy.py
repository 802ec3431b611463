"""Every byte that a run leaves behind, and all that these bytes hold when they are unpacked."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}={0,2}")
_LARGEST = 2**26


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and what they hold: gzip, zlib, Parquet, base64, one inside the other."""
    yield data
    if depth > 3 or len(data) > _LARGEST:
        return
    if data.startswith(b"\x1f\x8b"):
        try:
            yield from unpacked(gzip.decompress(data), depth + 1)
        except (OSError, EOFError, zlib.error):
            yield from _inflated(data, 31, depth)
    elif data[:1] == b"\x78":
        yield from _inflated(data, 15, depth)
    elif data.startswith(b"PAR1"):
        table = pq.read_table(io.BytesIO(data))
        yield str(table.to_pylist()).encode("utf-8", "replace")
        yield str(table.schema.metadata).encode()
    for found in _BASE64.findall(data):
        try:
            inner = base64.b64decode(found + b"=" * (-len(found) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        # what else is 40 letters long decodes as well, but holds nothing
        yield from unpacked(inner, depth + 1)


def _inflated(data: bytes, bits: int, depth: int) -> Iterator[bytes]:
    """As much as can be read, of a stream that breaks off as well."""
    try:
        yield from unpacked(zlib.decompressobj(bits).decompress(data), depth + 1)
    except zlib.error:
        return


def unpacked_text(data: bytes) -> str:
    """The same as one text; what is no text is still there, byte by byte."""
    return "\n".join(part.decode("latin-1") for part in unpacked(data))


def every_file(folder: Path) -> dict[str, str]:
    """Every file, unpacked; DuckDB's byte by byte, its log included."""
    return {
        str(path.relative_to(folder)): unpacked_text(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def every_table(file: Path) -> dict[str, str]:
    """Every table of every schema of a DuckDB file, staging and dlt's own included, unpacked."""
    with duckdb.connect(str(file)) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
        ).fetchall()
        return {
            f"{schema}.{table}": unpacked_text(
                str(connection.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall()).encode()
            )
            for schema, table in names
        }
