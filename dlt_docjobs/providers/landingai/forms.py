"""LandingAI's parse results as they are sent, in each of their forms, and the pages in them.

* The structure: a tree of pages and elements, each with its `grounding`.
* The one before 17 July 2026: places in a second tree, spans and pixels, pages from 0.
* That of v1: chunks, and a map of places.
* Whatever else has Markdown: its pages are cut at the page breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import to_builtins
from msgspec.structs import replace

from dlt_docjobs.model.values import MAX_INT, to_confidence, to_int
from dlt_docjobs.results.typed import (
    NOT_AS_DOCUMENTED,
    Box,
    Confidence,
    Number,
    OddBoxes,
    OneObject,
    Record,
    Side,
    Text,
    UnreadableResult,
    Whole,
    lenient,
)

MARKS: Final = re.compile(r"\s*<!-- (?:PAGE BREAK|doc_id=[^>]*) -->\s*")
"""The comments that end a page and name the document."""

# what the second tree of an older answer repeats of each page
_OF_PAGES: Final = frozenset({"type", "page", "span", "width", "height", "dpi", "status"})
_BREAK: Final = "<!-- PAGE BREAK -->"


class PageBox(Box):
    """A box as the structure has it."""

    xmin: Side
    ymin: Side
    xmax: Side
    ymax: Side


class EdgeBox(Box):
    """A box of v1."""

    left: Side
    top: Side
    right: Side
    bottom: Side


class Grounding(Record):
    """Where something lies: on a page, in the Markdown, in a box."""

    page: Whole = None
    range: Any = None
    box: list[PageBox] | PageBox | None = None
    confidence: Confidence = None


class Node(Record):
    """A page or an element, of a structure or of an older answer's second tree."""

    bare = "markdown"
    type: Text = None
    id: Text = None
    grounding: Any = None
    atomic_grounding: list[Grounding] | None = None
    children: list[Node] | None = None
    markdown: Text = None
    status: Text = None
    reason: Text = None
    row: Whole = None
    col: Whole = None
    colspan: Whole = None
    rowspan: Whole = None
    # before 17 July 2026
    page: Whole = None
    span: Any = None
    box: Any = None
    parts: Any = None
    width: Number = None
    height: Number = None
    dpi: Any = None


class _Chunk(Record):
    """A chunk of v1."""

    bare = "markdown"
    id: Text = None
    type: Text = None
    markdown: Text = None
    grounding: Any = None


class _ChunkGrounding(Record):
    page: Whole = None
    box: list[EdgeBox] | EdgeBox | None = None


class Result(Record):
    """A result in any of its forms."""

    markdown: Text = None
    structure: Any = None
    grounding: Any = None
    metadata: Any = None
    chunks: Any = None
    splits: Any = None


class _Span(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    start: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
    end: Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]


class _SpannedGrounding(Grounding):
    range: _Span | None = None


class _TreeNode(Node):
    grounding: _SpannedGrounding | None = None
    atomic_grounding: list[_SpannedGrounding] | None = None  # type: ignore[assignment]
    children: list[_TreeNode] | None = None  # type: ignore[assignment]
    page: None = None
    span: None = None
    box: None = None
    parts: None = None


class _TreeResult(Result):
    structure: _TreeNode | None = None


class ResultObject(OneObject[Result]):
    """A result under a key: in one go where it is a tree as documented.

    Args:
        key: The key.
    """

    def __init__(self, key: str) -> None:
        super().__init__(Result, key)
        self._tree = msgspec.json.Decoder(_TreeResult)

    def decode(self, raw: msgspec.Raw) -> list[Result | None] | None:
        """See `Objects.decode`."""
        try:
            return [self._tree.decode(raw)]
        except NOT_AS_DOCUMENTED:
            return super().decode(raw)


def failed_pages(result: Result) -> list[int]:
    """The pages that the result's metadata calls failed; v1 counts them from 0."""
    metadata = result.metadata if isinstance(result.metadata, dict) else {}
    sent = metadata.get("failed_pages")
    base = int(result.structure is None and result.chunks is not None)
    numbers = [to_int(one) for one in sent] if isinstance(sent, list) else []
    return [number + base for number in numbers if number is not None and number + base > 0]


