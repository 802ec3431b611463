"""Faults that bend what an answer says, while it is still JSON."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, Final

from dlt_docjobs.emulator.apis.answers import Answer
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.contents import words

UNKNOWN_TYPE: Final = "Hologram"
UNKNOWN_FIELD: Final = "x_added_later"

_TEXT_KEYS: Final = frozenset(
    {"name", "file_name", "error_message", "failure_reason", "error", "message", "reason"}
    | {"value", "text", "content"}
    | {"markdown", "md", "caption", "embed", "current_activity"}
)


def bend(call: Call, answer: Answer) -> Answer:
    """The answer as the faults have it. Given contents are never changed in place."""
    faults = call.faults
    if answer.media_type != "application/json" or answer.status != 200:
        return answer
    if faults.unknown_segment_type or faults.odd_texts or faults.unknown_fields:
        memo: dict[int, Any] = {}
        answer.body = copy.deepcopy(answer.body, memo)
        # The parts that are referred to have to stay parts of the copy.
        answer.rows = memo.get(id(answer.rows), answer.rows)
        answer.free_form = [memo.get(id(part), part) for part in answer.free_form]
    if faults.unknown_segment_type:
        _disguise_segments(answer.body)
    if faults.odd_texts:
        _spoil_texts(call, answer)
    if faults.unknown_fields:
        _add_fields(answer.body, {id(part) for part in answer.free_form})
    if answer.rows is not None:
        _bend_rows(call, answer, answer.rows)
    return answer


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for member in list(value.values()):
            yield from _objects(member)
    elif isinstance(value, list):
        for member in value:
            yield from _objects(member)


def _disguise_segments(body: Any) -> None:
    for part in _objects(body):
        for list_key, type_key in (
            ("items", "type"),
            ("blocks", "type"),
            ("segments", "segment_type"),
            ("children", "type"),
        ):
            members = part.get(list_key)
            # Items of a list stay what they are: pages and chunks are meant.
            if isinstance(members, list) and part.get("type") in (None, "page"):
                texts = [
                    member
                    for member in members
                    if isinstance(member, dict) and member.get(type_key) in ("text", "Text")
                ]
                if texts:
                    texts[-1][type_key] = UNKNOWN_TYPE


def _spoil_texts(call: Call, answer: Answer) -> None:
    odd = call.faults.odd_texts
    tail = ""
    if "signed_url" in odd:
        tail += " " + words.signed_url(call.world.signatures, "private/contract.pdf")
    if "nul" in odd:
        tail += " nul\x00nul"
    if "surrogate" in odd:
        tail += " lone\ud83dsurrogate"
    for part in _objects(answer.body):
        for key in _TEXT_KEYS & part.keys():
            if isinstance(part[key], str) and tail:
                part[key] += tail
        if tail and isinstance(part.get("structure"), dict):
            _stretch(part)
        if "nan" in odd:
            if isinstance(part.get("rows"), list) and part["rows"]:
                part["rows"][-1][1] = math.nan
            if "segment_id" in part:
                part["chart_data"] = {"value": math.nan, "most": math.inf}
    if "nan" in odd:
        for part in answer.free_form:
            part |= {"not_a_number": math.nan, "infinite": -math.inf}


def _stretch(result: dict[str, Any]) -> None:
    """Lets the last element of LandingAI's tree reach to the end of the Markdown."""
    pages = [page for page in result["structure"]["children"] if page["children"]]
    for node in [pages[-1], pages[-1]["children"][-1]] if pages else ():
        if "grounding" in node:
            node["grounding"]["range"]["end"] = len(result["markdown"])


def _add_fields(value: Any, spared: set[int]) -> None:
    """Adds a field to every object but those whose keys are the user's own."""
    if isinstance(value, list):
        for member in value:
            _add_fields(member, spared)
    elif isinstance(value, dict) and id(value) not in spared:
        for key, member in value.items():
            if key not in ("user_metadata", "result_content_metadata"):
                _add_fields(member, spared)
        value[UNKNOWN_FIELD] = {"nested": [1, {"deep": None}], "text": "new"}


def _bend_rows(call: Call, answer: Answer, rows: list[Any]) -> None:
    if call.faults.omit_list_timestamps:
        for row in rows:
            row.pop("created_at", None)
            row.pop("updated_at", None)
    if not answer.first_page:
        return
    model = dict(rows[0]) if rows else {"status": "COMPLETED", "file_name": "a.pdf"}
    id_key = "job_id" if "job_id" in model else "id"
    kinds = call.faults.unreadable_rows
    if "not_object" in kinds:
        rows.insert(0, "this row is no object")
    if "no_id" in kinds:
        rows.append({key: value for key, value in model.items() if key != id_key})
    if "null_id" in kinds:
        rows.append(model | {id_key: None})
    if "number_id" in kinds:
        rows.append(model | {id_key: 12345})
