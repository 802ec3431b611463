"""How far the lists have been read: the cursor and the windows still to list.

This is all that is kept in dlt's state, a few hundred bytes whatever the account's size. The
cursor of a kind says that every job created up to it has been listed, but for the windows in
`todo`. A package that is cut in the middle of a listing leaves that listing's window there,
split at the median creation time of the jobs it has brought: whatever order the provider lists
in, the next run lists mostly what is missing, and what it meets again it knows from the
warehouse.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from dlt_docjobs.model.times import format_instant, parse_instant
from dlt_docjobs.model.vocabulary import JOB_KINDS, JobKind
from dlt_docjobs.sync.settings import Window

_SAMPLE: Final = 2000
_MANY_WINDOWS: Final = 40


@dataclass(slots=True)
class ListProgress:
    """One list's cursor and unfinished windows.

    Attributes:
        cursor: Everything created up to here has been listed, `todo` apart.
        todo: Windows that an interrupted listing left, the next one last.
        current: The window being listed now, None between listings.
        is_spoilt: Whether a page of it was not taken.
    """

    cursor: datetime | None = None
    todo: list[Window] = field(default_factory=list)
    current: Window | None = None
    is_splittable: bool = False
    is_spoilt: bool = False
    _newest: datetime | None = None
    _sample: list[datetime] = field(default_factory=list)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was listed yet."""
        return self.cursor is None and not self.todo and self.current is None

    def drop_future(self, now: datetime) -> None:
        """Forgets a cursor that lies in the future: it would hide what comes until then."""
        if self.cursor is not None and self.cursor > now:
            self.cursor = None

    def begin(self, window: Window, is_splittable: bool) -> None:
        """A listing of `window` begins."""
        self.current = window
        self.is_splittable = is_splittable
        self.is_spoilt = False
        self._newest = None
        self._sample = []

    def note(self, created_at: datetime | None) -> None:
        """A job of the current window was taken into the package."""
        if created_at is None:
            return
        if self._newest is None or created_at > self._newest:
            self._newest = created_at
        if len(self._sample) < _SAMPLE:
            self._sample.append(created_at)

    def finish(self, latest: datetime, cursor: datetime | None = None) -> None:
        """The current window has been listed to its end.

        Args:
            latest: The provider's clock when the listing began: the cursor never passes it, so
                that a job dated in the future hides nobody.
            cursor: Where the cursor goes, if not to the newest job seen.
        """
        window, self.current = self.current, None
        reached = cursor or self._newest
        if window is not None and window.until is None and reached is not None:
            reached = min(reached, latest)
            self.cursor = max(self.cursor, reached) if self.cursor else reached

    @property
    def reached(self) -> datetime | None:
        """Everything created up to here has been listed, without exception; None for nothing."""
        starts = [self.cursor, *(window.since for window in self.todo)]
        return None if None in starts else min(filter(None, starts))

    def abandon(self) -> None:
        """The list could not be read to its end: the window stays to be listed, whole."""
        if self.current is not None and self.is_splittable:
            self.todo.append(self.current)
        self.current = None

    def next_package(self) -> None:
        """A package was cut: its jobs are in the warehouse, the sample starts anew."""
        self._sample = []

    def dump(self) -> dict[str, Any]:
        """The state to keep: JSON values only."""
        windows = list(self.todo)
        if self.current is not None and self.is_splittable:
            windows.extend(self._split(self.current))
        return {
            "cursor": _text(self.cursor),
            "todo": [[_text(window.since), _text(window.until)] for window in windows],
        }

    def _split(self, window: Window) -> list[Window]:
        if not self._sample or len(self.todo) >= _MANY_WINDOWS:
            return [window]
        middle = sorted(self._sample)[len(self._sample) // 2]
        inside = (window.since is None or middle > window.since) and (
            window.until is None or middle < window.until
        )
        if not inside:
            return [window]
        halves = [Window(window.since, middle), Window(middle, window.until)]
        if window.since is None and window.until is None:
            # bounded listings don't find jobs without a date
            halves.insert(0, window)
        return halves

    @classmethod
    def load(cls, value: Any) -> ListProgress:
        """Reads what `dump` wrote."""
        if not isinstance(value, dict):
            return cls()
        todo = [
            Window(parse_instant(since), parse_instant(until)) for since, until in value["todo"]
        ]
        return cls(parse_instant(value["cursor"]), todo)


@dataclass(slots=True)
class Progress:
    """A pipeline's listing progress, by kind.

    Attributes:
        beside: Other accounts whose jobs the lists have shown, with their generations: should
            those be reset, the lists have to show these jobs again.
        refused_reviews_at: When the account was last seen not to be served reviews of results.
        warehouse: Changes whenever the progress starts from nothing, so that the state differs
            from a copy that another warehouse holds and dlt writes it.
    """

    kinds: dict[JobKind, ListProgress]
    warehouse: str
    beside: dict[str, str] = field(default_factory=dict)
    refused_reviews_at: datetime | None = None

    @classmethod
    def fresh(cls) -> Progress:
        """Nothing listed yet."""
        return cls({kind: ListProgress() for kind in JOB_KINDS}, uuid.uuid4().hex[:8])

    @classmethod
    def load(cls, value: Any) -> Progress:
        """Reads what `dump` wrote; anything else starts anew."""
        try:
            kinds = {kind: ListProgress.load(value["kinds"].get(kind)) for kind in JOB_KINDS}
            refused_at = parse_instant(value.get("refused_reviews_at"))
            beside = dict(value.get("beside", {}))
            return cls(kinds, str(value["warehouse"]), beside, refused_at)
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls.fresh()

    def dump(self) -> dict[str, Any]:
        """The state to keep."""
        kinds = {
            kind: progress.dump() for kind, progress in self.kinds.items() if not progress.is_fresh
        }
        state: dict[str, Any] = {"kinds": kinds, "warehouse": self.warehouse}
        if self.beside:
            state["beside"] = dict(self.beside)
        if self.refused_reviews_at is not None:
            state["refused_reviews_at"] = _text(self.refused_reviews_at)
        return state

    def share(self, kinds: Sequence[JobKind]) -> ListProgress:
        """One progress for kinds that one list shows, from now on.

        A kind that was not wanted before has been listed less far than the others: then the list
        is read again from there.
        """
        parts = [self.kinds[kind] for kind in kinds]
        shared = parts[0]
        if any((part.cursor, part.todo) != (shared.cursor, shared.todo) for part in parts):
            ends = [part.reached for part in parts]
            shared = ListProgress(None if None in ends else min(filter(None, ends)))
        self.kinds.update(dict.fromkeys(kinds, shared))
        return shared

    def next_package(self) -> None:
        """A package was cut."""
        for progress in self.kinds.values():
            progress.next_package()

    @property
    def cursor(self) -> datetime | None:
        """The newest cursor of all kinds."""
        return max((kind.cursor for kind in self.kinds.values() if kind.cursor), default=None)


def _text(instant: datetime | None) -> str | None:
    return format_instant(instant) if instant else None
