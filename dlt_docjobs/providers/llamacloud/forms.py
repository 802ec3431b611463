"""LlamaCloud's forms (`expand=forms`) as items of their pages.

A form says once more, field by field, what the page's items say as text. So its rows hold no text
at the top: a `form` without content, and everything in it one level down or more. Whoever joins the
segments at the top, as chunks and the view `documents` do, counts no word twice. Where the contract
is silent:

* `provider_segment_type` begins with `form`: `form`, `form.section`, `form.field.checkbox`,
  `form.table`, `form.text`. A section is a form in a form; a field a `key_value`, or a `signature`.
* A field's `value` is its content, `true` or `false` for a box; its label stands in `metadata` as
  `field_label`, since `label` is an enum word in boxes. A selection's content is what was chosen;
  what it offers lies below it.
* A table keeps its rows in `metadata`, with the fields that stand in its cells.
* `list` says the same as `json` and is left out.
* A page of which the forms failed keeps its other items; why stands in its `metadata`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dlt_docjobs.results.typed import Flag, Number, Record, Text, Whole, lenient

_FIELD: Final = "field"


class FormPage(Record):
    """A page of `forms.pages`."""

    page_number: Whole = None
    page_width: Number = None
    page_height: Number = None
    success: Flag = None
    error: Text = None
    detected_form_types: Any = None
    forms: Any = None

    @property
    def items(self) -> list[dict[str, Any]]:
        """The forms as items, of which `json` that is no list stays as sent."""
        sent = self.forms if isinstance(self.forms, list) else []
        return [_form(one) for one in sent if one is not None]

    @property
    def told(self) -> dict[str, Any]:
        """What it says of the page itself."""
        of_page = {
            "detected_form_types": self.detected_form_types,
            "forms_error": self.error,
            "forms": None if isinstance(self.forms, list) else self.forms,
        }
        known = {key: value for key, value in of_page.items() if value is not None}
        return known | (self.kept or {})


def form_pages(rest: dict[str, Any]) -> Iterator[FormPage]:
    """Takes the pages with forms out of what an answer says beside its items."""
    forms = rest.pop("forms", None)
    sent = forms.get("pages") if isinstance(forms, dict) else None
    for page in sent if isinstance(sent, list) else ():
        if page is not None:
            yield lenient(FormPage, page)


def _form(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        return {"type": "form", "form": sent}
    item = {key: value for key, value in sent.items() if key not in ("type", "json", "list")}
    nodes = sent.get("json")
    return {"type": "form", **item, **_held("json", nodes)}


def _node(sent: Any) -> Any:
    """A node as an item; see the module."""
    if not isinstance(sent, dict):
        return {"type": "form.text", "value": sent}
    word = _word(sent)
    item: dict[str, Any] = {"type": word}
    for key, value in sent.items():
        if key == "label":
            item["field_label"] = value
        elif key == "value" and isinstance(value, bool):
            item["value"] = str(value).lower()
        elif key in ("items", "valueItems"):
            item |= _held(key, value)
        elif key not in ("type", _FIELD):
            item[key] = value
    if "valueItems" in sent and item.get("value") is None:
        item["value"] = _chosen(sent["valueItems"])
    return item


def _chosen(options: Any) -> str | None:
    """What was chosen, a line each: the labels of ticked boxes, and what was filled in."""
    chosen = []
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict) and option.get("type", _FIELD) == _FIELD:
            value = option.get("value")
            words = option.get("label") if value is True else value
            if isinstance(words, str):
                chosen.append(words)
    return "\n".join(chosen) or None


def _word(sent: dict[str, Any]) -> str:
    kind = sent.get("type")
    field = sent.get(_FIELD)
    if kind is None:
        # the SDK has it as optional
        kind = _FIELD if field is not None else "section" if "items" in sent else "text"
    return f"form.{kind}.{field}" if kind == _FIELD and field is not None else f"form.{kind}"


def _held(key: str, nodes: Any) -> dict[str, Any]:
    """What a node holds, as an item does; what is no list stays as sent."""
    if not isinstance(nodes, list):
        return {} if nodes is None else {key: nodes}
    return {"items": [_node(node) for node in nodes if node is not None]}
