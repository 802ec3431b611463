"""What no column of an answer takes, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlt_docjobs.model.cleaning import to_json_text, to_json_texts, without_content
from dlt_docjobs.model.records import JsonText


class Leftovers:
    """Makes JSON of what is left over, as far as it may be stored.

    Args:
        include_content: False: strings become their length.
        keep: Keys whose strings are ids or enum words and stay even then.
        content_keys: Keys whose numbers are document text as well, such as a table's cells.
    """

    __slots__ = ("_content_keys", "_keep", "include_content")

    def __init__(
        self, *, include_content: bool, keep: frozenset[str], content_keys: frozenset[str]
    ) -> None:
        self.include_content = include_content
        self._keep = keep
        self._content_keys = content_keys

    def of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What may be stored of an object's leftovers, but for the strings in it."""
        if self.include_content:
            return dict(record)
        return {
            key: self._size(value) if key in self._content_keys else value
            for key, value in record.items()
        }

    def json(self, value: Any) -> JsonText:
        """A JSON value as text, clean, and without its texts where they are not wanted."""
        try:
            if not self.include_content:
                value = without_content(value, self._keep)
            return to_json_text(value)
        except (ValueError, RecursionError):
            return to_json_text({"too_deep": list(self._leaves(value))})

    def json_texts(self, records: Sequence[Mapping[str, Any] | None]) -> list[JsonText | None]:
        """What is left of many objects as texts, as `json` makes them; of nothing, nothing."""
        some = [record for record in records if record]
        made: list[JsonText | None] = [None] * len(some)
        if self.include_content:
            made = to_json_texts(some)
        pairs = zip(some, made, strict=True)
        texts = iter([self.json(record) if text is None else text for record, text in pairs])
        return [next(texts) if record else None for record in records]

    def _leaves(self, value: Any) -> Iterable[dict[str, Any]]:
        """The leaves of a value nested too deeply for JSON, each under its nearest key."""
        stack: list[tuple[str, Any]] = [("value", value)]
        while stack:
            key, value = stack.pop()
            if isinstance(value, Mapping):
                stack.extend((str(name), value[name]) for name in reversed(list(value)))
            elif isinstance(value, list):
                stack.extend((key, entry) for entry in reversed(value))
            elif self.include_content:
                yield {key: value}
            else:
                yield without_content(self.of({key: value}), self._keep)

    def _size(self, value: Any) -> Any:
        """What stands for document text of any type: its length, in the shape of its lists."""
        if value is None:
            return None
        if isinstance(value, list):
            try:
                return [self._size(entry) for entry in value]
            except RecursionError:
                return len(value)
        if isinstance(value, Mapping):
            try:
                return len(to_json_text(value))
            except (ValueError, RecursionError):
                return len(value)
        return len(str(value))


def put(record: dict[str, Any], key: str, value: Any) -> None:
    """Adds a field; where the key is taken by another value, as `key_2`, `key_3` and so on."""
    name, copies = key, 1
    while name in record:
        # Only scalars are compared: a comparison recurses as deep as the values do
        scalar = not isinstance(value, (dict, list)) and type(value) is type(record[name])
        if scalar and value == record[name]:
            return
        copies += 1
        name = f"{key}_{copies}"
    record[name] = value
