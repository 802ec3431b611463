"""LlamaCloud's parse result (docs/providers/llamacloud.md#results) to rows.

The body is the whole answer of `GET /api/v2/parse/{job_id}?expand=items&expand=metadata`. A page
is a chunk. Items are flattened depth first: a list, header or footer comes before what it
contains. Where docs/contract.md#tables is silent:

* Rows follow the page numbers, not the order in which pages were sent.
* A page counts as failed where `success` is false, or missing while there is no list of items.
  Items on a failed page still become segments; they belong to no chunk.
* A page number that cannot be read is replaced by the page's position. Two pages of one number
  share a row in `pages`, failed only if both are; each parsed part makes its own chunk.
* `metadata.pages` is joined by page number. A key that both lists have, with unlike values, stands
  twice in `metadata`, the second time with `_2` behind.
* An item that is no object is a segment of type `other` whose `value` it is; a null is none.
* An item of an unknown type has its `value` as content, else its children's, as containers do.
* Anything that has a list of `items` is descended, whatever its type.
* `metadata` leaves out fields that are null. A table's `rows` are in it, with `html` in its column.
* Below `MAX_DEPTH` levels a container's `items` go into its `metadata` instead of into rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dlt_docjobs.model.records import Chunk, JsonText, ParsedDocument, Segment
from dlt_docjobs.model.vocabulary import OTHER
from dlt_docjobs.providers.llamacloud import PROVIDER
from dlt_docjobs.results.boxes import NOWHERE, BoxKeys, fractions
from dlt_docjobs.results.builder import Fields, PageDraft, Pages, as_record, number_pages
from dlt_docjobs.results.reading import Reading, split
from dlt_docjobs.results.values import entries, mean, to_confidence, to_float, to_int

MAX_DEPTH: Final = 200

KEEP: Final = frozenset({"type", "label", "language"})
"""Keys whose strings are enum words: they stay without `include_content`."""

CONTENT_KEYS: Final = frozenset(
    {"value", "md", "text", "html", "csv", "caption", "rows", "items", "speaker_notes"}
)
"""Keys whose numbers are document text, too: without `include_content` their lengths stand."""

RESULT_KEYS: Final = frozenset({"items", "markdown", "text", "forms", "markdown_full", "text_full"})
"""Keys of an answer that hold the result, in one form or another."""

_BOX: Final = BoxKeys("x", "y", "w", "h", extent=True)

# The field that is a segment's content; the types not named here are containers
_CONTENT: Final = {
    "text": "value",
    "section_header": "value",
    "code": "value",
    "link": "text",
    "table": "csv",
    "picture": "caption",
    OTHER: "value",
}
_COMMON: Final = frozenset({"type", "md", "html", "bbox", "items"})
# The fields that have a column, by canonical type; containers have the common ones
_KNOWN: Final = {
    **{kind: _COMMON | {field} for kind, field in _CONTENT.items()},
    "section_header": _COMMON | {"value", "level"},
    "picture": _COMMON | {"caption", "url"},
}
_PAGE: Final = frozenset({"page_number", "page_width", "page_height", "success", "error", "items"})
_PAGE_METADATA: Final = frozenset({"page_number", "confidence"})
_FLAGS: Final = {"true": True, "false": False}


def read_answer(
    body: bytes, decode: Callable[[], Any], *, include_content: bool, include_ocr: bool
) -> Reading:
    """Reads an answer; see `dlt_docjobs.results.reading.ReadAnswer`."""
    return split(
        decode(),
        ("items", "text"),
        RESULT_KEYS,
        lambda value: parse_document(_with_text_pages(value), include_content=include_content),
    )


def _with_text_pages(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body, with its plain-text pages as items where it has no structured ones."""
    if isinstance(body.get("items"), dict) or not isinstance(body.get("text"), dict):
        return body
    pages = body["text"].get("pages")
    if not isinstance(pages, list):
        return body
    converted = []
    for page in pages:
        row = dict(page) if isinstance(page, dict) else {}
        text = row.pop("text", None)
        row.setdefault("success", True)
        row["items"] = [{"type": "text", "value": text, "md": text}] if text else []
        converted.append(row)
    return {**body, "items": {"pages": converted}}


