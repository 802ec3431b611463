"""Bounding boxes: each provider's way of writing them to fractions of the page.

LlamaCloud sends a corner and a size in points, Contextual AI two corners in fractions, Unsiloed AI
a corner and a size in pixels.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from dlt_docjobs.results.values import to_float

Fractions = tuple[float | None, float | None, float | None, float | None]
"""Left, top, right and bottom edge, 0-1, origin top left."""

NOWHERE: Final[Fractions] = (None, None, None, None)

# A box may overhang its page a little; one that lies this far outside is in another unit
_OUTSIDE: Final = 0.5


class BoxKeys(NamedTuple):
    """How a provider names the four numbers of a box."""

    left: str
    top: str
    right: str
    bottom: str
    extent: bool
    """True where `right` and `bottom` are a width and a height."""


def fractions(value: Any, keys: BoxKeys, width: float | None, height: float | None) -> Fractions:
    """The union of one or several boxes as fractions of the page.

    Corners in the wrong order are put right. What overhangs the page is cut at its edge. A
    rotation is not applied: the box is taken as drawn before it.

    Args:
        value: A box, a list of boxes, or anything else. What cannot be read is left out.
        keys: The provider's names.
        width: The page's width in the unit of the boxes (1 where they are fractions already).
        height: The page's height likewise.

    Returns:
        Four fractions, or four times None: no readable box, a page without a size, or numbers
        so far outside the page that they cannot be in its unit.
    """
    if not width or not height or width < 0 or height < 0:
        return NOWHERE
    left_key, top_key, right_key, bottom_key, extent = keys
    xs: list[float] = []
    ys: list[float] = []
    for box in value if type(value) is list else (value,):
        if type(box) is not dict:
            continue
        left, top = to_float(box.get(left_key)), to_float(box.get(top_key))
        right, bottom = to_float(box.get(right_key)), to_float(box.get(bottom_key))
        if left is None or top is None or right is None or bottom is None:
            continue
        xs += (left, left + right if extent else right)
        ys += (top, top + bottom if extent else bottom)
    if not xs:
        return NOWHERE
    x0, x1 = min(xs) / width, max(xs) / width
    y0, y1 = min(ys) / height, max(ys) / height
    low, high = -_OUTSIDE, 1 + _OUTSIDE
    # Written so that a NaN from overflowing sums is outside, too
    if not (low <= x0 and x1 <= high and low <= y0 and y1 <= high):
        return NOWHERE
    if x0 >= 0 and y0 >= 0 and x1 <= 1 and y1 <= 1:
        return (x0, y0, x1, y1)
    return (_clip(x0), _clip(y0), _clip(x1), _clip(y1))


def _clip(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)