def beside(result: Result) -> dict[str, Any]:
    """What a result says of the job beside the document."""
    said = {**(result.kept or {}), "metadata": result.metadata}
    if isinstance(result.splits, list):
        # their Markdown is that of their chunks
        said["splits"] = [
            {name: value for name, value in split.items() if name != "markdown"}
            if isinstance(split, dict)
            else split
            for split in result.splits
        ]
    return {name: value for name, value in said.items() if value is not None}


def pages_of(result: Result, lost: dict[str, Any]) -> list[Node | None]:
    """The pages of a result; into `lost` goes what belongs to none of them.

    Raises:
        UnreadableResult: It holds no document at all.
    """
    if result.structure is None and isinstance(result.chunks, list):
        return _pages_of_chunks(result, lost)
    pages: list[Node | None] = []
    if isinstance(result.structure, (Node, dict)):
        sent = result.structure
        root = sent if isinstance(sent, Node) else lenient(Node, sent)
        pages += map(_as_page, root.children or ())
        said = {**to_builtins(replace(root, children=None, kept=None)), **(root.kept or {})}
        if root.markdown == result.markdown:
            said["markdown"] = None
        if root.type == "document":
            said["type"] = None
        lost |= {key: part for key, part in said.items() if part is not None}
    elif result.structure is not None:
        lost["structure"] = result.structure
    if result.chunks is not None:
        lost["chunks"] = result.chunks
    if result.grounding is not None:
        _join(pages, result.grounding, lost)
    if pages or result.markdown is None:
        if not pages and result.structure is None:
            raise UnreadableResult("the result holds neither a structure nor Markdown")
        return pages
    parts = result.markdown.split(_BREAK) if result.markdown.strip() else []
    return [
        Node(
            type="page",
            markdown=MARKS.sub("\n\n", part).strip("\n"),
            grounding=Grounding(page=at),
        )
        for at, part in enumerate(parts, start=1)
        if MARKS.sub("", part).strip()
    ]


def _as_page(node: Node) -> Node:
    """A page of the tree; an element that stands where a page should makes one."""
    if node.type not in (None, "page"):
        return Node(type="page", children=[node], grounding=Grounding(page=place_of(node).page))
    if node.page is not None and not isinstance(node.grounding, dict):
        # before 17 July 2026: counted from 0
        node.grounding = Grounding(page=node.page + 1, range=node.span)
    return node


def _join(pages: Iterable[Node | None], grounding: Any, lost: dict[str, Any]) -> None:
    """Gives elements the boxes that an older answer has in a second tree."""
    if not isinstance(grounding, dict):
        lost["grounding"] = grounding
        return
    places: dict[str, Node] = {}
    unmatched: list[dict[str, Any]] = []
    waiting = [lenient(Node, grounding)]
    while waiting:
        node = waiting.pop()
        waiting += node.children or ()
        if node.id is not None and node.id not in places:
            places[node.id] = node
        else:
            unmatched.append({**to_builtins(node), "children": None})
    waiting = [page for page in pages if page is not None]
    while waiting:
        node = waiting.pop()
        waiting += node.children or ()
        other = places.pop(node.id, None) if node.id is not None else None
        if other is None:
            continue
        node.span = other.span if node.span is None else node.span
        node.box, node.parts = other.box, other.parts
        if other.kept:
            node.keep("grounding", other.kept)
        if isinstance(node.parts, list) and node.atomic_grounding is None:
            node.atomic_grounding, node.parts = _atoms(node.parts), None
    unmatched += [{**to_builtins(node), "children": None} for node in places.values()]
    # of the nodes that only hold others nothing is left
    said = [{name: part for name, part in one.items() if part is not None} for one in unmatched]
    if said := [one for one in said if not _is_repeated(one)]:
        lost["grounding"] = said


def _is_repeated(one: dict[str, Any]) -> bool:
    """Whether a node of the second tree says nothing that its page does not say."""
    span = one.get("span")
    numbers = [*(span if isinstance(span, list) else [span]), one.get("dpi")]
    return not one.keys() - _OF_PAGES and not any(
        isinstance(number, (str, list, dict)) for number in numbers
    )


def _atoms(parts: Iterable[Any]) -> list[Grounding]:
    """An older answer's parts of an element."""
    atoms: list[Grounding] = []
    for part in parts:
        if not isinstance(part, dict):
            atoms.append(Grounding(kept={"part": part}))
            continue
        kept = {key: value for key, value in part.items() if key not in ("span", "box")}
        box = _pixels(part["box"]) if part.get("box") is not None else None
        atoms.append(Grounding(range=part.get("span"), box=box, kept=kept or None))
    return atoms


