"""The objects of an answer as typed structs: fast where they are as documented, lenient elsewhere.

A provider declares what it documents as subclasses of `Record`. msgspec decodes an answer that
keeps to them. In any other, each object that does not is read field by field into the same struct,
and what no field takes stands in its `kept`: whoever makes columns of structs sees no difference.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import FunctionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
)

import msgspec
from msgspec import Meta

from dlt_docjobs.model import exact_json
from dlt_docjobs.model.values import (
    MAX_INT,
    MIN_INT,
    to_confidence,
    to_flag,
    to_float,
    to_int,
    to_text,
)

MAX_DEPTH: Final = 200
"""Objects that lie deeper in objects of their own kind stay as sent."""

NOT_AS_DOCUMENTED: Final = (msgspec.MsgspecError, RecursionError, ValueError)
"""What msgspec raises; a lone surrogate is a ValueError."""

_DOUBLE: Final = Meta(ge=-sys.float_info.max, le=sys.float_info.max)
_SHARE: Final = Meta(ge=0, le=1)
# Beyond any coordinate; below, whole numbers are exact as floats, and so are their sums
_SIDE: Final = Meta(ge=-(10**15), le=10**15)
# Longer than any URL that is one: base64 without its `data:` is the picture itself
_Url = Annotated[str, Meta(max_length=4096, pattern=r"(?i)^(?!\s*data:)")]


def _to_url(value: object) -> str | None:
    try:
        url: str = msgspec.convert(value, _Url)
    except NOT_AS_DOCUMENTED:
        return None
    return url


# What a field holds as documented, and what reads whatever else it holds
Text = Annotated[str | None, to_text]
Url = Annotated[_Url | None, _to_url]
Whole = Annotated[Annotated[int, Meta(ge=MIN_INT, le=MAX_INT)] | None, to_int]
Number = Annotated[Annotated[float, _DOUBLE] | None, to_float]
Confidence = Annotated[Annotated[float, _SHARE] | None, to_confidence]
Flag = Annotated[bool | None, to_flag]
# Of boxes, whose whole numbers stay whole
BoxConfidence = Annotated[Annotated[int, _SHARE] | Annotated[float, _SHARE] | None, to_confidence]
Side = Annotated[Annotated[int, _SIDE] | Annotated[float, _SIDE], to_float]


class Record(msgspec.Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """An object of an answer.

    Attributes:
        bare: The field for which a value is taken that is no object.
        kept: What no field takes, as sent. Nothing that may be sent fits its type.
    """

    bare: ClassVar[str] = "value"
    kept: Annotated[dict[str, Any], Meta(min_length=1, max_length=0)] | None = None

    @classmethod
    def columns_of(cls, sent: Mapping[str, Any]) -> frozenset[str] | None:
        """The fields that have columns, where that depends on the object; None: all."""
        return None

    def keep(self, key: str, value: Any) -> None:
        """Keeps something more."""
        self.kept = {**(self.kept or {}), key: value}


class Box(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A bounding box, encoded again as it was sent.

    Its first four fields are sides; strings in the others are enum words. A field that may be
    absent has the default UNSET, for null is not absent.
    """


class OddBoxes(NamedTuple):
    """Boxes that are not as documented: as sent, and what can be read of them."""

    sent: Any
    boxes: list[Box]


Boxes = Box | list[Box] | OddBoxes | None
R = TypeVar("R", bound=Record)


class UnreadableResult(ValueError):
    """An answer whose outermost shape cannot be a parse result. Says the shape, never the text."""


