"""What was probably meant, for errors about names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """What was probably meant, as the end of a sentence; empty where nothing is near."""
    names = list(known)
    near = [name for name in names if len(word) > 2 and name.startswith(word)]
    near = near or difflib.get_close_matches(word.lower(), names, 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""