def _pages_of_chunks(result: Result, lost: dict[str, Any]) -> list[Node | None]:
    """The pages of a result of v1: its chunks by page."""
    grounding = dict(result.grounding) if isinstance(result.grounding, dict) else {}
    cells = _cells_by_chunk(grounding)
    page_of = _pages_by_chunk(result.splits)
    by_page: dict[int, list[Node]] = {}
    for sent in result.chunks:
        if sent is None:
            continue
        chunk = lenient(_Chunk, sent)
        node = Node(type=chunk.type, id=chunk.id, markdown=chunk.markdown, kept=chunk.kept)
        place = _ChunkGrounding()
        if isinstance(chunk.grounding, dict):
            place = lenient(_ChunkGrounding, chunk.grounding)
        elif chunk.grounding is not None:
            node.keep("grounding", chunk.grounding)
        if place.kept:
            node.keep("grounding", place.kept)
        number = page_of.get(chunk.id, 1) if place.page is None else place.page + 1
        more = grounding.pop(chunk.id, None)
        score = to_confidence(more.get("confidence")) if isinstance(more, dict) else None
        box: Any = place.box
        node.grounding = Grounding(box=box, confidence=score)
        if isinstance(more, dict):
            own = chunk.grounding if isinstance(chunk.grounding, dict) else {}
            said = {key for key in ("page", "box") if more.get(key) == own.get(key)}
            said |= {"confidence"} if score is not None else set()
            more = {key: value for key, value in more.items() if key not in said}
        if more:
            node.keep("grounding_entry", more)
        if chunk.id in cells:
            node.keep("cells", cells[chunk.id])
        by_page.setdefault(number, []).append(node)
    if grounding:
        lost["grounding"] = grounding
    if result.grounding is not None and not isinstance(result.grounding, dict):
        lost["grounding"] = result.grounding
    return [
        Node(type="page", children=nodes, grounding=Grounding(page=number))
        for number, nodes in by_page.items()
    ]


def _cells_by_chunk(grounding: dict[str, Any]) -> dict[Any, list[dict[str, Any]]]:
    """Takes the cells of tables out of v1's map of places."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for name, entry in list(grounding.items()):
        position = entry.get("position") if isinstance(entry, dict) else None
        chunk_id = position.get("chunk_id") if isinstance(position, dict) else None
        if isinstance(chunk_id, str):
            found.setdefault(chunk_id, []).append({"id": name, **grounding[name]})
    return found


def _pages_by_chunk(splits: Any) -> dict[Any, int]:
    """The page or sheet of each chunk of v1, as its splits say, counted from 1."""
    found: dict[Any, int] = {}
    for split in splits if isinstance(splits, list) else ():
        if not isinstance(split, dict):
            continue
        numbers = split.get("pages") or split.get("sheets")
        number = to_int(numbers[0]) if isinstance(numbers, list) and numbers else None
        chunks = split.get("chunks")
        for chunk_id in chunks if number is not None and isinstance(chunks, list) else ():
            if isinstance(chunk_id, str) and number is not None:
                found.setdefault(chunk_id, number + 1)
    return found


def place_of(node: Node) -> Grounding:
    """Where a page or an element lies; what no field of that takes is kept with the node."""
    sent = node.grounding
    if isinstance(sent, Grounding):
        return sent
    place = lenient(Grounding, sent) if isinstance(sent, dict) else Grounding()
    left = place.kept if isinstance(sent, dict) else sent
    if left is not None:
        node.keep("grounding", left)
    if place.range is None:
        place.range = node.span
    if place.box is None and node.box is not None:
        place.box = _pixels(node.box)
    node.grounding = place
    return place


def _pixels(sent: Any) -> Any:
    """A box `[left, top, right, bottom]` of an older answer."""
    if not isinstance(sent, list) or len(sent) != 4:
        return OddBoxes(sent, [])
    sides: list[Any] = [side if type(side) in (int, float) else None for side in sent]
    return OddBoxes(sent, [PageBox(*sides)])


def ends_of(span: Any) -> tuple[int | None, int | None]:
    """The ends of a range, or of an older answer's span."""
    if isinstance(span, _Span):
        return span.start, span.end
    if isinstance(span, dict):
        return to_int(span.get("start")), to_int(span.get("end"))
    if isinstance(span, list) and len(span) == 2:
        return to_int(span[0]), to_int(span[1])
    return None, None
