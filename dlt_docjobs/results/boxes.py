"""Bounding boxes: each provider's way of writing them to fractions of the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import astuple

from dlt_docjobs.results.typed import Box, Boxes, OddBoxes

Fractions = tuple[float | None, float | None, float | None, float | None]
"""Left, top, right and bottom edge, 0-1, origin top left."""

NOWHERE: Final[Fractions] = (None, None, None, None)

# A box may overhang its page a little; one that lies this far outside is in another unit
_OUTSIDE: Final = 0.5
_SEVERAL: Final = frozenset({list, OddBoxes})


def corners(
    boxes: Iterable[Boxes],
    widths: Iterable[float | None],
    heights: Iterable[float | None],
    *,
    extent: bool,
) -> list[Fractions]:
    """A column of boxes as fractions of their pages: quickly, where they lie on them.

    Args:
        boxes: The boxes of each row.
        widths: The width of its page, in the unit of the boxes.
        heights: The height likewise.
        extent: See `fractions`.
    """
    found: list[Fractions] = []
    box: Any
    for box, width, height in zip(boxes, widths, heights, strict=False):
        if box is None:
            found.append(NOWHERE)
            continue
        if type(box) is list and len(box) == 1:
            box = box[0]
        if width and height and type(box) not in _SEVERAL:
            left, top, right, bottom = astuple(box)[:4]
            if extent:
                right += left
                bottom += top
            if 0 <= left <= right <= width and 0 <= top <= bottom <= height:
                found.append((left / width, top / height, right / width, bottom / height))
                continue
        found.append(fractions(box, width, height, extent=extent))
    return found


def fractions(
    boxes: Boxes, width: float | None, height: float | None, *, extent: bool
) -> Fractions:
    """The union of one or several boxes as fractions of the page.

    Corners in the wrong order are put right. What overhangs the page is cut at its edge. A
    rotation is not applied: the box is taken as drawn before it.

    Args:
        boxes: The boxes. What cannot be read is left out.
        width: The page's width in the unit of the boxes (1 where they are fractions already).
        height: The page's height likewise.
        extent: Whether a box's third and fourth side are its width and height, not its right and
            bottom edge.

    Returns:
        Four fractions, or four times None: no readable box, a page without a size, or numbers
        so far outside the page that they cannot be in its unit.
    """
    if not width or not height or width < 0 or height < 0:
        return NOWHERE
    xs: list[float] = []
    ys: list[float] = []
    for box in boxes_of(boxes):
        left, top, right, bottom = astuple(box)[:4]
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
    return (_clip(x0), _clip(y0), _clip(x1), _clip(y1))


def boxes_of(boxes: Boxes) -> list[Box]:
    """The boxes of a row one by one."""
    if isinstance(boxes, OddBoxes):
        return boxes.boxes
    if boxes is None:
        return []
    return boxes if isinstance(boxes, list) else [boxes]


def _clip(fraction: float) -> float:
    return min(max(fraction, 0.0), 1.0)
