"""Whatever a provider sends, nothing raises, nothing is lost, and no text slips through."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_support import ANSWERS, FIXTURES, MODULES, Rows, parse, read_in_all_ways, rows_of

from dlt_docjobs.emulator.contents import contextual, landingai, llamacloud, reducto, unsiloed
from dlt_docjobs.results.typed import UnreadableResult

# Where document content stands in an answer; the rest of it is the job's payload
SCOPES = {
    "llamacloud": (("items", "pages"), ("metadata", "pages")),
    "contextual": (("pages",),),
    "unsiloed": (("chunks",),),
    "reducto": tuple(
        ("result", "result", *inner) for inner in (("chunks",), ("ocr", "words"), ("ocr", "lines"))
    ),
    "landingai": tuple(
        (key, *inner)
        for key in ("result", "data")
        for inner in (("markdown",), ("structure", "children"), ("chunks",), ("grounding",))
    ),
}


def is_parsed(body: Any) -> bool:
    """Whether an answer holds a document."""
    parts = [body.get("result"), body.get("data")]
    parts += [part.get("result") for part in parts if isinstance(part, dict)]
    keys = {"chunks", "structure", "markdown"}
    return any(isinstance(part, dict) and keys & part.keys() for part in parts)


INPUTS = {
    provider: [
        json.loads(path.read_text("utf-8"))["input"]
        for path in FIXTURES
        if path.stem.startswith(provider)
    ]
    for provider in MODULES
}
WHOLE = {"reducto": ("job_parse",), "landingai": ("parse_job_get", "v1_jobs")}
for provider, names in WHOLE.items():
    for name in names:
        sent = json.loads((ANSWERS / f"{provider}_{name}.json").read_text("utf-8"))["answers"]
        INPUTS[provider] += [one["body"] for one in sent if is_parsed(one["body"])]


def of_reducto(seed: int) -> Any:
    parsed = reducto.parse_content(Random(seed), 3)
    pages = parsed.pop("page_count")
    result = {"type": "full", "custom": None, **parsed}
    whole = {"response_type": "parse", "usage": {"num_pages": pages}, "result": result}
    return {"status": "Completed", "result": whole}


def of_landingai(seed: int) -> Any:
    parsed = landingai.parse_content(Random(seed), 3, {seed}, seed % 2 == 0)
    return {"job_id": "j", "status": "completed", "result": parsed}


# What is as documented to the letter
DOCUMENTED = {
    "llamacloud": [llamacloud.parse_content(Random(n), 3, frozenset({n})) for n in range(4)],
    "contextual": [
        contextual.results_body(contextual.parse_content(Random(n), 3), ["blocks-per-page"])
        for n in range(4)
    ],
    "unsiloed": [unsiloed.parse_content(Random(n), 3) for n in range(4)],
    "reducto": [of_reducto(n) for n in range(4)],
    "landingai": [of_landingai(n) for n in range(4)],
}
for provider, inputs in INPUTS.items():
    inputs += DOCUMENTED[provider]
# To mutate fields into each other's values finds more than keys that nobody reads
KEYS = sorted(
    {"brand_new", "type", "value", "md", "items", "rows", "bbox", "success", "error", "level"}
    | {"page_number", "page_width", "blocks", "markdown", "parent_ids", "index", "id", "text"}
    | {"segments", "ocr", "embed", "content", "image", "confidence", "chunk", "pages", "page_count"}
    | {"result", "usage", "num_pages", "words", "granular_confidence", "extra", "original_page"}
    | {"structure", "children", "grounding", "range", "start", "end", "box", "atomic_grounding"}
    | {"left", "width", "xmin", "status", "reason", "row", "span", "parts", "metadata", "splits"}
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 400),
    st.sampled_from([2**63 - 1, 2**63, -(2**64), 10**400]),
    st.floats(),
    st.sampled_from(["", "3", "0.9", "list", "heading", "table", "image", "Table", "nan", "\x00"]),
    st.text(max_size=5),
    st.text(st.characters(categories=["Cs", "Lu"]), max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
# Where to (an index into all nodes of the answer), what to do there, and with what
MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 2**16),
        st.sampled_from(["replace", "replace", "add", "remove", "repeat"]),
        st.sampled_from(KEYS),
        VALUES,
    ),
    max_size=6,
)

RELAXED = settings(
    # thousands with DOCJOBS_TEST_EXAMPLES
    max_examples=int(os.environ.get("DOCJOBS_TEST_EXAMPLES", "50")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an answer, as its container and its key or index."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from nodes(value[key])


def mutated(body: Any, mutations: list[tuple[int, str, str, Any]]) -> Any:
    body = json.loads(json.dumps(body))
    for where, action, key, value in mutations:
        places = list(nodes(body))
        if not places:
            break
        container, at = places[where % len(places)]
        if action == "replace":
            container[at] = value
        elif action == "add" and isinstance(container[at], dict):
            container[at][key] = value
        elif action == "add" and isinstance(container[at], list):
            container[at].append(value)
        elif action == "repeat" and isinstance(container, list):
            # A copy, for a value that stands twice is marked as two
            container.append(json.loads(json.dumps(container[at])))
        elif action == "remove":
            del container[at]
    return json.loads(json.dumps(body))


def marked(value: Any, spared: frozenset[str], marks: list[str], key: str = "") -> Any:
    """The value with a mark behind each text, but for those under a spared key."""
    if isinstance(value, dict):
        return {name: marked(entry, spared, marks, name) for name, entry in value.items()}
    if isinstance(value, list):
        return [marked(entry, spared, marks, key) for entry in value]
    # What is behind a signed URL's question mark is meant to be lost
    if not isinstance(value, str) or key in spared or "://" in value:
        return value
    marks.append(f"<{len(marks)}>")
    return value + marks[-1]


def mark_scopes(provider: str, body: Any, spared: frozenset[str]) -> list[str]:
    marks: list[str] = []
    for *path, last in SCOPES[provider]:
        holder = body
        for key in path:
            holder = holder.get(key) if isinstance(holder, dict) else None
        # where it is no text, it is none of the document, and stays with what is said of the job
        kinds = (str,) if last == "markdown" else (dict, list, str)
        if isinstance(holder, dict) and isinstance(holder.get(last), kinds):
            holder[last] = marked(holder[last], spared, marks, last)
    return marks


def columns(document: Rows) -> Iterator[tuple[str, Any]]:
    for table in document:
        for row in table:
            yield from row._asdict().items()


def check(document: Rows) -> None:
    """What holds of the rows of any document at all."""
    numbers = [page.page_number for page in document.pages]
    assert numbers == sorted(set(numbers))
    assert [chunk.chunk_index for chunk in document.chunks] == list(range(len(document.chunks)))
    segments = document.segments
    assert [s.segment_index for s in segments] == list(range(len(segments)))
    for segment in segments:
        parent = segment.parent_segment_index
        assert parent is None or 0 <= parent < segment.segment_index
        assert segment.depth == (0 if parent is None else segments[parent].depth + 1)
        assert segment.page_number is None or segment.page_number in numbers
        corners = segment[-11:-7]
        edges = segment.bbox_x0, segment.bbox_y0, segment.bbox_x1, segment.bbox_y1
        assert corners == edges
        if any(edge is not None for edge in edges):
            x0, y0, x1, y1 = (float(edge) for edge in edges if edge is not None)
            assert 0 <= x0 <= x1 <= 1
            assert 0 <= y0 <= y1 <= 1
    for chunk in document.chunks:
        held = [s for s in segments if s.chunk_index == chunk.chunk_index]
        assert chunk.segment_count == len(held)
    for page in document.pages:
        assert page.segment_count == sum(s.page_number == page.page_number for s in segments)
    keys = [(element.segment_index, element.ocr_index) for element in document.ocr]
    assert keys == [(s.segment_index, i) for s in segments for i in range(s.ocr_count)]
    places = [cell[:3] for cell in document.cells]
    assert len(set(places)) == len(places)
    assert all(0 <= cell.segment_index < len(segments) for cell in document.cells)
    for column, value in columns(document):
        if isinstance(value, str):
            value.encode()
            assert "\x00" not in value
        elif isinstance(value, float):
            assert math.isfinite(value)
        elif type(value) is int:
            assert -(2**63) <= value < 2**63
        if column in ("metadata", "provider_bbox") and value is not None:
            json.loads(value, parse_constant=pytest.fail)
        if column == "metadata":
            assert value != "{}"
        if column in ("confidence", "ocr_confidence_mean") and value is not None:
            assert 0 <= value <= 1


providers = pytest.mark.parametrize("provider", MODULES)


@providers
@RELAXED
@given(which=st.integers(0, 19), mutations=MUTATIONS, flags=st.tuples(*[st.booleans()] * 3))
def test_no_mutation_of_an_answer_raises(
    provider: str, which: int, mutations: Any, flags: tuple[bool, bool, bool]
) -> None:
    body = mutated(INPUTS[provider][which % len(INPUTS[provider])], mutations)
    try:
        document = parse(
            provider,
            body,
            include_content=flags[0],
            include_ocr=flags[1],
            include_table_cells=flags[2],
        )
    except UnreadableResult:
        return
    check(document if flags[1] else document._replace(segments=[
        segment._replace(ocr_count=0) for segment in document.segments
    ]))  # fmt: skip


@providers
@RELAXED
@given(body=VALUES | st.dictionaries(st.sampled_from(["items", *KEYS, "chunks"]), VALUES))
def test_anything_is_read_or_refused(provider: str, body: Any) -> None:
    try:
        check(parse(provider, body))
    except UnreadableResult:
        return


@providers
@RELAXED
@given(which=st.integers(0, 19), mutations=MUTATIONS)
def test_every_text_ends_in_a_column_or_in_metadata(
    provider: str, which: int, mutations: Any
) -> None:
    body = mutated(INPUTS[provider][which % len(INPUTS[provider])], mutations)
    # Marked words of the schema would all be unknown ones
    spared = frozenset({"type", "segment_type"})
    marks = mark_scopes(provider, body, spared)
    reading = read_in_all_ways(provider, body)
    if reading.document is None:
        # all of it is in the rest, or in the body that is rejected
        return
    document = rows_of(reading.document)
    stored = "\n".join(value for _, value in columns(document) if isinstance(value, str))
    assert [mark for mark in marks if mark not in stored] == []


@pytest.mark.parametrize(
    ("provider", "which"),
    [(provider, which) for provider, inputs in INPUTS.items() for which in range(len(inputs))],
)
def test_a_new_field_in_every_object_is_kept(provider: str, which: int) -> None:
    marks: list[str] = []

    def extended(value: Any) -> Any:
        if isinstance(value, list):
            return [extended(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        mark = f"<{len(marks)}>"
        marks.append(mark)
        return {**{key: extended(value[key]) for key in value}, "brand_new": mark}

    body = json.loads(json.dumps(INPUTS[provider][which]))
    for *path, last in SCOPES[provider]:
        holder = body
        for key in path:
            holder = (holder.get(key) or {}) if isinstance(holder, dict) else {}
        if isinstance(holder, dict) and last in holder:
            holder[last] = extended(holder[last])
    document = parse(provider, body)
    stored = "\n".join(value for _, value in columns(document) if isinstance(value, str))
    assert marks
    assert [mark for mark in marks if mark not in stored] == []


@providers
@RELAXED
@given(which=st.integers(0, 19), mutations=MUTATIONS)
def test_without_content_no_text_is_in_any_column(
    provider: str, which: int, mutations: Any
) -> None:
    body = mutated(INPUTS[provider][which % len(INPUTS[provider])], mutations)
    # Ids, enum words and error messages stay, and so do the URLs of images
    spared = MODULES[provider].KEEP | {"id", "error", "reason", "url", "image"}
    marks = mark_scopes(provider, body, frozenset(spared))
    try:
        document = parse(provider, body, include_content=False)
    except UnreadableResult:
        return
    stored = "\n".join(value for _, value in columns(document) if isinstance(value, str))
    assert [mark for mark in marks if mark in stored] == []


@providers
@RELAXED
@given(which=st.integers(0, 19), mutations=MUTATIONS)
def test_without_content_the_rows_are_the_same_ones(
    provider: str, which: int, mutations: Any
) -> None:
    body = mutated(INPUTS[provider][which % len(INPUTS[provider])], mutations)
    try:
        full, bare = parse(provider, body), parse(provider, body, include_content=False)
    except UnreadableResult:
        return
    hidden = {"content": None, "markdown": None, "html": None, "metadata": None}
    for one, other in zip(full.segments, bare.segments, strict=True):
        assert other[11:14] == (None, None, None)
        assert one._replace(**hidden, provider_bbox=None) == other._replace(
            **hidden, provider_bbox=None
        )
    assert [c._replace(content=None, metadata=None) for c in full.chunks] == [
        c._replace(metadata=None) for c in bare.chunks
    ]
    assert [p._replace(metadata=None) for p in full.pages] == [
        p._replace(metadata=None) for p in bare.pages
    ]
    assert [o._replace(text=None, provider_bbox=None) for o in full.ocr] == [
        o._replace(provider_bbox=None) for o in bare.ocr
    ]
