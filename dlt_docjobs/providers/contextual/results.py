"""Contextual AI's parse result (docs/providers/contextual.md#results) to rows.

The body is the answer of `GET /parse/jobs/{job_id}/results` with `blocks-per-page`. A page is a
chunk. Where docs/contract.md#tables is silent:

* Rows follow the page indexes. One that cannot be read is replaced by the page's position; two
  pages of one index share a row in `pages` and make two chunks.
* No page is ever failed: the answer has no word for it.
* `document_metadata.hierarchy` and `markdown_document` repeat what the pages say and are not read.
* A chunk's content is the markdown of all blocks of its page, whatever their depth: a heading does
  not contain the text of what stands under it.
* A page's own `markdown` is the chunk's content where there are no blocks; where there are, it is
  kept in the page's `metadata` unless it equals what the blocks make.
* A block's parent is the last of its `parent_ids` that came before it, on any page. Blocks are
  never reordered; `parent_ids` stay in `metadata`, unless empty.
* `hierarchy_level` makes a heading's `heading_level`; of other blocks it stays in `metadata`.
* A block that is no object is a segment of type `other` whose `markdown` it is; a null is none.
* `metadata` leaves out fields that are null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from dlt_docjobs.model.records import Chunk, ParsedDocument, Segment
from dlt_docjobs.providers.contextual import PROVIDER
from dlt_docjobs.results.boxes import NOWHERE, BoxKeys, fractions
from dlt_docjobs.results.builder import Fields, Pages, number_pages
from dlt_docjobs.results.reading import Reading, split
from dlt_docjobs.results.values import entries, to_int, to_text

KEEP: Final = frozenset({"id", "type", "parent_ids", "confidence_level"})
"""Keys whose strings are ids or enum words: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset({"markdown", "blocks"})
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

RESULT_KEYS: Final = frozenset({"pages", "markdown_document"})
"""Keys of an answer that hold the result."""

_BOX: Final = BoxKeys("x0", "y0", "x1", "y1", extent=False)
_PAGE: Final = frozenset({"index", "blocks", "markdown"})
_BLOCK: Final = frozenset({"id", "type", "bounding_box", "markdown", "confidence_level"})
_HEADING: Final = _BLOCK | {"hierarchy_level"}


