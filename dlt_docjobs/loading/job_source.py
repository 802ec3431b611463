"""The type of this package's sources: what a run has to know of one before dlt extracts it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

import pyarrow as pa
from dlt.common.schema import Schema
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

from dlt_docjobs.model.outcomes import UsageError
from dlt_docjobs.sync.settings import SyncSettings

_GUIDE: Final = "README.md shows how, under From Python"
_NO_LIMIT: Final = (
    "add_limit would cut a job off from its rows: bound what is asked for by created_at, job_ids "
    "or max_jobs_per_package"
)


def _refuse_to_iterate() -> NoReturn:
    raise UsageError(
        "what a sync yields depends on what the warehouse has: run the source in a pipeline, with "
        "dlt_docjobs.run(pipeline, source), and look at the tables with pipeline.dataset()"
    )


class JobResource(DltResource):
    """A table of a source. Functions that are added to it are given pyarrow Tables, not rows."""

    def add_map(self, item_map: Any, insert_at: Any = None) -> Any:
        """Adds a function from Table to Table; see `DltResource.add_map`."""
        return super().add_map(self._guarded(item_map, self._table, lambda table: table), insert_at)

    def add_yield_map(self, item_map: Any, insert_at: Any = None) -> Any:
        """Adds a function that yields Tables; see `DltResource.add_yield_map`."""
        return super().add_yield_map(
            self._guarded(item_map, self._tables, lambda table: iter((table,))), insert_at
        )

    def add_filter(self, item_filter: Any, insert_at: Any = None) -> Any:
        """Adds a function that has to keep the Table; see `DltResource.add_filter`.

        It decides over a whole Table of rows. One that is meant for rows would answer False to all
        of them, so that is an error.
        """
        return super().add_filter(
            self._guarded(item_filter, self._kept, lambda table: True), insert_at
        )

    def add_limit(self, *args: Any, **options: Any) -> NoReturn:
        """Refuses: a job's row comes last, and its other rows would stand without it."""
        raise UsageError(_NO_LIMIT)

    def __iter__(self) -> NoReturn:
        """Refuses: see `JobSource`."""
        _refuse_to_iterate()

    def _guarded(
        self, function: Callable[..., Any], check: Callable[..., Any], empty: Callable[..., Any]
    ) -> Callable[..., Any]:
        """The function, with an error that says what it is given and has to return.

        Args:
            function: The user's.
            check: Calls it, and looks at what it returns.
            empty: What stands for its answer to a Table without rows, which only makes the
                warehouse's.
        """
        # dlt tells by the number of parameters whether a function wants the item's meta as well
        takes_one = len(inspect.signature(function).parameters) == 1

        def with_meta(item: Any, meta: Any = None) -> Any:
            if isinstance(item, pa.Table) and not item.num_rows:
                return empty(item)
            return check(item, lambda: function(item) if takes_one else function(item, meta))

        return with_meta

    def _call(self, item: Any, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            raise UsageError(
                f"a function that was added to {self.name} failed with {type(error).__name__}: it "
                f"is given a pyarrow.Table of {_rows(item)}, not a row. {_GUIDE}"
            ) from error

    def _table(self, item: Any, call: Callable[[], Any]) -> Any:
        return self._checked(item, self._call(item, call))

    def _tables(self, item: Any, call: Callable[[], Any]) -> Iterator[Any]:
        for made in self._call(item, lambda: list(call())):
            yield self._checked(item, made)

    def _checked(self, item: Any, made: Any) -> Any:
        if made is not None and not isinstance(made, (pa.Table, pa.RecordBatch)):
            raise UsageError(
                f"a function that was added to {self.name} returned {type(made).__name__}: it is "
                f"given a pyarrow.Table of {_rows(item)}, and returns one. {_GUIDE}"
            )
        return made

    def _kept(self, item: Any, call: Callable[[], Any]) -> bool:
        answer = self._call(item, call)
        if answer is True:
            return True
        raise UsageError(
            f"a filter of {self.name} did not answer True to a pyarrow.Table of {_rows(item)}: it "
            "would take all of them away. To keep some rows use add_map and Table.filter. "
            f"{_GUIDE}"
        )


def _rows(item: Any) -> str:
    number = getattr(item, "num_rows", 0)
    return f"{number:,} row{'' if number == 1 else 's'}"


class JobSource(DltSource):
    """A source of this package.

    Attributes:
        is_window: Whether it loads a backfill window.
        settings: What the sync is asked to do.
    """

    is_window = False
    settings: SyncSettings

    def __iter__(self) -> NoReturn:
        """Refuses: what comes depends on what the warehouse has."""
        _refuse_to_iterate()

    def add_limit(self, *args: Any, **options: Any) -> NoReturn:
        """Refuses: a job's row comes last, and its other rows would stand without it."""
        raise UsageError(_NO_LIMIT)

    @classmethod
    def from_data(cls, schema: Schema, section: str, data: Any) -> JobSource:
        """The source of the resources that `build_resources` has made."""
        source: JobSource = super().from_data(schema, section, data)
        source.is_window = data.is_window
        source.settings = data.settings
        return source

    def clone(self, with_name: str | None = None) -> JobSource:
        """A copy, as `with_resources` makes one."""
        copy = JobSource(
            self.schema.clone(with_name=with_name or self.name),
            self.section,
            list(self.resources.values()),
        )
        copy.is_window = self.is_window
        copy.settings = self.settings
        return copy


class JobResources(list[DltResource]):
    """The resources of one source.

    Attributes:
        is_window: As of `JobSource`.
        settings: As of `JobSource`.
    """

    is_window = False
    settings: SyncSettings
