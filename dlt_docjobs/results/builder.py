"""What the three parsers share: reading fields, keeping what no column takes, drafting pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from dlt_docjobs.model.cleaning import clean_text, strip_query, to_json_text, without_content
from dlt_docjobs.model.records import JsonText, Page
from dlt_docjobs.results.values import to_text

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode

# Longer than any URL that is one: base64 without its `data:` is the picture itself
_LONGEST_URL: Final = 4096
# Beyond any coordinate, and within what every JSON reader takes for a number
_HUGE: Final = 1e15


class Fields:
    """Reads the fields of one JSON object after another.

    One instance serves a whole document, because an object a segment would cost more than all
    that is read. A value that does not fit its column is put into `kept`; `leftovers` hands that
    out, with every field that nobody asked for, and forgets it: call it once an object.
    """

    __slots__ = ("_content_keys", "_keep", "include_content", "kept")

    def __init__(
        self, *, include_content: bool, keep: frozenset[str], content_keys: frozenset[str]
    ) -> None:
        """Starts with nothing kept.

        Args:
            include_content: False: texts become None and strings in JSON their length.
            keep: Keys whose strings are ids or enum words and stay even then.
            content_keys: Keys whose numbers are document text as well, such as a table's cells.
        """
        self.include_content = include_content
        self.kept: dict[str, Any] = {}
        self._keep = keep
        self._content_keys = content_keys

    def text(self, record: Mapping[str, Any], key: str) -> str | None:
        """A word of the provider's: an id, a type, an error message."""
        value = record.get(key)
        if value is None:
            return None
        text = value if type(value) is str else to_text(value)
        if text is None:
            self.kept[key] = value
            return None
        return clean_text(text)

    def content(self, record: Mapping[str, Any], key: str) -> str | None:
        """A text of the document, None without `include_content`."""
        value = record.get(key)
        if value is None:
            return None
        text = value if type(value) is str else to_text(value)
        if text is None:
            self.kept[key] = value
            return None
        return clean_text(text) if self.include_content else None

    def read(
        self, record: Mapping[str, Any], key: str, convert: Callable[[object], T | None]
    ) -> T | None:
        """What a converter of `values` makes of a field: a number, a whole one, a confidence."""
        value = record.get(key)
        if value is None:
            return None
        converted = convert(value)
        if converted is None:
            self.kept[key] = value
        return converted

    def url(self, record: Mapping[str, Any], key: str) -> str | None:
        """A URL or file name without its query string; a picture in base64 is none."""
        value = record.get(key)
        if value is None or value == "":
            return None
        if (
            type(value) is str
            and len(value) <= _LONGEST_URL
            and value.lstrip()[:5].lower() != "data:"
        ):
            return strip_query(value)
        self.kept[key] = value
        return None

    def boxes(self, record: Mapping[str, Any], key: str) -> JsonText | None:
        """A box or a list of boxes as sent."""
        value = record.get(key)
        if value is None:
            return None
        if type(value) is dict or type(value) is list:
            # Nearly every box is plain, and cleaning one costs more than all else of a segment
            if self._is_plain(value):
                return JsonText(_encode(value).decode())
            return self.json(value)
        self.kept[key] = value
        return None

    def _is_plain(self, value: Any) -> bool:
        """Whether boxes hold nothing but finite numbers and enum words that stay as they are."""
        for box in value if type(value) is list else (value,):
            if type(box) is not dict:
                return False
            for key, entry in box.items():
                kind = type(entry)
                if kind is float or kind is int:
                    plain = -_HUGE < entry < _HUGE
                else:
                    plain = entry is None or (
                        kind is str and key in self._keep and entry.isidentifier()
                    )
                if not plain or not key.isidentifier():
                    return False
        return True

    def leftovers(self, record: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
        """What no column took of an object: unknown fields, and known ones that did not fit.

        A field that is null says nothing and is left out.
        """
        unknown = record.keys() - known
        if not unknown and not self.kept:
            return {}
        kept = self.kept
        self.kept = {}
        if unknown:
            # In the order of the answer, the known ones that did not fit behind
            unmapped = {
                key: value for key, value in record.items() if key in unknown and value is not None
            }
            for key, value in kept.items():
                put(unmapped, key, value)
            kept = unmapped
        if not self.include_content:
            for key in kept.keys() & self._content_keys:
                kept[key] = self._size(kept[key])
        return kept

    def metadata(self, record: Mapping[str, Any], known: frozenset[str]) -> JsonText | None:
        """The leftovers of an object as JSON, or None of none."""
        if not self.kept:
            # Most segments have none: a look costs less than the sets and the call
            for key, value in record.items():
                if value is not None and key not in known:
                    break
            else:
                return None
        kept = self.leftovers(record, known)
        return self.json(kept) if kept else None

    def json(self, value: Any) -> JsonText:
        """A JSON value as text, clean, and without its texts where they are not wanted."""
        try:
            if not self.include_content:
                value = without_content(value, self._keep)
            return to_json_text(value)
        except (ValueError, RecursionError):
            return to_json_text({"too_deep": list(self._leaves(value))})

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
                size = self._size(value) if key in self._content_keys else value
                yield without_content({key: size}, self._keep)

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
        return len(value) if isinstance(value, str) else len(repr(value))


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


def as_record(entry: Any, key: str) -> Mapping[str, Any]:
    """An object as it is; anything else as the field `key` of an otherwise empty one."""
    return entry if type(entry) is dict else {key: entry}


def number_pages(
    sent: list[Any], read: Callable[[Mapping[str, Any]], int | None]
) -> list[tuple[int, Mapping[str, Any]]]:
    """Gives each page a number, for it is the key: where one is unreadable, its position.

    A position that another page claims is not taken; such a page gets the next number that is
    free behind the last position.

    Args:
        sent: The pages. A null is none, but has a position.
        read: Reads a page's own number.

    Returns:
        Numbers and pages, sorted by number; of one number in the order sent.
    """
    parts = [(at, as_record(page, "value")) for at, page in enumerate(sent, 1) if page is not None]
    numbers = [read(part) for _, part in parts]
    claimed = {number for number in numbers if number is not None}
    behind = len(sent) + 1
    numbered: list[tuple[int, Mapping[str, Any]]] = []
    for (position, part), number in zip(parts, numbers, strict=True):
        if number is None:
            number = position
            if number in claimed:
                while behind in claimed:
                    behind += 1
                number = behind
            claimed.add(number)
        numbered.append((number, part))
    return sorted(numbered, key=lambda entry: entry[0])


class PageDraft:
    """A page while its parts are gathered: a number may be sent twice, or from two lists."""

    __slots__ = (
        "confidence",
        "error_message",
        "failed",
        "kept",
        "page_height",
        "page_width",
        "parsed",
        "segment_count",
    )

    def __init__(self) -> None:
        """Starts with nothing known."""
        self.page_width: float | None = None
        self.page_height: float | None = None
        self.failed = False
        self.parsed = False
        self.error_message: str | None = None
        self.confidence: float | None = None
        self.segment_count = 0
        self.kept: dict[str, Any] = {}

    def fill(self, name: str, value: Any) -> None:
        """Sets a column; where an earlier part set it otherwise, the value is kept beside it."""
        current = getattr(self, name)
        if current is None:
            setattr(self, name, value)
        elif value is not None and value != current:
            put(self.kept, name, value)

    def keep(self, leftovers: dict[str, Any]) -> None:
        """Keeps what no column took of one part."""
        for key, value in leftovers.items():
            put(self.kept, key, value)


class Pages:
    """The pages of a document by number."""

    __slots__ = ("_drafts", "_fields")

    def __init__(self, fields: Fields) -> None:
        """Starts without a page."""
        self._fields = fields
        self._drafts: dict[int, PageDraft] = {}

    def __getitem__(self, number: int) -> PageDraft:
        """The draft of a page, made where there is none."""
        draft = self._drafts.get(number)
        if draft is None:
            draft = self._drafts[number] = PageDraft()
        return draft

    def rows(self) -> list[Page]:
        """One row a number, in their order. Failed is a page of which no part was parsed."""
        return [
            Page(
                page_number=number,
                page_width=draft.page_width,
                page_height=draft.page_height,
                is_failed=draft.failed and not draft.parsed,
                error_message=draft.error_message,
                confidence=draft.confidence,
                segment_count=draft.segment_count,
                metadata=self._fields.json(draft.kept) if draft.kept else None,
            )
            for number, draft in sorted(self._drafts.items(), key=lambda entry: entry[0])
        ]
