"""LlamaCloud's extract reviews (beta): `/api/v2/extract/{job_id}/review`.

Of the nineteen fields that the documentation counts eight are known by name, so the answer is kept
whole, and without content nothing of the others is shown but where they have texts.
"""

from __future__ import annotations

from typing import Any, Final

from dlt_docjobs.model.cleaning import without_values
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.providers.answers import UnreadableRecord, as_mapping, type_name
from dlt_docjobs.providers.protocol import Review

_TOLD: Final = frozenset(
    {"id", "confidence_threshold", "created_at", "decided_at", "decided_by", "revision"}
)
_TOLD_OF_ACTIONS: Final = frozenset({"action", "actor_id", "at"})
_ACTIONS: Final = "field_actions"


def read_review(body: Any) -> Review | None:
    """Reads the answer of a review; a null is none.

    Raises:
        UnreadableRecord: It is no object.
    """
    if body is None:
        return None
    if not isinstance(body, dict):
        raise UnreadableRecord(f"a review should be a JSON object, not {type_name(body)}", body)
    try:
        return Review(body, parse_instant(body.get("decided_at")))
    except (ValueError, TypeError):
        return Review(body)


def shape_of(review: Any) -> dict[str, Any]:
    """The shape of a review: ids, dates, actions and figures of its own stay.

    What a person has corrected, and the results that it may repeat, are extracted values: texts
    become their lengths, and numbers and booleans null.

    Raises:
        ValueError: It is nested deeper than can be stored.
    """
    shape = _shape(as_mapping(review), _TOLD)
    actions = as_mapping(review).get(_ACTIONS)
    if isinstance(actions, dict):
        shape[_ACTIONS] = {
            pointer: _shape(action, _TOLD_OF_ACTIONS)
            if isinstance(action, dict)
            else without_values(action)
            for pointer, action in actions.items()
        }
    return shape


def _shape(fields: dict[str, Any], told: frozenset[str]) -> dict[str, Any]:
    return {
        key: value if key in told and not isinstance(value, (dict, list)) else without_values(value)
        for key, value in fields.items()
    }