class Objects(Generic[R]):
    """Where an answer holds a list of objects, and what they are.

    Args:
        record: What an object is.
        path: The keys that lead to the list, one or two.
        keeps_digits: Whether numbers in fields of any type keep their digits, as `exact_json`'s do.
    """

    def __init__(self, record: type[R], *path: str, keeps_digits: bool = False) -> None:
        self._record = record
        self._path = path
        held: Any = list[record] | None  # type: ignore[valid-type]
        if len(path) > 1:
            held = msgspec.defstruct("Holder", [(path[1], held, None)]) | None
        hook = exact_json.exact_float if keeps_digits else None
        self._decoder = msgspec.json.Decoder(held, float_hook=hook)

    def decode(self, raw: msgspec.Raw) -> list[R | None] | None:
        """The objects, from the JSON under the first key.

        Raises:
            msgspec.MsgspecError: Something is not as documented.
        """
        held: Any = self._decoder.decode(raw)
        return held if held is None or len(self._path) == 1 else getattr(held, self._path[1]) or []

    def read(self, answer: Mapping[str, Any]) -> list[R | None] | None:
        """The objects of a decoded answer, a null for each null; None where it holds no list.

        Raises:
            UnreadableResult: Something else stands where the list, or what holds it, should.
        """
        held: Any = answer.get(self._path[0])
        if held is None:
            return None
        for depth, key in enumerate(self._path[1:], start=1):
            if type(held) is not dict:
                raise self._unreadable(depth, held, "an object")
            held = held.get(key)
        if held is not None and type(held) is not list:
            raise self._unreadable(len(self._path), held, "a list")
        return [None if sent is None else lenient(self._record, sent) for sent in held or ()]

    def _unreadable(self, depth: int, held: object, wanted: str) -> UnreadableResult:
        shape = _SHAPES.get(type(held), "a number")
        return UnreadableResult(f"{'.'.join(self._path[:depth])} is {shape}, not {wanted}")


class OneObject(Objects[R]):
    """Where an answer holds a single object, and what it is: it is read as a list of one.

    Args:
        record: What the object is.
        key: The key under which it stands.
    """

    def __init__(self, record: type[R], key: str) -> None:
        super().__init__(record, key)
        self._object = msgspec.json.Decoder(record | None)

    def decode(self, raw: msgspec.Raw) -> list[R | None] | None:
        """See `Objects.decode`."""
        held: R | None = self._object.decode(raw)
        return None if held is None else [held]

    def read(self, answer: Mapping[str, Any]) -> list[R | None] | None:
        """See `Objects.read`."""
        held = answer.get(self._path[0])
        if held is None:
            return None
        if type(held) is not dict:
            raise self._unreadable(1, held, "an object")
        return [lenient(self._record, held)]


_SHAPES: Final = {dict: "an object", list: "a list", str: "text", bool: "a boolean"}


def lenient(record: type[R], sent: Any, level: int = 0) -> R:
    """An object as its struct, whatever was sent.

    Args:
        record: What it should be.
        sent: A JSON value, not null.
        level: In how many others it lies.
    """
    try:
        return msgspec.convert(sent, record)
    except NOT_AS_DOCUMENTED:
        struct = get_origin(record) or record
    if type(sent) is not dict:
        sent = {struct.bare: sent}
    readers, columns = _readers(record), struct.columns_of(sent)
    fields: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for key, value in sent.items():
        if value is None:
            continue
        read: Any = readers.get(key, _nothing)
        fits: Any = None
        if isinstance(read, FunctionType):
            if columns is None or key in columns:
                fits = read(value)
        elif read is None:
            fits = value
        elif issubclass(get_origin(read) or read, Box):
            fits = _boxes(read, value)
        elif type(value) is list and level <= MAX_DEPTH:
            # A loop and no comprehension, which would double the frames of a deep nesting
            fits = []
            for entry in value:
                if entry is not None:
                    fits.append(lenient(read, entry, level + 1))
        if fits is None:
            kept[key] = value
        else:
            fields[key] = fits
    return struct(kept=kept or None, **fields)


def _boxes(box: type[Box], sent: Any) -> Boxes:
    """Boxes as structs; None where there can be none."""
    if type(sent) is not dict and type(sent) is not list:
        return None
    parts = sent if type(sent) is list else [sent]
    try:
        boxes = [msgspec.convert(part, box) for part in parts]
    except NOT_AS_DOCUMENTED:
        readers = _readers(box).items()
        found = [part for part in parts if type(part) is dict]
        return OddBoxes(
            sent, [box(**{key: read(part.get(key)) for key, read in readers}) for part in found]
        )
    return boxes if parts is sent else boxes[0]


def _nothing(value: object) -> None:
    """Reads what has no field."""


@cache
def _readers(struct: Any) -> dict[str, Any]:
    """How each field is read: by a function, as a list of records, as boxes; by None, as sent."""
    fields = msgspec.structs.fields(struct)
    return {field.name: _reader(field.type) for field in fields if field.name != "kept"}


def _reader(hint: Any) -> Any:
    if isinstance(hint, FunctionType):
        return hint
    struct = get_origin(hint) or hint
    if isinstance(struct, type) and issubclass(struct, (Record, Box)):
        return hint
    return next(filter(None, map(_reader, get_args(hint))), None)
