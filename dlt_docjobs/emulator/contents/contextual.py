"""What Contextual's parser makes of a document: pages of blocks, perhaps with a hierarchy."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

from dlt_docjobs.emulator.contents import words
from dlt_docjobs.emulator.reading import USUAL, Model

Block = dict[str, Any]


def _block(rng: random.Random, kind: str, markdown: str) -> Block:
    x0, y0 = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.8)
    return {
        "id": words.random_uuid(rng),
        "type": kind,
        "bounding_box": {
            "x0": round(x0, 4),
            "y0": round(y0, 4),
            "x1": round(x0 + rng.uniform(0.1, 0.5), 4),
            "y1": round(y0 + rng.uniform(0.01, 0.15), 4),
        },
        "markdown": markdown,
    }


def _body_block(rng: random.Random, model: Model) -> Block:
    kind = rng.choices(("text", "table", "figure"), (0.7, 0.18, 0.12))[0]
    if kind == "table":
        block = _block(rng, kind, words.table_markdown(words.table_rows(rng)))
        level = rng.choice(("low", "medium", "high", "high"))
        # a table is the one thing that it rates: it stays one
        return block | {"confidence_level": level if model.certainty >= 1 else "low"}
    if model.flattens(rng):
        kind = "text"
    if kind == "figure":
        return _block(rng, kind, f"![{words.sentence(rng)}](figure)")
    return _block(rng, kind, words.paragraph(rng))


def parse_content(
    rng: random.Random, count: int, empty: Collection[int] = (), model: Model = USUAL
) -> dict[str, Any]:
    """The result of a parse job.

    Args:
        rng: The job's source of chance.
        count: Pages of the document.
        empty: 1-based numbers of the pages on which nothing was found.
        model: What reads them.

    Returns:
        `{"pages": [{"index", "blocks"}], "hierarchy": bool}`; `hierarchy` says whether the job ran
        with `enable_document_hierarchy`, which puts levels and parents on every block.
    """
    hierarchy = rng.random() < 0.5
    pages = []
    title: Block | None = None
    section: Block | None = None
    for index in range(count):
        blocks: list[Block] = []
        kinds = [] if index + 1 in empty else ["heading", *[""] * rng.randint(1, 7)]
        for kind in kinds:
            if kind == "heading" or rng.random() < 0.15:
                level = 0 if title is None else 1
                block = _block(rng, "heading", f"{'#' * (level + 1)} {words.heading(rng)}")
                parents = [] if title is None else [title["id"]]
                title, section = (title or block), block
            else:
                block = _body_block(rng, model)
                level = 2
                parents = [part["id"] for part in (title, section) if part is not None]
            if hierarchy:
                unique = list(dict.fromkeys(parents))
                block |= {"hierarchy_level": level, "parent_ids": unique}
            blocks.append(block)
        pages.append({"index": index, "blocks": blocks})
    return {"pages": pages, "hierarchy": hierarchy}


def results_body(content: dict[str, Any], output_types: list[str]) -> dict[str, Any]:
    """The part of a results answer that depends on what was asked for."""
    body: dict[str, Any] = {}
    pages = []
    for page in content["pages"]:
        answer: dict[str, Any] = {"index": page["index"]}
        if "markdown-per-page" in output_types:
            answer["markdown"] = _markdown(page["blocks"])
        if "blocks-per-page" in output_types:
            answer["blocks"] = page["blocks"]
        pages.append(answer)
    if {"markdown-per-page", "blocks-per-page"} & set(output_types):
        body["pages"] = pages
    if "markdown-document" in output_types:
        body["markdown_document"] = "\n\n".join(
            _markdown(page["blocks"]) for page in content["pages"]
        )
    if content.get("hierarchy"):
        # The headings once more, with the same ids: counting them twice would be wrong.
        headings = [
            block | {"page_index": page["index"]}
            for page in content["pages"]
            for block in page["blocks"]
            if block["type"] == "heading"
        ]
        contents = "\n".join(f"- {block['markdown'].lstrip('# ')}" for block in headings)
        body["document_metadata"] = {
            "hierarchy": {"blocks": headings, "table_of_contents": contents}
        }
    return body


def _markdown(blocks: list[Block]) -> str:
    return "\n\n".join(block["markdown"] for block in blocks)