def parse_document(
    body: Mapping[str, Any], *, include_content: bool = True, include_ocr: bool = True
) -> ParsedDocument:
    """The rows of one parse job.

    Args:
        body: The decoded answer.
        include_content: False: no document text in any row.
        include_ocr: Without effect, LlamaCloud has no OCR elements.

    Returns:
        Pages by number, chunks, and segments in document order.

    Raises:
        UnreadableResult: `body` is no object, or `items.pages` no list. An answer without
            `items` is a document without pages; `metadata` of another shape is ignored.
    """
    fields = Fields(include_content=include_content, keep=KEEP, content_keys=CONTENT_KEYS)
    document = _Document(fields)
    sent = entries(body, "items", "pages")
    for number, page in number_pages(sent, lambda page: to_int(page.get("page_number"))):
        document.add_page(page, number)
    metadata = body.get("metadata")
    pages = metadata.get("pages") if isinstance(metadata, Mapping) else None
    if isinstance(pages, list):
        for position, entry in enumerate(pages, start=1):
            if entry is not None:
                document.add_page_metadata(as_record(entry, "value"), position)
    return ParsedDocument(document.pages.rows(), document.chunks, document.segments, [])


class _Document:
    """The rows made so far, and the page that is being read."""

    __slots__ = (
        "_chunk_index",
        "_fields",
        "_height",
        "_kinds",
        "_page_number",
        "_width",
        "chunks",
        "pages",
        "segments",
    )

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self.pages = Pages(fields)
        self.chunks: list[Chunk] = []
        self.segments: list[Segment] = []
        # Words repeat, and to look one up is cheaper than to normalise it
        self._kinds: dict[str | None, str] = {}
        self._page_number = 0
        self._width: float | None = None
        self._height: float | None = None
        self._chunk_index: int | None = None

    def add_page(self, page: Mapping[str, Any], number: int) -> None:
        """One entry of `items.pages`."""
        fields = self._fields
        draft = self.pages[number]
        self._page_number = number
        self._width = fields.read(page, "page_width", to_float)
        self._height = fields.read(page, "page_height", to_float)
        draft.fill("page_width", self._width)
        draft.fill("page_height", self._height)
        draft.fill("error_message", fields.text(page, "error"))
        fields.read(page, "page_number", to_int)

        success = page.get("success")
        if type(success) is str:
            success = _FLAGS.get(success.strip().lower(), success)
        if success is not None and type(success) is not bool:
            fields.kept["success"] = success
        items = page.get("items")
        if items is not None and type(items) is not list:
            fields.kept["items"] = items
        has_items = type(items) is list
        failed = success is False or (success is not True and not has_items)
        draft.keep(fields.leftovers(page, _PAGE))

        self._chunk_index = None if failed else len(self.chunks)
        first = len(self.segments)
        markdown = self._add_top(items) if type(items) is list else ""
        count = len(self.segments) - first
        draft.segment_count += count
        if failed:
            draft.failed = True
            return
        draft.parsed = True
        self.chunks.append(
            Chunk(
                chunk_index=len(self.chunks),
                chunk_id=None,
                chunk_kind="page",
                page_number=number,
                last_page_number=number,
                content=markdown if fields.include_content else None,
                length=None,
                segment_count=count,
                metadata=None,
            )
        )

    def add_page_metadata(self, entry: Mapping[str, Any], position: int) -> None:
        """One entry of `metadata.pages`."""
        fields = self._fields
        number = fields.read(entry, "page_number", to_int)
        draft: PageDraft = self.pages[position if number is None else number]
        draft.fill("confidence", fields.read(entry, "confidence", to_confidence))
        draft.keep(fields.leftovers(entry, _PAGE_METADATA))

    def _add_top(self, items: list[Any]) -> str:
        """Adds a page's items; returns the markdown of those at the top."""
        markdown: list[str] = []
        for item in items:
            if item is None:
                continue
            index = len(self.segments)
            self._add(item, None, 0, False)
            text = self.segments[index].markdown
            if text:
                markdown.append(text)
        return "\n\n".join(markdown)

    def _add(self, item: Any, parent: int | None, depth: int, in_list: bool) -> str | None:
        """Adds an item and what it contains; returns its content."""
        if type(item) is not dict:
            item = {"value": item}
        fields = self._fields
        provider_type = fields.text(item, "type")
        kind = self._kinds.get(provider_type)
        if kind is None:
            kind = PROVIDER.vocabulary.segment_type(provider_type)
            self._kinds[provider_type] = kind

        content_key = _CONTENT.get(kind)
        content = fields.content(item, content_key) if content_key else None
        heading_level = table_rows = table_columns = None
        image_url = None
        if kind == "section_header":
            heading_level = fields.read(item, "level", to_int)
        elif kind == "picture":
            image_url = fields.url(item, "url")
        elif kind == "table":
            rows = item.get("rows")
            if type(rows) is list:
                table_rows = len(rows)
                widths = [len(row) for row in rows if type(row) is list]
                table_columns = max(widths, default=None if rows else 0)

        x0, y0, x1, y1 = NOWHERE
        provider_bbox: JsonText | None = None
        confidence = None
        bbox = item.get("bbox")
        if bbox is not None:
            provider_bbox = fields.boxes(item, "bbox")
            if provider_bbox is not None:
                x0, y0, x1, y1 = fractions(bbox, _BOX, self._width, self._height)
                confidence = _confidence(bbox)

        children = item.get("items")
        if children is not None and (type(children) is not list or depth >= MAX_DEPTH):
            fields.kept["items"] = children
            children = None
        markdown, html = fields.content(item, "md"), fields.content(item, "html")
        index = len(self.segments)
        segment = Segment(
            segment_index=index,
            segment_id=None,
            parent_segment_index=parent,
            depth=depth,
            chunk_index=self._chunk_index,
            chunk_id=None,
            segment_type="list_item" if in_list and kind != "list" else kind,
            provider_segment_type=provider_type,
            page_number=self._page_number,
            page_width=self._width,
            page_height=self._height,
            content=content,
            markdown=markdown,
            html=html,
            image_url=image_url,
            confidence=confidence,
            confidence_level=None,
            bbox_x0=x0,
            bbox_y0=y0,
            bbox_x1=x1,
            bbox_y1=y1,
            provider_bbox=provider_bbox,
            heading_level=heading_level,
            table_rows=table_rows,
            table_columns=table_columns,
            ocr_count=0,
            ocr_confidence_mean=None,
            metadata=fields.metadata(item, _KNOWN.get(kind, _COMMON)),
        )
        self.segments.append(segment)
        if children:
            texts: list[str] = []
            # A loop and no comprehension, which would double the frames of a deep nesting
            for child in children:
                if child is not None:
                    text = self._add(child, index, depth + 1, kind == "list")
                    if text:
                        texts.append(text)
            if texts and content is None:
                content = "\n".join(texts)
                # Only now is it known what the container holds, and its row had to come first
                self.segments[index] = segment._replace(content=content)
        return content


def _confidence(bbox: Any) -> float | None:
    """The mean over the boxes that have a confidence; what is none stays in `provider_bbox`."""
    if type(bbox) is not list:
        bbox = (bbox,)
    found = [
        confidence
        for box in bbox
        if type(box) is dict and (confidence := to_confidence(box.get("confidence"))) is not None
    ]
    return mean(found)