def read_answer(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Reads an answer; see `dlt_docjobs.results.reading.ReadAnswer`."""
    parse = partial(parse_document, include_content=include_content)
    return split(decode(), ("pages",), RESULT_KEYS, parse)


def parse_document(
    body: Mapping[str, Any], *, include_content: bool = True, include_ocr: bool = True
) -> ParsedDocument:
    """The rows of one parse job.

    Args:
        body: The decoded answer.
        include_content: False: no document text in any row.
        include_ocr: Without effect, Contextual has no OCR elements.

    Returns:
        Pages by number, chunks, and segments in document order.

    Raises:
        UnreadableResult: `body` is no object or `pages` no list. An answer without `pages` is a
            document without pages.
    """
    fields = Fields(include_content=include_content, keep=KEEP, content_keys=CONTENT_KEYS)
    document = _Document(fields)
    sent = entries(body, "pages")
    for number, page in number_pages(sent, lambda page: _page_number(page.get("index"))):
        document.add_page(page, number)
    return ParsedDocument(document.pages.rows(), document.chunks, document.segments, [])


def _page_number(index: object) -> int | None:
    """The 1-based number of a 0-based index."""
    number = to_int(index)
    return None if number is None else to_int(number + 1)


class _Document:
    """The rows made so far."""

    __slots__ = ("_fields", "_indexes", "_kinds", "chunks", "pages", "segments")

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self.pages = Pages(fields)
        self.chunks: list[Chunk] = []
        self.segments: list[Segment] = []
        self._kinds: dict[str | None, str] = {}
        # Where each block id was seen last: parents may stand on an earlier page
        self._indexes: dict[str, int] = {}

    def add_page(self, page: Mapping[str, Any], number: int) -> None:
        """One entry of `pages`."""
        fields = self._fields
        draft = self.pages[number]
        if _page_number(page.get("index")) is None and page.get("index") is not None:
            fields.kept["index"] = page["index"]
        blocks = page.get("blocks")
        if blocks is not None and type(blocks) is not list:
            fields.kept["blocks"] = blocks
            blocks = None
        page_markdown = fields.content(page, "markdown")
        draft.keep(fields.leftovers(page, _PAGE))

        first = len(self.segments)
        chunk_index = len(self.chunks)
        markdown: list[str] = []
        for block in blocks or ():
            if block is not None:
                text = self._add(block, number, chunk_index)
                if text:
                    markdown.append(text)
        count = len(self.segments) - first
        content = "\n\n".join(markdown)
        if not count:
            content = page_markdown or ""
        elif page_markdown is not None and page_markdown != content:
            draft.keep({"markdown": page_markdown})
        draft.segment_count += count
        self.chunks.append(
            Chunk(
                chunk_index=chunk_index,
                chunk_id=None,
                chunk_kind="page",
                page_number=number,
                last_page_number=number,
                content=content if fields.include_content else None,
                length=None,
                segment_count=count,
                metadata=None,
            )
        )

    def _add(self, block: Any, page_number: int, chunk_index: int) -> str | None:
        """Adds a block; returns its markdown."""
        if type(block) is not dict:
            block = {"markdown": block}
        fields = self._fields
        provider_type = fields.text(block, "type")
        kind = self._kinds.get(provider_type)
        if kind is None:
            kind = PROVIDER.vocabulary.segment_type(provider_type)
            self._kinds[provider_type] = kind
        known, heading_level = _BLOCK, None
        if kind == "section_header":
            known, heading_level = _HEADING, fields.read(block, "hierarchy_level", to_int)
            if heading_level == 0:
                kind = "title"

        x0, y0, x1, y1 = NOWHERE
        provider_bbox = fields.boxes(block, "bounding_box")
        if provider_bbox is not None:
            x0, y0, x1, y1 = fractions(block["bounding_box"], _BOX, 1.0, 1.0)

        parent, depth = None, 0
        parent_ids = block.get("parent_ids")
        if parent_ids == []:
            # That a root has none is said by its depth
            known = known | {"parent_ids"}
        elif parent_ids is not None:
            parent = self._parent(parent_ids)
            if parent is not None:
                depth = self.segments[parent].depth + 1
        segment_id = fields.text(block, "id")
        index = len(self.segments)
        if segment_id is not None:
            self._indexes[segment_id] = index
        markdown = fields.content(block, "markdown")
        self.segments.append(
            Segment(
                segment_index=index,
                segment_id=segment_id,
                parent_segment_index=parent,
                depth=depth,
                chunk_index=chunk_index,
                chunk_id=None,
                segment_type=kind,
                provider_segment_type=provider_type,
                page_number=page_number,
                page_width=None,
                page_height=None,
                content=markdown,
                markdown=markdown,
                html=None,
                image_url=None,
                confidence=None,
                confidence_level=fields.text(block, "confidence_level"),
                bbox_x0=x0,
                bbox_y0=y0,
                bbox_x1=x1,
                bbox_y1=y1,
                provider_bbox=provider_bbox,
                heading_level=heading_level,
                table_rows=None,
                table_columns=None,
                ocr_count=0,
                ocr_confidence_mean=None,
                metadata=fields.metadata(block, known),
            )
        )
        return markdown

    def _parent(self, parent_ids: Any) -> int | None:
        """The segment of the nearest ancestor that came before."""
        for parent_id in reversed(parent_ids if type(parent_ids) is list else [parent_ids]):
            name = to_text(parent_id)
            if name is not None and name in self._indexes:
                return self._indexes[name]
        return None
